//! Tokens: our own, those in configured files, the root token in the keys Secret. Each is looked up about once a minute
//! and at once when its file changes; one whose uses are counted is never spent by it.
//!
//! Whoever may look up other tokens (`update` on `auth/token/lookup`) spends nothing of theirs; `lookup-self` does. So our
//! own token asks where it may, and else a token asks for itself, which one with counted uses does once and never again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};

use super::token_file::{self, Stamp};
use super::token_lookup::{Answered, Question as Wanted, lookup};
use super::{Feed, Wide};
use crate::app::config::file::TokenEntry;
use crate::app::id::FeedId;
use crate::app::model::fact::Fact;
use crate::app::model::keys_secret::Fingerprint;
use crate::app::model::tokens::{FileSeen, TokenAnswer, TokenOrigin, TokenSeen, Wants};
use crate::app::time::age;
use crate::app::trouble::Trouble;
use crate::backends::bao::ask::{Ask, Question};
use crate::backends::bao::token_wire;
use crate::backends::feeds::roster::Keys;
use crate::backends::keys::{fingerprint, take};
use zeroize::Zeroize as _;

/// How often files are looked at for a change, by their metadata alone.
const GLANCE: Duration = Duration::from_secs(5);
/// What other feeds find out first is waited for this long.
const PATIENCE: Duration = Duration::from_secs(4);
/// A token is asked about at most this often, however often somebody asks this feed to look.
const PACE: SignedDuration = SignedDuration::from_secs(45);
/// A root token asks for itself at most this often: each time it stands in the audit log.
const ROOT_PACE: SignedDuration = SignedDuration::from_mins(10);

/// The feed.
pub struct TokensFeed {
    wide: Wide,
    known: BTreeMap<TokenOrigin, Known>,
    cap: Cap,
    stamps: Stamps,
}

/// The files as they were when they were read last.
type Stamps = Arc<Mutex<BTreeMap<PathBuf, Stamp>>>;

/// `max_lease_ttl` of the token store, where it may be read, and when that was asked.
type Cap = Option<(Timestamp, Option<SignedDuration>)>;

/// What was learned of a token, for as long as it is the same one.
#[derive(Clone)]
struct Known {
    print: Fingerprint,
    answer: TokenAnswer,
    at: Timestamp,
    /// It was asked by itself, and had counted uses.
    counted: bool,
    /// It asked for itself.
    itself: bool,
}

/// A token that could be looked at.
struct Candidate {
    origin: TokenOrigin,
    file: Option<FileSeen>,
    wants: Wants,
    namespace: String,
    /// The configuration says that its uses are counted.
    limited: bool,
    token: Result<SecretString, TokenAnswer>,
}

impl TokensFeed {
    /// Looks after everything that the scope names.
    pub fn new(wide: Wide) -> Self {
        Self { wide, known: BTreeMap::new(), cap: None, stamps: Stamps::default() }
    }
}

#[async_trait]
impl Feed for TokensFeed {
    fn id(&self) -> FeedId {
        FeedId::Tokens
    }

    async fn look(&mut self) -> Result<Vec<Fact>, Trouble> {
        let (candidates, stamps) = self.candidates().await;
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) = stamps;
        if candidates.is_empty() {
            self.known.clear();
            return Err(Ask::no_token());
        }
        let members = self.wide.roster.until(|shared| shared.members.clone());
        let _ = tokio::time::timeout(PATIENCE, members).await;
        let (own, others): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|candidate| candidate.origin == TokenOrigin::Own);
        let mut looks = Vec::new();
        for candidate in own {
            let known = self.known.get(&candidate.origin).cloned();
            looks.push(self.see(candidate, None, known).await);
        }
        // Our own asks about the others, unless that would spend it.
        let asker = looks.iter().any(Look::alive).then_some(&self.wide.ask);
        let rest = others.into_iter().map(|candidate| {
            let known = self.known.get(&candidate.origin).cloned();
            self.see(candidate, asker, known)
        });
        looks.extend(join_all(rest).await);
        let cap = match asker {
            Some(ask) => self.cap(ask).await,
            None => None,
        };
        self.cap = cap;
        if let Some(trouble) = unreached(&looks) {
            return Err(trouble);
        }
        self.known = looks.iter().filter_map(|look| Some((look.seen.origin.clone(), look.known.clone()?))).collect();
        let seen = looks.into_iter().map(|look| TokenSeen { cap: cap.and_then(|(_, cap)| cap), ..look.seen });
        Ok(vec![Fact::Tokens(seen.collect())])
    }

    /// A file that changed is said as a trouble of the stream: the supervisor then looks at once.
    fn changes(&mut self) -> Option<BoxStream<'static, Result<Vec<Fact>, Trouble>>> {
        let files = stream::unfold(Arc::clone(&self.stamps), |stamps| async move {
            loop {
                tokio::time::sleep(GLANCE).await;
                if let Some(path) = moved(&stamps) {
                    let what = format!("{} was written", path.display());
                    return Some((Err(Trouble::local(&what, "", "It is read again by itself")), stamps));
                }
            }
        });
        Some(files.boxed())
    }
}

