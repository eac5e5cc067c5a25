//! The way of an object to the vault: which part of it is broken, and which is not in sight.

use super::case::Case;
use crate::app::id::ObjectRef;
use crate::app::model::auths::Gap;
use crate::app::model::sync::SyncKind;

impl Case<'_> {
    /// What is broken on its way to the vault, in words: an object of VSO that fails has no better reason.
    pub(super) fn broken_link(&self) -> Option<String> {
        let model = self.w.model;
        if let Some(gap) = model.gap(self.seen) {
            return match gap {
                Gap::Unseen(objects) => {
                    let missing = objects.iter().all(|object| self.w.lacks(object));
                    let by = self.names_it(&objects);
                    let names: Vec<String> = objects.iter().map(ToString::to_string).collect();
                    missing.then(|| format!("{}{by} does not exist", names.join(" or ")))
                }
                Gap::Refuses(object, namespace) => {
                    Some(format!("{object} does not let namespace {namespace} use it (allowedNamespaces)"))
                }
                Gap::Invalid(why) => Some(why),
                Gap::Home => None,
            };
        }
        let auth =
            if self.seen.kind == SyncKind::VaultAuth { self.seen.object.clone() } else { model.way(self.seen)? };
        let connection = model.login(&auth)?.connection?;
        let by = if auth == self.seen.object { String::new() } else { format!(", which {auth} goes through,") };
        self.w.lacks(&connection).then(|| format!("{connection}{by} does not exist"))
    }

    /// `, which VaultAuth shop/web names,`: how it comes to be needed, where the object itself does not say so.
    fn names_it(&self, objects: &[ObjectRef]) -> String {
        let global = objects.iter().any(|object| object.kind == SyncKind::VaultAuthGlobal.name());
        match self.w.model.way(self.seen) {
            Some(auth) if global && self.seen.kind != SyncKind::VaultAuth => format!(", which {auth} names,"),
            Some(auth) if !global && self.seen.detail.through.is_none() && objects.contains(&auth) => {
                ", which the operator takes because it names none,".to_owned()
            }
            Some(_) | None => String::new(),
        }
    }

    /// It names no namespace of the vault, and the login that would is not known whole.
    pub(super) fn namespace_guessed(&self) -> bool {
        let open = self.seen.sources.iter().any(|source| source.namespace.is_empty());
        open && matches!(self.w.model.gap(self.seen), Some(Gap::Home | Gap::Unseen(_)))
    }

    /// Which of its ways to the vault may not be read, in words.
    pub(super) fn unseen_way(&self) -> Option<String> {
        if self.namespace_guessed() {
            let login = match self.w.model.gap(self.seen) {
                Some(Gap::Unseen(objects)) => objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and "),
                Some(Gap::Home | Gap::Refuses(..) | Gap::Invalid(_)) | None => {
                    "the operator's namespace, with the default VaultAuth,".to_owned()
                }
            };
            return Some(format!("{login} is not in sight, so neither is the namespace it reads in"));
        }
        let unseen = |way: &ObjectRef| {
            Some(format!("{way} is not in sight: {} may not be listed", self.w.withheld(way)?.words()))
        };
        self.seen.detail.all_ways().find_map(unseen)
    }
}
