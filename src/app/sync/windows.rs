//! When the sync windows of an ExternalSecret let it be read: as the External Secrets Operator 2.9 judges them.
//!
//! It looks at an object once in each interval. What is due is read where an `allow` window is open, or no `deny` window; a
//! schedule that it cannot read counts for nothing. Windows that overlap are one.

use jiff::{SignedDuration, Timestamp};

use crate::app::cron::Cron;
use crate::app::model::sync::{SyncWindow, SyncWindows};
use crate::app::time::go_duration;

/// Who finds no end after so many windows that follow each other finds none.
const ROUNDS: usize = 500;

/// What follows on itself for longer than this has no end.
const HORIZON: SignedDuration = SignedDuration::from_hours(400 * 24);

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// A time in which an object may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// From then.
    pub from: Timestamp,
    /// Until then; `None` where it does not end.
    pub until: Option<Timestamp>,
}

/// The first time at or after this moment in which the object may be read; `None` where there is none.
pub fn open(windows: &SyncWindows, due: Timestamp) -> Option<Open> {
    let spans: Vec<Span> = windows.each.iter().filter_map(Span::of).collect();
    if windows.deny {
        let from = outside(&spans, due)?;
        return Some(Open { from, until: inside(&spans, from) });
    }
    let from = inside(&spans, due)?;
    Some(Open { from, until: outside(&spans, from).and_then(|end| end.checked_sub(SECOND).ok()) })
}

/// Whether the operator can read the schedule: it ignores what it cannot.
pub fn readable(window: &SyncWindow) -> bool {
    Cron::read(&window.schedule).is_some() || every(&window.schedule).is_some()
}

/// A window that is ever open.
enum Span {
    /// From each of these moments on, for so long.
    Each(Cron, SignedDuration),
    /// `@every` has no moment of its own: it opened at any time that is asked about, if it lasts that long.
    Always,
}

impl Span {
    fn of(window: &SyncWindow) -> Option<Self> {
        if let Some(every) = every(&window.schedule) {
            return (every > SECOND && every <= window.lasts.saturating_add(SECOND)).then_some(Self::Always);
        }
        let cron = Cron::read(&window.schedule)?;
        (window.lasts > SignedDuration::ZERO).then_some(Self::Each(cron, window.lasts))
    }

    /// The first moment at or after this one at which it is open.
    fn inside(&self, at: Timestamp) -> Option<Timestamp> {
        let Self::Each(cron, lasts) = self else { return Some(at) };
        let began = cron.last(at).filter(|began| at.duration_since(*began) <= *lasts);
        if began.is_some() { Some(at) } else { cron.next(at) }
    }

    /// The first moment at or after this one at which it is not open; `None` where it does not close.
    fn outside(&self, at: Timestamp) -> Option<Timestamp> {
        let Self::Each(cron, lasts) = self else { return None };
        let Some(mut began) = cron.last(at).filter(|began| at.duration_since(*began) <= *lasts) else {
            return Some(at);
        };
        // Within a day one runs into the next: only its end is asked about.
        let joined = cron.widest() <= *lasts;
        if joined && cron.overnight().is_some_and(|night| night <= *lasts) {
            return None;
        }
        while began.duration_since(at) < HORIZON {
            if joined {
                began = cron.end_of_day(began).map_or(began, |end| end.max(began));
            }
            let end = began.checked_add(*lasts).ok()?;
            match cron.last(end).filter(|again| *again > began) {
                Some(again) => began = again,
                None => return end.checked_add(SECOND).ok(),
            }
        }
        None
    }
}

/// `@every 1h30m`; the operator rounds to whole seconds, at least one.
fn every(schedule: &str) -> Option<SignedDuration> {
    let every = go_duration(schedule.strip_prefix("@every ")?)?;
    Some(SignedDuration::from_secs(every.as_secs()).max(SECOND))
}

fn inside(spans: &[Span], at: Timestamp) -> Option<Timestamp> {
    spans.iter().filter_map(|span| span.inside(at)).min()
}

