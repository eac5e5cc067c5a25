//! Stamped time: the core has no clock, every message carries the moment at which it was received.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// A message with the moment the runtime took it from its queue, and its place in the order of things.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped<M> {
    /// Wall clock, UTC. Wall and not monotonic: a laptop that slept for an hour must know that its facts are an hour old.
    pub at: Timestamp,
    /// Counts up from 1 in each session; makes a total order, and names runs.
    pub seq: u64,
    /// What was received.
    pub msg: M,
}

/// How long ago `then` was at `now`; a clock that was set back reads as zero, never as a negative age.
pub fn age(now: Timestamp, then: Timestamp) -> SignedDuration {
    now.duration_since(then).max(SignedDuration::ZERO)
}

/// Whether `then` lies within `limit` of `now`, on either side: what is stamped later than now was stamped before the
/// clock was set back, and nobody knows how old it is.
pub fn within(now: Timestamp, then: Timestamp, limit: SignedDuration) -> bool {
    now.duration_since(then).abs() <= limit
}

/// An age in the two largest units worth reading: `4s`, `48m`, `3h 20m`, `2d`.
pub fn spoken(d: SignedDuration) -> String {
    let s = d.as_secs().max(0);
    match s {
        0..60 => format!("{s}s"),
        60..3_600 => format!("{}m", s / 60),
        3_600..36_000 if (s % 3_600) / 60 > 0 => format!("{}h {}m", s / 3_600, (s % 3_600) / 60),
        3_600..172_800 => format!("{}h", s / 3_600),
        _ => format!("{}d", s / 86_400),
    }
}

/// An age for the screen, in steps coarse enough that a quiet screen stays still: `<5s`, then tens of seconds, then as
/// [`spoken`].
pub fn quiet(d: SignedDuration) -> String {
    let s = d.as_secs().max(0);
    match s {
        0..5 => "<5s".to_owned(),
        5..10 => "5s".to_owned(),
        10..60 => format!("{}s", s / 10 * 10),
        _ => spoken(d),
    }
}

/// `05:00:12Z`.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// `2026-11-22 05:00:12Z`, for moments that may lie on another day.
pub fn date_clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// A moment as a person on call reads it: the time alone on the same day, else with its date.
pub fn moment(now: Timestamp, at: Timestamp) -> String {
    if now.strftime("%F").to_string() == at.strftime("%F").to_string() { clock(at) } else { date_clock(at) }
}

/// A duration as Go writes it: `1h30m`, `8.5s`, `250ms`, `0`.
pub fn go_duration(text: &str) -> Option<SignedDuration> {
    let (sign, mut rest) = match text.trim().strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.trim()),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let scale = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = tail;
    }
    SignedDuration::try_from_secs_f64(sign * total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_keep_two_units_and_no_more() {
        let of = |s| spoken(SignedDuration::from_secs(s));
        assert_eq!([of(4), of(2_880), of(12_000), of(90_000), of(200_000)], ["4s", "48m", "3h 20m", "25h", "2d"]);
        assert_eq!(quiet(SignedDuration::from_secs(3)), "<5s");
        assert_eq!(quiet(SignedDuration::from_secs(47)), "40s");
    }
}
