//! Cases of sync objects that nobody captured: merged logins, and operators of before 1.0 by their source.

mod globals;
mod old;
