//! The example that `config example` prints; a test reads it and sees that it mentions every key.

/// `assets/config/example.yaml`.
pub const EXAMPLE: &str = include_str!("../../../assets/config/example.yaml");
