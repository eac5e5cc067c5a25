//! The vectors: each wrong in one way, with the name by which it must be refused.

use baowatch::app::id::Identity;
use baowatch::app::model::keystore::SlotKind;
use baowatch::backends::keystore::KeystoreError::{self, *};
use baowatch::backends::keystore::format::{FRONT, NONCE};
use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::opened::Opened;
use serde_json::{Value, json};

use super::made::*;

/// How a vector must be refused. What a sentence says in detail may change; the name may not.
pub type Refusal = fn(&KeystoreError) -> bool;

pub struct Vector {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub refused: Refusal,
}

macro_rules! refused {
    ($($pattern:tt)+) => {
        |error| matches!(error, $($pattern)+)
    };
}

/// A file of another cluster whose keyfile is the same one: what lies beside it in one folder.
fn elsewhere() -> Vec<u8> {
    let other = Identity::of_cluster("11111111-6f0b-4a8e-9f4e-4f6f1c7a9d21", "data", "openbao");
    let mut opened = Opened::create(&other, &salt(), &keyfile(), Cost::FLOOR, "laptop", at(0)).unwrap();
    opened.add_generation(shares(9), at(1)).unwrap();
    opened.seal(at(2)).unwrap()
}

/// Every vector, made of this good one and of the revision before it. Those that name no refusal here open.
pub fn all(before: &[u8], good: &[u8]) -> Vec<Vector> {
    let mut all = Vec::new();
    let mut add = |name: &'static str, bytes: Vec<u8>, refused: Refusal| all.push(Vector { name, bytes, refused });
    let header = FRONT + u32::from_be_bytes(good[10..14].try_into().unwrap()) as usize;
    let content = header + NONCE;
    let end = good.len();
    let cut = |len: usize| good[..len].to_vec();
    let flipped = |place: usize| {
        let mut bytes = good.to_vec();
        bytes[place] ^= 1;
        bytes
    };

    add("empty", Vec::new(), refused!(Truncated(0)));
    add("not-a-keystore", b"age-encryption.org/v1\n-> X25519 and so on".to_vec(), refused!(NotAKeystore));
    add("newer-version", patched(good, 8, &2_u16.to_be_bytes()), refused!(Newer(2)));
    for (name, len) in [
        ("truncated-magic", 5),
        ("truncated-version", 9),
        ("truncated-header-length", 12),
        ("truncated-content-length", 17),
        ("truncated-before-header", FRONT),
        ("truncated-header", header - 1),
        ("truncated-before-nonce", header),
        ("truncated-nonce", content - 1),
        ("truncated-before-content", content),
        ("truncated-tag", end - 33),
        ("truncated-before-checksum", end - 32),
        ("truncated-by-one", end - 1),
    ] {
        add(name, cut(len), refused!(Truncated(_)));
    }
    add("trailing-byte", [good, b"\n"].concat(), refused!(Trailing(1)));
    add("huge-header-length", patched(good, 10, &[0xff; 4]), refused!(BadHeader(_)));
    add("huge-content-length", patched(good, 14, &[0xff; 4]), refused!(TooLong(_)));
    add("content-shorter-than-a-seal", patched(good, 14, &15_u32.to_be_bytes()), refused!(BadHeader(_)));

    add("flipped-magic", flipped(3), refused!(NotAKeystore));
    add("flipped-header", flipped(FRONT + 40), refused!(Damaged));
    add("flipped-nonce", flipped(header), refused!(Damaged));
    add("flipped-content", flipped(content + 10), refused!(Damaged));
    add("flipped-tag", flipped(end - 33), refused!(Damaged));
    add("flipped-checksum", flipped(end - 1), refused!(Damaged));
    add("altered-nonce", summed(flipped(header)), refused!(Altered));
    add("altered-content", summed(flipped(content + 10)), refused!(Altered));
    add("altered-tag", summed(flipped(end - 33)), refused!(Altered));

    let edited = |change: &dyn Fn(&mut Value)| {
        let mut header = header_of(good);
        change(&mut header);
        header_swapped(good, &header.to_string())
    };
    add("altered-label", edited(&|h| h["slots"][0]["label"] = json!("mallory")), refused!(Altered));
    add("altered-threshold", edited(&|h| h["generations"][1]["threshold"] = json!(2)), refused!(Altered));
    add("altered-identity", edited(&|h| h["identity"] = json!("another/data/openbao")), refused!(Foreign(_)));
    add("swapped-header", header_swapped(good, &header_of(before).to_string()), refused!(Altered));
    let other = elsewhere();
    let foreign = || {
        let mut header = header_of(&other);
        header["identity"] = header_of(good)["identity"].clone();
        header_swapped(good, &header.to_string())
    };
    add("swapped-header-of-another-file", foreign(), refused!(Altered));
    add("other-cluster", other.clone(), refused!(Foreign(_)));

    let slot = |place: usize, field: &'static str, value: Value| edited(&|h| h["slots"][place][field] = value.clone());
    let of = |place: usize, field: &str| header_of(good)["slots"][place][field].clone();
    add("slot-salt-altered", slot(0, "salt", of(4, "salt")), refused!(WrongSecret(SlotKind::Keyfile)));
    add("slot-check-altered", slot(0, "check", of(4, "check")), refused!(SlotAltered(1)));
    add("slot-nonce-altered", slot(0, "nonce", of(4, "nonce")), refused!(SlotAltered(1)));
    add("slot-key-altered", slot(0, "wrapped", of(4, "wrapped")), refused!(SlotAltered(1)));
    add("slot-key-too-short", slot(0, "wrapped", of(0, "nonce")), refused!(BadHeader(_)));
    let within = edited(&|h| {
        let first = h["slots"][0].clone();
        for field in ["salt", "check", "nonce", "wrapped"] {
            h["slots"][4][field] = first[field].clone();
        }
        h["slots"].as_array_mut().unwrap().remove(0);
    });
    add("swapped-slot", within, refused!(SlotAltered(5)));
    let between = edited(&|h| h["slots"][0] = header_of(&other)["slots"][0].clone());
    add("swapped-slot-of-another-file", between, refused!(SlotAltered(1)));

    let cost = |m: u32, t: u32, p: u32| edited(&|h| h["slots"][1]["cost"] = json!({"m": m, "t": t, "p": p}));
    add("weak-kdf", cost(8, 1, 1), refused!(TooWeak(2)));
    add("weak-kdf-passes", cost(65_536, 2, 1), refused!(TooWeak(2)));
    add("costly-kdf", cost(u32::MAX, u32::MAX, u32::MAX), refused!(TooCostly(2)));
    add("costly-kdf-memory-times-passes", cost(1_048_576, 16, 1), refused!(TooCostly(2)));
    let copies = |many: u32, m: u32, t: u32| {
        edited(&|h| {
            let model = h["slots"][1].clone();
            for id in 100..100 + many {
                let mut copy = model.clone();
                copy["id"] = json!(id);
                copy["cost"] = json!({"m": m, "t": t, "p": 1});
                h["slots"].as_array_mut().unwrap().push(copy);
            }
            h["nextSlot"] = json!(1_000);
        })
    };
    add("costly-kdf-together", copies(6, 1_048_576, 4), refused!(TooCostly(_)));
    add("too-many-passphrases", copies(8, 65_536, 3), refused!(BadHeader(_)));
    add("too-many-slots", copies(40, 65_536, 3), refused!(BadHeader(_)));
    add("no-slot", edited(&|h| h["slots"] = json!([])), refused!(BadHeader(_)));
    add("two-slots-of-one-number", edited(&|h| h["slots"][0]["id"] = json!(2)), refused!(BadHeader(_)));
    add("next-slot-taken", edited(&|h| h["nextSlot"] = json!(5)), refused!(BadHeader(_)));
    add("keyfile-with-costs", slot(0, "cost", json!({"m": 65_536, "t": 3, "p": 1})), refused!(BadHeader(_)));

    let sealed = |change: &dyn Fn(&mut Value)| with_header(good, |header| change(header));
    add("unknown-field", sealed(&|h| h["comment"] = json!("hello")), refused!(BadHeader(_)));
    let nested = sealed(&|h| h["generations"][0]["comment"] = json!("hello"));
    add("unknown-field-of-a-generation", nested, refused!(BadHeader(_)));
    add("unknown-slot-kind", sealed(&|h| h["slots"][0]["kind"] = json!("fido2")), refused!(BadHeader(_)));
    let twice = header_of(good).to_string().replacen('{', r#"{"revision":1,"#, 1);
    let text = content_of(good).to_string();
    add("field-twice", sealed_anew(good, &twice, &text), refused!(BadHeader(_)));
    add("header-not-json", sealed_anew(good, "hello", &text), refused!(BadHeader(_)));
    add("header-too-deep", sealed_anew(good, &"[".repeat(100_000), &text), refused!(BadHeader(_)));
    let steering = sealed(&|h| h["slots"][0]["label"] = json!("a\u{1b}[2Jb"));
    add("label-that-steers-a-terminal", steering, refused!(BadHeader(_)));
    let above = sealed(&|h| h["generations"][0]["threshold"] = json!(6));
    add("threshold-above-total", above, refused!(BadHeader(_)));
    let order = sealed(&|h| h["generations"].as_array_mut().unwrap().reverse());
    add("generations-out-of-order", order, refused!(BadHeader(_)));
    add("revision-beyond-json", sealed(&|h| h["revision"] = json!(u64::MAX)), refused!(BadHeader(_)));

    add(
        "names-other-keys",
        sealed(&|h| h["generations"][0]["prints"] = h["generations"][1]["prints"].clone()),
        refused!(BadContent(_)),
    );
    let token = sealed(&|h| h["generations"][0]["rootToken"] = json!(null));
    add("names-no-root-token", token, refused!(BadContent(_)));
    let forgets = sealed(&|h| h["generations"] = json!([h["generations"][1]]));
    add("forgets-a-generation", forgets, refused!(BadContent(_)));
    let renumbered = sealed(&|h| h["generations"][1]["number"] = json!(3));
    add("numbers-a-generation-otherwise", renumbered, refused!(BadContent(_)));
    add("names-other-field", sealed(&|h| h["generations"][0]["fields"][0]["len"] = json!(1)), refused!(BadContent(_)));
    add("forgets-custody", sealed(&|h| h["custody"] = json!([])), refused!(BadContent(_)));
    let print = sealed(&|h| h["custody"][0]["versions"][0]["print"] = json!("0011223344556677"));
    add("names-other-custody", print, refused!(BadContent(_)));
    let content = |change: &dyn Fn(&mut Value)| with_content(good, |content| change(content));
    add("content-with-unknown-field", content(&|c| c["comment"] = json!("hello")), refused!(BadContent(_)));
    let lost = content(&|c| c["generations"][0]["shares"] = json!([]));
    add("content-without-its-shares", lost, refused!(BadContent(_)));
    let header_text = header_of(good).to_string();
    add("content-not-json", sealed_anew(good, &header_text, "hello"), refused!(BadContent(_)));
    add("content-empty", sealed_anew(good, &header_text, ""), refused!(BadContent(_)));
    all
}

fn patched(bytes: &[u8], place: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place..place + with.len()].copy_from_slice(with);
    bytes
}
