//! What the rules about sync objects have in common: where they apply, and one standing for each object.

use jiff::{SignedDuration, Timestamp};

use super::super::{Finding, Firing, Severity};
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::observed::FeedState;
use crate::app::model::sync::{SyncKind, SyncSeen};
use crate::app::sync::standings::standings;
use crate::app::sync::{Standing, Witnesses, Word};
use crate::app::verdict::sight;

/// What the standing of a sync object rests on.
pub(super) const RESTS_ON: &[FeedId] =
    &[FeedId::Sync, FeedId::Operators, FeedId::Paths, FeedId::Engines, FeedId::Secrets, FeedId::Seal];

/// What a rule makes of one object.
pub(super) enum Opinion {
    /// It is well, as far as this rule goes.
    Well,
    /// It is not in sight what this rule asks for.
    Unsure,
    /// It fails because the vault is or was sealed, as far as can be told: one cause, and no row for each object.
    BySeal,
    /// The same, of what another rule counts already.
    BySealToo,
    /// It fires.
    Fires(Severity),
}

/// Judges every object; where no operator's objects exist, nothing is said. Texts are made for what fires alone. `about`
/// says which kinds the rule is about: where some of them may not be listed, it is not clear for those.
pub(super) fn each(
    model: &Model,
    now: Timestamp,
    about: impl Fn(SyncKind) -> bool,
    opinion: impl Fn(&SyncSeen, &Standing) -> Opinion,
    tell: impl Fn(&SyncSeen, &Standing) -> (String, String),
) -> Vec<(ObjectRef, Finding)> {
    if model.feed_state(FeedId::Sync, now) == FeedState::Absent {
        return Vec::new();
    }
    let unseen = sight::missing(model, FeedId::Sync, now);
    let (Some(table), None) = (&model.sync, &unseen) else {
        let why = unseen.map(|unseen| unseen.says()).unwrap_or_default();
        return vec![(model.vault_ref(), Finding::Unknown(why))];
    };
    let withheld = model.withheld_sync(&about).map(|why| (model.vault_ref(), Finding::Unknown(why)));
    if table.is_empty() {
        return withheld.into_iter().collect();
    }
    let known = standings(model, now);
    let judged = known.of(table).map(|(seen, standing)| match (hidden(model, seen), about(seen.kind)) {
        (true, true) => (seen, Opinion::Unsure),
        (true, false) => (seen, Opinion::Well),
        (false, _) => (seen, opinion(seen, standing)),
    });
    let worth: Vec<(&SyncSeen, Opinion)> = judged.filter(|(_, opinion)| !matches!(opinion, Opinion::Well)).collect();
    if worth.is_empty() {
        return withheld.into_iter().collect();
    }
    let speaking = Witnesses::of(model, now);
    let sealed = sealed(model, now);
    let mut found = Vec::new();
    let mut by_seal = Vec::new();
    for (seen, opinion) in worth {
        let standing = speaking.judge(seen);
        let finding = match opinion {
            Opinion::Well => continue,
            // Nobody sees into a sealed vault, whatever is asked of it.
            Opinion::Unsure if sealed => Finding::Kept(standing.why),
            Opinion::BySealToo => Finding::Kept(standing.why),
            Opinion::Unsure => Finding::Unknown(standing.why),
            Opinion::BySeal => {
                by_seal.push(&seen.object);
                Finding::Kept(standing.why)
            }
            Opinion::Fires(severity) => {
                let (sentence, next) = tell(seen, &standing);
                let why = [Some(standing.why), standing.also].into_iter().flatten().collect::<Vec<_>>().join("; ");
                Finding::Firing(Firing { severity, sentence, why, next, action: None, evidence_since: standing.looked })
            }
        };
        found.push((seen.object.clone(), finding));
    }
    if !sealed {
        found.extend(after_the_seal(model, &by_seal));
    }
    found.extend(withheld);
    found
}

/// It was seen once, and its kind may not be listed any more.
pub(super) fn hidden(model: &Model, seen: &SyncSeen) -> bool {
    model.withholds(FeedId::Sync, &seen.object.kind, &seen.object.namespace).is_some()
}

