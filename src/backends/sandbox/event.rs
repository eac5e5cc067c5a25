//! What can happen in a sandbox: the entries of `[[events]]`, one variant each.

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Spanned;

use super::kept::KeystoreSettings;
use super::scenario::{MountSort, Source};
use crate::app::trouble::Trouble;

/// One thing that happens to the simulated world from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The keys Secret loses its data.
    SecretEmptied { how: Way },
    /// The keys Secret is deleted.
    SecretDeleted,
    /// Somebody writes the right data back.
    SecretRestored,
    /// The shares in the Secret are replaced by ones of another vault: plausible and wrong.
    SecretSpoiled,
    /// Somebody replaces every value with a word that is to be replaced.
    SecretPlaceheld,
    /// The fields with shares are gone; whatever else is in it stays.
    SecretFieldLost,
    /// Somebody keeps the keys from now on as this says, copies, key files and all.
    Keystore { settings: Box<KeystoreSettings> },
    /// The chart mounts the Secret in this way from now on.
    MountChanged { to: MountSort },
    /// `bao operator init` at one server; its shares are known to whoever did it.
    Initialized { pod: String },
    /// Somebody gives the right shares to one server.
    PodUnsealed { pod: String },
    /// `kubectl delete pod`: the process ends cleanly, a new pod comes under the old name.
    PodDeleted { pod: String },
    /// The server's process is killed; its container restarts in the same pod.
    PodKilled { pod: String },
    /// The server's process ends and every new one ends at once.
    PodStopped { pod: String },
    /// What made every new process end is mended.
    PodMended { pod: String },
    /// Somebody with a token seals one server.
    PodSealed { pod: String },
    /// The unsealer's Deployment is scaled; sidecars crash when it is 0.
    UnsealerScaled { to: u32 },
    /// The API server goes or comes back, and every tunnel with it.
    ApiServer { up: bool },
    /// What this identity may not do from now on: `secrets`, `pods/portforward`, …
    Rights { deny: Vec<String> },
    /// Somebody else gives one share (not one of the right ones) to a sealed server.
    StrangerShare { pod: String },
    /// The StatefulSet names another version of the server: each pod runs it once it was deleted and made anew.
    Upgraded { version: String },
    /// A server's clock is wrong by this much.
    ClockSkew { pod: String, seconds: i64 },
    /// Objects are put into the cluster, or changed.
    Objects { put: Vec<serde_json::Value> },
    /// An object is deleted.
    ObjectGone { kind: String, namespace: String, name: String },
    /// The vault answers otherwise: by path without `/v1/`.
    Answers { set: Vec<(String, serde_json::Value)> },
}

/// An event with its moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduled {
    /// Virtual time since the start.
    pub at: SignedDuration,
    pub event: Event,
}

/// The ways in which a Secret was emptied on a real API server. Each begins with a Secret that was written in its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Server-side apply without data by the manager that owned it.
    SameManagerApply,
    /// `kubectl apply` with data, then `kubectl apply` without.
    ClientApply,
    /// `kubectl apply` with data, then `kubectl apply --server-side` without.
    ClientThenServerApply,
    /// `kubectl replace`.
    Replace,
    /// `kubectl patch` that removes the data, by a merge patch or a JSON patch: both leave the same.
    JsonPatch,
    /// `kubectl replace --force`: deleted and created again without data.
    Recreate,
    /// `kubectl apply` with a field set to "".
    EmptyValue,
    /// The same by a forced server-side apply.
    ForcedEmptyValue,
}

