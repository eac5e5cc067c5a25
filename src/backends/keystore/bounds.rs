//! What a header may say: every length, number and name has a bound, on writing as on reading.

use super::error::KeystoreError;
use super::header::{CustodyEntry, Header, MOST_SLOTS, SlotEntry};
use super::kdf::MOST_TOGETHER;
use super::opened::unhex;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::keystore::{FieldKept, GenerationSeen, KeyKind, SlotKind};
use crate::app::text::clean;

/// Most generations; a rotation a day fills them in three years.
pub const MOST_GENERATIONS: usize = 1024;
/// Most passphrase slots: a wrong passphrase costs a derivation for each.
pub const MOST_PASSPHRASES: usize = 8;
/// Most shares of one generation, as the vaults have it.
pub const MOST_SHARES: u32 = 255;
/// Most fields of the Secret in one generation.
pub const MOST_FIELDS: usize = 64;
/// Most files in custody.
pub const MOST_FILES: usize = 64;
/// Most versions of one of them.
pub const MOST_VERSIONS: usize = 64;
/// No file in custody is longer.
pub const LONGEST_FILE: usize = 1 << 20;
/// None is shorter: a fingerprint with a public salt would tell what it is.
pub const SHORTEST_FILE: usize = 16;
/// Most characters of a label or a name.
pub const LONGEST_NAME: usize = 64;
/// Most characters of a path, an identity, a source or the name of a field.
pub const LONGEST_TEXT: usize = 400;
/// Revisions stay below what every JSON reader holds exactly.
pub const LAST_REVISION: u64 = (1 << 53) - 1;

type Checked = Result<(), KeystoreError>;

fn must(holds: bool, why: &str) -> Checked {
    if holds { Ok(()) } else { Err(KeystoreError::BadHeader(why.to_owned())) }
}

/// Refuses what no program of this version writes.
pub(super) fn check(header: &Header) -> Checked {
    must(text(&header.identity.0, LONGEST_TEXT) && !header.identity.0.is_empty(), "its identity is no name")?;
    must(hex(&header.file, 16, 16), "its file number is not 32 hex digits")?;
    must((1..=LAST_REVISION).contains(&header.revision), "its revision is out of bounds")?;
    must(hex(&header.salt, 8, 64), "its salt is not hex of 8 to 64 bytes")?;
    slots(&header.slots)?;
    let newest = header.slots.iter().map(|slot| slot.id).max().unwrap_or_default();
    must(header.next_slot > newest, "the number of its next slot is taken")?;
    must(header.generations.len() <= MOST_GENERATIONS, "it has more generations than any keystore")?;
    let numbers = || header.generations.iter().map(|generation| generation.number);
    must(numbers().zip(numbers().skip(1)).all(|(one, next)| one < next), "its generations are not in order")?;
    header.generations.iter().try_for_each(generation)?;
    must(header.custody.len() <= MOST_FILES, "it has more files in custody than any keystore")?;
    let mut names: Vec<&str> = header.custody.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    must(names.len() == header.custody.len(), "two files in custody have one name")?;
    header.custody.iter().try_for_each(custody)
}

fn slots(slots: &[SlotEntry]) -> Checked {
    must(!slots.is_empty(), "it has no slot")?;
    must(slots.len() <= MOST_SLOTS, "it has more slots than any keystore")?;
    let mut ids: Vec<u32> = slots.iter().map(|slot| slot.id).collect();
    ids.sort_unstable();
    ids.dedup();
    must(ids.len() == slots.len() && !ids.contains(&0), "two slots have one number, or one has none")?;
    let costs: Vec<(u32, super::kdf::Cost)> =
        slots.iter().filter_map(|slot| slot.cost.map(|cost| (slot.id, cost))).collect();
    must(costs.len() <= MOST_PASSPHRASES, "it has more passphrase slots than any keystore")?;
    for slot in slots {
        must(text(&slot.label, LONGEST_NAME), "the label of a slot is no name")?;
        match (slot.kind, slot.cost) {
            (SlotKind::Passphrase, Some(cost)) => {
                cost.check(slot.id)?;
            }
            (SlotKind::Passphrase, None) => return must(false, "a passphrase slot says no costs"),
            (SlotKind::Keyring | SlotKind::Keyfile | SlotKind::Recovery, Some(_)) => {
                return must(false, "a slot that derives nothing says costs");
            }
            (SlotKind::Keyring | SlotKind::Keyfile | SlotKind::Recovery, None) => {}
        }
        must(slot.sealed().is_some(), "a slot is not one: its bytes have other lengths")?;
    }
    let mut together = 0;
    for (id, cost) in costs {
        together += cost.work();
        if together > MOST_TOGETHER {
            return Err(KeystoreError::TooCostly(id));
        }
    }
    Ok(())
}

