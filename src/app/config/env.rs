//! The environment as a value: read once, handed in, so that precedence can be tested without touching the process.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Variables by name. Its `Debug` shows names only: a token may be among the values.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The process's own. Variables that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// An environment of these variables and no others.
    pub fn of(variables: &[(&str, &str)]) -> Self {
        Self(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// The variable, unless it is unset or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The first of these that is set, with its name: `BAO_ADDR` is asked before `VAULT_ADDR`, as the `bao` command does.
    pub fn first(&self, names: &[&'static str]) -> Option<(&'static str, &str)> {
        names.iter().find_map(|name| Some((*name, self.get(name)?)))
    }

    /// The variable as a path. A relative path is refused where `absolute`, as the XDG specification asks.
    pub fn path(&self, name: &str, absolute: bool) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from).filter(|path| !absolute || path.is_absolute())
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_in_debug() {
        let env = Env::of(&[("VAULT_TOKEN", "hvs.CANARY"), ("EMPTY", "")]);
        assert_eq!(format!("{env:?}"), r#"{"EMPTY", "VAULT_TOKEN"}"#);
        assert_eq!(env.get("EMPTY"), None);
        assert_eq!(env.first(&["BAO_TOKEN", "VAULT_TOKEN"]), Some(("VAULT_TOKEN", "hvs.CANARY")));
    }
}
