//! Schedules as Go's robfig/cron reads them: the five fields of cron and what stands for them (`@daily`), in UTC. Vault's
//! database engine and the External Secrets Operator both use it, and crates for cron differ from it where it matters: here
//! Sunday is 0 and never 7, `*/2` restricts a day and so makes either day enough, and a range does not wrap around.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A schedule that matches no day within five years (30 February) is never due.
const DAYS: u32 = 5 * 366;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A schedule: each field as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Day of month or day of week is every one: then both must match, else either is enough.
    both: bool,
}

impl Cron {
    /// Reads one; `None` where robfig/cron would refuse it. `@every` is no schedule of moments and not read here.
    pub fn read(schedule: &str) -> Option<Self> {
        let schedule = match schedule {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            schedule => schedule,
        };
        let fields: Vec<&str> = schedule.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = *fields.as_slice() else { return None };
        let (minutes, _) = set(minute, 0, 59, &[])?;
        let (hours, _) = set(hour, 0, 23, &[])?;
        let (days, every_day) = set(day, 1, 31, &[])?;
        let (months, _) = set(month, 1, 12, &MONTHS)?;
        let (weekdays, every_weekday) = set(weekday, 0, 6, &WEEKDAYS)?;
        Some(Self { minutes, hours, days, months, weekdays, both: every_day || every_weekday })
    }

