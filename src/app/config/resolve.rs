//! Command line, environment and file made into one answer: which vault, how to reach it, how to look.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::SecretString;

use super::cli::{Global, ThemeName, VaultName};
use super::env::Env;
use super::file::{Cluster, ConfigFile, KeysSecretEntry, KeystoreEntry, Member, Tls, TokenEntry, WatchEntry};
use super::nearest::nearest;
use crate::app::model::fact::Environment;
use crate::app::model::reopens::Mechanism;
use crate::app::model::{Expectations, Limits};
use crate::app::settings::{self, RuleTiming, Settings};
use crate::app::trouble::Trouble;

/// The environment's addresses, the one that is asked first in front.
const ADDRESSES: [&str; 2] = ["BAO_ADDR", "VAULT_ADDR"];
const TOKENS: [&str; 2] = ["BAO_TOKEN", "VAULT_TOKEN"];
const CAS: [&str; 2] = ["BAO_CACERT", "VAULT_CACERT"];
const SERVER_NAMES: [&str; 2] = ["BAO_TLS_SERVER_NAME", "VAULT_TLS_SERVER_NAME"];

/// Everything that can be decided before a kubeconfig was read.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The kubeconfig context that was asked for; `None` for the current one.
    pub context: Option<String>,
    /// `KUBECONFIG`, where it is set.
    pub kubeconfig: Option<String>,
    /// How to look.
    pub look: Look,
    /// Offer no action.
    pub read_only: bool,
    /// `--log-file`.
    pub log_file: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    namespace: Option<String>,
    vault: Option<VaultName>,
    address: Option<String>,
    env_address: Option<(&'static str, String)>,
    env_ca: Option<PathBuf>,
    env_server_name: Option<String>,
    env_token: Option<(&'static str, SecretString)>,
    chosen: Option<String>,
    file: ConfigFile,
}

/// How to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// No colours: `--theme mono`, `--plain`, `NO_COLOR`, `CLICOLOR=0` or a dumb terminal.
    pub mono: bool,
    /// ASCII characters only.
    pub ascii: bool,
    /// No line drawing either.
    pub plain: bool,
    /// `TERM=dumb`: no cursor control, so no console.
    pub dumb: bool,
}

impl Look {
    fn of(global: &Global, env: &Env, file: &ConfigFile) -> Self {
        let dumb = env.get("TERM") == Some("dumb");
        let plain = global.plain || file.plain;
        let unwanted = env.get("NO_COLOR").is_some() || env.get("CLICOLOR") == Some("0");
        let mono = match global.theme {
            // A flag beats a variable, as no-color.org asks; a line in a file does not.
            Some(theme) => theme == ThemeName::Mono,
            None => unwanted || file.theme == Some(ThemeName::Mono),
        };
        Self { mono: mono || plain || dumb, ascii: global.ascii || file.ascii, plain, dumb }
    }
}

/// The way to the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Through a Kubernetes context.
    Kubernetes,
    /// At an address, without Kubernetes.
    Address {
        /// The URL.
        url: String,
        /// Who says so: `--address`, `VAULT_ADDR`, the config file.
        from: String,
    },
}

/// A token and where it comes from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// A variable of the environment.
    Variable {
        /// Which.
        name: &'static str,
        /// The token.
        token: SecretString,
    },
    /// The config file names a file.
    File(PathBuf),
}

