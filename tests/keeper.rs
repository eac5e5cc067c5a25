//! The keeper of a keystore: what opens it, in which order, what a lock means for tries under way, and what it remembers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking"
)]

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use baowatch::app::id::{Identity, SlotId};
use baowatch::app::model::keystore::{KeyKind, KeystoreLook};
use baowatch::app::runbook::op::{Op, Outcome, ShareRef};
use baowatch::app::runtime::slots::Slots;
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::bao::transport::{Method, Request, Response, Transport};
use baowatch::backends::hands::{Gear, Tools, perform, unlock};
use baowatch::backends::keys::{FieldNames, Salt, fingerprint};
use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::keeper::{Keeper, Silently};
use baowatch::backends::keystore::opened::NewKeys;
use baowatch::backends::keystore::store::{MemoryStore, Store};
use baowatch::backends::keystore::{Opened, Opener, SecretBytes, recovery};
use zeroize::Zeroizing;

const PASSPHRASE: &str = "  correct horse battery staple ";
const SHARE: [u8; 33] = [0xA5; 33];

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn identity() -> Identity {
    Identity("cluster/data/openbao".into())
}

fn salt() -> Salt {
    Salt(vec![2; 16])
}

fn keyfile(byte: u8) -> Opener {
    Opener::Keyfile(Zeroizing::new([byte; 32]))
}

fn refused(what: &str) -> Trouble {
    Trouble::new(TroubleKind::Refused, what, "", "")
}

/// A keystore with one generation of one share, opened by keyfile 5.
fn opened() -> Opened {
    let mut opened = Opened::create(&identity(), &salt(), &keyfile(5), Cost::FLOOR, "file", at(0)).unwrap();
    let keys = NewKeys {
        kind: KeyKind::Unseal,
        threshold: 1,
        total: 1,
        shares: vec![SecretBytes::new(SHARE.to_vec())],
        root_token: None,
        fields: Vec::new(),
        source: "typed".into(),
        vault_cluster_id: None,
    };
    opened.add_generation(keys, at(0)).unwrap();
    opened
}

struct Scene {
    store: Arc<MemoryStore>,
    keeper: Keeper,
}

fn scene(mut opened: Opened, silently: Arc<Silently>) -> Scene {
    let store = Arc::new(MemoryStore::new("/x.keystore", Some(opened.seal(at(1)).unwrap())));
    let keeper = Keeper::new(Arc::clone(&store) as Arc<dyn Store>, identity(), salt(), silently, false);
    Scene { store, keeper }
}

fn nothing() -> Arc<Silently> {
    Arc::new(|_| Vec::new())
}

#[test]
fn what_is_at_hand_is_tried_in_order_and_the_first_reason_is_told() {
    let both = scene(opened(), Arc::new(|_| vec![Err(refused("the keyring has lost it")), Ok(keyfile(5))]));
    assert_eq!(both.keeper.unlock_silently().unwrap(), "slot 1, keyfile");
    let none = scene(opened(), Arc::new(|_| vec![Err(refused("the keyring has lost it")), Ok(keyfile(6))]));
    assert_eq!(none.keeper.unlock_silently().unwrap_err().what, "the keyring has lost it");
    assert!(!none.keeper.is_open());
    assert_eq!(scene(opened(), nothing()).keeper.unlock_silently().unwrap_err().kind, TroubleKind::Absent);
}

#[test]
fn a_lock_closes_the_door_before_a_try_that_is_under_way() {
    let scene = scene(opened(), nothing());
    let late = scene.keeper.attempt();
    scene.keeper.lock();
    assert!(scene.keeper.unlock_in(late, &keyfile(5)).unwrap_err().what.contains("stays locked"));
    assert!(!scene.keeper.is_open());
    let anew = scene.keeper.attempt();
    scene.keeper.unlock_in(anew, &keyfile(5)).unwrap();
    assert!(scene.keeper.clone().is_open(), "clones share the door");
    scene.keeper.lock();
    assert_eq!(scene.keeper.with(|_| ()).unwrap_err().what, "the keystore is locked");
}

#[test]
fn one_that_was_sealed_under_another_key_locks_with_a_reason() {
    let scene = scene(opened(), nothing());
    scene.keeper.unlock(&keyfile(5)).unwrap();
    assert!(scene.keeper.with(|_| ()).is_ok());
    // Another process adds something: the same key opens it.
    scene
        .store
        .replace(&{
            let mut same = Opened::open(&scene.store.read().unwrap().unwrap(), None, &keyfile(5)).unwrap();
            same.seal(at(2)).unwrap()
        })
        .unwrap();
    assert!(scene.keeper.with(|_| ()).is_ok());
    // Another process rotates it.
    scene.store.replace(&opened().seal(at(3)).unwrap()).unwrap();
    let trouble = scene.keeper.with(|_| ()).unwrap_err();
    assert!(trouble.what.contains("another key since it was unlocked"), "{trouble}");
    assert!(!scene.keeper.is_open());
    assert_eq!(scene.keeper.unlock(&keyfile(5)).unwrap(), "slot 1, keyfile");
}

