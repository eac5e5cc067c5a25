//! The shape of the code, held by reading it: who may import whom, where the clock lives, how long a file may grow.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

use std::path::{Path, PathBuf};

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Lines of code: without comments and without the unit tests at the end of the file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(index, line)| (index + 1, line))
    }

    /// Lines of code that name any of these.
    fn naming<'a>(&'a self, words: &'a [&'a str]) -> impl Iterator<Item = String> + 'a {
        self.code()
            .filter(|(_, line)| words.iter().any(|word| line.contains(word)))
            .map(|(number, line)| format!("{}:{number}: {}", self.path, line.trim()))
    }
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

fn sources(under: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(under), &mut paths);
    assert!(!paths.is_empty(), "nothing under {under}");
    paths
        .into_iter()
        .map(|path| Source {
            path: path.strip_prefix(root).unwrap().display().to_string(),
            text: std::fs::read_to_string(&path).unwrap(),
        })
        .collect()
}

fn offenders(under: &str, words: &[&str], except: &[&str]) -> Vec<String> {
    sources(under)
        .iter()
        .filter(|source| !except.iter().any(|prefix| source.path.starts_with(prefix)))
        .flat_map(|source| source.naming(words).collect::<Vec<_>>())
        .collect()
}

fn assert_none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn the_core_names_neither_views_nor_backends_nor_programs() {
    let words = ["crate::views", "crate::backends", "crate::programs"];
    assert_none("src/app imports outward", offenders("src/app", &words, &[]));
}

#[test]
fn views_and_backends_do_not_know_each_other_nor_the_programs() {
    assert_none("views import", offenders("src/views", &["crate::backends", "crate::programs"], &[]));
    assert_none("backends import", offenders("src/backends", &["crate::views", "crate::programs"], &[]));
}

#[test]
fn the_core_is_pure_outside_runtime_and_config() {
    let words = [
        "Timestamp::now",
        "SystemTime",
        "Instant",
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "tokio::",
        "reqwest",
        "kube::",
        "k8s_openapi",
        "getrandom",
        "println!",
        "eprintln!",
    ];
    let found = offenders("src/app", &words, &["src/app/runtime/", "src/app/config/"]);
    assert_none("clock or I/O in the core", found);
}

#[test]
fn only_confirmed_plans_become_acts_and_only_hands_perform_them() {
    assert_none(
        "an Act is built outside the run",
        offenders("src", &["Act {"], &["src/app/runbook/run.rs", "src/app/runbook/op.rs"]),
    );
    assert_none("a Confirmed is built outside", offenders("src", &["Confirmed("], &["src/app/runbook/confirm.rs"]));
    let writers = offenders("src", &["BaoWrite"], &["src/backends/bao/", "src/backends/hands"]);
    assert_none("a vault is written to outside the hands", writers);
    // Verbs that change a cluster, on any client of Kubernetes.
    let verbs = [".create(&", ".patch(", ".replace(", ".delete(", ".delete_collection(", "Api::evict", ".restart("];
    // The keeper replaces a file, not an object.
    let allowed = ["src/backends/sandbox/", "src/backends/kube/review.rs", "src/backends/keystore/keeper.rs"];
    let found: Vec<String> = offenders("src/backends", &verbs, &allowed)
        .into_iter()
        // A review is created, not stored: the API server answers it and forgets it.
        .filter(|line| !line.contains("PostParams") && !line.contains(".replace([") && !line.contains(".replace('"))
        .collect();
    assert_none("Kubernetes is written to", found);
    // The one writing client, and who may hold it: the hands, the copies they write, and who wires them.
    let raw = offenders("src", &["Request::patch(", "patch/+"], &["src/backends/kube/apply.rs"]);
    assert_none("an apply outside its file", raw);
    let holders = [
        "src/backends/kube/",
        "src/backends/hands",
        "src/backends/copies/",
        "src/backends/sandbox/apply.rs",
        "src/programs/session.rs",
        "src/programs/stage.rs",
    ];
    assert_none("a cluster is written to outside the hands", offenders("src", &["dyn KubeWrite"], &holders));
}

#[test]
fn a_file_answers_one_question_and_says_which() {
    let mut long = Vec::new();
    let mut mute = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let lines = source.text.lines().count();
        if lines > 500 {
            long.push(format!("{}: {lines} lines", source.path));
        }
        if !source.text.starts_with("//!") {
            mute.push(source.path.clone());
        }
    }
    assert_none("files over 500 lines", long);
    assert_none("files that do not say what a reader comes for", mute);
}

#[test]
fn no_room_for_leftovers() {
    for source in sources("src").iter().chain(&sources("tests")) {
        let stem = Path::new(&source.path).file_stem().unwrap().to_string_lossy().into_owned();
        assert!(!["utils", "helpers", "common", "misc"].contains(&stem.as_str()), "{}", source.path);
    }
}

/// A relative path in what is written for readers leads to nothing that is in the repository.
fn climbs_out(root: &Path, path: &str, line: &str) -> bool {
    let text = line.trim_start();
    let document = Path::new(path).extension().is_some_and(|kind| kind == "md");
    if !document && !["//", "#", "*"].iter().any(|comment| text.starts_with(comment)) {
        return false;
    }
    let folder = root.join(path).parent().unwrap().to_path_buf();
    let root = root.canonicalize().unwrap();
    line.match_indices("../").any(|(at, _)| {
        let begins = !line[..at].ends_with(|c: char| c == '.' || c == '/' || c.is_alphanumeric());
        let rest = &line[at..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "./_-".contains(c))).unwrap_or(rest.len());
        let there = folder.join(rest[..end].trim_end_matches('.')).canonicalize();
        begins && !there.is_ok_and(|there| there.starts_with(&root))
    })
}

/// A document is named here that the repository does not have.
fn names_a_stranger(tracked: &str, line: &str) -> bool {
    line.match_indices(".md").any(|(at, _)| {
        let name = line[..at].rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next().unwrap();
        let shouted = name.len() > 2 && name.chars().all(|c| c.is_ascii_uppercase());
        // How-tos say NAME for whatever is to be put there.
        shouted && name != "NAME" && !tracked.lines().any(|path| path.ends_with(&format!("{name}.md")))
    })
}

#[test]
fn the_project_stands_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tracked = std::process::Command::new("git").args(["ls-files"]).current_dir(root).output().unwrap();
    let mut found = Vec::new();
    let tracked = String::from_utf8_lossy(&tracked.stdout);
    for path in tracked.lines() {
        let Ok(text) = std::fs::read_to_string(root.join(path)) else { continue };
        for (index, line) in text.lines().enumerate() {
            if climbs_out(root, path, line) || names_a_stranger(&tracked, line) {
                found.push(format!("{path}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    assert_none("refers to what lies outside the repository", found);
}
