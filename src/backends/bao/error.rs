//! What a status and a body mean: the same number means different things, so both are read, and path too.

use serde::Deserialize;

use super::transport::Response;
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};

/// Turns an answer that is not the expected one into words. `path` without the `/v1` prefix or with it.
pub fn classify(replica: &str, path: &str, answer: &Response) -> Trouble {
    let errors = errors(&answer.body);
    let says = errors.as_ref().and_then(|list| list.first()).map(String::as_str).unwrap_or_default();
    let trouble = |kind, what: &str, why: &str, next: &str| Trouble::new(kind, &format!("{replica} {what}"), why, next);
    match answer.status {
        300..=399 => redirected(replica, answer),
        400 if plain_http(&answer.body) => trouble(
            TroubleKind::Unusable,
            "speaks TLS and was asked in plain HTTP",
            "the address says http://, the listener has TLS on",
            "Use https:// in the address",
        ),
        401 | 403 => forbidden(replica, path, says, errors.is_some()),
        404 if errors.is_none() && !answer.body.is_empty() => trouble(
            TroubleKind::Unusable,
            "has something else than a vault at this address",
            &format!("{path} is unknown there"),
            "Check the address and the port",
        ),
        404 => trouble(TroubleKind::Absent, &format!("does not know {path}"), says, ""),
        405 => trouble(
            TroubleKind::Refused,
            &format!("has {path} switched off"),
            "this version, or its listener's settings, do not offer it",
            "",
        ),
        // The meaning "standby" belongs to health, which reads the body and does not come here with it.
        429 if says.contains("quota") => trouble(
            TroubleKind::Refused,
            "refuses because of a rate limit quota",
            says,
            "Exempt sys/health and sys/seal-status from the quota, or wait",
        ),
        429 if errors.is_some() => trouble(
            TroubleKind::Refused,
            "has not caught up with the last write yet",
            "a standby that is behind the index asked for says this",
            "Wait a second; if it lasts, look at the raft peers",
        ),
        429 => trouble(TroubleKind::Refused, "asks to slow down", "something in front of it limits requests", ""),
        500 if says.contains("active cluster node not found") => trouble(
            TroubleKind::Refused,
            "has no active node to ask",
            "quorum is lost, or an election is under way",
            "Bring back enough replicas for a majority",
        ),
        503 if says.contains("namespace is sealed") => {
            trouble(TroubleKind::Refused, "has this namespace sealed", "", "Unseal the namespace")
        }
        503 if says.to_ascii_lowercase().contains("is sealed") => trouble(
            TroubleKind::Refused,
            "is sealed or not initialised",
            "it answers nothing else in that state",
            "Unseal it first",
        ),
        502..=504 if errors.is_none() => trouble(
            TroubleKind::Unreachable,
            &format!("is not reached: something in front of it answers {}", answer.status),
            "a proxy or load balancer has no working server behind it",
            "Ask the replica itself, by its pod or its own address",
        ),
        status => trouble(
            if (400..500).contains(&status) { TroubleKind::Refused } else { TroubleKind::Unusable },
            &format!("answered {status} to {path}"),
            if errors.is_some() { says } else { "without an error that can be read" },
            "Look at this replica's log",
        ),
    }
}

/// An answer of 200 whose body is not what this path answers.
pub fn rubbish(replica: &str, path: &str, answer: &Response) -> Trouble {
    let why = if answer.truncated {
        "its answer is longer than any that a vault gives"
    } else if answer.body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<') {
        "its answer is a web page: a sign-in page or a proxy in between?"
    } else {
        "its answer lacks the fields that every version sends"
    };
    Trouble::new(
        TroubleKind::Unusable,
        &format!("{replica} answered {path} with something that cannot be understood"),
        why,
        "Check that the address and port are those of OpenBao or Vault",
    )
}

fn redirected(replica: &str, answer: &Response) -> Trouble {
    // Only the host is named: paths and queries of sign-in pages carry tickets.
    let host = answer.location.as_deref().and_then(host_of);
    let to = host.as_deref().unwrap_or("another place");
    Trouble::new(
        TroubleKind::Unusable,
        &format!("{replica} says to go to {to}: an address behind a proxy or load balancer?"),
        "redirects are never followed, a token or a key could end up elsewhere",
        "Use the replica's own address, with the scheme that its listener speaks",
    )
}

