//! Everything known about a key file in custody: how it stands, what is kept of it, and the command that puts it back.

use super::Page;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::state::{State, panes};
use crate::app::time::date_clock;
use crate::views::panes::keys::{ago, custody_word};
use crate::views::theme::{Mark, Role};

pub(super) fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(file) = panes::custody(state).into_iter().find(|file| file.name == subject.name) else {
        page.feeds(state, &[FeedId::Custody]);
        return;
    };
    let (mark, word) = custody_word(file, true);
    page.state("file", mark, &word);
    page.fact("belongs in", &file.path);
    found(file, page);
    permissions(file, page);
    if let Some(near) = &file.near {
        page.state("counts", Mark::Warn, &format!("no: {near}"));
    }
    page.blank();
    page.heading("Kept in the keystore");
    page.fact("version", &format!("{}, taken {}, {}", file.version, date_clock(file.kept), ago(state, file.kept)));
    page.fact("bytes", &format!("{}, fingerprint {}", file.size, file.print));
    page.blank();
    next(file, page);
    page.feeds(state, &[FeedId::Custody]);
}

fn found(file: &CustodySeen, page: &mut Page<'_>) {
    match &file.state {
        CustodyState::Same => page.fact("found", "the very bytes that are kept"),
        CustodyState::Different { print } => {
            page.fact("found", &format!("fingerprint {print}, kept is {}", file.print));
        }
        CustodyState::WrongSize { len } => page.fact("found", &format!("{len} bytes, kept are {}", file.size)),
        CustodyState::Missing => page.fact("found", "nothing"),
        CustodyState::Elsewhere { host } => page.fact("found", &format!("only {host} can look: it lies there")),
        CustodyState::Unreadable(trouble) => {
            page.trouble("found", trouble);
        }
    }
}

fn permissions(file: &CustodySeen, page: &mut Page<'_>) {
    page.fact("wanted", &format!("mode {:04o}, owner {}:{}", file.mode, file.owner.0, file.owner.1));
    let mode = file.mode_found.map(|mode| format!("mode {mode:04o}"));
    let owner = file.owner_found.map(|(uid, gid)| format!("owner {uid}:{gid}"));
    let has: Vec<String> = mode.into_iter().chain(owner).collect();
    if !has.is_empty() {
        let mark = if file.permissions().is_some() { Mark::Warn } else { Mark::Ok };
        page.state("has", mark, &has.join(", "));
    }
}

fn next(file: &CustodySeen, page: &mut Page<'_>) {
    match &file.state {
        CustodyState::Missing => {
            page.fact("put back", &format!("baowatch act run restore-custody {}", file.name));
            page.say(
                Role::Dim,
                "Before its daemon starts again: some make themselves a new key when theirs is missing.",
            );
        }
        CustodyState::Different { .. } | CustodyState::WrongSize { .. } => {
            page.fact("put back", &format!("baowatch act run restore-custody {}", file.name));
            page.fact("keep new", &format!("baowatch keys custody refresh {}", file.name));
            page.say(
                Role::Dim,
                "Which of the two is right only its daemon knows: what was encrypted under the kept bytes opens with \
                 those alone. Both ways keep the other version.",
            );
        }
        CustodyState::Same if file.permissions().is_some() => {
            page.fact("put right", &format!("baowatch act run restore-custody {}", file.name));
        }
        CustodyState::Elsewhere { host } => {
            page.fact("put back", &format!("on {host}: baowatch act run restore-custody {}", file.name));
        }
        CustodyState::Same | CustodyState::Unreadable(_) => {
            page.fact("put back", &format!("baowatch act run restore-custody {}", file.name));
        }
    }
    page.fact("versions", &format!("baowatch keys custody versions {}", file.name));
}
