//! Where things live: config, state and data by the XDG variables, or in the native places of macOS.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::app::config::env::Env;
use crate::app::id::Identity;
use crate::app::trouble::Trouble;

/// The folders of this user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    config: PathBuf,
    state: PathBuf,
    data: PathBuf,
}

impl Dirs {
    /// Finds them; makes none. `state` is `--state-dir`, which is taken as it is.
    pub fn find(env: &Env, state: Option<&Path>) -> Result<Self, Trouble> {
        let home = env.path("HOME", true).or_else(|| etcetera::home_dir().ok()).ok_or_else(|| {
            Trouble::local(
                "there is no home folder",
                "HOME is not set and the user has none",
                "Set HOME, or give --config and --state-dir",
            )
        });
        let native = cfg!(target_os = "macos");
        let place = |variable: &str, xdg: &str, apple: &str| -> Result<PathBuf, Trouble> {
            if let Some(base) = env.path(variable, true) {
                return Ok(base.join("baowatch"));
            }
            let home = home.clone()?;
            Ok(if native {
                home.join("Library/Application Support/baowatch").join(apple)
            } else {
                home.join(xdg).join("baowatch")
            })
        };
        Ok(Self {
            config: place("XDG_CONFIG_HOME", ".config", "")?,
            state: match state {
                Some(folder) => folder.to_owned(),
                None => place("XDG_STATE_HOME", ".local/state", "state")?,
            },
            data: place("XDG_DATA_HOME", ".local/share", "data")?,
        })
    }

    /// The config file, whether it exists or not.
    pub fn config_file(&self) -> PathBuf {
        self.config.join("config.yaml")
    }

    /// The log file where nobody named one.
    pub fn log_file(&self) -> PathBuf {
        self.state.join("baowatch.log")
    }

    /// The folder above the clusters' folders.
    pub fn state_root(&self) -> &Path {
        &self.state
    }

    /// What outlives state.
    pub fn data_root(&self) -> &Path {
        &self.data
    }

    /// The keystore of one cluster and vault, whether it exists or not.
    pub fn keystore(&self, identity: &Identity) -> PathBuf {
        self.data.join(format!("{}.keystore", identity.folder()))
    }

    /// The state folder of one cluster and vault, made where it is missing.
    pub fn state(&self, identity: &Identity) -> Result<PathBuf, Trouble> {
        let folder = self.state.join(identity.folder());
        private(&folder).map_err(|error| super::not_written(&folder, &error))?;
        Ok(folder)
    }
}

/// Makes the folder, 0700, with everything above it; takes other people's rights away from one that has them.
pub fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let meta = std::fs::metadata(folder)?;
    if meta.mode() & 0o077 != 0 {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_come_first_and_relative_ones_are_ignored() {
        let env = Env::of(&[("HOME", "/home/me"), ("XDG_STATE_HOME", "/var/me"), ("XDG_CONFIG_HOME", "relative")]);
        let dirs = Dirs::find(&env, None).unwrap();
        assert_eq!(dirs.state_root(), Path::new("/var/me/baowatch"));
        assert_eq!(Dirs::find(&env, Some(Path::new("/s"))).unwrap().state_root(), Path::new("/s"));
        #[cfg(not(target_os = "macos"))]
        assert_eq!(dirs.config_file(), Path::new("/home/me/.config/baowatch/config.yaml"));
    }

    #[test]
    fn folders_are_private() {
        let base = tempfile::tempdir().unwrap();
        let dirs = Dirs::find(&Env::of(&[("HOME", "/home/me")]), Some(&base.path().join("s"))).unwrap();
        let folder = dirs.state(&Identity::of_cluster("uid", "data", "../x")).unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(folder.starts_with(base.path().join("s")), "{folder:?}");
    }
}
