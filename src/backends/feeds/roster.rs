//! What one feed learns and another needs: the expected replicas, the pods' selector, the keys Secret.

use std::sync::Arc;

use tokio::sync::watch;

use crate::app::model::paths::VaultPath;
use crate::app::trouble::Trouble;

/// The keys Secret, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Keys {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// Nobody can tell, and why: denied, unreachable, several candidates, none.
    Unclear(Trouble),
    /// This one, in the vault's namespace.
    Known(String),
}

/// The objects that bring secrets into the cluster, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SyncNames {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// Nobody can tell, and why: denied, unreachable.
    Unclear(Trouble),
    /// No operator's kinds are served here.
    Absent,
    /// They are served: their group versions (`external-secrets.io/v1`), and the paths of the vault that objects name.
    Served { versions: Vec<String>, paths: Arc<Vec<VaultPath>> },
}

/// A login that something in the cluster makes, and what it reads with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Login {
    /// The OpenBao namespace; empty for the root.
    pub namespace: String,
    /// The auth method's mount, without slashes at its ends.
    pub mount: String,
    /// The role.
    pub role: String,
    /// Namespaces and names of the ServiceAccounts that log in, where they are known.
    pub accounts: Vec<(String, String)>,
    /// API paths without `/v1/`, each with the capability that is needed: `kv/data/shop/web` and `read`.
    pub needs: Vec<(String, String)>,
}

/// One state of what is shared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shared {
    /// Names of the expected replicas; `None` until somebody knows.
    pub members: Option<Vec<String>>,
    /// Label selector of the vault's pods.
    pub selector: Option<String>,
    /// The keys Secret.
    pub keys: Keys,
    /// What sync objects name.
    pub sync: SyncNames,
    /// The namespace in which the Vault Secrets Operator runs, where it was seen to run in one.
    pub home: Option<String>,
    /// Logins of what brings secrets into the cluster.
    pub logins: Vec<Login>,
}

/// The board that all feeds share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Roster(Arc<watch::Sender<Shared>>);

impl Roster {
    /// Starts with what is known before any feed has looked.
    pub fn new(start: Shared) -> Self {
        Self(Arc::new(watch::Sender::new(start)))
    }

    /// As it is now.
    pub fn now(&self) -> Shared {
        self.0.borrow().clone()
    }

    /// Changes it; wakes nobody where nothing changed.
    pub fn change(&self, change: impl FnOnce(&mut Shared)) {
        self.0.send_if_modified(|shared| {
            let before = shared.clone();
            change(shared);
            *shared != before
        });
    }

    /// Waits until something is known that was asked for. Bounded by the supervisor's limit on a look.
    pub async fn until<T>(&self, mut known: impl FnMut(&Shared) -> Option<T>) -> T {
        let mut changes = self.0.subscribe();
        loop {
            if let Some(value) = known(&changes.borrow_and_update()) {
                return value;
            }
            // The sender lives as long as `self`.
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_by_what_it_waits_for() {
        let roster = Roster::new(Shared::default());
        let other = roster.clone();
        let waiting = roster.until(|shared| shared.members.clone());
        let telling = async {
            other.change(|shared| shared.selector = Some("x".into()));
            tokio::task::yield_now().await;
            other.change(|shared| shared.members = Some(vec!["a-0".into()]));
        };
        let (members, ()) = tokio::join!(waiting, telling);
        assert_eq!(members, ["a-0"]);
    }
}
