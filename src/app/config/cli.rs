//! The command line: every command, flag and help text there is.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;
use serde::Deserialize;

use super::cli_keys::KeysArgs;

/// Would your OpenBao or Vault survive a restart, right now?
///
/// Without a command: the live console on the current kubeconfig context. Needs no config file.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "baowatch",
    version,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  baowatch                          the console on the current context
  baowatch demo                     the same console on a sandbox, no cluster needed
  baowatch check                    one look, one sentence, an exit code for cron and CI
  baowatch --print 80x24            one screen as text, for pasting into a chat
  baowatch act plan unseal          what an unseal would do; changes nothing

Exit codes: check 0 OK, 1 warning, 2 critical, 3 cannot tell; everything else 0 done, 1 failed, 2 refused and
nothing changed, 64 wrong usage, 130 interrupted."
)]
pub struct Cli {
    /// What all commands share.
    #[command(flatten)]
    pub global: Global,
    /// Print one screen of this size as text and exit, once every feed has answered or after --wait
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub print: Option<Size>,
    /// How long --print waits for the feeds, e.g. 10s, 1m30s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    pub wait: Option<SignedDuration>,
    /// The command; none is the console.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options for every command")]
pub struct Global {
    /// Kubeconfig context [default: the current one]
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster entry of the config file
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Namespace in which to look for the vault [default: all]
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// The vault's StatefulSet, where a cluster has several
    #[arg(long, global = true, value_name = "NAMESPACE/NAME", value_parser = vault)]
    pub vault: Option<VaultName>,
    /// Watch a vault at this address, without Kubernetes
    #[arg(long, global = true, value_name = "URL")]
    pub address: Option<String>,
    /// Config file [default: the path that `baowatch config path` prints]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder for journals, history and proofs
    #[arg(long, global = true, value_name = "FOLDER")]
    pub state_dir: Option<PathBuf>,
    /// Offer no action; nothing can be changed
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Colours: `colour` is chosen so that colour-blind eyes can tell them apart, `mono` has none
    #[arg(long, global = true, value_enum, value_name = "NAME")]
    pub theme: Option<ThemeName>,
    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// No colour and no line drawing: for screen readers and logs
    #[arg(long, global = true)]
    pub plain: bool,
    /// Write the log to this file [default: baowatch.log in the state folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
}

/// `--theme`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeName {
    /// Blue for what is well, orange for what is not.
    #[default]
    #[value(alias = "color")]
    #[serde(alias = "color")]
    Colour,
    /// No colours: bold, dim and underlined.
    Mono,
}

/// Every command.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// The console on a sandbox inside the process: an OpenBao and a Kubernetes, no cluster needed
    #[command(after_help = "\
Examples:
  baowatch demo                                    the keys-wiped incident, live
  baowatch demo --scenario healthy
  baowatch demo --at 5m --keys '2' --print 120x40  one screen of it as text")]
    Demo(Demo),
    /// One look at everything, for cron and CI: one sentence and an exit code
    #[command(after_help = "\
Exit codes: 0 OK, 1 warning, 2 critical, 3 cannot see enough to say.

Examples:
  baowatch check
  baowatch check --output json | jq -r .verdict.sentence
  baowatch check --exclude clock-skew --state /var/lib/baowatch/check.json")]
    Check(Check),
    /// Guided actions without the full-screen console
    Act(ActArgs),
    /// The encrypted keystore of this vault's keys: make it, fill it, copy it, prove it
    #[command(after_help = "\
Examples:
  baowatch keys init                              make it, under a passphrase
  baowatch keys import                            take the keys from the cluster's Secret
  baowatch keys copy add stick --file /media/stick/prod.keystore
  baowatch keys verify && baowatch keys prove")]
    Keys(KeysArgs),
    /// The config file: check it, print an example, say where it lies
    Config(ConfigArgs),
    /// Print completions for a shell
    #[command(after_help = "\
Example:
  baowatch completions bash > ~/.local/share/bash-completion/completions/baowatch")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "\
Example:
  baowatch man > ~/.local/share/man/man1/baowatch.1")]
    Man,
}

/// `demo`.
#[derive(Debug, Clone, Default, Args)]
pub struct Demo {
    /// List the scenarios and exit
    #[arg(long)]
    pub list: bool,
    /// Which scenario
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    /// Let time pass this many times faster
    #[arg(long, value_name = "FACTOR", value_parser = clap::value_parser!(u32).range(1..=1000), default_value_t = 1)]
    pub speed: u32,
    /// Begin this long into the scenario, e.g. 5m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub at: Option<SignedDuration>,
    /// Keys to type, in order.
    #[arg(long, value_name = "KEYS", help = "Type these keys, e.g. '2<Enter>', '<C-c>', 'r<Tab>y'")]
    pub keys: Option<String>,
    /// Print the resulting screen of this size as text and exit
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub print: Option<Size>,
}

