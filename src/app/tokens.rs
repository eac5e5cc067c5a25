//! What follows from what is known of tokens: how long they last, what ends them for good, whether they are who they
//! should be and can do what they must.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::id::FeedId;
use super::model::Model;
use super::model::observed::FeedState;
use super::model::tokens::{TokenAnswer, TokenOrigin, TokenSays, TokenSeen};
use super::time::{age, date_clock, quiet, spoken};
use super::verdict::sight::{self, Unseen};

/// Percent of its period that a token has left when it is a warning, and when it is critical.
pub const EXPIRING: (u64, u64) = (25, 5);

/// The tokens, or why none of them counts.
#[derive(Debug)]
pub enum Sight<'a> {
    /// There is none to look after.
    Absent,
    /// They cannot be seen now.
    Unseen(Unseen),
    /// As they were seen lately.
    Seen(&'a [TokenSeen]),
}

/// The tokens as they count now.
pub fn seen(model: &Model, now: Timestamp) -> Sight<'_> {
    if model.feed_state(FeedId::Tokens, now) == FeedState::Absent {
        return Sight::Absent;
    }
    match (sight::missing(model, FeedId::Tokens, now), &model.tokens) {
        (None, Some(tokens)) => Sight::Seen(&tokens.value),
        (None, None) => Sight::Absent,
        (Some(unseen), _) => Sight::Unseen(unseen),
    }
}

/// How long it lasts yet: counted from when the vault was asked, so that a skewed clock changes nothing.
pub fn left(token: &TokenSeen, says: &TokenSays, now: Timestamp) -> Option<SignedDuration> {
    Some(says.ttl?.saturating_sub(age(now, token.at)).max(SignedDuration::ZERO))
}

/// What it had, or will have, right after it was made or renewed.
pub fn whole(says: &TokenSays) -> Option<SignedDuration> {
    says.period.or(says.creation_ttl).filter(SignedDuration::is_positive)
}

/// `31d of 32d`, `no end`.
pub fn lasts(token: &TokenSeen, says: &TokenSays, now: Timestamp) -> String {
    match (left(token, says, now), whole(says)) {
        (None, _) => "no end".to_owned(),
        (Some(left), Some(whole)) if left <= whole => format!("{} of {}", quiet(left), spoken(whole)),
        (Some(left), _) => quiet(left),
    }
}

/// How much is left, in percent of the whole.
pub fn percent_left(token: &TokenSeen, says: &TokenSays, now: Timestamp) -> Option<u64> {
    let (left, whole) = (left(token, says, now)?.as_secs().max(0), whole(says)?.as_secs());
    u64::try_from(left.saturating_mul(100) / whole.max(1)).ok()
}

/// What ends a token for good, or takes from its period, whatever renews it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capped {
    /// What it is, without a subject: `ends for good on …`.
    pub says: String,
    /// Why.
    pub why: String,
    /// The moment, where there is one.
    pub ends: Option<Timestamp>,
}

/// What limits a token that is meant to be renewed for ever; `None` where nothing does, or where nobody expects it to
/// last: a person's own login ends, and that is how it is meant to be.
pub fn capped(token: &TokenSeen, says: &TokenSays) -> Option<Capped> {
    let after = |span: SignedDuration| says.created.and_then(|made| made.checked_add(span).ok());
    let ends = |ends: Option<Timestamp>, why: String| {
        let says = ends.map_or_else(|| "ends for good".to_owned(), |at| format!("ends for good on {}", date_clock(at)));
        Some(Capped { says, why, ends })
    };
    if let Some(most) = says.explicit_max_ttl {
        let what = if says.period.is_some() { "it is periodic, and yet " } else { "" };
        return ends(after(most), format!("{what}explicit_max_ttl is {}: no renewal reaches further", spoken(most)));
    }
    if let (Some(period), Some(cap)) = (says.period, token.cap)
        && period > cap
    {
        let why = format!("max_lease_ttl is {}, its period {}", spoken(cap), spoken(period));
        return Some(Capped { says: format!("gets {} at its next renewal", spoken(cap)), why, ends: None });
    }
    let lasting = matches!(token.origin, TokenOrigin::File(_));
    if !lasting || says.root || says.period.is_some() {
        return None;
    }
    let end = says.ttl.and_then(|ttl| token.at.checked_add(ttl).ok());
    if says.kind == "batch" {
        return ends(end, "batch tokens cannot be renewed".to_owned());
    }
    if !says.renewable {
        return says.ttl.and_then(|_| ends(end, "it is not renewable".to_owned()));
    }
    let cap = token.cap?;
    ends(
        after(cap),
        format!("it is not periodic: renewing it reaches to max_lease_ttl of {} and no further", spoken(cap)),
    )
}

