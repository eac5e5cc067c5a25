//! The config file: its keys, and what is wrong with one, with line, column and the nearest known key.
//!
//! It is only ever read. Unknown keys are errors, and no error repeats a value: somebody may have pasted a token.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Error, Location, Spanned};

use super::cli::{ThemeName, duration};
use super::nearest::nearest;
use crate::app::model::fact::Environment;
use crate::app::model::reopens::Mechanism;
use crate::app::model::tokens::{KEYS_SECRET, OWN};
use crate::app::trouble::Trouble;

/// No config file is longer; what is longer is not a config file.
const LONGEST: u64 = 1 << 20;

/// A plan is read, answered and confirmed within it.
const SHORTEST_OPEN: SignedDuration = SignedDuration::from_secs(30);
const SHORTEST_CHECK: SignedDuration = SignedDuration::from_mins(1);

/// The whole file. Every key is optional.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfigFile {
    /// By the name that `--cluster` takes and the banner shows.
    pub clusters: BTreeMap<String, Cluster>,
    /// By rule name.
    pub rules: BTreeMap<Key, Rule>,
    /// What counts as proof.
    pub proof: ProofEntry,
    /// Colours.
    pub theme: Option<ThemeName>,
    /// ASCII characters only.
    pub ascii: bool,
    /// No colour and no line drawing.
    pub plain: bool,
    /// Offer no action.
    pub read_only: bool,
}

/// One cluster.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cluster {
    /// The kubeconfig context; the entry's own name where it is left out and no address is given.
    pub context: Option<String>,
    /// What is at stake; production where it is left out.
    pub environment: Option<Environment>,
    /// The vault in it.
    pub vault: Vault,
    /// The encrypted keystore of its keys.
    pub keystore: KeystoreEntry,
    /// What of the cluster is watched beside the vault.
    pub watch: WatchEntry,
    /// Files whose tokens are looked after, by name.
    pub tokens: Vec<TokenEntry>,
}

/// What of a cluster is watched beside the vault.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WatchEntry {
    /// These namespaces only; the whole cluster where it is left out.
    pub namespaces: Vec<String>,
    /// How often in a minute the vault may be asked for KV metadata; 120 where it is left out, 0 for never.
    pub paths_per_minute: Option<u32>,
}

/// A file that holds a token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenEntry {
    /// What it is called on the screen.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The `display_name` that its token should have.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Policies that it should have.
    #[serde(default)]
    pub policies: Vec<String>,
    /// What it must be able to do: capabilities by path.
    #[serde(default)]
    pub needs: BTreeMap<String, Vec<String>>,
    /// Whether its uses are counted. Only one of which this says no is ever asked about itself, since that would spend a use;
    /// where it is left out nobody knows.
    #[serde(default)]
    pub limited: Option<bool>,
    /// The OpenBao namespace that it is of; the root where it is left out.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// The keystore of a cluster.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeystoreEntry {
    /// The file; in the data folder where it is left out.
    pub path: Option<PathBuf>,
    /// A file of 32 random bytes, mode 0400, that opens it without anybody being asked.
    pub keyfile: Option<PathBuf>,
    /// An unlocked keystore that nobody uses locks itself after this long.
    #[serde(deserialize_with = "spoken")]
    pub lock_after: Option<SignedDuration>,
    /// What this machine is called in the register; user and host where it is left out.
    pub holder: Option<String>,
    /// How often copies are read back and compared.
    #[serde(deserialize_with = "spoken")]
    pub check_copies_every: Option<SignedDuration>,
}

/// The vault of a cluster.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Vault {
    /// Where its StatefulSet is.
    pub namespace: Option<String>,
    /// Its StatefulSet.
    pub name: Option<String>,
    /// How a restarted replica opens again; found out where it is left out.
    pub reopens: Option<Mechanism>,
    /// The Secret that holds the unseal keys.
    pub keys_secret: Option<KeysSecretEntry>,
    /// A missing root token is a warning and not a remark.
    pub root_token_required: bool,
    /// People holding shares are how it is meant to be: `needs-hands` is then no warning.
    pub people: bool,
    /// Replicas at addresses of their own.
    pub members: Vec<Member>,
    /// One address, for a vault without Kubernetes.
    pub address: Option<String>,
    /// PEM file of the CA that signed the vault's certificate.
    pub ca_file: Option<PathBuf>,
    /// The name that certificate must carry.
    pub server_name: Option<String>,
    /// Whether the vault speaks TLS.
    pub tls: Tls,
    /// File that holds a token for this vault, and for no other.
    pub token_file: Option<PathBuf>,
    /// Folder in which raft snapshots are kept: their age is watched.
    pub snapshots: Option<PathBuf>,
    /// The API port.
    pub port: Option<u16>,
}

/// `vault.tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// As the server's own configuration says.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// `vault.keysSecret`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeysSecretEntry {
    /// Its name, in the vault's namespace.
    pub name: String,
    /// What its fields are for, where their names do not say it.
    pub fields: KeysFields,
}

