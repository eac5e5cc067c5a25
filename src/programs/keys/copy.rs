//! `keys copy …`.

use crate::app::config::cli::Cli;
use crate::app::config::cli_keys::CopyCommand;
use crate::app::config::env::Env;
use crate::app::trouble::Trouble;
use crate::programs::config::Answer;

/// Runs `keys copy …`.
pub async fn run(_cli: &Cli, _command: &CopyCommand, _env: &Env) -> Answer {
    Answer::failed(&Trouble::local("this cannot be done yet", "", ""), 1)
}

/// Opens a copy with a slot and compares its keys.
pub async fn restore_test(_cli: &Cli, _name: &str, _slot: Option<u32>, _env: &Env) -> Answer {
    Answer::failed(&Trouble::local("this cannot be done yet", "", ""), 1)
}
