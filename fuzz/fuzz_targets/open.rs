//! Any bytes against the keystore: `cargo +nightly fuzz run open fuzz/corpus/open tests/keystore/vectors`.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../judge.rs"]
mod judge;

const GOOD: &[u8] = include_bytes!("../../tests/keystore/vectors/good.keystore");
const BEFORE: &[u8] = include_bytes!("../../tests/keystore/vectors/good-before.keystore");

fuzz_target!(|bytes: &[u8]| {
    // The one other file that was written with the keyfile of the vectors.
    if bytes != BEFORE {
        judge::judge(bytes, GOOD);
    }
});
