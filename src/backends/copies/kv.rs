//! A copy in the KV engine of another vault, version 1 or 2. The token comes from a file, at each use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Client, Method, Url, redirect};
use secrecy::SecretString;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::place::Near;
use super::shelf::{Shelf, Version, Writing, label, revision};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::bao::http::token_header;
use crate::backends::keystore::format;

/// One request, its answer included.
const REQUEST: Duration = Duration::from_secs(7);
/// A keystore in base64 in JSON, and some more.
const LONGEST: usize = (format::LONGEST as usize) * 2;
const FIELD: &str = "keystore";

/// The vault whose keys are in the keystore: a KV engine in it is no second place.
#[async_trait]
pub trait Own: Send + Sync {
    /// Its addresses, as far as they are known.
    fn addresses(&self) -> Vec<String>;
    /// Its own cluster id; only an open one says it.
    async fn cluster_id(&self) -> Option<String>;
}

/// A path in a KV engine.
pub struct KvShelf {
    pub address: String,
    pub path: String,
    pub token_file: PathBuf,
    pub ca_file: Option<PathBuf>,
    pub own: Arc<dyn Own>,
    /// What the keystore's header says of the vault's cluster id.
    pub known_id: Option<String>,
}

/// Where the engine is mounted, and which version it is.
struct Engine {
    mount: String,
    path: String,
    second: bool,
}

impl Engine {
    fn data(&self, path: &str) -> String {
        if self.second { format!("{}/data/{path}", self.mount) } else { format!("{}/{path}", self.mount) }
    }
}

/// Addresses that a token may travel to in clear: only those that do not leave this machine.
pub fn parse(address: &str) -> Result<Url, Trouble> {
    let bad = |why: &str| {
        Trouble::local("the address of that vault cannot be used", why, "Write it like https://vault.example:8200")
    };
    // Not repeated: it may hold a password, which is what one of these refusals is about.
    let url = Url::parse(address.trim()).map_err(|_| bad("it is not a URL"))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if local => {}
        "http" => return Err(bad("the token would travel in clear: https is needed")),
        _ => return Err(bad("it starts neither with http:// nor with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it holds a user name or a password, which would be seen in process lists and logs"));
    }
    Ok(url)
}

impl KvShelf {
    fn client(&self, url: &Url) -> Result<Client, Trouble> {
        crate::backends::tls_provider();
        let mut client = Client::builder()
            .user_agent(concat!("baowatch/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .timeout(REQUEST);
        let unreadable = |path: &PathBuf, why: &str| {
            Trouble::local(
                &format!("the CA file {} cannot be used", path.display()),
                why,
                "Check the path and its content",
            )
        };
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path).map_err(|error| unreadable(path, &error.kind().to_string()))?;
            let found = Certificate::from_pem_bundle(&pem).map_err(|_| unreadable(path, "it is not PEM"))?;
            if found.is_empty() {
                return Err(unreadable(path, "there is no certificate in it"));
            }
            client = client.tls_certs_only(found);
        } else if url.scheme() == "http" {
            client = client.tls_certs_only([]);
        }
        client.build().map_err(|_| {
            Trouble::local("TLS cannot be set up", "no certificates of authorities can be loaded", "Give --vault-ca")
        })
    }

