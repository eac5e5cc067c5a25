//! To have been told yes: the only way from a plan to an act.

use jiff::Timestamp;
use serde::Serialize;

use super::guard;
use super::plan::{LIFETIME, Plan};
use crate::app::model::Model;
use crate::app::time::age;
use crate::app::trouble::{Trouble, TroubleKind};

/// A plan that a person confirmed. It cannot be built elsewhere, copied, or read from a file.
#[derive(Debug, PartialEq, Serialize)]
pub struct Confirmed<T>(T);

impl<T> Confirmed<T> {
    /// What was confirmed.
    pub const fn get(&self) -> &T {
        &self.0
    }
}

/// Takes a plan and the answer to its challenge; gives it back with the reason when it is not confirmed.
///
/// Refuses when the answer is not exact, the plan is older than [`LIFETIME`], the facts moved or went stale, a right is
/// known to be missing, or the console now watches another vault.
pub fn confirm(
    plan: Plan,
    answer: &str,
    model: &Model,
    now: Timestamp,
) -> Result<Confirmed<Plan>, Box<(Plan, Trouble)>> {
    match refusal(&plan, answer, model, now) {
        None => Ok(Confirmed(plan)),
        Some(trouble) => Err(Box::new((plan, trouble))),
    }
}

fn refusal(plan: &Plan, answer: &str, model: &Model, now: Timestamp) -> Option<Trouble> {
    let refused = |what: &str, why: &str, next: &str| Some(Trouble::new(TroubleKind::Refused, what, why, next));
    if model.cluster.as_ref().map(|cluster| &cluster.identity) != Some(&plan.identity) {
        return refused("this plan was made for another vault", "", "Ask for the plan anew; nothing was changed");
    }
    if age(now, plan.made) > LIFETIME {
        return refused(
            "the plan is older than two minutes",
            "the world it describes may have moved on",
            "Ask for the plan anew; nothing was changed",
        );
    }
    if let Err(trouble) = guard::check(&plan.basis, model, now) {
        return Some(trouble);
    }
    if let Some(right) = plan.rights.iter().find(|right| right.allowed == Some(false)) {
        return refused(
            &format!("this identity may not {}", right.what),
            "the API server says so",
            "Use an identity that may, or ask for that right; nothing was changed",
        );
    }
    if answer != plan.challenge() {
        return refused(
            "the answer does not match",
            &format!("it must be exactly: {}", plan.challenge()),
            "Nothing was changed",
        );
    }
    None
}
