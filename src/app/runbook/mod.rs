//! The engine of every change: plan → guard → challenge → [`confirm::Confirmed`] → journal → step → evidence.

pub mod confirm;
mod expected;
pub mod guard;
pub mod journal;
pub mod op;
pub mod plan;
mod ready;
pub mod run;
