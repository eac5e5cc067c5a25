//! When a rotation schedule is due next: the five fields of cron, in UTC, as Vault's database engine takes them.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// A schedule that matches no day within five years (30 February) is never due.
const DAYS: u32 = 5 * 366;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The first moment after `after` at which this schedule is due; `None` for one that cannot be read.
pub fn next(schedule: &str, after: Timestamp) -> Option<Timestamp> {
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = *fields.as_slice() else { return None };
    let minutes = set(minute, 0, 59, &[], 0)?;
    let hours = set(hour, 0, 23, &[], 0)?;
    let days = set(day, 1, 31, &[], 1)?;
    let months = set(month, 1, 12, &MONTHS, 1)?;
    // Sunday is 0, and 7 too.
    let weekdays = set(weekday, 0, 7, &WEEKDAYS, 0).map(|set| set | (set >> 7 & 1))?;
    let start = after.to_zoned(TimeZone::UTC).datetime();
    let mut date = start.date();
    for _ in 0..DAYS {
        let in_month = has(days, date.day());
        let in_week = has(weekdays, date.weekday().to_sunday_zero_offset());
        // Where both are restricted, either is enough.
        let fits = match (day.starts_with('*'), weekday.starts_with('*')) {
            (false, false) => in_month || in_week,
            (_, _) => in_month && in_week,
        };
        if fits && has(months, date.month()) {
            let found = (0..24)
                .filter(|h| has(hours, *h))
                .flat_map(|h| (0..60).filter(|m| has(minutes, *m)).filter_map(move |m| Time::new(h, m, 0, 0).ok()));
            let mut found = found.map(|time| DateTime::from_parts(date, time)).filter(|moment| *moment > start);
            if let Some(moment) = found.next() {
                return moment.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
            }
        }
        date = date.checked_add(1.day()).ok()?;
    }
    None
}

fn has(set: u64, value: i8) -> bool {
    u32::try_from(value).is_ok_and(|bit| set >> bit & 1 == 1)
}

/// `*`, `*/5`, `1-5`, `1-10/2`, `5/15`, `mon,wed` as a set of bits. `first` is the value of the first name.
fn set(field: &str, least: u32, most: u32, names: &[&str], first: u32) -> Option<u64> {
    let value = |text: &str| {
        let low = text.to_ascii_lowercase();
        let named = names.iter().position(|name| *name == low).and_then(|index| u32::try_from(index).ok());
        let value = named.map(|index| index + first).or_else(|| text.parse().ok())?;
        (least..=most).contains(&value).then_some(value)
    };
    let mut bits = 0;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match (range, range.split_once('-')) {
            ("*" | "?", _) => (least, most),
            (_, Some((from, to))) => (value(from)?, value(to)?),
            // `5/15` goes on to the end.
            (_, None) => (value(range)?, if step.is_some() { most } else { value(range)? }),
        };
        if from > to {
            return None;
        }
        for value in (from..=to).step_by(step.unwrap_or(1) as usize) {
            bits |= 1_u64 << value;
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_of_the_documentation() {
        // A Sunday.
        let after: Timestamp = "2026-11-22T16:47:55Z".parse().unwrap();
        let of = |schedule: &str| next(schedule, after).map(|at| at.to_string()).unwrap_or_default();
        assert_eq!(of("0 2 * * SAT"), "2026-11-28T02:00:00Z");
        assert_eq!(of("*/15 * * * *"), "2026-11-22T17:00:00Z");
        assert_eq!(of("48 16 * * *"), "2026-11-22T16:48:00Z");
        assert_eq!(of("47 16 * * 0"), "2026-11-29T16:47:00Z");
        assert_eq!(of("47 16 * * 7"), "2026-11-29T16:47:00Z");
        assert_eq!(of("0 0 29 2 *"), "2028-02-29T00:00:00Z");
        assert_eq!(of("0 0 1 jan-mar/2 *"), "2027-01-01T00:00:00Z");
        // Day of month or day of week, where both are given.
        assert_eq!(of("0 0 25 * mon"), "2026-11-23T00:00:00Z");
        assert_eq!(of("0 5/6 * * *"), "2026-11-22T17:00:00Z");
        for wrong in
            ["", "0 2 * *", "61 * * * *", "0 0 30 2 *", "a b c d e", "5-1 * * * *", "*/0 * * * *", "* * * * * *"]
        {
            assert_eq!(of(wrong), "", "{wrong}");
        }
    }
}