fn outside(spans: &[Span], at: Timestamp) -> Option<Timestamp> {
    let mut free = at;
    for _ in 0..ROUNDS {
        let before = free;
        for span in spans {
            free = span.outside(free)?;
        }
        if free == before {
            return Some(free);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        format!("2026-{text}Z").parse().unwrap()
    }

    fn windows(deny: bool, each: &[(&str, &str)]) -> SyncWindows {
        let each = each.iter().map(|(schedule, lasts)| SyncWindow {
            schedule: (*schedule).to_owned(),
            lasts: go_duration(lasts).unwrap(),
        });
        SyncWindows { deny, each: each.collect() }
    }

    /// When it may be read, asked at a moment.
    fn opens(deny: bool, each: &[(&str, &str)], due: &str) -> String {
        let Some(open) = open(&windows(deny, each), moment(due)) else { return "never".to_owned() };
        let short = |at: Timestamp| at.strftime("%m-%dT%H:%M:%S").to_string();
        format!("{} to {}", short(open.from), open.until.map_or("ever".to_owned(), short))
    }

    /// Deny; schedules and how long; when it is due; when it may be read.
    type Row<'a> = (bool, &'a [(&'a str, &'a str)], &'a str, &'a str);

    #[test]
    fn as_the_operator_judges_them() {
        // 22 November is a Sunday.
        let daily: &[_] = &[("0 22 * * *", "2h")];
        let office: &[_] = &[("0 9 * * 1-5", "8h")];
        let rows: &[Row<'_>] = &[
            // The bounds of a window belong to it.
            (false, daily, "11-22T20:00:00", "11-22T22:00:00 to 11-23T00:00:00"),
            (false, daily, "11-22T22:00:00", "11-22T22:00:00 to 11-23T00:00:00"),
            (false, daily, "11-23T00:00:00", "11-23T00:00:00 to 11-23T00:00:00"),
            (false, daily, "11-23T00:00:01", "11-23T22:00:00 to 11-24T00:00:00"),
            (false, office, "11-20T17:00:01", "11-23T09:00:00 to 11-23T17:00:00"),
            (true, daily, "11-22T20:00:00", "11-22T20:00:00 to 11-22T22:00:00"),
            (true, daily, "11-22T23:00:00", "11-23T00:00:01 to 11-23T22:00:00"),
            // Windows that overlap or touch are one.
            (false, &[("0 1 * * *", "2h"), ("30 2 * * *", "1h")], "11-22T01:30:00", "11-22T01:30:00 to 11-22T03:30:00"),
            (true, &[("0 1 * * *", "2h"), ("0 3 * * *", "1h")], "11-22T01:30:00", "11-22T04:00:01 to 11-23T01:00:00"),
            // Each minute of a working week, as one window; and each hour of every day, without an end.
            (true, &[("* * * * 1-5", "1m")], "11-23T08:00:00", "11-28T00:00:01 to 11-30T00:00:00"),
            (true, &[("0 * * * *", "1h")], "11-23T08:00:00", "never"),
            (false, &[("0 * * * *", "1h")], "11-23T08:00:00", "11-23T08:00:00 to ever"),
            (true, &[("@daily", "24h")], "11-23T08:00:00", "never"),
            // What cannot be read counts for nothing.
            (false, &[("not-a-cron", "2h")], "11-22T20:00:00", "never"),
            (true, &[("not-a-cron", "2h")], "11-22T20:00:00", "11-22T20:00:00 to ever"),
            (
                false,
                &[("not-a-cron", "2h"), ("0 22 * * *", "2h")],
                "11-22T20:00:00",
                "11-22T22:00:00 to 11-23T00:00:00",
            ),
            // A day that does not exist, a time that does not last, a Sunday that is no 7.
            (false, &[("0 0 31 2 *", "2h")], "11-22T20:00:00", "never"),
            (true, &[("0 0 31 2 *", "2h")], "11-22T20:00:00", "11-22T20:00:00 to ever"),
            (false, &[("0 22 * * *", "0s")], "11-22T20:00:00", "never"),
            (false, &[("0 22 * * 7", "2h")], "11-22T20:00:00", "never"),
            // `@every` has no moment of its own.
            (false, &[("@every 1h", "1h")], "11-22T20:00:00", "11-22T20:00:00 to ever"),
            (false, &[("@every 2h", "1h")], "11-22T20:00:00", "never"),
            (true, &[("@every 1h", "2h")], "11-22T20:00:00", "never"),
        ];
        for (deny, each, due, wanted) in rows {
            assert_eq!(opens(*deny, each, due), *wanted, "{deny} {each:?} at {due}");
        }
    }

    #[test]
    fn asking_moment_by_moment_finds_the_same() {
        let sets: [&[(&str, &str)]; 4] = [
            &[("*/20 8-10 * * *", "7m"), ("5 9 * * *", "40m")],
            &[("0 22 * * 6", "5h"), ("30 1 * * 0", "2h")],
            &[("*/10 * * * *", "10m")],
            &[("0 0 */3 * 2", "36h")],
        ];
        for each in sets {
            let spans: Vec<Span> = windows(false, each).each.iter().filter_map(Span::of).collect();
            let active = |at: Timestamp| {
                spans.iter().any(|span| match span {
                    Span::Always => true,
                    // The operator's own words: `prev := sched.Next(at.Add(-duration - time.Second))`.
                    Span::Each(cron, lasts) => cron.next(at - *lasts - SECOND).is_some_and(|prev| prev <= at),
                })
            };
            let start = moment("11-21T21:00:30");
            for step in (0..2_880).step_by(4) {
                let at = start + SignedDuration::from_mins(step);
                assert_eq!(inside(&spans, at) == Some(at), active(at), "{each:?} at {at}");
                assert_eq!(outside(&spans, at) != Some(at), active(at), "{each:?} at {at}");
                if let Some(end) = outside(&spans, at) {
                    assert!(!active(end), "{each:?} at {at} until {end}");
                }
            }
        }
    }
}
