//! A plan and a run as plain text: for dumb terminals, screen readers and scripts.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::app::model::proof::Answer;
use crate::app::runbook::plan::{Danger, Plan};
use crate::app::runbook::run::{Phase, Run, StepState};
use crate::app::text::clean;
use crate::app::time::{age, clock, spoken};

/// The whole plan: what will happen, what will not, what it rests on, what it needs.
pub fn plan(plan: &Plan, now: Timestamp) -> String {
    let mut out = format!("{}\n", clean(&plan.title));
    for (index, step) in plan.steps.iter().enumerate() {
        let label = if index == 0 { "Will" } else { "" };
        line(&mut out, label, &format!("{} {}  ({})", index + 1, step.says, step.detail));
    }
    line(&mut out, "Will not", &plan.will_not);
    for (index, rest) in plan.rests_on.iter().enumerate() {
        let label = if index == 0 { "Rests on" } else { "" };
        line(&mut out, label, &format!("{}, seen {} ago", rest.what, spoken(age(now, rest.seen))));
    }
    for (index, right) in plan.rights.iter().enumerate() {
        let label = if index == 0 { "Rights" } else { "" };
        let word = match right.allowed {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "not known",
        };
        line(&mut out, label, &format!("{word}: {}", right.what));
    }
    for choice in &plan.choices {
        let chosen = choice.options.get(choice.chosen).map_or("", String::as_str);
        line(&mut out, "Chosen", &format!("{}: {chosen}", choice.label));
    }
    for warning in &plan.warnings {
        line(&mut out, "Note", warning);
    }
    out
}

fn line(out: &mut String, label: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "  {label:<9} {}", clean(text));
}

/// The question that the plan's danger asks.
pub fn question(plan: &Plan) -> String {
    match plan.danger {
        Danger::Yes => "Do it? [y/N] ".to_owned(),
        Danger::Target | Danger::TargetAndCluster => {
            format!("Type {} to do it, or nothing to leave it: ", clean(&plan.challenge()))
        }
    }
}

/// What a step found, and when; what was seen says its time already.
fn timed(evidence: &str, at: Timestamp) -> String {
    if evidence.trim_end_matches('.').ends_with('Z') && evidence.contains(" at ") {
        return evidence.to_owned();
    }
    format!("{evidence} at {}", clock(at))
}

/// How a run went, step by step.
pub fn run(run: &Run) -> String {
    let mut out = String::new();
    let refused: Vec<usize> =
        (0..run.steps.len()).filter(|step| run.answer(*step, &[]) == Some(Answer::Refused)).collect();
    for (index, (step, state)) in run.plan().steps.iter().zip(&run.steps).enumerate() {
        let (mark, more) = match state {
            StepState::Waiting | StepState::Announced => ("-", "not reached".to_owned()),
            StepState::Running(_) | StepState::Closing(_) => ("?", "under way".to_owned()),
            StepState::Done(evidence, at) if refused.contains(&index) => {
                ("!!", format!("the vault does not take these keys: {}", timed(evidence, *at)))
            }
            StepState::Done(evidence, at) => ("ok", timed(evidence, *at)),
            StepState::Skipped(why) => ("--", why.clone()),
            StepState::Failed(trouble) => ("!!", trouble.to_string()),
            StepState::InDoubt(finding) => {
                let seen = finding.as_ref().map_or("not looked at yet", |finding| finding.says.as_str());
                ("??", format!("in doubt; {seen}"))
            }
        };
        let _ = writeln!(out, "  {mark:<2} {}: {}", clean(&step.says), clean(&more));
    }
    let end = match &run.phase {
        Phase::Underway => "It goes on.".to_owned(),
        Phase::Succeeded(at) if refused.is_empty() => format!("Done in {}.", spoken(age(*at, run.began))),
        Phase::Succeeded(at) => {
            format!("Answered in {}: the vault does not take these keys.", spoken(age(*at, run.began)))
        }
        Phase::Failed(_, trouble) => format!("Stopped: {trouble}"),
        Phase::LeftBehind | Phase::Dismissed => "Left unfinished by a session that ended.".to_owned(),
    };
    let _ = writeln!(out, "{}", clean(&end));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_once() {
        let at = Timestamp::from_second(1_795_320_547).unwrap();
        assert_eq!(timed("resourceVersion 8813", at), format!("resourceVersion 8813 at {}", clock(at)));
        let seen = "seen in place by the custody feed at 15:39:07Z";
        assert_eq!(timed(seen, at), seen);
    }
}
