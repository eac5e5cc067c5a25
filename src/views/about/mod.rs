//! Everything known about one thing, for the drawer and for the column beside the list: its facts, its alerts with
//! their runbook, what happened to it lately.

use ratatui::text::Line;

use super::panes::timeline;
use super::theme::{Look, Mark, Role};
use super::{fmt, sight};
use crate::app::alerts::{Alert, AlertState, Severity, rules};
use crate::app::id::ObjectRef;
use crate::app::model::sync::is_sync_kind;
use crate::app::state::State;
use crate::app::trouble::Trouble;

mod application;
mod custody;
mod kept;
mod keys;
mod namespace;
mod node;
mod replica;
mod rotation;
mod runbook;
mod secret;
mod sync;
mod token;
mod vault;
mod workload;

/// Lines of at most `room` columns about `subject`.
pub fn lines(state: &State, look: &Look, subject: &ObjectRef, room: usize) -> Vec<Line<'static>> {
    let mut page = Page { look, room, lines: Vec::new() };
    let alerts: Vec<&Alert> = state.alerts.all().iter().filter(|alert| alert.subject == *subject).collect();
    for alert in &alerts {
        page.alert(state, alert);
        page.blank();
    }
    let before = page.lines.len();
    facts(state, subject, &mut page);
    if page.lines.len() == before {
        page.say(Role::Dim, "Nothing more is known about it.");
    }
    let lately: Vec<_> = state.model.timeline.newest_first().filter(|m| m.subject == *subject).take(8).collect();
    if !lately.is_empty() {
        page.blank();
        page.heading("Lately");
        for moment in lately {
            let mark = timeline::mark(moment.tone);
            let lead = format!("{} {} ", fmt::when(state.now, moment.at), look.glyph(mark));
            page.hang(Role::Dim, &lead, Role::Plain, &moment.says);
            if !moment.detail.is_empty() {
                page.hang(Role::Dim, &" ".repeat(fmt::width(&lead)), Role::Dim, &moment.detail);
            }
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for alert in &alerts {
        if told.contains(&alert.rule.0) {
            continue;
        }
        told.push(alert.rule.0);
        if let Some(rule) = rules::all().iter().find(|rule| rule.id() == alert.rule) {
            page.blank();
            page.heading(&format!("Runbook: {}", alert.rule));
            runbook::write(rule.runbook(), &mut page);
        }
    }
    page.lines
}

fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    if state.model.replica(&subject.name).is_some() && matches!(subject.kind.as_str(), "Pod" | "Replica" | "Member") {
        replica::facts(state, &subject.name, page);
        return;
    }
    match subject.kind.as_str() {
        "Secret" if !of_the_vault(state, subject) => secret::facts(state, subject, page),
        "Secret" => keys::secret(state, subject, page),
        "Proof" => keys::proofs(state, page),
        "Keystore" => kept::keystore(state, subject, page),
        "Copy" => kept::copy(state, subject, page),
        "Holding" => kept::holding(state, subject, page),
        "ConfigMap" => kept::register(state, subject, page),
        kind if is_sync_kind(kind) => sync::facts(state, subject, page),
        "Node" => node::facts(state, subject, page),
        "Token" => token::facts(state, subject, page),
        "StaticRole" | "Leases" | "Issuer" => rotation::facts(state, subject, page),
        "KeyFile" => custody::facts(state, subject, page),
        "Application" => application::facts(state, subject, page),
        "Deployment" | "StatefulSet" | "DaemonSet" | "Rollout" => workload::facts(state, subject, page),
        "Namespace" => namespace::facts(state, &subject.name, page),
        "Advisory" => namespace::advisory(&subject.name, page),
        _ => {}
    }
    let unsealers = state.model.unsealers.iter().flat_map(|seen| seen.value.found.iter());
    for unsealer in unsealers.filter(|unsealer| unsealer.object == *subject) {
        keys::unsealer(unsealer, page);
    }
    if *subject == state.model.vault_ref() {
        vault::facts(state, page);
    }
}

