//! The real transport: HTTP to each replica by its own address or through its own tunnel, bounded in time and size.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Certificate, Client, Url, redirect};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

use super::bridge::{Bridge, Folder, Patience, Straight};
pub use super::bridge::{Dial, TunnelIo};
use super::fault;
use super::transport::{Access, LONGEST_BODY, Method, Request, Response, Transport};
use crate::app::trouble::Trouble;

/// The verb that lists; `GET` with `?list=true` means the same, and this says it better in an audit log.
static LIST: std::sync::LazyLock<reqwest::Method> =
    std::sync::LazyLock::new(|| reqwest::Method::from_bytes(b"LIST").unwrap_or(reqwest::Method::GET));

/// For an answer whose length is not said; most are far shorter.
const ROOM: usize = 8 * 1024;

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For a tunnel to open.
    pub dial: Duration,
    /// For a connection including its TLS handshake; longer than `dial`, which is a part of it.
    pub connect: Duration,
    /// For the whole request.
    pub request: Duration,
    /// After this long without a byte a tunnel is closed.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            dial: Duration::from_secs(3),
            connect: Duration::from_millis(3_500),
            request: Duration::from_secs(4),
            idle: Duration::from_secs(30),
        }
    }
}

/// How replicas are spoken to; the same for all of one vault.
#[derive(Debug, Clone, Default)]
pub struct HttpOptions {
    /// PEM of the authorities to trust instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// The name that the certificate must have, instead of the address's host.
    pub server_name: Option<String>,
    /// Danger: any certificate will do. Only where the configuration says so in as many words.
    pub insecure: bool,
    /// Go through the proxies that the environment names. Off by default: a share is nothing for a proxy.
    pub environment_proxy: bool,
    pub limits: Limits,
}

/// How one replica is reached.
#[derive(Clone)]
pub enum Route {
    /// By its own address.
    Address(Url),
    /// Through a stream that `dial` opens. The URL gives scheme, `Host` and the name that the certificate must have.
    Tunnel { url: Url, dial: Arc<dyn Dial> },
}

impl Route {
    /// By an address like `https://bao-0.example:8200`.
    pub fn address(address: &str) -> Result<Self, Trouble> {
        Ok(Self::Address(parse(address)?))
    }

    /// Through a tunnel; `address` is what the replica would be called if there were none.
    pub fn tunnel(address: &str, dial: Arc<dyn Dial>) -> Result<Self, Trouble> {
        Ok(Self::Tunnel { url: parse(address)?, dial })
    }
}

