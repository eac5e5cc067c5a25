//! `config check|example|path`, and the first steps of every command: folders, config file, what was resolved.

use crate::app::alerts::rules;
use crate::app::config::cli::{Cli, ConfigCommand, Global};
use crate::app::config::env::Env;
use crate::app::config::example::EXAMPLE;
use crate::app::config::file::ConfigFile;
use crate::app::config::resolve::{Resolved, resolve};
use crate::app::text::count;
use crate::app::trouble::Trouble;
use crate::backends::files::dirs::Dirs;

/// What a command that only prints has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// For stdout.
    pub out: String,
    /// For stderr.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

impl Answer {
    /// Done; this is the answer.
    pub fn done(out: String) -> Self {
        Self { out, err: String::new(), code: 0 }
    }

    /// Failed; this is why.
    pub fn failed(trouble: &Trouble, code: u8) -> Self {
        Self { out: String::new(), err: format!("error: {trouble}\n"), code }
    }
}

/// The names of all rules, for the config file and `check --rules`.
pub fn rule_names() -> Vec<&'static str> {
    rules::all().iter().map(|rule| rule.id().0).collect()
}

/// Finds the folders, reads the config file, resolves what was asked for.
pub fn open(global: &Global, env: &Env) -> Result<(Resolved, Dirs), Trouble> {
    let dirs = Dirs::find(env, global.state_dir.as_deref())?;
    let path = global.config.clone().unwrap_or_else(|| dirs.config_file());
    let file = ConfigFile::load(&path, global.config.is_some(), &rule_names())?;
    Ok((resolve(global, env, file)?, dirs))
}

/// Runs `config …`.
pub fn run(cli: &Cli, command: ConfigCommand, env: &Env) -> Answer {
    let path = match (&cli.global.config, Dirs::find(env, cli.global.state_dir.as_deref())) {
        (Some(path), _) => path.clone(),
        (None, Ok(dirs)) => dirs.config_file(),
        (None, Err(trouble)) => return Answer::failed(&trouble, 1),
    };
    match command {
        ConfigCommand::Example => Answer::done(EXAMPLE.to_owned()),
        ConfigCommand::Path => Answer::done(format!("{}\n", path.display())),
        ConfigCommand::Check => {
            if cli.global.config.is_none() && !path.exists() {
                let text = format!("{} does not exist; Baowatch works without it\n", path.display());
                return Answer::done(text);
            }
            let read = ConfigFile::load(&path, true, &rule_names());
            match read.and_then(|file| resolve(&cli.global, env, file.clone()).map(|_| file)) {
                Ok(file) => Answer::done(format!(
                    "{} is good: {}, {}\n",
                    path.display(),
                    count(file.clusters.len(), "cluster"),
                    count(file.rules.len(), "rule"),
                )),
                Err(trouble) => Answer::failed(&trouble, 1),
            }
        }
    }
}