/// `vault.keysSecret.fields`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KeysFields {
    /// Fields with unseal key shares, in order.
    pub shares: Vec<String>,
    /// Field with the root token.
    pub root_token: Option<String>,
    /// Field with a static seal's key.
    pub seal_key: Option<String>,
}

/// One of `vault.members`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// The replica's name.
    pub name: String,
    /// Its address, as a URL.
    pub address: String,
}

/// One of `rules`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rule {
    /// How long it must hold before it fires.
    #[serde(rename = "for", deserialize_with = "spoken")]
    pub hold: Option<SignedDuration>,
    /// How long it must be clear before it clears.
    #[serde(deserialize_with = "spoken")]
    pub clear: Option<SignedDuration>,
    /// Switched off.
    pub off: bool,
    /// From here on it is a warning, in the unit that the rule's text names.
    pub warning: Option<u64>,
    /// From here on it is critical.
    pub critical: Option<u64>,
}

/// `proof`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProofEntry {
    /// How long a proof counts.
    #[serde(deserialize_with = "spoken")]
    pub max_age: Option<SignedDuration>,
}

/// A key of a mapping, with its place in the file.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key.
    pub name: String,
    at: Location,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Key {}
impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(&other.name)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let key = Spanned::<String>::deserialize(from)?;
        Ok(Self { name: key.value, at: key.referenced })
    }
}

impl ConfigFile {
    /// Reads the file. One that does not exist is the default, unless somebody `asked` for this very file.
    pub fn load(path: &Path, asked: bool, rules: &[&str]) -> Result<Self, Trouble> {
        let unreadable = |why: &str, next: &str| {
            Err(Trouble::local(&format!("the config file {} cannot be read", path.display()), why, next))
        };
        match std::fs::metadata(path) {
            Ok(meta) if meta.len() > LONGEST => {
                return unreadable("it is longer than 1 MiB", "Name the right file with --config");
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !asked => return Ok(Self::default()),
            Ok(_) | Err(_) => {}
        }
        match std::fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => Self::parse(&text, &path.display().to_string(), rules),
            Ok(Err(_)) => unreadable("it is not UTF-8 text", "Save it as UTF-8"),
            Err(error) => unreadable(
                &error.kind().to_string(),
                "Check the path and its permissions, or leave --config out to go without",
            ),
        }
    }

    /// Reads its text; `source` is what errors call it, `rules` are the names of the rules that exist.
    pub fn parse(text: &str, source: &str, rules: &[&str]) -> Result<Self, Trouble> {
        // A file of nothing but comments is an empty document, which is no mapping.
        let empty = text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        if empty {
            return Ok(Self::default());
        }
        // Snippets would print the lines around a mistake, and with them whatever stands there.
        let options = serde_saphyr::options! { with_snippet: false };
        let file: Self = serde_saphyr::from_str_with_options(text, options).map_err(|error| explain(&error, source))?;
        for key in file.rules.keys() {
            if !rules.contains(&key.name.as_str()) {
                let known = rules.to_vec();
                return Err(unknown("rule", &key.name, &known, source, Some(key.at)));
            }
        }
        file.sensible(source)?;
        Ok(file)
    }

    /// What each key allows by itself and what makes no sense together.
    fn sensible(&self, source: &str) -> Result<(), Trouble> {
        for (name, cluster) in &self.clusters {
            let wrong = |what: &str, why: &str, next: &str| {
                Err(Trouble::local(&format!("{source}: clusters.{name}.{what}"), why, next))
            };
            let vault = &cluster.vault;
            let keystore = &cluster.keystore;
            let paths = [("path", &keystore.path), ("keyfile", &keystore.keyfile)];
            if let Some((key, _)) = paths.iter().find(|(_, path)| path.as_ref().is_some_and(|path| !path.is_absolute()))
            {
                return wrong(
                    &format!("keystore.{key} is not an absolute path"),
                    "a keystore must be the same from whichever folder it is asked for; ~ is not expanded",
                    "Write it from the root: /home/me/prod.keystore",
                );
            }
            if keystore.lock_after.is_some_and(|after| after < SHORTEST_OPEN) {
                return wrong(
                    "keystore.lockAfter is too short",
                    "a plan could not be read and confirmed before it locks",
                    "Write 30s or more; 5m where it is left out",
                );
            }
            if keystore.check_copies_every.is_some_and(|every| every < SHORTEST_CHECK) {
                return wrong(
                    "keystore.checkCopiesEvery is too short",
                    "each check reads every copy whole, some of them from other clusters",
                    "Write 1m or more",
                );
            }
            if keystore.holder.as_ref().is_some_and(|holder| holder.trim().is_empty() || holder.chars().count() > 64) {
                return wrong(
                    "keystore.holder is no name",
                    "it is what colleagues see in the register: 1 to 64 characters",
                    "Write a name, or leave it out for user@host",
                );
            }
            if vault.keys_secret.as_ref().is_some_and(|secret| secret.name.is_empty()) {
                return wrong(
                    "vault.keysSecret has no name",
                    "its fields say nothing without it",
                    "Add name: under keysSecret",
                );
            }
            if vault.people && vault.reopens.is_some_and(|by| by != Mechanism::People) {
                return wrong(
                    "vault says people: true and reopens something else",
                    "both cannot be meant",
                    "Keep people: true only where share holders unseal",
                );
            }
            cluster.sensible_tokens().or_else(|(what, why, next)| wrong(&what, why, next))?;
            let addresses = vault.address.iter().chain(vault.members.iter().map(|member| &member.address));
            for address in addresses {
                if !super::resolve::is_url(address) {
                    return wrong(
                        "vault has an address that is not a URL",
                        "it needs a scheme and a host",
                        "Write it with its scheme, e.g. https://vault.example:8200",
                    );
                }
            }
        }
        Ok(())
    }
}

