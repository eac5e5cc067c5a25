//! The registry of rules: one file each, one line here.

use super::Rule;

/// Every rule there is.
pub fn all() -> &'static [&'static dyn Rule] {
    &[]
}
