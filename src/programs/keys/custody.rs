//! `keys custody …`.

use crate::app::config::cli::Cli;
use crate::app::config::cli_keys::CustodyCommand;
use crate::app::config::env::Env;
use crate::app::trouble::Trouble;
use crate::programs::config::Answer;

/// Runs `keys custody …`.
pub async fn run(_cli: &Cli, _command: &CustodyCommand, _env: &Env) -> Answer {
    Answer::failed(&Trouble::local("this cannot be done yet", "", ""), 1)
}
