//! State on disk: journals, history, proofs, salt.
