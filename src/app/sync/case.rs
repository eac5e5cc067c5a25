//! One object with everything that testifies about it, and the conclusions that all kinds share.

use jiff::{SignedDuration, Timestamp};

use super::cause::{self, Cause, Kind};
use super::witnesses::{Process, VaultNow, Witnesses};
use super::{Standing, Word};
use crate::app::id::ObjectRef;
use crate::app::model::paths::{METADATA_COUNTS, PathState, VaultPath};
use crate::app::model::secrets::SecretSeen;
use crate::app::model::sync::{Condition, EventSeen, Operator, SyncSeen};
use crate::app::time::{age, moment, spoken, within};

/// The operator may need this long before it writes anything: a missing VaultAuth is waited for within one attempt.
const FIRST_LOOK: SignedDuration = SignedDuration::from_secs(40);

/// Below three cadences a look may be late because others stand in line; and so it may below this.
pub(super) const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// Failing attempts of VSO are this far apart at most.
const BACK_OFF: SignedDuration = SignedDuration::from_secs(90);

/// A Service leads to a replica this long after it was opened: a readiness probe must have seen it first.
const ENDPOINTS: SignedDuration = SignedDuration::from_secs(15);

/// A failure that nobody repeated for this long past its time is no news any more.
const STALE: SignedDuration = SignedDuration::from_mins(5);

/// Who waits to be deleted for longer than this is held.
const LEAVING: SignedDuration = SignedDuration::from_secs(30);

/// Reasons of Warning Events that are no failure to bring the secret.
const BESIDE: [&str; 4] =
    ["RolloutRestartFailed", "RolloutRestartUnsupported", "EventWatcherError", "SecretLeaseRenewalError"];

/// The object and its witnesses.
pub(super) struct Case<'a> {
    pub(super) w: &'a Witnesses<'a>,
    pub(super) seen: &'a SyncSeen,
    pub(super) now: Timestamp,
}

