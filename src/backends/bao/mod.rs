//! The HTTP API of OpenBao and Vault. Reading and writing are two types.

pub mod ask;
mod bridge;
mod certificate;
pub mod engines_wire;
pub mod error;
pub mod estate_wire;
mod fault;
pub mod http;
pub mod raft_wire;
pub mod read;
pub mod rotate;
pub mod token_wire;
pub mod transport;
pub mod wire;
pub mod write;
