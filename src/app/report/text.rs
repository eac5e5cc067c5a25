//! The report of `check` for people: the sentence first, then why, then what to do, then the evidence.

use std::fmt::Write;

use super::check::{AlertPart, CheckDocument, FeedPart, RecoverablePart};
use crate::app::text::{clean, count};
use crate::app::time::{age, date_clock, spoken};

/// How to print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paint {
    /// ASCII characters only.
    pub ascii: bool,
    /// With colours.
    pub color: bool,
}

#[derive(Clone, Copy)]
enum Tone {
    Good,
    Bad,
    Warn,
    Unsure,
    Quiet,
}

impl Paint {
    fn glyph(self, tone: Tone) -> String {
        let (sign, twin) = match tone {
            Tone::Good => ("✓", "ok"),
            Tone::Bad => ("✗", "!!"),
            Tone::Warn => ("▲", "^^"),
            Tone::Unsure => ("?", "??"),
            Tone::Quiet => ("·", "--"),
        };
        self.tint(if self.ascii { twin } else { sign }, tone)
    }

    fn tint(self, text: &str, tone: Tone) -> String {
        // Blue and orange as on the screen; the glyph and the word carry the meaning anyway.
        let code = match tone {
            Tone::Good => "38;5;32",
            Tone::Bad => "1;38;5;166",
            Tone::Warn => "38;5;172",
            Tone::Unsure => "2;38;5;172",
            Tone::Quiet => "38;5;244",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn dot(self) -> &'static str {
        if self.ascii { "-" } else { "·" }
    }
}

/// The report.
pub fn text(document: &CheckDocument, paint: Paint) -> String {
    let mut out = String::new();
    head(&mut out, document, paint);
    alerts(&mut out, document, paint);
    feeds(&mut out, document, paint);
    out
}

// Writing to a String cannot fail; hence the `let _` here and below.
fn head(out: &mut String, document: &CheckDocument, paint: Paint) {
    let verdict = &document.verdict;
    let tone = match document.exit {
        0 => Tone::Good,
        1 => Tone::Warn,
        2 => Tone::Bad,
        _ => Tone::Unsure,
    };
    let dot = paint.dot();
    let _ = writeln!(out, "{} {}", paint.glyph(tone), paint.tint(&shown(&verdict.sentence, paint), tone));
    for line in &verdict.because {
        let _ = writeln!(out, "  {}", shown(line, paint));
    }
    if !verdict.next.is_empty() {
        let _ = writeln!(out, "  Next: {}", shown(&verdict.next, paint));
    }
    if let Some(was) = &verdict.was {
        let _ = writeln!(out, "  Before: {}, last seen {}", was.state, date_clock(was.since));
    }
    let Some(cluster) = &document.cluster else { return };
    let mut facts = vec![
        format!("verdict {}", verdict.state),
        format!("reopens by {} ({})", verdict.reopens.by, verdict.reopens.grade),
        recoverable(&verdict.recoverable),
    ];
    if let Some(restarts) = verdict.restarts_to_outage {
        facts.push(format!("{} to an outage", count(restarts as usize, "restart")));
    }
    let _ = writeln!(out, "\n  {} {dot} {}", clean(&cluster.name), clean(&cluster.vault));
    let _ = writeln!(out, "  {}", facts.join(&format!(" {dot} ")));
}

fn recoverable(part: &RecoverablePart) -> String {
    let generation = part.generation.map(|number| format!(" generation {number}")).unwrap_or_default();
    format!("recoverable by {}{generation}", part.by)
}

fn alerts(out: &mut String, document: &CheckDocument, paint: Paint) {
    if document.alerts.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nAlerts");
    for alert in &document.alerts {
        let held = spoken(age(document.observed_at, alert.since));
        let subject = match alert.subject.namespace.as_str() {
            "" => format!("{} {}", alert.subject.kind, alert.subject.name),
            namespace => format!("{} {namespace}/{}", alert.subject.kind, alert.subject.name),
        };
        let _ = writeln!(
            out,
            "  {} {:<8} {} {} {} {} {held}",
            paint.glyph(tone(alert)),
            alert.severity,
            alert.rule,
            paint.dot(),
            clean(&subject),
            paint.tint(alert.state, tone(alert)),
        );
        let indent = if paint.ascii { "     " } else { "    " };
        if let Some(silence) = &alert.silence {
            let words = format!("silent until {}: {}", date_clock(silence.until), silence.reason);
            let _ = writeln!(out, "{indent}{}", shown(&words, paint));
        }
        for line in [&alert.sentence, &alert.why].into_iter().filter(|line| !line.is_empty()) {
            let _ = writeln!(out, "{indent}{}", shown(line, paint));
        }
        if !alert.next.is_empty() {
            let _ = writeln!(out, "{indent}Next: {}", shown(&alert.next, paint));
        }
    }
}

fn tone(alert: &AlertPart) -> Tone {
    match (alert.state, alert.severity) {
        ("firing", "critical") => Tone::Bad,
        ("firing" | "pending", "warning" | "critical") => Tone::Warn,
        ("unknown", _) => Tone::Unsure,
        _ => Tone::Quiet,
    }
}

fn feeds(out: &mut String, document: &CheckDocument, paint: Paint) {
    let troubled: Vec<&FeedPart> =
        document.feeds.iter().filter(|feed| feed.state != "live" && feed.state != "absent").collect();
    if troubled.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nNot seen");
    for feed in troubled {
        let ago = feed.age_seconds.map_or_else(
            || "never answered".to_owned(),
            |seconds| format!("last answered {} ago", spoken(jiff::SignedDuration::from_secs(seconds as i64))),
        );
        let _ = writeln!(
            out,
            "  {} {:<11} {} {ago}",
            paint.glyph(Tone::Unsure),
            feed.name,
            paint.tint(&format!("{:<11}", feed.state), Tone::Unsure),
        );
        if let Some(trouble) = &feed.trouble {
            let indent = if paint.ascii { "     " } else { "    " };
            let _ = writeln!(out, "{indent}{}", shown(&trouble.to_string(), paint));
        }
    }
}

/// Safe to print, in ASCII where that was asked for.
fn shown(line: &str, paint: Paint) -> String {
    let line = clean(line);
    if !paint.ascii {
        return line;
    }
    let mut out = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '…' => out.push_str("..."),
            '·' | '–' | '—' | '−' => out.push('-'),
            '‘' | '’' => out.push('\''),
            '“' | '”' | '«' | '»' => out.push('"'),
            '→' => out.push_str("->"),
            '×' => out.push('x'),
            c if c.is_ascii() => out.push(c),
            _ => out.push('?'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::check::{SubjectPart, sightless};
    use crate::app::trouble::Trouble;

    fn document() -> CheckDocument {
        let now = "2026-11-22T05:00:00Z".parse().unwrap();
        let mut document = sightless(&Trouble::local("One restart from blackout", "the Secret is empty", "Act…"), now);
        document.exit = 2;
        document.alerts.push(AlertPart {
            rule: "keys-secret-empty",
            severity: "critical",
            state: "firing",
            subject: SubjectPart { kind: "Secret".into(), namespace: "data".into(), name: "o\u{1b}[31mb".into() },
            since: "2026-11-22T04:12:00Z".parse().unwrap(),
            sentence: "Secret data/openbao-keys is empty".into(),
            why: String::new(),
            next: "Put the keys back".into(),
            action: None,
            silence: None,
        });
        document
    }

    #[test]
    fn the_sentence_comes_first() {
        let text = text(&document(), Paint::default());
        assert_eq!(
            text,
            "✗ One restart from blackout\n  the Secret is empty\n  Next: Act…\n\nAlerts\n  \
             ✗ critical keys-secret-empty · Secret data/o[31mb firing 48m\n    \
             Secret data/openbao-keys is empty\n    Next: Put the keys back\n"
        );
    }

    #[test]
    fn ascii_is_ascii_and_colour_is_only_colour() {
        let plain = text(&document(), Paint { ascii: true, color: false });
        assert!(plain.is_ascii() && plain.starts_with("!! One"), "{plain}");
        assert!(!plain.contains('\u{1b}'));
        assert!(text(&document(), Paint { ascii: false, color: true }).contains("\u{1b}[1;38;5;166m✗"));
    }
}
