//! Keys in every writing that people and tools leave them in: read whole, or refused by the place and never the value.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking"
)]

use baowatch::app::model::keystore::KeyKind;
use baowatch::backends::keystore::import::{Asked, Counts, Decided, Refusal, Taken, VaultSays, decide, read, typed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

fn hex(byte: u8) -> String {
    format!("{byte:02x}").repeat(33)
}

fn b64(byte: u8) -> String {
    STANDARD.encode([byte; 33])
}

const TOKEN: &str = "s.abcdefghijklmnopqrstuvwx";

/// Which bytes the shares are made of: unseal, recovery.
fn bytes(taken: &Taken) -> (Vec<u8>, Vec<u8>) {
    let of = |keys: &[baowatch::backends::keystore::SecretBytes]| keys.iter().map(|key| key.expose()[0]).collect();
    (of(&taken.unseal), of(&taken.recovery))
}

fn token(taken: &Taken) -> Option<&str> {
    taken.root_token.as_ref().map(|token| std::str::from_utf8(token.expose()).unwrap())
}

fn counts(threshold: u32, total: u32) -> Counts {
    Counts { threshold: Some(threshold), total: Some(total) }
}

#[test]
fn every_json_that_is_about() {
    let none = Counts::default();
    let table = [
        (
            "bao, over the API",
            json!({"keys": [hex(1), hex(2)], "keys_base64": [b64(1), b64(2)], "root_token": TOKEN}),
            (vec![1, 2], vec![]),
            none,
        ),
        (
            "the command of both, -format=json",
            json!({"unseal_keys_b64": [b64(1), b64(2), b64(3)], "unseal_keys_hex": [hex(1), hex(2), hex(3)],
                "unseal_shares": 3, "unseal_threshold": 2, "recovery_keys_b64": [], "recovery_keys_hex": [],
                "recovery_keys_shares": 0, "recovery_keys_threshold": 0, "root_token": TOKEN}),
            (vec![1, 2, 3], vec![]),
            counts(2, 3),
        ),
        (
            "auto-unseal, over the API",
            json!({"keys": [], "keys_base64": [], "recovery_keys": [hex(7)], "recovery_keys_base64": [b64(7)],
                "root_token": TOKEN}),
            (vec![], vec![7]),
            none,
        ),
        (
            "auto-unseal, the command",
            json!({"unseal_keys_b64": [], "unseal_keys_hex": [], "unseal_shares": 1, "unseal_threshold": 1,
                "recovery_keys_b64": [b64(7), b64(8)], "recovery_keys_hex": [hex(7), hex(8)],
                "recovery_keys_shares": 2, "recovery_keys_threshold": 2, "root_token": TOKEN}),
            (vec![], vec![7, 8]),
            counts(1, 1),
        ),
        ("one key by name", json!({"unseal_key": hex(4), "root_token": TOKEN}), (vec![4], vec![]), none),
        (
            "a list by another name",
            json!({"unseal_keys": [b64(1), hex(2)], "root_token": TOKEN}),
            (vec![1, 2], vec![]),
            none,
        ),
        (
            "as operators store it",
            json!({"vault-unseal-0": hex(1), "vault-unseal-1": hex(2), "vault-root": TOKEN, "vault-test": "x"}),
            (vec![1, 2], vec![]),
            none,
        ),
        (
            "as operators store it, with recovery keys",
            json!({"vault-recovery-0": hex(1), "vault-recovery-1": hex(2), "vault-root": TOKEN}),
            (vec![], vec![1, 2]),
            none,
        ),
        (
            "kubectl get secret -o json",
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "openbao-keys"},
                "data": {"key": STANDARD.encode(hex(5)), "root-token": STANDARD.encode(TOKEN), "other": "eA=="}}),
            (vec![5], vec![]),
            none,
        ),
        ("in an envelope", json!({"data": {"keys": [hex(1)], "root_token": TOKEN}}), (vec![1], vec![]), none),
    ];
    for (what, document, expected, says) in table {
        let taken = read(document.to_string().as_bytes()).unwrap_or_else(|refusal| panic!("{what}: {refusal:?}"));
        assert_eq!(bytes(&taken), expected, "{what}");
        assert_eq!(token(&taken), Some(TOKEN), "{what}");
        assert_eq!(taken.counts, says, "{what}");
    }
    let bare = read(json!([hex(1), b64(2)]).to_string().as_bytes()).unwrap();
    assert_eq!((bytes(&bare).0, token(&bare)), (vec![1, 2], None));
}

