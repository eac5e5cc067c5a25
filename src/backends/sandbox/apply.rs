//! Server-side apply in the sandbox, as the real API server does it.

use async_trait::async_trait;

use super::Sandbox;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::kube::port::{KubeWrite, SecretApply};

fn not_yet() -> Trouble {
    Trouble::new(TroubleKind::Refused, "the sandbox cannot do this yet", "", "Nothing was changed")
}

#[async_trait]
impl KubeWrite for Sandbox {
    async fn apply_secret(&self, _apply: SecretApply) -> Result<(), Trouble> {
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
