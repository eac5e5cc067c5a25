//! Which field of a Secret is for what, judged by its name.

use crate::app::model::keys_secret::Purpose;

/// Names of fields, as configured; an empty list stands for the names that charts, operators and people use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldNames {
    /// Fields that hold unseal key shares.
    pub shares: Vec<String>,
    /// The field that holds a static seal's key: what the server mounts, or what its configuration names.
    pub seal_key: Vec<String>,
    /// The field that holds the root token.
    pub root_token: Vec<String>,
}

/// Well-known stems, in lower case with dashes, without a number at the end.
const SHARES: [&str; 25] = [
    "key",
    "keys",
    "unseal",
    "unseal-key",
    "unseal-keys",
    "unsealkey",
    "unsealkeys",
    "unseal-keys-b64",
    "unseal-keys-hex",
    "keys-base64",
    "vault-unseal",
    "vault-unseal-key",
    "vault-unseal-keys",
    "bao-unseal",
    "bao-unseal-key",
    "bao-unseal-keys",
    "openbao-unseal",
    "openbao-unseal-key",
    "openbao-unseal-keys",
    "key-share",
    "key-shares",
    "unseal-share",
    "init",
    "init-json",
    "unseal-json",
];
const SEAL_KEY: [&str; 8] = [
    "seal-key",
    "static",
    "static-key",
    "static-seal",
    "static-seal-key",
    "current-key",
    "unseal-static",
    "seal-static",
];
const ROOT_TOKEN: [&str; 8] = [
    "root-token",
    "roottoken",
    "token",
    "root",
    "vault-root",
    "vault-root-token",
    "bao-root-token",
    "openbao-root-token",
];

impl FieldNames {
    /// What the field of this name is for. What the configuration names outranks what is merely well known.
    pub fn purpose(&self, name: &str) -> Purpose {
        let configured = |list: &[String]| list.iter().any(|known| known == name);
        if configured(&self.seal_key) {
            return Purpose::SealKey;
        }
        if configured(&self.shares) {
            return Purpose::Shares;
        }
        if configured(&self.root_token) {
            return Purpose::RootToken;
        }
        let stem = stem(name);
        let known = |list: &[String], names: &[&str]| list.is_empty() && names.contains(&stem.as_str());
        if known(&self.seal_key, &SEAL_KEY) {
            Purpose::SealKey
        } else if known(&self.root_token, &ROOT_TOKEN) {
            Purpose::RootToken
        } else if known(&self.shares, &SHARES) {
            Purpose::Shares
        } else {
            Purpose::Other
        }
    }
}

/// `Unseal_Key_2` → `unseal-key`.
fn stem(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if matches!(c, '_' | '.' | ' ') { '-' } else { c.to_ascii_lowercase() }).collect();
    name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_names_are_known_and_configured_ones_outrank_them() {
        let names = FieldNames::default();
        for name in ["key", "unseal-key", "unseal_key", "keys", "vault-unseal-0", "UNSEAL_KEY_2", "key1", "init.json"] {
            assert_eq!(names.purpose(name), Purpose::Shares, "{name}");
        }
        assert_eq!(names.purpose("root_token"), Purpose::RootToken);
        assert_eq!(names.purpose("static"), Purpose::SealKey);
        assert_eq!(names.purpose("tls.crt"), Purpose::Other);
        let names = FieldNames { seal_key: vec!["key".into()], shares: vec!["mine".into()], ..FieldNames::default() };
        assert_eq!(names.purpose("key"), Purpose::SealKey);
        assert_eq!(names.purpose("mine"), Purpose::Shares);
        assert_eq!(names.purpose("unseal-key"), Purpose::Other);
    }
}
