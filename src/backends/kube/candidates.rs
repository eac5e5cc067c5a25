//! Which Secrets can hold unseal keys, by name and by the names of their fields. Values are never read for this.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::keys_secret::field_names;
use crate::app::text::clean;

/// How likely a Secret holds unseal keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likelihood {
    /// Evidently something else: a certificate, a registry login, a service account's token.
    No,
    /// Nothing speaks for it or against it.
    Maybe,
    /// Its name or its fields are those of unseal keys.
    Likely,
}

/// The Secrets of a namespace by name, with the field names known from managedFields.
#[derive(Debug, Clone, Default)]
pub struct Known {
    fields: BTreeMap<String, Vec<String>>,
}

impl Known {
    /// From a metadata list; empty where that is denied.
    pub fn of(secrets: &[ObjectMeta]) -> Self {
        let fields = secrets
            .iter()
            // Only Helm's release records and other controllers' own state are owned by nobody's hand.
            .filter_map(|meta| Some((clean(meta.name.as_deref()?), field_names(meta))))
            .collect();
        Self { fields }
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// Judges one Secret; what is not listed is judged by its name and the fields it is asked for.
    pub fn judge(&self, name: &str, asked: &[String]) -> Likelihood {
        let none = Vec::new();
        let fields = self.fields.get(name).unwrap_or(&none);
        let fields: Vec<&str> = fields.iter().chain(asked).map(String::as_str).collect();
        judge(name, &fields)
    }

    /// Secrets that look like unseal keys of this vault, for the case that nothing mounts one.
    pub fn candidates(&self, vault: &str) -> Vec<String> {
        let likely = self.names().filter(|name| self.judge(name, &[]) == Likelihood::Likely);
        let mut found: Vec<String> = likely.map(str::to_owned).collect();
        // What bears the vault's name comes first; another vault's keys may lie in the same namespace.
        found.sort_by_key(|name| (!name.starts_with(vault), name.clone()));
        found
    }
}

fn judge(name: &str, fields: &[&str]) -> Likelihood {
    let name = name.to_ascii_lowercase();
    if name.starts_with("sh.helm.release.") {
        return Likelihood::No;
    }
    if fields.iter().any(|field| is_key_field(field)) {
        return Likelihood::Likely;
    }
    let foreign = |field: &str| {
        matches!(
            field,
            "tls.crt"
                | "tls.key"
                | "ca.crt"
                | "ca.key"
                | ".dockerconfigjson"
                | ".dockercfg"
                | "username"
                | "password"
                | "ssh-privatekey"
                | "service-ca.crt"
                | "namespace"
                | "keystore.jks"
                | "truststore.jks"
        )
    };
    if fields.iter().any(|field| foreign(field)) {
        return Likelihood::No;
    }
    if name.contains("unseal") || well_known(&name) {
        return Likelihood::Likely;
    }
    let words = ["tls", "cert", "registry", "docker", "pull", "token", "license", "ca"];
    if name.split(['-', '.', '_']).any(|part| words.contains(&part)) {
        return Likelihood::No;
    }
    Likelihood::Maybe
}

/// `openbao-keys`, `vault-seal-key`, `bao-init`, …
fn well_known(name: &str) -> bool {
    let last = name.rsplit(['-', '_', '.']).next().unwrap_or_default();
    let of_a_vault = ["vault", "bao", "seal"].iter().any(|word| name.contains(word));
    of_a_vault && matches!(last, "keys" | "key" | "init" | "shares" | "seal")
}

/// Names under which unseal keys are kept. `key` alone is the commonest of them.
fn is_key_field(field: &str) -> bool {
    let field = field.to_ascii_lowercase().replace(['_', '.'], "-");
    matches!(
        field.as_str(),
        "key" | "keys" | "shares" | "root-token" | "init-json" | "vault-root" | "seal-key" | "cluster-keys-json"
    ) || field.contains("unseal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fields_are_judged() {
        use Likelihood::{Likely, Maybe, No};
        for (name, fields, expected) in [
            ("openbao-keys", &[][..], Likely),
            ("openbao-unseal-keys", &[], Likely),
            ("foo", &["unseal_key", "root_token"], Likely),
            ("foo", &["vault-unseal-0", "vault-root"], Likely),
            ("foo", &["key"], Likely),
            ("openbao-tls", &["tls.crt", "tls.key", "ca.crt"], No),
            ("openbao-tls", &[], No),
            ("openbao-keys", &["tls.crt", "tls.key"], No),
            ("regcred", &[".dockerconfigjson"], No),
            ("default-token-abcde", &[], No),
            ("sh.helm.release.v1.openbao.v3", &["release"], No),
            ("app-config", &["dsn"], Maybe),
            ("ssh-keys", &[], Maybe),
        ] {
            assert_eq!(judge(name, fields), expected, "{name} {fields:?}");
        }
    }
}
