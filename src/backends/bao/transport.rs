//! One request to one named replica. Everything above it is the same for a tunnel, an address and the sandbox.

use async_trait::async_trait;
use secrecy::SecretString;
use zeroize::{Zeroize as _, Zeroizing};

use crate::app::trouble::Trouble;

/// The verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Put,
    Delete,
    /// `LIST`, of this API alone.
    List,
}

/// With whose authority, and in which namespace. Has no `Debug`, like the request that it goes with.
#[derive(Clone, Default)]
pub struct Access {
    /// `X-Vault-Token`.
    pub token: Option<SecretString>,
    /// `X-Vault-Namespace`; `None` for the root.
    pub namespace: Option<String>,
}

impl Access {
    /// Nobody's, in the root: for everything that a server answers without a token.
    pub const fn none() -> Self {
        Self { token: None, namespace: None }
    }

    /// With this token, in the root.
    pub const fn with(token: SecretString) -> Self {
        Self { token: Some(token), namespace: None }
    }
}

/// A request. Has no `Debug`: its body may hold a share.
pub struct Request {
    pub method: Method,
    /// With the `/v1` prefix: `/v1/sys/seal-status`, `/v1/sys/leases/count?type=irrevocable`.
    pub path: String,
    /// JSON, wiped when it is dropped.
    pub body: Option<Zeroizing<Vec<u8>>>,
    /// With whose authority.
    pub access: Access,
}

/// An answer with its body bounded to [`LONGEST_BODY`] and wiped when it is dropped: it may hold new keys.
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
    /// The body was longer than [`LONGEST_BODY`] and the rest was not read.
    pub truncated: bool,
    /// `Location` of a redirect; never followed.
    pub location: Option<String>,
}

impl Drop for Response {
    fn drop(&mut self) {
        self.body.zeroize();
    }
}

/// No answer that Baowatch needs is longer; what is longer is not read on.
pub const LONGEST_BODY: usize = 1 << 20;

/// Carries requests to replicas. Errors are about not getting an answer; an HTTP status of any kind is an answer.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one request to the replica of this name, with a timeout of its own.
    async fn send(&self, replica: &str, request: Request) -> Result<Response, Trouble>;
}