/// What the Secret holds.
pub(super) enum Target<'a> {
    /// Nobody may see it, or it names none.
    Unseen,
    /// There is none.
    Missing,
    /// There is, without a key of the value.
    Empty(&'a SecretSeen),
    /// There is.
    Held(&'a SecretSeen),
}

/// What the vault holds at the paths that are read, all of them taken together.
#[derive(Default)]
pub(super) struct Upstream {
    /// The newest write that is known, however old the look at it is: it has happened.
    pub(super) updated: Option<Timestamp>,
    /// The current version there.
    pub(super) version: u64,
    /// What was deleted there, and when.
    pub(super) deleted: Option<(VaultPath, Option<Timestamp>)>,
    /// Where nothing was ever written.
    pub(super) absent: Option<VaultPath>,
    /// All that is read is in sight, and was looked at lately.
    pub(super) whole: bool,
    /// Why something of it is not.
    pub(super) unseen: String,
}

impl<'a> Case<'a> {
    pub(super) const fn new(w: &'a Witnesses<'a>, seen: &'a SyncSeen) -> Self {
        Self { w, seen, now: w.now }
    }

    /// A standing with nothing beside it.
    pub(super) fn stands(&self, word: Word, why: impl FnOnce() -> String) -> Standing {
        Standing {
            word,
            why: self.w.say(why),
            lag: None,
            of: None,
            looked: match self.seen.kind.operator() {
                Operator::Vso => self.beat(),
                // Its conditions carry true transitions: no heartbeat.
                Operator::Eso => self.seen.detail.refreshed,
            },
            also: None,
            by_vault: false,
            dire: false,
        }
    }

    /// The condition that speaks for the whole: `Ready` came with VSO 1.3, `Healthy` with 1.0.
    pub(super) fn ready(&self) -> Option<&'a Condition> {
        ["Ready", "Healthy", "SecretSynced"].iter().find_map(|kind| self.seen.condition(kind))
    }

    /// When the operator last wrote what it found.
    pub(super) fn beat(&self) -> Option<Timestamp> {
        self.ready().and_then(|ready| ready.at)
    }

    pub(super) fn green(&self) -> bool {
        match self.ready() {
            Some(ready) => ready.status == "True",
            None => self.speechless() && self.seen.detail.valid != Some(false),
        }
    }

    /// Its operator is one of before 1.0, which writes no condition: what it did write, Events and the Secret are all there
    /// is. One of 0.4 leaves not even that of a VaultStaticSecret with `hmacSecretData: false`, and the Secret alone tells.
    pub(super) fn speechless(&self) -> bool {
        let wrote = || match self.target() {
            Target::Held(secret) => secret.writer.as_ref() == Some(&self.seen.object),
            Target::Unseen | Target::Missing | Target::Empty(_) => false,
        };
        self.seen.kind.operator() == Operator::Vso
            && self.ready().is_none()
            && (self.seen.detail.observed || self.w.before_one() && wrote())
    }

    /// What its status claims, for a sentence that says otherwise.
    pub(super) fn claims(&self) -> &'static str {
        if self.speechless() { "Its status shows nothing" } else { "Every condition is True" }
    }

    pub(super) fn process(&self) -> Process {
        self.w.process(self.seen.kind.operator())
    }

    pub(super) fn operator(&self) -> &'static str {
        self.seen.kind.operator().name()
    }

    /// The newest Event that says that bringing the secret failed.
    pub(super) fn complaint(&self) -> Option<&'a EventSeen> {
        let events = self.w.events(&self.seen.object);
        events
            .into_iter()
            .filter(|event| event.warning && !BESIDE.contains(&event.reason.as_str()))
            .max_by_key(|event| event.last)
    }

    /// The newest Event about it of a reason.
    pub(super) fn event(&self, reasons: &[&str]) -> Option<&'a EventSeen> {
        let events = self.w.events(&self.seen.object);
        events.into_iter().filter(|event| reasons.contains(&event.reason.as_str())).max_by_key(|event| event.last)
    }

    /// The same, only where it is later than what the status says.
    pub(super) fn complaint_after(&self, then: Option<Timestamp>) -> Option<&'a EventSeen> {
        if self.speechless() {
            // What failed goes on failing every few seconds; where it does not, it went well since.
            let detail = &self.seen.detail;
            let well = self.event(&["SecretSync", "SecretSynced", "SecretRotated"]).and_then(|event| event.last);
            let then = [then, detail.renewed, detail.issued, well].into_iter().flatten().max();
            let lately = |at: Timestamp| age(self.now, at) <= BACK_OFF * 2;
            return self.complaint().filter(|event| event.last > then && event.last.is_some_and(lately));
        }
        self.complaint().filter(|event| event.last > then)
    }

    pub(super) fn target(&self) -> Target<'a> {
        let Some(name) = &self.seen.secret else { return Target::Unseen };
        let table = self.w.secrets();
        let Some(table) = table else { return Target::Unseen };
        match table.get(name) {
            None => Target::Missing,
            // Without managed fields nobody knows its keys.
            Some(secret) if secret.changed.is_some() && !secret.keys.iter().any(|key| key != "_raw") => {
                Target::Empty(secret)
            }
            Some(secret) => Target::Held(secret),
        }
    }

    pub(super) fn places(&self) -> Vec<VaultPath> {
        self.w.model.places(self.seen)
    }

    pub(super) fn upstream(&self) -> Upstream {
        let places = self.places();
        let guessed = self.namespace_guessed();
        let mut up =
            Upstream { whole: !places.is_empty() && places.len() == self.seen.sources.len(), ..Upstream::default() };
        for place in places {
            let Some(path) = self.w.path(&place) else {
                up.whole = false;
                continue;
            };
            up.whole &= within(self.now, path.at, METADATA_COUNTS);
            // In another namespace it may be there.
            if guessed && matches!(path.found, Ok(PathState::Absent)) {
                up.whole = false;
                continue;
            }
            match &path.found {
                Err(trouble) => {
                    up.whole = false;
                    up.unseen = self.w.say(|| trouble.what.clone());
                }
                Ok(PathState::Absent) => up.absent = Some(place),
                Ok(PathState::Present { updated, version, deleted, destroyed }) => {
                    up.updated = up.updated.max(*updated);
                    up.version = up.version.max(*version);
                    if deleted.is_some_and(|at| at <= self.now) || *destroyed {
                        up.deleted = Some((place, *deleted));
                    }
                }
            }
        }
        if !up.whole && up.unseen.is_empty() {
            up.unseen = self.w.say(|| self.unseen_way().unwrap_or_else(|| self.w.unseen_path()));
        }
        up
    }

    /// `05:49:00Z, 37s ago`.
    pub(super) fn ago(&self, at: Timestamp) -> String {
        format!("{}, {} ago", moment(self.now, at), spoken(age(self.now, at)))
    }

    /// Nothing was ever written into its status: either every attempt fails, or nobody ever took it up. Events tell.
    pub(super) fn unborn(&self) -> Option<Standing> {
        if !self.seen.conditions.is_empty() || self.seen.detail.observed || self.speechless() {
            return None;
        }
        let since = self.seen.created;
        let lag = since.map(|since| age(self.now, since));
        let with =
            |standing: Standing| Some(Standing { lag, dire: !matches!(self.target(), Target::Held(_)), ..standing });
        if let Some(event) = self.complaint() {
            let cause = self.cause_of(&event.message);
            return with(self.stands(Word::Failed, || {
                format!("Fails since it was created, and its status stays empty: {}", cause.text)
            }));
        }
        let detail = &self.seen.detail;
        if let Some(through) = detail.through.iter().chain(&detail.generators).find(|named| self.w.lacks(named)) {
            return with(self.stands(Word::Failed, || format!("It names {through}, which does not exist")));
        }
        if let Some(broken) = self.broken_link() {
            return with(self.stands(Word::Failed, || broken));
        }
        if self.refused() {
            return with(self.stands(Word::Failed, || self.refusal()));
        }
        let young = lag.is_some_and(|lag| lag < FIRST_LOOK);
        if young && self.process() != Process::Dead {
            return Some(Standing {
                lag,
                ..self.stands(Word::Unknown, || "Created just now; no status yet".to_owned())
            });
        }
        let operator = self.operator();
        let missing = !self.seen.detail.creates && matches!(self.target(), Target::Missing);
        with(self.stands(Word::Never, || match self.process() {
            Process::Dead => format!("Never picked up: {operator} is not running"),
            _ if missing => {
                "Its Secret does not exist and create is false: the operator waits for it, without a word".to_owned()
            }
            _ if self.w.sees_events() => {
                "Never picked up: no status, no Event, no finalizer since it was created".to_owned()
            }
            _ => "No status since it was created; Events, which would tell why, are not in sight".to_owned(),
        }))
    }

    /// It waits to be deleted, and who holds the finalizer does not let it go.
    pub(super) fn leaving(&self) -> Option<Standing> {
        let since = self.seen.detail.deleting?;
        let (lag, operator) = (age(self.now, since), self.operator());
        let held = lag > LEAVING;
        let word = match (held, self.process()) {
            (_, Process::Dead) => Word::Dropped,
            (true, Process::Runs | Process::Unseen) => Word::Failed,
            (false, Process::Runs | Process::Unseen) => Word::Unwatched,
        };
        let standing = self.stands(word, || {
            let end = match (held, self.process()) {
                (_, Process::Dead) => format!("; {operator}, whose finalizer holds it, is not running"),
                (true, Process::Runs | Process::Unseen) => format!("; {operator} does not let go of its finalizer"),
                (false, Process::Runs | Process::Unseen) => String::new(),
            };
            format!("Is being deleted since {}{end}", moment(self.now, since))
        });
        Some(Standing { lag: Some(lag), ..standing })
    }

    /// Green for too long without a look: three cadences, or one where the operator is known not to run.
    pub(super) fn dropped(&self, beat: Timestamp, cadence: SignedDuration) -> Option<Standing> {
        let old = age(self.now, beat);
        let dead = self.process() == Process::Dead;
        let limit = if dead { cadence } else { (cadence * 3).max(PATIENCE) };
        if old <= limit {
            return None;
        }
        let operator = self.operator();
        let standing = self.stands(Word::Dropped, || {
            let who = if dead {
                format!("{operator} is not running")
            } else {
                format!("{operator} looks every {} by its declaration", spoken(cadence))
            };
            format!("{}, and nobody has looked since {}: {who}", self.claims(), self.ago(beat))
        });
        Some(Standing {
            lag: Some(old - cadence),
            of: Some(cadence),
            dire: matches!(self.target(), Target::Missing),
            ..standing
        })
    }

    /// A look is later than its cadence, and not late enough to call it dropped.
    pub(super) fn late(&self, beat: Timestamp, cadence: SignedDuration) -> bool {
        age(self.now, beat) > cadence + cadence / 2
    }

    /// It failed when somebody last looked, and nobody has looked since.
    pub(super) fn stale(&self, of: Option<SignedDuration>) -> Option<Standing> {
        let beat = self.beat()?;
        let cadence = of.unwrap_or(BACK_OFF).max(BACK_OFF);
        let lag = age(self.now, beat) - cadence;
        if lag <= STALE {
            return None;
        }
        let operator = self.operator();
        let standing = self.stands(Word::Stale, || {
            let who = if self.process() == Process::Dead {
                format!("{operator} is not running")
            } else {
                "it should have tried again within 90s".to_owned()
            };
            format!("It failed when somebody last looked, {}, and nobody has looked since: {who}", self.ago(beat))
        });
        let dire = matches!(self.target(), Target::Missing | Target::Empty(_));
        Some(Standing { lag: Some(lag), of, dire, ..standing })
    }

    /// It fails by its own account; the text of the condition is told from what is true of the vault now.
    pub(super) fn failing(&self, lag: Option<SignedDuration>, of: Option<SignedDuration>) -> Standing {
        let (target, beat) = (self.target(), self.beat());
        let refused = self.refused();
        let mut by_vault = false;
        let standing = if refused {
            self.stands(Word::Failed, || self.refusal())
        } else {
            let said = self.seen.condition("SecretSynced").or_else(|| self.ready()).filter(|c| c.status != "True");
            // The Event of the same attempt says more than an ESO condition, and the same as one of VSO.
            let event = self
                .complaint()
                .filter(|event| said.is_none_or(|c| event.last >= c.at || c.message.contains("from provider")));
            let text = event.map(|event| event.message.as_str()).or_else(|| said.map(|c| c.message.as_str()));
            let cause = text.map(|text| self.cause_of(text));
            by_vault = cause.as_ref().is_some_and(|cause| self.by_vault(cause, beat));
            self.stands(Word::Failed, || {
                cause.map_or_else(|| "It says so and not why".to_owned(), |cause| self.told(&cause, beat))
            })
        };
        let also = match target {
            Target::Missing => Some(self.w.say(|| "its Secret does not exist".to_owned())),
            Target::Empty(_) => Some(self.w.say(|| "its Secret is empty".to_owned())),
            Target::Held(_) | Target::Unseen => None,
        };
        let dire = matches!(target, Target::Missing | Target::Empty(_));
        // What somebody else wrote was never the vault's.
        let lag = lag.filter(|_| !refused);
        Standing { lag, of, also, by_vault, dire, ..standing }
    }

    /// A failure that only an Event tells, while the conditions still say what was.
    pub(super) fn failing_by(&self, event: &EventSeen, of: Option<SignedDuration>) -> Standing {
        let cause = self.cause_of(&event.message);
        let standing = self.stands(Word::Failed, || {
            let status =
                if self.speechless() { "the status would not show it" } else { "the conditions still say True" };
            format!("{} (an Event says so; {status})", self.told(&cause, event.last))
        });
        let lag = self.beat().map(|beat| age(self.now, beat));
        let by_vault = self.by_vault(&cause, event.last);
        Standing { lag, of, by_vault, dire: matches!(self.target(), Target::Missing | Target::Empty(_)), ..standing }
    }

    /// Whether the seal alone is the cause: now, or until the next attempt after the vault was opened.
    fn by_vault(&self, cause: &Cause, said: Option<Timestamp>) -> bool {
        match (cause.kind, self.w.vault()) {
            (Kind::Sealed | Kind::Unreachable, VaultNow::Sealed) => true,
            (Kind::Sealed, VaultNow::Open | VaultNow::Unknown) => {
                said.is_some_and(|said| age(self.now, said) <= BACK_OFF)
            }
            // Through a Service nobody reaches a replica that is not ready, and a sealed one is not.
            (Kind::Unreachable, VaultNow::Open) => {
                let opened = self.w.model.opened.filter(|opened| age(self.now, *opened) <= BACK_OFF);
                said.zip(opened).is_some_and(|(said, opened)| said <= opened + ENDPOINTS)
            }
            (Kind::Unreachable, VaultNow::Unknown) | (Kind::Denied | Kind::Login | Kind::Nothing | Kind::Other, _) => {
                false
            }
        }
    }

    /// The cause in a sentence, with what the vault is now where the text is about that.
    fn told(&self, cause: &Cause, said: Option<Timestamp>) -> String {
        let old = said.map(|at| format!(" That was said {}", self.ago(at))).unwrap_or_default();
        match (cause.kind, self.w.vault()) {
            (Kind::Sealed, VaultNow::Sealed) => "The vault is sealed, now too".to_owned(),
            (Kind::Sealed, VaultNow::Open) => {
                format!(
                    "It failed while the vault was sealed.{old}; the vault is open now, and no attempt has succeeded since"
                )
            }
            (Kind::Unreachable, VaultNow::Sealed) => format!("{}; the vault is sealed now", cause.text),
            _ => cause.text.clone(),
        }
    }

    /// The cause, with what the objects on the way to the vault add to it.
    pub(super) fn cause_of(&self, text: &str) -> Cause {
        let mut cause = cause::read(text);
        // What an operator says of a broken way names one object of it at best.
        if cause.kind == Kind::Other
            && let Some(broken) = self.broken_link()
        {
            cause.text = broken;
            return cause;
        }
        let through = self.w.model.way(self.seen);
        match (cause.kind, &through) {
            (Kind::Login, Some(through)) => {
                let role = self.w.role_of(through).filter(|role| !role.is_empty());
                let role = role.map(|role| format!(" as role {role}")).unwrap_or_default();
                cause.text =
                    format!("{through} cannot log in{role}: {}. Its own status does not show that", cause.text);
            }
            (Kind::Denied, _) => {
                let place = self.places().first().map(VaultPath::words).unwrap_or_default();
                cause.text =
                    format!("Its token lives and may not read {place}; a mount that does not exist answers the same");
            }
            (Kind::Nothing, _) => {
                let places: Vec<String> = self.places().iter().map(VaultPath::words).collect();
                cause.text = format!("There is nothing at {} in the vault", places.join(", "));
            }
            _ => {}
        }
        cause
    }

    /// Somebody else made the Secret, and this object may not take it.
    fn refused(&self) -> bool {
        let detail = &self.seen.detail;
        let foreign = match self.target() {
            Target::Held(secret) | Target::Empty(secret) => {
                secret.writer.is_none() && secret.created < self.seen.created
            }
            Target::Unseen | Target::Missing => false,
        };
        foreign && detail.creates && !detail.overwrites && self.seen.kind.operator() == Operator::Vso
    }

    fn refusal(&self) -> String {
        let secret = self.seen.secret.as_ref().map(ObjectRef::path).unwrap_or_default();
        format!(
            "Secret {secret} was made by somebody else, and overwrite is off: the operator refuses to write it, and its status does not say so"
        )
    }
}
