//! The real side of the contract: `bao server` processes with raft storage on loopback ports, one folder a server.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use baowatch::app::trouble::Trouble;
use baowatch::backends::bao::transport::{Access, Method, Request, Response, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, MutexGuard};

use super::bench::Bench;

/// One real vault at a time: the machine may be small, and elections are impatient.
pub async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// The server's program.
fn bao() -> PathBuf {
    let installed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/stack/bin/bao");
    let program = std::env::var_os("BAOWATCH_BAO").map_or(installed, PathBuf::from);
    assert!(
        program.exists(),
        "the real OpenBao is not installed: run tests/stack/install, or set BAOWATCH_BAO to a bao program, or \
         BAOWATCH_WITHOUT_STACK=1 to leave the real half out"
    );
    program
}

/// One server. Its process ends with this value.
struct Server {
    child: Option<Child>,
    port: u16,
}

impl Server {
    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Real servers.
pub struct Real {
    servers: BTreeMap<String, Server>,
    folder: tempfile::TempDir,
}

impl Real {
    pub fn new() -> Self {
        Self { servers: BTreeMap::new(), folder: tempfile::tempdir().unwrap() }
    }

    /// Writes the configuration of servers on empty storage and starts them.
    async fn make(&mut self, replicas: u32, by_key_file: bool) {
        self.servers.clear();
        self.folder = tempfile::tempdir().unwrap();
        let mut seal = String::new();
        if by_key_file {
            let file = self.key_file();
            std::fs::write(&file, [7; 32]).unwrap();
            seal = format!(
                "seal \"static\" {{\n  current_key_id = \"1\"\n  current_key = \"file://{}\"\n}}\n",
                file.display()
            );
        }
        // All are held until all are known, so that no two are the same.
        let held: Vec<(TcpListener, TcpListener)> = (0..replicas).map(|_| (free(), free())).collect();
        let ports: Vec<(u16, u16)> = held.iter().map(|(a, b)| (port(a), port(b))).collect();
        drop(held);
        let others = ports.iter().filter(|_| replicas > 1);
        let joins: Vec<String> = others
            .map(|(api, _)| format!("  retry_join {{ leader_api_addr = \"http://127.0.0.1:{api}\" }}\n"))
            .collect();
        let joins = joins.concat();
        for (n, (api, cluster)) in ports.iter().enumerate() {
            let name = format!("openbao-{n}");
            let data = self.folder.path().join(&name);
            std::fs::create_dir(&data).unwrap();
            let config = format!(
                "storage \"raft\" {{\n  path = \"{}\"\n  node_id = \"{name}\"\n  performance_multiplier = 1\n{joins}}}\n\
                 listener \"tcp\" {{\n  address = \"127.0.0.1:{api}\"\n  cluster_address = \"127.0.0.1:{cluster}\"\n  \
                 tls_disable = true\n}}\napi_addr = \"http://127.0.0.1:{api}\"\n\
                 cluster_addr = \"http://127.0.0.1:{cluster}\"\n{seal}",
                data.display()
            );
            std::fs::write(self.folder.path().join(format!("{name}.hcl")), config).unwrap();
            self.servers.insert(name.clone(), Server { child: None, port: *api });
            self.start(&name).await;
        }
    }

    async fn start(&mut self, name: &str) {
        let config = self.folder.path().join(format!("{name}.hcl"));
        let child = Command::new(bao())
            .arg("server")
            .arg("-config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("bao server starts");
        self.servers.get_mut(name).unwrap().child = Some(child);
        for _ in 0..600 {
            let request =
                Request { method: Method::Get, path: "/v1/sys/seal-status".into(), body: None, access: Access::none() };
            if self.transport().send(name, request).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("bao server {name} never answered");
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("seal-key")
    }
}

fn free() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn port(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

#[async_trait]
impl Bench for Real {
    async fn fresh(&mut self, replicas: u32) {
        self.make(replicas, false).await;
    }

    async fn fresh_static(&mut self) {
        self.make(1, true).await;
    }

    async fn exchange_key(&mut self, right: bool) {
        std::fs::write(self.key_file(), [if right { 7_u8 } else { 8 }; 32]).unwrap();
    }

    async fn restart(&mut self, replica: &str) {
        self.servers.get_mut(replica).unwrap().end();
        self.start(replica).await;
    }

    async fn stop(&mut self, replica: &str) {
        self.servers.get_mut(replica).unwrap().end();
    }

    async fn wait(&mut self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    fn transport(&self) -> Arc<dyn Transport> {
        Arc::new(Direct(self.servers.iter().map(|(name, server)| (name.clone(), server.port)).collect()))
    }
}

/// HTTP/1.0 by hand: the contract is about the servers, not about our client.
struct Direct(BTreeMap<String, u16>);

#[async_trait]
impl Transport for Direct {
    async fn send(&self, replica: &str, request: Request) -> Result<Response, Trouble> {
        let lost = |e: std::io::Error| Trouble::unreachable(&format!("No answer from {replica}"), &e.to_string(), "");
        let port = self.0[replica];
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(lost)?;
        let verb = match request.method {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::List => "LIST",
        };
        let body = request.body.as_ref().map_or(&[][..], |body| body.as_slice());
        let token = request.access.token.as_ref().map_or_else(String::new, |token| {
            format!("X-Vault-Token: {}\r\n", secrecy::ExposeSecret::expose_secret(token))
        });
        let head = format!(
            "{verb} {} HTTP/1.0\r\nHost: 127.0.0.1\r\n{token}Content-Length: {}\r\n\r\n",
            request.path,
            body.len()
        );
        stream.write_all(head.as_bytes()).await.map_err(lost)?;
        stream.write_all(body).await.map_err(lost)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(lost)?;
        let split = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().expect("a status");
        Ok(Response { status, body: answer[split + 4..].to_vec(), truncated: false, location: None })
    }
}