/// How to print an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// Exactly one JSON document on stdout.
    Json,
}

/// `check`.
#[derive(Debug, Clone, Default, Args)]
pub struct Check {
    /// For people, or exactly one JSON document
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Count only these rules (comma-separated)
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Do not count these rules; the verdict still does
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// Remember between runs, in this file, since when each alert holds
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// How long to wait for the feeds, e.g. 10s, 1m30s
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    pub wait: Option<SignedDuration>,
}

/// `act`.
#[derive(Debug, Clone, Args)]
pub struct ActArgs {
    /// Which.
    #[command(subcommand)]
    pub command: ActCommand,
}

/// `act …`.
#[derive(Debug, Clone, Subcommand)]
pub enum ActCommand {
    /// The actions there are, and whether each could run now
    List {
        /// For people, or exactly one JSON document
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Show what an action would do; changes nothing
    #[command(after_help = "\
Example:
  baowatch act plan unseal openbao-1 --output json")]
    Plan(ActionArgs),
    /// Show the plan, ask its challenge, do it
    #[command(after_help = "\
Examples:
  baowatch act run unseal                       asks before anything moves
  baowatch act run unseal --confirm openbao     unattended: the exact answer to the challenge

Exit codes: 0 done, 1 failed, 2 refused and nothing changed.")]
    Run {
        /// What and how.
        #[command(flatten)]
        action: ActionArgs,
        /// The exact answer to the plan's challenge; nothing else makes a run unattended (no variable sets it)
        #[arg(long, value_name = "TEXT")]
        confirm: Option<String>,
    },
}

/// An action with its target and choices.
#[derive(Debug, Clone, Default, Args)]
pub struct ActionArgs {
    /// The action, as `act list` names it
    pub action: String,
    /// What it is about: a replica, or nothing for the whole vault
    pub target: Option<String>,
    /// Where unseal takes its shares from [default: the keys Secret if it holds enough, else the keystore, else prompt]
    #[arg(long, value_enum, value_name = "SOURCE")]
    pub shares_from: Option<SharesFrom>,
    /// Which keys prove-keys asks the vault about [default: the first of these that are there]
    #[arg(long, value_enum, value_name = "SOURCE", conflicts_with = "shares_from")]
    pub keys: Option<SharesFrom>,
    /// Make the Secret that restore-keys-secret writes immutable too
    #[arg(long)]
    pub immutable: bool,
    /// What to do about shares that somebody else has given already
    #[arg(long, value_enum, value_name = "WHAT")]
    pub progress: Option<Progress>,
    /// For people, or exactly one JSON document
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// `--shares-from` and `--keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SharesFrom {
    /// The keys Secret.
    Secret,
    /// The encrypted keystore.
    Keystore,
    /// Typed, hidden.
    Prompt,
}

/// `--progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// Add to it.
    Continue,
    /// Discard it and begin again.
    Reset,
}

/// `config`.
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// Which.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// `config …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Read the config file and say what is wrong with it, with line and column
    Check,
    /// Print an example that mentions every key
    #[command(after_help = "\
Example:
  baowatch config example > \"$(baowatch config path)\"")]
    Example,
    /// Print where the config file is looked for
    Path,
}

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// `--vault NAMESPACE/NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultName {
    /// Its namespace.
    pub namespace: String,
    /// Its StatefulSet.
    pub name: String,
}

/// Reads `90s`, `2m`, `1h30m`; nothing negative.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    match text.trim().parse::<SignedDuration>() {
        Ok(d) if d.is_negative() => Err("a duration cannot be negative".to_owned()),
        Ok(d) => Ok(d),
        Err(_) => Err("not a duration; write 90s, 2m or 1h30m".to_owned()),
    }
}

/// Reads `80x24`.
fn size(text: &str) -> Result<Size, String> {
    let wrong = || "not a size; write columns x rows, e.g. 80x24".to_owned();
    let (width, height) = text.split_once(['x', 'X', '×']).ok_or_else(wrong)?;
    let parse = |n: &str| n.trim().parse::<u16>().ok().filter(|n| (1..=1000).contains(n)).ok_or_else(wrong);
    Ok(Size { width: parse(width)?, height: parse(height)? })
}

/// Reads `namespace/name`.
fn vault(text: &str) -> Result<VaultName, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(VaultName { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("not a vault; write its namespace and StatefulSet, e.g. data/openbao".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_durations_and_vaults() {
        assert_eq!(size("80x24"), Ok(Size { width: 80, height: 24 }));
        assert!(size("80").is_err() && size("0x1").is_err() && size("99999x2").is_err());
        assert_eq!(duration("1h30m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(duration("90s"), Ok(SignedDuration::from_secs(90)));
        assert!(duration("-5s").is_err() && duration("90").is_err() && duration("").is_err());
        assert!(vault("data/openbao").is_ok() && vault("openbao").is_err() && vault("a/b/c").is_err());
    }

    #[test]
    fn the_command_is_well_formed() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
