//! What ConfigMap `baowatch-register` holds, in writing: one field a holder, so that no machine overwrites another's.
//!
//! `schema`, `identity` and `salt` are written by whoever comes first; `holder.NAME` is JSON and written by that holder
//! alone, as a field manager of its own. Anybody who may edit the ConfigMap can write anything into it: it is read as
//! text from outside, bounded and cleaned, and one entry that cannot be read spoils no other.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde::{Deserialize, Serialize};

use crate::app::id::{Identity, ObjectRef};
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::proof::Proof;
use crate::app::model::register::{Holding, RegisterSeen};
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};

/// Its name, beside the vault.
pub const NAME: &str = "baowatch-register";
/// What `schema` says.
pub const SCHEMA: &str = "baowatch.shared-register/v1";
const ENTRY: &str = "holder.";
/// Beyond these nothing is read: it was not written by this program.
const MOST_HOLDERS: usize = 64;
const LONGEST_ENTRY: usize = 64 << 10;
const MOST_HOLDINGS: usize = 32;
/// Written and read, the newest first.
pub const MOST_PROOFS: usize = 24;

/// What one holder writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The holder's label, as it was configured.
    pub holder: String,
    /// The salt of the fingerprints in it, in hex.
    pub salt: String,
    /// Places that hold the keys.
    #[serde(default)]
    pub holdings: Vec<Holding>,
    /// Proofs that were made there.
    #[serde(default)]
    pub proofs: Vec<Proof>,
}

/// A label as it can stand in the name of a field and of a field manager.
fn plain(label: &str) -> String {
    let text: String =
        label.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).take(48).collect();
    let text = text.trim_matches('-');
    if text.is_empty() { "nobody".to_owned() } else { text.to_owned() }
}

/// The field that this holder writes.
pub fn field(holder: &str) -> String {
    format!("{ENTRY}{}", plain(holder))
}

/// The field manager as which this holder writes: an apply takes away what its manager applied before and names no more,
/// so two holders under one manager would erase each other.
pub fn manager(holder: &str) -> String {
    format!("{}-{}", super::apply::MANAGER, plain(holder))
}

/// The fields to apply: our entry, and the head where nobody wrote another one.
pub fn fields(entry: &Entry, identity: &Identity, there: Option<&RegisterSeen>) -> Option<Vec<(String, String)>> {
    let text = serde_json::to_string(entry).ok().filter(|text| text.len() <= LONGEST_ENTRY)?;
    let mut fields = vec![(field(&entry.holder), text)];
    if there.is_none_or(|seen| seen.comparable) {
        fields.push(("schema".to_owned(), SCHEMA.to_owned()));
        fields.push(("identity".to_owned(), identity.0.clone()));
        fields.push(("salt".to_owned(), entry.salt.clone()));
    }
    Some(fields)
}

/// The salt under which this vault's register compares fingerprints, if it is this vault's and says one.
pub fn salt(map: &ConfigMap, identity: &Identity) -> Option<Vec<u8>> {
    let data = map.data.as_ref()?;
    let ours = data.get("schema").is_some_and(|schema| schema == SCHEMA)
        && data.get("identity").is_some_and(|text| *text == identity.0);
    let salt = data.get("salt").filter(|_| ours)?;
    let digits: Option<Vec<u8>> = salt.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() == 32)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte * 16 + digit)).collect())
}

