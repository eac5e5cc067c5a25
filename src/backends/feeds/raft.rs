//! Raft: how far each replica has come, by its own word; who votes, who is healthy, what may still be lost, with a token.

use async_trait::async_trait;

use super::{Feed, Wide};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::raft::{ClusterView, LogSeen, RaftSeen};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::ask::{Ask, Question};
use crate::backends::bao::raft_wire;

/// The feed.
pub struct RaftFeed(pub Ask);

impl RaftFeed {
    pub fn new(wide: &Wide) -> Self {
        Self(wide.ask.clone())
    }
}

#[async_trait]
impl Feed for RaftFeed {
    fn id(&self) -> FeedId {
        FeedId::Raft
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let logs = logs(&self.0).await?;
        let cluster = cluster(&self.0).await;
        Ok(vec![Fact::Raft(RaftSeen { logs, cluster })])
    }
}

/// What each replica says of its own log. None at all from servers that answer: there is no raft.
async fn logs(ask: &Ask) -> Result<Vec<LogSeen>, Trouble> {
    let members = ask.members();
    let answers = futures::future::join_all(members.iter().map(|member| ask.leader(member))).await;
    let mut logs = Vec::new();
    let (mut trouble, mut answered) = (None, false);
    for (member, answer) in members.into_iter().zip(answers) {
        match answer {
            Ok(leader) => {
                answered = true;
                let indices = leader.raft_committed_index.zip(leader.raft_applied_index);
                logs.extend(indices.map(|(committed, applied)| LogSeen {
                    replica: member,
                    leads: leader.is_self == Some(true),
                    committed: u64::try_from(committed).unwrap_or(0),
                    applied: u64::try_from(applied).unwrap_or(0),
                }));
            }
            Err(why) => trouble = Some(why),
        }
    }
    match trouble {
        _ if !logs.is_empty() => Ok(logs),
        Some(trouble) if !answered => Err(trouble),
        Some(_) | None if answered => Err(Trouble::new(
            TroubleKind::Absent,
            "This vault does not keep its data in raft",
            "no replica names a place in raft's log",
            "",
        )),
        Some(_) | None => Err(Trouble::unreachable("No replica is known yet", "", "See what the workload feed says")),
    }
}

/// Who belongs to it. Configuration is answered by any replica, autopilot by the leader alone.
async fn cluster(ask: &Ask) -> Result<ClusterView, Trouble> {
    if !ask.has_token() {
        return Err(Ask::no_token());
    }
    let Some(configuration) = ask.ask("", &Question::RaftConfiguration).await? else {
        return Err(Trouble::new(TroubleKind::Absent, "This vault has no raft configuration", "", ""));
    };
    let state = told(ask.ask("", &Question::Autopilot).await)?;
    let autopilot = told(ask.ask("", &Question::AutopilotConfiguration).await)?;
    Ok(raft_wire::cluster(&configuration, state.as_ref(), autopilot.as_ref()))
}

/// Without a leader nobody speaks for autopilot; that is no reason to forget the configuration.
fn told<T>(answer: Result<Option<T>, Trouble>) -> Result<Option<T>, Trouble> {
    match answer {
        Err(trouble) if matches!(trouble.kind, TroubleKind::Refused | TroubleKind::Unreachable) => Ok(None),
        other => other,
    }
}
