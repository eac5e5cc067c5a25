//! ExternalSecret: paths of a store into a Secret; `refreshTime` says when it was last read with success.

use jiff::{SignedDuration, Timestamp};

use super::case::{Case, PATIENCE, Target, Upstream};
use super::windows::{self, Open};
use super::witnesses::Process;
use super::{Standing, Word};
use crate::app::id::ObjectRef;
use crate::app::model::sync::SyncSeen;
use crate::app::time::{age, moment, spoken};

/// How often it is read; `None` where its declaration says that it is not.
pub(super) fn interval(seen: &SyncSeen) -> Option<SignedDuration> {
    let periodic = !matches!(seen.detail.policy.as_deref(), Some("CreatedOnce" | "OnChange"));
    seen.refresh.filter(|refresh| periodic && *refresh > SignedDuration::ZERO)
}

pub(super) fn judge(case: &Case<'_>) -> Standing {
    let of = interval(case.seen);
    if let Some(standing) = case.leaving().or_else(|| case.unborn()) {
        return Standing { of, ..standing };
    }
    let (up, refreshed) = (case.upstream(), case.seen.detail.refreshed);
    let gate = Gate::of(case.seen, of);
    let of = of.filter(|_| !matches!(gate, Gate::Shut));
    if !case.green() {
        return failing(case, &up, of, gate);
    }
    let late = |at| match gate {
        Gate::Window { open, .. } => missed(case, at, of?, open),
        Gate::None | Gate::Shut => overdue(case, at, of),
    };
    let standing =
        nothing(case).or_else(|| refreshed.and_then(late)).unwrap_or_else(|| read(case, &up, refreshed, of, gate));
    Standing { of, ..standing }
}

/// What its sync windows make of its next read.
#[derive(Clone, Copy)]
enum Gate {
    /// It has none, or is not read again whatever they say.
    None,
    /// They never let it be read again.
    Shut,
    /// It is due in this one.
    Window {
        /// When.
        open: Open,
        /// The window opens later than its interval is over.
        later: bool,
    },
}

impl Gate {
    fn of(seen: &SyncSeen, of: Option<SignedDuration>) -> Self {
        let Some((windows, interval)) = seen.detail.windows.as_ref().zip(of) else { return Self::None };
        let Some(due) = seen.detail.refreshed.and_then(|at| at.checked_add(interval).ok()) else { return Self::None };
        windows::open(windows, due).map_or(Self::Shut, |open| Self::Window { open, later: open.from > due })
    }

    /// The window that is still to open before it is read.
    fn awaited(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Window { open, later: true } if open.from > now => Some(open.from),
            Self::Window { .. } | Self::None | Self::Shut => None,
        }
    }

    /// From when on a change in the vault is behind: one that has to wait for a window is not before that opens.
    fn counts_from(self, updated: Timestamp) -> Timestamp {
        match self {
            Self::Window { open, later: true } => updated.max(open.from),
            Self::Window { .. } | Self::None | Self::Shut => updated,
        }
    }
}

/// When the window opens for which it waits.
fn opening(case: &Case<'_>, from: Timestamp) -> String {
    format!("opens at {}, in {}", moment(case.now, from), spoken(from.duration_since(case.now)))
}

/// One message for every cause: Events and the store tell which it is.
fn failing(case: &Case<'_>, up: &Upstream, of: Option<SignedDuration>, gate: Gate) -> Standing {
    let lag = behind_by(case, up, of, gate);
    let mut standing = case.failing(lag, of);
    if let Some(why) = case.seen.detail.all_ways().find_map(|store| broken(case, store)) {
        (standing.why, standing.by_vault) = why;
    } else if let Some(lacking) = case.seen.detail.generators.iter().find(|generator| case.w.lacks(generator)) {
        (standing.why, standing.by_vault) = (case.w.say(|| format!("Its generator {lacking} does not exist")), false);
    } else if case.seen.detail.all_ways().any(|way| case.w.withheld(way).is_some()) {
        let unseen = case.w.say(|| case.unseen_way().unwrap_or_default());
        standing.why = case.w.say(|| format!("{}; {unseen}", standing.why));
    }
    if let Some((place, when)) = &up.deleted {
        standing.by_vault = false;
        standing.why = case.w.say(|| {
            let at = when.map(|when| format!(" at {}", moment(case.now, when))).unwrap_or_default();
            format!("The value at {} was deleted in the vault{at}; {}", place.words(), kept(case))
        });
    } else if let (Some(place), Target::Held(_)) = (&up.absent, case.target()) {
        standing.why =
            case.w.say(|| format!("There is nothing at {} in the vault any more; {}", place.words(), kept(case)));
    }
    standing
}

