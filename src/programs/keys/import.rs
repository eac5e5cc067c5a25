//! `keys import`: takes keys from a file, a pipe or a person into the keystore, as a new generation.

use std::io::IsTerminal as _;
use std::path::Path;
use std::time::Duration;

use super::ask;
use super::place::{Need, Place, find};
use crate::app::config::cli::Cli;
use crate::app::config::cli_keys::KeysImport;
use crate::app::config::env::Env;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::keystore::{GenerationSeen, KeyKind};
use crate::app::runtime::clock;
use crate::app::state::State;
use crate::app::text::{clean, count};
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keys::{Salt, fingerprint};
use crate::backends::keystore::import::{self, Asked, Counts, Decided, Taken, VaultSays, decide};
use crate::backends::keystore::opened::{NewKeys, Opened};
use crate::programs::config::Answer;
use crate::programs::session::Session;
use crate::programs::{check, hidden};

/// How long the vault may take to say how many shares it wants.
const LOOK: Duration = Duration::from_secs(10);

/// Runs it, for anything but the Secret.
pub async fn run(cli: &Cli, file: Option<&Path>, wanted: &KeysImport, env: &Env) -> Result<Answer, Trouble> {
    let mut place = find(cli, file, env, Need::File).await?;
    place.may_change()?;
    if let Some(why) = &place.offline {
        ask::talk(&format!(
            "Without the cluster ({}): into {}, of {}.\n",
            clean(why),
            place.path().display(),
            place.identity.0
        ));
    }
    let header = place.existing()?;
    let piped = wanted.file.as_deref() == Some(Path::new("-"));
    // Read before anything is asked: what cannot be taken need not be unlocked for.
    let (source, document) = match wanted.file.as_deref() {
        Some(_) if piped => {
            ("standard input".to_owned(), Some(import::bounded(std::io::stdin().lock(), "standard input")?))
        }
        Some(path) => (name_of(path), Some(import::file(path)?)),
        None => ("typed".to_owned(), None),
    };
    let (vault, cluster_id) = match place.live() {
        Some(session) => says(cli, session, env).await,
        None => (None, None),
    };
    let asked = Asked {
        recovery: wanted.recovery,
        counts: Counts { threshold: wanted.threshold, total: wanted.shares },
        vault,
    };
    let refused = |refusal: import::Refusal| refusal.trouble(&source);
    let taken = if let Some(bytes) = document {
        let taken = import::read(&bytes).map_err(refused)?;
        drop(bytes);
        ask::open(&place, piped)?;
        taken
    } else {
        ask::open(&place, false)?;
        typed(&asked)?
    };
    for note in &taken.notes {
        ask::talk(&format!("Note: {note}.\n"));
    }
    let decided = decide(taken, &asked).map_err(refused)?;
    let salt = place.keeper.with(Opened::salt)?.map_err(|error| error.trouble(place.path()))?;
    let prints: Vec<Fingerprint> = decided.shares.iter().map(|share| fingerprint(&salt, share.expose())).collect();
    let advice = wanted.file.as_deref().filter(|_| !piped).map(destroy).unwrap_or_default();
    match header.current() {
        Some(current) if same(current, &decided, &prints, &salt) => {
            let text = format!(
                "The keystore holds these keys already, as generation {}. Nothing to do.\n{advice}",
                current.number
            );
            return Ok(Answer::done(text));
        }
        Some(current) => {
            ask::challenge(&warning(current, &decided, &prints), place.vault(), wanted.confirm.as_deref())?;
        }
        None => {}
    }
    let over = header.current().map(|current| current.number);
    let number = put(&place, decided, &source, cluster_id, over)?;
    Ok(Answer::done(format!("{}{advice}", done(&place, number)?)))
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| clean(&name.to_string_lossy()))
}

/// What the live vault says of its keys, and its own cluster id.
async fn says(cli: &Cli, session: Session, env: &Env) -> (Option<VaultSays>, Option<String>) {
    let settings = crate::programs::session::Aim::make(&cli.global, env).map(|aim| aim.bound.settings);
    let state = State::new(settings.unwrap_or_default(), clock::now());
    let state = check::watch(session, state, LOOK, false).await;
    let heard = state.model.heard.as_ref().map(|heard| &heard.value).filter(|heard| heard.threshold > 0);
    let vault = heard.map(|heard| VaultSays {
        seal: heard.kind.word().to_owned(),
        counts: Counts { threshold: Some(heard.threshold), total: Some(heard.shares) },
    });
    (vault, state.model.cluster_id().map(str::to_owned))
}

