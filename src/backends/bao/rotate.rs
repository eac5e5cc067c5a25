//! A rotation of keys that is never carried out: its state, its beginning with verification, a share, its end.
//!
//! Two APIs do this: `sys/rotate/*` (OpenBao 2.4 and later, with a token, in an envelope) and `sys/rekey/*` (Vault and
//! older OpenBao, bare). Which one a server has is found by asking it. What either answers at the end holds new keys:
//! they have no field here, and the body that they came in is wiped.
//!
//! A rotation lives in the memory of the one server that it was begun at: nothing of it is handed on to the active
//! replica or known to the others, so all of it is asked of the same one. A namespace with a seal of its own (OpenBao 2.6)
//! has one too, behind the same path with the namespace's header, with the namespace's own threshold.

use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::error::{classify, errors, rubbish};
use super::estate_wire;
use super::read::BaoRead;
use super::transport::{Access, Method, Request, Response};
use super::wire::{flag, number, text};
use super::write::{BaoWrite, withheld};
use crate::app::model::estate::NamespaceSeen;
use crate::app::runbook::op::RotationOf;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keys::SecretShare;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `sys/rotate/root`, `sys/rotate/recovery`.
    Rotate,
    /// `sys/rekey`, `sys/rekey-recovery-key`.
    Rekey,
}

/// Where a rotation is asked for, and with whose authority.
#[derive(Clone)]
pub struct Door {
    /// Which API.
    pub api: Api,
    /// Of which key.
    pub of: RotationOf,
    /// With whose authority.
    pub access: Access,
}

impl Door {
    /// `/v1/sys/rotate/root`; `init` and `update` lie below it.
    pub const fn base(&self) -> &'static str {
        match (self.api, self.of) {
            (Api::Rotate, RotationOf::Root) => "/v1/sys/rotate/root",
            (Api::Rotate, RotationOf::Recovery) => "/v1/sys/rotate/recovery",
            (Api::Rekey, RotationOf::Root) => "/v1/sys/rekey",
            (Api::Rekey, RotationOf::Recovery) => "/v1/sys/rekey-recovery-key",
        }
    }

    fn init(&self) -> String {
        format!("{}/init", self.base())
    }

    fn update(&self) -> String {
        format!("{}/update", self.base())
    }

    /// What a person types to cancel what is open.
    pub fn cancelling(&self) -> String {
        let command = match self.api {
            Api::Rotate => "bao operator rotate-keys -cancel",
            Api::Rekey => "vault operator rekey -cancel",
        };
        let target = match self.of {
            RotationOf::Root => "",
            RotationOf::Recovery => " -target=recovery",
        };
        let namespace = self.access.namespace.as_ref().map_or_else(String::new, |name| format!(" -namespace={name}"));
        format!("`{command}{target}{namespace}` (or DELETE {})", self.init())
    }

    /// The lines of a policy that allow all that is asked here.
    pub fn policy(&self) -> String {
        let path = self.base().trim_start_matches("/v1/");
        format!("path \"{path}/*\" {{ capabilities = [\"create\", \"read\", \"update\", \"delete\"] }}")
    }
}

/// How a rotation stands. Without the new keys, whatever the server sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Attempt {
    #[serde(deserialize_with = "flag")]
    started: Option<bool>,
    #[serde(deserialize_with = "flag")]
    complete: Option<bool>,
    #[serde(deserialize_with = "text")]
    nonce: Option<String>,
    #[serde(deserialize_with = "number")]
    progress: Option<i64>,
    #[serde(deserialize_with = "number")]
    required: Option<i64>,
    #[serde(deserialize_with = "flag")]
    verification_required: Option<bool>,
}

