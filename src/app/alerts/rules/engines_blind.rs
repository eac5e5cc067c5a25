//! What the rules about rotating engines have in common: where they apply, and what of it cannot be seen.

use jiff::Timestamp;

use super::super::Finding;
use crate::app::id::{FeedId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::engines::{EnginesSeen, Part};
use crate::app::model::observed::FeedState;
use crate::app::rotation::engines;
use crate::app::trouble::TroubleKind;
use crate::app::verdict::sight;

type Findings = Vec<(ObjectRef, Finding)>;

/// The engines with what of these parts is denied; or all that can be said without them.
pub(super) fn look<'a>(
    model: &'a Model,
    kind: &str,
    parts: &[Part],
    now: Timestamp,
) -> Result<(&'a EnginesSeen, Findings), Findings> {
    if model.feed_state(FeedId::Engines, now) == FeedState::Absent {
        return Err(Vec::new());
    }
    let Some(seen) = engines(model, now) else {
        let unseen = sight::missing(model, FeedId::Engines, now);
        let says = unseen.map(|unseen| unseen.says()).unwrap_or_default();
        return Err(vec![(model.vault_ref(), Finding::Unknown(says))]);
    };
    let blind = seen.blind.iter().filter(|it| parts.contains(&it.part) && it.trouble.kind != TroubleKind::Absent);
    let findings = blind.map(|it| {
        let words = if it.words().is_empty() { "the vault".to_owned() } else { it.words() };
        let says = [it.trouble.what.as_str(), it.trouble.next.as_str()].join(". ");
        (ObjectRef::new(kind, "", &words), Finding::Unknown(says))
    });
    Ok((seen, findings.collect()))
}
