//! Generations as the header writes them: the file's own names, so that a change in the model cannot change the format.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::model::keys_secret::{Fingerprint, Purpose};
use crate::app::model::keystore::{FieldKept, GenerationSeen, KeyKind};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    number: u32,
    kind: Kind,
    threshold: u32,
    total: u32,
    prints: Vec<Fingerprint>,
    root_token: Option<Fingerprint>,
    created: Timestamp,
    source: String,
    vault_cluster_id: Option<String>,
    fields: Vec<Field>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Field {
    name: String,
    purpose: For,
    len: u32,
    prints: Vec<Fingerprint>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Unseal,
    Recovery,
    Static,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum For {
    Shares,
    SealKey,
    RootToken,
    Other,
}

/// For `#[serde(with)]`.
pub(super) mod generations {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::{GenerationSeen, Written};

    pub fn serialize<S: Serializer>(all: &[GenerationSeen], to: S) -> Result<S::Ok, S::Error> {
        all.iter().map(Written::of).collect::<Vec<_>>().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<GenerationSeen>, D::Error> {
        Ok(Vec::<Written>::deserialize(from)?.into_iter().map(Written::seen).collect())
    }
}

impl Written {
    fn of(seen: &GenerationSeen) -> Self {
        Self {
            number: seen.number,
            kind: match seen.kind {
                KeyKind::Unseal => Kind::Unseal,
                KeyKind::Recovery => Kind::Recovery,
                KeyKind::Static => Kind::Static,
            },
            threshold: seen.threshold,
            total: seen.total,
            prints: seen.prints.clone(),
            root_token: seen.root_token.clone(),
            created: seen.created,
            source: seen.source.clone(),
            vault_cluster_id: seen.vault_cluster_id.clone(),
            fields: seen.fields.iter().map(Field::of).collect(),
        }
    }

    fn seen(self) -> GenerationSeen {
        GenerationSeen {
            number: self.number,
            kind: match self.kind {
                Kind::Unseal => KeyKind::Unseal,
                Kind::Recovery => KeyKind::Recovery,
                Kind::Static => KeyKind::Static,
            },
            threshold: self.threshold,
            total: self.total,
            prints: self.prints,
            root_token: self.root_token,
            created: self.created,
            source: self.source,
            vault_cluster_id: self.vault_cluster_id,
            fields: self.fields.into_iter().map(Field::seen).collect(),
        }
    }
}

impl Field {
    fn of(kept: &FieldKept) -> Self {
        Self {
            name: kept.name.clone(),
            purpose: match kept.purpose {
                Purpose::Shares => For::Shares,
                Purpose::SealKey => For::SealKey,
                Purpose::RootToken => For::RootToken,
                Purpose::Other => For::Other,
            },
            len: kept.len,
            prints: kept.prints.clone(),
        }
    }

    fn seen(self) -> FieldKept {
        FieldKept {
            name: self.name,
            purpose: match self.purpose {
                For::Shares => Purpose::Shares,
                For::SealKey => Purpose::SealKey,
                For::RootToken => Purpose::RootToken,
                For::Other => Purpose::Other,
            },
            len: self.len,
            prints: self.prints,
        }
    }
}
