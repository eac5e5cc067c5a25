//! What stands below the replicas: namespaces with their own seals, raft's tolerance, the audit trail, snapshots, what is
//! known of this version.

use ratatui::text::{Line, Span};

use super::{Entry, Room};
use crate::app::advisories::{Concern, Kind, concerning};
use crate::app::alerts::Severity;
use crate::app::estate;
use crate::app::id::FeedId;
use crate::app::model::estate::{EstateSeen, NamespaceSeen};
use crate::app::raft::{self, InSight, Tolerance};
use crate::app::state::State;
use crate::app::text::count;
use crate::app::time::quiet;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::views::table::{Cell, Column, lay};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// The feeds beside the replicas' own.
pub const BESIDE: [FeedId; 2] = [FeedId::Raft, FeedId::Estate];

/// Entries that a replica is behind the others; nothing while it keeps up.
pub(super) fn lag(state: &State, replica: &str) -> Cell {
    let InSight::Here(seen) = raft::raft(&state.model, state.now) else { return Cell::empty() };
    let (warning, _) = state.model.expect.limits("raft-lag", 1_000, 10_000);
    match raft::behind(seen, replica) {
        // A follower is a few entries behind at every write: that is no news, and it would never stand still.
        None | Some(0..100) => Cell::empty(),
        Some(lag) if lag < warning => Cell::new(Role::Dim, format!("{} behind", lag / 100 * 100)),
        Some(lag) => Cell::new(Role::Warn, format!("{lag} behind")),
    }
}

/// Raft can lose no further replica.
pub(super) fn spent(state: &State) -> bool {
    let InSight::Here(seen) = raft::raft(&state.model, state.now) else { return false };
    let view = seen.cluster.as_ref().ok();
    view.is_some_and(|view| {
        matches!(raft::tolerance(view, state.model.replicas.len()), Tolerance::Nothing { .. } | Tolerance::Untold)
    })
}

/// `✓ raft tolerates 1`, for the summary's line.
pub(super) fn tolerance(state: &State, look: &Look) -> Vec<Span<'static>> {
    let InSight::Here(seen) = raft::raft(&state.model, state.now) else { return Vec::new() };
    let Ok(view) = &seen.cluster else { return Vec::new() };
    let tolerance = raft::tolerance(view, state.model.replicas.len());
    let mark = match &tolerance {
        Tolerance::Single | Tolerance::Untold => Mark::Absent,
        Tolerance::Loses(_) => Mark::Ok,
        Tolerance::Nothing { sick, .. } if sick.is_empty() => Mark::Warn,
        Tolerance::Nothing { .. } => Mark::Bad,
    };
    let words = raft::words(&tolerance).unwrap_or_else(|| "raft: nobody leads".to_owned());
    vec![Span::raw("  "), look.mark(mark, &words)]
}

const COLUMNS: [Column; 3] = [Column::name("namespace", 0, 12), Column::new("seal", 0), Column::new("shares", 1)];

/// How a namespace's own seal stands.
pub fn namespace_seal(one: &NamespaceSeen) -> (Mark, String) {
    match (one.sealed, one.progress) {
        (Some(true), Some((given, needed))) => (Mark::Bad, format!("sealed {given} of {needed}")),
        (Some(true), None) => (Mark::Bad, "sealed".to_owned()),
        (Some(false), _) => (Mark::Ok, "unsealed".to_owned()),
        (None, _) if one.unread.is_some() => (Mark::Unknown, "may not be read".to_owned()),
        (None, _) => (Mark::Absent, "no seal of its own".to_owned()),
    }
}

/// Rows for namespaces with a seal of their own, or with one that may not be read.
pub(super) fn namespaces(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    let own = estate::with_seals(&state.model);
    let cells: Vec<Vec<Cell>> = own
        .iter()
        .map(|one| {
            let (mark, word) = namespace_seal(one);
            let shares = one.shares.map(|(needed, of)| format!("{needed} of {of}")).unwrap_or_default();
            vec![
                Cell::new(Role::Plain, format!("namespace {}", one.path)),
                Cell::new(mark.role(), format!("{} {word}", look.glyph(mark))),
                Cell::new(Role::Dim, shares),
            ]
        })
        .collect();
    let mut lines = lay(look, &COLUMNS, &cells, room.width, room.zoomed).into_iter();
    let mut entries = Vec::new();
    if room.zoomed && !own.is_empty() {
        entries.push(Entry::blank());
        entries.extend(lines.next().map(|line| Entry::note(2, line)));
    }
    for (one, line) in own.iter().zip(lines) {
        // Those that may not be read have one line for all of them, which stays where rows do not.
        let weight = match one.sealed {
            Some(true) => 0,
            Some(false) => 5,
            None => 6,
        };
        entries.push(Entry::row(format!("namespace {}", one.path), weight, line));
    }
    entries
}

