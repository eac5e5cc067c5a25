//! What the sandbox's engineer holds of the keys: a keystore in memory, its copies, files in custody.

use std::sync::Arc;

use super::Sandbox;
use crate::app::id::Identity;
use crate::backends::copies::Copies;
use crate::backends::feeds::Held;
use crate::backends::keys::Salt;
use crate::backends::keystore::Keeper;
use crate::backends::keystore::store::MemoryStore;

/// The sandbox's keys are made up from a seed, and so is its salt: the same screen on every machine.
pub fn salt() -> Salt {
    Salt(b"baowatch sandbox".to_vec())
}

impl Sandbox {
    /// What is held of its keys.
    pub fn held(&self) -> Held {
        let store = Arc::new(MemoryStore::new("/home/demo/.local/share/baowatch/demo.keystore", None));
        let identity = Identity("sandbox".to_owned());
        Held {
            keeper: Keeper::new(store, identity, salt(), Arc::new(|_| Vec::new()), false),
            copies: Arc::new(Copies::new(None)),
            holder: "demo".to_owned(),
        }
    }
}
