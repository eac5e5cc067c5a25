//! Everything that is asked of a vault with a token, in one list of questions. None of them changes anything, and none
//! reads a secret's value.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::error::{classify, rubbish};
use super::token_wire::About;
use super::transport::{Access, Method, Request, Response, Transport};
use super::wire::Leader;
use crate::app::ports::Clock;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::feeds::roster::Roster;

/// One question. The namespace that a path lies in goes beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// `GET MOUNT/metadata/PATH`: KV version 2, without values.
    KvMetadata { mount: String, path: String },
    /// `LIST MOUNT/static-roles`.
    StaticRoles { mount: String },
    /// `GET MOUNT/static-roles/ROLE`: no password in it.
    StaticRole { mount: String, role: String },
    /// `LIST MOUNT/roles`: dynamic roles.
    DynamicRoles { mount: String },
    /// `LIST MOUNT/config`: connections.
    Connections { mount: String },
    /// `GET MOUNT/config/NAME`: the server leaves passwords out.
    Connection { mount: String, name: String },
    /// `GET sys/leases/count?type=irrevocable`.
    Irrevocable,
    /// `GET sys/leases?type=irrevocable`: their errors; needs sudo.
    IrrevocableLeases,
    /// `LIST sys/leases/lookup/PREFIX`; needs sudo.
    Leases { prefix: String },
    /// `PUT sys/leases/lookup`: a read, whatever its verb.
    Lease { id: String },
    /// `GET MOUNT/cert/ca`, `GET MOUNT/issuer/default/json`: a certificate, which is public.
    Issuer { mount: String },
    /// `LIST MOUNT/certs`.
    Certificates { mount: String },
    /// `GET auth/token/lookup-self`.
    LookupSelf,
    /// `PUT sys/capabilities-self`: a read, whatever its verb.
    Capabilities { paths: Vec<String> },
    /// `GET sys/auth/token/tune`: how long a token can last at most.
    TokenTune,
    /// `GET sys/storage/raft/configuration`.
    RaftConfiguration,
    /// `GET sys/storage/raft/autopilot/state`.
    Autopilot,
    /// `GET sys/storage/raft/autopilot/configuration`.
    AutopilotConfiguration,
    /// `GET sys/audit`.
    Audit,
    /// `GET sys/mounts`.
    Mounts,
    /// `GET sys/internal/ui/mounts`: those that the token may see, for any token.
    VisibleMounts,
    /// `GET sys/auth`.
    AuthMethods,
    /// `GET auth/MOUNT/config`.
    AuthConfig { mount: String },
    /// `GET auth/MOUNT/role/ROLE`.
    AuthRole { mount: String, role: String },
    /// `GET sys/policies/acl/NAME`.
    Policy { name: String },
    /// `LIST sys/namespaces`.
    Namespaces,
    /// `GET sys/namespaces/NAME/seal-status`.
    NamespaceSeal { name: String },
}

impl Question {
    /// Its path without `/v1/`, as a policy names it.
    pub fn path(&self) -> String {
        match self {
            Self::KvMetadata { mount, path } => format!("{mount}/metadata/{path}"),
            Self::StaticRoles { mount } => format!("{mount}/static-roles"),
            Self::StaticRole { mount, role } => format!("{mount}/static-roles/{role}"),
            Self::DynamicRoles { mount } => format!("{mount}/roles"),
            Self::Connections { mount } => format!("{mount}/config"),
            Self::Connection { mount, name } => format!("{mount}/config/{name}"),
            Self::Irrevocable => "sys/leases/count".to_owned(),
            Self::IrrevocableLeases => "sys/leases".to_owned(),
            Self::Leases { prefix } => format!("sys/leases/lookup/{prefix}"),
            Self::Lease { .. } => "sys/leases/lookup".to_owned(),
            Self::Issuer { mount } => format!("{mount}/issuer/default/json"),
            Self::Certificates { mount } => format!("{mount}/certs"),
            Self::LookupSelf => "auth/token/lookup-self".to_owned(),
            Self::Capabilities { .. } => "sys/capabilities-self".to_owned(),
            Self::TokenTune => "sys/auth/token/tune".to_owned(),
            Self::RaftConfiguration => "sys/storage/raft/configuration".to_owned(),
            Self::Autopilot => "sys/storage/raft/autopilot/state".to_owned(),
            Self::AutopilotConfiguration => "sys/storage/raft/autopilot/configuration".to_owned(),
            Self::Audit => "sys/audit".to_owned(),
            Self::Mounts => "sys/mounts".to_owned(),
            Self::VisibleMounts => "sys/internal/ui/mounts".to_owned(),
            Self::AuthMethods => "sys/auth".to_owned(),
            Self::AuthConfig { mount } => format!("auth/{mount}/config"),
            Self::AuthRole { mount, role } => format!("auth/{mount}/role/{role}"),
            Self::Policy { name } => format!("sys/policies/acl/{name}"),
            Self::Namespaces => "sys/namespaces".to_owned(),
            Self::NamespaceSeal { name } => format!("sys/namespaces/{name}/seal-status"),
        }
    }