/// What of a key is wrong, why, and what to do.
type Wrong = (String, &'static str, &'static str);

impl Cluster {
    fn sensible_tokens(&self) -> Result<(), Wrong> {
        for (index, token) in self.tokens.iter().enumerate() {
            let of = |what: &str| format!("tokens[{index}] {what}");
            if token.name.trim().is_empty() || [OWN, KEYS_SECRET].contains(&token.name.as_str()) {
                let next =
                    "Write another name: `own` and `root-token` are those of our own and of the one in the keys Secret";
                return Err((of("has no name of its own"), "its row and its alerts are found by it", next));
            }
            if self.tokens.iter().take(index).any(|other| other.name == token.name) {
                return Err((
                    of("has the name of another one"),
                    "its row and its alerts are found by it",
                    "Write another",
                ));
            }
            if !token.path.is_absolute() {
                let why = "a token file must be the same from whichever folder it is asked for; ~ is not expanded";
                return Err((
                    of("has a path that is not absolute"),
                    why,
                    "Write it from the root: /home/me/.vault-token",
                ));
            }
        }
        Ok(())
    }
}

/// A duration in words: `90s`, `2m`, `1h30m`.
fn spoken<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SignedDuration>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| duration(&text).map_err(serde::de::Error::custom)).transpose()
}

fn unknown(noun: &str, typed: &str, known: &[&str], source: &str, at: Option<Location>) -> Trouble {
    let what = format!("{source}{}: unknown {noun} {}", place(at), quoted(typed));
    let mut sorted = known.to_vec();
    sorted.sort_unstable();
    let next = match nearest(typed, known.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`? Nothing was read from the file"),
        None => format!("Known here: {}", sorted.join(", ")),
    };
    Trouble::local(&what, "", &next)
}

/// A key in quotes; one that is too long to be a key may be something that nobody should see, and is not repeated.
fn quoted(key: &str) -> String {
    if key.chars().count() > 40 { "(too long to be one)".to_owned() } else { format!("`{key}`") }
}

fn place(at: Option<Location>) -> String {
    match at {
        Some(at) if at.line() > 0 => format!(" line {}, column {}", at.line(), at.column()),
        Some(_) | None => String::new(),
    }
}

/// The parser's words for what should stand there, in ours.
fn wanted(expected: &str) -> String {
    let plain = match expected {
        "bool" | "boolean" => "true or false",
        "u16" => "a number from 0 to 65535",
        "string" | "string scalar" | "a string" => "text",
        "mapping start" => "keys with values below it",
        "sequence start" => "a list",
        other if other.starts_with("struct ") => "keys with values below it",
        other => other,
    };
    format!("expected {plain}")
}

/// Says what is wrong and where, never what stands there.
fn explain(error: &Error, source: &str) -> Trouble {
    let error = error.without_snippet();
    let at = error.location();
    let why = match error {
        Error::SerdeUnknownField { field, expected, .. } => return unknown("key", field, expected, source, at),
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let near = nearest(variant, expected.iter().copied());
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("this value is none of {}{hint}", expected.join(", "))
        }
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => wanted(expected),
        Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        Error::DuplicateMappingKey { key, .. } => {
            format!("the key {} is there twice", key.as_deref().map(quoted).unwrap_or_default())
        }
        Error::InvalidScalar { ty, .. } => wanted(ty),
        Error::Unexpected { expected, .. } => wanted(expected),
        Error::QuotingRequired { .. } | Error::NonFiniteFloat { .. } => "this value must be quoted".to_owned(),
        Error::MultipleDocuments { .. } => "there is more than one document in it".to_owned(),
        Error::Budget { .. } => "it is too large or too deeply nested".to_owned(),
        Error::Message { msg, .. } => msg.clone(),
        Error::ExternalMessage { msg, .. } => format!("not YAML: {msg}"),
        _ => "this cannot be read here".to_owned(),
    };
    Trouble::local(
        &format!("{source}{}: cannot be read", place(at)),
        &why,
        "`baowatch config example` shows every key; nothing was read from the file",
    )
}
