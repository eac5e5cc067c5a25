//! One request to one named replica. Everything above it is the same for a tunnel, an address and the sandbox.

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::app::trouble::Trouble;

/// The verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Put,
    Delete,
}

/// A request. Has no `Debug`: its body may hold a share.
pub struct Request {
    pub method: Method,
    /// With the `/v1` prefix and without a query: `/v1/sys/seal-status`.
    pub path: String,
    /// JSON, wiped when it is dropped.
    pub body: Option<Zeroizing<Vec<u8>>>,
}

/// An answer with its body bounded to [`LONGEST_BODY`].
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
    /// The body was longer than [`LONGEST_BODY`] and the rest was not read.
    pub truncated: bool,
    /// `Location` of a redirect; never followed.
    pub location: Option<String>,
}

/// No answer that Baowatch needs is longer; what is longer is not read on.
pub const LONGEST_BODY: usize = 1 << 20;

/// Carries requests to replicas. Errors are about not getting an answer; an HTTP status of any kind is an answer.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request to the replica of this name, with a timeout of its own.
    async fn send(&self, replica: &str, request: Request) -> Result<Response, Trouble>;
}
