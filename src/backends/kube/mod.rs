//! Kubernetes: the port through which it is read, the real client behind it, digests of objects into facts.

pub mod apply;
pub mod at;
pub mod candidates;
pub mod client;
pub mod consumer_digest;
pub mod digest;
#[cfg(test)]
pub mod fake;
pub mod fault;
pub mod forward;
pub mod keys_secret;
mod many;
pub mod mounts;
pub mod node_digest;
mod page;
pub mod pod_digest;
pub mod port;
mod quantity;
pub mod real;
pub mod register;
mod review;
pub mod secret_digest;
pub mod server_config;
pub mod server_look;
pub mod sync_digest;
pub mod unsealers;
mod watch;
pub(super) mod x509;
