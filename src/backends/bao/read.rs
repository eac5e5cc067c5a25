//! Everything that is read from a replica. Nothing here can change one, and nothing here needs a token.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::error::{classify, rubbish};
use super::transport::{Access, Method, Request, Response, Transport};
use super::wire::{Health, HealthSeen, Leader, SealStatus, fold};
use crate::app::model::seal::SealSeen;
use crate::app::trouble::Trouble;

const SEAL_STATUS: &str = "/v1/sys/seal-status";
const HEALTH: &str = "/v1/sys/health";
const LEADER: &str = "/v1/sys/leader";

/// Statuses with which `/sys/health` answers in its own words; 472 to 474 and 530 are Vault's.
const HEALTH_STATUSES: [u16; 8] = [200, 429, 472, 473, 474, 501, 503, 530];

/// Reads replicas, each by its own name.
#[derive(Clone)]
pub struct BaoRead(pub(super) Arc<dyn Transport>);

impl BaoRead {
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        Self(transport)
    }

    /// What one replica says of itself. `now` is our clock when this is called, for the skew of its clock.
    ///
    /// Only `seal-status` must answer; `health` and `leader` add what they can. No namespace header goes with any of
    /// them: `health` refuses one with 400, and the others would answer for the root anyway.
    pub async fn seal(&self, replica: &str, now: Timestamp) -> Result<SealSeen, Trouble> {
        let began = Instant::now();
        let status = self.seal_status(replica).await?;
        let health = self.health(replica, now, began).await;
        let leader = if status.is_initialized() && !status.is_sealed() { self.leader(replica).await } else { None };
        Ok(fold(&status, health.as_ref(), leader.as_ref()))
    }

    /// `/sys/seal-status` alone: what the hands look at right before they act.
    pub async fn seal_status(&self, replica: &str) -> Result<SealStatus, Trouble> {
        let answer = self.get(replica, SEAL_STATUS).await?;
        if answer.status != 200 {
            return Err(classify(replica, SEAL_STATUS, &answer));
        }
        SealStatus::read(&answer.body).ok_or_else(|| rubbish(replica, SEAL_STATUS, &answer))
    }

    async fn health(&self, replica: &str, now: Timestamp, began: Instant) -> Option<HealthSeen> {
        let sent = began.elapsed();
        let answer = self.get(replica, HEALTH).await.ok()?;
        if !HEALTH_STATUSES.contains(&answer.status) {
            return None;
        }
        let body = Health::read(&answer.body)?;
        // Half of the round trip is the best guess of when the server looked at its clock.
        let middle = SignedDuration::try_from((sent + began.elapsed()) / 2).unwrap_or(SignedDuration::ZERO);
        let ours = now.checked_add(middle).unwrap_or(now);
        let skew_seconds = body.server_time_utc.map(|theirs| theirs.saturating_sub(ours.as_second()));
        Some(HealthSeen { status: answer.status, body, skew_seconds })
    }

    async fn leader(&self, replica: &str) -> Option<Leader> {
        let answer = self.get(replica, LEADER).await.ok()?;
        if answer.status == 200 { Leader::read(&answer.body) } else { None }
    }

    async fn get(&self, replica: &str, path: &str) -> Result<Response, Trouble> {
        self.0
            .send(replica, Request { method: Method::Get, path: path.to_owned(), body: None, access: Access::none() })
            .await
    }
}
