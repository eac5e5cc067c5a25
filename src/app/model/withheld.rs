//! What a feed may not list while it may list the rest: one kind, in one namespace or everywhere, with the line that would
//! allow it.

use serde::{Deserialize, Serialize};

use super::Model;
use crate::app::id::FeedId;
use crate::app::model::sync::SyncKind;
use crate::app::trouble::Trouble;

/// Objects of one kind that this identity may not list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// As in the objects' `kind`.
    pub kind: String,
    /// In this namespace; everywhere without one.
    pub namespace: Option<String>,
    /// What the API server said, with the line of a Role or ClusterRole.
    pub trouble: Trouble,
    /// It is an addition to what was asked for, which is judged without it: said, and nothing is unknown for it.
    #[serde(default)]
    pub beside: bool,
}

impl Withheld {
    /// `PushSecrets`, `SecretStores in pay`.
    pub fn words(&self) -> String {
        let place = self.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        format!("{}s{place}", self.kind)
    }
}

impl Model {
    /// Whether a feed may not list something that it was asked for.
    pub fn withholds_some(&self, feed: FeedId) -> bool {
        self.withheld.get(&feed).is_some_and(|parts| parts.iter().any(|part| !part.beside))
    }

    /// Why objects of this kind in this namespace may not be listed by this feed, where they may not.
    pub fn withholds(&self, feed: FeedId, kind: &str, namespace: &str) -> Option<&Withheld> {
        let is = |part: &&Withheld| part.kind == kind && part.namespace.as_ref().is_none_or(|here| here == namespace);
        self.withheld.get(&feed)?.iter().find(is)
    }

    /// What may not be listed of these kinds of sync objects, in one sentence.
    pub fn withheld_sync(&self, kinds: impl Fn(SyncKind) -> bool) -> Option<String> {
        let named = |part: &&Withheld| SyncKind::ALL.into_iter().any(|kind| kinds(kind) && kind.name() == part.kind);
        let wanted = |part: &&Withheld| !part.beside && named(part);
        let parts: Vec<&Withheld> = self.withheld.get(&FeedId::Sync)?.iter().filter(wanted).collect();
        let mut lines: Vec<&str> = parts.iter().map(|part| part.trouble.next.as_str()).collect();
        lines.dedup();
        let names: Vec<String> = parts.iter().map(|part| part.words()).collect();
        (!names.is_empty()).then(|| format!("{} may not be listed. {}", names.join(", "), lines.join("; ")))
    }
}
