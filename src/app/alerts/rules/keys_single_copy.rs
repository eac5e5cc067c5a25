//! Who loses one place loses the keys.

use jiff::Timestamp;

use super::super::{Finding, Rule, Severity};
use super::keys_held::{Applies, applies, fires};
use crate::app::id::{ActionId, FeedId, ObjectRef, RuleId};
use crate::app::model::Model;
use crate::app::model::copies::{CopySeen, CopyState};
use crate::app::model::keystore::{GenerationSeen, KeystoreSeen};
use crate::app::model::observed::FeedState;
use crate::app::model::proof::{Answer, last_answer};
use crate::app::model::register::RegisterSeen;
use crate::app::model::reopens::Mechanism;
use crate::app::text::count;
use crate::app::verdict::held::{self, agree, of_another_vault, wanted};
use crate::app::verdict::keys::{Keys, keys};
use crate::app::verdict::sight::Unseen;

/// The rule.
pub struct KeysSingleCopy;

impl Rule for KeysSingleCopy {
    fn id(&self) -> RuleId {
        RuleId("keys-single-copy")
    }

    fn severity(&self) -> Severity {
        Severity::Warning
    }

    fn fires_when(&self) -> &'static str {
        "the keys are in fewer than two places beside the Secret, or all of these are on one host"
    }

    fn runbook(&self) -> &'static str {
        include_str!("../../../../assets/help/rules/keys-single-copy.md")
    }

    fn judge(&self, model: &Model, now: Timestamp) -> Vec<(ObjectRef, Finding)> {
        let subject = model.vault_ref();
        match applies(model, now) {
            Applies::No => Vec::new(),
            Applies::NotYet => vec![(subject, Finding::Clear)],
            Applies::Unknown(why) => vec![(subject, Finding::Unknown(why))],
            Applies::Yes(by) => {
                // A static seal whose key lies in no Secret is nobody's to keep, unless somebody began to.
                let kept = model.keystore().is_some_and(|keystore| keystore.current().is_some());
                match keys(model, by, now) {
                    Keys::Elsewhere(_) if !kept => Vec::new(),
                    Keys::Elsewhere(_)
                    | Keys::NotNeeded
                    | Keys::BeforeInit(_)
                    | Keys::Unseen(_)
                    | Keys::Faulty(..)
                    | Keys::Plausible(_) => vec![(subject, places(model, by, now))],
                }
            }
        }
    }
}

/// The places that count, and those that do not, with what could not be looked at.
struct Places<'a> {
    counted: Vec<String>,
    near: Vec<&'a CopySeen>,
    behind: Vec<&'a CopySeen>,
    unseen: Vec<Unseen>,
    /// Why the register beside the vault, which nobody must have, tells this machine nothing: it may name more places.
    untold: Option<&'static str>,
    /// There is a keystore that copies can be written from.
    keystore: bool,
}

fn places(model: &Model, by: Mechanism, now: Timestamp) -> Finding {
    let mut places = Places {
        counted: Vec::new(),
        near: Vec::new(),
        behind: Vec::new(),
        unseen: Vec::new(),
        untold: None,
        keystore: false,
    };
    let keystore = held::keystore(model, now).unwrap_or_else(|unseen| {
        places.unseen.push(unseen);
        None
    });
    places.keystore = keystore.is_some();
    let ours = keystore.and_then(|keystore| usable(model, keystore, by));
    if ours.is_some() {
        places.counted.push("the keystore on this machine".to_owned());
    }
    match held::copies(model, now) {
        Err(unseen) => places.unseen.push(unseen),
        // What is no copy of keys that open this vault is no second place for them.
        Ok(copies) => copies.iter().for_each(|copy| places.sort_in(copy, keystore.is_none() || ours.is_some())),
    }
    match held::register(model, now) {
        // It answers, and the answer is no: a warning that may be one too many is better than none.
        Err(_) if model.feed_state(FeedId::Register, now) == FeedState::Denied => {
            places.untold = Some("the register beside the vault may not be read from here; it may name more places");
        }
        Err(unseen) => places.unseen.push(unseen),
        Ok(None) if model.register().is_some() => {
            places.untold = Some("the register beside the vault was made with another salt; it may name more places");
        }
        Ok(register) => {
            let current = ours.map(|held| held.prints.clone()).or_else(|| secrets(model));
            let right = |prints: &[_]| current.as_deref().is_none_or(|current| agree(prints, current));
            let others = register.into_iter().flat_map(RegisterSeen::of_others);
            let others = others.filter(|held| held.near.is_none() && !held.prints.is_empty() && right(&held.prints));
            places.counted.extend(others.map(|held| format!("{} of {}", held.name, held.holder)));
        }
    }
    places.finding()
}

