//! Conclusions about what the vault rotates: what is late, what is next, and whether it arrived where it is used.

mod arrival;

use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;
use super::id::{FeedId, ObjectRef};
use super::model::Model;
use super::model::engines::{ConnectionSeen, EnginesSeen, LeasesSeen, PkiSeen, StaticRoleSeen};
use super::time::age;

pub use arrival::{Arrival, Bringers, Hop, Window, arrivals, bringers, unseen};

/// The rotation queue ticks every five seconds and retries: so long after its time a role is merely in the queue.
pub const GRACE: SignedDuration = SignedDuration::from_secs(15);

/// A certificate that ends within so many days is worth a word, and within so many is urgent.
pub const CERT_DAYS: (u64, u64) = (30, 7);

/// How a static role stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Rotated in time, and due then; `None` where its schedule cannot be read.
    Current {
        /// When it is due.
        next: Option<Timestamp>,
    },
    /// Due, and not for long enough to be late.
    Queued {
        /// Since when.
        due: Timestamp,
    },
    /// The vault was asked after its time was over, and still says the old one.
    Overdue {
        /// Since when.
        due: Timestamp,
        /// How late, in percent of the time between two rotations.
        percent: u64,
    },
    /// It was never rotated.
    Never,
}

/// The engines, if they were seen recently.
pub fn engines(model: &Model, now: Timestamp) -> Option<&EnginesSeen> {
    model.engines.as_ref()?.fresh(now, FeedId::Engines)
}

/// When a role is to be rotated next.
pub fn due(role: &StaticRoleSeen) -> Option<Timestamp> {
    let rotated = role.rotated?;
    match (role.period, &role.schedule) {
        (Some(period), _) => rotated.checked_add(period).ok(),
        (None, Some(schedule)) => Cron::read(schedule)?.next(rotated),
        (None, None) => None,
    }
}

/// The time between two rotations.
pub fn period(role: &StaticRoleSeen) -> Option<SignedDuration> {
    role.period.or_else(|| {
        let due = due(role)?;
        let after = Cron::read(role.schedule.as_deref()?)?.next(due)?;
        Some(after.duration_since(due))
    })
}

/// How a role stands.
pub fn standing(role: &StaticRoleSeen, now: Timestamp) -> Standing {
    if role.rotated.is_none() {
        return Standing::Never;
    }
    let Some(due) = due(role) else { return Standing::Current { next: None } };
    // What the vault said before the time was over proves nothing about what it did since.
    if role.at > due.saturating_add(GRACE).unwrap_or(Timestamp::MAX) {
        let period = period(role).map_or(1, |period| period.as_secs().max(1));
        let percent = age(now, due).as_secs().saturating_mul(100) / period;
        return Standing::Overdue { due, percent: u64::try_from(percent).unwrap_or(0) };
    }
    if now > due { Standing::Queued { due } } else { Standing::Current { next: Some(due) } }
}

/// The rotation that comes next, and whose it is.
pub fn next<'a>(seen: &'a EnginesSeen, now: Timestamp) -> Option<(Timestamp, &'a StaticRoleSeen)> {
    let of = |role: &'a StaticRoleSeen| match standing(role, now) {
        Standing::Current { next: Some(at) } => Some((at, role)),
        Standing::Queued { due } => Some((due, role)),
        Standing::Current { next: None } | Standing::Overdue { .. } | Standing::Never => None,
    };
    seen.static_roles.iter().filter_map(of).min_by_key(|(at, _)| *at)
}

/// Names a role as the subject of a row or an alert.
pub fn role_ref(role: &StaticRoleSeen) -> ObjectRef {
    ObjectRef::new("StaticRole", "", &role.place.under(&role.role))
}

/// Names a connection.
pub fn connection_ref(connection: &ConnectionSeen) -> ObjectRef {
    ObjectRef::new("Connection", "", &connection.place.under(&connection.name))
}

/// Names the leases under a prefix.
pub fn leases_ref(leases: &LeasesSeen) -> ObjectRef {
    ObjectRef::new("Leases", "", &leases.prefix)
}

/// Names the leases that cannot be revoked.
pub fn irrevocable_ref() -> ObjectRef {
    ObjectRef::new("Leases", "", "irrevocable")
}

/// Names an issuer.
pub fn issuer_ref(pki: &PkiSeen) -> ObjectRef {
    ObjectRef::new("Issuer", "", &pki.place.under(&pki.issuer))
}

/// How near the end of something is, given days for a warning and for urgency: 0 well, 1, 2.
pub fn nearness(ends: Timestamp, now: Timestamp, (warning, critical): (u64, u64)) -> u8 {
    let within = |days: u64| {
        let days = SignedDuration::from_hours(i64::try_from(days).unwrap_or(0).saturating_mul(24));
        ends.duration_since(now) <= days
    };
    if within(critical) { 2 } else { u8::from(within(warning)) }
}
