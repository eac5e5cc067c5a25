//! `keys verify`: keystore, keys Secret and register compared by fingerprint. Opens nothing and proves nothing.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::place::{Need, find};
use crate::app::config::cli::{Cli, Output};
use crate::app::config::env::Env;
use crate::app::id::FeedId;
use crate::app::model::Model;
use crate::app::model::keys_secret::{Fingerprint, KeysSeen};
use crate::app::model::keystore::{GenerationSeen, KeystoreLook};
use crate::app::model::reopens::Mechanism;
use crate::app::runtime::clock;
use crate::app::state::State;
use crate::app::text::clean;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::programs::check;
use crate::programs::config::Answer;
use crate::programs::session::Aim;

/// How long the feeds may take.
const LOOK: Duration = Duration::from_secs(15);

const SCHEMA: &str = "baowatch.keys-verify/v1";

/// How one pair stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Is {
    /// The very same keys.
    Same,
    /// Some of the same keys, and enough of them.
    Part,
    /// Other keys.
    Different,
    /// One of the two has none.
    Missing,
    /// It cannot be told.
    Unknown,
    /// There is nothing to compare, and nothing is wrong with that.
    None,
}

/// One pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The one.
    pub left: &'static str,
    /// The other.
    pub right: String,
    /// How they stand.
    pub is: Is,
    /// In words.
    pub says: String,
}

/// The keys in one place.
enum Held<'a> {
    Keys { prints: Vec<Fingerprint>, threshold: u32, what: String },
    Nothing(&'a str),
    Untold(String),
    NotMeant(&'a str),
}

/// Runs it.
pub async fn run(cli: &Cli, file: Option<&Path>, output: Output, env: &Env) -> Result<Answer, Trouble> {
    let mut place = find(cli, file, env, Need::Vault).await?;
    let settings = Aim::make(&cli.global, env)?.bound.settings;
    let state = State::new(settings, clock::now());
    let state = match place.live() {
        Some(session) => check::watch(session, state, LOOK, false).await,
        None => state,
    };
    let look = place.keeper.look();
    if let KeystoreLook::Unreadable { trouble, .. } = &look {
        return Err(trouble.clone());
    }
    let by = state.verdict.reopens.by;
    let pairs = pairs(&look, &state.model, by);
    let code = exit(&pairs);
    let out = match output {
        Output::Text => pairs.iter().fold(String::new(), |mut out, pair| {
            let word = match pair.is {
                Is::Same => "same",
                Is::Part => "part",
                Is::Different => "DIFFERENT",
                Is::Missing => "MISSING",
                Is::Unknown => "unknown",
                Is::None => "-",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{word:<9}  {} and {}: {}", pair.left, clean(&pair.right), clean(&pair.says));
            out
        }),
        Output::Json => {
            let current = look.present().and_then(|seen| seen.current());
            let value = json!({
                "schema": SCHEMA, "vault": place.vault(), "identity": place.identity, "keystore": look.path(),
                "generation": current.map(|kept| kept.number), "prints": current.map(|kept| &kept.prints),
                "pairs": pairs, "exit": code,
            });
            serde_json::to_string_pretty(&value).map(|text| text + "\n").unwrap_or_default()
        }
    };
    Ok(Answer { out, err: String::new(), code })
}

/// 0 all the same, 1 something different or missing, 3 it cannot be told.
fn exit(pairs: &[Pair]) -> u8 {
    if pairs.iter().any(|pair| matches!(pair.is, Is::Different | Is::Missing)) {
        1
    } else if pairs.iter().any(|pair| pair.is == Is::Unknown) {
        3
    } else {
        0
    }
}

fn pairs(look: &KeystoreLook, model: &Model, by: Mechanism) -> Vec<Pair> {
    let keystore = keystore(look);
    let secret = secret(model, by);
    let mut pairs = vec![pair("keystore", "Secret", &keystore, &secret)];
    let Some(register) = model.register() else {
        let (is, says) = match trouble_of(model, FeedId::Register) {
            Some(trouble) if trouble.kind != TroubleKind::Absent => (Is::Unknown, trouble.to_string()),
            Some(_) | None => (Is::None, "there is no register beside the vault; it is optional".to_owned()),
        };
        pairs.push(Pair { left: "keystore", right: "register".to_owned(), is, says });
        return pairs;
    };
    if register.holdings.is_empty() {
        let says = "it names nobody who holds keys".to_owned();
        pairs.push(Pair { left: "keystore", right: "register".to_owned(), is: Is::None, says });
    }
    for holding in &register.holdings {
        let held = if register.comparable {
            let what = format!("generation {} ({})", holding.generation, listed(&holding.prints));
            Held::Keys { prints: holding.prints.clone(), threshold: 0, what }
        } else {
            Held::Untold("its fingerprints were made with another salt than this machine's".to_owned())
        };
        let right = format!("register: {} of {}", holding.name, holding.holder);
        pairs.push(pair("keystore", &right, &keystore, &held));
        pairs.push(pair("Secret", &right, &secret, &held));
    }
    pairs
}

fn keystore(look: &KeystoreLook) -> Held<'static> {
    let Some(seen) = look.present() else { return Held::Nothing("there is no keystore") };
    match seen.current() {
        None => Held::Nothing("the keystore holds no keys yet"),
        Some(_) if !seen.comparable => Held::Untold(
            "the keystore's fingerprints were made with another salt than this machine's register".to_owned(),
        ),
        Some(GenerationSeen { number, prints, threshold, .. }) => Held::Keys {
            prints: prints.clone(),
            threshold: *threshold,
            what: format!("generation {number} ({})", listed(prints)),
        },
    }
}

fn secret(model: &Model, by: Mechanism) -> Held<'static> {
    match model.keys.as_ref().map(|keys| &keys.value) {
        Some(KeysSeen::Present(secret)) if !secret.prints().is_empty() => {
            let prints = secret.prints();
            let what = format!("{} ({})", secret.object, listed(&prints));
            Held::Keys { prints, threshold: 0, what }
        }
        Some(KeysSeen::Present(_)) => Held::Nothing("the Secret holds no keys"),
        Some(KeysSeen::Absent(_)) => Held::Nothing("the Secret is gone"),
        None if !model.in_kubernetes() => Held::NotMeant("without Kubernetes there is no Secret"),
        None if matches!(by, Mechanism::People | Mechanism::Kms | Mechanism::Transit) => {
            Held::NotMeant("nothing opens this vault from a Secret")
        }
        None => Held::Untold(
            trouble_of(model, FeedId::KeysSecret)
                .map_or_else(|| "the Secret was not seen".to_owned(), ToString::to_string),
        ),
    }
}

