//! What the vault says of a token, read without ever keeping the token: `data.id` has no field here to go into.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::transport::{Access, Method, Request, Response};
use crate::app::model::tokens::TokenSays;
use crate::app::text::clean;
use crate::backends::keys::{Salt, fingerprint};

/// `data` of `lookup`, `lookup-self`. Every field may be missing: which ones depends on the sort of token.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Lookup {
    accessor: Option<String>,
    display_name: Option<String>,
    path: Option<String>,
    r#type: Option<String>,
    ttl: Option<i64>,
    creation_ttl: Option<i64>,
    creation_time: Option<i64>,
    period: Option<i64>,
    explicit_max_ttl: Option<i64>,
    expire_time: Option<String>,
    last_renewal_time: Option<i64>,
    num_uses: Option<i64>,
    orphan: Option<bool>,
    renewable: Option<bool>,
    policies: Option<Vec<String>>,
    identity_policies: Option<Vec<String>>,
    external_namespace_policies: Option<BTreeMap<String, Vec<String>>>,
    entity_id: Option<String>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

/// How the vault answered to a question about a token.
pub enum Heard {
    /// It described it.
    Says(Box<TokenSays>),
    /// It does not accept the token that was asked about.
    Dead,
    /// Whoever asked may not: its policies say no.
    MayNot,
    /// Something else.
    Other,
}

/// Reads an answer to `lookup` or `lookup-self`. `asker` says whether it was asked with another token than the one it was
/// asked about: then a refusal of the asker says nothing about that one.
pub fn lookup(answer: &Response, salt: &Salt, asker: bool) -> Heard {
    match answer.status {
        200 => match serde_json::from_slice::<Envelope<Lookup>>(&answer.body) {
            Ok(envelope) => Heard::Says(Box::new(says(envelope.data, salt))),
            Err(_) => Heard::Other,
        },
        403 => refused(answer, asker),
        // Vault of some versions answers 404 or 400 for a token in the body that it does not know.
        400 | 404 if asker && said(answer).iter().any(|error| error.contains("bad token")) => Heard::Dead,
        _ => Heard::Other,
    }
}

fn refused(answer: &Response, asker: bool) -> Heard {
    let said = said(answer);
    if said.iter().any(|error| error.contains("1 error occurred")) {
        return Heard::MayNot;
    }
    match said.as_slice() {
        [one] if one == "bad token" => Heard::Dead,
        // In answer to another asker it is the asker that is dead.
        [one] if one == "permission denied" && !asker => Heard::Dead,
        _ => Heard::Other,
    }
}

/// The errors in the vault's own form; none where something in front of it answers.
fn said(answer: &Response) -> Vec<String> {
    serde_json::from_slice::<Errors>(&answer.body).map(|body| body.errors).unwrap_or_default()
}

