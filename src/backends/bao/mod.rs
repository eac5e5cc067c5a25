//! The HTTP API of OpenBao and Vault. Reading and writing are two types.

pub mod transport;
