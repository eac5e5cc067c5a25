//! One file a command: only these and `main.rs` name the core, the views and the backends together.

pub mod act;
pub mod check;
pub mod choices;
pub mod config;
pub mod console;
pub mod demo;
pub mod fleet;
pub mod hardening;
pub mod held;
pub mod hidden;
pub mod keys;
pub mod log;
pub mod plan_text;
pub mod session;
pub mod shell;
pub mod stage;
