//! Reads of an X.509 certificate until when it is good.

use jiff::Timestamp;
use jiff::civil::DateTime;
use rustls::pki_types::{CertificateDer, pem::PemObject};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// `notAfter` of the first certificate of this PEM text.
pub fn not_after(pem: &str) -> Option<Timestamp> {
    let der = CertificateDer::pem_slice_iter(pem.as_bytes()).next()?.ok()?;
    // TBSCertificate: version [0] optional, serialNumber, signature, issuer, validity.
    let (certificate, _) = element(&der, SEQUENCE)?;
    let (tbs, _) = element(certificate, SEQUENCE)?;
    let rest = element(tbs, VERSION).map_or(tbs, |(_, rest)| rest);
    let (_, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, after) = time(validity)?;
    time(after)?.0
}

/// The time at the start, and what follows it; a time that cannot be read is still stepped over.
fn time(der: &[u8]) -> Option<(Option<Timestamp>, &[u8])> {
    let (text, century, rest) = if let Some((text, rest)) = element(der, UTC_TIME) {
        // Two digits: 50 and later are of the last century.
        let late = text.first().is_some_and(|digit| *digit >= b'5');
        (text, if late { "19" } else { "20" }, rest)
    } else {
        let (text, rest) = element(der, GENERALIZED_TIME)?;
        (text, "", rest)
    };
    let written = format!("{century}{}", std::str::from_utf8(text).ok()?);
    let moment = DateTime::strptime("%Y%m%d%H%M%SZ", &written).ok().and_then(|t| t.in_tz("UTC").ok());
    Some((moment.map(|zoned| zoned.timestamp()), rest))
}

/// What lies inside the element at the start, if it has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    if *length < 0x80 {
        return rest.split_at_checked(usize::from(*length));
    }
    // Lengths from 128 on say in how many further bytes the length stands; no certificate needs more than four.
    let (digits, rest) = rest.split_at_checked(usize::from(*length & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
    let length = digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_read_in_both_forms_and_rubbish_is_none() {
        let made = |year| {
            let mut params = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 3, 4);
            let key = rcgen::KeyPair::generate().unwrap();
            params.self_signed(&key).unwrap().pem()
        };
        // Until 2049 the year has two digits, later four.
        assert_eq!(not_after(&made(2031)), Some("2031-03-04T00:00:00Z".parse().unwrap()));
        assert_eq!(not_after(&made(2061)), Some("2061-03-04T00:00:00Z".parse().unwrap()));
        assert_eq!(not_after("nonsense"), None);
        let cut = made(2031).lines().take(3).chain(["-----END CERTIFICATE-----"]).collect::<Vec<_>>().join("\n");
        assert_eq!(not_after(&cut), None);
    }
}
