//! The documents cannot rot: what can be generated from the code is, and what is claimed about tests is looked up in them.
//! `BAOWATCH_UPDATE=1 cargo test --test docs` writes the generated parts anew.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

mod documents;

use std::path::{Path, PathBuf};
use std::process::Command;

use baowatch::app::actions;
use baowatch::app::alerts::rules;
use baowatch::app::id::{ActionId, PaneId};
use baowatch::app::verdict::Standing;
use baowatch::backends::sandbox::scenario::{Scenario, scenarios};
use baowatch::views::panes;
use documents::blocks;
use documents::proof::{PROOFS, Proof};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn updating() -> bool {
    std::env::var_os("BAOWATCH_UPDATE").is_some()
}

/// Compares the block of this name in the README with what the code gives, or writes it there.
fn block(name: &str, fresh: &str) {
    // One after the other: tests run in threads, and each writes the whole file.
    static README: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = README.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let text = read("README.md");
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("README.md has no {open}"));
    let (now, after) = rest.split_once(&close).unwrap_or_else(|| panic!("README.md has no {close}"));
    if updating() {
        std::fs::write(root().join("README.md"), format!("{before}{open}{fresh}{close}{after}")).unwrap();
        return;
    }
    assert_eq!(now, fresh, "the block {name} of README.md is old: BAOWATCH_UPDATE=1 cargo test --test docs");
}

#[tokio::test]
async fn the_picture_in_the_readme_is_what_the_program_draws() {
    let picture = blocks::picture().await;
    assert_eq!(picture.lines().count(), 24, "{picture}");
    block("screen", &format!("```text\n{picture}```\n"));
}

#[test]
fn the_lists_in_the_readme_are_those_of_the_code() {
    block("commands", &blocks::commands());
    block("keys", &blocks::keys());
    block("rules", &blocks::rules());
    block("scenarios", &blocks::scenarios());
}

#[test]
fn the_readme_names_all_that_a_person_can_meet() {
    let readme = read("README.md");
    for (path, _) in blocks::every_command() {
        assert!(readme.contains(&format!("`{path}")), "{path} is not in README.md");
    }
    for state in [
        Standing::Down,
        Standing::WillNotReopen,
        Standing::Blind,
        Standing::NeedsHands,
        Standing::Unproven,
        Standing::Survives,
    ] {
        assert!(readme.contains(&format!("| `{}` |", state.word())), "{}", state.word());
    }
    for action in actions::all() {
        assert!(readme.contains(&format!("`{}`", action.id())), "{}", action.id());
    }
    for set_up in ["cargo run --release -- demo", "tests/run", "tests/stack/up", "export KUBECONFIG="] {
        assert!(readme.contains(set_up), "{set_up}");
    }
}

/// The compiler does not miss a line in these two registries; `how-to-add.md` sends its reader here.
#[test]
fn every_pane_and_every_action_is_registered() {
    let panes: Vec<PaneId> = panes::all().iter().map(|pane| pane.id()).collect();
    assert_eq!(panes, PaneId::ALL, "src/views/panes/mod.rs, in the order of the digits");
    let named: Vec<ActionId> = actions::all().iter().map(|action| action.id()).collect();
    assert_eq!(named, ActionId::ALL, "src/app/actions/mod.rs");
}

