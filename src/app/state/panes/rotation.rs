//! The rows of the Rotation pane: what the vault rotates, worst first.

use super::Row;
use crate::app::id::ObjectRef;
use crate::app::model::engines::{EnginesSeen, LeasesSeen, PkiSeen, StaticRoleSeen};
use crate::app::rotation::{self, Arrival, CERT_DAYS, Standing, Window, standing};
use crate::app::state::State;

/// What one row is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Rotating {
    /// A static role, and whether it arrived where it is used.
    Role(StaticRoleSeen, Vec<Arrival>),
    /// Leases that cannot be revoked.
    Irrevocable(u64),
    /// An issuer.
    Issuer(PkiSeen),
    /// Leases of a dynamic role.
    Leases(LeasesSeen),
}

impl Rotating {
    /// The key of its row.
    pub fn key(&self) -> String {
        let (sort, subject) = self.named();
        format!("{sort} {}", subject.name)
    }

    /// What it is called in alerts.
    pub fn subject(&self) -> ObjectRef {
        self.named().1
    }

    fn named(&self) -> (&'static str, ObjectRef) {
        match self {
            Self::Role(role, _) => ("role", rotation::role_ref(role)),
            Self::Irrevocable(_) => ("irrevocable", rotation::irrevocable_ref()),
            Self::Issuer(pki) => ("issuer", rotation::issuer_ref(pki)),
            Self::Leases(leases) => ("leases", rotation::leases_ref(leases)),
        }
    }

    fn row(&self, state: &State) -> Row {
        let words = match self {
            Self::Role(role, _) => format!("static role {} {}", role.username, role.connection),
            Self::Irrevocable(_) => "leases irrevocable".to_owned(),
            Self::Issuer(_) => "pki issuer certificate".to_owned(),
            Self::Leases(_) => "leases dynamic".to_owned(),
        };
        let mut row = Row::new(self.key(), self.subject());
        row.words = words.to_lowercase();
        row.badness = badness(state, self);
        row.figures = figures(state, self);
        row
    }
}

/// What is shown, worst first; among equals roles by what is due next, then issuers, then leases.
pub fn rotating(state: &State) -> Vec<Rotating> {
    let Some(seen) = state.model.engines.as_ref().map(|seen| &seen.value) else { return Vec::new() };
    let mut all = everything(state, seen);
    all.sort_by_cached_key(|what| {
        let sort = match what {
            Rotating::Irrevocable(_) => 0,
            Rotating::Role(..) => 1,
            Rotating::Issuer(_) => 2,
            Rotating::Leases(_) => 3,
        };
        let row = what.row(state);
        let next = row.figures.iter().find(|(name, _)| *name == "next").map(|(_, figure)| -figure);
        (std::cmp::Reverse(row.badness), sort, next, row.key)
    });
    all
}

fn everything(state: &State, seen: &EnginesSeen) -> Vec<Rotating> {
    let bringers = rotation::bringers(&state.model, state.now);
    let arrivals = |role| rotation::arrivals(&state.model, role, &bringers, state.now);
    let roles = seen.static_roles.iter().map(|role| Rotating::Role(role.clone(), arrivals(role)));
    let irrevocable = seen.irrevocable.filter(|count| *count > 0).map(Rotating::Irrevocable);
    let issuers = seen.pki.iter().cloned().map(Rotating::Issuer);
    let leases = seen.leases.iter().cloned().map(Rotating::Leases);
    roles.chain(irrevocable).chain(issuers).chain(leases).collect()
}

/// How bad it is: 3 urgent, 2 worth a look, 1 on its way.
pub fn badness(state: &State, what: &Rotating) -> u8 {
    match what {
        Rotating::Role(role, arrivals) => match standing(role, state.now) {
            Standing::Overdue { percent, .. } => {
                let (_, critical) = state.model.expect.limits("rotation-overdue", 0, 100);
                if percent >= critical { 3 } else { 2 }
            }
            Standing::Current { .. } | Standing::Queued { .. } | Standing::Never => {
                u8::from(arrivals.iter().any(|arrival| matches!(arrival.window, Window::Waiting { .. })))
            }
        },
        Rotating::Irrevocable(count) => {
            let (_, critical) = state.model.expect.limits("lease-irrevocable", 1, 100);
            if *count >= critical { 3 } else { 2 }
        }
        Rotating::Issuer(pki) => {
            let limits = state.model.expect.limits("cert-expiring", CERT_DAYS.0, CERT_DAYS.1);
            match pki.expires.map_or(0, |ends| rotation::nearness(ends, state.now, limits)) {
                0 => 0,
                near => near + 1,
            }
        }
        Rotating::Leases(_) => 0,
    }
}

fn figures(state: &State, what: &Rotating) -> Vec<(&'static str, i64)> {
    let until = |at: jiff::Timestamp| -at.duration_since(state.now).as_secs();
    match what {
        Rotating::Role(role, _) => match standing(role, state.now) {
            Standing::Overdue { due, .. } => vec![("overdue", until(due)), ("next", until(due))],
            Standing::Current { next: Some(at) } | Standing::Queued { due: at } => vec![("next", until(at))],
            Standing::Current { next: None } | Standing::Never => Vec::new(),
        },
        Rotating::Irrevocable(count) => vec![("count", i64::try_from(*count).unwrap_or(i64::MAX))],
        Rotating::Issuer(pki) => pki.expires.map(|at| ("next", until(at))).into_iter().collect(),
        Rotating::Leases(leases) => {
            let count = ("count", i64::try_from(leases.count).unwrap_or(i64::MAX));
            leases.next_expiry.map(|at| ("next", until(at))).into_iter().chain([count]).collect()
        }
    }
}

/// The rows of the pane.
pub(super) fn rows(state: &State) -> Vec<Row> {
    rotating(state).iter().map(|what| what.row(state)).collect()
}