#[test]
fn the_text_of_operator_init_and_what_people_make_of_it() {
    let init = format!(
        "Unseal Key 1: {}\nUnseal Key 2: {}\nUnseal Key 3: {}\n\nInitial Root Token: {TOKEN}\n\n\
         Vault initialized with 3 key shares and a key threshold of 2. Please securely\n\
         distribute the key shares printed above. When the Vault is re-sealed,\n\
         restarted, or stopped, you must supply at least 2 of these keys to unseal it\n\
         before it can start servicing requests.\n",
        b64(1),
        b64(2),
        b64(3)
    );
    let taken = read(init.as_bytes()).unwrap();
    assert_eq!(bytes(&taken).0, [1, 2, 3]);
    assert_eq!((taken.counts, token(&taken), taken.called_unseal), (counts(2, 3), Some(TOKEN), true));

    let recovery = format!(
        "Recovery Key 1: {}\nRecovery Key 2: {}\n\nInitial Root Token: {TOKEN}\n\nSuccess! Vault is initialized\n\n\
         Recovery key initialized with 2 key shares and a key threshold of 2. Please\nsecurely distribute\n",
        b64(8),
        b64(9)
    );
    let taken = read(recovery.replace('\n', "\r\n").as_bytes()).unwrap();
    assert_eq!(bytes(&taken), (vec![], vec![8, 9]));
    assert_eq!((taken.recovery_counts, taken.counts), (counts(2, 2), Counts::default()));

    let lists = [
        format!("{}\n{}\n", hex(1), b64(2)),
        format!("{},{}", hex(1), b64(2)),
        format!("- \"{}\"\n- {}\n", hex(1), b64(2)),
        format!("export UNSEAL_KEY_1={}\nUNSEAL_KEY_2='{}'\n", hex(1), b64(2)),
        format!("vault-unseal-0: {}\nvault-unseal-1: {}\nvault-root: {TOKEN}\n", hex(1), b64(2)),
    ];
    for list in lists {
        assert_eq!(bytes(&read(list.as_bytes()).unwrap()).0, [1, 2], "{list}");
    }
    assert_eq!(bytes(&read(&[0xf1; 32]).unwrap()).0, [0xf1]);
    assert_eq!(typed(&format!("Unseal Key 4: {}", b64(4))).map(|key| key.expose().len()), Some(33));
    assert!(typed("hello").is_none() && typed(&format!("{} {}", hex(1), hex(2))).is_none());
}

#[test]
fn what_is_unclear_is_refused_by_its_place() {
    let nested = json!({"data": {"data": {"data": {"data": {"data": {"data": {"keys": [hex(1)]}}}}}}});
    let table: Vec<(String, &str)> = vec![
        (String::new(), "no keys"),
        ("{}".into(), "no keys"),
        ("no keys here\njust prose\n".into(), "no keys"),
        (format!("{{\"keys\": [\"{}\"", hex(0xca)), "line 1"),
        (json!({"keys": [hex(1), "CANARYCANARYCANARY"]}).to_string(), "entry 2 of `keys`"),
        (json!({"keys": [hex(1), 5]}).to_string(), "entry 2 of `keys` is not text"),
        (json!({"keys": [hex(1)], "unseal_key": hex(2)}).to_string(), "different keys"),
        (json!({"unseal_keys_b64": [b64(1)], "unseal_keys_hex": [hex(2)]}).to_string(), "different keys"),
        (json!({"keys": [hex(1), hex(1)]}).to_string(), "one and the same"),
        (
            json!({"keys": [hex(1)], "root_token": TOKEN, "vault-root": "s.zzzzzzzzzzzzzzzzzzzzzzzz"}).to_string(),
            "two different root tokens",
        ),
        (json!({"keys": [STANDARD.encode([0xca; 600])]}).to_string(), "PGP"),
        (json!({"keys": [hex(1)], "unseal_threshold": "CANARY"}).to_string(), "`unseal_threshold` is not a number"),
        (format!("Unseal Key 1: {}\nUnseal Key 2: CANARYCANARYCANARY\n", b64(1)), "line 2"),
        (format!("Unseal Key 1: {}\nUnseal Key 2: CANARY\n", b64(1)), "line 2"),
        (format!("Unseal Key 1: {}\nUnseal Key 2: {}\n", b64(1), b64(1)), "one and the same"),
        (format!("Unseal Key 1: {}\nChecksum: {}\n", b64(1), hex(3)), "line 2 holds what could be a key"),
        (nested.to_string(), "nested"),
    ];
    for (document, place) in table {
        let refusal = read(document.as_bytes()).expect_err(&document);
        assert!(refusal.why.contains(place), "{document}: {}", refusal.why);
        let said = refusal.trouble("a file").to_string();
        for secret in ["CANARY", &hex(0xca), &hex(1), &b64(1), &hex(3)] {
            assert!(!said.contains(&secret[..secret.len().min(20)]), "{said}");
        }
    }
    assert!(read(&[0xff; 500]).is_err());
    let chosen = json!({"keys": [hex(1)], "root_token": "hunter2"});
    let taken = read(chosen.to_string().as_bytes()).unwrap();
    assert!(taken.root_token.is_none() && taken.notes[0].contains("left out") && !taken.notes[0].contains("hunter2"));
}

