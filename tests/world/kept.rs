//! Where the keys are kept besides the Secret: a keystore, its copies, files in custody, a colleague's register.

use baowatch::app::id::{FeedId, ObjectRef};
use baowatch::app::model::copies::{CopyKind, CopySeen, CopyState};
use baowatch::app::model::custody::{CustodySeen, CustodyState};
use baowatch::app::model::fact::Fact;
use baowatch::app::model::keys_secret::Purpose;
use baowatch::app::model::keystore::{
    FieldKept, GenerationSeen, KeyKind, KeystoreLook, KeystoreSeen, SlotKind, SlotSeen,
};
use baowatch::app::model::register::{Holding, RegisterSeen};
use baowatch::app::msg::Msg;

use super::{at, print, report};

/// The fingerprint of the one share.
pub const KEY: &str = "7f3a91c2aabbccdd";
/// That of the generation before.
pub const OLD: &str = "11d0ba4300112233";
/// Where the keystore lies.
pub const PATH: &str = "/home/ops/.local/share/baowatch/prod-fra.keystore";

pub fn generation(number: u32, share: &str) -> GenerationSeen {
    GenerationSeen {
        number,
        kind: KeyKind::Unseal,
        threshold: 1,
        total: 1,
        prints: vec![print(share)],
        root_token: Some(print("c0ffee0011223344")),
        created: at(-180_000 - i64::from(3 - number.min(3)) * 8_000_000),
        source: "Secret data/openbao-keys".into(),
        vault_cluster_id: Some("c1".into()),
        fields: vec![FieldKept { name: "key".into(), purpose: Purpose::Shares, len: 44, prints: vec![print(share)] }],
    }
}

pub fn keystore_seen() -> KeystoreSeen {
    let slot = |id, kind, label: &str| SlotSeen { id, kind, label: label.into(), created: at(-8_000_000) };
    KeystoreSeen {
        path: PATH.into(),
        revision: 9,
        written: at(-180_000),
        generations: vec![generation(2, OLD), generation(3, KEY)],
        slots: vec![
            slot(1, SlotKind::Passphrase, "anna"),
            slot(2, SlotKind::Keyring, "laptop"),
            slot(3, SlotKind::Recovery, "envelope in the safe"),
        ],
        comparable: true,
        digest: "ab".repeat(32),
    }
}

pub fn look(look: KeystoreLook) -> Msg {
    report(FeedId::Keystore, vec![Fact::Keystore(look)])
}

pub fn keystore() -> Msg {
    look(KeystoreLook::Present(Box::new(keystore_seen())))
}

pub fn copy(name: &str, kind: CopyKind, place: &str, state: CopyState) -> CopySeen {
    let read = state != CopyState::Unchecked;
    CopySeen {
        name: name.into(),
        kind,
        place: place.into(),
        near: None,
        state,
        checked: read.then(|| at(-725)),
        tested: None,
        versions: read.then_some(4),
        holder: "ops@bastion".into(),
    }
}

/// One good copy on a stick, tested nine days ago.
pub fn good_copies() -> Vec<CopySeen> {
    let mut stick = copy("stick", CopyKind::File, "/media/stick/prod-fra.keystore", CopyState::Same);
    stick.tested = Some((at(-9 * 86_400 - 5_000), "passphrase anna".into()));
    vec![stick]
}

/// One of each kind of trouble.
pub fn all_copies() -> Vec<CopySeen> {
    let mut nas = copy("nas", CopyKind::File, "/srv/nas/prod-fra.keystore", CopyState::Same);
    nas.near = Some("same file system as the keystore".into());
    let mut copies = good_copies();
    copies.push(nas);
    copies.push(copy(
        "mgmt",
        CopyKind::Secret,
        "Secret ops/baowatch-prod-fra in context mgmt",
        CopyState::Outdated { revision: 6, generation: 2 },
    ));
    copies.push(copy("old-stick", CopyKind::File, "/media/old/prod-fra.keystore", CopyState::Missing));
    copies.push(copy("vault-ams", CopyKind::Kv, "kv/baowatch/prod-fra in vault ams", CopyState::Unchecked));
    copies
}

pub fn copies(seen: Vec<CopySeen>) -> Msg {
    report(FeedId::Copies, vec![Fact::Copies(seen)])
}

pub fn file(name: &str, path: &str, state: CustodyState) -> CustodySeen {
    CustodySeen {
        name: name.into(),
        path: path.into(),
        mode: 0o400,
        mode_found: (state != CustodyState::Missing).then_some(0o400),
        owner: (100, 1000),
        owner_found: (state != CustodyState::Missing).then_some((100, 1000)),
        size: 32,
        print: print("5ea1000011112222"),
        version: 2,
        kept: at(-2_000_000),
        near: None,
        state,
    }
}

/// One file as it should be, and one of each kind of drift.
pub fn drifted() -> Vec<CustodySeen> {
    let mut open = file("backup-key", "/etc/restic/key", CustodyState::Same);
    open.mode_found = Some(0o644);
    vec![
        file("master-key", "/var/lib/drive/master.key", CustodyState::Different { print: print("0bad0bad0bad0bad") }),
        open,
        file("seal-key", "Secret data/openbao-seal field key", CustodyState::Same),
        file("mail-key", "/etc/mail/dkim.key", CustodyState::Missing),
    ]
}

pub fn custody(seen: Vec<CustodySeen>) -> Msg {
    report(FeedId::Custody, vec![Fact::Custody(seen)])
}

/// A colleague's keystore, which was read two hours ago.
pub fn register() -> Msg {
    let held = Holding {
        holder: "anna@laptop".into(),
        name: "keystore".into(),
        kind: "keystore".into(),
        generation: 3,
        prints: vec![print(KEY)],
        near: None,
        checked: Some(at(-7_500)),
        tested: None,
    };
    let seen = RegisterSeen {
        object: ObjectRef::new("ConfigMap", "data", "baowatch-register"),
        version: "4711".into(),
        holder: "ops@bastion".into(),
        comparable: true,
        holdings: vec![held],
        proofs: Vec::new(),
    };
    report(FeedId::Register, vec![Fact::Register(Some(seen))])
}

/// A keystore, a good copy, a colleague's; nothing in custody.
pub fn kept() -> Vec<Msg> {
    vec![keystore(), copies(good_copies()), register(), custody(Vec::new())]
}
