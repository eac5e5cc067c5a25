//! Everything known about something that the vault rotates: a static role and its consumers, leases, an issuer.

use super::Page;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::engines::{EnginesSeen, LeasesSeen, Part, PkiSeen, StaticRoleSeen};
use crate::app::rotation::{self, Arrival, Hop, Standing, Window, standing};
use crate::app::state::State;
use crate::app::state::panes::{Rotating, rotating};
use crate::app::time::{age, date_clock, quiet, spoken};
use crate::views::panes::rotation::{ends, issued, lease_words, next_words};
use crate::views::theme::{Mark, Role};

/// What the drawer says of a row of the Rotation pane.
pub(super) fn facts(state: &State, subject: &ObjectRef, page: &mut Page<'_>) {
    let seen = state.model.engines.as_ref().map(|seen| &seen.value);
    let what = rotating(state).into_iter().find(|what| what.subject() == *subject);
    if let (Some(what), Some(seen)) = (&what, seen) {
        match what {
            Rotating::Role(role, arrivals) => static_role(state, seen, role, arrivals, page),
            Rotating::Irrevocable(count) => irrevocable(*count, seen, page),
            Rotating::Issuer(pki) => issuer(state, pki, page),
            Rotating::Leases(leases) => of_prefix(state, leases, page),
        }
    }
    page.feeds(state, &[FeedId::Engines]);
}

fn static_role(state: &State, seen: &EnginesSeen, role: &StaticRoleSeen, arrivals: &[Arrival], page: &mut Page<'_>) {
    let (next, _) = next_words(role, state.now);
    let (mark, word) = match standing(role, state.now) {
        Standing::Current { .. } | Standing::Queued { .. } => (Mark::Ok, format!("rotated in time, next {next}")),
        Standing::Overdue { percent, .. } if percent < 100 => (Mark::Warn, next),
        Standing::Overdue { .. } => (Mark::Bad, next),
        Standing::Never => (Mark::Absent, next),
    };
    page.state("rotation", mark, &word);
    if let Some(at) = role.rotated {
        page.fact("last", &format!("{}, {} ago", date_clock(at), quiet(age(state.now, at))));
    }
    match (role.period, &role.schedule) {
        (Some(period), _) => page.fact("every", &spoken(period)),
        (None, Some(schedule)) => page.fact("schedule", &format!("{schedule} (UTC)")),
        (None, None) => {}
    }
    if let Some(due) = rotation::due(role) {
        page.fact("due", &date_clock(due));
    }
    page.fact("user", &role.username);
    page.fact("read", &format!("{} ago, without a password", quiet(age(state.now, role.at))));
    connection(state, seen, role, page);
    page.blank();
    page.heading("Whether it arrived");
    if let Some(why) = rotation::unseen(&state.model, state.now) {
        page.state("consumers", Mark::Unknown, &why);
    } else if arrivals.is_empty() {
        page.say(Role::Dim, "No sync object here reads this role: who else does is not in sight.");
    }
    for arrival in arrivals {
        let (mark, words) = arrived(&arrival.window);
        page.hang(mark.role(), &format!("{} ", page.look.glyph(mark)), Role::Plain, &arrival.consumer.to_string());
        page.hang(Role::Dim, "    ", mark.role(), &words);
        if arrival.sync != arrival.consumer {
            page.hang(Role::Dim, "    ", Role::Dim, &format!("through {}", arrival.sync));
        }
    }
}

fn connection(state: &State, seen: &EnginesSeen, role: &StaticRoleSeen, page: &mut Page<'_>) {
    let known = seen.connections.iter().find(|it| it.place == role.place && it.name == role.connection);
    let Some(known) = known else {
        let blind = seen.blind.iter().find(|it| it.part == Part::Connections && it.place == role.place);
        let why = blind.map_or(String::new(), |blind| format!(": {}. {}", blind.trouble.what, blind.trouble.next));
        page.fact("connection", &format!("{}{why}", role.connection));
        return;
    };
    page.fact("connection", &format!("{}, {}", known.name, known.plugin));
    let root = match known.root_rotated {
        Some(at) => format!("root credentials rotated {} ago", spoken(age(state.now, at))),
        None => "age of its root credentials unknown: the server does not say it".to_owned(),
    };
    page.fact("", &root);
}

/// The propagation window in words.
fn arrived(window: &Window) -> (Mark, String) {
    match window {
        Window::Within(took) => (Mark::Ok, format!("arrived {} after the rotation", spoken(*took))),
        Window::Arrived => (Mark::Ok, "arrived; when is not known".to_owned()),
        Window::Waiting { since, at: Hop::Operator } => {
            (Mark::Warn, format!("not arrived for {}: its operator has not fetched it", quiet(*since)))
        }
        Window::Waiting { since, at: Hop::Restart(container) } => (
            Mark::Warn,
            format!(
                "not arrived for {}: container {container} read the old one when it started, and needs a restart",
                quiet(*since)
            ),
        ),
        Window::Unseen(why) => (Mark::Unknown, format!("whether it arrived is not in sight: {why}")),
    }
}

fn irrevocable(count: u64, seen: &EnginesSeen, page: &mut Page<'_>) {
    page.state("leases", Mark::Warn, &format!("{count} cannot be revoked; the vault does not try again"));
    for (prefix, error) in &seen.irrevocable_errors {
        page.fact("under", prefix);
        page.hang(Role::Dim, &" ".repeat(12), Role::Plain, error);
    }
    if seen.irrevocable_errors.is_empty() {
        let line = "path \"sys/leases\" { capabilities = [\"read\", \"sudo\"] }";
        page.fact("errors", &format!("not in sight: allow it in a policy of the token: {line}"));
    }
}

fn issuer(state: &State, pki: &PkiSeen, page: &mut Page<'_>) {
    page.fact("issuer", &format!("{}, the default of {}", pki.issuer, pki.place.words()));
    page.fact("ends", &pki.expires.map_or_else(|| "no issuer yet".to_owned(), date_clock));
    if pki.expires.is_some() {
        page.fact("", &ends(pki.expires, state.now));
    }
    page.fact("holds", &issued(pki));
}

fn of_prefix(state: &State, leases: &LeasesSeen, page: &mut Page<'_>) {
    page.fact("leases", &format!("{} under {}", leases.count, leases.prefix));
    page.fact("next", &lease_words(leases, state.now));
    page.fact("looked up", &format!("{} of {}: the rest are counted only", leases.sampled, leases.count));
}
