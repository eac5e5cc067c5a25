//! The recovery code: 160 random bits and a checksum, as eight groups of five letters and digits that can be read aloud.

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::error::KeystoreError;

/// Random bytes in a code.
pub const BYTES: usize = 20;
const CHECK: usize = 5;
const GROUPS: usize = 8;
/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn checksum(random: &[u8]) -> [u8; CHECK] {
    let mut hash = Sha256::new();
    hash.update(b"baowatch recovery code v1");
    hash.update(random);
    let digest = hash.finalize();
    let mut check = [0; CHECK];
    for (to, from) in check.iter_mut().zip(digest.iter()) {
        *to = *from;
    }
    check
}

/// The code in writing: `XXXXX-XXXXX-…`, eight groups.
pub fn write(random: &[u8; BYTES]) -> Zeroizing<String> {
    let mut all = Zeroizing::new(Vec::with_capacity(BYTES + CHECK));
    all.extend_from_slice(random);
    all.extend_from_slice(&checksum(random));
    let mut text = Zeroizing::new(String::with_capacity(GROUPS * 6));
    for (at, group) in all.chunks(5).flat_map(spell).enumerate() {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        text.push(group);
    }
    text
}

/// Five bytes as eight letters.
fn spell(five: &[u8]) -> impl Iterator<Item = char> + use<> {
    let bits = five.iter().fold(0_u64, |all, byte| (all << 8) | u64::from(*byte));
    (0..8).map(move |place| {
        let at = (bits >> (35 - place * 5)) & 31;
        ALPHABET.get(at as usize).map_or('0', |letter| char::from(*letter))
    })
}

/// Reads a typed code; case, spaces and dashes do not matter, and O is 0, I and L are 1.
pub fn read(text: &str) -> Result<Zeroizing<[u8; BYTES]>, KeystoreError> {
    let bad = KeystoreError::BadRecoveryCode;
    let mut values = Zeroizing::new(Vec::with_capacity(40));
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        let c = match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let value = ALPHABET.iter().position(|letter| char::from(*letter) == c);
        let Some(value) = value.filter(|_| values.len() < 40) else {
            return Err(bad("it is eight groups of five letters and digits"));
        };
        values.push(value as u8);
    }
    if values.len() != 40 {
        return Err(bad("it is eight groups of five letters and digits"));
    }
    let mut all = Zeroizing::new(Vec::with_capacity(BYTES + CHECK));
    for eight in values.chunks(8) {
        let bits = eight.iter().fold(0_u64, |bits, value| (bits << 5) | u64::from(*value));
        all.extend_from_slice(bits.to_be_bytes().get(3..).unwrap_or_default());
    }
    let mut random = Zeroizing::new([0_u8; BYTES]);
    for (to, from) in random.iter_mut().zip(all.iter()) {
        *to = *from;
    }
    if all.get(BYTES..) != Some(&checksum(random.as_ref())[..]) {
        return Err(bad("its checksum does not fit: a letter is wrong or two are swapped"));
    }
    Ok(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_back_however_it_is_typed_and_a_slip_is_found() {
        let random = [7_u8; BYTES];
        let code = write(&random);
        assert_eq!(code.len(), 47);
        assert_eq!(code.split('-').count(), 8);
        assert_eq!(*read(&code).unwrap(), random);
        assert_eq!(*read(&code.to_lowercase().replace('-', " ")).unwrap(), random);
        for at in 0..code.len() {
            let mut slip: Vec<char> = code.chars().collect();
            if slip[at] == '-' {
                continue;
            }
            slip[at] = if slip[at] == 'Z' { 'Y' } else { 'Z' };
            assert!(read(&slip.into_iter().collect::<String>()).is_err());
        }
        assert!(read("").is_err());
        assert!(read(&"0".repeat(4000)).is_err());
    }
}
