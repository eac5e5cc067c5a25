//! The HTTP transport against real sockets: TLS with every wrong setting, tunnels, redirects, floods, rubbish.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that breaks should stop there"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use baowatch::app::id::SlotId;
use baowatch::app::runbook::op::{Op, Outcome, ShareRef};
use baowatch::app::runtime::slots::Slots;
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::bao::http::{Dial, HttpOptions, HttpTransport, Limits, Route, TunnelIo, token_header};
use baowatch::backends::bao::read::BaoRead;
use baowatch::backends::bao::transport::{Access, LONGEST_BODY, Method, Request, Transport};
use baowatch::backends::hands::{Gear, Tools, perform};
use baowatch::backends::keys::{FieldNames, Salt};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

const STATUS: &str =
    r#"{"type":"shamir","initialized":true,"sealed":true,"t":2,"n":3,"progress":1,"nonce":"n","version":"2.7.2"}"#;

/// A server with one canned answer, kept alive between requests.
struct Server {
    at: SocketAddr,
    connections: Arc<AtomicUsize>,
}

fn reply(status: u16, headers: &str, body: &str) -> Arc<Vec<u8>> {
    Arc::new(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes())
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, reply: Arc<Vec<u8>>) {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        heard.extend_from_slice(&buffer[..n]);
        if heard.windows(4).any(|four| four == b"\r\n\r\n") {
            heard.clear();
            if stream.write_all(&reply).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    }
}

async fn serve(tasks: &TaskTracker, tls: Option<TlsAcceptor>, reply: Arc<Vec<u8>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let (counted, spawner) = (Arc::clone(&connections), tasks.clone());
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let (tls, reply) = (tls.clone(), Arc::clone(&reply));
            spawner.spawn(async move {
                match tls {
                    None => answer(stream, reply).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            answer(stream, reply).await;
                        }
                    }
                }
            });
        }
    });
    Server { at, connections }
}

/// A CA in PEM, and a server certificate of it for these names.
fn certificates(names: &[&str]) -> (Vec<u8>, TlsAcceptor) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(names).unwrap().signed_by(&leaf_key, &issuer).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], private)
        .unwrap();
    (ca.pem().into_bytes(), TlsAcceptor::from(Arc::new(config)))
}

/// For what must time out; everything else is given time enough for a machine that is busy.
fn quick() -> Limits {
    Limits {
        dial: Duration::from_millis(500),
        connect: Duration::from_secs(1),
        request: Duration::from_millis(1_500),
        idle: Duration::from_mins(1),
    }
}

fn patient() -> Limits {
    let long = Duration::from_mins(1);
    Limits { dial: long, connect: long, request: long, idle: long }
}

fn transport(tasks: &TaskTracker, options: HttpOptions) -> HttpTransport {
    HttpTransport::new(options, tasks.clone()).unwrap()
}

fn trusting(ca: &[u8]) -> HttpOptions {
    HttpOptions { ca: Some(ca.to_vec()), limits: patient(), ..HttpOptions::default() }
}

fn get() -> Request {
    Request { method: Method::Get, path: "/v1/sys/seal-status".into(), body: None, access: Access::none() }
}

async fn fails(transport: &HttpTransport, replica: &str) -> Trouble {
    transport.send(replica, get()).await.map(|answer| answer.status).expect_err("must not succeed")
}

fn address(scheme: &str, server: &Server) -> Route {
    Route::address(&format!("{scheme}://{}", server.at)).unwrap()
}

/// Opens streams to a server, as a port-forward would.
struct To(SocketAddr);

#[async_trait]
impl Dial for To {
    async fn dial(&self, _replica: &str) -> Result<Box<dyn TunnelIo>, Trouble> {
        Ok(Box::new(TcpStream::connect(self.0).await.unwrap()))
    }
}

/// An API server that says no.
struct Forbidden;

#[async_trait]
impl Dial for Forbidden {
    async fn dial(&self, replica: &str) -> Result<Box<dyn TunnelIo>, Trouble> {
        Err(Trouble::denied(&format!("no tunnel to {replica}"), "forbidden", "create pods/portforward in data"))
    }
}

/// A tunnel that opens and then says that the port is of no use, as a port-forward does.
struct Broken;

#[async_trait]
impl Dial for Broken {
    async fn dial(&self, _replica: &str) -> Result<Box<dyn TunnelIo>, Trouble> {
        let (near, far) = tokio::io::duplex(64);
        drop(far);
        let words = "error forwarding port 8200: connection refused";
        Ok(Box::new(Breaks(near, words)))
    }
}

