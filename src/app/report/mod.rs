//! What `check` says: a document for programs, a few lines for people, an exit code for cron.

pub mod check;
pub mod exit;
pub mod remembered;
pub mod text;
