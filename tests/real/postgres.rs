//! A real PostgreSQL on loopback, for the vault's database engine: started, stopped and started again on the same data.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The password of its superuser, as the vault's connection knows it.
pub const PASSWORD: &str = "superuser-9f2c71";

/// One server.
pub struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
    libraries: String,
    pub port: u16,
    child: Option<Child>,
}

impl Postgres {
    /// A new one, running.
    pub fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/postgres");
        let found = Command::new(script).stderr(Stdio::inherit()).output().expect("tests/stack/postgres runs");
        assert!(found.status.success(), "PostgreSQL is neither here nor could it be installed; its words are above");
        let told = String::from_utf8(found.stdout).unwrap();
        let mut lines = told.lines().map(str::to_owned);
        let (programs, libraries) = (PathBuf::from(lines.next().unwrap()), lines.next().unwrap_or_default());
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut postgres = Self { folder, programs, libraries, port, child: None };
        let password = postgres.folder.path().join("password");
        writeln!(std::fs::File::create(&password).unwrap(), "{PASSWORD}").unwrap();
        if root() {
            // The server refuses to run as root.
            let path = postgres.folder.path().display().to_string();
            assert!(Command::new("chown").args(["-R", "nobody", &path]).status().unwrap().success());
        }
        let data = postgres.data();
        let made = postgres
            .command("initdb")
            .args(["-D", &data, "-U", "vault", "-A", "scram-sha-256", "--no-sync", "--locale=C"])
            .arg(format!("--pwfile={}", password.display()))
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        // A user for the vault to rotate: it is made before the server listens to anybody.
        let mut single = postgres
            .command("postgres")
            .args(["--single", "-D", &data, "postgres"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        single.stdin.take().unwrap().write_all(b"CREATE ROLE fleet LOGIN;\n").unwrap();
        assert!(single.wait().unwrap().success(), "the user fleet is made");
        postgres.again();
        postgres
    }

    /// Runs it on its data and waits until it listens.
    pub fn again(&mut self) {
        let socket = self.folder.path().display().to_string();
        let child = self
            .command("postgres")
            .args(["-D", &self.data(), "-h", "127.0.0.1", "-p", &self.port.to_string(), "-k", &socket, "-F"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        for _ in 0..200 {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("PostgreSQL never listened on port {}", self.port);
    }

    /// Ends it, whoever is connected.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // SIGINT is its fast shutdown; SIGTERM would wait for the vault to hang up.
        let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "PostgreSQL is told to end");
        child.wait().unwrap();
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn command(&self, program: &str) -> Command {
        let path = self.programs.join(program);
        let mut command = if root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        if !self.libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", &self.libraries);
        }
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}

fn root() -> bool {
    rustix::process::getuid().is_root()
}
