//! The vault whose keys are in the keystore, as far as a KV engine must be told from it.

use std::sync::Arc;

use async_trait::async_trait;

use super::kv::Own;
use crate::backends::feeds::seal::SealReader;

/// Its replicas.
pub struct Replicas {
    /// Their names.
    pub members: Vec<String>,
    /// Their addresses, where they are known by addresses.
    pub addresses: Vec<String>,
    /// Asks one.
    pub seal: Arc<dyn SealReader>,
}

#[async_trait]
impl Own for Replicas {
    fn addresses(&self) -> Vec<String> {
        self.addresses.clone()
    }

    async fn cluster_id(&self) -> Option<String> {
        for member in &self.members {
            if let Ok(seen) = self.seal.seal(member).await
                && seen.cluster_id.is_some()
            {
                return seen.cluster_id;
            }
        }
        None
    }
}

/// A vault that cannot be asked now: what the keystore's header says of it must do.
pub struct OutOfReach;

#[async_trait]
impl Own for OutOfReach {
    fn addresses(&self) -> Vec<String> {
        Vec::new()
    }

    async fn cluster_id(&self) -> Option<String> {
        None
    }
}
