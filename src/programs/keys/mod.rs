//! `keys …`: the encrypted keystore from the command line.

mod copy;
mod custody;
mod opening;

use super::config::Answer;
use crate::app::config::cli::Cli;
use crate::app::config::cli_keys::KeysCommand;
use crate::app::config::env::Env;
use crate::app::trouble::Trouble;

/// Runs `keys …`.
pub async fn run(cli: &Cli, command: &KeysCommand, env: &Env) -> Answer {
    match command {
        KeysCommand::Copy { command } => copy::run(cli, command, env).await,
        KeysCommand::RestoreTest { name, slot } => copy::restore_test(cli, name, *slot, env).await,
        KeysCommand::Custody { command } => custody::run(cli, command, env).await,
        KeysCommand::Status { .. }
        | KeysCommand::Init(_)
        | KeysCommand::Import(_)
        | KeysCommand::Export(_)
        | KeysCommand::Verify { .. }
        | KeysCommand::Prove(_)
        | KeysCommand::Slots { .. }
        | KeysCommand::Rotate
        | KeysCommand::Prune { .. } => Answer::failed(&Trouble::local("this cannot be done yet", "", ""), 1),
    }
}
