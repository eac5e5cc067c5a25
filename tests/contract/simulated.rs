//! The sandbox's side of the contract.

use std::sync::Arc;

use async_trait::async_trait;
use baowatch::backends::bao::transport::Transport;
use baowatch::backends::sandbox::Sandbox;
use baowatch::backends::sandbox::event::Event;
use baowatch::backends::sandbox::scenario::{Scenario, SealSort, UnsealerSort, VaultSettings};
use jiff::SignedDuration;

use super::bench::Bench;

/// A sandbox with nothing that unseals.
pub struct Simulated(Arc<Sandbox>);

impl Simulated {
    pub fn new() -> Self {
        Self(sandbox(VaultSettings { initialized: false, unsealer: UnsealerSort::None, ..Default::default() }))
    }

    fn after(&self, seconds: i64) {
        self.0.advance_by(SignedDuration::from_secs(seconds));
    }
}

/// A sandbox in which nothing happens by itself.
pub fn sandbox(vault: VaultSettings) -> Arc<Sandbox> {
    let mut scenario = Scenario::named("healthy").unwrap();
    scenario.events.clear();
    scenario.vault = vault;
    let sandbox = Sandbox::new(&scenario);
    sandbox.advance_by(SignedDuration::from_secs(1));
    sandbox
}

#[async_trait]
impl Bench for Simulated {
    async fn fresh(&mut self, replicas: u32) {
        let settings = VaultSettings { initialized: false, unsealer: UnsealerSort::None, replicas, ..Default::default() };
        self.0 = sandbox(settings);
    }

    async fn fresh_static(&mut self) {
        self.0 = sandbox(VaultSettings {
            initialized: false,
            unsealer: UnsealerSort::None,
            seal: SealSort::Static,
            replicas: 1,
            ..Default::default()
        });
    }

    async fn exchange_key(&mut self, right: bool) {
        self.0.happen(&if right { Event::SecretRestored } else { Event::SecretSpoiled });
        // The kubelet takes its time.
        self.after(100);
    }

    async fn restart(&mut self, replica: &str) {
        self.0.happen(&Event::PodKilled { pod: replica.into() });
        self.after(3);
    }

    async fn stop(&mut self, replica: &str) {
        self.0.happen(&Event::PodStopped { pod: replica.into() });
        self.after(1);
    }

    async fn wait(&mut self) {
        self.after(1);
    }

    fn transport(&self) -> Arc<dyn Transport> {
        self.0.clone()
    }
}