impl Attempt {
    /// From a body, in an envelope or bare. The envelope is looked into first: a reader of both at once would keep a copy
    /// of everything in it, new keys too.
    fn read(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            #[serde(default)]
            data: Option<Attempt>,
        }
        let attempt = match serde_json::from_slice::<Envelope>(body).ok()?.data {
            Some(attempt) => attempt,
            None => serde_json::from_slice::<Self>(body).ok()?,
        };
        (attempt.started.is_some() || attempt.complete.is_some()).then_some(attempt)
    }

    /// Somebody's rotation is open.
    pub fn open(&self) -> bool {
        self.started == Some(true)
    }

    /// Its nonce; empty when none is open.
    pub fn nonce(&self) -> &str {
        self.nonce.as_deref().unwrap_or_default()
    }

    /// Shares given so far.
    pub fn progress(&self) -> u32 {
        self.progress.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }

    /// Shares needed.
    pub fn required(&self) -> u32 {
        self.required.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }

    /// The new keys count only after they were given back, which never happens here.
    pub fn verified_first(&self) -> bool {
        self.verification_required == Some(true)
    }
}

/// What the server said to a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// More are needed.
    Counted(u32),
    /// They are its key.
    Accepted,
    /// They are not.
    Refused,
}

impl BaoRead {
    /// How the rotation behind this door stands.
    pub async fn rotation(&self, replica: &str, door: &Door) -> Result<Attempt, Trouble> {
        let answer = self.knock(replica, door).await?;
        if answer.status == 200 {
            return Attempt::read(&answer.body).ok_or_else(|| rubbish(replica, &door.init(), &answer));
        }
        Err(shut(replica, door, &door.init(), &answer))
    }

    /// Finds out which API this server has, by asking. A policy may forbid the one that exists and say nothing of the one
    /// that does not, so a refusal of the first is not the last word.
    pub async fn rotation_door(&self, replica: &str, of: RotationOf, access: &Access) -> Result<Door, Trouble> {
        let door = |api| Door { api, of, access: access.clone() };
        let (rotate, rekey) = (door(Api::Rotate), door(Api::Rekey));
        let first = self.knock(replica, &rotate).await?;
        if first.status == 200 {
            return Ok(rotate);
        }
        if !matches!(first.status, 403..=405) {
            return Err(shut(replica, &rotate, &rotate.init(), &first));
        }
        let second = self.knock(replica, &rekey).await?;
        match (first.status, second.status) {
            (_, 200) => Ok(rekey),
            (403, _) => Err(shut(replica, &rotate, &rotate.init(), &first)),
            (_, 404 | 405) => Err(no_way(replica)),
            (_, _) => Err(shut(replica, &rekey, &rekey.init(), &second)),
        }
    }

    /// How a namespace's own seal stands, asked in the namespace around it; `None` where it has none, or is not there.
    pub async fn namespace_seal(
        &self,
        replica: &str,
        access: &Access,
        path: &str,
    ) -> Result<Option<NamespaceSeen>, Trouble> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let around = Some(parent.to_owned()).filter(|parent| !parent.is_empty());
        let asked = format!("/v1/sys/namespaces/{name}/seal-status");
        let access = Access { token: access.token.clone(), namespace: around };
        let request = Request { method: Method::Get, path: asked.clone(), body: None, access };
        let answer = self.0.send(replica, request).await?;
        match answer.status {
            200 => {
                let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
                let data = body.as_ref().map(|body| body.get("data").unwrap_or(body));
                data.and_then(|data| estate_wire::seal(path, data))
                    .map(Some)
                    .ok_or_else(|| rubbish(replica, &asked, &answer))
            }
            400 | 404 => Ok(None),
            _ => Err(classify(replica, &asked, &answer)),
        }
    }

    async fn knock(&self, replica: &str, door: &Door) -> Result<Response, Trouble> {
        let request = Request { method: Method::Get, path: door.init(), body: None, access: door.access.clone() };
        self.0.send(replica, request).await
    }
}

