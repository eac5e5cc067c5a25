//! Everything that touches a server or a disk: feeds that see, hands that act, and a sandbox that speaks the same ports.

pub mod bao;
pub mod feeds;
pub mod files;
pub mod hands;
pub mod keys;
pub mod kube;
pub mod sandbox;