/// Why raft or the estate is not in sight; on a card only what somebody could mend by a policy.
pub(super) fn blind(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    let shown: Vec<FeedId> = BESIDE
        .into_iter()
        .filter(|feed| sight::blindness(state, *feed).is_some_and(|blind| room.zoomed || blind.mark == Mark::Warn))
        .collect();
    sight::entries(state, look, &shown, room)
}

/// The audit trail, snapshots, mounts, logins, what is known of this version: one line each, and only what there is.
pub(super) fn notes(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    let mut notes: Vec<(u8, Mark, String)> = Vec::new();
    if let Some(seen) = estate::seen(&state.model) {
        trail(seen, &mut notes);
        snapshots(state, seen, &mut notes);
        if room.zoomed {
            inventory(seen, &mut notes);
        }
        logins(seen, &mut notes);
        let parts = [seen.audit.as_ref().err(), seen.namespaces.as_ref().err(), seen.mounts.as_ref().err()];
        unread(parts.into_iter().chain([seen.auth.as_ref().err()]), room, &mut notes);
        hidden(seen, room, &mut notes);
        notes.extend(seen.left_out.iter().map(|left| (4, Mark::Unknown, format!("not looked at: {left}"))));
    }
    if let InSight::Here(seen) = raft::raft(&state.model, state.now) {
        unread(std::iter::once(seen.cluster.as_ref().err()), room, &mut notes);
    }
    if let InSight::Here(seen) = raft::raft(&state.model, state.now)
        && let Ok(view) = &seen.cluster
    {
        let dead: Vec<&str> = raft::kept(&state.model, view).iter().map(|peer| peer.id.as_str()).collect();
        if !dead.is_empty() {
            notes.push((3, Mark::Warn, format!("raft still counts {}", dead.join(", "))));
        }
        if room.zoomed {
            notes.push((7, Mark::Absent, cleanup(view)));
        }
    }
    for (kind, noun) in [(Kind::Advisory, "advisory"), (Kind::Trap, "upgrade trap")] {
        let found = concerning(&state.model, kind, state.now);
        let yes = || found.iter().filter(|(_, concern, _)| *concern == Concern::Yes);
        let ids: Vec<&str> = yes().map(|(entry, _, _)| entry.id.as_str()).collect();
        if !ids.is_empty() {
            let mild = yes().all(|(entry, _, _)| entry.severity == Severity::Info);
            let mark = if mild { Mark::Absent } else { Mark::Warn };
            notes.push((3, mark, format!("{noun}: {}", ids.join(", "))));
        }
    }
    let lines = notes.into_iter().map(|(weight, mark, words)| {
        Entry::note(weight, Line::from(vec![look.mark(mark, &fmt::end(&words, room.width.saturating_sub(3)))]))
    });
    lines.collect()
}

/// Parts that may not be read; where the whole screen is there for it, with the line of a policy that would allow it.
fn unread<'a>(parts: impl Iterator<Item = Option<&'a Trouble>>, room: Room, notes: &mut Vec<(u8, Mark, String)>) {
    for trouble in parts.flatten().filter(|trouble| trouble.kind != TroubleKind::Absent) {
        notes.push((5, Mark::Unknown, trouble.what.clone()));
        if room.zoomed && !trouble.next.is_empty() {
            notes.push((6, Mark::Absent, trouble.next.clone()));
        }
    }
}

/// Namespaces whose seals could not be read: nobody knows whether they are open.
fn hidden(seen: &EstateSeen, room: Room, notes: &mut Vec<(u8, Mark, String)>) {
    let troubles: Vec<&Trouble> = seen.namespaces.iter().flatten().filter_map(|one| one.unread.as_ref()).collect();
    let Some(first) = troubles.first() else { return };
    let more = troubles.len() - 1;
    let words = if more == 0 { first.what.clone() } else { format!("{}, and {more} more like it", first.what) };
    notes.push((3, Mark::Unknown, words));
    if room.zoomed && !first.next.is_empty() {
        notes.push((6, Mark::Absent, first.next.clone()));
    }
}

fn cleanup(view: &crate::app::model::raft::ClusterView) -> String {
    let voters = view.peers.iter().filter(|peer| peer.voter).count();
    let after = view.dead_after.map_or_else(String::new, |after| format!(" after {}", quiet(after)));
    match view.cleanup_dead {
        Some(true) => format!("{}, dead ones removed{after}", count(voters, "raft voter")),
        Some(false) => format!("{}, dead ones kept until somebody removes them", count(voters, "raft voter")),
        None => count(voters, "raft voter"),
    }
}

fn trail(seen: &EstateSeen, notes: &mut Vec<(u8, Mark, String)>) {
    if let Ok(devices) = &seen.audit {
        if devices.is_empty() {
            notes.push((2, Mark::Warn, "audit: no device".to_owned()));
        } else {
            let names: Vec<String> = devices.iter().map(|(path, kind)| format!("{path} ({kind})")).collect();
            notes.push((6, Mark::Ok, format!("audit: {}", names.join(", "))));
        }
    }
}

