//! Alerts that began and that ended, on the timeline: what happened before what.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::app::alerts::Severity;
use crate::app::alerts::book::Turn;
use crate::app::id::RuleId;
use crate::app::model::Model;
use crate::app::model::timeline::{Moment, Tone};
use crate::app::text::count;
use crate::app::time::quiet;

/// More of one rule at once are one line: an operator that stops takes thousands of objects with it.
const EACH: usize = 3;

/// Rules about what has lines of its own, with its own words.
const TOLD: [&str; 7] = ["vault-sealed", "vault-un", "vault-no", "keys-", "keystore-", "custody-", "feed-"];

/// Writes them down.
pub(super) fn tell(model: &mut Model, turns: Vec<Turn>, now: Timestamp) {
    let mut alike: BTreeMap<(RuleId, bool), Vec<Turn>> = BTreeMap::new();
    for turn in turns.into_iter().filter(|turn| !TOLD.iter().any(|told| turn.rule.0.starts_with(told))) {
        alike.entry((turn.rule, turn.over.is_none())).or_default().push(turn);
    }
    for ((rule, begins), turns) in alike {
        if turns.len() <= EACH {
            turns.into_iter().map(|turn| line(turn, now)).for_each(|line| model.timeline.push(line));
            continue;
        }
        let names: Vec<String> = turns.iter().take(EACH).map(|turn| turn.subject.path()).collect();
        let worst = turns.iter().map(|turn| turn.severity).min();
        let all = count(turns.len(), "object");
        let says = if begins { format!("{rule} fires for {all}") } else { format!("{rule} cleared for {all}") };
        model.timeline.push(Moment {
            at: now,
            subject: model.vault_ref(),
            says,
            detail: format!("{}, …", names.join(", ")),
            tone: worst.filter(|_| begins).map_or(Tone::Plain, tone),
        });
    }
}

fn line(turn: Turn, now: Timestamp) -> Moment {
    let (says, detail, tone) = match turn.over {
        None => (turn.sentence, turn.rule.to_string(), tone(turn.severity)),
        Some(lasted) => {
            (format!("cleared: {}", turn.sentence), format!("{} after {}", turn.rule, quiet(lasted)), Tone::Plain)
        }
    };
    Moment { at: now, subject: turn.subject, says, detail, tone }
}

const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Critical => Tone::Grave,
        Severity::Warning => Tone::Notable,
        Severity::Info => Tone::Plain,
    }
}
