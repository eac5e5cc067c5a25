//! The clock's one home.

use jiff::Timestamp;

/// The wall clock, UTC.
#[expect(clippy::disallowed_methods, reason = "this is the clock's one home")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
