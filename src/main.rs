//! Arguments → which program → wire → run.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use baowatch::app::config::cli::{Cli, Command};
use baowatch::app::config::env::Env;
use baowatch::app::config::overlay::{Parsed, parse};
use baowatch::app::config::resolve;
use baowatch::app::report::text::Paint;
use baowatch::backends;
use baowatch::programs::config::Answer;
use baowatch::programs::{act, check, config, console, demo, hardening, keys, log, shell};
use baowatch::views::theme::{Glyphs, Look, Theme};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before anything else: there is no secret in memory yet.
    hardening::harden();
    // The reporter next: whoever takes the terminal later puts its own hook, which gives it back, in front of it.
    if let Err(report) = hardening::install_reporter() {
        say(&mut std::io::stderr(), &format!("{report}\n"));
    }
    backends::tls_provider();
    let env = Env::of_process();
    let cli = match parse(std::env::args_os(), &env) {
        Parsed::Run(cli) => cli,
        Parsed::Say { text, wrong, code } => {
            if wrong {
                say(&mut std::io::stderr(), &text);
            } else {
                say(&mut std::io::stdout(), &text);
            }
            return ExitCode::from(code);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&mut std::io::stderr(), &format!("error: no runtime could be started: {error}\n"));
            return ExitCode::from(1);
        }
    };
    let answer = runtime.block_on(run(&cli, &env));
    // A look-up or a plugin that hangs must not keep the program from ending.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    say(&mut std::io::stderr(), &answer.err);
    say(&mut std::io::stdout(), &answer.out);
    ExitCode::from(answer.code)
}

async fn run(cli: &Cli, env: &Env) -> Answer {
    match &cli.command {
        Some(Command::Completions { shell }) => return shell::completions(*shell),
        Some(Command::Man) => return shell::manual(),
        Some(Command::Config(args)) => return config::run(cli, args.command, env),
        Some(Command::Demo(_) | Command::Check(_) | Command::Act(_) | Command::Keys(_)) | None => {}
    }
    let (resolved, dirs) = match config::open(&cli.global, env) {
        Ok(opened) => opened,
        Err(trouble) => {
            return Answer::failed(&trouble, if matches!(cli.command, Some(Command::Check(_))) { 3 } else { 1 });
        }
    };
    let look = look(resolved.look);
    if let Some(Command::Demo(wanted)) = &cli.command {
        return Box::pin(demo::run(wanted, look, env)).await;
    }
    if let Err(trouble) = log::init(resolved.log_file.as_deref(), &dirs.log_file(), env) {
        return Answer::failed(&trouble, 1);
    }
    match (&cli.command, cli.print) {
        (Some(Command::Check(wanted)), _) => Box::pin(check::run(cli, wanted, env, paint(resolved.look))).await,
        (Some(Command::Keys(wanted)), _) => Box::pin(keys::run(cli, wanted, env)).await,
        (Some(Command::Act(wanted)), _) => Box::pin(act::run(cli, &wanted.command, env)).await,
        (_, Some(size)) => Box::pin(check::screen(cli, size, &look, env)).await,
        (_, None) => console::run(cli, look, env).await,
    }
}

fn look(asked: resolve::Look) -> Look {
    Look {
        theme: if asked.mono { Theme::Mono } else { Theme::Colour },
        glyphs: if asked.ascii || asked.plain { Glyphs::Ascii } else { Glyphs::Unicode },
    }
}

/// Colours only where somebody looks at them.
fn paint(asked: resolve::Look) -> Paint {
    Paint { ascii: asked.ascii || asked.plain, color: !asked.mono && std::io::stdout().is_terminal() }
}

/// A closed pipe is the reader's wish, not an error.
fn say(to: &mut dyn std::io::Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
