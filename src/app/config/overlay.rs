//! Reads the command line with the environment under it: every flag has a variable, `--log-file` is `BAOWATCH_LOG_FILE`.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::cli::Cli;
use super::env::Env;

/// Wrong usage, as `sysexits.h` calls it.
pub const WRONG_USAGE: u8 = 64;

/// What reading the command line came to.
#[derive(Debug)]
pub enum Parsed {
    /// A command to run.
    Run(Box<Cli>),
    /// Text to print instead: help and version on stdout with 0, wrong usage on stderr with [`WRONG_USAGE`].
    Say {
        /// The text.
        text: String,
        /// For stderr.
        wrong: bool,
        /// The exit code.
        code: u8,
    },
}

/// Reads the arguments (the first is the program's name) over the environment: a flag beats its variable.
///
/// The variables are not left to clap, which would read the process and could not be tested.
pub fn parse(args: impl IntoIterator<Item = OsString>, env: &Env) -> Parsed {
    let args: Vec<OsString> = args.into_iter().collect();
    let given = match command().try_get_matches_from(&args) {
        Ok(matches) => matches,
        Err(error) => return said(&error, None),
    };
    let extra = match from_env(&command(), &given, env) {
        Ok(extra) => extra,
        Err(text) => return wrong(text),
    };
    let names: Vec<&str> = extra.iter().map(|(variable, _)| variable.as_str()).collect();
    let cut = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let (head, tail) = args.split_at(cut);
    let all = head.iter().cloned().chain(extra.iter().map(|(_, arg)| arg.into())).chain(tail.iter().cloned());
    let matches = match command().try_get_matches_from(all) {
        Ok(matches) => matches,
        // The arguments alone were fine, so one of the variables is not.
        Err(error) => return said(&error, Some(&names.join(", "))),
    };
    if let Some(text) = misplaced(&matches) {
        return wrong(text);
    }
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => Parsed::Run(Box::new(cli)),
        Err(error) => said(&error, None),
    }
}

/// The command with its variables named in the help; also what completions and the manual page are made of.
pub fn command() -> Command {
    named(Cli::command())
}

/// The variable of a flag. `--confirm` has none: a variable that lingers in a shell must not say yes to anything.
pub fn variable(arg: &Arg) -> Option<String> {
    let long = arg.get_long()?;
    if matches!(long, "help" | "version" | "confirm") {
        return None;
    }
    Some(format!("BAOWATCH_{}", long.to_uppercase().replace('-', "_")))
}

fn named(command: Command) -> Command {
    command
        .mut_args(|arg| match variable(&arg) {
            Some(name) => {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                arg.help(format!("{help} [env: {name}]"))
            }
            None => arg,
        })
        .mut_subcommands(named)
}

/// Flags that were not given and whose variable is set, as `(variable, --flag=value)`; those of the deepest command and
/// the global ones, because only they can be appended.
fn from_env(root: &Command, given: &ArgMatches, env: &Env) -> Result<Vec<(String, String)>, String> {
    let (mut command, mut matches) = (root, given);
    while let Some((name, inner)) = matches.subcommand() {
        let Some(next) = command.find_subcommand(name) else { break };
        (command, matches) = (next, inner);
    }
    let globals = root.get_arguments().filter(|arg| arg.is_global_set());
    let own = command.get_arguments().filter(|arg| !arg.is_global_set());
    let mut extra = Vec::new();
    for arg in globals.chain(own) {
        let (Some(name), Some(long)) = (variable(arg), arg.get_long()) else { continue };
        let Some(value) = env.get(&name) else { continue };
        if matches!(matches.value_source(arg.get_id().as_str()), Some(ValueSource::CommandLine)) {
            continue;
        }
        match arg.get_action() {
            ArgAction::SetTrue => match switch(value) {
                Some(true) => extra.push((name, format!("--{long}"))),
                Some(false) => {}
                None => return Err(format!("{name}={value} is neither on nor off; write 1 or 0")),
            },
            _ => extra.push((name, format!("--{long}={value}"))),
        }
    }
    Ok(extra)
}

fn switch(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// `baowatch --print 80x24 demo` would be read and then ignored; it is refused with what to write instead.
fn misplaced(matches: &ArgMatches) -> Option<String> {
    let (name, _) = matches.subcommand()?;
    ["print", "wait"]
        .into_iter()
        .find(|id| matches.value_source(id) == Some(ValueSource::CommandLine))
        .map(|id| format!("--{id} before `{name}` belongs to the console; write it after `{name}` if that takes it"))
}

fn wrong(text: String) -> Parsed {
    Parsed::Say { text: format!("error: {text}\n"), wrong: true, code: WRONG_USAGE }
}

fn said(error: &clap::Error, variables: Option<&str>) -> Parsed {
    let mut text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return Parsed::Say { text, wrong: false, code: 0 };
    }
    if let Some(variables) = variables.filter(|names| !names.is_empty()) {
        text = format!("{text}\nThe value comes from the environment: {variables}\n");
    }
    Parsed::Say { text, wrong: true, code: WRONG_USAGE }
}