impl BaoWrite {
    /// Begins a rotation that would count only after its new keys were verified. That is written here and nowhere else: no
    /// caller can ask for one without.
    pub async fn begin_rotation(
        &self,
        replica: &str,
        door: &Door,
        shares: u32,
        threshold: u32,
    ) -> Result<Attempt, Trouble> {
        let body = json!({"secret_shares": shares, "secret_threshold": threshold, "require_verification": true});
        let path = door.init();
        let answer = self.ask(replica, door, Method::Put, &path, Some(body.to_string().into_bytes().into())).await?;
        match answer.status {
            200 => Attempt::read(&answer.body).ok_or_else(|| rubbish(replica, &path, &answer)),
            400 if says(&answer).contains("already in progress") => Err(Trouble::new(
                TroubleKind::Refused,
                "somebody else began a rotation of the keys in this moment",
                "one at a time is possible; it was not touched",
                "Ask who it is, and ask for the plan anew when it is over",
            )),
            400 if says(&answer).contains("verification not supported") => Err(Trouble::new(
                TroubleKind::Refused,
                &format!("{replica} cannot verify this rotation"),
                "its root key is kept by the seal: only its recovery keys can be proven; nothing was begun",
                "Prove the recovery keys",
            )),
            _ => Err(shut(replica, door, &path, &answer)),
        }
    }

    /// Gives one share to the attempt of this nonce. At the threshold the server says what they are.
    pub async fn give_to_rotation(
        &self,
        replica: &str,
        door: &Door,
        nonce: &str,
        share: &SecretShare,
    ) -> Result<Given, Trouble> {
        // Written by hand into one buffer of the right size, as a share for unsealing is; a nonce is the server's own text.
        let nonce = json!(nonce).to_string();
        let mut body = Zeroizing::new(Vec::with_capacity(share.text().len() + nonce.len() + 24));
        body.extend_from_slice(b"{\"key\":\"");
        body.extend_from_slice(share.text().as_bytes());
        body.extend_from_slice(b"\",\"nonce\":");
        body.extend_from_slice(nonce.as_bytes());
        body.extend_from_slice(b"}");
        let path = door.update();
        let answer = self.ask(replica, door, Method::Put, &path, Some(body)).await?;
        match answer.status {
            200 => {
                let attempt = Attempt::read(&answer.body).ok_or_else(|| rubbish(replica, &path, &answer))?;
                Ok(if attempt.complete == Some(true) { Given::Accepted } else { Given::Counted(attempt.progress()) })
            }
            400 | 500 => judged(replica, &answer),
            _ => Err(withheld(shut(replica, door, &path, &answer), share)),
        }
    }

    /// Cancels what is open. Newer Vaults want the nonce for that; OpenBao cancels whatever is open, so whoever calls this
    /// has looked whose it is right before.
    pub async fn cancel_rotation(&self, replica: &str, door: &Door, nonce: &str) -> Result<(), Trouble> {
        let path = door.init();
        let body = match door.api {
            Api::Rotate => None,
            Api::Rekey => Some(json!({"nonce": nonce}).to_string().into_bytes().into()),
        };
        let answer = self.ask(replica, door, Method::Delete, &path, body).await?;
        match answer.status {
            200 | 204 => Ok(()),
            _ => Err(shut(replica, door, &path, &answer)),
        }
    }

