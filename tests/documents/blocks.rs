//! The generated parts of the README: the picture, the commands, the keys, the rules, the scenarios.

use std::fmt::Write as _;

use baowatch::app::alerts::rules as registry;
use baowatch::app::config::overlay;
use baowatch::app::msg::Msg;
use baowatch::app::settings::Settings;
use baowatch::backends::sandbox::scenario::{self, Scenario};
use baowatch::programs::stage::Stage;
use baowatch::views::console::print;
use baowatch::views::keymap::{Context, bindings};
use baowatch::views::theme::{Glyphs, Look, Theme};

/// What `baowatch demo --print 80x24` prints.
pub async fn picture() -> String {
    let (name, _) = scenario::scenarios()[0];
    let scenario = Scenario::named(name).unwrap();
    let mut stage = Stage::new(&scenario, Settings::default()).await;
    stage.say(Msg::Resized { width: 80, height: 24 }).await;
    stage.advance(scenario.open_at).await;
    print(stage.state(), &Look { theme: Theme::Colour, glyphs: Glyphs::Unicode }, 80, 24)
}

/// Every command that does something, with what it says of itself.
pub fn every_command() -> Vec<(String, String)> {
    let mut all = every_command_and_group();
    let groups: Vec<String> = all.iter().map(|(path, _)| format!("{path} ")).collect();
    // A group such as `act` only lists its own.
    all.retain(|(path, _)| {
        !groups.iter().any(|group| *group != format!("{path} ") && group.starts_with(&format!("{path} ")))
    });
    all
}

/// The same with the groups.
pub fn every_command_and_group() -> Vec<(String, String)> {
    let mut all = Vec::new();
    walk("baowatch", &overlay::command(), &mut all);
    all
}

fn walk(path: &str, command: &clap::Command, all: &mut Vec<(String, String)>) {
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name());
        all.push((path.clone(), below.get_about().map(ToString::to_string).unwrap_or_default()));
        walk(&path, below, all);
    }
}

/// The table of commands.
pub fn commands() -> String {
    let mut out = "| command | what it does |\n|---|---|\n".to_owned();
    out.push_str("| `baowatch` | The live console on the current kubeconfig context |\n");
    out.push_str("| `baowatch --print WxH` | One screen of it as text |\n");
    for (path, says) in every_command() {
        let _ = writeln!(out, "| `{path}` | {says} |");
    }
    out
}

/// The tables of keys, as the help on the screen has them.
pub fn keys() -> String {
    let mut out = String::new();
    for (context, heading) in Context::ALL {
        let shown: Vec<_> = bindings(context)
            .filter(|binding| !binding.says.is_empty())
            // What holds everywhere is told once, with the overview.
            .filter(|binding| {
                context == Context::Home
                    || !matches!(binding.keys, ["?" | "q" | "<C-c>" | "<C-z>"]) && binding.shown.is_none()
            })
            .collect();
        if context == Context::Help || shown.is_empty() {
            continue;
        }
        let _ = write!(out, "**{heading}**\n\n| key | what it does |\n|---|---|\n");
        for binding in shown {
            let _ = writeln!(out, "| `{}` | {} |", binding.written(), binding.says.replace('|', "\\|"));
        }
        out.push('\n');
    }
    out
}

/// The table of rules.
pub fn rules() -> String {
    let mut out = "| rule | at worst | after | fires when |\n|---|---|---|---|\n".to_owned();
    for rule in registry::all() {
        let name = rule.id();
        let hold = rule.hold();
        let after = if hold.is_zero() { "at once".to_owned() } else { format!("{} s", hold.as_secs()) };
        let (severity, when) = (rule.severity().word(), rule.fires_when());
        let _ = writeln!(out, "| [`{name}`](assets/help/rules/{name}.md) | {severity} | {after} | {when} |");
    }
    out
}

/// The list of scenarios.
pub fn scenarios() -> String {
    let mut out = "| scenario | what happens |\n|---|---|\n".to_owned();
    for (name, _) in scenario::scenarios() {
        let says = Scenario::named(name).unwrap().says;
        let says = says.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "| `{name}` | {says} |");
    }
    out
}