/// A file that is not as it was when it was read last.
fn moved(stamps: &Stamps) -> Option<PathBuf> {
    let stamps = stamps.lock().unwrap_or_else(PoisonError::into_inner);
    stamps.iter().find(|(path, stamp)| token_file::stamp(path) != **stamp).map(|(path, _)| path.clone())
}

impl TokensFeed {
    async fn cap(&self, ask: &Ask) -> Cap {
        let (now, known) = (self.wide.clock.now(), self.cap);
        if known.is_some_and(|(at, _)| age(now, at) < PACE) {
            return known;
        }
        let answer = ask.answer("", &Question::TokenTune).await.ok()?;
        Some((now, token_wire::cap(&answer)))
    }

    /// Every token there is, read for this look.
    async fn candidates(&self) -> (Vec<Candidate>, BTreeMap<PathBuf, Stamp>) {
        let scope = &self.wide.scope;
        let mut stamps = BTreeMap::new();
        let mut candidates = Vec::new();
        let own_file = scope.own_token.as_deref();
        let entry = |path: &Path| scope.tokens.iter().find(|entry| same_file(&entry.path, path));
        if let Some(path) = own_file {
            let candidate = from_file(TokenOrigin::Own, path, entry(path), &mut stamps);
            candidates.push(Candidate { wants: Wants { asks: asks(), ..candidate.wants }, ..candidate });
        } else if let Some(token) = self.wide.ask.current() {
            candidates.push(Candidate {
                origin: TokenOrigin::Own,
                file: None,
                wants: Wants { asks: asks(), ..Wants::default() },
                namespace: String::new(),
                limited: false,
                token: Ok(token),
            });
        }
        for entry in scope.tokens.iter().filter(|entry| own_file.is_none_or(|own| !same_file(&entry.path, own))) {
            let origin = TokenOrigin::File(entry.name.clone());
            candidates.push(from_file(origin, &entry.path, Some(entry), &mut stamps));
        }
        candidates.extend(self.root_token().await);
        (candidates, stamps)
    }

    /// The root token in the keys Secret, lent for one question. What keeps it from being read is told by the feed that
    /// looks after that Secret.
    async fn root_token(&self) -> Option<Candidate> {
        let kube = self.wide.kube.as_ref()?;
        let known = self.wide.roster.until(|shared| match &shared.keys {
            Keys::Unknown => None,
            Keys::Unclear(_) => Some(None),
            Keys::Known(name) => Some(Some(name.clone())),
        });
        let name = tokio::time::timeout(PATIENCE, known).await.ok().flatten()?;
        let secret = kube.secret(&self.wide.vault.namespace, &name).await.ok().flatten()?;
        let mut data = secret.data.unwrap_or_default();
        let taken = take(&data, &self.wide.scope.names);
        for value in data.values_mut() {
            value.0.zeroize();
        }
        let token = taken.root_token.as_ref().map(|token| SecretString::from(token.as_str()))?;
        Some(Candidate {
            origin: TokenOrigin::KeysSecret,
            file: None,
            wants: Wants::default(),
            namespace: String::new(),
            limited: false,
            token: Ok(token),
        })
    }

