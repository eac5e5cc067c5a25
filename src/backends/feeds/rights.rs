//! What this identity may do, asked of the API server itself before anything fails for it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;

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
}

impl RightsFeed {
    /// Asks for this vault's namespace.
    pub fn new(kube: Arc<dyn Kube>, vault: Vault, roster: Roster) -> Self {
        Self { kube, vault, roster }
    }

    fn questions(&self) -> Vec<Access> {
        let ask = |verb, group, resource, name: Option<&str>| Access {
            verb,
            group,
            resource,
            namespace: self.vault.namespace.clone(),
            name: name.map(str::to_owned),
        };
        let mut questions = vec![
            ask("list", "", "pods", None),
            // A tunnel over WebSocket is a get; recent API servers ask for create as well.
            ask("get", "", "pods/portforward", None),
            ask("create", "", "pods/portforward", None),
            ask("get", "apps", "statefulsets", Some(&self.vault.name)),
            ask("list", "apps", "deployments", None),
            ask("list", "apps", "daemonsets", None),
            ask("list", "batch", "cronjobs", None),
            ask("list", "", "secrets", None),
        ];
        if let Keys::Known(name) = &self.roster.now().keys {
            questions.extend(["get", "list", "watch"].map(|verb| ask(verb, "", "secrets", Some(name))));
            // To put the keys back; an apply to a Secret that is gone creates it.
            questions.extend(["patch", "create"].map(|verb| ask(verb, "", "secrets", Some(name))));
        }
        questions.extend(["get", "patch", "create"].map(|verb| ask(verb, "", "configmaps", Some(register::NAME))));
        questions
    }
}

#[async_trait]
impl Feed for RightsFeed {
    fn id(&self) -> FeedId {
        FeedId::Rights
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let kube = self.kube.as_ref();
        let asked = self.questions().into_iter().map(|access| async move {
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
}