struct Breaks(tokio::io::DuplexStream, &'static str);

impl AsyncRead for Breaks {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, self.1)))
    }
}

impl AsyncWrite for Breaks {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let this = &mut self.0;
        std::pin::Pin::new(this).poll_write(cx, bytes).map_err(|_| std::io::Error::other("also broken: refused"))
    }
    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

/// A tunnel that never opens.
struct Asleep;

#[async_trait]
impl Dial for Asleep {
    async fn dial(&self, _replica: &str) -> Result<Box<dyn TunnelIo>, Trouble> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn plain_http_by_address_keeps_one_connection() {
    let tasks = TaskTracker::new();
    let server = serve(&tasks, None, reply(200, "", STATUS)).await;
    let transport = transport(&tasks, HttpOptions { limits: patient(), ..HttpOptions::default() });
    transport.route("bao-0", address("http", &server));
    let read = BaoRead::new(Arc::new(transport));
    for _ in 0..3 {
        let status = read.seal_status("bao-0").await.unwrap();
        assert_eq!((status.threshold(), status.shares_given()), (2, 1));
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn tls_in_a_tunnel_is_verified_against_ca_and_name() {
    let tasks = TaskTracker::new();
    let (ca, tls) = certificates(&["openbao.data.svc", "127.0.0.1"]);
    let (other_ca, _) = certificates(&["openbao.data.svc"]);
    let server = serve(&tasks, Some(tls), reply(200, "", STATUS)).await;
    let dial: Arc<dyn Dial> = Arc::new(To(server.at));
    let tunnel = |host: &str| Route::tunnel(&format!("https://{host}:8200"), Arc::clone(&dial)).unwrap();

    let right = transport(&tasks, trusting(&ca));
    right.route("bao-0", tunnel("openbao.data.svc"));
    assert_eq!(right.send("bao-0", get()).await.unwrap().body, STATUS.as_bytes());
    assert_eq!(right.send("bao-0", get()).await.unwrap().status, 200);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1, "a tunnel serves more than one request");

    right.route("bao-1", tunnel("openbao-1.openbao-internal"));
    let trouble = fails(&right, "bao-1").await;
    assert_eq!(trouble.kind, TroubleKind::Unusable);
    assert!(trouble.what.contains("not for the name openbao-1.openbao-internal"), "{trouble}");
    assert!(trouble.why.contains("openbao.data.svc") && trouble.next.contains("vault.serverName"), "{trouble}");

    let named = HttpOptions { server_name: Some("openbao.data.svc".into()), ..trusting(&ca) };
    let named = transport(&tasks, named);
    named.route("bao-1", tunnel("openbao-1.openbao-internal"));
    assert_eq!(named.send("bao-1", get()).await.unwrap().status, 200);
    // An address with a name of its own is reached as written and verified as configured.
    named.route("bao-2", Route::address(&format!("https://localhost:{}", server.at.port())).unwrap());
    assert_eq!(named.send("bao-2", get()).await.unwrap().status, 200);

    let wrong = transport(&tasks, trusting(&other_ca));
    wrong.route("bao-0", tunnel("openbao.data.svc"));
    let trouble = fails(&wrong, "bao-0").await;
    assert_eq!(trouble.kind, TroubleKind::Unusable);
    assert!(trouble.what.contains("not trusted") && trouble.next.contains("vault.caFile"), "{trouble}");

    let blind = transport(&tasks, HttpOptions { insecure: true, limits: patient(), ..HttpOptions::default() });
    blind.route("bao-0", tunnel("whatever"));
    assert_eq!(blind.send("bao-0", get()).await.unwrap().status, 200);
}

#[tokio::test]
async fn tls_by_address_checks_the_address() {
    let tasks = TaskTracker::new();
    let (ca, tls) = certificates(&["127.0.0.1"]);
    let server = serve(&tasks, Some(tls), reply(200, "", STATUS)).await;
    let transport = transport(&tasks, trusting(&ca));
    transport.route("bao-0", address("https", &server));
    assert_eq!(transport.send("bao-0", get()).await.unwrap().status, 200);
    transport.route("bao-0", Route::address(&format!("https://localhost:{}", server.at.port())).unwrap());
    let trouble = fails(&transport, "bao-0").await;
    assert!(trouble.what.contains("not for the name localhost"), "{trouble}");
    transport.route("bao-0", address("http", &server));
    let trouble = fails(&transport, "bao-0").await;
    assert!(trouble.to_string().contains("https://") || trouble.to_string().contains("TLS"), "{trouble}");
}

#[tokio::test]
async fn https_to_plain_http_says_so() {
    let tasks = TaskTracker::new();
    let (ca, _) = certificates(&["x"]);
    let page = reply(400, "", "not for you");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 64];
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(&page).await;
        }
    });
    let transport = transport(&tasks, trusting(&ca));
    transport.route("bao-0", Route::address(&format!("https://{at}")).unwrap());
    let trouble = fails(&transport, "bao-0").await;
    assert_eq!(trouble.kind, TroubleKind::Unusable);
    assert!(trouble.what.contains("does not speak TLS"), "{trouble}");
}

