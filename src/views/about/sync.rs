//! Everything known about an object that brings secrets: where from, how often, what its operator says of it and what the
//! vault holds.

use jiff::Timestamp;

use super::Page;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::auths::Merged;
use crate::app::model::paths::{EngineKind, PathState, VaultPath};
use crate::app::model::sync::{Condition, EventSeen, SyncDetail, SyncKind, SyncSeen, SyncWindows};
use crate::app::state::State;
use crate::app::sync::windows::{Open, open, readable};
use crate::app::sync::{Witnesses, judge};
use crate::app::text::count;
use crate::app::time::{age, quiet, spoken};
use crate::views::panes::sync::{FEEDS, budget, lag, mark, process};
use crate::views::theme::{Mark, Role};
use crate::views::{fmt, sight};

/// Objects that go through a store or a login, of which so many are named.
const USERS: usize = 12;

/// Events that are shown: the newest.
const EVENTS: usize = 8;

pub(super) fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let Some(seen) = state.model.sync.as_ref().and_then(|table| table.get(subject)) else {
        page.feeds(state, FEEDS);
        return;
    };
    let standing = judge(&state.model, seen, state.now);
    let lag = lag(&standing);
    let behind = if lag.is_empty() { String::new() } else { format!(", {lag}") };
    page.state("state", mark(&standing), &format!("{}{behind}", standing.word.name()));
    page.fact("because", &standing.why);
    page.fact("also", standing.also.as_deref().unwrap_or_default());
    if let Some(at) = standing.looked {
        page.fact("looked at", &ago(state, at));
    }
    page.blank();
    object(state, seen, page);
    page.blank();
    if seen.kind != SyncKind::Generator {
        page.heading("In the vault");
        vault(state, seen, page);
        page.blank();
        page.heading("As the operator wrote it");
        conditions(state, seen, page);
    }
    operator(state, seen, page);
    events(state, seen, page);
    page.feeds(state, FEEDS);
}

fn ago(state: &State, at: Timestamp) -> String {
    let when = fmt::when(state.now, at);
    if when.ends_with("ago") { when } else { format!("{when}, {} ago", quiet(age(state.now, at))) }
}

fn object(state: &State, seen: &SyncSeen, page: &mut Page<'_>) {
    let detail = &seen.detail;
    match (seen.kind, &detail.generator) {
        (SyncKind::Generator, Some((kind, _))) => page.fact("kind", &format!("ClusterGenerator of kind {kind}")),
        (SyncKind::Generator, None) => page.fact("kind", &format!("generator ({})", seen.object.kind)),
        _ => page.fact("kind", seen.kind.name()),
    }
    if let Some(created) = seen.created {
        page.fact("created", &ago(state, created));
    }
    page.fact("Secret", &seen.secret.as_ref().map(ObjectRef::path).unwrap_or_default());
    if seen.secret.is_some() && !detail.creates {
        page.fact("", "is not made by it: it must be there");
    }
    used(state, seen, page);
    login(state, seen, page);
    cadence(state, seen, page);
    let restarts: Vec<String> = detail.restarts.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
    page.fact("restarts", &restarts.join(", "));
    if let Some((kind, name)) = detail.generator.as_ref().filter(|_| seen.kind != SyncKind::Generator) {
        page.fact("generator", &format!("{kind} {name}: a new value at every refresh"));
    }
}

/// How it logs in, with what a VaultAuthGlobal adds.
fn login(state: &State, seen: &SyncSeen, page: &mut Page<'_>) {
    let merged = state.model.login(&seen.object).filter(|_| seen.kind == SyncKind::VaultAuth);
    let own = seen.detail.login.as_deref().cloned();
    let said = merged.as_ref().map(Merged::said).or(own).unwrap_or_default();
    let role = if said.role.is_empty() { String::new() } else { format!(" as role {}", said.role) };
    if !said.mount.is_empty() {
        page.fact("logs in", &format!("at {}{role}", said.mount));
    }
    match &said.account {
        Some((namespace, name)) if namespace.is_empty() => {
            page.fact("", &format!("with ServiceAccount {name} of whoever goes through it"));
        }
        Some((namespace, name)) => page.fact("", &format!("with ServiceAccount {namespace}/{name}")),
        None => {}
    }
    let Some(login) = merged else { return };
    page.fact("namespace", &login.namespace);
    page.fact("takes from", &login.global.as_ref().map(ToString::to_string).unwrap_or_default());
}

