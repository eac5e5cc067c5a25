//! Everything that changes a replica. Only `backends::hands` builds one of these.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::error::{classify, errors, rubbish};
use super::transport::{Access, Method, Request, Response, Transport};
use super::wire::SealStatus;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keys::SecretShare;

const UNSEAL: &str = "/v1/sys/unseal";

/// What the server answered to a share or a reset: its seal status afterwards.
pub type UnsealReply = SealStatus;

/// Writes to replicas, each by its own name.
pub struct BaoWrite(pub(super) Arc<dyn Transport>);

impl BaoWrite {
    /// Not for anything but the hands: whoever holds one of these can change a replica.
    pub(in crate::backends) fn new(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }

    /// `PUT /sys/unseal {"key": …}`. An answer is no proof by itself: an open server says yes to anything, a sealed one
    /// counts garbage as progress.
    pub async fn submit_share(&self, replica: &str, share: &SecretShare) -> Result<UnsealReply, Trouble> {
        // Written by hand into one buffer of the right size: hex needs no escaping, and a serialiser's own buffer would
        // not be wiped.
        let mut body = Zeroizing::new(Vec::with_capacity(share.text().len() + 16));
        body.extend_from_slice(b"{\"key\":\"");
        body.extend_from_slice(share.text().as_bytes());
        body.extend_from_slice(b"\"}");
        let answer = self.put(replica, body).await?;
        match answer.status {
            200 => SealStatus::read(&answer.body).ok_or_else(|| rubbish(replica, UNSEAL, &answer)),
            400 => Err(refused(replica, &answer)),
            _ => Err(withheld(classify(replica, UNSEAL, &answer), share)),
        }
    }

    /// `PUT /sys/unseal {"reset": true}`: the progress of the attempt under way is discarded, whoever made it.
    pub async fn reset_unseal(&self, replica: &str) -> Result<UnsealReply, Trouble> {
        let answer = self.put(replica, Zeroizing::new(b"{\"reset\":true}".to_vec())).await?;
        match answer.status {
            200 => SealStatus::read(&answer.body).ok_or_else(|| rubbish(replica, UNSEAL, &answer)),
            _ => Err(classify(replica, UNSEAL, &answer)),
        }
    }

    async fn put(&self, replica: &str, body: Zeroizing<Vec<u8>>) -> Result<Response, Trouble> {
        self.0
            .send(
                replica,
                Request { method: Method::Put, path: UNSEAL.to_owned(), body: Some(body), access: Access::none() },
            )
            .await
    }
}

/// The ways in which a share is refused. The server's sentence is only recognised, never repeated: what stands in front
/// of it might echo the request.
fn refused(replica: &str, answer: &Response) -> Trouble {
    let says = errors(&answer.body).and_then(|list| list.into_iter().next()).unwrap_or_default();
    let wrong = ["message authentication failed", "invalid key", "unable to retrieve stored keys", "failed to decrypt"];
    if says.contains("must be a valid hex or base64") || says.contains("must be specified") {
        return Trouble::new(
            TroubleKind::Refused,
            &format!("{replica} does not take this for an unseal key"),
            "it is too short, or neither hex nor base64; nothing changed",
            "Look at the field that holds the key, or type the share",
        );
    }
    if wrong.iter().any(|part| says.contains(part)) {
        return Trouble::new(
            TroubleKind::Refused,
            "the shares are not this vault's keys",
            &format!("{replica} refused them at the threshold; progress is lost and nothing else changed"),
            "Find the shares that belong to this vault: at least one of those given is wrong, and the server does not \
             say which",
        );
    }
    if answer.body.starts_with(b"Client sent an HTTP request") {
        return classify(replica, UNSEAL, answer);
    }
    Trouble::new(
        TroubleKind::Refused,
        &format!("{replica} refused the share"),
        "for a reason that is not among those known; its log has it",
        "Look at this replica's log, and at its progress before giving another share",
    )
}

/// Drops a server's sentence that holds a part of what was sent to it.
pub(super) fn withheld(trouble: Trouble, share: &SecretShare) -> Trouble {
    let told = trouble.to_string().to_ascii_lowercase();
    let head = share.text().get(..12).unwrap_or_default();
    if !told.contains(head) {
        return trouble;
    }
    Trouble::new(trouble.kind, "the answer to the share repeats it and is not shown", "", "Look at this replica's log")
}