#[tokio::test]
async fn a_dial_that_fails_is_told_in_its_own_words() {
    let tasks = TaskTracker::new();
    let transport = transport(&tasks, HttpOptions { limits: quick(), ..HttpOptions::default() });
    transport.route("bao-0", Route::tunnel("http://bao-0:8200", Arc::new(Forbidden)).unwrap());
    let trouble = fails(&transport, "bao-0").await;
    assert_eq!(trouble.kind, TroubleKind::Denied);
    assert_eq!(trouble.next, "create pods/portforward in data");
    transport.route("bao-1", Route::tunnel("http://bao-1:8200", Arc::new(Asleep)).unwrap());
    let trouble = fails(&transport, "bao-1").await;
    assert_eq!(trouble.kind, TroubleKind::Unreachable);
    assert!(trouble.what.contains("no tunnel to bao-1"), "{trouble}");
    transport.route("bao-2", Route::tunnel("http://bao-2:8200", Arc::new(Broken)).unwrap());
    let trouble = fails(&transport, "bao-2").await;
    assert!(trouble.what.contains("tunnel to bao-2 broke") && trouble.why.contains("refused"), "{trouble}");
    // Once the way is open again, the old trouble is forgotten.
    let server = serve(&tasks, None, reply(200, "", STATUS)).await;
    transport.route("bao-0", Route::tunnel("http://bao-0:8200", Arc::new(To(server.at))).unwrap());
    assert_eq!(transport.send("bao-0", get()).await.unwrap().status, 200);
}