    fn token(&self) -> Result<SecretString, Trouble> {
        let text = std::fs::read_to_string(&self.token_file).map(Zeroizing::new).map_err(|error| {
            Trouble::local(
                &format!("the token file {} cannot be read", self.token_file.display()),
                &error.kind().to_string(),
                "Check the path and its permissions",
            )
        })?;
        Ok(SecretString::from(text.trim().to_owned()))
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<(u16, Value), Trouble> {
        let mut url = parse(&self.address)?;
        url.set_path(&format!("/v1/{path}"));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let header = token_header(&self.token()?).ok_or_else(|| {
            Trouble::local(
                &format!("{} holds no token", self.token_file.display()),
                "a token is one line of text",
                "Put one into it",
            )
        })?;
        let method = if method == "PUT" { Method::PUT } else { Method::GET };
        let mut request =
            self.client(&url)?.request(method, url).header("x-vault-request", "true").header("x-vault-token", header);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(bytes::Bytes::from_owner(body));
        }
        let silent = |error: reqwest::Error| {
            let why = if error.is_timeout() { "it took too long" } else { "the connection failed" };
            Trouble::unreachable(
                &format!("{} gives no answer", self.address),
                why,
                "Check the address, and --vault-ca where it speaks TLS",
            )
        };
        let mut reply = request.send().await.map_err(silent)?;
        let status = reply.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = reply.chunk().await.map_err(silent)? {
            if body.len() + chunk.len() > LONGEST {
                return Err(Trouble::new(
                    TroubleKind::Unusable,
                    &format!("the answer of {} is too long", self.address),
                    "",
                    "Look what lies at that path",
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// What an answer means that is not the one that was hoped for. What the server wrote is recognised, never repeated.
    fn refused(&self, status: u16, path: &str, capability: &str, body: &Value) -> Trouble {
        let what = format!("{} does not do this at {path}", self.address);
        let says = body["errors"].as_array().and_then(|list| list.first()).and_then(Value::as_str).unwrap_or_default();
        match status {
            403 => Trouble::denied(
                &what,
                "its token is not valid any more, or its policy does not allow it",
                &format!("Allow it in a policy there: path \"{path}\" {{ capabilities = [{capability}] }}"),
            ),
            400 if says.contains("check-and-set") => Trouble::new(
                TroubleKind::Refused,
                &format!("{path} in the vault {} was changed in this moment", self.address),
                "somebody else writes to it",
                "Ask for the plan anew; nothing was written",
            ),
            404 => Trouble::new(TroubleKind::Absent, &what, "there is no KV engine", "Check the mount and the path"),
            503 => Trouble::unreachable(&what, "it is sealed", "Unseal it"),
            300..=399 => Trouble::new(
                TroubleKind::Unusable,
                &what,
                "it redirects, which is not followed with a token",
                "Give the address of its active node",
            ),
            _ => Trouble::new(
                TroubleKind::Unusable,
                &what,
                &format!("it answers {status}"),
                "Look at that vault and at its log",
            ),
        }
    }

    async fn engine(&self) -> Result<Engine, Trouble> {
        let asked = format!("sys/internal/ui/mounts/{}", self.path);
        let (status, body) = self.call("GET", &asked, "", None).await?;
        if status != 200 {
            return Err(self.refused(status, &self.path, "\"create\", \"update\", \"read\"", &body));
        }
        let said = |pointer: &str| body.pointer(pointer).and_then(Value::as_str);
        let mount = said("/data/path").unwrap_or_default().trim_matches('/').to_owned();
        let path = self.path.strip_prefix(&format!("{mount}/")).map(|rest| rest.trim_matches('/').to_owned());
        match (said("/data/type"), path) {
            (Some("kv" | "generic"), Some(path)) if !path.is_empty() => {
                Ok(Engine { mount, path, second: said("/data/options/version") == Some("2") })
            }
            _ => Err(Trouble::new(
                TroubleKind::Unusable,
                &format!("{} is no path in a KV engine of {}", self.path, self.address),
                "",
                "Write it as MOUNT/PATH",
            )),
        }
    }

    /// The content of one path, and the number of its newest version.
    async fn get(&self, engine: &Engine, path: &str, query: &str) -> Result<(Option<Vec<u8>>, u64), Trouble> {
        let asked = engine.data(path);
        let (status, body) = self.call("GET", &asked, query, None).await?;
        let newest = body.pointer("/data/metadata/version").and_then(Value::as_u64).unwrap_or(0);
        match status {
            200 => {}
            404 => return Ok((None, newest)),
            _ => return Err(self.refused(status, &asked, "\"read\"", &body)),
        }
        let data = body.pointer(if engine.second { "/data/data" } else { "/data" });
        let Some(fields) = data.and_then(Value::as_object) else { return Ok((None, newest)) };
        let bytes = fields.get(FIELD).and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok());
        match bytes {
            Some(bytes) => Ok((Some(bytes), newest)),
            None => Err(Trouble::new(
                TroubleKind::Unusable,
                &format!("{} in the vault {} holds something else", self.path, self.address),
                "it has no field `keystore` in base64",
                "It is left as it is. Name another path for the copy",
            )),
        }
    }

    async fn put(&self, engine: &Engine, path: &str, bytes: &[u8], number: u64, over: u64) -> Result<(), Trouble> {
        let fields = json!({FIELD: STANDARD.encode(bytes), "revision": number});
        let body = if engine.second { json!({"options": {"cas": over}, "data": fields}) } else { fields };
        let asked = engine.data(path);
        let body = Zeroizing::new(body.to_string().into_bytes());
        let (status, answer) = self.call("PUT", &asked, "", Some(body)).await?;
        match status {
            200 | 204 => Ok(()),
            _ => Err(self.refused(status, &asked, "\"create\", \"update\", \"read\"", &answer)),
        }
    }

    /// Version 1 keeps no versions itself: they lie beside it.
    async fn beside(&self, engine: &Engine) -> Result<Vec<Version>, Trouble> {
        let (folder, name) = engine
            .path
            .rsplit_once('/')
            .map_or((String::new(), engine.path.as_str()), |(folder, name)| (format!("/{folder}"), name));
        let asked = format!("{}{folder}", engine.mount);
        let (status, body) = self.call("GET", &asked, "list=true", None).await?;
        match status {
            200 => {}
            404 => return Ok(Vec::new()),
            _ => return Err(self.refused(status, &asked, "\"list\"", &body)),
        }
        let names =
            body.pointer("/data/keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let mut all: Vec<Version> = names
            .filter_map(|other| other.strip_prefix(&format!("{name}.")).filter(|id| id.starts_with('v')))
            .filter_map(|id| {
                let number = revision(id.split('-').next()?)?;
                Some(Version { id: id.to_owned(), revision: Some(number), at: None })
            })
            .collect();
        all.sort_by(|one, other| (one.revision, &one.id).cmp(&(other.revision, &other.id)));
        Ok(all)
    }
}

#[async_trait]
impl Shelf for KvShelf {
    async fn read(&self) -> Result<Option<Vec<u8>>, Trouble> {
        let engine = self.engine().await?;
        Ok(self.get(&engine, &engine.path, "").await?.0)
    }

    async fn versions(&self) -> Result<Option<Vec<Version>>, Trouble> {
        let engine = self.engine().await?;
        if !engine.second {
            return self.beside(&engine).await.map(Some);
        }
        let asked = format!("{}/metadata/{}", engine.mount, engine.path);
        let (status, body) = self.call("GET", &asked, "", None).await?;
        match status {
            200 => {}
            404 => return Ok(Some(Vec::new())),
            _ => return Err(self.refused(status, &asked, "\"read\"", &body)),
        }
        let mut all: Vec<(u64, Version)> = body
            .pointer("/data/versions")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter(|(_, one)| {
                let kept = one.get("destroyed").and_then(Value::as_bool) == Some(false);
                kept && one.get("deletion_time").and_then(Value::as_str) == Some("")
            })
            .filter_map(|(id, one)| {
                let at = one.get("created_time").and_then(Value::as_str).and_then(|text| text.parse().ok());
                Some((id.parse().ok()?, Version { id: id.clone(), revision: None, at }))
            })
            .collect();
        all.sort_by_key(|(number, _)| *number);
        Ok(Some(all.into_iter().map(|(_, version)| version).collect()))
    }

    async fn version(&self, id: &str) -> Result<Option<Vec<u8>>, Trouble> {
        let engine = self.engine().await?;
        if engine.second {
            return match revision(id) {
                Some(number) => Ok(self.get(&engine, &engine.path, &format!("version={number}")).await?.0),
                None => Ok(None),
            };
        }
        let wanted = revision(id).map(label);
        let listed = self.beside(&engine).await?;
        match listed.into_iter().find(|one| one.id == id || Some(&one.id) == wanted.as_ref()) {
            Some(one) => Ok(self.get(&engine, &format!("{}.{}", engine.path, one.id), "").await?.0),
            None => Ok(None),
        }
    }

    async fn write(&self, writing: &Writing) -> Result<String, Trouble> {
        let engine = self.engine().await?;
        let (there, newest) = self.get(&engine, &engine.path, "").await?;
        if there.as_ref() != writing.old.as_ref().map(|(bytes, _)| bytes) {
            return Err(self.refused(400, &engine.data(&engine.path), "", &json!({"errors": ["check-and-set"]})));
        }
        let mut kept = "the engine keeps earlier versions itself".to_owned();
        if let (false, Some((old, number))) = (engine.second, &writing.old) {
            kept = self.keep(&engine, old, *number).await?;
        }
        self.put(&engine, &engine.path, &writing.bytes, writing.revision, newest).await?;
        Ok(kept)
    }

    async fn near(&self) -> Near {
        let theirs = self.address.trim_end_matches('/');
        if self.own.addresses().iter().any(|address| address.trim_end_matches('/').eq_ignore_ascii_case(theirs)) {
            return Near::Here("in the very vault whose keys it holds".to_owned());
        }
        let answer = self.call("GET", "sys/health", "standbyok=true", None).await;
        let other = answer.as_ref().ok().and_then(|(_, body)| body["cluster_id"].as_str()).map(str::to_owned);
        let ours = match self.own.cluster_id().await {
            Some(id) => Some(id),
            None => self.known_id.clone(),
        };
        match (ours, other) {
            (Some(ours), Some(other)) if ours == other => {
                Near::Here("in the very vault whose keys it holds".to_owned())
            }
            (Some(_), Some(_)) => Near::Elsewhere,
            (None, _) => Near::Unknown(
                "whether it is another vault cannot be told: this one's cluster id is not known".to_owned(),
            ),
            (_, None) => {
                Near::Unknown("whether it is another vault cannot be told: it does not say its cluster id".to_owned())
            }
        }
    }
}

impl KvShelf {
    async fn keep(&self, engine: &Engine, old: &[u8], number: u64) -> Result<String, Trouble> {
        for n in 1..100_u32 {
            let id = if n == 1 { label(number) } else { format!("{}-{n}", label(number)) };
            let path = format!("{}.{id}", engine.path);
            match self.get(engine, &path, "").await?.0 {
                Some(there) if there != old => {}
                Some(_) => return Ok(format!("the earlier one is {path}")),
                None => {
                    self.put(engine, &path, old, number, 0).await?;
                    // What was kept is read back before anything is written over the original.
                    if self.get(engine, &path, "").await?.0.as_deref() == Some(old) {
                        return Ok(format!("the earlier one is {path}"));
                    }
                    return Err(Trouble::new(
                        TroubleKind::Unusable,
                        &format!("{path} reads back differently"),
                        "",
                        "Nothing was overwritten",
                    ));
                }
            }
        }
        Err(Trouble::new(
            TroubleKind::Refused,
            "no more versions can be kept there",
            "",
            "Move the older ones away; nothing was written",
        ))
    }
}
