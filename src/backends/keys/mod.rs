//! Unseal keys as they lie in a Secret: recognising them, naming them without showing them, lending one for its use.

pub mod digest;
pub mod material;
pub mod names;

pub use digest::{Salt, Taken, digest, fingerprint, nth_share, take};
pub use material::{SecretShare, shares_in};
pub use names::FieldNames;