fn generation(seen: &GenerationSeen) -> Checked {
    must(seen.number > 0, "a generation has no number")?;
    let held = seen.prints.len() as u64;
    must((1..=MOST_SHARES).contains(&seen.threshold), "a generation needs a number of shares that no vault has")?;
    must(seen.total <= MOST_SHARES && seen.total >= seen.threshold, "a generation has fewer shares than it needs")?;
    must(held <= u64::from(seen.total), "a generation holds more shares than there are")?;
    let alone = seen.kind != KeyKind::Static || (seen.threshold == 1 && seen.total == 1);
    must(alone, "a static seal has one key")?;
    must(prints(&seen.prints) && seen.root_token.as_ref().is_none_or(print), "a fingerprint is not one")?;
    must(text(&seen.source, LONGEST_TEXT), "the source of a generation is no name")?;
    let id = seen.vault_cluster_id.as_deref().unwrap_or_default();
    must(text(id, LONGEST_TEXT), "the cluster id of a generation is no name")?;
    must(seen.fields.len() <= MOST_FIELDS, "a generation has more fields than any")?;
    let mut names: Vec<&str> = seen.fields.iter().map(|field| field.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    must(names.len() == seen.fields.len(), "two fields have one name")?;
    let fine = |field: &FieldKept| {
        let some = field.prints.len() <= MOST_SHARES as usize && prints(&field.prints);
        some && text(&field.name, LONGEST_TEXT) && !field.name.is_empty()
    };
    must(seen.fields.iter().all(fine), "a field of a generation is not one")
}

fn custody(entry: &CustodyEntry) -> Checked {
    must(text(&entry.name, LONGEST_NAME) && !entry.name.is_empty(), "a file in custody has no name")?;
    must(text(&entry.path, LONGEST_TEXT) && !entry.path.is_empty(), "a file in custody has no path")?;
    must(text(&entry.host, LONGEST_TEXT), "the host of a file in custody is no name")?;
    must(entry.mode <= 0o7777, "a file in custody has a mode that no file has")?;
    must((1..=MOST_VERSIONS).contains(&entry.versions.len()), "a file in custody has no version, or too many")?;
    let numbers = || entry.versions.iter().map(|version| version.number);
    let ordered = numbers().zip(numbers().skip(1)).all(|(one, next)| one < next);
    must(ordered && !numbers().any(|number| number == 0), "the versions of a file in custody are not in order")?;
    let sizes = SHORTEST_FILE as u64..=LONGEST_FILE as u64;
    let fine = entry.versions.iter().all(|version| sizes.contains(&version.size) && print(&version.print));
    must(fine, "a version of a file in custody has no size or no fingerprint")
}

/// Nothing in it can steer a terminal, and it is no longer than this. What was cleaned once stays as it is.
pub(super) fn text(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest && clean(text) == text
}

/// Cleaned and cut: for what is only told to people.
pub(super) fn told(text: &str, longest: usize) -> String {
    let cut: String = clean(text).chars().take(longest).collect();
    clean(&cut)
}

fn print(print: &Fingerprint) -> bool {
    hex(&print.0, 8, 8)
}

fn prints(all: &[Fingerprint]) -> bool {
    all.iter().all(print)
}

/// Lower-case hex of so many bytes: one spelling for one value.
fn hex(text: &str, least: usize, most: usize) -> bool {
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    lower && unhex(text).is_some_and(|bytes| (least..=most).contains(&bytes.len()))
}
