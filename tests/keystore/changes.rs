//! What changing a keystore does to it: generations, slots, custody, and a new data key.

use baowatch::app::model::keystore::{KeyKind, SlotKind};
use baowatch::backends::keys::fingerprint;
use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::opened::NewKeys;
use baowatch::backends::keystore::{KeystoreError, NewFile, Opened, Opener, SecretBytes};

use super::made::*;

fn reopened(opened: &mut Opened, with: &Opener) -> Result<Opened, KeystoreError> {
    Opened::open(&opened.seal(at(100)).unwrap(), Some(&identity()), with)
}

#[test]
fn the_same_keys_are_no_new_generation_and_any_difference_is_one() {
    let mut opened = cheap();
    assert_eq!(opened.add_generation(shares(1), at(1)).unwrap(), 1);
    let mut shuffled = shares(1);
    shuffled.shares.reverse();
    shuffled.root_token = None;
    shuffled.fields.clear();
    shuffled.vault_cluster_id = None;
    assert_eq!(opened.add_generation(shuffled, at(2)).unwrap(), 1);
    assert_eq!(opened.header().generations[0].created, at(1), "the earlier one stays as it was");

    let token = NewKeys { root_token: Some(SecretBytes::new(b"hvs.another-token-of-this".to_vec())), ..shares(1) };
    assert_eq!(opened.add_generation(token, at(3)).unwrap(), 2, "a new root token must not get lost");
    let kind = NewKeys { kind: KeyKind::Recovery, ..shares(1) };
    assert_eq!(opened.add_generation(kind, at(4)).unwrap(), 3);
    let one_less = NewKeys { shares: shares(1).shares.into_iter().take(2).collect(), ..shares(1) };
    assert_eq!(opened.add_generation(one_less, at(5)).unwrap(), 4);
    // An earlier generation that comes back is current again, so it is written again.
    assert_eq!(opened.add_generation(shares(1), at(6)).unwrap(), 5);
    assert_eq!(reopened(&mut opened, &keyfile()).unwrap().header().generations.len(), 5);
}

#[test]
fn a_generation_that_no_vault_has_is_refused_and_leaves_no_trace() {
    let mut opened = cheap();
    let before = (opened.header().clone(), opened.payload().clone());
    let unfit = |error: KeystoreError| assert!(matches!(error, KeystoreError::Unfit(_)), "{error:?}");
    unfit(opened.add_generation(NewKeys { threshold: 0, ..shares(1) }, at(1)).unwrap_err());
    unfit(opened.add_generation(NewKeys { threshold: 300, ..shares(1) }, at(1)).unwrap_err());
    unfit(opened.add_generation(NewKeys { kind: KeyKind::Static, ..shares(1) }, at(1)).unwrap_err());
    let id = Some("x\u{1b}[31m".to_owned());
    unfit(opened.add_generation(NewKeys { vault_cluster_id: id, ..shares(1) }, at(1)).unwrap_err());
    assert!(*opened.header() == before.0 && *opened.payload() == before.1);
}

#[test]
fn a_root_token_that_somebody_made_up_has_no_public_fingerprint() {
    let mut opened = cheap();
    let keys = NewKeys { root_token: Some(SecretBytes::new(b"root".to_vec())), ..shares(1) };
    opened.add_generation(keys, at(1)).unwrap();
    assert_eq!(opened.header().generations[0].root_token, None);
    let back = reopened(&mut opened, &keyfile()).unwrap();
    assert_eq!(back.payload().generations[0].root_token.as_ref().unwrap().expose(), b"root");
    assert!(back.header().generations[0].fields[1].prints.is_empty(), "nor has a field that is no key");
}

#[test]
fn only_an_old_generation_is_pruned_and_its_number_is_never_given_again() {
    let mut opened = full();
    assert!(!opened.prune(2) && !opened.prune(9));
    assert!(opened.prune(1));
    assert!(opened.payload().generation(1).is_none() && opened.header().generations.len() == 1);
    assert_eq!(opened.add_generation(shares(3), at(9)).unwrap(), 3);
    reopened(&mut opened, &keyfile()).unwrap();
}

