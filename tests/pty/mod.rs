//! A pseudo-terminal with a real emulator around the real binary: types keys, resizes, reads the screen.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]
#![allow(dead_code, reason = "each test file uses the part it needs")]

use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long a test waits for something to appear: long, because two cores run several servers beside it.
const PATIENCE: Duration = Duration::from_mins(2);

pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    writer: Mutex<Box<dyn Write + Send>>,
    child: Mutex<Box<dyn Child + Send + Sync>>,
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
}

fn size(width: u16, height: u16) -> PtySize {
    PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 }
}

fn cells(n: u16) -> NonZero<u16> {
    NonZero::new(n).expect("a terminal has cells")
}

impl Terminal {
    /// Starts the real binary with these arguments and this environment added to a bare one.
    pub fn start(args: &[&str], environment: &[(&str, String)], width: u16, height: u16) -> Self {
        Self::run(env!("CARGO_BIN_EXE_baowatch"), args, environment, width, height)
    }

    /// The same with any program: a shell that has jobs, for instance.
    pub fn run(program: &str, args: &[&str], environment: &[(&str, String)], width: u16, height: u16) -> Self {
        let pair = native_pty_system().openpty(size(width, height)).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env_clear();
        command.env("TERM", "xterm-256color");
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).expect("baowatch starts");
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(cells(height), cells(width), 0)));
        let raw = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (screen, bytes) = (parser.clone(), raw.clone());
        std::thread::spawn(move || {
            let mut chunk = [0_u8; 8192];
            while let Ok(n) = reader.read(&mut chunk) {
                if n == 0 {
                    break;
                }
                screen.lock().unwrap().process(&chunk[..n]);
                bytes.lock().unwrap().extend_from_slice(&chunk[..n]);
            }
        });
        let writer = Mutex::new(pair.master.take_writer().unwrap());
        Self { master: pair.master, writer, child: Mutex::new(child), parser, raw }
    }

    pub fn screen(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    /// Everything that was ever sent to the terminal.
    pub fn sent(&self) -> Vec<u8> {
        self.raw.lock().unwrap().clone()
    }

    pub fn alternate(&self) -> bool {
        self.parser.lock().unwrap().screen().alternate_screen()
    }

    pub fn cursor_hidden(&self) -> bool {
        self.parser.lock().unwrap().screen().hide_cursor()
    }

    pub fn bracketed_paste(&self) -> bool {
        self.parser.lock().unwrap().screen().bracketed_paste()
    }

    pub fn type_in(&self, keys: &str) {
        let mut writer = self.writer.lock().unwrap();
        writer.write_all(keys.as_bytes()).unwrap();
        writer.flush().unwrap();
    }

    pub fn resize(&self, width: u16, height: u16) {
        self.parser.lock().unwrap().screen_mut().set_size(cells(height), cells(width));
        self.master.resize(size(width, height)).unwrap();
    }

    pub fn wait_until(&self, what: &str, enough: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if enough(&self.screen()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("never saw {what}; the screen:\n{}", self.screen());
    }

    pub fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap().process_id().expect("it runs")
    }

    /// Sends a signal by number of name: `TERM`, `HUP`, `KILL`, `CONT`.
    pub fn signal(&self, name: &str) {
        let status = std::process::Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Whether the process has ended.
    pub fn ended(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_some()
    }

    /// Waits for the process to end; its exit code.
    pub fn wait_exit(&self) -> u32 {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(100));
                return status.exit_code();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it did not end; the screen:\n{}", self.screen());
    }

    /// Leaves by the door.
    pub fn quit(&self) {
        self.type_in("\u{1b}");
        // On a busy machine both keys may be read at once, and together they are Alt+q, another key.
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(300));
            if self.ended() {
                break;
            }
            // It may end just now, and nobody reads any more.
            let _ = self.writer.lock().unwrap().write_all(b"q");
        }
        assert_eq!(self.wait_exit(), 0);
        assert!(!self.alternate(), "the terminal is given back");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Ends only what this test started, by its handle.
        let _ = self.child.lock().unwrap().kill();
    }
}
