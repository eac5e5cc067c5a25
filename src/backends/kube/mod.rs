//! Kubernetes: the port through which it is read, the real client behind it, digests of objects into facts.

pub mod port;
