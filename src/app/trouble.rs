//! The one shape of an error that a person sees: what happened, why, and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::text::clean;

/// What sort of trouble it is, as far as the verdict and the screen must tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// The server said no to this identity. Never the same as unreachable.
    Denied,
    /// Nobody answered: refused, timed out, no route, tunnel gone.
    Unreachable,
    /// The thing does not exist here.
    Absent,
    /// It answered, and what it said cannot be understood or trusted (TLS, redirect, rubbish).
    Unusable,
    /// It understood and refused: a wrong key, an open rotation, a quota.
    Refused,
    /// Ours: a file, a config key, an argument.
    Local,
}

impl TroubleKind {
    /// The word on the screen and in `feeds[].state` where it is one of the contract's.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Unreachable => "unreachable",
            Self::Absent => "absent",
            Self::Unusable => "unusable",
            Self::Refused => "refused",
            Self::Local => "local",
        }
    }
}

/// An error as a place to stand. It never holds a secret: backends build it from their own words and from text that
/// went through [`clean`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Trouble {
    /// What sort of trouble.
    pub kind: TroubleKind,
    /// What happened, in one short sentence without a full stop.
    pub what: String,
    /// Why, as far as known; may be empty.
    pub why: String,
    /// What to do next; may be empty only for what mends itself.
    pub next: String,
}

impl Trouble {
    /// Builds one; every part is made safe to draw.
    pub fn new(kind: TroubleKind, what: &str, why: &str, next: &str) -> Self {
        Self { kind, what: clean(what), why: clean(why), next: clean(next) }
    }

    /// The server said no; `rule` is the line of a Role or policy that would allow it.
    pub fn denied(what: &str, why: &str, rule: &str) -> Self {
        Self::new(TroubleKind::Denied, what, why, rule)
    }

    /// Nobody answered.
    pub fn unreachable(what: &str, why: &str, next: &str) -> Self {
        Self::new(TroubleKind::Unreachable, what, why, next)
    }

    /// Our own files, arguments and settings.
    pub fn local(what: &str, why: &str, next: &str) -> Self {
        Self::new(TroubleKind::Local, what, why, next)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        if !self.next.is_empty() {
            write!(f, ". {}", self.next)?;
        }
        Ok(())
    }
}

impl std::error::Error for Trouble {}
