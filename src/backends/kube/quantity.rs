//! Quantities as Kubernetes writes them (`128Mi`, `1500m`, `2e9`), read into whole units.

/// Reads a quantity in whole units, rounded up as Kubernetes itself does; `None` for what is no quantity, is negative,
/// or is larger than any machine. Grammar: sign, decimal number, then a binary suffix (`Ki` to `Ei`), a decimal one (`n`,
/// `u`, `m`, none, `k` to `E`) or an exponent (`e3`, `E-3`).
pub fn units(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let only_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !only_digits(whole) || !only_digits(fraction) {
        return None;
    }
    let (factor, exponent) = scale(suffix)?;
    // The value is `digits × factor × 10^power`.
    let digits = digits(whole, fraction)?;
    if digits == 0 {
        return Some(0);
    }
    let power = exponent.checked_sub(i32::try_from(fraction.trim_end_matches('0').len()).ok()?)?;
    let scaled = digits.checked_mul(factor)?;
    let value = if power >= 0 {
        scaled.checked_mul(10u128.checked_pow(power.unsigned_abs())?)?
    } else {
        // A divisor beyond any number leaves a part of one unit.
        10u128.checked_pow(power.unsigned_abs()).map_or(1, |divisor| scaled.div_ceil(divisor))
    };
    u64::try_from(value).ok()
}

/// The digits without the point, and without zeros that say nothing.
fn digits(whole: &str, fraction: &str) -> Option<u128> {
    let all = format!("{whole}{}", fraction.trim_end_matches('0'));
    let all = all.trim_start_matches('0');
    if all.is_empty() { Some(0) } else { all.parse().ok() }
}

/// What a suffix multiplies by: a binary factor and a power of ten.
fn scale(suffix: &str) -> Option<(u128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        other => {
            let exponent = other.strip_prefix(['e', 'E'])?;
            let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            if unsigned.is_empty() || unsigned.len() > 4 || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            (1, exponent.parse().ok()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_notation() {
        let cases: [(&str, u64); 24] = [
            ("0", 0),
            ("128974848", 128_974_848),
            ("129e6", 129_000_000),
            ("129M", 129_000_000),
            ("123Mi", 123 << 20),
            ("64Gi", 64 << 30),
            ("65532Ki", 65_532 << 10),
            ("1.5Gi", 3 << 29),
            ("0.5Ki", 512),
            (".5k", 500),
            ("5.", 5),
            ("100n", 1),
            ("1999842518n", 2),
            ("1500u", 1),
            ("1500m", 2),
            ("2k", 2_000),
            ("3T", 3_000_000_000_000),
            ("1E", 1_000_000_000_000_000_000),
            ("1E3", 1_000),
            ("1e-3", 1),
            ("1.25e2", 125),
            ("+7", 7),
            ("000.000", 0),
            ("1.000000000000000000000000000000000000000", 1),
        ];
        for (text, wanted) in cases {
            assert_eq!(units(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity() {
        for text in [
            "", ".", "-1", "1 Gi", "Gi", "1gi", "1K", "0x10", "1.2.3", "1e", "1e+", "1e99999", "20Ei", "１", "1Gi\n",
            "++1",
        ] {
            assert_eq!(units(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,40}") {
            let _ = units(&text);
        }

        #[test]
        fn nothing_that_looks_like_one_makes_it_panic(text in "[+-]?[0-9.]{0,45}[a-zA-Z]{0,2}[+-]?[0-9]{0,5}") {
            let _ = units(&text);
        }

        #[test]
        fn binary_suffixes_are_shifts(n in 0u64..1_000_000, power in 0usize..5) {
            let suffix = ["", "Ki", "Mi", "Gi", "Ti"][power];
            prop_assert_eq!(units(&format!("{n}{suffix}")), n.checked_mul(1u64 << (10 * power)));
        }

        #[test]
        fn suffix_and_exponent_say_the_same(n in 0u64..1_000_000, power in 0usize..5) {
            let (suffix, exponent) = [("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12)][power];
            prop_assert_eq!(units(&format!("{n}{suffix}")), units(&format!("{n}e{exponent}")));
        }

        #[test]
        fn parts_round_up(n in 0u64..u64::MAX / 2) {
            prop_assert_eq!(units(&format!("{n}m")), Some(n.div_ceil(1_000)));
            prop_assert_eq!(units(&format!("{n}n")), Some(n.div_ceil(1_000_000_000)));
        }
    }
}
