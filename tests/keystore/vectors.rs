//! The conformance vectors: files named after what is wrong with them, each refused by name and left as it is.
//!
//! `cargo test --test keystore -- --ignored the_vectors_are_made` writes them all anew, under fresh random bytes.

use std::collections::BTreeSet;

use baowatch::app::model::keystore::SlotKind;
use baowatch::backends::keystore::store::{FileStore, Store as _};
use baowatch::backends::keystore::{KeystoreError, Opened, Opener, format};

use super::broken;
use super::made::*;

fn read(name: &str) -> Vec<u8> {
    let path = vectors().join(format!("{name}.keystore"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
#[ignore = "writes the vectors anew"]
fn the_vectors_are_made() {
    let mut opened = full();
    let before = opened.seal(at(10)).unwrap();
    opened.prune(7);
    let good = opened.seal(at(20)).unwrap();
    let folder = vectors();
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(format!("{name}.keystore")), bytes).unwrap();
    write("good", &good);
    write("good-before", &before);
    for vector in broken::all(&before, &good) {
        write(vector.name, &vector.bytes);
    }
}

/// The checked-in files, not what the generator would make today: what was written once must be refused or opened for ever.
#[test]
fn each_is_refused_by_name_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let vectors = broken::all(&read("good-before"), &read("good"));
    for vector in &vectors {
        let bytes = read(vector.name);
        let store = FileStore(home.path().join(vector.name));
        std::fs::write(store.path(), &bytes).unwrap();
        let written = std::fs::metadata(store.path()).unwrap().modified().unwrap();
        let found = store.read().unwrap().unwrap();
        match Opened::open(&found, Some(&identity()), &keyfile()) {
            Ok(_) => panic!("{} opens", vector.name),
            Err(error) => {
                assert!((vector.refused)(&error), "{}: {error:?}", vector.name);
                let trouble = error.trouble(store.path());
                assert!(!trouble.what.is_empty() && !trouble.why.is_empty() && !trouble.next.is_empty());
            }
        }
        assert_eq!(std::fs::read(store.path()).unwrap(), bytes, "{}", vector.name);
        assert_eq!(std::fs::metadata(store.path()).unwrap().modified().unwrap(), written, "{}", vector.name);
    }
}

#[test]
fn what_is_checked_in_is_what_the_table_names() {
    let vectors = broken::all(&read("good-before"), &read("good"));
    let mut named: BTreeSet<String> = vectors.iter().map(|vector| format!("{}.keystore", vector.name)).collect();
    assert_eq!(named.len(), vectors.len(), "two vectors of one name");
    named.extend(["good.keystore".to_owned(), "good-before.keystore".to_owned()]);
    let there: BTreeSet<String> = std::fs::read_dir(self::vectors())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert_eq!(named, there);
}

/// A file that was checked in once opens in every later version, by each of its slots.
#[test]
fn the_good_one_opens_by_each_slot() {
    let good = read("good");
    let made = full();
    for (opener, slot) in
        [(keyfile(), 1), (passphrase(), 2), (recovery_code(), 3), (keyring(), 4), (other_keyfile(), 5)]
    {
        let opened = Opened::open(&good, Some(&identity()), &opener).unwrap();
        assert_eq!(opened.opened_by(), slot);
        assert!(opened.payload() == made.payload(), "slot {slot}");
        assert_eq!(opened.header().generations, made.header().generations);
        assert_eq!(opened.header().custody, made.header().custody);
        assert_eq!(opened.header().revision, 2);
    }
    let prints: Vec<&str> = made.header().generations[1].prints.iter().map(|print| print.0.as_str()).collect();
    assert_eq!(prints, ["28b4d9d48aba1b47", "0fad73643acde939", "3498bbb7b03c9593"]);
}

#[test]
fn a_wrong_secret_is_named_by_its_kind() {
    let good = read("good");
    let wrong = |opener: Opener| Opened::open(&good, None, &opener).err().unwrap();
    let bytes = || zeroize::Zeroizing::new([0x99; 32]);
    assert_eq!(wrong(Opener::Keyfile(bytes())), KeystoreError::WrongSecret(SlotKind::Keyfile));
    assert_eq!(wrong(Opener::Keyring(bytes())), KeystoreError::WrongSecret(SlotKind::Keyring));
    assert_eq!(wrong(Opener::typed("wrong horse")), KeystoreError::WrongSecret(SlotKind::Passphrase));
    let long = "x".repeat(1_000_000);
    assert_eq!(wrong(Opener::typed(&long)), KeystoreError::WrongSecret(SlotKind::Passphrase));
    let cheap = cheap().seal(at(1)).unwrap();
    let none = Opened::open(&cheap, None, &keyring()).err().unwrap();
    assert_eq!(none, KeystoreError::NoSlot(SlotKind::Keyring));
}

/// The keyring's secret is no keyfile, though both are 32 bytes.
#[test]
fn a_secret_opens_only_the_kind_that_it_was_given_for() {
    let good = read("good");
    let crossed = Opener::Keyfile(zeroize::Zeroizing::new([0x33; 32]));
    let error = Opened::open(&good, None, &crossed).err().unwrap();
    assert_eq!(error, KeystoreError::WrongSecret(SlotKind::Keyfile));
}

#[test]
fn an_altered_slot_does_not_keep_the_others_from_opening_but_the_seal_does() {
    let error = Opened::open(&read("slot-key-altered"), None, &other_keyfile()).err().unwrap();
    assert_eq!(error, KeystoreError::Altered);
}

#[test]
fn it_is_cut_short_at_every_byte_and_too_long_by_one() {
    let good = read("good");
    for len in 0..good.len() {
        let error = format::parts(&good[..len]).err().unwrap();
        assert_eq!(error, KeystoreError::Truncated(len));
    }
    let mut long = good;
    long.resize(format::LONGEST as usize + 1, 0);
    assert_eq!(format::parts(&long).err().unwrap(), KeystoreError::TooLong(format::LONGEST + 1));
}

#[test]
fn every_flipped_bit_is_found_without_a_key() {
    let good = read("good");
    for place in 0..good.len() {
        for bit in [1_u8, 128] {
            let mut bytes = good.clone();
            bytes[place] ^= bit;
            assert!(format::parts(&bytes).is_err(), "byte {place}");
        }
    }
}