    /// The capability that a policy must grant.
    pub const fn capability(&self) -> &'static str {
        match self.method() {
            Method::List => match self {
                Self::Leases { .. } => "list\", \"sudo",
                _ => "list",
            },
            Method::Put => "update",
            Method::Get | Method::Delete => match self {
                Self::Audit => "sudo",
                Self::IrrevocableLeases => "read\", \"sudo",
                _ => "read",
            },
        }
    }

    const fn method(&self) -> Method {
        match self {
            Self::StaticRoles { .. }
            | Self::DynamicRoles { .. }
            | Self::Connections { .. }
            | Self::Leases { .. }
            | Self::Certificates { .. }
            | Self::Namespaces => Method::List,
            Self::Lease { .. } | Self::Capabilities { .. } => Method::Put,
            Self::KvMetadata { .. }
            | Self::StaticRole { .. }
            | Self::Connection { .. }
            | Self::Irrevocable
            | Self::IrrevocableLeases
            | Self::Issuer { .. }
            | Self::LookupSelf
            | Self::TokenTune
            | Self::RaftConfiguration
            | Self::Autopilot
            | Self::AutopilotConfiguration
            | Self::Audit
            | Self::Mounts
            | Self::VisibleMounts
            | Self::AuthMethods
            | Self::AuthConfig { .. }
            | Self::AuthRole { .. }
            | Self::Policy { .. }
            | Self::NamespaceSeal { .. } => Method::Get,
        }
    }

    fn request(&self, access: Access) -> Request {
        let query = match self {
            Self::Irrevocable | Self::IrrevocableLeases => "?type=irrevocable",
            _ => "",
        };
        let body = match self {
            Self::Lease { id } => Some(json!({"lease_id": id})),
            Self::Capabilities { paths } => Some(json!({"paths": paths})),
            _ => None,
        };
        Request {
            method: self.method(),
            path: format!("/v1/{}{query}", self.path()),
            body: body.map(|body| body.to_string().into_bytes().into()),
            access,
        }
    }
}

/// Gives the token as it is now: a file may have been written anew.
pub type CurrentToken = dyn Fn() -> Option<SecretString> + Send + Sync;

/// Asks questions, of whichever replica answers them.
#[derive(Clone)]
pub struct Ask {
    transport: Arc<dyn Transport>,
    roster: Roster,
    token: Arc<CurrentToken>,
    /// The replica that answered last.
    good: Arc<Mutex<Option<String>>>,
    slowed: Arc<Slowed>,
}

/// How long nothing more is asked of a part of the vault that asked to slow down: it mostly does not say how long.
pub const PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// Which parts of the vault answered 429, and until when they are left alone. One for all who ask: a quota counts them
/// together.
struct Slowed {
    clock: Arc<dyn Clock>,
    until: Mutex<BTreeMap<String, Timestamp>>,
}

impl Slowed {
    /// A quota is on a mount, a namespace or all of it. What lies beside the part that answered may be free, and is asked
    /// once to find out.
    fn part(namespace: &str, path: &str) -> String {
        let steps = if path.starts_with("auth/") { 2 } else { 1 };
        let mount: Vec<&str> = path.split('/').take(steps).collect();
        format!("{namespace}/{}", mount.join("/"))
    }

    fn until(&self, part: &str) -> Option<Timestamp> {
        let now = self.clock.now();
        let mut all = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back does not make a minute longer.
        all.retain(|_, until| *until > now && *until <= now.saturating_add(PAUSE).unwrap_or(Timestamp::MAX));
        all.get(part).copied()
    }

    fn hold(&self, part: String) {
        let until = self.clock.now().saturating_add(PAUSE).unwrap_or(Timestamp::MAX);
        self.until.lock().unwrap_or_else(PoisonError::into_inner).insert(part, until);
    }
}

impl Ask {
    /// Through these replicas, with this token.
    pub fn new(transport: Arc<dyn Transport>, roster: Roster, token: Arc<CurrentToken>, clock: Arc<dyn Clock>) -> Self {
        Self {
            transport,
            roster,
            token,
            good: Arc::default(),
            slowed: Arc::new(Slowed { clock, until: Mutex::default() }),
        }
    }

    /// With another token than our own: of a file that the configuration lists, of the keys Secret.
    #[must_use]
    pub fn with_token(&self, token: Arc<CurrentToken>) -> Self {
        Self { token, ..self.clone() }
    }

    /// The token as it is now.
    pub fn current(&self) -> Option<SecretString> {
        (self.token)()
    }

    /// Whether there is a token to ask with.
    pub fn has_token(&self) -> bool {
        (self.token)().is_some()
    }

    /// What stands in a pane whose questions need a token, where none was given.
    pub fn no_token() -> Trouble {
        Trouble::new(
            TroubleKind::Absent,
            "No token was given for this vault",
            "what only a token may see stays unseen",
            "Name one with vault.tokenFile in the configuration; a policy that may only read is enough",
        )
    }

    /// The replicas that can be asked, in order.
    pub fn members(&self) -> Vec<String> {
        self.roster.now().members.unwrap_or_default()
    }

