//! KV metadata of the paths that sync objects name: the oldest first, within a budget a minute. No value is read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::roster::{Roster, SyncNames};
use super::{Feed, Wide};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::paths::{PathSeen, PathState, PathsSeen, VaultPath};
use crate::app::ports::Clock;
use crate::app::time::age;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::ask::{Ask, PAUSE, Question, asked_to_slow_down};
use crate::backends::bao::error::errors;

/// Requests a minute where the configuration says nothing.
const BUDGET: u32 = 120;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// A look asks no longer than this: what a slow server has said by then is told, and the next look goes on with the rest.
const LOOKS: SignedDuration = SignedDuration::from_secs(6);

/// Requests under way at once.
const AT_ONCE: usize = 4;

/// The feed.
pub struct PathsFeed {
    ask: Ask,
    roster: Roster,
    clock: Arc<dyn Clock>,
    budget: u32,
    known: BTreeMap<VaultPath, PathSeen>,
    /// When requests were made, in the last minute.
    spent: VecDeque<Timestamp>,
    held: Option<Timestamp>,
}

impl PathsFeed {
    /// Asks for the paths that the sync feed tells.
    pub fn new(wide: &Wide) -> Self {
        Self {
            ask: wide.ask.clone(),
            roster: wide.roster.clone(),
            clock: Arc::clone(&wide.clock),
            budget: wide.scope.paths_per_minute.unwrap_or(BUDGET),
            known: BTreeMap::new(),
            spent: VecDeque::new(),
            held: None,
        }
    }

    /// Which paths are asked now: those never asked, then the oldest, as many as the budget allows.
    fn due(&mut self, named: &[VaultPath], now: Timestamp) -> Vec<VaultPath> {
        while self.spent.front().is_some_and(|at| *at + MINUTE <= now || *at > now) {
            self.spent.pop_front();
        }
        self.held = self.held.filter(|until| *until > now && *until <= now + PAUSE);
        if self.held.is_some() {
            return Vec::new();
        }
        let left = (self.budget as usize).saturating_sub(self.spent.len());
        let mut due: Vec<&VaultPath> = named.iter().collect();
        due.sort_by_key(|path| self.known.get(*path).map(|seen| seen.at));
        due.into_iter().take(left).cloned().collect()
    }

    async fn ask(&mut self, due: Vec<VaultPath>) {
        let (ask, now) = (&self.ask, self.clock.now());
        let mut answers = stream::iter(due)
            .map(|path| async move {
                let found = look(ask, &path, now).await;
                (path, found)
            })
            .buffered(AT_ONCE);
        while let Some((path, answer)) = answers.next().await {
            let at = self.clock.now();
            self.spent.push_back(at);
            match answer {
                Answer::Said(found) => {
                    self.known.insert(path.clone(), PathSeen { path, found, at });
                    if age(at, now) >= LOOKS {
                        return;
                    }
                }
                // What was known of it stays, with its age. What is under way with it is not waited for.
                Answer::Slower => {
                    self.held = Some(at + PAUSE);
                    return;
                }
            }
        }
    }
}

#[async_trait]
impl Feed for PathsFeed {
    fn id(&self) -> FeedId {
        FeedId::Paths
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        if !self.ask.has_token() {
            return Err(Ask::no_token());
        }
        let known = |sync: &SyncNames| (*sync != SyncNames::Unknown).then(|| sync.clone());
        let named = match self.roster.until(|shared| known(&shared.sync)).await {
            SyncNames::Served { paths, .. } if !paths.is_empty() => paths,
            SyncNames::Served { .. } | SyncNames::Absent | SyncNames::Unknown => return Err(nothing_named()),
            SyncNames::Unclear(trouble) => return Err(trouble),
        };
        self.known.retain(|path, _| named.binary_search(path).is_ok());
        let due = self.due(&named, self.clock.now());
        let asked = due.clone();
        self.ask(due).await;
        if let Some(trouble) = self.all_failed(&asked) {
            return Err(trouble);
        }
        let found = self.known.values().cloned().collect();
        let spent = u32::try_from(self.spent.len()).unwrap_or(u32::MAX);
        Ok(vec![Fact::Paths(PathsSeen { found, budget: self.budget, spent, held_until: self.held })])
    }
}