    async fn see(&self, candidate: Candidate, asker: Option<&Ask>, known: Option<Known>) -> Look {
        let Candidate { origin, file, wants, namespace, limited, token } = candidate;
        let now = self.wide.clock.now();
        let seen = |answer: TokenAnswer, at: Timestamp| TokenSeen {
            origin: origin.clone(),
            file: file.clone(),
            wants: wants.clone(),
            answer,
            cap: None,
            at,
        };
        let token = match token {
            Ok(token) => token,
            Err(answer) => return Look { seen: seen(answer, now), known: None, unreached: None },
        };
        let print = fingerprint(&self.wide.salt, token.expose_secret().as_bytes());
        let known = known.filter(|known| known.print == print);
        if let Some(known) = known.as_ref().filter(|known| age(now, known.at) < pace(&origin, known)) {
            return Look { seen: seen(known.answer.clone(), known.at), known: Some(known.clone()), unreached: None };
        }
        let own = self.wide.ask.with_token(lent(&token));
        let wanted = Wanted {
            own: &own,
            asker,
            token: &token,
            namespace: &namespace,
            salt: &self.wide.salt,
            wants: &wants,
            counted: limited || known.as_ref().is_some_and(|known| known.counted),
        };
        match lookup(&wanted).await {
            Answered::Heard { answer, itself, counted } => {
                let known = Known { print, answer: answer.clone(), at: now, counted, itself };
                Look { seen: seen(answer, now), known: Some(known), unreached: None }
            }
            Answered::NotAsked(trouble) => match known {
                // What it said the first time stands; its time runs on.
                Some(known) => Look { seen: seen(known.answer.clone(), known.at), known: Some(known), unreached: None },
                None => Look { seen: seen(TokenAnswer::Unseen(trouble), now), known: None, unreached: None },
            },
            Answered::Unreached(trouble) => {
                // That it was counted is not forgotten while nobody answers.
                let known = known.map(|known| Known { at: Timestamp::UNIX_EPOCH, ..known });
                Look { seen: seen(TokenAnswer::Unseen(trouble.clone()), now), known, unreached: Some(trouble) }
            }
        }
    }
}

/// What one look at one token brought.
struct Look {
    seen: TokenSeen,
    known: Option<Known>,
    unreached: Option<Trouble>,
}

impl Look {
    /// Whether it can be asked about other tokens without being spent.
    fn alive(&self) -> bool {
        match &self.seen.answer {
            TokenAnswer::Says(says) => says.uses_left == 0,
            TokenAnswer::Dead | TokenAnswer::NoToken(_) | TokenAnswer::Unseen(_) => false,
        }
    }
}

/// Nobody answered at all: that is the feed's trouble, and it tries again soon.
fn unreached(looks: &[Look]) -> Option<Trouble> {
    let mut troubles = looks.iter().map(|look| look.unreached.as_ref());
    let first = troubles.next()??.clone();
    troubles.all(|trouble| trouble.is_some()).then_some(first)
}

fn pace(origin: &TokenOrigin, known: &Known) -> SignedDuration {
    match origin {
        TokenOrigin::KeysSecret if known.itself => ROOT_PACE,
        TokenOrigin::Own | TokenOrigin::File(_) | TokenOrigin::KeysSecret => PACE,
    }
}

fn lent(token: &SecretString) -> Arc<crate::backends::bao::ask::CurrentToken> {
    let token = token.clone();
    Arc::new(move || Some(token.clone()))
}

fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn from_file(
    origin: TokenOrigin,
    path: &Path,
    entry: Option<&TokenEntry>,
    stamps: &mut BTreeMap<PathBuf, Stamp>,
) -> Candidate {
    // Before it is read: what is written in between is then noticed by the next glance.
    stamps.insert(path.to_owned(), token_file::stamp(path));
    let token = token_file::read(path);
    let wants = entry.map(|entry| Wants {
        display_name: entry.display_name.clone(),
        policies: entry.policies.clone(),
        needs: entry.needs.clone(),
        asks: BTreeMap::new(),
    });
    // Our own is spent by all that this program asks: looking at it spends nothing that is not spent anyway.
    let says = entry.and_then(|entry| entry.limited);
    let limited = if origin == TokenOrigin::Own { says == Some(true) } else { says != Some(false) };
    Candidate {
        origin,
        file: token_file::describe(path),
        wants: wants.unwrap_or_default(),
        namespace: entry.and_then(|entry| entry.namespace.clone()).unwrap_or_default(),
        limited,
        token,
    }
}

/// What Baowatch itself asks with its own token, beside what depends on the names of mounts and roles.
fn asks() -> BTreeMap<String, Vec<String>> {
    let questions = [
        Question::Mounts,
        Question::AuthMethods,
        Question::Audit,
        Question::RaftConfiguration,
        Question::Autopilot,
        Question::Irrevocable,
        Question::Namespaces,
    ];
    let needs = |question: &Question| match question.capability() {
        "sudo" => vec!["read".to_owned(), "sudo".to_owned()],
        one => vec![one.to_owned()],
    };
    questions.iter().map(|question| (question.path(), needs(question))).collect()
}