/// The answer for one vault.
#[derive(Debug, Clone)]
pub struct Bound {
    /// The name on the banner: the config entry's, else the context's, else the address.
    pub name: String,
    /// The config entry that applies, if one does.
    pub entry: Option<String>,
    /// How to get there.
    pub reach: Reach,
    /// What is at stake.
    pub environment: Environment,
    /// Where to look for the vault.
    pub namespace: Option<String>,
    /// Its StatefulSet, where somebody named it.
    pub vault: Option<VaultName>,
    /// The StatefulSet's name where only that is configured.
    pub vault_name: Option<String>,
    /// Replicas at addresses of their own.
    pub members: Vec<Member>,
    /// The CA of the vault's certificate.
    pub ca_file: Option<PathBuf>,
    /// The name that certificate must carry.
    pub server_name: Option<String>,
    /// Whether it speaks TLS.
    pub tls: Tls,
    /// The API port, where it is configured.
    pub port: Option<u16>,
    /// The keys Secret, where it is configured.
    pub keys_secret: Option<KeysSecretEntry>,
    /// The token that belongs to this vault, where one does.
    pub token: Option<TokenSource>,
    /// The keystore.
    pub keystore: KeystoreEntry,
    /// What of the cluster is watched beside the vault.
    pub watch: WatchEntry,
    /// Files whose tokens are looked after.
    pub tokens: Vec<TokenEntry>,
    /// Folder in which snapshots are kept.
    pub snapshots: Option<PathBuf>,
    /// People holding shares are how it is meant to be.
    pub people_declared: bool,
    /// For the core.
    pub settings: Settings,
    /// What a person should know about how this was decided.
    pub notes: Vec<String>,
}

/// Decides what can be decided without a kubeconfig; refuses an unknown cluster or an address that is none.
pub fn resolve(global: &Global, env: &Env, file: ConfigFile) -> Result<Resolved, Trouble> {
    if let Some(address) = global.address.as_deref().filter(|address| !is_url(address)) {
        return Err(Trouble::local(
            &format!("--address {} is not a URL", without_credentials(address)),
            "it needs a scheme and a host",
            "Write it as https://vault.example:8200",
        ));
    }
    let chosen = match &global.cluster {
        Some(name) => Some(known_cluster(name, &file)?),
        None => None,
    };
    let entry = chosen.as_ref().and_then(|name| Some((name, file.clusters.get(name)?)));
    let context = global.context.clone().or_else(|| {
        let (name, cluster) = entry?;
        // An entry without a context and with an address is no cluster at all.
        cluster.context.clone().or_else(|| at(cluster).is_none().then(|| name.clone()))
    });
    Ok(Resolved {
        context,
        kubeconfig: env.get("KUBECONFIG").map(str::to_owned),
        look: Look::of(global, env, &file),
        read_only: global.read_only || file.read_only,
        log_file: global.log_file.clone(),
        state_dir: global.state_dir.clone(),
        namespace: global.namespace.clone(),
        vault: global.vault.clone(),
        address: global.address.clone(),
        env_address: env.first(&ADDRESSES).map(|(name, url)| (name, url.to_owned())),
        env_ca: env.first(&CAS).map(|(_, path)| path.into()),
        env_server_name: env.first(&SERVER_NAMES).map(|(_, name)| name.to_owned()),
        env_token: env.first(&TOKENS).map(|(name, token)| (name, token.into())),
        chosen,
        file,
    })
}

impl Resolved {
    /// Whether a kubeconfig is needed at all: not where an address was asked for.
    pub fn wants_kubernetes(&self) -> bool {
        self.asked_address().is_none()
    }

