//! Server-side apply as field manager `baowatch`: the only way in which this program writes to a cluster.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::fault::{Right, trouble};
use super::port::{KubeWrite, SecretApply};
use crate::app::trouble::{Trouble, TroubleKind};

/// The field manager under which every write is made and can be told from others.
pub const MANAGER: &str = "baowatch";
/// One write, answer included.
const CALL: Duration = Duration::from_secs(10);
/// Nothing that an API server answers to a write needs more; what is longer is not looked at.
const LONGEST: usize = 1 << 20;
/// The answer without the values: they were just sent, and need not travel back.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// Writes to a cluster through the client.
pub struct KubeApply {
    client: Client,
}

impl KubeApply {
    /// Over a client from [`super::client::connect`], so that it is bounded.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    async fn send(&self, asked: &Asked<'_>, body: Zeroizing<Vec<u8>>) -> Result<(), Trouble> {
        let Asked { resource, namespace, name, manager, force, .. } = asked;
        let target = format!("/api/v1/namespaces/{namespace}/{resource}/{name}?fieldManager={manager}&force={force}");
        let request = Request::patch(target)
            .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
            .header(header::ACCEPT, METADATA)
            // The buffer is wiped when the client lets go of it.
            .body(Body::from(Bytes::from_owner(body)))
            .map_err(|_| asked.unsendable())?;
        let answer = async {
            let response = self.client.send(request).await.map_err(|error| asked.unsent(&error))?;
            let status = response.status();
            if status.is_success() {
                return Ok(());
            }
            let body = response.into_body().collect_bytes().await.unwrap_or_default();
            Err(asked.refused(status, body.get(..body.len().min(LONGEST)).unwrap_or_default()))
        };
        match tokio::time::timeout(CALL, answer).await {
            Ok(done) => done,
            Err(_) => Err(Trouble::unreachable(
                &format!("it is not known whether {} was written", asked.object()),
                &format!("the API server did not finish its answer within {} s", CALL.as_secs()),
                "Look at it before going on",
            )),
        }
    }
}

#[async_trait]
impl KubeWrite for KubeApply {
    async fn apply_secret(&self, apply: SecretApply) -> Result<(), Trouble> {
        // What does not exist has no other owner. Where somebody made it since the last look, with other values, that is a
        // conflict: forced, it would overwrite keys that nobody here has seen.
        let asked = Asked::new("secrets", "Secret", &apply.namespace, &apply.name, MANAGER)?;
        let asked = Asked { force: false, ..asked };
        let body = secret_body(&apply, None)?;
        self.send(&asked, body).await
    }

    async fn apply_secret_over(&self, version: &str, apply: SecretApply) -> Result<(), Trouble> {
        let asked = Asked::new("secrets", "Secret", &apply.namespace, &apply.name, MANAGER)?;
        let body = secret_body(&apply, Some(version))?;
        self.send(&asked, body).await
    }

    async fn apply_config_map(
        &self,
        manager: &str,
        namespace: &str,
        name: &str,
        data: Vec<(String, String)>,
    ) -> Result<(), Trouble> {
        let asked = Asked::new("configmaps", "ConfigMap", namespace, name, manager)?;
        let body = config_map_body(&asked, &data)?;
        self.send(&asked, Zeroizing::new(body)).await
    }
}

/// What is written to, for addresses and sentences.
struct Asked<'a> {
    resource: &'static str,
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    manager: &'a str,
    /// Whether fields of others are taken over.
    force: bool,
}

impl<'a> Asked<'a> {
    /// Names go into an address and into JSON as they are: what no object can be called is refused first.
    fn new(
        resource: &'static str,
        kind: &'static str,
        namespace: &'a str,
        name: &'a str,
        manager: &'a str,
    ) -> Result<Self, Trouble> {
        let asked = Self { resource, kind, namespace, name, manager, force: true };
        let plain = |text: &str| {
            !text.is_empty()
                && text.len() <= 253
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
                && text.bytes().any(|b| b.is_ascii_alphanumeric())
        };
        if plain(namespace) && plain(name) && plain(manager) && manager.len() <= 128 {
            Ok(asked)
        } else {
            Err(Trouble::local(
                &format!("{} cannot be written", asked.object()),
                "that is no name that Kubernetes takes",
                "Check the names in the configuration; nothing was changed",
            ))
        }
    }