    /// The first moment later than this one.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let start = after.to_zoned(TimeZone::UTC).datetime();
        let mut date = start.date();
        for _ in 0..DAYS {
            if self.fits(date) {
                let found = self.hours().find_map(|hour| {
                    let moments = self.minutes().filter_map(move |minute| at(date, hour, minute));
                    moments.into_iter().find(|moment| *moment > start)
                });
                if found.is_some() {
                    return found.and_then(stamp);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The last moment that is not later than this one.
    pub fn last(&self, until: Timestamp) -> Option<Timestamp> {
        let end = until.to_zoned(TimeZone::UTC).datetime();
        let mut date = end.date();
        for _ in 0..DAYS {
            if self.fits(date) {
                let found = self.hours().rev().find_map(|hour| {
                    let moments = self.minutes().rev().filter_map(move |minute| at(date, hour, minute));
                    moments.into_iter().find(|moment| *moment <= end)
                });
                if found.is_some() {
                    return found.and_then(stamp);
                }
            }
            date = date.yesterday().ok()?;
        }
        None
    }

    /// The longest time between two moments of one day; nothing where a day has one alone.
    pub fn widest(&self) -> SignedDuration {
        let of_day =
            self.hours().flat_map(|hour| self.minutes().map(move |minute| i64::from(hour) * 60 + i64::from(minute)));
        let (widest, _) = of_day.fold((0, None), |(widest, before): (i64, Option<i64>), minute| {
            (widest.max(before.map_or(0, |before| minute - before)), Some(minute))
        });
        SignedDuration::from_mins(widest)
    }

    /// The time from the last moment of a day to the first of the next; `None` where not every day has some.
    pub fn overnight(&self) -> Option<SignedDuration> {
        let every = |set: u64, least: u32, most: u32| (least..=most).all(|bit| set >> bit & 1 == 1);
        let days = every(self.days, 1, 31);
        let weekdays = every(self.weekdays, 0, 6);
        let daily = every(self.months, 1, 12) && if self.both { days && weekdays } else { days || weekdays };
        let first = i64::from(self.hours().next()?) * 60 + i64::from(self.minutes().next()?);
        let last = i64::from(self.hours().next_back()?) * 60 + i64::from(self.minutes().next_back()?);
        daily.then_some(SignedDuration::from_mins(24 * 60 + first - last))
    }

    /// The last moment of the day of this one.
    pub fn end_of_day(&self, moment: Timestamp) -> Option<Timestamp> {
        let date = moment.to_zoned(TimeZone::UTC).date();
        let late = at(date, self.hours().next_back()?, self.minutes().next_back()?)?;
        stamp(late).filter(|_| self.fits(date))
    }

    fn fits(&self, date: Date) -> bool {
        let in_month = has(self.days, date.day());
        let in_week = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        has(self.months, date.month()) && if self.both { in_month && in_week } else { in_month || in_week }
    }

    fn hours(&self) -> impl DoubleEndedIterator<Item = i8> {
        let hours = self.hours;
        (0..24).filter(move |hour| has(hours, *hour))
    }

    fn minutes(&self) -> impl DoubleEndedIterator<Item = i8> {
        let minutes = self.minutes;
        (0..60).filter(move |minute| has(minutes, *minute))
    }
}

fn at(date: Date, hour: i8, minute: i8) -> Option<DateTime> {
    Time::new(hour, minute, 0, 0).ok().map(|time| DateTime::from_parts(date, time))
}

fn stamp(moment: DateTime) -> Option<Timestamp> {
    moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|bit| set >> bit & 1 == 1)
}

/// `*`, `*/5`, `1-5`, `1-10/2`, `5/15`, `mon,wed` as a set of bits, and whether a star makes it every value. A name stands
/// for its place among the names, counted from `least`.
fn set(field: &str, least: u32, most: u32, names: &[&str]) -> Option<(u64, bool)> {
    let value = |text: &str| {
        let low = text.to_ascii_lowercase();
        let named = names.iter().position(|name| *name == low).and_then(|index| u32::try_from(index).ok());
        let value = named.map(|index| index + least).or_else(|| text.parse().ok())?;
        (least..=most).contains(&value).then_some(value)
    };
    let (mut bits, mut every) = (0, false);
    for part in field.split(',').filter(|part| !part.is_empty()) {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let star = matches!(range, "*" | "?");
        let (from, to) = match range.split_once('-') {
            _ if star => (least, most),
            Some((from, to)) => (value(from)?, value(to)?),
            // `5/15` goes on to the end.
            None => (value(range)?, if step.is_some() { most } else { value(range)? }),
        };
        if from > to {
            return None;
        }
        let step = step.unwrap_or(1);
        every |= star && step == 1;
        bits |= (from..=to).step_by(usize::try_from(step).ok()?).fold(0, |bits, value| bits | 1_u64 << value);
    }
    Some((bits, every))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn schedules_of_the_documentation() {
        // A Sunday.
        let after = moment("2026-11-22T16:47:55Z");
        let rows = [
            ("0 2 * * SAT", "2026-11-28T02:00:00Z", "2026-11-21T02:00:00Z"),
            ("*/15 * * * *", "2026-11-22T17:00:00Z", "2026-11-22T16:45:00Z"),
            ("48 16 * * *", "2026-11-22T16:48:00Z", "2026-11-21T16:48:00Z"),
            ("47 16 * * 0", "2026-11-29T16:47:00Z", "2026-11-22T16:47:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
            ("0 0 1 jan-mar/2 *", "2027-01-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            // Day of month or day of week, where both are given; a star beside it changes that, and a step of 2 does not.
            ("0 0 25 * mon", "2026-11-23T00:00:00Z", "2026-11-16T00:00:00Z"),
            ("0 0 */2 * mon", "2026-11-23T00:00:00Z", "2026-11-21T00:00:00Z"),
            ("0 0 */1 * mon", "2026-11-23T00:00:00Z", "2026-11-16T00:00:00Z"),
            ("0 0 ? * mon", "2026-11-23T00:00:00Z", "2026-11-16T00:00:00Z"),
            ("0 5/6 * * *", "2026-11-22T17:00:00Z", "2026-11-22T11:00:00Z"),
            ("0 22 * * 1-5", "2026-11-23T22:00:00Z", "2026-11-20T22:00:00Z"),
            ("30 8,20 * * Mon,wed", "2026-11-23T08:30:00Z", "2026-11-18T20:30:00Z"),
            ("@yearly", "2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("@monthly", "2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("@weekly", "2026-11-29T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("@midnight", "2026-11-23T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("@hourly", "2026-11-22T17:00:00Z", "2026-11-22T16:00:00Z"),
        ];
        for (schedule, next, last) in rows {
            let cron = Cron::read(schedule).unwrap();
            assert_eq!(cron.next(after), Some(moment(next)), "{schedule}");
            assert_eq!(cron.last(after), Some(moment(last)), "{schedule}");
            // What it is due at is the last moment then, and not the next.
            assert_eq!(cron.last(moment(next)), Some(moment(next)), "{schedule}");
            assert_ne!(cron.next(moment(next)), Some(moment(next)), "{schedule}");
        }
    }

    #[test]
    fn what_is_refused_there_is_refused_here() {
        let refused = [
            "",
            "0 2 * *",
            "61 * * * *",
            "a b c d e",
            "5-1 * * * *",
            "*/0 * * * *",
            "* * * * * *",
            "* * * * 7",
            "* * 0 * *",
            "* 24 * * *",
            "* * * 13 *",
            "1-2-3 * * * *",
            "1/2/3 * * * *",
            "-1 * * * *",
            "* * L * *",
            "@often",
            "@every 1h",
            "TZ=UTC 0 2 * *",
        ];
        for schedule in refused {
            assert_eq!(Cron::read(schedule), None, "{schedule}");
        }
        // Read, and never due: that ends.
        for never in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", ", * * * *"] {
            let cron = Cron::read(never).unwrap();
            let at = moment("2026-11-22T16:47:55Z");
            assert_eq!((cron.next(at), cron.last(at)), (None, None), "{never}");
        }
    }

    #[test]
    fn the_widest_gap_of_a_day_and_its_end() {
        let of = |schedule: &str| Cron::read(schedule).unwrap();
        let minutes = |schedule: &str| of(schedule).widest().as_mins();
        assert_eq!(minutes("* * * * *"), 1);
        assert_eq!(minutes("*/15 9-17 * * *"), 15);
        assert_eq!(minutes("0,50 * * * *"), 50);
        assert_eq!(minutes("0 3,22 * * *"), 19 * 60);
        assert_eq!(minutes("0 3 * * *"), 0);
        assert_eq!(of("*/15 9-17 * * *").overnight(), Some(SignedDuration::from_mins(15 * 60 + 15)));
        assert_eq!(of("*/15 9-17 * * 1").overnight(), None);
        let end = |schedule: &str| of(schedule).end_of_day(moment("2026-11-22T16:47:55Z"));
        assert_eq!(end("*/15 9-17 * * *"), Some(moment("2026-11-22T17:45:00Z")));
        assert_eq!(end("0 0 * * 1"), None);
    }
}
