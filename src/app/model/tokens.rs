//! Tokens as the vault describes them, and the files they lie in. Never the token itself.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::keys_secret::Fingerprint;
use crate::app::id::ObjectRef;
use crate::app::trouble::Trouble;

/// Where a token is from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenOrigin {
    /// Given to this program: `tokenFile`, `BAO_TOKEN`, `VAULT_TOKEN`.
    Own,
    /// A file that the configuration lists under this name.
    File(String),
    /// The root token in the keys Secret.
    KeysSecret,
}

/// The names that no configured token may have.
pub const OWN: &str = "own";
/// See [`OWN`].
pub const KEYS_SECRET: &str = "root-token";

impl TokenOrigin {
    /// What it is called on the screen.
    pub fn name(&self) -> &str {
        match self {
            Self::Own => OWN,
            Self::File(name) => name,
            Self::KeysSecret => KEYS_SECRET,
        }
    }

    /// As the subject of an alert.
    pub fn subject(&self) -> ObjectRef {
        ObjectRef::new("Token", "", self.name())
    }
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSeen {
    /// Where it is from.
    pub origin: TokenOrigin,
    /// The file it lies in, or would.
    pub file: Option<FileSeen>,
    /// What the configuration expects of it.
    pub wants: Wants,
    /// What is known of it.
    pub answer: TokenAnswer,
    /// `max_lease_ttl` of the token store, where it may be read: no period and no renewal reaches further.
    pub cap: Option<SignedDuration>,
    /// When the vault was asked; `ttl` counts from here.
    pub at: Timestamp,
}

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenAnswer {
    /// The vault described it.
    Says(Box<TokenSays>),
    /// The vault does not accept it: expired, revoked, used up, or of another vault.
    Dead,
    /// Its file is not there, or holds nothing that could be a token.
    NoToken(Trouble),
    /// Nobody can say: sealed, unreachable, not allowed, or its uses are counted and looking would spend one.
    Unseen(Trouble),
}

/// What a token should be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wants {
    /// Its `display_name`, with or without the prefix `token-`.
    pub display_name: Option<String>,
    /// Policies that it should have, of its own or of its entity.
    pub policies: Vec<String>,
    /// Capabilities by path that it must have.
    pub needs: BTreeMap<String, Vec<String>>,
    /// Capabilities by path without which some of the questions of Baowatch itself stay unanswered.
    pub asks: BTreeMap<String, Vec<String>>,
}

/// The file of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeen {
    /// Its path.
    pub path: String,
    /// Its mode bits, `0o600`.
    pub mode: u32,
    /// The owner's uid, and ours.
    pub owner: (u32, u32),
    /// When it was last written.
    pub modified: Option<Timestamp>,
}

impl FileSeen {
    /// What is wrong with who may read and write it.
    pub fn permissions(&self) -> Option<String> {
        let (owner, ours) = self.owner;
        // Root reads and keeps files for others; anybody else's token in a stranger's file is the stranger's to replace.
        let strange = owner != ours && ours != 0 && owner != 0;
        match (self.mode & 0o077 != 0, strange) {
            (false, false) => None,
            (true, false) => Some(format!("mode {:04o}, should be 0600", self.mode)),
            (false, true) => Some(format!("owned by uid {owner}, this is uid {ours}")),
            (true, true) => Some(format!("mode {:04o}, owned by uid {owner}, this is uid {ours}", self.mode)),
        }
    }
}

/// What a lookup says, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenSays {
    /// `display_name`: `token-…`, `kubernetes-…`, `userpass-…`, `root`.
    pub display_name: String,
    /// `service`, `batch`.
    pub kind: String,
    /// `path`: what made it, `auth/token/create`, `auth/userpass/login/me`.
    pub made_by: String,
    /// Its policies contain `root`.
    pub root: bool,
    /// `ttl`; `None` for one that does not expire.
    pub ttl: Option<SignedDuration>,
    /// `creation_ttl`.
    pub creation_ttl: Option<SignedDuration>,
    /// `period`.
    pub period: Option<SignedDuration>,
    /// `explicit_max_ttl`.
    pub explicit_max_ttl: Option<SignedDuration>,
    /// `orphan`.
    pub orphan: bool,
    /// `renewable`.
    pub renewable: bool,
    /// `num_uses`: how many uses are left; 0 for no limit.
    pub uses_left: u32,
    /// `creation_time`.
    pub created: Option<Timestamp>,
    /// `last_renewal`.
    pub renewed: Option<Timestamp>,
    /// Token policies and those of its identity, sorted.
    pub policies: Vec<String>,
    /// `entity_id`.
    pub entity: String,
    /// Keyed fingerprint of its accessor, to tell one token from the next; batch tokens have none.
    pub accessor: Option<Fingerprint>,
    /// What it may do on the paths that were asked about: probed, not read from its policies. `None` where nobody could be
    /// asked without spending one of its uses.
    pub capabilities: Option<BTreeMap<String, Vec<String>>>,
}

impl TokenSays {
    /// Who it is: what stays when a token is replaced by the next one of the same sort.
    pub fn identity(&self) -> TokenIdentity {
        TokenIdentity {
            display_name: self.display_name.clone(),
            policies: self.policies.clone(),
            entity: self.entity.clone(),
        }
    }

    /// Whether this is the very token that `other` was.
    pub fn same_token(&self, other: &Self) -> bool {
        (&self.accessor, self.created) == (&other.accessor, other.created)
    }

    /// `root`, `periodic`, `batch`, `token`, with what matters beside it.
    pub fn sort(&self) -> &'static str {
        if self.root {
            "root"
        } else if self.kind == "batch" {
            "batch"
        } else if self.period.is_some() {
            "periodic"
        } else if self.renewable {
            "renewable"
        } else {
            "fixed"
        }
    }
}

/// Who a token is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIdentity {
    /// `display_name`.
    pub display_name: String,
    /// Sorted.
    pub policies: Vec<String>,
    /// `entity_id`.
    pub entity: String,
}