/// A link that leads nowhere is worse than none.
#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let mut lost = Vec::new();
    let decisions = std::fs::read_dir(root().join("assets/decisions")).unwrap();
    let pages = decisions.map(|entry| format!("assets/decisions/{}", entry.unwrap().file_name().display()));
    for page in pages.chain(["README.md".to_owned(), "CHANGELOG.md".to_owned(), "tests/stack/README.md".to_owned()]) {
        let folder = Path::new(&page).parent().unwrap().to_owned();
        for target in read(&page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") && !root().join(&folder).join(path).exists() {
                lost.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn every_decision_is_listed() {
    let index = read("assets/decisions/README.md");
    for entry in std::fs::read_dir(root().join("assets/decisions")).unwrap() {
        let name = entry.unwrap().file_name().display().to_string();
        assert!(name == "README.md" || index.contains(&format!("({name})")), "{name} is not linked from the list");
    }
}

/// Files that `how-to-add.md` sends a reader to.
#[test]
fn the_page_how_to_add_names_files_that_exist() {
    let page = read("assets/decisions/how-to-add.md");
    let quoted = page.split('`').skip(1).step_by(2);
    let paths: Vec<&str> = quoted
        .filter(|word| ["src/", "assets/", "tests/"].iter().any(|top| word.starts_with(top)))
        .filter(|word| !word.contains(['<', ' ', '*']))
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        assert!(root().join(path).exists(), "{path}");
    }
}

#[test]
fn every_rule_has_a_runbook_that_says_something() {
    let mut files: Vec<String> = std::fs::read_dir(root().join("assets/help/rules"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().display().to_string())
        .collect();
    for rule in rules::all() {
        let file = format!("{}.md", rule.id());
        let text = read(&format!("assets/help/rules/{file}"));
        assert_eq!(text, rule.runbook(), "{file} is not what the program shows");
        assert!(text.lines().count() >= 12, "{file} is too short to help anybody at three in the morning");
        files.retain(|name| *name != file);
    }
    assert!(files.is_empty(), "runbooks without a rule: {files:?}");
}

#[test]
fn every_rule_fires_and_clears_on_the_stack_or_says_why_it_cannot() {
    let known: Vec<&str> = rules::all().iter().map(|rule| rule.id().0).collect();
    let listed: Vec<&str> = PROOFS.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(listed, known, "tests/documents/proof.rs has one line a rule, in the order of the registry");
    let mut wrong = Vec::new();
    for (rule, fires, clears) in PROOFS {
        for (what, proof, firing) in [("fires", fires, true), ("clears", clears, false)] {
            if let Err(why) = holds(rule, proof, firing) {
                wrong.push(format!("{rule} {what}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_rule_fires_in_a_scenario_and_is_over_in_one() {
    let mut wrong = Vec::new();
    for rule in rules::all().iter().map(|rule| rule.id().0) {
        for (what, firing) in [("fires", true), ("is over", false)] {
            if !scenarios().iter().any(|(name, _)| expected(rule, name, firing).is_ok()) {
                wrong.push(format!("{rule} {what} in no scenario"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn holds(rule: &str, proof: &Proof, firing: bool) -> Result<(), String> {
    match proof {
        Proof::Stack(name, function) => named(rule, &format!("tests/real/{name}.rs"), function),
        Proof::Scenario(name, because) => reason(because).and_then(|()| expected(rule, name, firing)),
    }
}

/// Whatever does not stand on the stack says why.
fn reason(because: &str) -> Result<(), String> {
    let said = because.split_whitespace().count() > 5;
    if said { Ok(()) } else { Err(format!("no reason why the stack cannot: {because:?}")) }
}

/// Whether this scenario expects the rule to fire, or to be over after it has fired.
fn expected(rule: &str, name: &str, firing: bool) -> Result<(), String> {
    if !scenarios().iter().any(|(known, _)| *known == name) {
        return Err(format!("there is no scenario {name}"));
    }
    let scenario = Scenario::named(name).map_err(|trouble| trouble.to_string())?;
    let mut expected = scenario.expectations().iter();
    let fired = expected.any(|expect| expect.alerts.iter().any(|name| name == rule));
    // Only what has fired can clear.
    let cleared = fired && expected.any(|expect| expect.quiet.iter().any(|name| name == rule));
    if fired && (firing || cleared) { Ok(()) } else { Err(format!("{name} does not expect it")) }
}

/// Whether this function is a test that names the rule.
fn named(rule: &str, file: &str, function: &str) -> Result<(), String> {
    if !root().join(file).exists() {
        return Err(format!("there is no {file}"));
    }
    let text = read(file);
    let (before, body) = text.split_once(&format!("fn {function}(")).ok_or(format!("{file} has no fn {function}"))?;
    let attribute = before.trim_end_matches("async ").trim_end().lines().next_back().unwrap_or_default();
    if !(attribute.starts_with("#[test]") || attribute.starts_with("#[tokio::test")) {
        return Err(format!("{file}: {function} is no test"));
    }
    let body = body.split("\n}\n").next().unwrap_or_default();
    let said = body.contains(&format!("\"{rule}\""));
    if said { Ok(()) } else { Err(format!("{file}: {function} does not name it")) }
}

/// What people script against: a change of it must be seen in review.
#[test]
fn the_help_of_every_command_is_the_one_in_the_files() {
    let mut golden = Vec::new();
    for (path, _) in std::iter::once(("baowatch".to_owned(), String::new())).chain(blocks::every_command_and_group()) {
        let mut words = path.split(' ');
        words.next();
        // Neither a terminal nor a variable may decide where lines break.
        let output = Command::new(env!("CARGO_BIN_EXE_baowatch"))
            .args(words)
            .arg("--help")
            .env_clear()
            .env("HOME", "/nowhere")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{path} --help");
        let name = format!("tests/help/{}.txt", path.replace(' ', "-"));
        let text = String::from_utf8(output.stdout).unwrap();
        if updating() {
            std::fs::write(root().join(&name), &text).unwrap();
        } else {
            assert_eq!(read(&name), text, "{name} is old: BAOWATCH_UPDATE=1 cargo test --test docs");
        }
        golden.push(name);
    }
    for entry in std::fs::read_dir(root().join("tests/help")).unwrap() {
        let name = format!("tests/help/{}", entry.unwrap().file_name().display());
        assert!(golden.contains(&name), "{name} belongs to no command");
    }
}

#[test]
fn the_map_in_the_crate_names_every_module() {
    let map = read("src/lib.rs");
    for layer in ["app", "backends", "programs", "views"] {
        let modules = read(&format!("src/{layer}/mod.rs"));
        for name in modules.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')) {
            assert!(map.contains(&format!("[`{layer}::{name}`]")), "src/lib.rs does not tell of {layer}::{name}");
        }
    }
}
