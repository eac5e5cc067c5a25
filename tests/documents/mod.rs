//! What the documents are generated from, and what they claim.

pub mod blocks;
pub mod proof;
