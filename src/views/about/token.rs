//! Everything known about a token: who it is, how long it lasts and what ends it, what it may do, and the file it lies in.

use std::collections::BTreeMap;

use super::Page;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::tokens::{TokenAnswer, TokenOrigin, TokenSays, TokenSeen};
use crate::app::state::{State, panes};
use crate::app::time::{age, date_clock, quiet, spoken};
use crate::app::tokens;
use crate::views::panes::tokens::{mark, uses};
use crate::views::theme::{Mark, Role};

pub(super) fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(token) = panes::token(state, &subject.name) else {
        page.feeds(state, &[FeedId::Tokens]);
        return;
    };
    let (grade, why) = tokens::standing(&state.model, token, state.now);
    page.state("token", mark(grade), if why.is_empty() { "as it should be" } else { &why });
    page.fact(
        "from",
        match &token.origin {
            TokenOrigin::Own if token.file.is_none() => "the environment; what this program asks with",
            TokenOrigin::Own => "vault.tokenFile; what this program asks with",
            TokenOrigin::File(_) => "a file that the configuration lists",
            TokenOrigin::KeysSecret => "the keys Secret; looked at, never used for anything else",
        },
    );
    match &token.answer {
        TokenAnswer::Says(says) => {
            who(state, token, says, page);
            lasts(state, token, says, page);
            may(token, says, page);
        }
        TokenAnswer::Dead => page.fact("vault", "does not accept it: expired, revoked, used up or of another vault"),
        TokenAnswer::NoToken(trouble) | TokenAnswer::Unseen(trouble) => {
            page.trouble("because", trouble);
        }
    }
    file(state, token, page);
    page.fact("asked", &format!("{} ago", quiet(age(state.now, token.at))));
    page.feeds(state, &[FeedId::Tokens]);
}

fn who(state: &State, token: &TokenSeen, says: &TokenSays, page: &mut Page<'_>) {
    page.fact("is", &says.display_name);
    if let Some(drift) = tokens::drift(&state.model, token).filter(|_| token.origin != TokenOrigin::KeysSecret) {
        page.state("but", if drift.certain { Mark::Bad } else { Mark::Warn }, &drift.was);
    }
    let orphan = if says.orphan { "orphan" } else { "ends with its parent" };
    page.fact("kind", &format!("{} {}, {orphan}", says.sort(), says.kind));
    let made = says.created.map(|at| format!("{} by {}", date_clock(at), says.made_by));
    page.fact("made", &made.unwrap_or_default());
    page.fact("policies", &says.policies.join(", "));
    page.fact("entity", &says.entity);
}

fn lasts(state: &State, token: &TokenSeen, says: &TokenSays, page: &mut Page<'_>) {
    page.blank();
    page.heading("Lasts");
    page.fact("left", &tokens::lasts(token, says, state.now));
    let renewed = match (says.renewed, says.renewable) {
        (Some(at), _) => format!("{}, {} ago", date_clock(at), quiet(age(state.now, at))),
        (None, true) => "never".to_owned(),
        (None, false) => "cannot be".to_owned(),
    };
    page.fact("renewed", &renewed);
    page.fact("period", &says.period.map(spoken).unwrap_or_default());
    page.fact("at most", &says.explicit_max_ttl.map(|most| format!("{} in all", spoken(most))).unwrap_or_default());
    page.fact("cap", &token.cap.map(|cap| format!("{} (max_lease_ttl)", spoken(cap))).unwrap_or_default());
    if let Some(capped) = tokens::capped(token, says) {
        page.state("so it", Mark::Warn, &capped.says);
        page.fact("", &capped.why);
    }
    if says.uses_left > 0 {
        let spends = if token.origin == TokenOrigin::Own {
            "all that this program asks spends them"
        } else {
            "looking at it spends none"
        };
        page.fact("uses", &format!("{}; {spends}", uses(says)));
    }
}

fn may(token: &TokenSeen, says: &TokenSays, page: &mut Page<'_>) {
    let wants = &token.wants;
    if wants.needs.is_empty() && wants.asks.is_empty() {
        return;
    }
    page.blank();
    page.heading("May, as the vault answers");
    let Some(has) = &says.capabilities else {
        page.say(Role::Dim, "Not asked: its uses are counted, and asking would spend one.");
        return;
    };
    let mut list = |wanted: &BTreeMap<String, Vec<String>>, lack: Mark| {
        let lacks = tokens::lacking(says, wanted).unwrap_or_default();
        for path in wanted.keys() {
            let may =
                has.get(path).filter(|caps| !caps.is_empty()).map_or("nothing".to_owned(), |caps| caps.join(", "));
            match lacks.get(path) {
                None => page.state("", Mark::Ok, &format!("{path}: {may}")),
                Some(lacks) => page.state("", lack, &format!("{path}: {may}; lacks {}", lacks.join(", "))),
            }
        }
    };
    list(&wants.needs, Mark::Bad);
    list(&wants.asks, Mark::Absent);
}

fn file(state: &State, token: &TokenSeen, page: &mut Page<'_>) {
    let Some(file) = &token.file else { return };
    page.blank();
    page.heading("File");
    page.fact("path", &file.path);
    let (owner, ours) = file.owner;
    let whose = if owner == ours { "ours".to_owned() } else { format!("uid {owner}, this is uid {ours}") };
    let mark = if file.permissions().is_some() { Mark::Warn } else { Mark::Ok };
    page.state("mode", mark, &format!("{:04o}, {whose}", file.mode));
    let written = file.modified.map(|at| format!("{}, {} ago", date_clock(at), quiet(age(state.now, at))));
    page.fact("written", &written.unwrap_or_default());
}