    fn object(&self) -> String {
        format!("{} {}/{}", self.kind, self.namespace, self.name)
    }

    fn what(&self) -> String {
        format!("{} cannot be written", self.object())
    }

    /// To patch an object that is not there is to create it.
    fn right(&self) -> Right<'_> {
        Right {
            group: "",
            resource: self.resource,
            verbs: &["create", "patch"],
            namespace: Some(self.namespace),
            name: Some(self.name),
        }
    }

    fn unsendable(&self) -> Trouble {
        Trouble::local(&self.what(), "no request could be made of it", "Report this; nothing was changed")
    }

    /// The request may have arrived all the same: only a connection that never stood leaves no doubt, and which it was is
    /// not told apart.
    fn unsent(&self, error: &kube::Error) -> Trouble {
        trouble(&self.what(), &self.right(), error)
    }

    /// What a refusal means. Its body is recognised and not repeated: a webhook or a validation may quote values.
    fn refused(&self, status: StatusCode, body: &[u8]) -> Trouble {
        let said: Status = serde_json::from_slice(body).unwrap_or_default();
        let message = said.message.as_str();
        let what = self.what();
        let kept = "Ask for the plan anew; nothing was written";
        match status.as_u16() {
            401 => Trouble::denied(
                &what,
                "the API server does not accept this identity (401)",
                "Log in again, or check the credentials of this kubeconfig context; nothing was written",
            ),
            403 if message.starts_with(&format!("{} \"{}\" is forbidden: User \"", self.resource, self.name)) => {
                Trouble::denied(&what, message, &self.right().line())
            }
            403 => Trouble::denied(
                &what,
                "the API server, a policy or an admission webhook forbids it (403)",
                "Ask who runs this cluster which policy that is; nothing was written",
            ),
            404 => Trouble::new(
                TroubleKind::Absent,
                &what,
                &format!("there is no namespace {}, or it is being deleted", self.namespace),
                "Check the namespace; nothing was written",
            ),
            409 => Trouble::new(
                TroubleKind::Refused,
                &what,
                "somebody wrote it between the last look and this write (409)",
                kept,
            ),
            422 if message.contains("immutable") => Trouble::new(
                TroubleKind::Refused,
                &what,
                "it is immutable: what is in it cannot be changed, by anybody (422)",
                "Delete it first, then ask for the plan anew; running pods may keep the old value until they are \
                 replaced. Nothing was written",
            ),
            400 | 413 | 415 | 422 => Trouble::new(
                TroubleKind::Unusable,
                &what,
                &format!("the API server or a webhook refuses this object ({})", status.as_u16()),
                "Look for validating webhooks and quotas in this cluster; nothing was written",
            ),
            429 => Trouble::new(TroubleKind::Refused, &what, "the API server asks to slow down (429)", kept),
            code @ 500.. => Trouble::unreachable(
                &format!("it is not known whether {} was written", self.object()),
                &format!("the API server answers {code}"),
                "Look at it before going on",
            ),
            code => Trouble::new(
                TroubleKind::Unusable,
                &what,
                &format!("the API server answers {code}"),
                "Check that the kubeconfig's server address is a Kubernetes API server and no proxy's login page",
            ),
        }
    }
}

/// What is read of an answer that says no.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
}

/// The object that is applied. Built in one buffer that is long enough from the start: one that grew would leave copies
/// of the keys behind.
fn secret_body(apply: &SecretApply, version: Option<&str>) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let named = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let numbered = version.is_none_or(|version| version.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !numbered || !apply.fields.iter().all(|(name, _)| named(name)) {
        return Err(Trouble::local(
            &format!("Secret {}/{} cannot be written", apply.namespace, apply.name),
            "a field would have a name that Kubernetes does not take",
            "Check the names of the fields; nothing was changed",
        ));
    }
    let head = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"{}\",\"namespace\":\"{}\"{}}}{},\"data\":{{",
        apply.name,
        apply.namespace,
        version.map(|version| format!(",\"resourceVersion\":\"{version}\"")).unwrap_or_default(),
        if apply.immutable { ",\"immutable\":true" } else { "" },
    );
    let fields: usize = apply.fields.iter().map(|(name, value)| name.len() + value.len().div_ceil(3) * 4 + 8).sum();
    let room = head.len() + fields + 8;
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(&head);
    for (place, (name, value)) in apply.fields.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push('"');
        text.push_str(name);
        text.push_str("\":\"");
        STANDARD.encode_string(value.as_slice(), &mut text);
        text.push('"');
    }
    text.push_str("}}");
    debug_assert!(text.len() <= room, "the buffer grew");
    // The very buffer, not a copy of it.
    Ok(Zeroizing::new(std::mem::take(&mut *text).into_bytes()))
}