#[tokio::test]
async fn nobody_there_and_nobody_answering() {
    let tasks = TaskTracker::new();
    let transport = transport(&tasks, HttpOptions { limits: quick(), ..HttpOptions::default() });
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    transport.route("bao-0", Route::address(&format!("http://{closed}")).unwrap());
    let trouble = fails(&transport, "bao-0").await;
    assert_eq!(trouble.kind, TroubleKind::Unreachable);
    assert!(trouble.why.contains("refused"), "{trouble}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    transport.route("bao-1", Route::address(&format!("http://{}", silent.local_addr().unwrap())).unwrap());
    let trouble = fails(&transport, "bao-1").await;
    assert!(trouble.why.contains("in time"), "{trouble}");
    transport.route("bao-2", Route::address("http://no-such-host.invalid:8200").unwrap());
    let trouble = fails(&transport, "bao-2").await;
    assert_eq!(trouble.kind, TroubleKind::Unreachable);
    assert!(fails(&transport, "bao-3").await.what.contains("no way to bao-3"));
    // A tunnel whose far end closes at once: nothing listens in the pod.
    let slammed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = slammed.local_addr().unwrap();
    tasks.spawn(async move { while slammed.accept().await.is_ok() {} });
    transport.route("bao-4", Route::tunnel("http://bao-4:8200", Arc::new(To(at))).unwrap());
    let trouble = fails(&transport, "bao-4").await;
    assert!(trouble.what.contains("hung up"), "{trouble}");
}

#[tokio::test]
async fn a_flood_is_cut_a_redirect_is_not_followed_rubbish_is_named() {
    let tasks = TaskTracker::new();
    let transport = transport(&tasks, HttpOptions { limits: patient(), ..HttpOptions::default() });
    let flood = serve(&tasks, None, reply(500, "", &"CANARY".repeat(2 << 20))).await;
    transport.route("flood", address("http", &flood));
    let answer = transport.send("flood", get()).await.unwrap();
    assert_eq!((answer.status, answer.body.len(), answer.truncated), (500, LONGEST_BODY, true));

    let target = serve(&tasks, None, reply(200, "", STATUS)).await;
    let location = format!("Location: http://{}/v1/sys/seal-status?t=CANARY\r\n", target.at);
    let redirect = serve(&tasks, None, reply(307, &location, "")).await;
    transport.route("redirect", address("http", &redirect));
    let page = serve(&tasks, None, reply(200, "", "<html>CANARY</html>")).await;
    transport.route("page", address("http", &page));
    let tls_only = serve(&tasks, None, reply(400, "", "Client sent an HTTP request to an HTTPS server.\n")).await;
    transport.route("tls-only", address("http", &tls_only));

    let read = BaoRead::new(Arc::new(transport));
    let told = |trouble: &Trouble, part: &str| {
        assert!(trouble.to_string().contains(part), "{trouble}");
        assert!(!format!("{trouble:?}").contains("CANARY"), "{trouble:?}");
    };
    told(&read.seal_status("flood").await.unwrap_err(), "answered 500");
    told(&read.seal_status("redirect").await.unwrap_err(), &format!("says to go to {}", target.at));
    assert_eq!(target.connections.load(Ordering::SeqCst), 0);
    told(&read.seal_status("page").await.unwrap_err(), "web page");
    told(&read.seal_status("tls-only").await.unwrap_err(), "https://");
}

#[tokio::test]
async fn a_tunnel_that_goes_quiet_is_closed_and_dialled_anew() {
    let tasks = TaskTracker::new();
    let server = serve(&tasks, None, reply(200, "", STATUS)).await;
    let limits = Limits { idle: Duration::from_millis(700), ..patient() };
    let transport = transport(&tasks, HttpOptions { limits, ..HttpOptions::default() });
    transport.route("bao-0", Route::tunnel("http://bao-0:8200", Arc::new(To(server.at))).unwrap());
    transport.send("bao-0", get()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    transport.send("bao-0", get()).await.unwrap();
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_bad_ca_and_a_bad_address_are_told_at_once() {
    let tasks = TaskTracker::new();
    for pem in ["", "CANARY nonsense", "-----BEGIN CERTIFICATE-----\nCANARY"] {
        let options = HttpOptions { ca: Some(pem.into()), ..HttpOptions::default() };
        let trouble = HttpTransport::new(options, tasks.clone()).map(|_| ()).unwrap_err();
        assert!(trouble.next.contains("vault.caFile") && !trouble.to_string().contains("CANARY"), "{trouble}");
    }
    for bad in ["", "bao-0:8200", "ftp://x", "https://CANARY:CANARY@bao-0:8200"] {
        let trouble = Route::address(bad).map(|_| ()).unwrap_err();
        assert!(!trouble.to_string().contains("CANARY"), "{trouble}");
    }
    let token = token_header(&"hvs.CANARY".into()).unwrap();
    assert!(!format!("{token:?}").contains("CANARY"));
}

#[tokio::test]
async fn dropping_the_transport_ends_its_tasks() {
    let (servers, tasks) = (TaskTracker::new(), TaskTracker::new());
    let server = serve(&servers, None, reply(200, "", STATUS)).await;
    let transport = transport(&tasks, HttpOptions { limits: patient(), ..HttpOptions::default() });
    transport.route("bao-0", Route::tunnel("http://bao-0:8200", Arc::new(To(server.at))).unwrap());
    transport.send("bao-0", get()).await.unwrap();
    assert!(!tasks.is_empty());
    drop(transport);
    tasks.close();
    tasks.wait().await;
}

/// Collects everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_share_on_its_way_leaves_nothing_in_the_log_at_its_most_talkative() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let tasks = TaskTracker::new();
    let server = serve(&tasks, None, reply(200, "", STATUS)).await;
    let transport = transport(&tasks, HttpOptions { limits: patient(), ..HttpOptions::default() });
    transport.route("bao-0", Route::tunnel("http://bao-0:8200", Arc::new(To(server.at))).unwrap());
    let (slots, slot) = (Slots::new(), SlotId(1));
    let canary = "c0ffee".repeat(11);
    slots.paste(slot, &canary);
    slots.complete(slot);
    let tools = Tools::new(Gear::bare(Arc::new(transport), None, FieldNames::default(), Salt(vec![1]), slots));
    let share = ShareRef::Typed { slot, index: 0 };
    let outcome = perform(&Op::SubmitShare { replica: "bao-0".into(), share }, &tools).await;
    assert_eq!(outcome, Outcome::Done { evidence: "this share was already in: 1 of 2".into() });
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("hyper"), "the client was to be heard: {logged}");
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [0xc0, 0xff, 0xee]);
    assert!(!logged.contains("c0ffee") && !logged.contains(&base64.repeat(3)), "{logged}");
}