/// Reads it. `holder` is this machine's label, `ours` its salt in hex.
pub fn read(
    object: &ObjectRef,
    map: &ConfigMap,
    identity: &Identity,
    holder: &str,
    ours: &str,
) -> Result<RegisterSeen, Trouble> {
    let empty = BTreeMap::new();
    let data = map.data.as_ref().unwrap_or(&empty);
    let ignored = |why: &str| {
        let next = "It is left as it is, and nothing rests on it; a newer Baowatch may read it";
        Trouble::new(TroubleKind::Unusable, &format!("{object} is no register of this vault"), why, next)
    };
    match data.get("schema").map(String::as_str) {
        Some(SCHEMA) => {}
        Some(_) => return Err(ignored("another version of Baowatch wrote it")),
        None => return Err(ignored("it does not say which version of Baowatch wrote it")),
    }
    if data.get("identity").is_none_or(|text| *text != identity.0) {
        return Err(ignored("it belongs to another cluster or vault"));
    }
    let mut seen = RegisterSeen {
        object: object.clone(),
        version: clean(map.metadata.resource_version.as_deref().unwrap_or_default()),
        holder: clean(holder),
        comparable: data.get("salt").is_some_and(|salt| salt == ours),
        holdings: Vec::new(),
        proofs: Vec::new(),
    };
    let entries = data.iter().filter(|(name, _)| name.starts_with(ENTRY)).take(MOST_HOLDERS);
    for (name, text) in entries {
        let entry = Some(text).filter(|text| text.len() <= LONGEST_ENTRY);
        match entry.and_then(|text| serde_json::from_str::<Entry>(text).ok()) {
            Some(entry) if field(&entry.holder) == *name => add(&mut seen, entry, ours),
            Some(_) | None => tracing::warn!(field = %clean(name), %object, "an entry that cannot be read is ignored"),
        }
    }
    seen.proofs.sort_by_key(|proof| proof.at);
    Ok(seen)
}

/// Takes one holder's entry. Fingerprints under another salt mean nothing here and are dropped, and with them the proofs.
fn add(seen: &mut RegisterSeen, entry: Entry, ours: &str) {
    let comparable = entry.salt == ours;
    let label = clean(&entry.holder);
    for holding in entry.holdings.into_iter().take(MOST_HOLDINGS) {
        seen.holdings.push(Holding {
            holder: label.clone(),
            name: clean(&holding.name),
            kind: clean(&holding.kind),
            prints: if comparable { prints(holding.prints) } else { Vec::new() },
            near: holding.near.as_deref().map(clean),
            ..holding
        });
    }
    if !comparable {
        return;
    }
    let mut proofs = entry.proofs;
    proofs.retain(|proof| proof.namespace.is_none());
    proofs.sort_by_key(|proof| std::cmp::Reverse(proof.at));
    seen.proofs.extend(proofs.into_iter().take(MOST_PROOFS).map(|proof| Proof {
        replica: clean(&proof.replica),
        cluster_id: proof.cluster_id.as_deref().map(clean),
        prints: prints(proof.prints),
        ..proof
    }));
}

