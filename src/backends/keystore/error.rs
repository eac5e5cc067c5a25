//! The ways in which a keystore is refused, each by its own name. The file is left untouched by all of them.

use std::path::Path;

use thiserror::Error;

use crate::app::model::keystore::SlotKind;
use crate::app::trouble::{Trouble, TroubleKind};

/// Why a keystore cannot be read, opened or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeystoreError {
    /// Its first bytes are not a keystore's.
    #[error("it is not a keystore: its first bytes are others")]
    NotAKeystore,
    /// Its version is not one that this program knows.
    #[error("it is a keystore of version {0}, and this program knows version 1")]
    Newer(u16),
    /// It ends before its length says.
    #[error("it is cut short: {0} bytes")]
    Truncated(usize),
    /// It goes on after its end.
    #[error("{0} bytes follow after its end")]
    Trailing(usize),
    /// It is longer than any keystore.
    #[error("it is longer than any keystore ({0} bytes)")]
    TooLong(u64),
    /// Its checksum does not fit: a disk or a transfer damaged it.
    #[error("it is damaged: its bytes do not fit their checksum")]
    Damaged,
    /// Its header is not the header of a keystore.
    #[error("its header cannot be read: {0}")]
    BadHeader(String),
    /// It belongs to another cluster or vault.
    #[error("it belongs to another cluster or vault: {0}")]
    Foreign(String),
    /// Its derivation is cheaper than any that this program makes: somebody may have weakened it.
    #[error("slot {0} asks for a derivation below the floor of 64 MiB and 3 passes: somebody may have weakened it")]
    TooWeak(u32),
    /// Its derivation is dearer than any that this program makes: it would exhaust this machine.
    #[error("slot {0} asks for a derivation above the ceiling: it would exhaust this machine")]
    TooCostly(u32),
    /// This machine has not the memory for the derivation.
    #[error("the derivation takes {0} MiB of memory, and this machine does not give them")]
    NoMemory(u32),
    /// It has no slot of this kind.
    #[error("it has no {} slot", .0.word())]
    NoSlot(SlotKind),
    /// No slot of this kind opens with what was given.
    #[error("no {} slot opens with this; it is the wrong one, or the slot was altered", .0.word())]
    WrongSecret(SlotKind),
    /// The secret is right for this slot, and what the slot holds was altered or belongs to another file or place.
    #[error(
        "slot {0} was altered, or belongs to another file or to another place in it: the secret is right, its seal is broken"
    )]
    SlotAltered(u32),
    /// A slot opened, and what it opened does not fit the rest of the file.
    #[error(
        "its header or its content was altered after it was written: a slot opens, and the seal over the whole is broken"
    )]
    Altered,
    /// The seal holds and the content is not what this version writes.
    #[error("its content cannot be read: {0}")]
    BadContent(String),
    /// What should be put into it does not fit in.
    #[error("{0}")]
    Unfit(String),
    /// The typed recovery code has a typing mistake.
    #[error("this is no recovery code: {0}")]
    BadRecoveryCode(&'static str),
    /// The keyfile is not one.
    #[error("this is no keyfile: {0}")]
    BadKeyfile(String),
    /// The system gives no random bytes.
    #[error("the system has no random bytes: {0}")]
    NoRandom(String),
    /// Something that this program did wrong.
    #[error("{0}")]
    Internal(&'static str),
}

impl KeystoreError {
    /// As a person sees it.
    pub fn trouble(&self, path: &Path) -> Trouble {
        let next = match self {
            Self::WrongSecret(_) | Self::NoSlot(_) | Self::BadRecoveryCode(_) | Self::BadKeyfile(_) => {
                "Try again, or another slot: `baowatch keys slots list` shows them; nothing was changed"
            }
            Self::Newer(_) => "Use the version of Baowatch that wrote it; the file is left as it is",
            Self::Foreign(_) => "Name the right cluster with --context or --cluster; the file is left as it is",
            Self::NoMemory(_) => "Open it on a machine with more memory, or by another slot; the file is left as it is",
            Self::SlotAltered(_) => {
                "The file is left as it is. Another slot may still open it, or a copy: `baowatch keys copy list` names them"
            }
            Self::NotAKeystore
            | Self::Truncated(_)
            | Self::Trailing(_)
            | Self::TooLong(_)
            | Self::Damaged
            | Self::BadHeader(_)
            | Self::TooWeak(_)
            | Self::TooCostly(_)
            | Self::Altered
            | Self::BadContent(_) => {
                "The file is left as it is. Open a copy of it instead: `baowatch keys copy list` names them"
            }
            Self::Unfit(_) => "Nothing was changed; give something else",
            Self::NoRandom(_) | Self::Internal(_) => "Nothing was changed; try again",
        };
        let kind = match self {
            Self::WrongSecret(_) | Self::NoSlot(_) | Self::BadRecoveryCode(_) | Self::Unfit(_) => TroubleKind::Refused,
            Self::NotAKeystore
            | Self::Newer(_)
            | Self::Truncated(_)
            | Self::Trailing(_)
            | Self::TooLong(_)
            | Self::Damaged
            | Self::BadHeader(_)
            | Self::Foreign(_)
            | Self::TooWeak(_)
            | Self::TooCostly(_)
            | Self::NoMemory(_)
            | Self::SlotAltered(_)
            | Self::Altered
            | Self::BadContent(_)
            | Self::BadKeyfile(_)
            | Self::NoRandom(_)
            | Self::Internal(_) => TroubleKind::Local,
        };
        let verb = match self {
            Self::Unfit(_) | Self::NoRandom(_) | Self::Internal(_) => "changed",
            Self::NotAKeystore
            | Self::Newer(_)
            | Self::Truncated(_)
            | Self::Trailing(_)
            | Self::TooLong(_)
            | Self::Damaged
            | Self::BadHeader(_)
            | Self::Foreign(_)
            | Self::TooWeak(_)
            | Self::TooCostly(_)
            | Self::NoMemory(_)
            | Self::NoSlot(_)
            | Self::WrongSecret(_)
            | Self::SlotAltered(_)
            | Self::Altered
            | Self::BadContent(_)
            | Self::BadRecoveryCode(_)
            | Self::BadKeyfile(_) => "opened",
        };
        Trouble::new(kind, &format!("the keystore {} cannot be {verb}", path.display()), &self.to_string(), next)
    }
}