/// What lacks of `wanted`: capabilities by path. `None` where nobody could be asked.
pub fn lacking(says: &TokenSays, wanted: &BTreeMap<String, Vec<String>>) -> Option<BTreeMap<String, Vec<String>>> {
    if wanted.is_empty() || says.root {
        return Some(BTreeMap::new());
    }
    let has = says.capabilities.as_ref()?;
    let lacks = |path: &String, needs: &Vec<String>| {
        let has = has.get(path).map(Vec::as_slice).unwrap_or_default();
        if has.iter().any(|one| one == "root") {
            return Vec::new();
        }
        needs.iter().filter(|need| !has.contains(need)).cloned().collect::<Vec<_>>()
    };
    let all = wanted.iter().map(|(path, needs)| (path.clone(), lacks(path, needs)));
    Some(all.filter(|(_, lacks)| !lacks.is_empty()).collect())
}

/// A policy that grants this.
pub fn policy_lines(lacks: &BTreeMap<String, Vec<String>>) -> String {
    let line = |(path, caps): (&String, &Vec<String>)| {
        let caps: Vec<String> = caps.iter().map(|cap| format!("\"{cap}\"")).collect();
        format!("path \"{path}\" {{ capabilities = [{}] }}", caps.join(", "))
    };
    lacks.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// A token that is not who it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// `is userpass-me now`, `has no token in its file`.
    pub says: String,
    /// What it should be, or was.
    pub was: String,
    /// The configuration says what it should be; else it only differs from what it was when this session began.
    pub certain: bool,
}

/// Whether it is who it should be. `None` for one that is, and for one that says nothing.
pub fn drift(model: &Model, token: &TokenSeen) -> Option<Drift> {
    let says = match &token.answer {
        TokenAnswer::Says(says) => says,
        TokenAnswer::NoToken(trouble) => {
            let first = model.token_firsts.get(token.origin.name());
            let was = first.map_or_else(String::new, |first| format!("it held {}", first.display_name));
            return Some(Drift { says: trouble.what.clone(), was, certain: true });
        }
        TokenAnswer::Dead | TokenAnswer::Unseen(_) => return None,
    };
    let now = if says.display_name.is_empty() { "a token without a name" } else { &says.display_name };
    let drifted = |was: String, certain| Some(Drift { says: format!("is {now} now"), was, certain });
    let wants = &token.wants;
    if let Some(wanted) = &wants.display_name
        && !same_name(wanted, &says.display_name)
    {
        return drifted(format!("it should be {wanted}"), true);
    }
    let missing: Vec<&str> =
        wants.policies.iter().filter(|policy| !says.policies.contains(policy)).map(String::as_str).collect();
    if !missing.is_empty() && !says.root {
        let policies = if says.policies.is_empty() { "no policies".to_owned() } else { says.policies.join(", ") };
        let was = format!("it should have {}, and has {policies}", missing.join(", "));
        return drifted(was, true);
    }
    // What the configuration expects and finds is right, whatever it was before.
    if wants.display_name.is_some() || !wants.policies.is_empty() {
        return None;
    }
    let first = model.token_firsts.get(token.origin.name())?;
    let is = says.identity();
    if first.display_name != is.display_name || first.entity != is.entity {
        return drifted(format!("it was {}", first.display_name), false);
    }
    (first.policies != is.policies).then(|| Drift {
        says: format!("has other policies now: {}", is.policies.join(", ")),
        was: format!("they were {}", first.policies.join(", ")),
        certain: false,
    })
}