/// Every replica that answers is sealed: an alarm of its own says so.
fn sealed(model: &Model, now: Timestamp) -> bool {
    let mut answers = model.answers(now).peekable();
    answers.peek().is_some() && answers.all(|(_, seen)| seen.sealed)
}

/// After a seal nobody knows whether these work again before their next attempt: that is one row for all of them.
fn after_the_seal(model: &Model, objects: &[&ObjectRef]) -> Option<(ObjectRef, Finding)> {
    let first = objects.first()?;
    let others = match objects.len() {
        1 => String::new(),
        n => format!(" and {} more", n - 1),
    };
    let why = format!("{first}{others} failed while the vault was sealed; their next attempt, within 90s, will tell");
    Some((model.vault_ref(), Finding::Unknown(why)))
}

/// The ways to the vault (of these kinds) through which nothing comes; `ends` is what follows behind the object's name.
pub(super) fn closed(
    model: &Model,
    now: Timestamp,
    ways: impl Fn(SyncKind) -> bool,
    ends: &str,
) -> Vec<(ObjectRef, Finding)> {
    each(
        model,
        now,
        &ways,
        |seen, standing| {
            let shut = ways(seen.kind) && matches!(standing.word, Word::Failed | Word::Never);
            match (shut, standing.by_vault) {
                (false, _) => Opinion::Well,
                (true, true) => Opinion::BySealToo,
                (true, false) => Opinion::Fires(Severity::Warning),
            }
        },
        |seen, _| (format!("{} {ends}", seen.object), describe(seen)),
    )
}

/// What is brought from the vault into a Secret or back, and not a way to the vault.
pub(super) const fn brings(kind: SyncKind) -> bool {
    match kind {
        SyncKind::VaultStaticSecret
        | SyncKind::VaultDynamicSecret
        | SyncKind::VaultPKISecret
        | SyncKind::ExternalSecret
        | SyncKind::PushSecret => true,
        SyncKind::VaultAuth
        | SyncKind::VaultConnection
        | SyncKind::VaultAuthGlobal
        | SyncKind::SecretStore
        | SyncKind::ClusterSecretStore
        | SyncKind::Generator => false,
    }
}

/// Past its time by more than this, nobody looks any more.
pub(super) fn stale_after(model: &Model) -> SignedDuration {
    let (_, critical) = model.expect.limits("sync-stale", 300, 300);
    SignedDuration::from_secs(i64::try_from(critical).unwrap_or(i64::MAX))
}

/// Whether the heartbeat of an object is older than its cadence and that long, whatever its conditions say.
pub(super) fn stale(model: &Model, seen: &SyncSeen, standing: &Standing, now: Timestamp) -> bool {
    let after = stale_after(model);
    match (standing.word, seen.kind) {
        (Word::Stale | Word::Dropped, _) => {
            standing.lag.is_some_and(|lag| lag > after) && seen.detail.deleting.is_none()
        }
        (
            Word::Synced | Word::Behind | Word::Unknown,
            SyncKind::VaultStaticSecret | SyncKind::ExternalSecret | SyncKind::PushSecret,
        ) if seen.detail.windows.is_none() => standing
            .looked
            .zip(standing.of)
            .is_some_and(|(looked, of)| now.duration_since(looked) > of.saturating_add(after)),
        _ => false,
    }
}

/// The line that shows an object in full. Kinds of both operators share short names: the full one is meant always.
pub(super) fn describe(seen: &SyncSeen) -> String {
    let plural = match seen.kind {
        SyncKind::VaultPKISecret => "vaultpkisecrets".to_owned(),
        kind => format!("{}s", kind.name().to_lowercase()),
    };
    let namespace = &seen.object.namespace;
    let place = if namespace.is_empty() { String::new() } else { format!(" -n {namespace}") };
    format!("kubectl{place} describe {plural}.{} {}", seen.kind.operator().group(), seen.object.name)
}
