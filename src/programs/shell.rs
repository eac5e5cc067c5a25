//! `completions SHELL` and `man`: made from the command line itself, so that they cannot fall behind it.

use std::fmt::Write;

use super::config::Answer;
use crate::app::config::overlay::command;
use crate::app::trouble::Trouble;

/// The completion script.
pub fn completions(shell: clap_complete::Shell) -> Answer {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut command(), "baowatch", &mut out);
    Answer::done(String::from_utf8_lossy(&out).into_owned())
}

/// The manual page, in roff, with every command's own help in it.
pub fn manual() -> Answer {
    let mut page = Vec::new();
    if let Err(error) = clap_mangen::Man::new(command()).render(&mut page) {
        let trouble = Trouble::local("the manual page cannot be made", &error.to_string(), "");
        return Answer::failed(&trouble, 1);
    }
    let mut out = String::from_utf8_lossy(&page).into_owned();
    let mut root = command();
    root.build();
    chapter(&mut out, &root, "baowatch");
    Answer::done(out)
}

fn chapter(out: &mut String, parent: &clap::Command, path: &str) {
    for command in parent.get_subcommands() {
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            chapter(out, command, &path);
            continue;
        }
        // Writing to a String cannot fail.
        let _ = writeln!(out, ".SH \"{}\"\n.nf", path.to_uppercase());
        for line in command.clone().render_long_help().to_string().lines() {
            let line = line.replace('\\', "\\e").replace('-', "\\-");
            // A line that begins like a request would be taken for one.
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            let _ = writeln!(out, "{guard}{line}");
        }
        out.push_str(".fi\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_know_every_command() {
        let bash = completions(clap_complete::Shell::Bash).out;
        let man = manual().out;
        for name in ["demo", "check", "act", "config", "completions", "man"] {
            assert!(bash.contains(name), "{name}");
        }
        assert!(man.contains(".SH \"BAOWATCH ACT RUN\"") && man.contains("BAOWATCH_NAMESPACE"), "{man}");
    }
}
