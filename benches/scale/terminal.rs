//! The real program on a pseudo-terminal of 200×60, its screen read by an emulator as the bytes come.

use std::io::Read;
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::lab::Vault;

/// Nothing is waited for longer.
const LONGEST: Duration = Duration::from_secs(30);

struct Seen {
    parser: vt100::Parser,
    bytes: u64,
    at: Instant,
}

/// The running program.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts the console on this vault through this kubeconfig.
    pub fn start(vault: &Vault, kubeconfig: &Path) -> Self {
        let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_baowatch"));
        command.args(["--vault", &vault.reference()]);
        for (name, value) in vault.environment() {
            command.env(name, value);
        }
        command.env("KUBECONFIG", kubeconfig);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = vt100::Parser::new(NonZero::new(60_u16).unwrap(), NonZero::new(200_u16).unwrap(), 0);
        let seen = Arc::new((Mutex::new(Seen { parser, bytes: 0, at: Instant::now() }), Condvar::new()));
        let (mut reader, to) = (pair.master.try_clone_reader().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut chunk = [0_u8; 16 * 1024];
            while let Ok(read) = reader.read(&mut chunk) {
                if read == 0 {
                    return;
                }
                let mut seen = to.0.lock().unwrap();
                seen.parser.process(&chunk[..read]);
                seen.bytes += read as u64;
                seen.at = Instant::now();
                to.1.notify_all();
            }
        });
        Self { child, seen, _master: pair.master }
    }

    /// When the screen first was like this; `None` if it never was.
    pub fn until(&mut self, like: impl Fn(&str) -> bool) -> Option<Instant> {
        let limit = Instant::now() + LONGEST;
        let mut seen = self.seen.0.lock().unwrap();
        loop {
            if like(&seen.parser.screen().contents()) {
                return Some(seen.at);
            }
            let left = limit.checked_duration_since(Instant::now())?;
            seen = self.seen.1.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Bytes that were sent to the terminal so far.
    pub fn drawn(&self) -> u64 {
        self.seen.0.lock().unwrap().bytes
    }

    /// User and system time, in ticks: fields 14 and 15 of `stat`, counted behind the name's bracket.
    pub fn ticks(&self) -> u64 {
        let stat = self.proc("stat");
        let (_, rest) = stat.rsplit_once(')').unwrap();
        rest.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
    }

    /// `VmRSS`, in KiB.
    pub fn resident(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.process_id().unwrap())).unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
