//! What a kubelet shows of a Secret inside a pod, and when: late, and by the rules of `items` and `optional`.

use jiff::{SignedDuration, Timestamp};

use super::scenario::MountSort;
use super::secret::{KeysSecret, Values};
use super::seed::Seed;

/// The folder of a Secret volume as the processes of one pod see it. Without `Debug`.
pub(super) struct Mount {
    sort: MountSort,
    /// Fields named by `items`.
    items: Vec<String>,
    pub(super) files: Values,
    /// The version that is shown, or was tried.
    version: String,
    refresh: Option<Timestamp>,
    seed: Seed,
}

impl Mount {
    /// The volume of a pod that starts now; an error is why it cannot, in the kubelet's words.
    pub(super) fn fresh(
        sort: MountSort,
        items: &[String],
        secret: Option<&KeysSecret>,
        pod: &str,
    ) -> Result<Self, String> {
        let mut mount = Self {
            sort,
            items: items.to_vec(),
            files: Values::new(),
            version: String::new(),
            refresh: None,
            seed: Seed::of(&format!("mount {pod}")),
        };
        let name = secret.map_or("", |secret| secret.name.as_str());
        let present = secret.filter(|secret| secret.exists());
        match (present, sort) {
            (None, MountSort::Plain | MountSort::Items) => Err(format!("secret \"{name}\" not found")),
            (Some(secret), MountSort::Items) if mount.lacks(&secret.values()) => {
                Err("references non-existent secret key".to_owned())
            }
            (_, MountSort::Plain | MountSort::Optional | MountSort::Items) => {
                mount.show(present);
                Ok(mount)
            }
        }
    }

    fn lacks(&self, values: &Values) -> bool {
        self.items.iter().any(|item| !values.contains_key(item))
    }

    fn show(&mut self, secret: Option<&KeysSecret>) {
        self.version = secret.map_or_else(String::new, |secret| secret.version().to_owned());
        self.files = secret.map(KeysSecret::values).unwrap_or_default();
    }

    /// One second of the kubelet: it notices a change after a minute to a minute and a half. The API server must be there.
    pub(super) fn step(&mut self, secret: Option<&KeysSecret>, now: Timestamp) {
        let present = secret.filter(|secret| secret.exists());
        if present.map_or("", KeysSecret::version) == self.version {
            self.refresh = None;
            return;
        }
        let seed = &mut self.seed;
        let due = *self.refresh.get_or_insert_with(|| now + SignedDuration::from_secs(60 + seed.below(30) as i64));
        if due > now {
            return;
        }
        self.refresh = None;
        let stuck = match (present, self.sort) {
            (None, MountSort::Plain | MountSort::Items) => true,
            (Some(secret), MountSort::Items) => self.lacks(&secret.values()),
            (None, MountSort::Optional) | (Some(_), MountSort::Plain | MountSort::Optional) => false,
        };
        if stuck {
            // The update fails and is tried again and again; the old files stay.
            self.version = present.map_or_else(String::new, |secret| secret.version().to_owned());
        } else {
            self.show(present);
        }
    }

    /// The shares in it, as an unsealer reads them.
    pub(super) fn shares(&self) -> Vec<String> {
        self.files
            .iter()
            .filter(|(name, value)| *name != "root-token" && !value.is_empty())
            .filter_map(|(_, value)| String::from_utf8(value.clone()).ok())
            .collect()
    }
}
