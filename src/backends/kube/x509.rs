//! Reads one thing of a certificate before rustls does: whether it is X.509 version 1.

use rustls::pki_types::{CertificateDer, pem::PemObject};

/// Whether the first certificate of this PEM text is of version 1. What cannot be parsed is left to rustls to complain of.
pub fn first_is_version_1(pem: &[u8]) -> bool {
    CertificateDer::pem_slice_iter(pem).next().and_then(Result::ok).is_some_and(|der| is_version_1(&der))
}

/// `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { version [0] EXPLICIT … OPTIONAL, serialNumber INTEGER, …`:
/// version 1 is the one that is left out.
fn is_version_1(der: &[u8]) -> bool {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    content(der, SEQUENCE)
        .and_then(|certificate| content(certificate, SEQUENCE))
        .and_then(|tbs| tbs.first())
        .is_some_and(|tag| *tag == INTEGER)
}

/// What lies inside the element at the start of `der`, if it has this tag.
fn content(der: &[u8], tag: u8) -> Option<&[u8]> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    // Lengths from 128 on say in how many further bytes the length stands.
    let skip = if length & 0x80 == 0 { 0 } else { usize::from(length & 0x7f) };
    rest.get(skip..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_3_passes_and_version_1_is_told() {
        let key = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
        assert!(!first_is_version_1(key.cert.pem().as_bytes()));
        // SEQUENCE { SEQUENCE { INTEGER 1 … } }: a serial number where the version would be.
        assert!(is_version_1(&[0x30, 0x82, 0x00, 0x05, 0x30, 0x03, 0x02, 0x01, 0x01]));
        assert!(!is_version_1(&[]));
        assert!(!first_is_version_1(b"nonsense"));
    }
}
