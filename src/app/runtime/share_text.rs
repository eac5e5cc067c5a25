//! What one unseal key looks like in writing: hex or base64 of 32 bytes (a single key) or 33 (a share of several).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// With or without the padding: people cut it off when they copy.
const TOLERANT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, TOLERANT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, TOLERANT);

/// Whether decoded material of this length can be an unseal key or a share of one.
pub const fn possible(len: usize) -> bool {
    matches!(len, 32 | 33)
}

/// The bytes of one key or share written as hex or base64 (either alphabet); `None` for anything else. Tries hex first,
/// as the server does.
pub fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.trim();
    match text.len() {
        64 | 66 => from_hex(text),
        43 | 44 => [STANDARD, URL_SAFE].iter().find_map(|engine| {
            // Preallocated, so that the decoder does not grow and leave a copy behind.
            let mut out = Zeroizing::new(Vec::with_capacity(48));
            engine.decode_vec(text, &mut out).ok()?;
            possible(out.len()).then_some(out)
        }),
        _ => None,
    }
}

/// Every key or share written in one line, without its label: `Unseal Key 1: …`, `- "…"`, `a,b,c`.
///
/// Lines about recovery keys and tokens hold none: a recovery key unseals nothing.
pub fn in_line(line: &str) -> impl Iterator<Item = &str> {
    let other = {
        let start: String = line.chars().take(40).collect::<String>().to_ascii_lowercase();
        start.contains("recovery") || start.contains("token")
    };
    line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '"' | '\'' | '[' | ']' | '{' | '}'))
        .filter(move |_| !other)
        .filter_map(|word| {
            // `key1=…`: the label ends at the first equals sign, the padding of base64 is at the end.
            [Some(word), word.split_once('=').map(|(_, value)| value)]
                .into_iter()
                .flatten()
                .find(|candidate| decode(candidate).is_some())
        })
}

fn from_hex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(33));
    let mut digits = text.chars().map(|c| c.to_digit(16));
    while let Some(high) = digits.next() {
        let (high, low) = (high?, digits.next()??);
        out.push((high * 16 + low) as u8);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_and_base64_of_the_same_key_agree_and_other_lengths_are_none() {
        let hex = "ab".repeat(32);
        let b64 = base64::engine::general_purpose::STANDARD.encode([0xab_u8; 32]);
        assert_eq!(decode(&hex), decode(&b64));
        assert_eq!(decode(&hex.to_uppercase()).map(|k| k.len()), Some(32));
        assert_eq!(decode(&"cd".repeat(33)).map(|k| k.len()), Some(33));
        let safe = base64::engine::general_purpose::URL_SAFE.encode([0xfb_u8; 33]);
        assert!(safe.contains('-') || safe.contains('_'));
        assert_eq!(decode(&safe).map(|k| k.len()), Some(33));
        assert_eq!(decode(b64.trim_end_matches('=')), decode(&b64));
        for bad in ["", "placeholder", &"zz".repeat(32), &"ab".repeat(31), &"é".repeat(32)] {
            assert!(decode(bad).is_none());
        }
    }

    #[test]
    fn a_line_yields_its_keys_and_never_a_recovery_key() {
        let key = "0f".repeat(33);
        let of = |line: String| in_line(&line).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(of(format!("Unseal Key 1: {key}")), [key.clone()]);
        assert_eq!(of(format!("key1={key}")), [key.clone()]);
        assert_eq!(of(format!("{key}, {key}")).len(), 2);
        assert!(of(format!("Recovery Key 1: {key}")).is_empty());
    }
}
