//! Tokens as the vault describes them, and the files they lie in. Never the token itself.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

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

/// One token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSeen {
    /// Where it is from.
    pub origin: TokenOrigin,
    /// The file it lies in.
    pub file: Option<FileSeen>,
    /// What the vault says of it, or why it says nothing.
    pub says: Result<TokenSays, Trouble>,
    /// When the vault was asked.
    pub at: Timestamp,
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

/// What `auth/token/lookup-self` says, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenSays {
    /// `display_name`: `token-…`, `kubernetes-…`, `userpass-…`, `root`.
    pub display_name: String,
    /// `service`, `batch`.
    pub kind: String,
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
    /// `num_uses`; 0 for no limit.
    pub uses_left: u32,
    /// `expire_time`.
    pub expires: Option<Timestamp>,
    /// `creation_time`.
    pub created: Option<Timestamp>,
    /// `last_renewal`.
    pub renewed: Option<Timestamp>,
    /// Token policies and those of its identity.
    pub policies: Vec<String>,
    /// `entity_id`.
    pub entity: String,
    /// Keyed fingerprint of its accessor, to tell one token from the next.
    pub accessor: String,
    /// What `sys/capabilities-self` answers for the paths that the configuration names.
    pub capabilities: Vec<(String, Vec<String>)>,
}