fn snapshots(state: &State, seen: &EstateSeen, notes: &mut Vec<(u8, Mark, String)>) {
    if let Some(trouble) = estate::snapshots_trouble(seen) {
        notes.push((4, Mark::Unknown, format!("snapshots: {}", trouble.what)));
    }
    match estate::newest(seen, state.now) {
        Some(Some(newest)) => {
            let (late, one) = (newest.late(), newest.snapshot);
            let came =
                newest.cadence.filter(|_| late).map(|cadence| format!(", and they came every {}", quiet(cadence)));
            let words = format!(
                "snapshot: {} old{}, {}, {}",
                quiet(newest.age),
                came.unwrap_or_default(),
                size(one.size),
                one.name
            );
            let (order, mark) = if late { (3, Mark::Warn) } else { (6, Mark::Ok) };
            notes.push((order, mark, words));
        }
        Some(None) => notes.push((3, Mark::Warn, "snapshots: none in the configured folder".to_owned())),
        None => {}
    }
}

/// `12 MiB`.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{} GiB", bytes / 1_073_741_824),
    }
}

fn inventory(seen: &EstateSeen, notes: &mut Vec<(u8, Mark, String)>) {
    if let Ok(mounts) = &seen.mounts {
        let own = mounts.iter().filter(|mount| !matches!(mount.kind.as_str(), "system" | "identity" | "cubbyhole"));
        let names: Vec<String> = own
            .map(|mount| match mount.version {
                Some(version) => format!("{} ({} v{version})", mount.path, mount.kind),
                None => format!("{} ({})", mount.path, mount.kind),
            })
            .collect();
        notes.push((7, Mark::Absent, format!("engines: {}", or_none(&names))));
    }
    if let Ok(methods) = &seen.auth {
        let names: Vec<String> = methods
            .iter()
            // One without a kind is not mounted: an operator names it.
            .filter(|method| method.kind != "token" && !method.kind.is_empty())
            .map(|method| match method.configured {
                Some(false) => format!("{} ({}, not configured)", method.path, method.kind),
                Some(true) | None => format!("{} ({})", method.path, method.kind),
            })
            .collect();
        notes.push((7, Mark::Absent, format!("auth methods: {}", or_none(&names))));
    }
    if let Ok(all) = &seen.namespaces
        && !all.is_empty()
    {
        let own = all.iter().filter(|one| one.sealable()).count();
        let untold = match all.iter().filter(|one| one.unread.is_some()).count() {
            0 => String::new(),
            untold => format!(", {untold} of which that cannot be told"),
        };
        let words = format!("{}, {own} with a seal of its own{untold}", count(all.len(), "namespace"));
        notes.push((7, Mark::Absent, words));
    }
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Logins that cannot work, and those of which that cannot be told; those that work are one figure.
fn logins(seen: &EstateSeen, notes: &mut Vec<(u8, Mark, String)>) {
    let mut well = 0;
    let mut unsure: Vec<String> = Vec::new();
    for (method, role) in estate::logins(seen) {
        let login = format!("login {}/{}", method.path, role.name);
        match (role.wrong.first(), role.untold.first()) {
            (Some(wrong), _) => notes.push((2, Mark::Warn, format!("{login}: {wrong}"))),
            (None, _) if method.configured == Some(false) => {
                notes.push((2, Mark::Warn, format!("{login}: the method is not configured")));
            }
            (None, Some(untold)) => unsure.push(format!("{login}: {untold}")),
            (None, None) => well += 1,
        }
    }
    if let Some(first) = unsure.first() {
        let more = unsure.len() - 1;
        let words = if more == 0 { first.clone() } else { format!("{first}, and {more} more that cannot be told") };
        notes.push((4, Mark::Unknown, words));
    }
    if well > 0 {
        notes.push((7, Mark::Ok, format!("{} of the operators in order", count(well, "login"))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::model::estate::{AuthSeen, RoleSeen};

    #[test]
    fn a_login_that_nobody_could_read_is_not_in_order() {
        let role = |untold: &[&str]| RoleSeen {
            name: "shop".to_owned(),
            untold: untold.iter().map(|text| (*text).to_owned()).collect(),
            ..RoleSeen::default()
        };
        let roles = vec![role(&[]), role(&["its role may not be read"])];
        let method =
            AuthSeen { path: "kubernetes".to_owned(), kind: "kubernetes".to_owned(), configured: Some(true), roles };
        let nothing = || Trouble::new(TroubleKind::Absent, "", "", "");
        let seen = EstateSeen {
            audit: Err(nothing()),
            mounts: Err(nothing()),
            auth: Ok(vec![method]),
            namespaces: Err(nothing()),
            snapshots: None,
            left_out: Vec::new(),
        };
        let mut notes = Vec::new();
        logins(&seen, &mut notes);
        let told: Vec<(Mark, &str)> = notes.iter().map(|(_, mark, words)| (*mark, words.as_str())).collect();
        let first = "login kubernetes/shop: its role may not be read";
        assert_eq!(told, [(Mark::Unknown, first), (Mark::Ok, "1 login of the operators in order")]);
    }
}