/// The server puts `token-` before a name that was asked for, and writes `-` for what is no letter or digit.
fn same_name(wanted: &str, has: &str) -> bool {
    let written: String = wanted.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    [wanted, written.as_str()].iter().any(|name| has == *name || has.strip_prefix("token-") == Some(name))
}

/// Who wrote its file, as far as a file tells: `written 3m ago; a login without -no-store overwrites …`.
pub fn written(token: &TokenSeen, now: Timestamp) -> String {
    let Some(file) = &token.file else { return String::new() };
    let when =
        file.modified.map_or_else(String::new, |at| format!("{} was written {} ago", file.path, quiet(age(now, at))));
    let login = file.path.ends_with("/.vault-token");
    let TokenAnswer::Says(says) = &token.answer else { return when };
    match (says.made_by.contains("/login"), login) {
        (true, _) => format!("{when}; it came from a login ({}): `bao login` writes the token file", says.made_by),
        (false, true) => format!("{when}; any `bao login` writes this file"),
        (false, false) => when,
    }
}

/// How a token stands, as one word for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Nothing is wrong.
    Well,
    /// Worth a word.
    Noted,
    /// Cannot be seen.
    Unknown,
    /// Worth a look.
    Warning,
    /// Wrong, now.
    Bad,
}

/// How a token stands, with the reason in a few words; the reason is empty where nothing is wrong.
pub fn standing(model: &Model, token: &TokenSeen, now: Timestamp) -> (Grade, String) {
    let secret = token.origin == TokenOrigin::KeysSecret;
    let says = match &token.answer {
        TokenAnswer::Dead if secret => return (Grade::Noted, "revoked or expired".to_owned()),
        TokenAnswer::Dead => return (Grade::Bad, "not accepted any more".to_owned()),
        TokenAnswer::NoToken(_) => return (Grade::Bad, "no token in its file".to_owned()),
        TokenAnswer::Unseen(trouble) => return (Grade::Unknown, trouble.kind.word().to_owned()),
        TokenAnswer::Says(says) => says,
    };
    let (warning, critical) = model.expect.limits("token-expiring", EXPIRING.0, EXPIRING.1);
    let percent = percent_left(token, says, now);
    let drift = drift(model, token).filter(|_| !secret);
    if percent.is_some_and(|percent| percent < critical) {
        return (Grade::Bad, "ends soon".to_owned());
    }
    if let Some(drift) = drift {
        return (if drift.certain { Grade::Bad } else { Grade::Warning }, drift.says);
    }
    if percent.is_some_and(|percent| percent < warning) {
        return (Grade::Warning, "ends soon".to_owned());
    }
    let lacks = lacking(says, &token.wants.needs).unwrap_or_default();
    if let Some((path, caps)) = lacks.iter().next() {
        return (Grade::Warning, format!("may not {} {path}", caps.join(", ")));
    }
    if says.root && !secret {
        return (Grade::Warning, "root in daily use".to_owned());
    }
    if token.file.as_ref().is_some_and(|file| file.permissions().is_some()) {
        return (Grade::Warning, "file permissions".to_owned());
    }
    if let Some(capped) = capped(token, says) {
        return (Grade::Warning, capped.says);
    }
    if spends(token, says) {
        return (Grade::Warning, "its uses are counted".to_owned());
    }
    let blind = lacking(says, &token.wants.asks).unwrap_or_default();
    if blind.is_empty() { (Grade::Well, String::new()) } else { (Grade::Noted, "sees not everything".to_owned()) }
}

/// Our own token with counted uses: every question of this program spends one.
pub fn spends(token: &TokenSeen, says: &TokenSays) -> bool {
    token.origin == TokenOrigin::Own && says.uses_left > 0
}