    async fn ask(
        &self,
        replica: &str,
        door: &Door,
        method: Method,
        path: &str,
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Response, Trouble> {
        let request = Request { method, path: path.to_owned(), body, access: door.access.clone() };
        self.0.send(replica, request).await
    }
}

/// The server's own sentence, to recognise and never to repeat.
fn says(answer: &Response) -> String {
    errors(&answer.body).and_then(|list| list.into_iter().next()).unwrap_or_default()
}

/// A refusal at the threshold: the keys are not this vault's, or the attempt is not ours any more.
fn judged(replica: &str, answer: &Response) -> Result<Given, Trouble> {
    let says = says(answer);
    let wrong = [
        "message authentication failed",
        "recovery key does not match",
        "failed to compute key",
        "failed to setup unseal key",
        "all parts must be the same length",
        "invalid key size",
    ];
    if wrong.iter().any(|part| says.contains(part)) {
        return Ok(Given::Refused);
    }
    let gone = ["incorrect nonce", "no rotation in progress", "no rekey in progress", "already finished"];
    if gone.iter().any(|part| says.contains(part)) {
        return Err(Trouble::new(
            TroubleKind::Refused,
            "the rotation that was begun is not open any more",
            &format!("somebody cancelled it, or another replica than {replica} became active"),
            "Ask who else works on the vault, then ask for the plan anew",
        ));
    }
    if says.contains("must be a valid hex or base64") {
        return Err(Trouble::new(
            TroubleKind::Refused,
            &format!("{replica} does not take this for a key"),
            "it is too short, or neither hex nor base64",
            "Look at the field that holds the key, or type the share again",
        ));
    }
    Err(Trouble::new(
        if answer.status == 500 { TroubleKind::Unusable } else { TroubleKind::Refused },
        &format!("{replica} refused the share"),
        "for a reason that is not among those known; its log has it",
        "Look at this replica's log, then ask for the plan anew",
    ))
}

/// A door that did not open; where the token is the reason, with the lines that a policy needs.
fn shut(replica: &str, door: &Door, path: &str, answer: &Response) -> Trouble {
    let trouble = classify(replica, path, answer);
    if trouble.kind != TroubleKind::Denied || errors(&answer.body).is_none() {
        return trouble;
    }
    Trouble { next: format!("Use a token that is alive and whose policy has: {}", door.policy()), ..trouble }
}

fn no_way(replica: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Refused,
        &format!("{replica} offers no way to prove keys while it is open"),
        "it has neither sys/rotate nor sys/rekey, or they are switched off",
        "Restart one standby while Baowatch watches it come back, or open a snapshot with the keys in isolation",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_are_read_and_new_keys_have_no_place() {
        let enveloped = br#"{"request_id":"x","data":{"n":3,"nonce":"N","progress":1,"required":2,"started":true,"t":2,
            "verification_nonce":"","verification_required":true},"auth":null}"#;
        let seen = Attempt::read(enveloped).unwrap();
        assert!(seen.open() && seen.verified_first());
        assert_eq!((seen.nonce(), seen.progress(), seen.required()), ("N", 1, 2));
        let bare = br#"{"nonce":"N","complete":true,"keys":["CANARY"],"verification_required":true}"#;
        let seen = Attempt::read(bare).unwrap();
        assert_eq!(seen.complete, Some(true));
        assert!(!format!("{seen:?}").contains("CANARY"));
        for body in ["", "{}", "[]", "<html>", r#"{"errors":["x"]}"#, r#"{"data":null}"#] {
            assert!(Attempt::read(body.as_bytes()).is_none(), "{body}");
        }
    }

    #[test]
    fn only_known_refusals_are_an_answer_about_the_keys() {
        let answer = |status, words: &str| Response {
            status,
            body: json!({"errors": [words]}).to_string().into_bytes(),
            truncated: false,
            location: None,
        };
        for words in [
            "failed to read root key: %!w(*vault.ErrInvalidKey=&{failed to decrypt keys from storage: cipher: message authentication failed})",
            "recovery key verification failed: recovery key does not match submitted values",
            "failed to compute key: %!w(*errors.errorString=&{all parts must be the same length})",
            "failed to setup unseal key: %!w(aes.KeySizeError=33)",
        ] {
            assert_eq!(judged("openbao-0", &answer(400, words)).unwrap(), Given::Refused, "{words}");
            assert_eq!(judged("openbao-0", &answer(500, words)).unwrap(), Given::Refused, "{words}");
        }
        for words in ["incorrect nonce supplied; nonce for rotation is \"CANARY\"", "CANARY", ""] {
            let trouble = judged("openbao-0", &answer(400, words)).unwrap_err();
            assert!(!trouble.to_string().contains("CANARY"), "{trouble}");
        }
    }
}
