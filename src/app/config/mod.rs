//! The command line, the config file, and how they are resolved into one answer.

pub mod cli;
pub mod cli_keys;
pub mod env;
pub mod example;
pub mod file;
pub mod nearest;
pub mod overlay;
pub mod resolve;
