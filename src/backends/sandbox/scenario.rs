//! Scenario files: what a sandbox is at the start, what happens in it and when, and what must be said of it then.
//! The same files feed the demo, the drills and the tests.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;

use super::event::{Event, EventWords, Scheduled, Way};
use super::kept::KeystoreSettings;
use crate::app::trouble::Trouble;

/// Every scenario that ships with the program: name and text. The first is the demo's.
pub fn scenarios() -> &'static [(&'static str, &'static str)] {
    macro_rules! shipped {
        ($($name:literal),* $(,)?) => {
            &[$(($name, include_str!(concat!("../../../assets/scenarios/", $name, ".toml")))),*]
        };
    }
    shipped![
        "keys-wiped",
        "healthy",
        "sealed-after-restart",
        "fresh-install",
        "api-server-gone",
        "quorum-lost",
        "applied-by-hand",
        "keys-swapped",
        "placeholder",
        "one-place",
        "keystore-lost",
        "keystore-damaged",
        "key-files",
        "seal-key-lost",
        "sync-operator-dead",
        "workload-stale",
        "workload-rollouts",
        "leader-killed",
        "namespace-sealed",
        "node-fills-up",
        "token-clobbered",
        "token-runs-out",
        "rotation-stopped",
        "rotation-left-behind",
        "sync-external",
        "sync-lies"
    ]
}

/// The seal of the simulated vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealSort {
    Shamir,
    Static,
}

impl SealSort {
    /// The API's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Shamir => "shamir",
            Self::Static => "static",
        }
    }
}

/// What unseals in the simulated cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnsealerSort {
    /// A container in each pod of the vault.
    Sidecar,
    /// A Deployment beside the vault.
    Deployment,
    /// Nothing: people.
    None,
}

/// How the unsealer consumes the Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountSort {
    /// A volume without `items`: mirrors the Secret.
    Plain,
    /// The same with `optional: true`: new pods start without the Secret.
    Optional,
    /// With `items`: a running pod keeps the old file when the field goes.
    Items,
}

/// `[vault]` of a scenario: what is there at the start.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct VaultSettings {
    pub namespace: String,
    pub name: String,
    pub replicas: u32,
    pub shares: u32,
    pub threshold: u32,
    pub seal: SealSort,
    pub version: String,
    /// Initialised and open at the start.
    pub initialized: bool,
    pub unsealer: UnsealerSort,
    pub mount: MountSort,
    /// The keys Secret; empty for none.
    pub secret: String,
    /// `podManagementPolicy: OrderedReady`.
    pub ordered: bool,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            namespace: "openbao".into(),
            name: "openbao".into(),
            replicas: 3,
            shares: 1,
            threshold: 1,
            seal: SealSort::Shamir,
            version: "2.7.2".into(),
            initialized: true,
            unsealer: UnsealerSort::Sidecar,
            mount: MountSort::Plain,
            secret: "openbao-keys".into(),
            ordered: false,
        }
    }
}

impl VaultSettings {
    /// Names of the replicas, in order.
    pub fn members(&self) -> Vec<String> {
        (0..self.replicas).map(|n| format!("{}-{n}", self.name)).collect()
    }
}

/// One `[[expect]]`: what must be said at that moment. What is not given is not asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Virtual time since the start.
    pub at: SignedDuration,
    /// The state of the verdict, in the contract's word.
    pub verdict: Option<String>,
    pub restarts_to_outage: Option<u32>,
    /// What could mend it, in the contract's word.
    pub recoverable: Option<String>,
    /// Rules that must be firing; others may.
    pub alerts: Vec<String>,
    /// Rules that must not be firing.
    pub quiet: Vec<String>,
    /// Part of the sentence.
    pub sentence_contains: Option<String>,
}

