//! What the rules about the keystore, its copies and files in custody have in common: where they apply, and about what.

use jiff::Timestamp;

use super::super::{Finding, Firing, Severity};
use crate::app::id::{ActionId, ObjectRef};
use crate::app::model::Model;
use crate::app::model::custody::{CustodySeen, CustodyState};
use crate::app::model::reopens::{Mechanism, reopens};
use crate::app::verdict::held;
use crate::app::verdict::replicas::initialised;
use crate::app::verdict::sight::Unseen;

/// Whether there are keys of this vault that somebody should hold.
pub(super) enum Applies {
    /// It opens by something that nobody can hold, or by people who hold it.
    No,
    /// Nothing was initialised yet.
    NotYet,
    /// Nobody can tell; why.
    Unknown(String),
    /// There are.
    Yes(Mechanism),
}

/// Whether the rules about keys apply to this vault.
pub(super) fn applies(model: &Model, now: Timestamp) -> Applies {
    let reopens = reopens(model, now);
    match reopens.by {
        Mechanism::Secret | Mechanism::Static => {}
        Mechanism::People | Mechanism::Unknown if model.expect.keys_secret_configured => {}
        Mechanism::Unknown => return Applies::Unknown(reopens.because),
        Mechanism::People | Mechanism::Transit | Mechanism::Kms => return Applies::No,
    }
    match initialised(model, now) {
        None => Applies::Unknown("no replica has said yet whether it is initialised".to_owned()),
        Some(false) => Applies::NotYet,
        Some(true) => Applies::Yes(reopens.by),
    }
}

/// The keystore as the subject of an alert; the vault as long as nobody knows where it lies.
pub(super) fn subject(model: &Model) -> ObjectRef {
    model.keystore.as_ref().map_or_else(|| model.vault_ref(), |look| ObjectRef::new("Keystore", "", look.value.path()))
}

/// A rule that fires at once, with everything that it says.
pub(super) fn fires(severity: Severity, sentence: String, why: &str, next: &str, action: Option<ActionId>) -> Finding {
    let (why, next) = (why.to_owned(), next.to_owned());
    Finding::Firing(Firing { severity, sentence, why, next, action, evidence_since: None })
}

/// Judges every file in custody; one that cannot be read is unknown to every rule.
pub(super) fn each_file(
    model: &Model,
    now: Timestamp,
    judge: impl Fn(&CustodySeen) -> Option<Finding>,
) -> Vec<(ObjectRef, Finding)> {
    let unknown = |unseen: Unseen| vec![(subject(model), Finding::Unknown(unseen.says()))];
    match held::custody(model, now) {
        Err(unseen) => unknown(unseen),
        Ok(files) => files
            .iter()
            .map(|file| {
                let finding = match &file.state {
                    CustodyState::Unreadable(trouble) => Finding::Unknown(format!("{}: {}", file.path, trouble.what)),
                    // Only the machine it lies on can tell.
                    CustodyState::Elsewhere { .. } => Finding::Clear,
                    CustodyState::Same
                    | CustodyState::Different { .. }
                    | CustodyState::WrongSize { .. }
                    | CustodyState::Missing => judge(file).unwrap_or(Finding::Clear),
                };
                (ObjectRef::new("KeyFile", "", &file.name), finding)
            })
            .collect(),
    }
}

/// What puts a key file back: a field of a Secret is written by whoever owns the Secret.
pub(super) fn restores(file: &CustodySeen) -> Option<ActionId> {
    (!file.path.starts_with("secret:")).then_some(ActionId::RestoreCustody)
}