#[test]
fn the_last_slot_stays_and_no_number_is_given_twice() {
    let mut opened = cheap();
    assert!(!opened.remove_slot(1), "nothing would open it any more");
    let second = opened.add_slot(&other_keyfile(), Cost::FLOOR, "b", at(1)).unwrap();
    assert!(opened.remove_slot(second));
    assert_eq!(opened.add_slot(&other_keyfile(), Cost::FLOOR, "c", at(2)).unwrap(), 3);
    assert!(opened.remove_slot(1) && !opened.remove_slot(1));
    assert!(reopened(&mut opened, &other_keyfile()).is_ok());
    let gone = reopened(&mut opened, &keyfile()).err().unwrap();
    assert_eq!(gone, KeystoreError::WrongSecret(SlotKind::Keyfile));
}

#[test]
fn labels_are_cleaned_and_slots_are_bounded() {
    let mut opened = cheap();
    let label = format!("anna\u{1b}[2J {}", "x".repeat(500));
    let id = opened.add_slot(&keyring(), Cost::FLOOR, &label, at(1)).unwrap();
    let kept = opened.header().slot(id).unwrap().label.clone();
    assert!(kept.starts_with("anna[2J x") && kept.chars().count() <= 64, "{kept:?}");
    let empty = Opener::Passphrase(zeroize::Zeroizing::new(String::new()));
    assert!(matches!(opened.add_slot(&empty, Cost::FLOOR, "", at(1)), Err(KeystoreError::Unfit(_))));
    let weak = Cost { m: 1024, ..Cost::FLOOR };
    assert!(matches!(opened.add_slot(&passphrase(), weak, "", at(1)), Err(KeystoreError::TooWeak(_))));
    while opened.add_slot(&keyring(), Cost::FLOOR, "more", at(1)).is_ok() {}
    assert_eq!(opened.header().slots.len(), 32);
    reopened(&mut opened, &keyfile()).unwrap();
}

#[test]
fn custody_keeps_every_version_and_refuses_what_is_no_key_file() {
    let mut opened = full();
    opened.add_custody(file("master key", 50), at(9)).unwrap();
    assert_eq!(opened.add_custody_version("static seal", secret(9, 48), at(10)).unwrap(), 3);
    assert_eq!(opened.add_custody_version("static seal", secret(9, 48), at(11)).unwrap(), 3, "the same bytes");
    assert_eq!(opened.add_custody_version("static seal", secret(8, 32), at(12)).unwrap(), 4, "an older one came back");
    let mut back = reopened(&mut opened, &keyfile()).unwrap();
    assert_eq!(*back.custody_bytes("static seal", 1).unwrap(), secret(7, 32));
    assert_eq!(*back.custody_bytes("static seal", 3).unwrap(), secret(9, 48));
    assert_eq!(*back.custody_bytes("master key", 1).unwrap(), secret(50, 32));
    assert!(back.custody_bytes("static seal", 9).is_none());
    let entry = back.header().in_custody("static seal").unwrap();
    assert_eq!((entry.mode, entry.uid, entry.gid, entry.versions.len()), (0o400, 100, 1000, 4));
    assert_eq!(entry.versions[2].print, fingerprint(&salt(), secret(9, 48).expose()));

    let before = (back.header().clone(), back.payload().clone());
    let refused = |result: Result<u32, KeystoreError>| assert!(matches!(result, Err(KeystoreError::Unfit(_))));
    refused(back.add_custody(file("master key", 1), at(13)));
    refused(back.add_custody(file("", 1), at(13)));
    refused(back.add_custody(file("a\u{7}b", 1), at(13)));
    refused(back.add_custody(file(&"n".repeat(65), 1), at(13)));
    refused(back.add_custody(NewFile { mode: 0o170_000, ..file("x", 1) }, at(13)));
    refused(back.add_custody(NewFile { bytes: secret(1, 15), ..file("x", 1) }, at(13)));
    refused(back.add_custody(NewFile { bytes: secret(1, (1 << 20) + 1), ..file("x", 1) }, at(13)));
    refused(back.add_custody_version("nobody", secret(1, 32), at(13)));
    assert!(*back.header() == before.0 && *back.payload() == before.1);
    assert!(back.remove_custody("static seal") && !back.remove_custody("static seal"));
    assert!(reopened(&mut back, &keyfile()).unwrap().custody_bytes("static seal", 1).is_none());
}

