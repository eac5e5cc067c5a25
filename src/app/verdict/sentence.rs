//! The words of the verdict.