/// What it goes through, and what goes through it.
fn used(state: &State, seen: &SyncSeen, page: &mut Page<'_>) {
    let witnesses = Witnesses::alone(&state.model, state.now);
    for (index, way) in witnesses.ways(seen).into_iter().enumerate() {
        let pushed = seen.kind == SyncKind::PushSecret && seen.detail.pushed.contains(&way);
        let pushed = if pushed { ": something was pushed there" } else { "" };
        page.fact(if index == 0 { "through" } else { "" }, &format!("{way}{pushed}"));
    }
    if !seen.kind.is_way() {
        return;
    }
    let users = witnesses.users(&seen.object);
    for (index, user) in users.iter().take(USERS).enumerate() {
        page.fact(if index == 0 { "used by" } else { "" }, &user.object.to_string());
    }
    match users.len().saturating_sub(USERS) {
        0 if users.is_empty() => page.fact("used by", "nothing in sight"),
        0 => {}
        more => page.fact("", &format!("and {}", count(more, "other"))),
    }
}

fn cadence(state: &State, seen: &SyncSeen, page: &mut Page<'_>) {
    let detail = &seen.detail;
    match seen.refresh {
        Some(every) if every.is_zero() => page.fact("cadence", "0: read once, and again when its spec changes"),
        Some(every) => page.fact("cadence", &format!("every {}", spoken(every))),
        None if seen.secret.is_some() => page.fact("cadence", "not set"),
        None => {}
    }
    page.fact("policy", detail.policy.as_deref().unwrap_or_default());
    if let Some(windows) = &detail.windows {
        windowed(state, windows, page);
    }
    if let Some(version) = detail.pinned {
        page.fact("pinned", &format!("to version {version}"));
    }
    if detail.hmac == Some(false) {
        page.fact("hmac", "off: what is edited in the Secret is not noticed");
    }
    moments(state, detail, page);
}

/// When it may be read, and when it may not.
fn windowed(state: &State, windows: &SyncWindows, page: &mut Page<'_>) {
    for (index, window) in windows.each.iter().enumerate() {
        let label = match (index, windows.deny) {
            (0, false) => "read within",
            (0, true) => "not within",
            (_, _) => "",
        };
        let ignored = if readable(window) { "" } else { ": no schedule, the operator ignores it" };
        page.fact(label, &format!("{} UTC, for {}{ignored}", window.schedule, spoken(window.lasts)));
    }
    let when = |at| fmt::when(state.now, at);
    let (mark, words) = match open(windows, state.now) {
        None => (Mark::Warn, "never: they leave no time to read it".to_owned()),
        Some(Open { from, until }) if from <= state.now => {
            (Mark::Ok, until.map_or("at any time".to_owned(), |until| format!("now, until {}", when(until))))
        }
        Some(Open { from, .. }) => (Mark::Absent, format!("not now; from {} on", when(from))),
    };
    page.state("may be read", mark, &words);
}

fn moments(state: &State, detail: &SyncDetail, page: &mut Page<'_>) {
    if let Some(at) = detail.refreshed {
        page.fact("refreshed", &ago(state, at));
    }
    if let Some(at) = detail.renewed {
        let lease = detail.lease.map(|lease| format!(", for {}", spoken(lease))).unwrap_or_default();
        page.fact("renewed", &format!("{}{lease}", ago(state, at)));
    }
    if let Some(at) = detail.rotated {
        let period = detail.rotation_period.map(|period| format!(", every {}", spoken(period))).unwrap_or_default();
        page.fact("rotated", &format!("{}{period}", ago(state, at)));
    }
    if let Some(at) = detail.expires {
        page.fact("expires", &fmt::when(state.now, at));
    }
    if let Some(at) = detail.deleting {
        page.state("deletion", Mark::Warn, &format!("asked for {}, its finalizer holds it", ago(state, at)));
    }
}

fn vault(state: &State, seen: &SyncSeen, page: &mut Page<'_>) {
    let placed = state.model.places(seen);
    if placed.is_empty() {
        let keys: Vec<&str> =
            seen.sources.iter().map(|path| path.path.as_str()).filter(|key| !key.is_empty()).collect();
        page.say(Role::Dim, if keys.is_empty() { "It names no place there." } else { "Its store is not in sight." });
        page.fact("keys", &keys.join(", "));
    }
    for path in &placed {
        let (mark, words) = held(state, path);
        page.hang(Role::Plain, "", Role::Plain, &path.words());
        page.hang(Role::Dim, "  ", mark.role(), &format!("{} {words}", page.look.glyph(mark)));
    }
    if let Some(paths) = state.model.paths.as_ref().filter(|_| placed.iter().any(|path| path.engine == EngineKind::Kv2))
    {
        page.fact("asked", &budget(state, &paths.value).1);
    }
}

