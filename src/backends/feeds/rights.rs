//! What this identity may do, asked of the API server itself before anything fails for it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use futures::stream::{BoxStream, StreamExt as _};

use super::roster::{Keys, Roster};
use super::{Feed, Vault};
use crate::app::id::FeedId;
use crate::app::model::fact::{Fact, RightSeen};
use crate::app::trouble::Trouble;
use crate::backends::kube::port::{Access, Kube};
use crate::backends::kube::register;

/// The feed.
pub struct RightsFeed {
    kube: Arc<dyn Kube>,
    vault: Vault,
    roster: Roster,
    /// The keys Secret that the last look asked about.
    asked: Option<String>,
}

impl RightsFeed {
    /// Asks for this vault's namespace.
    pub fn new(kube: Arc<dyn Kube>, vault: Vault, roster: Roster) -> Self {
        Self { kube, vault, roster, asked: None }
    }
}

fn questions(vault: &Vault, secret: Option<&str>) -> Vec<Access> {
    let ask = |verb, group, resource, name: Option<&str>| Access {
        verb,
        group,
        resource,
        namespace: vault.namespace.clone(),
        name: name.map(str::to_owned),
    };
    let mut questions = vec![
        ask("list", "", "pods", None),
        // A tunnel over WebSocket is a get; recent API servers ask for create as well.
        ask("get", "", "pods/portforward", None),
        ask("create", "", "pods/portforward", None),
        ask("get", "apps", "statefulsets", Some(&vault.name)),
        ask("list", "apps", "deployments", None),
        ask("list", "apps", "daemonsets", None),
        ask("list", "batch", "cronjobs", None),
        ask("list", "", "secrets", None),
    ];
    if let Some(name) = secret {
        questions.extend(["get", "list", "watch"].map(|verb| ask(verb, "", "secrets", Some(name))));
        // To put the keys back; an apply to a Secret that is gone creates it.
        questions.extend(["patch", "create"].map(|verb| ask(verb, "", "secrets", Some(name))));
    }
    questions.extend(["get", "patch", "create"].map(|verb| ask(verb, "", "configmaps", Some(register::NAME))));
    questions
}

/// Asks about this vault, and about its keys Secret where that is known.
async fn ask(kube: &dyn Kube, vault: &Vault, secret: Option<&str>) -> Result<Vec<Fact>, Trouble> {
    let asked = questions(vault, secret).into_iter().map(|access| async move {
        let allowed = kube.may(&access).await?;
        Ok::<_, Trouble>(RightSeen {
            verb: access.verb.to_owned(),
            resource: access.resource.to_owned(),
            name: access.name,
            namespace: access.namespace,
            allowed,
        })
    });
    Ok(vec![Fact::Rights(try_join_all(asked).await?)])
}

fn known(keys: &Keys) -> Option<String> {
    match keys {
        Keys::Known(name) => Some(name.clone()),
        Keys::Unknown | Keys::Unclear(_) => None,
    }
}

#[async_trait]
impl Feed for RightsFeed {
    fn id(&self) -> FeedId {
        FeedId::Rights
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        self.asked = known(&self.roster.now().keys);
        ask(self.kube.as_ref(), &self.vault, self.asked.as_deref()).await
    }

    /// As soon as somebody finds out which Secret holds the keys, what may be done with it is asked: a plan that is made
    /// then has the answer.
    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        let start = (Arc::clone(&self.kube), self.vault.clone(), self.roster.clone(), self.asked.clone());
        let found = |(kube, vault, roster, asked): (Arc<dyn Kube>, Vault, Roster, Option<String>)| async move {
            let name = roster.until(|shared| known(&shared.keys).filter(|name| Some(name) != asked.as_ref())).await;
            let facts = ask(kube.as_ref(), &vault, Some(&name)).await;
            Some((facts, (kube, vault, roster, Some(name))))
        };
        Some(futures::stream::unfold(start, found).boxed())
    }
}
