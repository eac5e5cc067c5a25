//! The proof: the real binary against a real OpenBao and a real Kubernetes API server, from the verdict to the repair.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

#[allow(dead_code, reason = "the table test uses the rest")]
#[path = "../captured/mod.rs"]
mod captured;
#[path = "../lab/mod.rs"]
mod lab;
#[path = "../pty/mod.rs"]
mod pty;
#[path = "../world/mod.rs"]
mod world;

mod asked;
mod canary;
mod copies;
mod crash;
mod emptied;
mod estate;
mod incident;
mod keys;
mod looked;
mod moments;
mod nodes;
mod outage;
mod postgres;
mod prove;
mod prove_crash;
mod raft;
mod restore;
mod rights;
mod rotation;
mod rules;
mod silence;
mod stage;
mod staged;
mod sync;
mod target;
mod tokens;
mod unseal;
mod verdict;
mod withheld;
mod workloads;
