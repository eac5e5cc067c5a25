//! What Baowatch weighs beside a big cluster: a real API server with ten thousand Secrets, five thousand sync objects, a
//! thousand nodes and five thousand pods, at rest and while it changes. Prints, judges nothing.
//!
//! `cargo bench --bench scale`, or smaller: `cargo bench --bench scale -- --part 10`, a tenth of everything. It needs the real
//! stack (`tests/stack/install`) and about three minutes. `-- --stay` measures nothing: it fills the cluster, says how to start a
//! program beside it (under a profiler, say), and empties it after a line of input. `--rate 10` lets it change meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program that measures, on the wall's clock, and prints"
)]

#[path = "../tests/lab/mod.rs"]
mod lab;
#[path = "scale/people.rs"]
mod people;
#[path = "scale/stalls.rs"]
mod stalls;
#[path = "scale/terminal.rs"]
mod terminal;
#[path = "scale/wire.rs"]
mod wire;

use std::time::{Duration, Instant};

use people::{Cluster, Size, Took};
use serde_json::json;
use stalls::Stalls;
use terminal::Terminal;
use wire::Wire;

/// How long the program rests before its idle minute.
const SETTLE: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_mins(1);
/// Changes whose way to the screen is measured.
const PROBES: usize = 300;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    // `cargo test --benches` only asks whether this runs.
    if args.iter().any(|arg| arg == "--test") {
        return;
    }
    let number = |name: &str| args.windows(2).find(|pair| pair[0] == name).map(|pair| pair[1].parse::<u32>().unwrap());
    let part = number("--part").map(|part| part as usize);
    if args.iter().any(|arg| arg == "--stay") {
        stay(&Size::part(part.unwrap_or(1)), number("--rate").unwrap_or(0));
        return;
    }
    println!("{:<58} {:>12}  aim", "what", "figure");
    for part in part.map_or_else(|| vec![10, 1], |part| vec![part]) {
        measure(&Size::part(part));
    }
}

fn row(what: &str, figure: &str, aim: &str) {
    println!("{}", format!("{what:<58} {figure:>12}  {aim}").trim_end());
}

fn vault() -> lab::Vault {
    lab::lab().vault(json!({"replicas": 3, "unsealer": "sidecar", "secret": "openbao-keys"}))
}

fn stay(size: &Size, rate: u32) {
    let vault = vault();
    let cluster = Cluster::fill(lab::lab(), size);
    let noise = cluster.noise(rate);
    let environment = vault.environment();
    let pairs: Vec<String> = environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    println!("{}\nenv {} baowatch --vault {}", size.words(), pairs.join(" "), vault.reference());
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(noise);
    cluster.empty();
}

fn measure(size: &Size) {
    row(&size.words(), "", "");
    let vault = vault();
    let cluster = Cluster::fill(lab::lab(), size);
    let wire = Wire::before(lab::lab());
    let began = Instant::now();
    let mut screen = Terminal::start(&vault, &wire.kubeconfig);
    let first = screen.until(|text| text.contains("quit")).map(|at| at - began);
    let whole = screen.until(|text| size.shown(text)).map(|at| at - began);
    let to_first = wire.received();
    row("first frame", &millis(first), "");
    row("all data on screen", &millis(whole), "at most 1500 ms");
    row("received from the API server until then", &megabytes(to_first), "at most 5 MB");
    std::thread::sleep(SETTLE);
    let (ticks, drawn, wired) = (screen.ticks(), screen.drawn(), wire.received());
    std::thread::sleep(MINUTE);
    row("CPU in an idle minute", &seconds(screen.ticks() - ticks), "at most 0.5 s");
    row("sent to the terminal in it", &format!("{} B", screen.drawn() - drawn), "0 B");
    row("received in it", &megabytes(wire.received() - wired), "");
    row("resident memory", &format!("{:.1} MB", screen.resident() as f64 * 1024.0 / 1e6), "at most 60 MB");
    for rate in [0_u32, 10, 100] {
        let noise = cluster.noise(rate);
        let (ticks, stolen, since) = (screen.ticks(), stalls::stolen(), Instant::now());
        let bare = cluster.bare(&wire.kubeconfig);
        let stalls = Stalls::watch();
        let mut took = Vec::new();
        let mut missed = 0;
        for n in 0..PROBES {
            match cluster.probe(n, &mut screen, &bare) {
                Some(one) => took.push(one),
                None => missed += 1,
            }
            // Each that never comes is waited for half a minute.
            if missed == 3 {
                break;
            }
        }
        drop((noise, bare));
        let stood = stalls.end();
        let of = |one: fn(&Took) -> Duration| figures(took.iter().map(one).collect());
        let what = format!("change to screen at {rate} changes a second, median, 99th");
        row(&what, &of(|took| took.screen), "at most 100 ms");
        row("  until watches that do nothing else are told of it", &of(|took| took.bare), "");
        let quiet: Vec<Duration> = took.iter().filter(|took| !took.within(&stood)).map(|took| took.screen).collect();
        let what = format!("  without {} during which this machine stood still", took.len() - quiet.len());
        row(&what, &figures(quiet), "");
        if missed > 0 {
            row("  changes that never reached the screen", &missed.to_string(), "0");
        }
        let spent = (screen.ticks() - ticks) as f64 / 100.0 * 60.0 / since.elapsed().as_secs_f64();
        row("  CPU a minute", &format!("{spent:.2} s"), "");
        let share = (stalls::stolen() - stolen) as f64 / since.elapsed().as_secs_f64();
        row("  taken from this machine by its host", &format!("{share:.1} % of a processor"), "");
    }
    row("resident memory afterwards", &format!("{:.1} MB", screen.resident() as f64 * 1024.0 / 1e6), "at most 60 MB");
    cluster.empty();
}

fn millis(took: Option<Duration>) -> String {
    took.map_or_else(|| "never".to_owned(), |took| format!("{:.0} ms", took.as_secs_f64() * 1e3))
}

/// The median and the 99th percentile.
fn figures(mut all: Vec<Duration>) -> String {
    all.sort_unstable();
    // The nearest rank: of 300, the 297th.
    let at = |percent: usize| all.get(all.len().saturating_mul(percent).div_ceil(100).saturating_sub(1)).copied();
    format!("{} {}", millis(at(50)), millis(at(99)))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

fn seconds(ticks: u64) -> String {
    // A tick is a hundredth of a second on every Linux in use.
    format!("{:.2} s", ticks as f64 / 100.0)
}