fn says(data: Lookup, salt: &Salt) -> TokenSays {
    let span = |seconds: Option<i64>| seconds.filter(|seconds| *seconds > 0).map(SignedDuration::from_secs);
    let moment = |seconds: Option<i64>| {
        seconds.filter(|seconds| *seconds > 0).and_then(|seconds| Timestamp::from_second(seconds).ok())
    };
    let text = |text: Option<String>| clean(&text.unwrap_or_default());
    let ends = data.expire_time.is_some_and(|time| !time.is_empty());
    let own = data.policies.unwrap_or_default();
    let root = own.iter().any(|policy| policy == "root");
    let external = data.external_namespace_policies.unwrap_or_default().into_values().flatten();
    let identity = data.identity_policies.unwrap_or_default().into_iter().chain(external);
    let mut policies: Vec<String> = own.into_iter().chain(identity).map(|policy| clean(&policy)).collect();
    policies.sort_unstable();
    policies.dedup();
    TokenSays {
        display_name: text(data.display_name),
        kind: text(data.r#type),
        made_by: text(data.path),
        root,
        // One that ends this very second has a ttl of 0 too; one that does not end has no moment of its end.
        ttl: if ends { Some(SignedDuration::from_secs(data.ttl.unwrap_or(0).max(0))) } else { span(data.ttl) },
        creation_ttl: span(data.creation_ttl),
        period: span(data.period),
        explicit_max_ttl: span(data.explicit_max_ttl),
        orphan: data.orphan.unwrap_or(false),
        renewable: data.renewable.unwrap_or(false),
        uses_left: data.num_uses.and_then(|uses| u32::try_from(uses).ok()).unwrap_or(0),
        created: moment(data.creation_time),
        renewed: moment(data.last_renewal_time),
        policies,
        entity: text(data.entity_id),
        // Random, with 140 bits: a fingerprint tells nothing of it.
        accessor: data.accessor.filter(|it| !it.is_empty()).map(|it| fingerprint(salt, it.as_bytes())),
        capabilities: None,
    }
}

/// Reads `sys/capabilities` and `sys/capabilities-self`: for each path that was asked about what may be done there. A
/// path that is not in the answer, and `deny`, is nothing.
pub fn capabilities(answer: &Response, paths: &[String]) -> Option<BTreeMap<String, Vec<String>>> {
    if answer.status != 200 {
        return None;
    }
    let mut data = serde_json::from_slice::<Envelope<BTreeMap<String, Vec<String>>>>(&answer.body).ok()?.data;
    let mut of = |path: &String| -> Vec<String> {
        let may = data.remove(path).unwrap_or_default();
        may.into_iter().filter(|one| one != "deny").map(|one| clean(&one)).collect()
    };
    Some(paths.iter().map(|path| (path.clone(), of(path))).collect())
}

/// `max_lease_ttl` of `sys/auth/token/tune`.
pub fn cap(answer: &Response) -> Option<SignedDuration> {
    #[derive(Deserialize)]
    struct Tune {
        max_lease_ttl: i64,
    }
    let tune = serde_json::from_slice::<Envelope<Tune>>(&answer.body).ok().filter(|_| answer.status == 200)?;
    Some(SignedDuration::from_secs(tune.data.max_lease_ttl)).filter(SignedDuration::is_positive)
}

/// Asks about another token than the one that asks: this spends none of its uses.
#[derive(Clone, Copy)]
pub enum About<'a> {
    /// `POST auth/token/lookup`.
    Lookup(&'a SecretString),
    /// `POST sys/capabilities`.
    Capabilities(&'a SecretString, &'a [String]),
}

impl About<'_> {
    /// Its path without `/v1/`.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Lookup(_) => "auth/token/lookup",
            Self::Capabilities(..) => "sys/capabilities",
        }
    }

    /// The request, with the token in a body that is wiped.
    pub fn request(self, access: Access) -> Request {
        #[derive(Serialize)]
        struct Body<'a> {
            token: &'a str,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            paths: &'a [String],
        }
        let (token, paths) = match self {
            Self::Lookup(token) => (token, &[][..]),
            Self::Capabilities(token, paths) => (token, paths),
        };
        // Room for all of it: a buffer that grows leaves copies behind.
        let room = 64 + token.expose_secret().len() * 6 + paths.iter().map(|path| path.len() * 6 + 3).sum::<usize>();
        let mut body = Zeroizing::new(Vec::with_capacity(room));
        // Strings into memory: this cannot fail.
        let _ = serde_json::to_writer(&mut *body, &Body { token: token.expose_secret(), paths });
        Request { method: Method::Put, path: format!("/v1/{}", self.path()), body: Some(body), access }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, body: body.as_bytes().to_vec(), truncated: false, location: None }
    }

    fn salt() -> Salt {
        Salt(vec![7; 16])
    }

    fn heard(status: u16, body: &str, asker: bool) -> &'static str {
        match lookup(&answer(status, body), &salt(), asker) {
            Heard::Says(_) => "says",
            Heard::Dead => "dead",
            Heard::MayNot => "may not",
            Heard::Other => "other",
        }
    }

    #[test]
    fn a_dead_token_is_told_from_one_that_may_not() {
        let dead = r#"{"errors":["permission denied"]}"#;
        let denied = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
        assert_eq!((heard(403, dead, false), heard(403, denied, false)), ("dead", "may not"));
        // With another asker it is the asker that is refused.
        assert_eq!((heard(403, dead, true), heard(403, denied, true)), ("other", "may not"));
        assert_eq!(heard(403, r#"{"errors":["bad token"]}"#, true), "dead");
        assert_eq!(heard(403, "<html>Forbidden</html>", false), "other");
        assert_eq!(heard(503, r#"{"errors":["Vault is sealed"]}"#, false), "other");
        assert_eq!(heard(200, "{}", false), "other");
    }

    #[test]
    fn nothing_of_the_token_is_kept() {
        let body = r#"{"data":{"accessor":"ACCESSORcanary","creation_time":1795308560,"creation_ttl":2764800,
            "display_name":"token-dev\u001b[31mvm","entity_id":"","expire_time":"2026-12-24T00:49:21.402Z",
            "explicit_max_ttl":0,"id":"s.TOKENcanary","issue_time":"2026-11-22T00:49:20.107Z","last_renewal_time":1795308561,
            "meta":null,"num_uses":0,"orphan":true,"path":"auth/token/create-orphan","period":2764800,
            "policies":["vault-admin","default"],"identity_policies":["people"],"renewable":true,"ttl":2764798,"type":"service"}}"#;
        let Heard::Says(says) = lookup(&answer(200, body), &salt(), false) else { panic!() };
        let shown = format!("{says:?}{}", serde_json::to_string(&says).unwrap());
        assert!(!shown.contains("canary") && !shown.contains('\u{1b}'), "{shown}");
        assert_eq!(says.policies, ["default", "people", "vault-admin"]);
        assert_eq!((says.sort(), says.orphan, says.uses_left), ("periodic", true, 0));
        assert_eq!(says.ttl, Some(SignedDuration::from_secs(2_764_798)));
    }

    #[test]
    fn a_root_token_has_no_end_and_few_fields() {
        let body = r#"{"data":{"accessor":"a","creation_time":1,"creation_ttl":0,"display_name":"root","entity_id":"",
            "expire_time":null,"explicit_max_ttl":0,"id":"s.x","num_uses":0,"orphan":true,"path":"auth/token/root",
            "policies":["root"],"ttl":0,"type":"service"}}"#;
        let Heard::Says(says) = lookup(&answer(200, body), &salt(), false) else { panic!() };
        assert_eq!((says.sort(), says.ttl, says.period), ("root", None, None));
    }

    #[test]
    fn capabilities_are_those_of_the_paths_that_were_asked_about() {
        let body = r#"{"data":{"a/b":["read","sudo"],"c":["deny"],"capabilities":["read"]}}"#;
        let paths = ["a/b".to_owned(), "c".to_owned(), "d".to_owned()];
        let seen = capabilities(&answer(200, body), &paths).unwrap();
        let listed: Vec<usize> = seen.values().map(Vec::len).collect();
        assert_eq!((seen.len(), listed), (3, vec![2, 0, 0]));
        assert!(capabilities(&answer(403, "{}"), &paths).is_none());
    }

    #[test]
    fn a_token_in_a_body_is_written_as_json() {
        let token = SecretString::from("s.\"x");
        let paths = ["kv/data/x".to_owned()];
        let request = About::Capabilities(&token, &paths).request(Access::none());
        let body: serde_json::Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        assert_eq!(body, serde_json::json!({"token": "s.\"x", "paths": ["kv/data/x"]}));
        let lookup = About::Lookup(&token).request(Access::none());
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(lookup.body.as_deref().unwrap())
                .unwrap()
                .as_object()
                .unwrap()
                .len(),
            1
        );
    }
}
