//! An OpenBao and a Kubernetes inside the process: for the demo, drills and tests.
//!
//! It speaks the same ports as the real ones ([`Kube`](crate::backends::kube::port::Kube),
//! [`Transport`](crate::backends::bao::transport::Transport)) and has no clock of its own: whoever holds it says what time
//! it is. The contract tests run against it and against real servers, so that it does not lie.

mod api;
mod apply;
mod cluster;
mod estate;
pub mod event;
mod held;
mod http;
pub mod kept;
mod mount;
mod objects;
mod rotation;
pub mod scenario;
mod secret;
mod seed;
mod server;
mod shelf;
#[cfg(test)]
mod tests;
mod token;
mod vault;
mod world;

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::app::ports::Clock;
use event::Event;
use held::Holdings;
pub use held::salt;
use scenario::Scenario;
use world::World;

/// The token with which the sandbox is asked: it knows nobody, and lets everybody read what a scenario wrote down.
pub fn token() -> Option<secrecy::SecretString> {
    Some(secrecy::SecretString::from("s.sandbox"))
}

/// Whether this is that token: what a scenario writes down is answered to it alone.
fn is_own(token: Option<&secrecy::SecretString>) -> bool {
    token.is_some_and(|token| secrecy::ExposeSecret::expose_secret(token) == "s.sandbox")
}

/// One simulated cluster with its vault.
pub struct Sandbox {
    world: Mutex<World>,
    /// Made once: feeds and hands must mean the same keystore.
    holdings: Holdings,
}

impl Sandbox {
    /// The scenario at its start; nothing of its script has happened yet.
    pub fn new(scenario: &Scenario) -> Arc<Self> {
        let world = World::new(scenario);
        let holdings = Holdings::new(scenario, &world.vault);
        Arc::new(Self { world: Mutex::new(world), holdings })
    }

    /// Lives until then: scripted events and the world's own course, in steps of a second. Never goes back.
    pub fn advance_to(&self, until: Timestamp) {
        self.with(|world| {
            world.advance_to(until);
            self.keep(world);
        });
    }

    /// Lives on for this long.
    pub fn advance_by(&self, span: SignedDuration) {
        self.with(|world| {
            world.advance_to(world.now.saturating_add(span).unwrap_or(world.now));
            self.keep(world);
        });
    }

    /// The virtual wall clock.
    pub fn now(&self) -> Timestamp {
        self.with(|world| world.now)
    }

    /// Lets something happen now that is not in the script: for drills and tests.
    pub fn happen(&self, event: &Event) {
        self.with(|world| {
            world.interfere(event);
            self.keep(world);
        });
    }

    /// The keys are kept otherwise, where something that happened says so.
    fn keep(&self, world: &mut World) {
        if let Some(settings) = world.kept.take() {
            self.holdings.keep(*settings, &world.vault);
        }
    }
}

impl Clock for Sandbox {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}
