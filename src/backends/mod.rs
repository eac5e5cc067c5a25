//! Everything that touches a server or a disk: feeds that see, hands that act, and a sandbox that speaks the same ports.

pub mod backoff;
pub mod bao;
pub mod connect;
pub mod copies;
pub mod custody;
pub mod feeds;
pub mod files;
pub mod hands;
pub mod keys;
pub mod keystore;
pub mod kube;
pub mod sandbox;
pub mod supervisor;

/// Makes ring the process's TLS provider. Idempotent, and must run before the first Kubernetes or HTTP client is built:
/// without it reqwest panics, and with two candidates in the tree rustls would have to guess.
pub fn tls_provider() {
    // A second call finds one installed and says so; that is all we wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
