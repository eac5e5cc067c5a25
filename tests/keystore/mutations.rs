//! Properties: what is written is read back, and what was changed by chance or on purpose never opens as if it were good.

use std::sync::LazyLock;

use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::{NewFile, Opened, Opener, SecretBytes, format, recovery};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::made::*;

/// Read, not built in: the vectors are made by this very program.
static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| std::fs::read(vectors().join("good.keystore")).unwrap());

fn judge(bytes: &[u8]) {
    crate::judge::judge(bytes, &GOOD);
}

/// One change to a file, as a disk, a transfer or an attacker makes it.
#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Set(usize, u8),
    Cut(usize),
    Drop(usize, usize),
    Double(usize, usize),
    Swap(usize, usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let place = 0..GOOD.len();
    prop_oneof![
        (place.clone(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (place.clone(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        place.clone().prop_map(Change::Cut),
        (place.clone(), 1..80_usize).prop_map(|(at, len)| Change::Drop(at, len)),
        (place.clone(), 1..80_usize).prop_map(|(at, len)| Change::Double(at, len)),
        (place.clone(), place, 1..60_usize).prop_map(|(at, with, len)| Change::Swap(at, with, len)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let within = |at: usize, len: usize, all: usize| at.min(all)..(at + len).min(all);
    let all = bytes.len();
    match *change {
        Change::Flip(at, bits) if at < all => bytes[at] ^= bits,
        Change::Set(at, byte) if at < all => bytes[at] = byte,
        Change::Flip(..) | Change::Set(..) => {}
        Change::Cut(at) => bytes.truncate(at),
        Change::Drop(at, len) => drop(bytes.drain(within(at, len, all))),
        Change::Double(at, len) => {
            let piece = bytes[within(at, len, all)].to_vec();
            bytes.splice(at.min(all)..at.min(all), piece);
        }
        Change::Swap(at, with, len) => {
            for step in 0..len {
                if at + step < all && with + step < all {
                    bytes.swap(at + step, with + step);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_file_never_opens(changes in prop::collection::vec(change(), 1..4)) {
        let mut bytes = GOOD.clone();
        changes.iter().for_each(|change| apply(&mut bytes, change));
        judge(&bytes);
    }

    #[test]
    fn a_changed_header_never_opens(changes in prop::collection::vec(change(), 1..3)) {
        let end = format::parts(&GOOD).unwrap().front.len();
        let mut header = GOOD[format::FRONT..end].to_vec();
        changes.iter().for_each(|change| apply(&mut header, change));
        judge(&header);
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        judge(&bytes);
        judge(&[&GOOD[..8], &bytes].concat());
    }

    #[test]
    fn a_code_is_read_back_and_one_wrong_letter_is_found(random: [u8; recovery::BYTES], at in 0..47_usize, letter in 0..32_usize) {
        let code = recovery::write(&random);
        prop_assert_eq!(*recovery::read(&code).unwrap(), random);
        let mut typed = code.as_bytes().to_vec();
        let with = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[letter];
        prop_assume!(typed[at] != b'-' && typed[at] != with);
        typed[at] = with;
        prop_assert!(recovery::read(std::str::from_utf8(&typed).unwrap()).is_err());
    }
}

/// A file in custody that differs in all that may differ.
fn kept() -> impl Strategy<Value = (String, u32, Vec<u8>)> {
    ("[a-z]{1,20}", 0..=0o7777_u32, prop::collection::vec(any::<u8>(), 16..300))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_put_in_is_read_back(
        secret: [u8; 32],
        label in "\\PC{0,90}",
        seeds in prop::collection::vec(any::<u8>(), 0..5),
        files in prop::collection::vec(kept(), 0..4),
        source in ".{0,60}",
    ) {
        let opener = || Opener::Keyfile(Zeroizing::new(secret));
        let mut opened = Opened::create(&identity(), &salt(), &opener(), Cost::FLOOR, &label, at(0)).unwrap();
        for seed in seeds {
            let mut keys = shares(seed);
            keys.source.clone_from(&source);
            opened.add_generation(keys, at(1)).unwrap();
        }
        for (name, mode, bytes) in files {
            let bytes = SecretBytes::new(bytes);
            if opened.header().in_custody(&name).is_some() {
                opened.add_custody_version(&name, bytes, at(2)).unwrap();
            } else {
                opened.add_custody(NewFile { name, mode, bytes, ..file("", 0) }, at(2)).unwrap();
            }
        }
        let written = opened.seal(at(3)).unwrap();
        let back = Opened::open(&written, Some(&identity()), &opener()).unwrap();
        prop_assert!(back.payload() == opened.payload());
        prop_assert_eq!(back.header(), opened.header());
        // Nothing secret stands in the clear, in any of the spellings it could have.
        let header = String::from_utf8_lossy(format::parts(&written).unwrap().front).into_owned();
        for generation in &opened.payload().generations {
            for share in &generation.shares {
                prop_assert!(!header.contains(&spelled(share.expose())));
            }
        }
    }
}

fn spelled(bytes: &[u8]) -> String {
    serde_json::to_string(&SecretBytes::new(bytes.to_vec())).unwrap().trim_matches('"').to_owned()
}

/// The corpus that the fuzzer starts from, and every vector cut and joined with every other at its middle.
#[test]
fn the_fuzzers_question_is_asked_of_every_vector() {
    let mut corpus: Vec<Vec<u8>> = std::fs::read_dir(vectors())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        // The revision before the good one is good too, and one of them is huge.
        .filter(|path| !path.ends_with("good-before.keystore") && !path.ends_with("header-too-deep.keystore"))
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    corpus.sort();
    for one in &corpus {
        judge(one);
        for other in corpus.iter().step_by(7) {
            judge(&[&one[..one.len() / 2], &other[other.len() / 2..]].concat());
            judge(&[&other[..other.len() / 3], &one[one.len() / 3..]].concat());
        }
    }
}
