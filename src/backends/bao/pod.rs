//! Tunnels to pods through the API server, as the HTTP transport dials them.

use async_trait::async_trait;

use super::bridge::{Dial, TunnelIo};
use crate::app::trouble::Trouble;
use crate::backends::kube::forward::PortForward;

#[async_trait]
impl Dial for PortForward {
    async fn dial(&self, replica: &str) -> Result<Box<dyn TunnelIo>, Trouble> {
        // A replica in Kubernetes has its pod's name.
        Ok(Box::new(Self::dial(self, replica).await?))
    }
}
