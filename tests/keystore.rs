//! The keystore's file: every refusal by its name, every change, a crash at every write, and a stranger's reader.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]

mod keystore {
    pub mod broken;
    pub mod changes;
    pub mod crash;
    pub mod files;
    pub mod made;
    pub mod mutations;
    pub mod reader;
    pub mod vectors;
}

#[path = "../fuzz/judge.rs"]
mod judge;