/// Whether this Secret is, or may be, the one with the keys.
fn of_the_vault(state: &State, subject: &ObjectRef) -> bool {
    match &state.model.keys {
        Some(keys) => keys.value.object() == subject,
        None => state.model.workload().is_some_and(|vault| vault.namespace == subject.namespace),
    }
}

/// A page that is being written.
struct Page<'a> {
    look: &'a Look,
    room: usize,
    lines: Vec<Line<'static>>,
}

/// Columns of a label.
const LABEL: usize = 12;

impl Page<'_> {
    fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.spans.is_empty()) {
            self.lines.push(Line::default());
        }
    }

    fn heading(&mut self, text: &str) {
        self.lines.push(Line::from(vec![self.look.span(Role::Title, text)]));
    }

    fn say(&mut self, role: Role, text: &str) {
        self.hang(role, "", role, text);
    }

    /// Wrapped text with something in front of its first line.
    fn hang(&mut self, lead_role: Role, lead: &str, role: Role, text: &str) {
        let wide = fmt::width(lead);
        for (index, line) in fmt::wrap(text, self.room.saturating_sub(wide)).into_iter().enumerate() {
            let lead = if index == 0 { lead.to_owned() } else { " ".repeat(wide) };
            self.lines.push(Line::from(vec![self.look.span(lead_role, lead), self.look.span(role, line)]));
        }
    }

    /// A label and its value; nothing if there is no value.
    fn fact(&mut self, label: &str, value: &str) {
        let label = format!("{} ", fmt::left(label, LABEL - 1));
        self.hang(Role::Dim, &label, Role::Plain, value);
    }

    /// A label, then glyph and word.
    fn state(&mut self, label: &str, mark: Mark, word: &str) {
        let label = format!("{} ", fmt::left(label, LABEL - 1));
        self.hang(Role::Dim, &label, mark.role(), &format!("{} {word}", self.look.glyph(mark)));
    }

    /// What happened, why, and what to do next.
    fn trouble(&mut self, label: &str, trouble: &Trouble) {
        self.fact(label, &trouble.what);
        self.fact("", &trouble.why);
        self.hang(Role::Accent, "          → ", Role::Plain, &trouble.next);
    }

    fn feeds(&mut self, state: &State, feeds: &[crate::app::id::FeedId]) {
        let told = sight::told(state, self.look, feeds, self.room);
        if !told.is_empty() {
            self.blank();
            self.lines.extend(told);
        }
    }

    fn alert(&mut self, state: &State, alert: &Alert) {
        let mark = alert_mark(alert);
        let since = fmt::when(state.now, alert.since);
        let head = format!("{} {} {}, since {since}", self.look.glyph(mark), alert.rule, alert_word(alert));
        self.say(mark.role(), &head);
        self.hang(Role::Dim, "  ", Role::Title, &alert.sentence);
        self.hang(Role::Dim, "  ", Role::Plain, &alert.why);
        self.hang(Role::Accent, "  → ", Role::Plain, &alert.next);
    }
}

/// The mark of an alert: what is seen to be wrong keeps its colour, what somebody has seen to is quiet.
pub const fn alert_mark(alert: &Alert) -> Mark {
    match (alert.state, alert.severity) {
        (AlertState::Unknown, _) => Mark::Unknown,
        (AlertState::Acknowledged | AlertState::Silenced, _) | (_, Severity::Info) => Mark::Absent,
        (AlertState::Firing | AlertState::Pending, Severity::Critical) => Mark::Bad,
        (AlertState::Firing | AlertState::Pending, Severity::Warning) => Mark::Warn,
    }
}

/// `critical`, or what somebody has said about it.
pub fn alert_word(alert: &Alert) -> String {
    match alert.state {
        AlertState::Firing => alert.severity.word().to_owned(),
        AlertState::Pending | AlertState::Unknown | AlertState::Acknowledged | AlertState::Silenced => {
            format!("{} {}", alert.severity.word(), alert.state.word())
        }
    }
}