/// The current generation, where it can open this vault as far as is known.
fn usable<'a>(model: &Model, keystore: &'a KeystoreSeen, by: Mechanism) -> Option<&'a GenerationSeen> {
    let current = keystore.current_of(wanted(model, by)?)?;
    let refused = last_answer(&model.proofs, model.cluster_id(), &current.prints)
        .is_some_and(|proof| proof.answer == Answer::Refused);
    (!refused && !of_another_vault(model, current)).then_some(current)
}

fn secrets(model: &Model) -> Option<Vec<crate::app::model::keys_secret::Fingerprint>> {
    model.keys_secret().map(crate::app::model::keys_secret::KeysSecret::prints).filter(|prints| !prints.is_empty())
}

impl<'a> Places<'a> {
    fn sort_in(&mut self, copy: &'a CopySeen, of_right_keys: bool) {
        match (&copy.near, &copy.state) {
            (Some(_), _) => self.near.push(copy),
            (None, CopyState::Same | CopyState::Older { .. } | CopyState::Newer { .. }) if of_right_keys => {
                self.counted.push(format!("copy {}", copy.name));
            }
            (None, CopyState::Unchecked) => self.unseen.push(Unseen {
                input: format!("copy {}", copy.name),
                since: copy.checked,
                why: "not read yet".to_owned(),
                next: String::new(),
            }),
            (
                None,
                CopyState::Same
                | CopyState::Older { .. }
                | CopyState::Newer { .. }
                | CopyState::Outdated { .. }
                | CopyState::Missing
                | CopyState::Unreadable(_),
            ) => self.behind.push(copy),
        }
    }

    fn finding(&self) -> Finding {
        if self.counted.len() >= 2 {
            return Finding::Clear;
        }
        // What was not seen could be the second place.
        if let Some(unseen) = self.unseen.first() {
            return Finding::Unknown(unseen.says());
        }
        let sentence = match (self.counted.first(), self.untold) {
            (None, None) => "The keys are in no place but the Secret that the vault uses".to_owned(),
            (Some(only), None) => format!("Beside the Secret the keys are in one place: {only}"),
            (None, Some(_)) => "This machine knows of no place for the keys but the Secret".to_owned(),
            (Some(only), Some(_)) => format!("This machine knows of one place for the keys: {only}"),
        };
        let behind: Vec<&str> = self.behind.iter().map(|copy| copy.name.as_str()).collect();
        let near = self.near.first().and_then(|copy| Some((copy, copy.near.as_deref()?)));
        let why = match (behind.as_slice(), near) {
            ([], None) if self.untold.is_some() => self.untold.unwrap_or_default().to_owned(),
            ([], None) => "who loses that place loses the vault with the next restart".to_owned(),
            ([], Some((copy, why))) => format!("copy {} does not count: {why}", copy.name),
            (names, _) => format!(
                "{} without the current keys: {}",
                count(names.len(), "copy").replace("copys", "copies"),
                names.join(", ")
            ),
        };
        let writable = |copy: &&CopySeen| matches!(copy.state, CopyState::Outdated { .. } | CopyState::Missing);
        let (next, action) = if self.behind.iter().any(writable) && self.keystore {
            ("Bring the copies of the keystore up to date", Some(ActionId::CopyKeystore))
        } else if self.counted.is_empty() {
            ("Make a keystore with `baowatch keys init`, take the keys into it, and put a copy elsewhere", None)
        } else {
            ("Put a copy of the keystore on another machine or stick: `baowatch keys copy add`", None)
        };
        fires(Severity::Warning, sentence, &why, next, action)
    }
}
