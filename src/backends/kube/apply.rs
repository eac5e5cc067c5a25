//! Server-side apply as field manager `baowatch`: the only way in which this program writes to a cluster.

use async_trait::async_trait;
use kube::Client;

use super::port::{KubeWrite, SecretApply};
use crate::app::trouble::{Trouble, TroubleKind};

/// The field manager under which every write is made and can be told from others.
pub const MANAGER: &str = "baowatch";

/// Writes to a cluster through the client.
pub struct KubeApply {
    client: Client,
}

impl KubeApply {
    /// Over a client from [`super::client::connect`], so that it is bounded.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }
}

fn not_yet() -> Trouble {
    Trouble::new(TroubleKind::Refused, "this cannot be done yet", "", "Nothing was changed")
}

#[async_trait]
impl KubeWrite for KubeApply {
    async fn apply_secret(&self, _apply: SecretApply) -> Result<(), Trouble> {
        let _ = &self.client;
        Err(not_yet())
    }

    async fn apply_config_map(
        &self,
        _namespace: &str,
        _name: &str,
        _data: Vec<(String, String)>,
    ) -> Result<(), Trouble> {
        Err(not_yet())
    }
}
