//! Kubernetes: the port through which it is read, the real client behind it, digests of objects into facts.

pub mod candidates;
pub mod client;
pub mod digest;
pub mod fault;
pub mod forward;
pub mod keys_secret;
pub mod mounts;
pub mod port;
pub mod real;
pub mod server_config;
pub mod unsealers;
mod watch;
mod x509;
