//! Reads of a certificate what must be known before rustls is shown it: its version, and whether it has a name.

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::server::ParsedCertificate;

/// Whether the first certificate of this PEM text is of version 1. What cannot be parsed is left to rustls to complain of.
pub fn first_is_version_1(pem: &[u8]) -> bool {
    CertificateDer::pem_slice_iter(pem).next().and_then(Result::ok).is_some_and(|der| is_version_1(&der))
}

/// The first of these names that the first certificate of this PEM text is good for, by the rules that will be applied:
/// a wildcard right before a single label, like `*.openbao-internal`, counts for nothing there.
pub fn first_name<'a>(pem: &[u8], names: &'a [String]) -> Option<&'a str> {
    let der = CertificateDer::pem_slice_iter(pem).next()?.ok()?;
    let parsed = ParsedCertificate::try_from(&der).ok()?;
    let good = |name: &&String| {
        ServerName::try_from(name.as_str()).is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    };
    names.iter().find(good).map(String::as_str)
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
    fn a_name_is_chosen_as_rustls_will_judge_it() {
        let names = ["*.openbao-internal", "*.openbao-internal.data.svc", "127.0.0.1"].map(str::to_owned).to_vec();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let pem = made.cert.pem();
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            first_name(pem.as_bytes(), &names).map(str::to_owned)
        };
        let both = ["openbao-0.openbao-internal", "openbao-0.openbao-internal.data.svc"];
        assert_eq!(of(&both).as_deref(), Some("openbao-0.openbao-internal.data.svc"));
        assert_eq!(of(&["x", "127.0.0.1"]).as_deref(), Some("127.0.0.1"));
        assert_eq!(of(&["x"]), None);
        assert_eq!(first_name(b"nonsense", &["x".to_owned()]), None);
    }

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