#[test]
fn every_state_of_it_is_remembered_once() {
    let told: Arc<Mutex<Vec<u64>>> = Arc::default();
    let hear = Arc::clone(&told);
    let scene = scene(opened(), nothing());
    let keeper = scene.keeper.clone().remembering(Arc::new(move |seen| hear.lock().unwrap().push(seen.revision)));
    for _ in 0..3 {
        assert!(matches!(keeper.look(), KeystoreLook::Present(_)));
    }
    keeper.unlock(&keyfile(5)).unwrap();
    keeper.change(at(9), |_| Ok(())).unwrap();
    keeper.look();
    assert_eq!(*told.lock().unwrap(), [1, 2]);
}

/// A replica that is sealed until it is given the share.
#[derive(Clone, Default)]
struct Vault(Arc<Mutex<(bool, Vec<String>)>>);

#[async_trait]
impl Transport for Vault {
    async fn send(&self, _: &str, request: Request) -> Result<Response, Trouble> {
        let mut vault = self.0.lock().unwrap();
        if request.method == Method::Put {
            let body: serde_json::Value = serde_json::from_slice(&request.body.unwrap()).unwrap();
            vault.1.push(body["key"].as_str().unwrap().to_owned());
            vault.0 = true;
        }
        let body = serde_json::json!({"type":"shamir","initialized":true,"sealed":!vault.0,"t":1,"n":1,"progress":0,
            "nonce":"","version":"2.7.2"});
        Ok(Response { status: 200, body: body.to_string().into_bytes(), truncated: false, location: None })
    }
}

fn tools(keeper: &Keeper, vault: &Vault, slots: &Slots) -> Tools {
    let bare = Gear::bare(Arc::new(vault.clone()), None, FieldNames::default(), salt(), slots.clone());
    Tools::new(Gear { keeper: keeper.clone(), ..bare })
}

fn give(print: baowatch::app::model::keys_secret::Fingerprint) -> Op {
    Op::SubmitShare { replica: "openbao-0".into(), share: ShareRef::Keystore { generation: 1, index: 0, print } }
}

#[tokio::test]
async fn a_share_of_the_keystore_opens_a_replica_and_only_the_one_that_was_planned() {
    let (scene, vault) = (scene(opened(), nothing()), Vault::default());
    let tools = tools(&scene.keeper, &vault, &Slots::new());
    let right = fingerprint(&salt(), &SHARE);
    let Outcome::Failed { trouble } = perform(&give(right.clone()), &tools).await else { panic!("it is locked") };
    assert_eq!(trouble.what, "the keystore is locked");
    scene.keeper.unlock(&keyfile(5)).unwrap();
    let other = fingerprint(&salt(), b"another");
    let Outcome::Failed { trouble } = perform(&give(other), &tools).await else { panic!("it is another") };
    assert!(trouble.what.contains("does not hold that share"), "{trouble}");
    assert!(vault.0.lock().unwrap().1.is_empty(), "nothing was sent");
    let outcome = perform(&give(right), &tools).await;
    assert!(matches!(&outcome, Outcome::Done { evidence } if evidence.contains("unsealed")), "{outcome:?}");
    let sent = vault.0.lock().unwrap().1.clone();
    let digits = SHARE.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
    assert_eq!(sent, [hex]);
}

#[tokio::test]
async fn a_passphrase_is_taken_as_it_is_and_a_recovery_code_is_recognised_in_the_same_field() {
    let code = Zeroizing::new([9; recovery::BYTES]);
    let written = recovery::write(&code);
    let mut two = opened();
    two.add_slot(&Opener::Passphrase(Zeroizing::new(PASSPHRASE.into())), Cost::FLOOR, "anna", at(0)).unwrap();
    two.add_slot(&Opener::Recovery(code), Cost::FLOOR, "safe", at(0)).unwrap();
    let (scene, slots) = (scene(two, nothing()), Slots::new());
    let tools = tools(&scene.keeper, &Vault::default(), &slots);
    let mut number = 0;
    let mut attempt = |text: &str| {
        number += 1;
        let slot = SlotId(number);
        // As a paste: its first line, and Enter.
        slots.paste_as_is(slot, &format!("{text}\nhunter2\n"));
        slots.complete_as_is(slot);
        unlock(&tools, tools.attempt(), Some(slot))
    };
    assert_eq!(attempt(PASSPHRASE).unwrap(), "slot 2, passphrase");
    assert_eq!(attempt(&written.to_lowercase().replace('-', " ")).unwrap(), "slot 3, recovery");
    let trimmed = attempt(PASSPHRASE.trim()).unwrap_err();
    assert!(trimmed.why.contains("no passphrase slot opens with this"), "{trimmed}");
    let slip = format!("{}{}", &written[..46], if written.ends_with('Z') { "Y" } else { "Z" });
    let slip = attempt(&slip).unwrap_err();
    assert!(slip.why.contains("checksum"), "{slip}");
    assert!(!slip.to_string().contains(&written[..11]), "{slip}");
    assert_eq!(unlock(&tools, tools.attempt(), Some(SlotId(99))).unwrap_err().what, "nothing was typed");
}
