//! Every change this program can make to anything outside itself, in one enum. Who audits Baowatch reads this file.

use serde::{Deserialize, Serialize};

use crate::app::id::{FeedId, ObjectRef, SlotId};
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::keystore::KeyKind;
use crate::app::model::proof::Proof;

/// A mutation. `backends::hands` is the only place that performs one, and only inside an
/// [`Act`](super::run::Act), which only a confirmed plan can produce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    /// `PUT /v1/sys/unseal {"key": …}` to one named replica.
    SubmitShare {
        /// The replica.
        replica: String,
        /// Where the share comes from; its bytes are read at the moment of use and never pass through the core.
        share: ShareRef,
    },
    /// `PUT /v1/sys/unseal {"reset": true}` to one named replica: discards the progress of an attempt.
    ResetUnseal {
        /// The replica.
        replica: String,
    },
    /// Begins a rotation with verification on the active replica, gives it the shares, and cancels it in every case: the
    /// server says whether they are its keys, and nothing changes.
    ProveKeys {
        /// The active replica.
        replica: String,
        /// The keys in question.
        keys: KeysRef,
        /// Of which key they are shares.
        of: RotationOf,
        /// Shares needed.
        threshold: u32,
        /// Shares in existence.
        total: u32,
        /// With whose authority.
        token: TokenRef,
        /// The namespace whose own seal is asked about; `None` for the vault's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        namespace: Option<String>,
    },
    /// Server-side apply of these fields of one Secret as field manager `baowatch`; no other field is touched.
    ApplySecret {
        /// The Secret.
        object: ObjectRef,
        /// The generation of the keystore that the bytes come from.
        generation: u32,
        /// What is written.
        fields: Vec<FieldWrite>,
        /// Fingerprints of the keys it must hold afterwards.
        prints: Vec<Fingerprint>,
        /// What was there when the plan was made; `None` when the Secret did not exist.
        found: Option<Found>,
        /// Make it immutable too.
        immutable: bool,
    },
    /// Takes the keys of a Secret into the local keystore as a new generation.
    SaveKeys {
        /// The Secret.
        object: ObjectRef,
        /// Fingerprints of the keys when the plan was made.
        prints: Vec<Fingerprint>,
        /// What they are: a field called `key` may hold either.
        kind: KeyKind,
        /// Shares needed.
        threshold: u32,
        /// Shares in existence.
        total: u32,
        /// The vault's own cluster id when the plan was made.
        vault_cluster_id: Option<String>,
        /// The keystore's current generation when the plan was made.
        over: Option<u32>,
    },
    /// Writes the local keystore to one of its registered copies, keeping the version that was there.
    WriteCopy {
        /// The copy's name.
        copy: String,
        /// The keystore's revision when the plan was made.
        revision: u64,
    },
    /// Writes a key file in custody back to where it belongs, with its mode and owner, keeping what was there.
    RestoreCustody {
        /// The name it was given.
        name: String,
        /// Which version.
        version: u32,
        /// Where it is written to.
        path: String,
        /// What lay there when the plan was made; `None` when nothing did.
        found: Option<Fingerprint>,
    },
    /// Writes this machine's proofs and holdings into the register beside the vault, by server-side apply.
    PublishRegister {
        /// The ConfigMap.
        object: ObjectRef,
    },
}

impl Op {
    /// The replica that it unseals, where it does: from then on its opening is our doing.
    pub fn unseals(&self) -> Option<&str> {
        match self {
            Self::SubmitShare { replica, .. } | Self::ResetUnseal { replica } => Some(replica),
            Self::ProveKeys { .. }
            | Self::ApplySecret { .. }
            | Self::SaveKeys { .. }
            | Self::WriteCopy { .. }
            | Self::RestoreCustody { .. }
            | Self::PublishRegister { .. } => None,
        }
    }

    /// The feed that sees its effect: asked to look when the step ended.
    pub const fn feed(&self) -> FeedId {
        match self {
            Self::SubmitShare { .. } | Self::ResetUnseal { .. } | Self::ProveKeys { .. } => FeedId::Seal,
            Self::ApplySecret { .. } => FeedId::KeysSecret,
            Self::SaveKeys { .. } => FeedId::Keystore,
            Self::WriteCopy { .. } => FeedId::Copies,
            Self::RestoreCustody { .. } => FeedId::Custody,
            Self::PublishRegister { .. } => FeedId::Register,
        }
    }

