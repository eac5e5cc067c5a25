//! One file a command: only these and `main.rs` name the core, the views and the backends together.

pub mod config;
pub mod log;
pub mod shell;