    /// Decides the rest. `context` is the kubeconfig's context (its own name for "in this cluster"), `None` where there
    /// is no Kubernetes.
    pub fn bind(&self, context: Option<&str>) -> Result<Bound, Trouble> {
        let (reach, mut notes) = self.reach(context)?;
        let entry = self.entry(context, &reach);
        let (cluster_name, cluster) = entry.map_or((None, None), |(name, cluster)| (Some(name), Some(cluster)));
        let empty = super::file::Vault::default();
        let vault = cluster.map_or(&empty, |cluster| &cluster.vault);
        let configured = self.vault.is_none() && self.namespace.is_none();
        let named = match (&self.vault, &vault.namespace, &vault.name) {
            (Some(vault), _, _) => Some(vault.clone()),
            (None, Some(namespace), Some(name)) if configured => {
                Some(VaultName { namespace: namespace.clone(), name: name.clone() })
            }
            (None, _, _) => None,
        };
        let (url, by_environment) = match &reach {
            Reach::Kubernetes => (None, false),
            Reach::Address { url, from } => (Some(url.as_str()), ADDRESSES.contains(&from.as_str())),
        };
        // The environment's CA belongs to the environment's address, and to one that was typed beside it.
        let theirs = by_environment || self.address.is_some();
        let name = cluster_name
            .map(str::to_owned)
            .or_else(|| url.map(without_credentials))
            .or_else(|| context.map(str::to_owned))
            .unwrap_or_else(|| "this cluster".to_owned());
        let token = self.token(url, vault.token_file.as_ref());
        if self.env_token.is_some() && token.is_none() && url.is_some() {
            notes.push("the environment's token is not used: it belongs to another address".to_owned());
        }
        Ok(Bound {
            name,
            entry: cluster_name.map(str::to_owned),
            environment: cluster.and_then(|cluster| cluster.environment).unwrap_or_default(),
            namespace: self.namespace.clone().or_else(|| vault.namespace.clone()),
            vault: named,
            vault_name: if configured { vault.name.clone() } else { None },
            members: vault.members.clone(),
            ca_file: vault.ca_file.clone().or_else(|| self.env_ca.clone().filter(|_| theirs)),
            server_name: vault.server_name.clone().or_else(|| self.env_server_name.clone().filter(|_| theirs)),
            tls: vault.tls,
            port: vault.port,
            keys_secret: vault.keys_secret.clone(),
            settings: self.settings(
                cluster.unwrap_or(&Cluster::default()),
                url.is_some() && vault.members.is_empty(),
                token.is_some(),
            ),
            keystore: cluster.map(|cluster| cluster.keystore.clone()).unwrap_or_default(),
            watch: cluster.map(|cluster| cluster.watch.clone()).unwrap_or_default(),
            tokens: cluster.map(|cluster| cluster.tokens.clone()).unwrap_or_default(),
            snapshots: vault.snapshots.clone(),
            token,
            people_declared: vault.people || vault.reopens == Some(Mechanism::People),
            notes,
            reach,
        })
    }

    /// The address that was asked for: typed, or that of the chosen entry where that has no context.
    fn asked_address(&self) -> Option<(String, String)> {
        if let Some(url) = &self.address {
            return Some((url.clone(), "--address".to_owned()));
        }
        if self.context.is_some() {
            return None;
        }
        let name = self.chosen.as_ref()?;
        Some((at(self.file.clusters.get(name)?)?, format!("clusters.{name} of the config file")))
    }

    /// A context beats the environment's address; what was asked for beats both.
    fn reach(&self, context: Option<&str>) -> Result<(Reach, Vec<String>), Trouble> {
        let mut notes = Vec::new();
        let ignored = |by: &str, notes: &mut Vec<String>| {
            if let Some((name, url)) = &self.env_address {
                let url = without_credentials(url);
                notes.push(format!("{name} ({url}) is set and not used: {by}"));
            }
        };
        if let Some((url, from)) = self.asked_address() {
            if self.env_address.as_ref().is_some_and(|(_, theirs)| !same_address(theirs, &url)) {
                ignored(&format!("{from} says {}", without_credentials(&url)), &mut notes);
            }
            return Ok((Reach::Address { url, from }, notes));
        }
        if let Some(context) = context {
            ignored(&format!("the context {context} decides; --address would use it"), &mut notes);
            return Ok((Reach::Kubernetes, notes));
        }
        match &self.env_address {
            Some((name, url)) if is_url(url) => {
                Ok((Reach::Address { url: url.clone(), from: (*name).to_owned() }, notes))
            }
            Some((name, url)) => Err(Trouble::local(
                &format!("{name} ({}) is not a URL", without_credentials(url)),
                "it needs a scheme and a host",
                "Write it as https://vault.example:8200, or unset it",
            )),
            None => Err(Trouble::local(
                "there is nothing to look at",
                "no kubeconfig context, not inside a cluster, and no address",
                "Choose a context (--context), give --address URL, or try `baowatch demo`",
            )),
        }
    }