    /// What one replica itself says of the leader and of its own log; nobody needs a token for that.
    pub async fn leader(&self, replica: &str) -> Result<Leader, Trouble> {
        let path = "/v1/sys/leader";
        let request = Request { method: Method::Get, path: path.to_owned(), body: None, access: Access::none() };
        let answer = self.transport.send(replica, request).await?;
        if answer.status != 200 {
            return Err(classify(replica, path, &answer));
        }
        Leader::read(&answer.body).ok_or_else(|| rubbish(replica, path, &answer))
    }

    /// The answer's JSON; `None` for a plain 404, which says that nothing is there. `data` where there is an envelope.
    pub async fn ask(&self, namespace: &str, question: &Question) -> Result<Option<Value>, Trouble> {
        let answer = self.answer(namespace, question).await?;
        Self::told(namespace, question, &answer)
    }

    /// What an answer says: as [`Self::ask`], for who has looked at the whole of it.
    pub fn told(namespace: &str, question: &Question, answer: &Response) -> Result<Option<Value>, Trouble> {
        let path = format!("/v1/{}", question.path());
        match answer.status {
            200 => {
                let body: Value =
                    serde_json::from_slice(&answer.body).map_err(|_| rubbish("the vault", &path, answer))?;
                Ok(Some(body.get("data").filter(|data| !data.is_null()).cloned().unwrap_or(body)))
            }
            204 => Ok(Some(Value::Null)),
            404 => Ok(None),
            403 => Err(denied(namespace, question, answer)),
            429 => Err(slower(&path)),
            _ => Err(classify("the vault", &path, answer)),
        }
    }

    /// The whole answer, for who must tell its statuses apart.
    pub async fn answer(&self, namespace: &str, question: &Question) -> Result<Response, Trouble> {
        self.carry(namespace, &question.path(), |access| question.request(access)).await
    }

    /// What this token is told about another one. That one is in the body, and nothing of it is spent.
    pub async fn about(&self, namespace: &str, about: About<'_>) -> Result<Response, Trouble> {
        self.carry(namespace, about.path(), |access| about.request(access)).await
    }

    async fn carry(
        &self,
        namespace: &str,
        path: &str,
        request: impl Fn(Access) -> Request + Send,
    ) -> Result<Response, Trouble> {
        let token = (self.token)().ok_or_else(Self::no_token)?;
        let part = Slowed::part(namespace, path);
        if self.slowed.until(&part).is_some() {
            return Err(slower(&format!("/v1/{path}")));
        }
        let access =
            Access { token: Some(token), namespace: Some(namespace.to_owned()).filter(|name| !name.is_empty()) };
        let mut members = self.roster.now().members.unwrap_or_default();
        let good = self.good.lock().unwrap_or_else(PoisonError::into_inner).clone();
        members.sort_by_key(|member| Some(member) != good.as_ref());
        let mut last = None;
        for member in members {
            match self.transport.send(&member, request(access.clone())).await {
                // Sealed, or without an active node: another one may know.
                Ok(answer) if matches!(answer.status, 500..=599) => {
                    last = Some(Err(classify(&member, &format!("/v1/{path}"), &answer)));
                }
                Ok(answer) => {
                    if answer.status == 429 {
                        self.slowed.hold(part);
                    }
                    *self.good.lock().unwrap_or_else(PoisonError::into_inner) = Some(member);
                    return Ok(answer);
                }
                Err(trouble) => last = Some(Err(trouble)),
            }
        }
        last.unwrap_or_else(|| {
            Err(Trouble::unreachable("No replica is known yet", "", "See what the workload and pods feeds say"))
        })
    }
}

/// What [`Ask`] says of a question that the vault answered with 429, or would have: see [`asked_to_slow_down`].
fn slower(path: &str) -> Trouble {
    Trouble::new(
        TroubleKind::Refused,
        &format!("{path} is asked too often"),
        SLOWER,
        "It is asked again after a minute, by itself; or raise the quota: sys/quotas/rate-limit",
    )
}

const SLOWER: &str = "the vault answers 429: a rate limit quota";

/// Whether this is what became of a question that came too early.
pub fn asked_to_slow_down(trouble: &Trouble) -> bool {
    trouble.kind == TroubleKind::Refused && trouble.why == SLOWER
}

/// A 403, told by its body: a token that is dead, or one that is alive and may not.
fn denied(namespace: &str, question: &Question, answer: &Response) -> Trouble {
    let path = question.path();
    let place = if namespace.is_empty() { String::new() } else { format!(" in namespace {namespace}") };
    let alive = std::str::from_utf8(&answer.body).is_ok_and(|body| body.contains("1 error occurred"));
    if alive {
        let line = format!("path \"{path}\" {{ capabilities = [\"{}\"] }}", question.capability());
        Trouble::denied(
            &format!("{path}{place} may not be read"),
            "the policies of the token do not allow it",
            &format!("Allow it in a policy of the token: {line}"),
        )
    } else {
        Trouble::denied(
            &format!("{path}{place} may not be read"),
            "the vault does not accept the token: it is expired, revoked or of another vault",
            "Write a new token into the file that vault.tokenFile names",
        )
    }
}