/// What is wrong with a store that it reads through, and whether the vault's seal is the cause.
pub(super) fn broken(case: &Case<'_>, name: &ObjectRef) -> Option<(String, bool)> {
    if case.w.lacks(name) {
        return Some((case.w.say(|| format!("{name} does not exist")), false));
    }
    let store = case.w.object(name)?;
    Case::new(case.w, store).ready().filter(|ready| ready.status == "False")?;
    let Standing { why, by_vault, .. } = case.w.judge(store);
    Some((case.w.say(|| format!("{name} is not ready: {why}")), by_vault))
}

fn kept(case: &Case<'_>) -> &'static str {
    match case.target() {
        Target::Held(_) => "the Secret keeps the last value",
        Target::Missing | Target::Empty(_) => "the Secret holds nothing",
        Target::Unseen => "deletionPolicy Retain keeps what the Secret holds",
    }
}

/// How far it lies behind: behind the vault where that is seen, else behind its own interval and windows.
fn behind_by(case: &Case<'_>, up: &Upstream, of: Option<SignedDuration>, gate: Gate) -> Option<SignedDuration> {
    let refreshed = case.seen.detail.refreshed?;
    match up.updated {
        Some(updated) if updated > refreshed => Some(age(case.now, gate.counts_from(updated))),
        _ => of.map(|of| match gate {
            Gate::Window { open, .. } => age(case.now, open.from),
            Gate::None | Gate::Shut => (age(case.now, refreshed) - of).max(SignedDuration::ZERO),
        }),
    }
}

/// Ready is True, and there is no Secret: nothing was found, and that is no failure by its declaration.
fn nothing(case: &Case<'_>) -> Option<Standing> {
    let ready = case.ready()?;
    let place = || case.places().iter().map(crate::app::model::paths::VaultPath::words).collect::<Vec<_>>().join(", ");
    if ready.reason == "SecretDeleted" {
        let standing = case.stands(Word::Emptied, || {
            format!("There is nothing at {} in the vault, and deletionPolicy Delete took the Secret away; Ready is True all the same", place())
        });
        return Some(Standing { lag: ready.at.map(|at| age(case.now, at)), dire: true, ..standing });
    }
    let missing = matches!(case.target(), Target::Missing);
    if missing && case.seen.detail.finds && case.seen.sources.is_empty() {
        let standing = case.stands(Word::Emptied, || {
            "Its find matches nothing in the vault: Ready is True, and there is no Secret".to_owned()
        });
        return Some(Standing { lag: ready.at.map(|at| age(case.now, at)), dire: true, ..standing });
    }
    match case.target() {
        Target::Missing if case.seen.detail.creates => Some(Standing {
            dire: true,
            ..case.stands(Word::Behind, || {
                "Its Secret does not exist; the operator makes it anew when it notices".to_owned()
            })
        }),
        Target::Empty(_) => Some(Standing {
            dire: true,
            ..case.stands(Word::Emptied, || "Its Secret is empty; Ready is True all the same".to_owned())
        }),
        Target::Missing | Target::Held(_) | Target::Unseen => None,
    }
}

/// No successful read for too long, by its own declaration.
pub(super) fn overdue(case: &Case<'_>, refreshed: Timestamp, of: Option<SignedDuration>) -> Option<Standing> {
    let cadence = of?;
    let standing = case.dropped(refreshed, cadence)?;
    Some(Standing { looked: Some(refreshed), ..standing })
}

/// A window in which it was due has passed without a read, or is open for longer than the operator takes to look.
fn missed(case: &Case<'_>, refreshed: Timestamp, cadence: SignedDuration, open: Open) -> Option<Standing> {
    let lag = case.now.duration_since(open.from);
    let passed = open.until.filter(|until| age(case.now, *until) > PATIENCE);
    let dead = case.process() == Process::Dead;
    // It looks once in each interval, and the first time when the interval is over: not when a window opens.
    let allowed = if dead { SignedDuration::ZERO } else { (cadence + cadence / 2).max(PATIENCE) };
    if lag <= allowed && passed.is_none() {
        return None;
    }
    let standing = case.stands(Word::Dropped, || {
        let operator = case.operator();
        let (from, read) = (moment(case.now, open.from), case.ago(refreshed));
        let window = match passed {
            Some(until) => format!("its sync window from {from} to {} passed without a read", moment(case.now, until)),
            None => format!("its sync window is open since {from}"),
        };
        let short = passed.is_some_and(|until| until.duration_since(open.from) < cadence);
        let who = if dead {
            format!("; {operator} is not running")
        } else if short {
            format!("; {operator} looks every {} only, which can miss a window as short as that", spoken(cadence))
        } else {
            format!("; {operator} looks every {} by its declaration", spoken(cadence))
        };
        format!("Every condition is True, and nobody has read it since {read}: {window}{who}")
    });
    let dire = matches!(case.target(), Target::Missing);
    Some(Standing { looked: Some(refreshed), lag: Some(lag), of: Some(cadence), dire, ..standing })
}

/// Ready, and read in time: what the vault says of the same paths.
fn read(
    case: &Case<'_>,
    up: &Upstream,
    refreshed: Option<Timestamp>,
    of: Option<SignedDuration>,
    gate: Gate,
) -> Standing {
    let awaited = gate.awaited(case.now);
    let Some(refreshed) = refreshed else {
        return case.stands(Word::Unknown, || "Ready is True, and its status names no time of a read".to_owned());
    };
    if let Some((kind, name)) = &case.seen.detail.generator {
        return generated(case, kind, name, refreshed, of);
    }
    if case.seen.detail.pinned.is_some() {
        return case.stands(Word::Unwatched, || format!("Pinned to a version; read {}", case.ago(refreshed)));
    }
    let declared = declaration(case.seen);
    let gone = up.deleted.as_ref().map(|(place, _)| place).or(up.absent.as_ref());
    if let Some(place) = gone {
        return case.stands(Word::Behind, || {
            format!("The value at {} is gone from the vault; the last read was {}", place.words(), case.ago(refreshed))
        });
    }
    match (up.updated, of) {
        (Some(updated), Some(of)) if updated > refreshed => {
            let standing = case.stands(Word::Behind, || {
                let next = match awaited {
                    Some(from) => format!("waits for its sync window, which {}", opening(case, from)),
                    None => format!("is due within {}", spoken(of)),
                };
                format!("Changed in the vault at {}; the next read {next}", moment(case.now, updated))
            });
            let lag = awaited.is_none().then(|| age(case.now, gate.counts_from(updated)));
            Standing { lag, ..standing }
        }
        (Some(updated), None) if updated > refreshed => {
            let standing = case.stands(Word::Unwatched, || {
                format!(
                    "Changed in the vault at {}, and it is not to follow: {declared}; read at {}",
                    moment(case.now, updated),
                    moment(case.now, refreshed)
                )
            });
            Standing { lag: Some(age(case.now, updated)), ..standing }
        }
        (Some(_), _) if up.whole && !case.seen.detail.finds => {
            let standing = case.stands(Word::Synced, || {
                let end = match (of, awaited) {
                    (None, _) => format!("; it will not follow the next: {declared}"),
                    (Some(_), Some(from)) => format!("; its sync window {}", opening(case, from)),
                    (Some(_), None) => String::new(),
                };
                format!("Read {}, after the last change in the vault{end}", case.ago(refreshed))
            });
            Standing { lag: Some(SignedDuration::ZERO), ..standing }
        }
        (_, None) => {
            case.stands(Word::Unwatched, || format!("Read {}, and not again: {declared}", case.ago(refreshed)))
        }
        (_, Some(cadence)) if awaited.is_some() && age(case.now, refreshed) > cadence => {
            case.stands(Word::Unwatched, || {
                let next = awaited.map(|from| opening(case, from)).unwrap_or_default();
                format!("Read {}; it waits for its sync window, which {next}", case.ago(refreshed))
            })
        }
        (_, Some(cadence)) if case.late(refreshed, cadence) && !matches!(gate, Gate::Window { later: true, .. }) => {
            let standing = case.stands(Word::Unknown, || {
                format!(
                    "The last read was {}, later than its interval of {}; what the vault holds is not in sight ({})",
                    case.ago(refreshed),
                    spoken(cadence),
                    up.unseen
                )
            });
            Standing { lag: Some(age(case.now, refreshed) - cadence), ..standing }
        }
        (_, Some(_)) => case.stands(Word::Synced, || {
            format!(
                "The operator read {}; that is all there is to go by: what the vault holds is not in sight ({})",
                case.ago(refreshed),
                up.unseen
            )
        }),
    }
}

/// A generator makes a new value at every read.
fn generated(case: &Case<'_>, kind: &str, name: &str, refreshed: Timestamp, of: Option<SignedDuration>) -> Standing {
    match of {
        Some(of) => case.stands(Word::Synced, || {
            format!("Generator {kind} {name} makes a new value every {}, the last {}", spoken(of), case.ago(refreshed))
        }),
        None => case.stands(Word::Unwatched, || {
            format!(
                "Generator {kind} {name} made its value {}, and never makes another: {}",
                case.ago(refreshed),
                declaration(case.seen)
            )
        }),
    }
}

/// Why it is not read again.
pub(super) fn declaration(seen: &SyncSeen) -> &'static str {
    match seen.detail.policy.as_deref() {
        Some("CreatedOnce") => "refreshPolicy is CreatedOnce",
        Some("OnChange") => "refreshPolicy is OnChange",
        _ if interval(seen).is_some() => "its syncWindows leave no time for it",
        _ => "refreshInterval is 0",
    }
}
