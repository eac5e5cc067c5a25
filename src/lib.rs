//! Baowatch: would your OpenBao or Vault survive a restart, right now?
//!
//! [`app`] is the pure core; [`views`] draw it, [`backends`] feed it and act for it; neither knows the other.
//! [`programs`] wires the three, one file a command.

pub mod app;
pub mod backends;
pub mod programs;
pub mod views;
