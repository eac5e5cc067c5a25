//! What could unseal the vault and from which Secret. Tells the keys feed which Secret to watch.

use std::sync::Arc;

use async_trait::async_trait;

use super::roster::{Keys, Roster};
use super::{Feed, Vault};
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::unsealer::UnsealersSeen;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::candidates::Known;
use crate::backends::kube::port::Kube;
use crate::backends::kube::real::VAULTS;
use crate::backends::kube::{digest, server_look, unsealers};

/// The feed.
pub struct UnsealersFeed {
    kube: Arc<dyn Kube>,
    vault: Vault,
    roster: Roster,
    configured: Option<String>,
}

impl UnsealersFeed {
    /// Looks around this vault; `configured` is the keys Secret that the configuration names.
    pub fn new(kube: Arc<dyn Kube>, vault: Vault, roster: Roster, configured: Option<String>) -> Self {
        Self { kube, vault, roster, configured }
    }

    async fn around(&self) -> Result<UnsealersSeen, Trouble> {
        let (kube, namespace) = (self.kube.as_ref(), self.vault.namespace.as_str());
        let selector = self.roster.now().selector.unwrap_or_else(|| VAULTS.to_owned());
        let (set, pods, deployments, daemon_sets, cron_jobs, secrets) = tokio::join!(
            kube.stateful_set(namespace, &self.vault.name),
            kube.pods(namespace, &selector),
            kube.deployments(namespace),
            kube.daemon_sets(namespace),
            kube.cron_jobs(namespace),
            kube.secret_names(namespace),
        );
        let Some(set) = set? else {
            return Err(Trouble::new(
                TroubleKind::Absent,
                &format!("StatefulSet {namespace}/{} does not exist", self.vault.name),
                "without it nobody can say what unseals its pods",
                "Name the vault with --vault NS/NAME",
            ));
        };
        let server = server_look::look(kube, &set).await;
        let pods = pods.ok().map(|pods| digest::pods(&pods, &self.vault.name));
        // Names of Secrets only help; without them what is mounted is judged by its name alone.
        let known = secrets.map(|secrets| Known::of(&secrets)).unwrap_or_default();
        let mut blind = None;
        let deployments = deployments.unwrap_or_else(|trouble| unseen(&mut blind, trouble));
        let daemon_sets = daemon_sets.unwrap_or_else(|trouble| unseen(&mut blind, trouble));
        let cron_jobs = cron_jobs.unwrap_or_else(|trouble| unseen(&mut blind, trouble));
        let seen = unsealers::seen(&unsealers::Around {
            set: &set,
            pods: pods.as_deref(),
            deployments: &deployments,
            daemon_sets: &daemon_sets,
            cron_jobs: &cron_jobs,
            secrets: &known,
            config: &server.config,
            configured: self.configured.as_deref(),
        });
        match blind {
            // Nothing was found, and not everything was looked at: "nothing unseals" would be a guess.
            Some(trouble) if seen.found.is_empty() && seen.static_key.is_none() => Err(trouble),
            Some(_) | None => Ok(seen),
        }
    }

    fn tell(&self, keys: Keys) {
        self.roster.change(|shared| shared.keys = keys);
    }
}

/// Keeps the first trouble and goes on without.
fn unseen<T>(blind: &mut Option<Trouble>, trouble: Trouble) -> Vec<T> {
    blind.get_or_insert(trouble);
    Vec::new()
}

#[async_trait]
impl Feed for UnsealersFeed {
    fn id(&self) -> FeedId {
        FeedId::Unsealers
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let looked = self.around().await;
        match (&looked, &self.configured) {
            (Ok(UnsealersSeen { chosen: Some(name), .. }), _) | (Err(_), Some(name)) => {
                self.tell(Keys::Known(name.clone()))
            }
            (Ok(seen), _) => self.tell(Keys::Unclear(unclear(&self.vault, seen))),
            (Err(trouble), None) => {
                // What was known stays known: a moment of blindness is no reason to stop watching the Secret.
                if !matches!(self.roster.now().keys, Keys::Known(_)) {
                    self.tell(Keys::Unclear(trouble.clone()));
                }
            }
        }
        looked.map(|seen| vec![Fact::Unsealers(seen)])
    }
}

/// Why no Secret is watched.
fn unclear(vault: &Vault, seen: &UnsealersSeen) -> Trouble {
    let place = format!("{}/{}", vault.namespace, vault.name);
    if seen.candidates.is_empty() {
        return Trouble::new(
            TroubleKind::Absent,
            &format!("No Secret with unseal keys was found for {place}"),
            "nothing in its namespace mounts one, and none is named like one",
            "If there is one, name it in the configuration: vault.keysSecret.name",
        );
    }
    Trouble::new(
        TroubleKind::Absent,
        &format!("Several Secrets could hold the unseal keys of {place}"),
        &seen.candidates.join(", "),
        "Name the right one in the configuration: vault.keysSecret.name",
    )
}
