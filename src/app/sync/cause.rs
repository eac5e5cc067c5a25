//! What an error text of an operator means. The texts are those of VSO 1.4 and ESO 2.9, OpenBao 2.7 and Vault 1.2x.

/// What sort of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The vault was sealed then.
    Sealed,
    /// Nobody answered.
    Unreachable,
    /// A live token without the right, or a mount that is not there.
    Denied,
    /// The login was refused.
    Login,
    /// Nothing is at the path.
    Nothing,
    /// Everything else.
    Other,
}

/// A failure in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// What sort.
    pub(super) kind: Kind,
    /// In one sentence without a full stop.
    pub(super) text: String,
}

/// Reads an error text.
pub(super) fn read(text: &str) -> Cause {
    let has = |part: &str| text.contains(part);
    let cause = |kind, text: &str| Cause { kind, text: text.to_owned() };
    if has("Vault is sealed") {
        return cause(Kind::Sealed, "The vault was sealed");
    }
    if has("near rotation, ttl<=2") {
        return cause(
            Kind::Other,
            "The vault does not rotate the password though it is due: its database is the place to look",
        );
    }
    if has("unable to start transaction") || has("failed to renew entry") || has("dial error: dial tcp") {
        return cause(Kind::Other, "The vault cannot reach its database");
    }
    if let Some(what) = gone(text) {
        return Cause { kind: Kind::Other, text: format!("{what} does not exist") };
    }
    if has("vso-cc-storage-hmac-key") {
        return cause(
            Kind::Other,
            "The operator's HMAC key is gone (Secret vso-cc-storage-hmac-key), and only a restart of it makes another; every target restarts then",
        );
    }
    if has("connection refused")
        || has("i/o timeout")
        || has("no such host")
        || has("no route to host")
        || has("context deadline exceeded")
    {
        return Cause { kind: Kind::Unreachable, text: format!("Nobody answers at {}", address(text)) };
    }
    if has("invalid owner label") || has("not the owner of the destination") {
        return cause(Kind::Other, "Its Secret was made by somebody else, and overwrite is off");
    }
    if has("parsing time \"\"") {
        return cause(
            Kind::Other,
            "OpenBao refuses the empty not_after that the operator sends: on OpenBao this object needs spec.notAfter",
        );
    }
    if has("/login") && (has("Code: 4") || has("Code: 5")) {
        return Cause { kind: Kind::Login, text: said(text) };
    }
    if has("Code: 403") {
        let two_lines = has("1 error occurred");
        return if two_lines {
            cause(Kind::Denied, "Its token lives and may not read this")
        } else {
            cause(Kind::Other, "The operator's own token is dead: revoked or run out")
        };
    }
    if has("empty response from Vault") || has("Secret does not exist") {
        return cause(Kind::Nothing, "There is nothing at its path in the vault");
    }
    if let Some(store) =
        text.split_once("SecretStore \"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name)
        && has("is not ready")
    {
        return Cause { kind: Kind::Other, text: format!("Its store {store} is not ready") };
    }
    Cause { kind: Kind::Other, text: said(text) }
}

/// `VaultAuth.secrets.hashicorp.com "ghost" not found` → `VaultAuth ghost`.
fn gone(text: &str) -> Option<String> {
    let (before, after) = text.split_once("\" not found")?;
    let (before, name) = before.rsplit_once(" \"")?;
    let kind = before.rsplit([' ', '=']).next()?.split('.').next()?;
    let known =
        ["VaultAuth", "VaultConnection", "VaultAuthGlobal", "ServiceAccount", "SecretStore", "ClusterSecretStore"];
    let _ = after;
    let generator = before.ends_with(".generators.external-secrets.io");
    (generator || known.contains(&kind)).then(|| format!("{kind} {name}"))
}

/// The address in a text of Go's HTTP client, without its path.
fn address(text: &str) -> &str {
    let Some(start) = text.find("http") else { return "the address it was given" };
    let rest = text.get(start..).unwrap_or_default();
    let host = rest.find("://").map_or(0, |at| at + 3);
    let end = rest.get(host..).and_then(|tail| tail.find(['/', '"', ' '])).map_or(rest.len(), |at| host + at);
    rest.get(..end).unwrap_or(rest)
}

/// The text without what every error begins with.
fn said(text: &str) -> String {
    let short = text.rsplit_once("Errors: ").map_or(text, |(_, rest)| rest);
    let short =
        if short.len() == text.len() { short.rsplit_once("err=").map_or(short, |(_, rest)| rest) } else { short };
    let short = short.trim().trim_start_matches("* 1 error occurred:").trim().trim_start_matches("* ").trim();
    let mut cut: String = short.chars().take(160).collect();
    if cut.len() < short.len() {
        cut.push('…');
    }
    if cut.is_empty() { "it says nothing more".to_owned() } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_mean_what_they_mean() {
        let rows = [
            ("err=ServiceAccount \"ghost\" not found", Kind::Other, "ServiceAccount ghost does not exist"),
            ("err=VaultAuth.secrets.hashicorp.com \"ghost\" not found", Kind::Other, "VaultAuth ghost does not exist"),
            (
                "err=Put \"http://vault-old.openbao.svc:8200/v1/auth/kubernetes/login\": dial tcp 10.96.12.9:8200: connect: connection refused",
                Kind::Unreachable,
                "Nobody answers at http://vault-old.openbao.svc:8200",
            ),
            (
                "unable to get generator: Password.generators.external-secrets.io \"pw\" not found",
                Kind::Other,
                "Password pw does not exist",
            ),
            (
                "URL: PUT http://a/v1/auth/kubernetes/login Code: 400. Errors: * invalid role name \"nope\"",
                Kind::Login,
                "invalid role name \"nope\"",
            ),
            (
                "URL: GET http://a/v1/kv/data/x Code: 403. Errors: * permission denied",
                Kind::Other,
                "The operator's own token is dead: revoked or run out",
            ),
            (
                "URL: GET http://a/v1/kv/data/x Code: 403. Errors: * 1 error occurred: * permission denied",
                Kind::Denied,
                "Its token lives and may not read this",
            ),
            ("", Kind::Other, "it says nothing more"),
        ];
        for (text, kind, words) in rows {
            assert_eq!(read(text), Cause { kind, text: words.to_owned() }, "{text}");
        }
    }
}
