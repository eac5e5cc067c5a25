//! `keys …`: the encrypted keystore from the command line.

mod ask;
mod copy;
mod custody;
mod export;
mod import;
mod init;
mod once;
mod opening;
mod place;
mod rotate;
mod slots;
mod status;
mod verify;

use super::config::Answer;
use super::{act, hidden};
use crate::app::config::cli::{ActionArgs, Cli, SharesFrom};
use crate::app::config::cli_keys::{KeysArgs, KeysCommand, KeysProve, ProveFrom};
use crate::app::config::env::Env;
use crate::app::id::ActionId;
use crate::app::trouble::{Trouble, TroubleKind};

/// Runs `keys …`.
pub async fn run(cli: &Cli, args: &KeysArgs, env: &Env) -> Answer {
    let file = args.keystore.as_deref();
    if file.is_some() && !takes_file(&args.command) {
        let trouble = Trouble::local(
            "this command takes no --keystore",
            "it works on the vault's own keystore",
            "Set clusters.NAME.keystore.path in the config file instead",
        );
        return Answer::failed(&trouble, 64);
    }
    let answer = match &args.command {
        KeysCommand::Copy { command } => return Box::pin(copy::run(cli, command, env)).await,
        KeysCommand::RestoreTest { name, slot } => return copy::restore_test(cli, name, *slot, env).await,
        KeysCommand::Custody { command } => return Box::pin(custody::run(cli, command, env)).await,
        KeysCommand::Prove(wanted) => return Box::pin(prove(cli, wanted, env)).await,
        KeysCommand::Import(wanted) if wanted.file.is_none() && !wanted.typed => {
            return Box::pin(act::run_action(cli, ActionId::SaveKeys, None, wanted.confirm.as_deref(), env)).await;
        }
        KeysCommand::Status { output } => status::run(cli, file, *output, env).await,
        KeysCommand::Init(wanted) => init::run(cli, file, wanted, env).await,
        KeysCommand::Import(wanted) => Box::pin(import::run(cli, file, wanted, env)).await,
        KeysCommand::Export(wanted) => export::run(cli, file, wanted, env).await,
        KeysCommand::Verify { output } => verify::run(cli, file, *output, env).await,
        KeysCommand::Slots { command } => slots::run(cli, file, command, env).await,
        KeysCommand::Rotate { confirm } => rotate::run(cli, file, confirm.as_deref(), env).await,
        KeysCommand::Prune { generation, confirm } => {
            slots::prune(cli, file, *generation, confirm.as_deref(), env).await
        }
    };
    answer.unwrap_or_else(|trouble| unhappy(&trouble))
}

/// Whether the file may be another than the vault's own.
const fn takes_file(command: &KeysCommand) -> bool {
    match command {
        KeysCommand::Import(wanted) => wanted.file.is_some() || wanted.typed,
        KeysCommand::Status { .. }
        | KeysCommand::Init(_)
        | KeysCommand::Export(_)
        | KeysCommand::Verify { .. }
        | KeysCommand::Slots { .. }
        | KeysCommand::Rotate { .. }
        | KeysCommand::Prune { .. } => true,
        KeysCommand::Prove(_)
        | KeysCommand::Copy { .. }
        | KeysCommand::RestoreTest { .. }
        | KeysCommand::Custody { .. } => false,
    }
}

async fn prove(cli: &Cli, wanted: &KeysProve, env: &Env) -> Answer {
    let from = wanted.from.map(|from| match from {
        ProveFrom::Secret => SharesFrom::Secret,
        ProveFrom::Keystore => SharesFrom::Keystore,
        ProveFrom::Prompt => SharesFrom::Prompt,
    });
    let action = ActionArgs {
        action: ActionId::ProveKeys.name().to_owned(),
        shares_from: from,
        output: wanted.output,
        ..ActionArgs::default()
    };
    Box::pin(act::run_wanted(cli, &action, None, wanted.confirm.as_deref(), env)).await
}

/// Left by a person, refused before anything was changed, or failed.
fn unhappy(trouble: &Trouble) -> Answer {
    if trouble.what == hidden::LEFT {
        return Answer { out: String::new(), err: format!("{trouble}\n"), code: 130 };
    }
    match trouble.kind {
        TroubleKind::Refused => Answer { out: String::new(), err: format!("refused: {trouble}\n"), code: 2 },
        TroubleKind::Denied
        | TroubleKind::Unreachable
        | TroubleKind::Absent
        | TroubleKind::Unusable
        | TroubleKind::Local => Answer::failed(trouble, 1),
    }
}