/// Only what can be a fingerprint.
fn prints(all: Vec<Fingerprint>) -> Vec<Fingerprint> {
    let is = |print: &Fingerprint| print.0.len() == 16 && print.0.bytes().all(|b| b.is_ascii_hexdigit());
    all.into_iter().filter(is).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::model::proof::{Answer, Method};

    const SALT: &str = "00112233445566778899aabbccddeeff";

    fn identity() -> Identity {
        Identity("uid/data/openbao".into())
    }

    fn object() -> ObjectRef {
        ObjectRef::new("ConfigMap", "data", NAME)
    }

    fn entry(holder: &str, salt: &str) -> Entry {
        Entry {
            holder: holder.into(),
            salt: salt.into(),
            holdings: vec![Holding {
                holder: holder.into(),
                name: "keystore".into(),
                kind: "keystore".into(),
                generation: 3,
                prints: vec![Fingerprint("7f3a91c2aabbccdd".into())],
                near: None,
                checked: Some(jiff::Timestamp::UNIX_EPOCH),
                tested: None,
            }],
            proofs: vec![Proof {
                method: Method::OwnUnseal,
                answer: Answer::Accepted,
                at: jiff::Timestamp::UNIX_EPOCH,
                replica: "openbao-0".into(),
                cluster_id: None,
                prints: vec![Fingerprint("7f3a91c2aabbccdd".into())],
                namespace: None,
            }],
        }
    }

    fn map(fields: Vec<(String, String)>) -> ConfigMap {
        ConfigMap { data: Some(fields.into_iter().collect()), ..ConfigMap::default() }
    }

    fn seen(map: &ConfigMap) -> RegisterSeen {
        read(&object(), map, &identity(), "anna@laptop", SALT).unwrap()
    }

    #[test]
    fn two_holders_stand_side_by_side() {
        let mut all = fields(&entry("anna@laptop", SALT), &identity(), None).unwrap();
        let first = seen(&map(all.clone()));
        all.extend(fields(&entry("Ben's desk", SALT), &identity(), Some(&first)).unwrap());
        let both = seen(&map(all));
        assert!(both.comparable);
        assert_eq!((both.holdings.len(), both.proofs.len(), both.of_others().count()), (2, 2, 1));
        assert_eq!(field("Ben's desk"), "holder.ben-s-desk");
        assert_ne!(manager("Ben's desk"), manager("anna@laptop"));
        assert_eq!(manager("…"), "baowatch-nobody");
    }

    #[test]
    fn another_salt_is_told_of_and_not_compared() {
        let first = seen(&map(fields(&entry("anna@laptop", SALT), &identity(), None).unwrap()));
        let mut all = fields(&entry("anna@laptop", SALT), &identity(), None).unwrap();
        all.extend(fields(&entry("ben", &"ff".repeat(16)), &identity(), Some(&first)).unwrap().into_iter().take(1));
        let both = seen(&map(all));
        assert_eq!((both.holdings.len(), both.proofs.len()), (2, 1));
        assert!(both.of_others().all(|holding| holding.prints.is_empty()));
        // Who has another salt leaves the head alone: it is the others' common one.
        let strange = RegisterSeen { comparable: false, ..first };
        assert_eq!(fields(&entry("ben", "ff"), &identity(), Some(&strange)).unwrap().len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_spoils_nothing_else() {
        let good = fields(&entry("anna@laptop", SALT), &identity(), None).unwrap();
        let with = |name: &str, value: String| {
            let mut all = good.clone();
            all.retain(|(is, _)| is != name);
            all.push((name.to_owned(), value));
            map(all)
        };
        let told = |map: &ConfigMap| read(&object(), map, &identity(), "anna", SALT).unwrap_err();
        assert!(told(&with("schema", "baowatch.shared-register/v9".into())).why.contains("another version"));
        assert!(told(&with("identity", "else".into())).why.contains("another cluster"));
        assert_eq!(told(&ConfigMap::default()).kind, TroubleKind::Unusable);
        for rubbish in ["{", "{\"holder\":7}", "[]", "\"CANARY\""] {
            assert_eq!(seen(&with("holder.x", rubbish.into())).holdings.len(), 1, "{rubbish}");
        }
        assert_eq!(seen(&with("holder.x", "9".repeat(LONGEST_ENTRY + 1))).holdings.len(), 1);
        // Under the field of somebody else nobody is believed.
        let stolen = serde_json::to_string(&entry("eve", SALT)).unwrap();
        assert_eq!(seen(&with("holder.ben", stolen)).holdings.len(), 1);
        let steered = serde_json::to_string(&entry("ev\u{1b}[2Je", SALT)).unwrap();
        let steered = seen(&with(&field("ev\u{1b}[2Je"), steered));
        assert!(steered.holdings.iter().all(|holding| !holding.holder.contains('\u{1b}')));
    }

    #[test]
    fn the_salt_is_taken_from_our_own_register_only() {
        let ours = map(fields(&entry("anna", SALT), &identity(), None).unwrap());
        assert_eq!(salt(&ours, &identity()).map(|salt| salt.len()), Some(16));
        assert_eq!(salt(&ours, &Identity("other".into())), None);
        assert_eq!(salt(&map(fields(&entry("anna", "zz"), &identity(), None).unwrap()), &identity()), None);
    }
}