fn held(state: &State, path: &VaultPath) -> (Mark, String) {
    let unread = match path.engine {
        EngineKind::Kv1 => Some("KV version 1 tells no times and no versions"),
        EngineKind::Dynamic => Some("leased or rotated: see Rotation"),
        EngineKind::Pki => Some("certificates are issued, nothing lies there"),
        EngineKind::Other => Some("its kind of engine is not known"),
        EngineKind::Kv2 => None,
    };
    if let Some(why) = unread {
        return (Mark::Absent, why.to_owned());
    }
    let Some(known) = state.model.paths.as_ref().and_then(|seen| seen.value.get(path)) else {
        // Without a token nobody will ask.
        let blind = sight::blindness(state, FeedId::Paths).and_then(|blind| blind.trouble);
        let words = blind.map_or_else(|| "not asked yet".to_owned(), |trouble| format!("not asked: {}", trouble.what));
        return (Mark::Unknown, words);
    };
    let asked = format!("asked {} ago", quiet(age(state.now, known.at)));
    match &known.found {
        Err(trouble) => (Mark::Unknown, format!("{}: {} ({asked})", trouble.what, trouble.why)),
        Ok(PathState::Absent) => (Mark::Bad, format!("nothing was ever written there ({asked})")),
        Ok(PathState::Present { version, destroyed: true, .. }) => {
            (Mark::Bad, format!("version {version} was destroyed ({asked})"))
        }
        Ok(PathState::Present { version, deleted: Some(at), .. }) => {
            (Mark::Bad, format!("version {version} was deleted {} ({asked})", ago(state, *at)))
        }
        Ok(PathState::Present { version, updated, deleted: None, destroyed: false }) => {
            let updated = updated.map(|at| format!(", written {}", ago(state, at))).unwrap_or_default();
            (Mark::Ok, format!("version {version}{updated} ({asked})"))
        }
    }
}

fn conditions(state: &State, seen: &SyncSeen, page: &mut Page<'_>) {
    if seen.conditions.is_empty() {
        page.say(Role::Dim, "No condition: it was never picked up, or its operator is older than conditions.");
    }
    for condition in &seen.conditions {
        let (mark, head) = written(state, condition);
        page.hang(mark.role(), &format!("{} ", page.look.glyph(mark)), Role::Plain, &head);
        page.hang(Role::Dim, "  ", Role::Dim, &condition.message);
    }
    if let Some(error) = &seen.detail.error {
        page.hang(Role::Dim, "error ", Role::Plain, error);
    }
}

/// What a condition says is shown as said: what to believe of it stands at the top.
fn written(state: &State, condition: &Condition) -> (Mark, String) {
    let mark = match condition.status.as_str() {
        "True" => Mark::Ok,
        "False" => Mark::Warn,
        _ => Mark::Unknown,
    };
    let at = condition.at.map(|at| format!(", {}", ago(state, at))).unwrap_or_default();
    (mark, format!("{} {} ({}){at}", condition.kind, condition.status, condition.reason))
}

fn operator(state: &State, seen: &SyncSeen, page: &mut Page<'_>) {
    let operator = seen.kind.operator();
    let Some(operators) = &state.model.operators else { return };
    page.blank();
    let mut found = operators.value.found.iter().filter(|one| one.operator == operator).peekable();
    if found.peek().is_none() {
        page.state("operator", Mark::Warn, &format!("no Deployment of the {} is in sight", operator.name()));
    }
    for one in found {
        let (mark, words) = process(state, one);
        page.state("operator", mark, &words);
    }
}

fn events(state: &State, seen: &SyncSeen, page: &mut Page<'_>) {
    let Some(operators) = &state.model.operators else { return };
    let about: Vec<&EventSeen> =
        operators.value.events.iter().rev().filter(|event| event.object == seen.object).take(EVENTS).collect();
    if about.is_empty() {
        return;
    }
    page.blank();
    page.heading("Its Events of the last hour");
    for event in about {
        let mark = if event.warning { Mark::Warn } else { Mark::Absent };
        let at = event.last.map(|at| fmt::when(state.now, at)).unwrap_or_default();
        let times = if event.count > 1 { format!(" {}×", event.count) } else { String::new() };
        page.hang(
            Role::Dim,
            &format!("{at} {} ", page.look.glyph(mark)),
            Role::Plain,
            &format!("{}{times}", event.reason),
        );
        page.hang(Role::Dim, "  ", Role::Dim, &event.message);
    }
}
