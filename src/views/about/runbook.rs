//! A rule's runbook text in a drawer: paragraphs are wrapped, commands and steps keep their line.

use super::Page;
use crate::views::theme::Role;

/// What a line begins with that is to be typed as it stands.
const COMMANDS: [&str; 12] = [
    "kubectl",
    "bao",
    "vault",
    "baowatch",
    "ls",
    "ssh",
    "chmod",
    "chown",
    "stat",
    "systemctl",
    "timedatectl",
    "sha256sum",
];

/// How far a line is indented.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Text,
    Step,
    Note,
}

pub(super) fn write(text: &str, page: &mut Page<'_>) {
    // The heading above it names the rule already.
    let lines: Vec<&str> = text.lines().skip_while(|line| line.starts_with('#') || line.trim().is_empty()).collect();
    let mut paragraph: Option<(Depth, String)> = None;
    for (index, line) in lines.iter().enumerate() {
        let (words, depth) = (line.trim(), depth(line));
        if words.is_empty() {
            flush(&mut paragraph, page);
            page.blank();
            continue;
        }
        let heads = depth == Depth::Text && lines.get(index + 1).is_some_and(|next| self::depth(next) == Depth::Step);
        if heads {
            flush(&mut paragraph, page);
            page.say(Role::Dim, words);
        } else if depth != Depth::Text && is_command(words) && !midway(paragraph.as_ref()) {
            flush(&mut paragraph, page);
            let (command, note) = words.split_once("   ").unwrap_or((words, ""));
            page.hang(Role::Plain, "  ", Role::Plain, command);
            page.hang(Role::Dim, "    ", Role::Dim, note.trim());
        } else {
            match &mut paragraph {
                Some((of, so_far)) if continues(*of, so_far, depth, words) => {
                    so_far.push(' ');
                    so_far.push_str(words);
                }
                _ => {
                    flush(&mut paragraph, page);
                    paragraph = Some((depth, words.to_owned()));
                }
            }
        }
    }
    flush(&mut paragraph, page);
}

fn depth(line: &str) -> Depth {
    match line.len() - line.trim_start().len() {
        _ if line.trim().is_empty() => Depth::Text,
        0 => Depth::Text,
        1..4 => Depth::Step,
        _ => Depth::Note,
    }
}

fn is_command(words: &str) -> bool {
    let first = words.split_whitespace().next().unwrap_or_default();
    (COMMANDS.contains(&first) || first.contains("=$(")) && !words.contains(". ")
}

/// A sentence is not at its end yet: what comes next belongs to it, whatever it begins with.
fn midway(paragraph: Option<&(Depth, String)>) -> bool {
    paragraph.is_some_and(|(_, so_far)| !so_far.ends_with(['.', ':', ';']))
}

/// `1. Restart nothing.`
fn is_numbered(words: &str) -> bool {
    words.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok())
}

/// Whether a line goes on with the paragraph: what begins anew after the end of a sentence of a step is a step.
fn continues(of: Depth, so_far: &str, depth: Depth, words: &str) -> bool {
    match (of, depth) {
        (Depth::Text, Depth::Text) | (Depth::Note, Depth::Note) => true,
        (Depth::Step, Depth::Step) => {
            let ended = so_far.ends_with(['.', ':']) && !is_numbered(so_far);
            !(is_numbered(words) || ended && words.starts_with(char::is_uppercase))
        }
        // What is hung below a numbered step belongs to it.
        (Depth::Step, Depth::Note) => is_numbered(so_far),
        (Depth::Text, Depth::Step | Depth::Note)
        | (Depth::Note | Depth::Step, Depth::Text)
        | (Depth::Note, Depth::Step) => false,
    }
}

fn flush(paragraph: &mut Option<(Depth, String)>, page: &mut Page<'_>) {
    let Some((depth, words)) = paragraph.take() else { return };
    match (depth, words.split_once(". ")) {
        (Depth::Text, _) => page.say(Role::Plain, &words),
        (Depth::Step, Some((number, rest))) if is_numbered(&words) => {
            page.hang(Role::Plain, &format!("  {number}. "), Role::Plain, rest);
        }
        (Depth::Step, _) => page.hang(Role::Plain, "  ", Role::Plain, &words),
        (Depth::Note, _) => page.hang(Role::Dim, "    ", Role::Dim, &words),
    }
}