fn of(document: &serde_json::Value, asked: &Asked) -> Result<Decided, Refusal> {
    decide(read(document.to_string().as_bytes()).unwrap(), asked)
}

fn vault(seal: &str, threshold: u32, total: u32) -> Asked {
    let vault = VaultSays { seal: seal.to_owned(), counts: counts(threshold, total) };
    Asked { vault: Some(vault), ..Asked::default() }
}

#[test]
fn which_keys_they_are_and_how_many_are_needed() {
    let three = json!({"keys": [hex(1), hex(2), hex(3)], "root_token": TOKEN});
    let decided = of(&three, &vault("shamir", 2, 3)).unwrap();
    assert_eq!((decided.kind, decided.threshold, decided.total), (KeyKind::Unseal, 2, 3));
    assert_eq!((decided.shares.len(), decided.root_token.is_some()), (3, true));
    let told = Asked { counts: counts(2, 5), ..Asked::default() };
    assert_eq!(of(&three, &told).map(|decided| decided.total).unwrap(), 5);

    let lone = json!({"keys": ["ab".repeat(32)]});
    let decided = of(&lone, &Asked::default()).unwrap();
    assert_eq!((decided.threshold, decided.total), (1, 1), "a key of 32 bytes stands alone");
    assert_eq!(of(&lone, &vault("static", 1, 1)).unwrap().kind, KeyKind::Static);

    let recovery = json!({"recovery_keys": [hex(7), hex(8)], "keys": []});
    assert_eq!(of(&recovery, &vault("awskms", 2, 2)).unwrap().kind, KeyKind::Recovery);
    let asked = Asked { recovery: true, ..vault("static", 2, 3) };
    assert_eq!(of(&three, &asked).unwrap().kind, KeyKind::Recovery);
}

#[test]
fn what_does_not_fit_the_vault_is_refused_with_words() {
    let three = json!({"keys": [hex(1), hex(2), hex(3)]});
    let both = json!({"unseal_keys": [hex(1), hex(2)], "recovery_keys": [hex(3), hex(4)]});
    let said = Asked { counts: counts(3, 3), ..vault("shamir", 2, 3) };
    let recovery = |asked: Asked| Asked { recovery: true, ..asked };
    let table = [
        (three.clone(), Asked::default(), "how many shares"),
        (three.clone(), said, "the vault says 2"),
        (three.clone(), vault("shamir", 2, 2), "only 2 exist"),
        (three.clone(), vault("shamir", 4, 5), "3 of the 4 shares"),
        (three.clone(), vault("awskms", 2, 3), "the seal of this vault is awskms"),
        (three.clone(), Asked { counts: counts(3, 2), ..Asked::default() }, "cannot be needed"),
        (json!({"keys": [hex(1), "ab".repeat(32)]}), vault("shamir", 2, 2), "another length"),
        (json!({"keys": ["ab".repeat(32), "cd".repeat(32)]}), vault("shamir", 2, 2), "a key of 32 bytes"),
        (json!({"keys": [hex(1)]}), vault("shamir", 1, 1), "a key of 33 bytes"),
        (json!({"keys": ["ab".repeat(32)]}), vault("shamir", 2, 3), "its length"),
        (both.clone(), vault("shamir", 2, 2), "unseal keys and recovery keys"),
        (json!({"recovery_keys": [hex(7)]}), vault("shamir", 1, 1), "it has no recovery keys"),
        (json!({"unseal_keys": [hex(1), hex(2)]}), recovery(vault("awskms", 2, 2)), "calls them unseal keys"),
    ];
    for (document, asked, why) in table {
        let refusal = of(&document, &asked).expect_err(why);
        assert!(refusal.why.contains(why), "{why}: {}", refusal.why);
        assert!(!refusal.next.is_empty());
    }
    assert_eq!(of(&both, &recovery(vault("awskms", 2, 2))).unwrap().kind, KeyKind::Recovery);
}
