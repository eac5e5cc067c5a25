//! Keys as people and tools wrote them down: `operator init` as JSON or text, other tools' JSON, lists, typed shares.
//!
//! Nothing is guessed: what can be read in two ways, or not at all, is refused by its place, never by its value.

mod decide;
mod gather;

use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

pub use decide::{Asked, Counts, Decided, VaultSays, decide};
pub use gather::read;

use super::payload::SecretBytes;
use crate::app::runtime::share_text;
use crate::app::trouble::{Trouble, TroubleKind};

/// No such document is longer.
pub const LONGEST: u64 = 1 << 20;

/// What a document holds. Nothing of it can be printed.
#[derive(Debug, Default)]
pub struct Taken {
    /// Unseal key shares, or keys of which the document does not say what they are.
    pub unseal: Vec<SecretBytes>,
    /// The document calls them unseal keys.
    pub called_unseal: bool,
    /// Recovery key shares. They unseal nothing.
    pub recovery: Vec<SecretBytes>,
    /// The root token.
    pub root_token: Option<SecretBytes>,
    /// What the document says of unseal keys.
    pub counts: Counts,
    /// What it says of recovery keys.
    pub recovery_counts: Counts,
    /// What was left out, in words.
    pub notes: Vec<String>,
}

/// Why keys were not taken: the place, never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, and where.
    pub why: String,
    /// What to do.
    pub next: &'static str,
}

impl Refusal {
    pub(super) fn new(why: impl Into<String>, next: &'static str) -> Self {
        Self { why: why.into(), next }
    }

    /// As a person sees it.
    pub fn trouble(&self, source: &str) -> Trouble {
        let what = format!("the keys were not taken from {source}");
        Trouble::new(TroubleKind::Refused, &what, &self.why, &format!("{}; nothing was changed", self.next))
    }
}

/// Reads a document whole, in room that is taken once: a buffer that grew would leave copies behind.
pub fn bounded(from: impl Read, source: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    from.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| {
        Trouble::local(&format!("{source} cannot be read"), &error.kind().to_string(), "Nothing was changed")
    })?;
    if bytes.len() as u64 > LONGEST {
        return Err(Trouble::local(
            &format!("{source} cannot be what `operator init` printed"),
            "it is longer than 1 MiB",
            "Name the file with the keys; nothing was changed",
        ));
    }
    Ok(bytes)
}

/// The same from a file.
pub fn file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let source = path.display().to_string();
    let opened = std::fs::File::open(path).map_err(|error| {
        Trouble::local(
            &format!("{source} cannot be read"),
            &error.kind().to_string(),
            "Check its name and permissions; nothing was changed",
        )
    })?;
    bounded(opened, &source)
}

/// One share as somebody typed it: with or without its label.
pub fn typed(line: &str) -> Option<SecretBytes> {
    let mut words = share_text::in_line(line);
    let (first, second) = (words.next()?, words.next());
    if second.is_some() {
        return None;
    }
    share_text::decode(first).map(|bytes| SecretBytes::new(bytes.to_vec()))
}