    /// The chosen entry; else the one that names this context, or is named like it; or the one with this address.
    fn entry(&self, context: Option<&str>, reach: &Reach) -> Option<(&str, &Cluster)> {
        if let Some(name) = &self.chosen {
            return self.file.clusters.get_key_value(name).map(|(name, cluster)| (name.as_str(), cluster));
        }
        let clusters = || self.file.clusters.iter().map(|(name, cluster)| (name.as_str(), cluster));
        match reach {
            Reach::Kubernetes => {
                let context = context?;
                clusters().find(|(_, cluster)| cluster.context.as_deref() == Some(context)).or_else(|| {
                    clusters()
                        .find(|(name, cluster)| *name == context && cluster.context.is_none() && at(cluster).is_none())
                })
            }
            Reach::Address { url, .. } => clusters().find(|(_, cluster)| {
                let members = cluster.vault.members.iter().map(|member| &member.address);
                cluster.vault.address.iter().chain(members).any(|address| same_address(address, url))
            }),
        }
    }

    /// A configured file belongs to its entry; the environment's token only to the environment's address.
    fn token(&self, url: Option<&str>, file: Option<&PathBuf>) -> Option<TokenSource> {
        if let Some(file) = file {
            return Some(TokenSource::File(file.clone()));
        }
        let (name, token) = self.env_token.as_ref()?;
        let (_, theirs) = self.env_address.as_ref()?;
        same_address(theirs, url?).then(|| TokenSource::Variable { name, token: token.clone() })
    }

    fn limits(&self) -> BTreeMap<String, Limits> {
        let set =
            self.file.rules.iter().map(|(key, rule)| (key, Limits { warning: rule.warning, critical: rule.critical }));
        set.filter(|(_, limits)| *limits != Limits::default()).map(|(key, limits)| (key.name.clone(), limits)).collect()
    }

    fn settings(&self, cluster: &Cluster, address_only: bool, token: bool) -> Settings {
        let (vault, keystore) = (&cluster.vault, &cluster.keystore);
        let timing = |rule: &super::file::Rule| RuleTiming { hold: rule.hold, clear: rule.clear, off: rule.off };
        let expect = Expectations::default();
        Settings {
            rules: self.file.rules.iter().map(|(key, rule)| (key.name.clone(), timing(rule))).collect(),
            expect: Expectations {
                reopens: vault.reopens.filter(|by| *by != Mechanism::Unknown),
                proof_max_age: self.file.proof.max_age.unwrap_or(expect.proof_max_age),
                root_token_required: vault.root_token_required,
                keys_secret_configured: vault.keys_secret.is_some(),
                address_only,
                token,
                limits: self.limits(),
            },
            read_only: self.read_only,
            lock_after: keystore.lock_after,
            fleet: self.fleet(),
        }
    }

    /// The clusters of the config file, to go to from this one.
    fn fleet(&self) -> Vec<settings::Cluster> {
        let entry = |(name, cluster): (&String, &Cluster)| settings::Cluster {
            name: name.clone(),
            environment: cluster.environment.unwrap_or_default(),
            here: false,
            last: None,
        };
        self.file.clusters.iter().map(entry).collect()
    }
}

fn known_cluster(name: &str, file: &ConfigFile) -> Result<String, Trouble> {
    if file.clusters.contains_key(name) {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = file.clusters.keys().map(String::as_str).collect();
    let next = match (nearest(name, names.iter().copied()), names.is_empty()) {
        (Some(near), _) => format!("Did you mean `{near}`? There are: {}", names.join(", ")),
        (None, false) => format!("There are: {}", names.join(", ")),
        (None, true) => "The config file names no clusters; use --context for a kubeconfig context".to_owned(),
    };
    Err(Trouble::local(&format!("there is no cluster `{name}` in the config file"), "", &next))
}

/// The address by which the entry is reached without Kubernetes: its one, or its first member's.
fn at(cluster: &Cluster) -> Option<String> {
    cluster.vault.address.clone().or_else(|| cluster.vault.members.first().map(|member| member.address.clone()))
}

/// Has an http scheme and a host.
pub(super) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with(['/', ':', '?']) && !rest.contains(char::is_whitespace)
    })
}

fn same_address(a: &str, b: &str) -> bool {
    a.trim_end_matches('/').eq_ignore_ascii_case(b.trim_end_matches('/'))
}

/// The URL without `user:password@`, for sentences.
fn without_credentials(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}