fn parse(address: &str) -> Result<Url, Trouble> {
    let bad = |why: &str| Trouble::local("the vault's address cannot be used", why, "Write it like https://bao-0:8200");
    // The text itself is not repeated: it may hold a password, which is what one of these refusals is about.
    let mut url = Url::parse(address.trim()).map_err(|_| bad("it is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("it starts neither with http:// nor with https://"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it holds a user name or a password, which would be seen in process lists and logs"));
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// A route for a replica that nobody registered, e.g. a pod that the StatefulSet has just added.
pub type Otherwise = dyn Fn(&str) -> Result<Route, Trouble> + Send + Sync;

/// Speaks HTTP to replicas. One client a replica: a connection never serves two of them.
pub struct HttpTransport {
    options: HttpOptions,
    authorities: Option<Vec<Certificate>>,
    otherwise: Option<Box<Otherwise>>,
    lines: Mutex<BTreeMap<String, Entry>>,
    folder: OnceLock<Arc<Folder>>,
    sockets: AtomicU64,
    tasks: TaskTracker,
}

enum Entry {
    Route(Route),
    Line(Arc<Line>),
}

/// One replica's client. Dropping it closes its tunnels.
struct Line {
    client: Client,
    base: Url,
    bridge: Option<Bridge>,
}

impl HttpTransport {
    /// Reads the authorities at once, so that a bad file is told before anything is asked.
    pub fn new(options: HttpOptions, tasks: TaskTracker) -> Result<Self, Trouble> {
        // Without a process-wide provider the client panics; whoever comes second gets an error that means nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authorities = options.ca.as_deref().map(authorities).transpose()?;
        Ok(Self {
            options,
            authorities,
            otherwise: None,
            lines: Mutex::default(),
            folder: OnceLock::new(),
            sockets: AtomicU64::new(0),
            tasks,
        })
    }

    /// Finds routes for replicas that were not registered.
    #[must_use]
    pub fn otherwise(mut self, find: Box<Otherwise>) -> Self {
        self.otherwise = Some(find);
        self
    }

    /// Sets how a replica is reached; an earlier route's connections are closed.
    pub fn route(&self, replica: &str, route: Route) {
        self.lines().insert(replica.to_owned(), Entry::Route(route));
    }

    /// Closes everything to a replica that is no longer expected.
    pub fn forget(&self, replica: &str) {
        self.lines().remove(replica);
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        // Every change is one insertion or removal: nothing can be half done.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, replica: &str) -> Result<Arc<Line>, Trouble> {
        let mut lines = self.lines();
        let route = match lines.get(replica) {
            Some(Entry::Line(line)) => return Ok(Arc::clone(line)),
            Some(Entry::Route(route)) => route.clone(),
            None => match &self.otherwise {
                Some(find) => find(replica)?,
                None => {
                    return Err(Trouble::local(
                        &format!("there is no way to {replica}"),
                        "neither a tunnel nor an address of it is known",
                        "List it under vault.members, or choose the right cluster",
                    ));
                }
            },
        };
        let line = Arc::new(self.build(replica, route)?);
        lines.insert(replica.to_owned(), Entry::Line(Arc::clone(&line)));
        Ok(line)
    }

    fn build(&self, replica: &str, route: Route) -> Result<Line, Trouble> {
        let limits = self.options.limits;
        let (url, dial) = match route {
            Route::Tunnel { url, dial } => (url, Some(dial)),
            Route::Address(url) => {
                // The client verifies the name in the URL: to verify another one, that goes into the URL and the
                // connection is made to the address by hand.
                let other = self.options.server_name.as_ref().filter(|_| url.scheme() == "https");
                let dial = other.map(|_| -> Arc<dyn Dial> {
                    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
                    Arc::new(Straight { host, port: url.port_or_known_default().unwrap_or(8200) })
                });
                (url, dial)
            }
        };
        let base = self.named(url)?;
        let bridge = dial.map(|dial| self.bridge(replica, dial)).transpose()?;

        let mut client = Client::builder()
            .user_agent(concat!("baowatch/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .http1_only()
            .connect_timeout(limits.connect)
            .timeout(limits.request)
            // One connection that lives from look to look; given up well before the tunnel is closed for idleness.
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(limits.idle / 2);
        if !self.options.environment_proxy {
            client = client.no_proxy();
        }
        if base.scheme() == "http" {
            // No trust store is needed, and minimal images have none to load.
            client = client.tls_certs_only([]);
        } else if self.options.insecure {
            client = client.tls_danger_accept_invalid_certs(true);
        } else if let Some(authorities) = &self.authorities {
            client = client.tls_certs_only(authorities.iter().cloned());
        }
        if let Some(bridge) = &bridge {
            client = client.unix_socket(bridge.path());
        }
        let client = client.build().map_err(|_| {
            Trouble::local(
                "TLS cannot be set up",
                "this machine has no certificates of authorities that can be loaded",
                "Set vault.caFile to the CA that signed the vault's certificate",
            )
        })?;
        Ok(Line { client, base, bridge })
    }

    fn named(&self, mut url: Url) -> Result<Url, Trouble> {
        if let Some(name) = self.options.server_name.as_deref().filter(|_| url.scheme() == "https") {
            url.set_host(Some(name)).map_err(|_| {
                Trouble::local(
                    "vault.serverName cannot be used",
                    "it is not a host name",
                    "Write it like openbao.data.svc",
                )
            })?;
        }
        Ok(url)
    }

    fn bridge(&self, replica: &str, dial: Arc<dyn Dial>) -> Result<Bridge, Trouble> {
        let folder = if let Some(folder) = self.folder.get() {
            Arc::clone(folder)
        } else {
            let made = Arc::new(Folder::new()?);
            Arc::clone(self.folder.get_or_init(|| made))
        };
        let limits = self.options.limits;
        let patience = Patience { dial: limits.dial, idle: limits.idle };
        let number = self.sockets.fetch_add(1, Ordering::Relaxed);
        Bridge::open(replica, number, folder, dial, patience, &self.tasks)
    }
}

/// Refuses what holds no certificate: the client would take it for an empty list and trust nobody, or everybody's.
fn authorities(pem: &[u8]) -> Result<Vec<Certificate>, Trouble> {
    let found = Certificate::from_pem_bundle(pem).map_err(|_| fault::bad_ca("it is cut off or not PEM"))?;
    if found.is_empty() { Err(fault::bad_ca("there is no certificate in it")) } else { Ok(found) }
}

/// A token as a header: never shown by `Debug`, never put into a compression table.
pub fn token_header(token: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(token.expose_secret().trim()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What goes with a request to say who asks and where. A token that cannot be a header is said before anything is sent.
fn headers(access: &Access) -> Result<HeaderMap, Trouble> {
    let mut headers = HeaderMap::new();
    if let Some(token) = &access.token {
        let value = token_header(token).ok_or_else(|| {
            Trouble::local(
                "the token cannot be sent",
                "it holds characters that no token has",
                "Look at the file or the field that it was read from",
            )
        })?;
        headers.insert("x-vault-token", value);
    }
    if let Some(namespace) = &access.namespace {
        let value = HeaderValue::from_str(namespace).map_err(|_| {
            Trouble::local(
                "the namespace cannot be sent",
                "it holds characters that no namespace has",
                "Check its name",
            )
        })?;
        headers.insert("x-vault-namespace", value);
    }
    Ok(headers)
}

impl Line {
    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = url.path().trim_end_matches('/').to_owned();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{prefix}{path}"));
        url.set_query(query);
        url
    }

    async fn exchange(&self, url: Url, headers: HeaderMap, request: Request) -> Result<Response, reqwest::Error> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Put => reqwest::Method::PUT,
            Method::Delete => reqwest::Method::DELETE,
            Method::List => LIST.clone(),
        };
        let mut builder = self.client.request(method, url).headers(headers).header("x-vault-request", "true");
        if let Some(body) = request.body {
            // Our buffer is lent to the client and wiped when it lets go of it. What the client and TLS copy on the way
            // (a write buffer, a record) cannot be wiped from here; it is freed when the connection closes.
            builder = builder.header(CONTENT_TYPE, "application/json").body(Bytes::from_owner(body));
        }
        let mut reply = builder.send().await?;
        let status = reply.status().as_u16();
        let location =
            reply.headers().get(LOCATION).and_then(|to| to.to_str().ok()).map(|to| to.chars().take(2_000).collect());
        // The chunks are the client's own and cannot be wiped from here; what they are gathered in can.
        let expected = reply.content_length().map_or(ROOM, |len| usize::try_from(len).unwrap_or(LONGEST_BODY));
        let mut body = Zeroizing::new(Vec::with_capacity(expected.min(LONGEST_BODY)));
        let mut truncated = false;
        while let Some(chunk) = reply.chunk().await? {
            let room = LONGEST_BODY - body.len();
            append(&mut body, chunk.get(..room.min(chunk.len())).unwrap_or_default());
            if chunk.len() > room {
                truncated = true;
                break;
            }
        }
        Ok(Response { status, body: std::mem::take(&mut body), truncated, location })
    }
}

/// Grows by hand: a vector that grows by itself leaves its old bytes behind unwiped.
fn append(body: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = body.len() + bytes.len();
    if needed > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(body.capacity() * 2)));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(bytes);
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, replica: &str, request: Request) -> Result<Response, Trouble> {
        let line = self.line(replica)?;
        let url = line.url(&request.path);
        let headers = headers(&request.access)?;
        line.exchange(url.clone(), headers, request).await.map_err(|error| {
            // A tunnel that did not open is the reason for whatever the client then saw, a closed connection mostly.
            let dial = line.bridge.as_ref().and_then(Bridge::trouble);
            dial.unwrap_or_else(|| fault::of(replica, &url, line.bridge.is_some(), &error))
        })
    }
}
