//! What Baowatch weighs: frames, bytes, memory, time to the first frame, beside what is aimed at. Prints, judges nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program that measures, on the wall's clock, and prints"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::io::{Read as _, Write};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use baowatch::app::msg::Msg;
use baowatch::app::ports::Program as _;
use baowatch::app::program::Console;
use baowatch::app::settings::Settings;
use baowatch::app::state::State;
use baowatch::backends::sandbox::scenario::Scenario;
use baowatch::programs::stage::Stage;
use baowatch::views::console::render;
use baowatch::views::terminal::Screen;
use baowatch::views::theme::Look;
use jiff::SignedDuration;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const BINARY: &str = env!("CARGO_BIN_EXE_baowatch");

/// How long the resting program is watched.
const REST: Duration = Duration::from_secs(10);

struct Table(Vec<[String; 3]>);

impl Table {
    fn row(&mut self, what: &str, figure: String, aim: &str) {
        self.0.push([what.to_owned(), figure, aim.to_owned()]);
    }

    fn print(&self) {
        let wide = |column: usize| self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (first, second) = (wide(0), wide(1));
        for [what, figure, aim] in &self.0 {
            println!("{}", format!("{what:first$}  {figure:>second$}  {aim}").trim_end());
        }
    }
}

fn main() {
    // `cargo test --benches` only asks whether this runs.
    if std::env::args().any(|arg| arg == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut table = Table(vec![["what".into(), "figure".into(), "aim".into()]]);
    runtime.block_on(inside(&mut table));
    outside(&mut table);
    table.print();
}

async fn stage(name: &str) -> Stage {
    let scenario = Scenario::named(name).unwrap();
    let mut stage = Stage::new(&scenario, Settings::default()).await;
    stage.say(Msg::Resized { width: 80, height: 24 }).await;
    stage.advance(scenario.open_at).await;
    stage
}

/// What one process can measure of itself: frames, bytes, messages.
async fn inside(table: &mut Table) {
    let wiped = stage("keys-wiped").await;
    for (width, height) in [(80, 24), (200, 60)] {
        let took = frame(wiped.state(), width, height);
        table.row(&format!("one frame, {width}x{height}"), micros(took), "at most 4 ms");
    }
    // A proof of today is given to the minute, and the figure turns; a quiet night's proof is days old.
    for (days, proven) in [(2, "days"), (0, "minutes")] {
        let (first, minute) = Box::pin(idle_minute(days)).await;
        if days > 0 {
            table.row("bytes of the first frame, 80x24", format!("{first} B"), "");
        }
        let aim = if days > 0 { "0 B" } else { "one figure that turns" };
        table.row(&format!("bytes in an idle minute, proven {proven} ago"), format!("{minute} B"), aim);
    }
    let tape = wiped.tape;
    let scenario = Scenario::named("keys-wiped").unwrap();
    let mut rounds = Vec::new();
    for _ in 0..9 {
        let mut console = Console(State::new(Settings::default(), scenario.start));
        let messages = tape.clone();
        let began = Instant::now();
        for message in messages {
            black_box(console.update(message));
        }
        rounds.push(began.elapsed());
    }
    let rate = tape.len() as f64 / median(&mut rounds).as_secs_f64();
    table.row(&format!("update(), {} recorded messages", tape.len()), format!("{rate:.0} messages/s"), "");
}

fn frame(state: &State, width: u16, height: u16) -> Duration {
    let look = Look::default();
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    let mut rounds = Vec::new();
    for _ in 0..2_000 {
        let began = Instant::now();
        render(black_box(state), &look, &mut buf);
        rounds.push(began.elapsed());
    }
    black_box(&buf);
    median(&mut rounds)
}

/// Counts what is written.
#[derive(Clone, Default)]
struct Scale(Rc<Cell<usize>>);

impl Write for Scale {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.set(self.0.get() + bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A healthy vault, proven this long ago; a frame each virtual second. Bytes of the first frame, and of the minute.
async fn idle_minute(days: i64) -> (usize, usize) {
    let mut quiet = stage("healthy").await;
    quiet.advance(SignedDuration::from_mins(5)).await;
    // The days pass unseen; what grew stale meanwhile is looked at again.
    let later = quiet.world.sandbox.now() + SignedDuration::from_hours(24 * days);
    quiet.world.sandbox.advance_to(later);
    quiet.advance(SignedDuration::from_mins(11)).await;
    let scale = Scale::default();
    let mut screen = Screen::over(scale.clone(), Look::default());
    screen.show(quiet.state()).unwrap();
    let first = scale.0.get();
    for _ in 0..60 {
        quiet.advance(SignedDuration::from_secs(1)).await;
        screen.show(quiet.state()).unwrap();
    }
    (first, scale.0.get() - first)
}

/// What the operating system sees of the real program.
fn outside(table: &mut Table) {
    let home = tempfile::tempdir().unwrap();
    let mut rounds: Vec<Duration> = (0..9)
        .map(|_| {
            let began = Instant::now();
            let args = ["demo", "--scenario", "healthy", "--at", "0s", "--print", "80x24"];
            let output = Command::new(BINARY).args(args).env("HOME", home.path()).output().unwrap();
            assert!(output.status.success());
            began.elapsed()
        })
        .collect();
    table.row("start, one printed frame, end", millis(median(&mut rounds)), "at most 50 ms");
    let mut rounds: Vec<Duration> = (0..9).map(|_| Running::start(home.path()).first).collect();
    table.row("start to the first frame on a terminal", millis(median(&mut rounds)), "at most 50 ms");
    let running = Running::start(home.path());
    std::thread::sleep(Duration::from_secs(3));
    let before = running.ticks();
    std::thread::sleep(REST);
    let spent = running.ticks() - before;
    // A tick is a hundredth of a second on every Linux in use.
    let share = spent as f64 / 100.0 / REST.as_secs_f64() * 100.0;
    table.row(&format!("resting CPU over {} s", REST.as_secs()), format!("{share:.1} %"), "0 %");
    table.row("resident memory, demo", format!("{:.1} MB", running.resident() as f64 * 1024.0 / 1e6), "at most 30 MB");
    let size = std::fs::metadata(BINARY).unwrap().len() as f64 / 1e6;
    table.row("the binary", format!("{size:.1} MB"), "");
}

/// The real program on a pseudo-terminal.
struct Running {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    first: Duration,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Running {
    /// Returns when the whole first frame was sent: the sentence is on it.
    fn start(home: &std::path::Path) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(BINARY);
        command.args(["demo", "--scenario", "healthy", "--at", "0s"]);
        command.env("HOME", home);
        command.env("TERM", "xterm-256color");
        let began = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let mut seen = Vec::new();
        let mut chunk = [0_u8; 8192];
        while !String::from_utf8_lossy(&seen).contains("quit") {
            let read = reader.read(&mut chunk).unwrap();
            assert!(read > 0, "it ended: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(chunk.get(..read).unwrap());
        }
        let first = began.elapsed();
        // Somebody must go on reading, or the program waits for its terminal.
        std::thread::spawn(move || while reader.read(&mut chunk).is_ok_and(|read| read > 0) {});
        Self { child, first, _master: pair.master }
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.process_id().unwrap())).unwrap()
    }

    /// User and system time, in ticks: fields 14 and 15 of `stat`, counted behind the name's bracket.
    fn ticks(&self) -> u64 {
        let stat = self.proc("stat");
        let (_, rest) = stat.rsplit_once(')').unwrap();
        rest.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
    }

    /// `VmRSS`, in KiB.
    fn resident(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(rounds: &mut [Duration]) -> Duration {
    rounds.sort_unstable();
    rounds.get(rounds.len() / 2).copied().unwrap_or_default()
}

fn micros(took: Duration) -> String {
    format!("{:.0} µs", took.as_secs_f64() * 1e6)
}

fn millis(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}