fn trouble_of(model: &Model, feed: FeedId) -> Option<&Trouble> {
    model.feeds.get(&feed)?.trouble.as_ref().map(|trouble| &trouble.value)
}

fn listed(prints: &[Fingerprint]) -> String {
    prints.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn pair(left: &'static str, right: &str, one: &Held<'_>, other: &Held<'_>) -> Pair {
    let (is, says) = match (one, other) {
        (Held::NotMeant(why), _) | (_, Held::NotMeant(why)) => (Is::None, (*why).to_owned()),
        (Held::Nothing(why), _) | (_, Held::Nothing(why)) => (Is::Missing, (*why).to_owned()),
        (Held::Untold(why), _) | (_, Held::Untold(why)) => (Is::Unknown, why.clone()),
        (Held::Keys { prints, threshold, what }, Held::Keys { prints: others, what: theirs, .. }) => {
            let all = |one: &[Fingerprint], other: &[Fingerprint]| one.iter().all(|print| other.contains(print));
            let enough = *threshold > 0 && others.len() as u32 >= *threshold;
            match (all(prints, others), all(others, prints)) {
                (true, true) => (Is::Same, what.clone()),
                (false, true) if enough => (Is::Part, format!("{} of {}: {what}", others.len(), prints.len())),
                (true | false, true | false) => (Is::Different, format!("{what} here, {theirs} there")),
            }
        }
    };
    Pair { left, right: right.to_owned(), is, says }
}