impl Way {
    /// Every way there is.
    pub const ALL: [Self; 8] = [
        Self::SameManagerApply,
        Self::ClientApply,
        Self::ClientThenServerApply,
        Self::Replace,
        Self::JsonPatch,
        Self::Recreate,
        Self::EmptyValue,
        Self::ForcedEmptyValue,
    ];
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum EventName {
    SecretEmptied,
    SecretDeleted,
    SecretRestored,
    SecretSpoiled,
    SecretPlaceheld,
    SecretFieldLost,
    Keystore,
    MountChanged,
    Initialized,
    PodUnsealed,
    PodDeleted,
    PodKilled,
    PodStopped,
    PodMended,
    PodSealed,
    UnsealerScaled,
    ApiServer,
    Rights,
    StrangerShare,
    Upgraded,
    ClockSkew,
    Objects,
    ObjectGone,
    Answers,
}

/// An event as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventWords {
    at: Spanned<String>,
    r#do: EventName,
    how: Option<Way>,
    pod: Option<String>,
    to: Option<u32>,
    up: Option<bool>,
    deny: Option<Vec<String>>,
    seconds: Option<i64>,
    version: Option<String>,
    mount: Option<MountSort>,
    keystore: Option<Spanned<KeystoreSettings>>,
    /// Objects as YAML documents.
    yaml: Option<Spanned<String>>,
    /// Answers as a YAML mapping from path to body.
    answers: Option<Spanned<String>>,
    kind: Option<String>,
    #[serde(default)]
    namespace: String,
    name: Option<String>,
}

impl EventWords {
    pub(super) fn read(&self, file: &Source<'_>) -> Result<Scheduled, Trouble> {
        let needs = |key: &str| file.wrong(self.at.span().start, &format!("this event needs `{key}`"));
        let pod = || self.pod.clone().ok_or_else(|| needs("pod"));
        let event = match self.r#do {
            EventName::SecretEmptied => Event::SecretEmptied { how: self.how.ok_or_else(|| needs("how"))? },
            EventName::SecretDeleted => Event::SecretDeleted,
            EventName::SecretRestored => Event::SecretRestored,
            EventName::SecretSpoiled => Event::SecretSpoiled,
            EventName::SecretPlaceheld => Event::SecretPlaceheld,
            EventName::SecretFieldLost => Event::SecretFieldLost,
            EventName::Keystore => {
                let settings = self.keystore.as_ref().ok_or_else(|| needs("keystore"))?;
                let checked = settings.get_ref().check_later();
                checked.map_err(|trouble| file.wrong(settings.span().start, &trouble.what))?;
                Event::Keystore { settings: Box::new(settings.get_ref().clone()) }
            }
            EventName::MountChanged => Event::MountChanged { to: self.mount.ok_or_else(|| needs("mount"))? },
            EventName::Initialized => Event::Initialized { pod: pod()? },
            EventName::PodUnsealed => Event::PodUnsealed { pod: pod()? },
            EventName::PodDeleted => Event::PodDeleted { pod: pod()? },
            EventName::PodKilled => Event::PodKilled { pod: pod()? },
            EventName::PodStopped => Event::PodStopped { pod: pod()? },
            EventName::PodMended => Event::PodMended { pod: pod()? },
            EventName::PodSealed => Event::PodSealed { pod: pod()? },
            EventName::UnsealerScaled => Event::UnsealerScaled { to: self.to.ok_or_else(|| needs("to"))? },
            EventName::ApiServer => Event::ApiServer { up: self.up.ok_or_else(|| needs("up"))? },
            EventName::Rights => Event::Rights { deny: self.deny.clone().ok_or_else(|| needs("deny"))? },
            EventName::StrangerShare => Event::StrangerShare { pod: pod()? },
            EventName::Objects => {
                Event::Objects { put: file.documents(self.yaml.as_ref().ok_or_else(|| needs("yaml"))?)? }
            }
            EventName::ObjectGone => Event::ObjectGone {
                kind: self.kind.clone().ok_or_else(|| needs("kind"))?,
                namespace: self.namespace.clone(),
                name: self.name.clone().ok_or_else(|| needs("name"))?,
            },
            EventName::Answers => {
                Event::Answers { set: file.mapping(self.answers.as_ref().ok_or_else(|| needs("answers"))?)? }
            }
            EventName::Upgraded => Event::Upgraded { version: self.version.clone().ok_or_else(|| needs("version"))? },
            EventName::ClockSkew => {
                Event::ClockSkew { pod: pod()?, seconds: self.seconds.ok_or_else(|| needs("seconds"))? }
            }
        };
        Ok(Scheduled { at: file.since_start(&self.at)?, event })
    }
}