    /// The slot with typed secrets that it uses, if it uses one.
    pub const fn slot(&self) -> Option<SlotId> {
        match self {
            Self::SubmitShare { share: ShareRef::Typed { slot, .. }, .. }
            | Self::ProveKeys { keys: KeysRef::Typed { slot, .. }, .. } => Some(*slot),
            Self::SubmitShare { .. }
            | Self::ResetUnseal { .. }
            | Self::ProveKeys { .. }
            | Self::ApplySecret { .. }
            | Self::SaveKeys { .. }
            | Self::WriteCopy { .. }
            | Self::RestoreCustody { .. }
            | Self::PublishRegister { .. } => None,
        }
    }

    /// Whether it needs the keystore unlocked.
    pub const fn opens_keystore(&self) -> bool {
        match self {
            Self::SubmitShare { share, .. } => matches!(share, ShareRef::Keystore { .. }),
            Self::ProveKeys { keys, token, .. } => {
                matches!(keys, KeysRef::Keystore { .. }) || matches!(token, TokenRef::Keystore { .. })
            }
            Self::ApplySecret { .. } | Self::SaveKeys { .. } | Self::RestoreCustody { .. } => true,
            Self::ResetUnseal { .. } | Self::WriteCopy { .. } | Self::PublishRegister { .. } => false,
        }
    }
}

/// Names one share without holding it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShareRef {
    /// The n-th share of a Secret, which must still have this fingerprint when it is read.
    Secret {
        /// The Secret.
        object: ObjectRef,
        /// Which share, counted from 0 over its fields in order.
        index: u32,
        /// What it was when the plan was made.
        print: Fingerprint,
    },
    /// The n-th share of a generation of the keystore, which must have this fingerprint.
    Keystore {
        /// The generation.
        generation: u32,
        /// Which share, counted from 0.
        index: u32,
        /// What it was when the plan was made.
        print: Fingerprint,
    },
    /// The n-th secret typed into a slot of this session.
    Typed {
        /// The slot.
        slot: SlotId,
        /// Which one, counted from 0.
        index: u32,
    },
}

/// Names a whole set of keys without holding it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeysRef {
    /// All different shares of a Secret.
    Secret {
        /// The Secret.
        object: ObjectRef,
        /// What they were when the plan was made.
        prints: Vec<Fingerprint>,
    },
    /// The shares of a generation of the keystore.
    Keystore {
        /// The generation.
        generation: u32,
        /// What they were when the plan was made.
        prints: Vec<Fingerprint>,
    },
    /// Typed into a slot of this session.
    Typed {
        /// The slot.
        slot: SlotId,
        /// How many.
        count: u32,
    },
}

/// Which key a rotation would change, if it were not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RotationOf {
    /// The unseal key: `sys/rotate/root`, on Vault `sys/rekey`.
    Root,
    /// The recovery key of an auto-unseal vault: `sys/rotate/recovery`, on Vault `sys/rekey-recovery-key`.
    Recovery,
}

/// Names a token without holding it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenRef {
    /// The one that was given for this vault.
    Configured,
    /// The root token of a generation of the keystore.
    Keystore {
        /// The generation.
        generation: u32,
    },
    /// The root token in a Secret.
    Secret {
        /// The Secret.
        object: ObjectRef,
    },
}

/// One field that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldWrite {
    /// Its key in `data`.
    pub name: String,
    /// What goes into it.
    pub content: Content,
}

/// What goes into a field, without holding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// The very bytes that this field of the Secret held when they were saved.
    Verbatim,
    /// One share.
    Share {
        /// Which, counted from 0.
        index: u32,
        /// Written how.
        form: Form,
    },
    /// A static seal's key.
    SealKey {
        /// Written how.
        form: Form,
    },
    /// The root token.
    RootToken,
}

/// How key bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Lower-case hex.
    Hex,
    /// Base64 with padding.
    Base64,
    /// As they are.
    Raw,
}

/// What was found where something is about to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// `metadata.uid`.
    pub uid: String,
    /// Fingerprints of the keys in it; empty when it held none.
    pub prints: Vec<Fingerprint>,
}

/// What a performed operation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done; what the server answered, in words.
    Done {
        /// The evidence, for the dialog and the journal.
        evidence: String,
    },
    /// The vault was asked about keys and gave an answer, either way.
    Proven {
        /// The evidence, for the dialog and the journal.
        evidence: String,
        /// What is to be remembered.
        proof: Proof,
    },
    /// Found done already by somebody else, right before it was to be performed: nothing was sent, and nothing is proven.
    Unneeded {
        /// What was found.
        why: String,
    },
    /// Refused or failed; nothing beyond what `trouble.what` says was changed.
    Failed {
        /// Why.
        trouble: crate::app::trouble::Trouble,
    },
}