/// Shares from a person, one at a time; an empty line ends it where nobody knows how many there are.
fn typed(asked: &Asked) -> Result<Taken, Trouble> {
    let total = asked.counts.total.or_else(|| asked.vault.as_ref()?.counts.total);
    let of = total.map(|total| format!(" of at most {total}")).unwrap_or_default();
    let mut taken = Taken::default();
    ask::talk("Type the shares, each with Enter; an empty line ends it.\n");
    loop {
        let number = taken.unseal.len() + 1;
        if total.is_some_and(|total| number as u32 > total) {
            return Ok(taken);
        }
        let text = hidden::line(&format!("Share {number}{of} (not shown): "))?;
        if text.trim().is_empty() {
            return Ok(taken);
        }
        match import::typed(&text).filter(|share| !taken.unseal.contains(share)) {
            Some(share) => taken.unseal.push(share),
            None if std::io::stdin().is_terminal() => {
                ask::talk("That is no new share: hex or base64 of 32 or 33 bytes, each once. It was not taken.\n");
            }
            None => {
                return Err(Trouble::new(
                    TroubleKind::Refused,
                    &format!("line {number} is no new share"),
                    "a share is hex or base64 of 32 or 33 bytes, each once",
                    "Nothing was changed",
                ));
            }
        }
    }
}

/// The same keys, and nothing new beside them: another root token or another threshold is new, and where this says that
/// nothing is, the document is said to be safe to destroy.
fn same(current: &GenerationSeen, decided: &Decided, prints: &[Fingerprint], salt: &Salt) -> bool {
    let token = decided.root_token.as_ref().map(|token| fingerprint(salt, token.expose().trim_ascii()));
    (token.is_none() || token == current.root_token)
        && current.kind == decided.kind
        && current.threshold == decided.threshold
        && same_set(&current.prints, prints)
}

pub(super) fn same_set(one: &[Fingerprint], other: &[Fingerprint]) -> bool {
    one.iter().all(|print| other.contains(print)) && other.iter().all(|print| one.contains(print))
}

/// What it means to make other keys the current ones.
fn warning(current: &GenerationSeen, decided: &Decided, prints: &[Fingerprint]) -> String {
    let first = prints.first().map(ToString::to_string).unwrap_or_default();
    let old = current.prints.first().map(ToString::to_string).unwrap_or_default();
    if current.kind == decided.kind && same_set(&current.prints, prints) {
        return format!(
            "These are the keys of generation {} with something new beside them; it stays.\n",
            current.number
        );
    }
    let mut text = format!(
        "These are other keys than those of the keystore.\n  \
         now     generation {}: {}, {} of {}, first {old}\n  \
         new     {}, {} of {}, first {first}\n\
         Generation {} stays in the keystore and is no longer the current one.\n\
         Some daemons make a new key when theirs is missing: a differing key may be a wrong one.\n\
         Prove first what the vault takes: `baowatch keys prove`.\n",
        current.number,
        current.kind.words(),
        current.threshold,
        current.total,
        decided.kind.words(),
        decided.threshold,
        decided.total,
        current.number,
    );
    if decided.kind != current.kind {
        text.push_str("They are not even of the same kind.\n");
    }
    text
}

/// Adds the generation, unless somebody else was faster.
fn put(
    place: &Place,
    decided: Decided,
    source: &str,
    vault_cluster_id: Option<String>,
    over: Option<u32>,
) -> Result<u32, Trouble> {
    let now = clock::now();
    place.keeper.change(now, |opened| {
        if opened.header().current().map(|current| current.number) != over {
            return Err(Trouble::new(
                TroubleKind::Refused,
                "the keystore was changed meanwhile",
                "another Baowatch added keys to it",
                "Look at `baowatch keys status` and ask again; nothing was changed",
            ));
        }
        let keys = NewKeys {
            kind: decided.kind,
            threshold: decided.threshold,
            total: decided.total,
            shares: decided.shares,
            root_token: decided.root_token,
            fields: Vec::new(),
            source: source.to_owned(),
            vault_cluster_id,
        };
        opened.add_generation(keys, now).map_err(|error| error.trouble(place.path()))
    })
}

fn done(place: &Place, number: u32) -> Result<String, Trouble> {
    let header = place.existing()?;
    let Some(kept) = header.generations.iter().find(|kept| kept.number == number) else { return Ok(String::new()) };
    let token = if kept.root_token.is_some() { "with the root token" } else { "without a root token" };
    let prints: Vec<String> = kept.prints.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "Saved as generation {number}: {} ({} held, {} of {} needed), {token}. Written, read back and opened.\n  {}\n",
        kept.kind.words(),
        count(kept.prints.len(), "share"),
        kept.threshold,
        kept.total,
        prints.join(" "),
    );
    if kept.kind == KeyKind::Recovery {
        text.push_str(
            "Recovery keys reopen nothing when the seal's own key is lost: they are kept as what they are.\n",
        );
    }
    text.push_str("That they are the vault's keys only a proof tells: `baowatch keys prove`. Copies are older now: `baowatch act run copy-keystore`.\n");
    Ok(text)
}

/// What to do about the plaintext.
fn destroy(path: &Path) -> String {
    format!(
        "{} still holds these keys in the clear. Once they are proven and copied, destroy it: shred -u {}\n\
         On an SSD, a copying file system or in a backup older blocks of it may remain all the same.\n",
        path.display(),
        quoted(path),
    )
}

fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
    if plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