#[test]
fn a_file_that_grew_too_long_is_refused_before_it_is_written() {
    let mut opened = cheap();
    for n in 0..13 {
        opened.add_custody(NewFile { bytes: secret(1, 1 << 20), ..file(&format!("f{n}"), 1) }, at(1)).unwrap();
    }
    let revision = opened.header().revision;
    assert!(matches!(opened.seal(at(2)), Err(KeystoreError::Unfit(_))));
    assert_eq!(opened.header().revision, revision, "it was not written, so there is no such revision");
    opened.remove_custody("f0");
    opened.remove_custody("f1");
    opened.seal(at(3)).unwrap();
}

#[test]
fn after_a_rotation_neither_a_removed_slot_nor_an_old_copy_opens_anything_new() {
    let mut opened = full();
    let old = opened.seal(at(10)).unwrap();
    assert!(opened.remove_slot(5));
    let new = opened.seal(at(11)).unwrap();
    // The removed slot still opens the old copy, and with what it gives, the new file: this is why there is a rotation.
    let leaver = Opened::open(&old, None, &other_keyfile()).unwrap();
    let spliced = header_swapped(&new, &header_of(&old).to_string());
    assert_eq!(Opened::open(&spliced, None, &other_keyfile()).err(), Some(KeystoreError::Altered));
    assert_eq!(leaver.header().revision, 1);

    opened.rotate(&[(1, &keyfile()), (3, &recovery_code())]).unwrap();
    let rotated = opened.seal(at(12)).unwrap();
    for opener in [keyfile(), recovery_code()] {
        let back = Opened::open(&rotated, Some(&identity()), &opener).unwrap();
        assert!(back.payload() == opened.payload());
        assert_eq!(back.header().slots.len(), 2);
        assert_eq!(back.header().slots[1].label, "envelope in the safe");
    }
    assert_eq!(Opened::open(&rotated, None, &passphrase()).err(), Some(KeystoreError::NoSlot(SlotKind::Passphrase)));
    // The old file's slots put into the new one open to a key that is no longer this one's.
    let mut header = header_of(&rotated);
    header["slots"] = header_of(&old)["slots"].clone();
    let spliced = header_swapped(&rotated, &header.to_string());
    assert_eq!(Opened::open(&spliced, None, &other_keyfile()).err(), Some(KeystoreError::Altered));
}

#[test]
fn a_rotation_keeps_only_what_it_can_open_and_else_changes_nothing() {
    let mut opened = full();
    let before = opened.header().clone();
    assert!(matches!(opened.rotate(&[]), Err(KeystoreError::Unfit(_))));
    assert!(matches!(opened.rotate(&[(1, &keyfile()), (77, &keyfile())]), Err(KeystoreError::Unfit(_))));
    // Another keyfile than the slot's: what was mistaken would be all that opens it.
    assert_eq!(opened.rotate(&[(1, &other_keyfile())]), Err(KeystoreError::WrongSecret(SlotKind::Keyfile)));
    assert_eq!(opened.rotate(&[(1, &keyring())]), Err(KeystoreError::WrongSecret(SlotKind::Keyfile)));
    assert_eq!(*opened.header(), before);
    opened.rotate(&[(5, &other_keyfile())]).unwrap();
    assert_eq!(opened.opened_by(), 5);
    assert!(reopened(&mut opened, &other_keyfile()).is_ok());
}

#[test]
fn each_write_has_a_nonce_and_a_revision_of_its_own() {
    let mut opened = cheap();
    let (one, two) = (opened.seal(at(1)).unwrap(), opened.seal(at(1)).unwrap());
    assert_eq!((header_of(&one)["revision"].as_u64(), header_of(&two)["revision"].as_u64()), (Some(1), Some(2)));
    let tail = |bytes: &[u8]| bytes[bytes.len() - 60..].to_vec();
    assert_ne!(tail(&one), tail(&two));
}
