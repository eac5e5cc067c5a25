//! Where engines that rotate are mounted, in all namespaces as far as the bounds go, and where nobody could look.

use std::collections::{BTreeMap, VecDeque};

use super::{Ask, Place, Question, Rotates, wire};
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::ask::asked_to_slow_down;

/// Namespaces that are looked into.
const NAMESPACES: usize = 32;
/// How deep they may lie in each other.
const DEPTH: usize = 4;

/// What one listing found.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) found: Vec<(Place, Rotates)>,
    /// Namespaces whose mounts cannot be listed: sealed, or closed to this token. What is in them is not gone.
    pub(super) closed: BTreeMap<String, Trouble>,
    /// What was not looked into at all, in words.
    pub(super) left_out: Vec<String>,
    /// Questions that it took.
    pub(super) asked: u32,
}

impl Places {
    /// Lists all. An error where not even the root's mounts can be listed, and where the vault asks to slow down.
    pub(super) async fn list(ask: &Ask) -> Result<Self, Trouble> {
        let mut all = Self::default();
        let mut waiting = VecDeque::from([(String::new(), 0)]);
        let mut looked_into = 0;
        while let Some((namespace, depth)) = waiting.pop_front() {
            match all.mounts(ask, &namespace).await {
                Ok(found) => all.found.extend(found),
                Err(trouble) if namespace.is_empty() || asked_to_slow_down(&trouble) => return Err(trouble),
                Err(trouble) => {
                    all.left_out.push(format!("engines in namespace {}: {}", clean(&namespace), trouble.what));
                    all.closed.insert(namespace, trouble);
                    continue;
                }
            }
            let inner = all.inner(ask, &namespace).await?;
            if depth >= DEPTH && !inner.is_empty() {
                all.left_out.push(format!("engines in namespaces more than {DEPTH} deep"));
                continue;
            }
            for name in inner {
                if looked_into >= NAMESPACES {
                    all.left_out.push(format!("engines in namespaces beyond the first {NAMESPACES}"));
                    break;
                }
                looked_into += 1;
                let path = if namespace.is_empty() { name } else { format!("{namespace}/{name}") };
                waiting.push_back((path, depth + 1));
            }
        }
        all.left_out.dedup();
        Ok(all)
    }

    /// The mounts of a namespace; those that any token may see where the whole list is denied.
    async fn mounts(&mut self, ask: &Ask, namespace: &str) -> Result<Vec<(Place, Rotates)>, Trouble> {
        self.asked += 1;
        let found = match ask.ask(namespace, &Question::Mounts).await {
            Err(trouble) if trouble.kind == TroubleKind::Denied => {
                self.asked += 1;
                ask.ask(namespace, &Question::VisibleMounts).await?
            }
            found => found?,
        };
        Ok(found.map(|data| wire::mounts(namespace, &data)).unwrap_or_default())
    }

    /// The namespaces in a namespace. Vault without namespaces answers 404.
    async fn inner(&mut self, ask: &Ask, namespace: &str) -> Result<Vec<String>, Trouble> {
        self.asked += 1;
        match ask.ask(namespace, &Question::Namespaces).await {
            Ok(found) => Ok(found.iter().flat_map(wire::namespaces).collect()),
            Err(trouble) if asked_to_slow_down(&trouble) => Err(trouble),
            // Servers without namespaces know no such path, or not this verb on it.
            Err(trouble) if namespace.is_empty() && trouble.kind == TroubleKind::Refused => Ok(Vec::new()),
            Err(trouble) => {
                let place = if namespace.is_empty() { "namespaces".to_owned() } else { clean(namespace) };
                self.left_out.push(format!("engines in {place}: {}", trouble.what));
                Ok(Vec::new())
            }
        }
    }
}