/// One scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: String,
    pub title: String,
    /// One paragraph, for `demo --list`.
    pub says: String,
    /// Virtual wall clock at the start.
    pub start: Timestamp,
    /// Where a demo without `--at` opens: the world has lived this long by then.
    pub open_at: SignedDuration,
    pub vault: VaultSettings,
    /// What is held of its keys elsewhere.
    pub keystore: KeystoreSettings,
    /// Objects that the cluster holds at the start, beside the vault's own.
    pub objects: Vec<Value>,
    /// What the vault answers to questions, by path without `/v1/`.
    pub answers: Vec<(String, Value)>,
    /// In order of time.
    pub events: Vec<Scheduled>,
    expect: Vec<Expectation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileWords {
    title: String,
    says: String,
    #[serde(default)]
    start: Option<Spanned<String>>,
    #[serde(default)]
    open_at: Option<Spanned<String>>,
    #[serde(default)]
    vault: VaultSettings,
    keystore: Option<Spanned<KeystoreSettings>>,
    /// Objects as YAML documents.
    objects: Option<Spanned<String>>,
    /// Answers as a YAML mapping from path to body.
    answers: Option<Spanned<String>>,
    #[serde(default)]
    events: Vec<EventWords>,
    #[serde(default)]
    expect: Vec<ExpectWords>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectWords {
    at: Spanned<String>,
    verdict: Option<String>,
    #[serde(rename = "restartsToOutage")]
    restarts_to_outage: Option<u32>,
    recoverable: Option<String>,
    #[serde(default)]
    alerts: Vec<String>,
    #[serde(default)]
    quiet: Vec<String>,
    sentence_contains: Option<String>,
}

impl Scenario {
    /// One that ships with the program.
    pub fn named(name: &str) -> Result<Self, Trouble> {
        let found = scenarios().iter().find(|(known, _)| *known == name);
        let Some((known, text)) = found else {
            let all: Vec<&str> = scenarios().iter().map(|(known, _)| *known).collect();
            return Err(Trouble::local(
                &format!("There is no scenario {name}"),
                "",
                &format!("Known are {}; `baowatch demo --list` tells their stories", all.join(", ")),
            ));
        };
        Self::parse(known, text)
    }

    /// Reads the text of a file. What cannot be understood is named with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Trouble> {
        let file = Source { name, text };
        let words: FileWords =
            toml::from_str(text).map_err(|e| file.wrong(e.span().map_or(0, |span| span.start), e.message()))?;
        let start = match &words.start {
            Some(start) => start.get_ref().parse().map_err(|_| file.wrong(start.span().start, "not a UTC time"))?,
            None => Timestamp::from_second(1_795_320_000).unwrap_or_default(),
        };
        let open_at = words.open_at.as_ref().map_or(Ok(SignedDuration::ZERO), |at| file.since_start(at))?;
        let mut events = words.events.iter().map(|event| event.read(&file)).collect::<Result<Vec<_>, _>>()?;
        events.sort_by_key(|event| event.at);
        let mut expect = words.expect.into_iter().map(|e| e.read(&file)).collect::<Result<Vec<_>, _>>()?;
        expect.sort_by_key(|e| e.at);
        if let Some(keystore) = &words.keystore {
            keystore.get_ref().check().map_err(|trouble| file.wrong(keystore.span().start, &trouble.what))?;
        }
        let keystore = words.keystore.map(Spanned::into_inner).unwrap_or_default();
        let (name, title) = (name.to_owned(), words.title);
        let objects = words.objects.as_ref().map_or(Ok(Vec::new()), |text| file.documents(text))?;
        let answers = words.answers.as_ref().map_or(Ok(Vec::new()), |text| file.mapping(text))?;
        Ok(Self {
            objects,
            answers,
            name,
            title,
            says: words.says.trim().to_owned(),
            start,
            open_at,
            vault: words.vault,
            keystore,
            events,
            expect,
        })
    }

    /// What must be said when, in order of time.
    pub fn expectations(&self) -> &[Expectation] {
        &self.expect
    }

    /// The moment that lies this long after the start.
    pub fn moment(&self, since_start: SignedDuration) -> Timestamp {
        self.start.saturating_add(since_start).unwrap_or(self.start)
    }

    /// The first way in which the Secret is emptied decides how it was written: each way needs its own
    /// beginning. Where nobody empties it, it was created by hand and belongs to nobody who applies.
    pub(super) fn written(&self) -> Way {
        self.events
            .iter()
            .find_map(|scheduled| match &scheduled.event {
                Event::SecretEmptied { how } => Some(*how),
                Event::SecretDeleted
                | Event::SecretRestored
                | Event::SecretSpoiled
                | Event::SecretPlaceheld
                | Event::SecretFieldLost
                | Event::Keystore { .. }
                | Event::MountChanged { .. }
                | Event::Initialized { .. }
                | Event::PodUnsealed { .. }
                | Event::PodMended { .. }
                | Event::PodDeleted { .. }
                | Event::PodKilled { .. }
                | Event::PodStopped { .. }
                | Event::PodSealed { .. }
                | Event::UnsealerScaled { .. }
                | Event::ApiServer { .. }
                | Event::Rights { .. }
                | Event::StrangerShare { .. }
                | Event::Upgraded { .. }
                | Event::ClockSkew { .. }
                | Event::Objects { .. }
                | Event::ObjectGone { .. }
                | Event::Answers { .. } => None,
            })
            .unwrap_or(Way::Replace)
    }
}

impl ExpectWords {
    fn read(self, file: &Source<'_>) -> Result<Expectation, Trouble> {
        Ok(Expectation {
            at: file.since_start(&self.at)?,
            verdict: self.verdict,
            restarts_to_outage: self.restarts_to_outage,
            recoverable: self.recoverable,
            alerts: self.alerts,
            quiet: self.quiet,
            sentence_contains: self.sentence_contains,
        })
    }
}

/// The text of a scenario, for errors that name the line.
pub(super) struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

impl Source<'_> {
    pub(super) fn wrong(&self, offset: usize, why: &str) -> Trouble {
        let line = self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        Trouble::local(
            &format!("Scenario {} cannot be read: line {line}", self.name),
            why,
            "Compare it with one that ships: assets/scenarios/keys-wiped.toml",
        )
    }

    /// Objects, one YAML document each.
    pub(super) fn documents(&self, text: &Spanned<String>) -> Result<Vec<Value>, Trouble> {
        let read = serde_saphyr::from_multiple::<Value>(text.get_ref());
        read.map_err(|error| self.wrong(text.span().start, &error.to_string()))
    }

    /// A YAML mapping.
    pub(super) fn mapping(&self, text: &Spanned<String>) -> Result<Vec<(String, Value)>, Trouble> {
        let read = serde_saphyr::from_str::<std::collections::BTreeMap<String, Value>>(text.get_ref());
        read.map(|map| map.into_iter().collect()).map_err(|error| self.wrong(text.span().start, &error.to_string()))
    }

    pub(super) fn since_start(&self, at: &Spanned<String>) -> Result<SignedDuration, Trouble> {
        let read = at.get_ref().parse::<SignedDuration>();
        read.ok()
            .filter(|at| !at.is_negative())
            .ok_or_else(|| self.wrong(at.span().start, "not a time since the start, such as 90s, 52m or 1h30m"))
    }
}
