//! The encrypted keystore: one file for one vault, opened by any one of its slots.
//!
//! Every byte of the format is described in `assets/keystore-format.md`.

mod agree;
pub mod bounds;
mod change;
pub mod custody;
pub mod error;
pub mod format;
pub mod header;
pub mod import;
pub mod kdf;
pub mod keeper;
pub mod keyfile;
pub mod keyring;
pub mod locked;
pub mod opened;
pub mod payload;
pub mod recovery;
pub mod slot;
pub mod store;
mod wire;
pub mod write;

pub use custody::NewFile;
pub use error::KeystoreError;
pub use keeper::Keeper;
pub use opened::Opened;
pub use payload::{Generation, Payload, SecretBytes};
pub use slot::Opener;