fn config_map_body(asked: &Asked<'_>, data: &[(String, String)]) -> Result<Vec<u8>, Trouble> {
    let data: std::collections::BTreeMap<&str, &str> =
        data.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    serde_json::to_vec(&serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": asked.name, "namespace": asked.namespace},
        "data": data,
    }))
    .map_err(|_| asked.unsendable())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(fields: &[(&str, &[u8])]) -> SecretApply {
        SecretApply {
            namespace: "data".into(),
            name: "openbao-keys".into(),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), Zeroizing::new(value.to_vec()))).collect(),
            immutable: false,
        }
    }

    #[test]
    fn the_body_names_our_fields_and_nothing_else_and_never_grows() {
        let many: Vec<(String, Vec<u8>)> = (0..40).map(|n| (format!("unseal-key-{n}"), vec![n; 33])).collect();
        let fields: Vec<(&str, &[u8])> = many.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let body = secret_body(&apply(&fields), Some("8812")).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(read["data"].as_object().unwrap().len(), 40);
        assert_eq!(read["data"]["unseal-key-7"], STANDARD.encode([7; 33]));
        assert_eq!(read["metadata"]["resourceVersion"], "8812");
        let mut keys: Vec<&String> = read.as_object().unwrap().keys().collect();
        keys.sort();
        assert_eq!(keys, ["apiVersion", "data", "kind", "metadata"]);
        let fixed = SecretApply { immutable: true, ..apply(&[("key", b"x")]) };
        let read: serde_json::Value = serde_json::from_slice(&secret_body(&fixed, None).unwrap()).unwrap();
        assert_eq!(
            (&read["immutable"], &read["metadata"]["resourceVersion"]),
            (&true.into(), &serde_json::Value::Null)
        );
    }

    #[test]
    fn a_name_that_would_break_out_is_refused_before_anything_is_sent() {
        assert!(secret_body(&apply(&[("key\":\"\",\"x", b"1")]), None).is_err());
        assert!(secret_body(&apply(&[("key", b"1")]), Some("1\"")).is_err());
        for (namespace, name) in [("data", "a/b"), ("", "a"), ("data", "a?x=1"), ("data", "..")] {
            assert!(Asked::new("secrets", "Secret", namespace, name, MANAGER).is_err(), "{namespace}/{name}");
        }
    }

    #[test]
    fn refusals_are_told_apart_and_nothing_of_them_is_repeated() {
        let asked = Asked::new("secrets", "Secret", "data", "openbao-keys", MANAGER).unwrap();
        let said = |code: u16, message: &str| {
            let body = serde_json::json!({"kind": "Status", "message": message}).to_string();
            asked.refused(StatusCode::from_u16(code).unwrap(), body.as_bytes())
        };
        let denied = said(
            403,
            "secrets \"openbao-keys\" is forbidden: User \"anna\" cannot patch resource \"secrets\" in API group \"\"",
        );
        assert_eq!(denied.kind, TroubleKind::Denied);
        assert!(denied.next.contains(r#"resourceNames: ["openbao-keys"], verbs: ["create", "patch"]"#), "{denied}");
        assert!(denied.why.contains("anna"));
        for code in [400, 403, 409, 418, 422, 500] {
            let trouble = said(code, "admission webhook denied: value CANARY is known to be leaked");
            assert!(!trouble.to_string().contains("CANARY"), "{trouble}");
        }
        let fixed = said(422, "Secret \"x\" is invalid: data: Forbidden: field is immutable when `immutable` is set");
        assert!(fixed.why.contains("immutable") && fixed.next.contains("Delete it"), "{fixed}");
        assert_eq!(said(503, "").kind, TroubleKind::Unreachable);
        assert!(asked.refused(StatusCode::BAD_GATEWAY, b"<html>").what.contains("not known whether"));
    }
}
