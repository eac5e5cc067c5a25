//! What the fuzzer and the stable tests ask of any bytes: nothing panics, and nothing opens that was not written so.

use baowatch::backends::keystore::format::{CHECKSUM, FRONT, MAGIC, NONCE, VERSION};
use baowatch::backends::keystore::header::Header;
use baowatch::backends::keystore::{Opened, Opener, Payload, recovery};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Any bytes, as a file, as a file whose checksum somebody made fit, as a header, as a content, as a typed code. `good` is
/// the one file that the keyfile of the vectors may open here.
pub fn judge(bytes: &[u8], good: &[u8]) {
    opens_only_if_good(bytes, good);
    if let Some((body, _)) = bytes.split_last_chunk::<CHECKSUM>() {
        opens_only_if_good(&[body, Sha256::digest(body).as_slice()].concat(), good);
    }
    opens_only_if_good(&framed(bytes, good), good);
    if let Ok(header) = Header::read(bytes) {
        let again = serde_json::to_vec(&header).expect("a header that was read can be written");
        assert!(Header::read(&again).is_ok_and(|again| again == header), "a header changes by being written");
    }
    if let Ok(payload) = Payload::read(bytes) {
        let again = payload.write().expect("a content that was read can be written");
        assert!(Payload::read(&again).is_ok_and(|again| again == payload), "a content changes by being written");
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(code) = recovery::read(text)
    {
        let again = recovery::write(&code);
        assert!(recovery::read(&again).is_ok_and(|again| again == code), "a code changes by being written");
    }
}

fn opens_only_if_good(bytes: &[u8], good: &[u8]) {
    let keyfile = Opener::Keyfile(Zeroizing::new([0x11; 32]));
    if Opened::open(bytes, None, &keyfile).is_ok() {
        assert!(bytes == good, "something opens that was never written");
    }
}

/// The bytes as the header of an otherwise good file.
fn framed(header: &[u8], good: &[u8]) -> Vec<u8> {
    let old = FRONT + u32::from_be_bytes(good[10..14].try_into().expect("four bytes")) as usize;
    let rest = &good[old..good.len() - CHECKSUM];
    assert!(rest.len() > NONCE);
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&VERSION.to_be_bytes());
    file.extend_from_slice(&(header.len() as u32).to_be_bytes());
    file.extend_from_slice(&good[14..18]);
    file.extend_from_slice(header);
    file.extend_from_slice(rest);
    let sum = Sha256::digest(&file);
    file.extend_from_slice(&sum);
    file
}