fn forbidden(replica: &str, path: &str, says: &str, vault: bool) -> Trouble {
    let what = format!("{replica} does not allow {path}");
    if !vault {
        return Trouble::denied(
            &what,
            "something in front of it answers, in words that are not a vault's",
            "Let the address reach the replica itself, or allow this path in the proxy",
        );
    }
    // A dead token and a policy that says no differ only in the form of the sentence.
    if says.contains("1 error occurred") {
        return Trouble::denied(
            &what,
            "the token is alive and its policy does not allow it",
            &format!("Add to a policy of the token: path \"{}\" {{ capabilities = [\"read\"] }}", bare(path)),
        );
    }
    Trouble::denied(&what, "there is no token, or it is unknown, expired or revoked", "Use a token that is alive")
}

fn bare(path: &str) -> &str {
    path.trim_start_matches("/v1/").trim_start_matches('/')
}

fn host_of(location: &str) -> Option<String> {
    let url = reqwest::Url::parse(location).ok()?;
    let host = url.host_str()?;
    Some(clean(&url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))))
}

fn plain_http(body: &[u8]) -> bool {
    // Go's servers say this; it is not JSON.
    body.starts_with(b"Client sent an HTTP request to an HTTPS server")
}

/// The list under `errors`; `None` when the body is no error of a vault.
pub(in crate::backends) fn errors(body: &[u8]) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<String>,
    }
    if body.is_empty() {
        return None;
    }
    serde_json::from_slice::<Body>(body).ok().map(|body| body.errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, body: body.as_bytes().to_vec(), truncated: false, location: None }
    }

    fn says(status: u16, body: &str) -> (TroubleKind, String) {
        let trouble = classify("openbao-0", "/v1/sys/leader", &answer(status, body));
        (trouble.kind, trouble.to_string())
    }

    #[test]
    fn one_number_has_several_meanings() {
        use TroubleKind::{Absent, Denied, Refused, Unreachable, Unusable};
        let rows = [
            (503, r#"{"errors":["Vault is sealed"]}"#, Refused, "is sealed"),
            (503, "<html>503</html>", Unreachable, "in front of it"),
            (403, r#"{"errors":["permission denied"]}"#, Denied, "no token"),
            (403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#, Denied, "path \"sys/leader\""),
            (403, "<html>", Denied, "in front of it"),
            (429, r#"{"errors":["request path \"x\": rate limit quota exceeded"]}"#, Refused, "quota"),
            (429, r#"{"errors":[]}"#, Refused, "caught up"),
            (404, r#"{"errors":[]}"#, Absent, "does not know"),
            (404, "not found", Unusable, "something else"),
            (500, r#"{"errors":["local node not active but active cluster node not found"]}"#, Refused, "quorum"),
            (400, "Client sent an HTTP request to an HTTPS server.\n", Unusable, "https://"),
        ];
        for (status, body, kind, part) in rows {
            let (found, text) = says(status, body);
            assert_eq!(found, kind, "{status} {body}");
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_redirect_names_only_the_host() {
        let mut answer = answer(307, "");
        answer.location = Some("https://login.example:8443/?ticket=CANARY".into());
        let text = classify("openbao-0", "/v1/sys/seal-status", &answer).to_string();
        assert!(text.contains("says to go to login.example:8443") && !text.contains("CANARY"), "{text}");
    }

    #[test]
    fn foreign_bodies_are_never_quoted_and_errors_are_cleaned() {
        assert!(!says(418, "CANARY").1.contains("CANARY"));
        let (_, text) = says(500, "{\"errors\":[\"\\u001b[31mred\"]}");
        assert!(!text.contains('\u{1b}'));
        let page = rubbish("openbao-0", "/v1/sys/seal-status", &answer(200, "<html>CANARY"));
        assert!(page.why.contains("web page") && !page.to_string().contains("CANARY"));
    }
}