impl PathsFeed {
    /// The one trouble that all of what was asked ran into, with the line of a policy that would allow it all.
    fn all_failed(&self, asked: &[VaultPath]) -> Option<Trouble> {
        let mut first: Option<&Trouble> = None;
        for path in asked {
            let Some(Err(trouble)) = self.known.get(path).map(|seen| &seen.found) else { return None };
            let feeds = matches!(trouble.kind, TroubleKind::Denied | TroubleKind::Unreachable);
            if !feeds || first.is_some_and(|first| (first.kind, &first.why) != (trouble.kind, &trouble.why)) {
                return None;
            }
            first = first.or(Some(trouble));
        }
        let trouble = first?;
        let mut mounts: Vec<&str> = asked.iter().map(|path| path.mount.as_str()).collect();
        mounts.dedup();
        if trouble.kind == TroubleKind::Unreachable || !trouble.next.contains("policy") || asked.len() == 1 {
            return Some(trouble.clone());
        }
        let lines: Vec<String> =
            mounts.iter().map(|mount| format!("path \"{mount}/metadata/*\" {{ capabilities = [\"read\"] }}")).collect();
        Some(Trouble::denied(
            "KV metadata may not be read",
            &trouble.why,
            &format!("Allow it in a policy of the token: {}", lines.join(" ")),
        ))
    }
}

enum Answer {
    Said(Result<PathState, Trouble>),
    /// 429.
    Slower,
}

async fn look(ask: &Ask, path: &VaultPath, now: Timestamp) -> Answer {
    let question = Question::KvMetadata { mount: path.mount.to_string(), path: path.path.to_string() };
    let answer = match ask.answer(&path.namespace, &question).await {
        Ok(answer) if answer.status == 429 => return Answer::Slower,
        Ok(answer) => answer,
        Err(trouble) if asked_to_slow_down(&trouble) => return Answer::Slower,
        Err(trouble) => return Answer::Said(Err(trouble)),
    };
    let says = errors(&answer.body).unwrap_or_default().join(" ");
    if answer.status == 404 && !says.is_empty() {
        return Answer::Said(Err(nowhere(path, &says)));
    }
    Answer::Said(match Ask::told(&path.namespace, &question, &answer) {
        Ok(None) => Ok(PathState::Absent),
        Ok(Some(data)) => state(&data, now).ok_or_else(|| no_metadata(path)),
        Err(trouble) => Err(trouble),
    })
}

/// A 404 that names something else than the path.
fn nowhere(path: &VaultPath, says: &str) -> Trouble {
    let what = if says.contains("namespace not found") {
        format!("There is no namespace {} in the vault", path.namespace)
    } else {
        format!("There is no mount {} in the vault", path.mount)
    };
    Trouble::new(TroubleKind::Absent, &what, says, "Mount it, or correct the path in the object that names it")
}

fn no_metadata(path: &VaultPath) -> Trouble {
    Trouble::new(
        TroubleKind::Unusable,
        &format!("{} has no metadata of KV version 2", path.words()),
        "the mount is of another kind or version than the object says",
        "Compare the object's type with `bao secrets list -detailed`",
    )
}

/// KV metadata as the server writes it.
fn state(data: &Value, now: Timestamp) -> Option<PathState> {
    let version = data.get("current_version")?.as_u64()?;
    let time = |value: Option<&Value>| -> Option<Timestamp> { value?.as_str()?.parse().ok() };
    let current = data.get("versions").and_then(|versions| versions.get(version.to_string()));
    // `delete_version_after` writes down when it will be deleted.
    let deleted = time(current.and_then(|current| current.get("deletion_time"))).filter(|at| *at <= now);
    // Metadata alone may be written before any version is: it is version 0 then.
    Some(PathState::Present {
        updated: time(data.get("updated_time")),
        version,
        deleted,
        destroyed: current.and_then(|it| it.get("destroyed")).and_then(Value::as_bool).unwrap_or(false),
    })
}

fn nothing_named() -> Trouble {
    Trouble::new(
        TroubleKind::Absent,
        "No sync object names a path of KV version 2",
        "only what is named is asked for",
        "",
    )
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
