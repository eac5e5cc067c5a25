//! The real stack for tests: one `lab serve` a test process, its control API, and the real binary beside it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "a test's patience is real time")]
#![allow(dead_code, reason = "each test file uses the part it needs")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long something may take that the cluster does by itself, such as figures that are scraped every ten seconds.
const PATIENCE: Duration = Duration::from_secs(100);

/// A running control plane. It ends with this process: its standard input closes.
pub struct Lab {
    pub kubeconfig: PathBuf,
    pub kubectl: PathBuf,
    pub bao: PathBuf,
    control: PathBuf,
    child: Mutex<Child>,
}

/// Whether the stack was left out on purpose; says so, loudly. A missing stack without that is a failure.
pub fn left_out() -> bool {
    let out = std::env::var_os("BAOWATCH_WITHOUT_STACK").is_some();
    if out {
        eprintln!("!! LEFT OUT: {} needs the real stack", std::thread::current().name().unwrap_or("a test"));
    }
    out
}

/// The lab of this test process, started at the first call.
pub fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(Lab::start)
}

/// A control plane of one test alone, which ends with it: put it behind the vaults in it, which are taken down first.
pub struct Own(pub &'static Lab);

impl Drop for Own {
    fn drop(&mut self) {
        // The lab ends when its standard input does.
        drop(self.0.child.lock().ok().and_then(|mut child| child.stdin.take()));
    }
}

impl Own {
    pub fn start() -> Self {
        Self(Box::leak(Box::new(Lab::start())))
    }
}

impl Lab {
    pub fn start() -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/stack/bin/lab");
        assert!(
            program.exists(),
            "the real stack is not installed: run tests/stack/install, or tests/run for all of it"
        );
        let mut child = Command::new(program)
            .args(["serve", "--with-parent"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("lab serve starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).expect("lab serve says where it is");
        let info: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("lab serve did not start: {line:?}"));
        let path = |key: &str| PathBuf::from(info[key].as_str().unwrap_or_else(|| panic!("{key} in {info}")));
        Self {
            kubeconfig: path("kubeconfig"),
            kubectl: path("kubectl"),
            bao: path("bao"),
            control: path("control"),
            child: Mutex::new(child),
        }
    }

    /// One call of the control API.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = UnixStream::connect(&self.control).expect("the lab's control socket");
        stream.set_read_timeout(Some(Duration::from_mins(3))).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: lab\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        assert!(head.starts_with("HTTP/1.0 2") || head.starts_with("HTTP/1.1 2"), "{method} {path}: {head}\n{body}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// The bundled kubectl, with something on its standard input.
    pub fn kubectl(&self, args: &[&str], input: &str) -> String {
        let output = self.try_kubectl(args, input);
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn try_kubectl(&self, args: &[&str], input: &str) -> Output {
        let mut child = Command::new(&self.kubectl)
            .env("KUBECONFIG", &self.kubeconfig)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// A vault in a namespace of its own. `spec` is the body of `POST /vaults` without the namespace.
    pub fn vault(&'static self, mut spec: Value) -> Vault {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let namespace = format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        spec["namespace"] = json!(namespace);
        let made = self.call("POST", "/vaults", &spec);
        let state = tempfile::tempdir().unwrap();
        Vault { lab: self, namespace, name: made["name"].as_str().unwrap().to_owned(), made, home: state, config: None }
    }
}

/// A vault of a test is held by nobody: that is no part of what `check` counts here. A test about these rules asks the
/// program itself, by [`Vault::baowatch`].
const NOTHING_HELD: &str = "keys-single-copy,keys-unproven,keystore-missing";

/// One vault, and a home directory for the program that looks at it.
pub struct Vault {
    pub lab: &'static Lab,
    pub namespace: String,
    pub name: String,
    pub made: Value,
    pub home: tempfile::TempDir,
    config: Option<PathBuf>,
}

impl Drop for Vault {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.lab.call("DELETE", &format!("/vaults/{}/{}", self.namespace, self.name), &Value::Null);
        }
    }
}

impl Vault {
    pub fn reference(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    pub fn pod(&self, n: u32) -> String {
        format!("{}-{n}", self.name)
    }

    /// Unseal keys, hex.
    pub fn keys(&self) -> Vec<String> {
        self.made["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    }

    /// Every form in which a secret of this vault could leak.
    pub fn secrets(&self) -> Vec<String> {
        let mut all = self.keys();
        all.extend(self.made["keysBase64"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()));
        all.push(self.made["rootToken"].as_str().unwrap().to_owned());
        all.retain(|secret| !secret.is_empty());
        all
    }

    /// A config file for the program.
    pub fn configure(&mut self, yaml: &str) {
        let path = self.home.path().join("config.yaml");
        std::fs::write(&path, yaml).unwrap();
        self.config = Some(path);
    }

    /// The real binary, with a home of its own and this lab's cluster.
    pub fn baowatch(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baowatch"));
        self.dress(&mut command);
        command.args(["--vault", &self.reference()]).args(args);
        command
    }

    /// The environment of the real binary: nothing of the developer's own.
    pub fn dress(&self, command: &mut Command) {
        for name in ["VAULT_ADDR", "BAO_ADDR", "VAULT_TOKEN", "BAO_TOKEN"] {
            command.env_remove(name);
        }
        for (name, value) in self.environment() {
            command.env(name, value);
        }
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let home = self.home.path();
        let mut all = vec![
            ("KUBECONFIG", self.lab.kubeconfig.display().to_string()),
            ("HOME", home.display().to_string()),
            ("XDG_STATE_HOME", home.join("state").display().to_string()),
            ("XDG_CONFIG_HOME", home.join("config").display().to_string()),
            ("XDG_DATA_HOME", home.join("data").display().to_string()),
        ];
        if let Some(config) = &self.config {
            all.push(("BAOWATCH_CONFIG", config.display().to_string()));
        }
        all
    }

    /// `check --output json`: the exit code and the document.
    pub fn check(&self, args: &[&str]) -> (i32, Value) {
        let output =
            self.baowatch(&["check", "--output", "json", "--exclude", NOTHING_HELD]).args(args).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let document = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("not JSON: {text}\n{}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code().unwrap_or(-1), document)
    }

    /// Checks again and again until `enough`, for what takes the cluster some seconds; panics with the last document.
    pub fn check_until(&self, what: &str, args: &[&str], enough: impl Fn(i32, &Value) -> bool) -> (i32, Value) {
        let began = Instant::now();
        let (code, document) = loop {
            let (code, document) = self.check(args);
            if enough(code, &document) {
                return (code, document);
            }
            if began.elapsed() > PATIENCE {
                break (code, document);
            }
            std::thread::sleep(Duration::from_millis(500));
        };
        panic!("never saw {what}; exit {code}\n{document:#}");
    }

    pub fn kubectl(&self, args: &[&str], input: &str) -> String {
        let mut all = vec!["-n", self.namespace.as_str()];
        all.extend(args);
        self.lab.kubectl(&all, input)
    }

    /// Deletes a pod, as an eviction would; returns at once.
    pub fn delete_pod(&self, n: u32) {
        self.kubectl(&["delete", "pod", &self.pod(n), "--wait=false"], "");
    }

    /// What the replica itself says, past everything that is under test.
    pub fn seal_status(&self, n: u32) -> Option<Value> {
        let address = self.made["addresses"][self.pod(n)].as_str()?.strip_prefix("http://")?;
        let mut stream = std::net::TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET /v1/sys/seal-status HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    pub fn sealed(&self, n: u32) -> Option<bool> {
        self.seal_status(n)?["sealed"].as_bool()
    }

    /// Waits for the replica itself to say so.
    pub fn wait_sealed(&self, n: u32, sealed: bool) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.sealed(n) == Some(sealed) {
                return;
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        panic!("{} was never seen with sealed={sealed}", self.pod(n));
    }
}

/// The alert of this rule, if it is in the document.
pub fn alert<'a>(document: &'a Value, rule: &str) -> Option<&'a Value> {
    document["alerts"].as_array()?.iter().find(|alert| alert["rule"] == rule)
}

/// The state of the verdict.
pub fn verdict(document: &Value) -> &str {
    document["verdict"]["state"].as_str().unwrap_or("none")
}
