//! A run and its steps: ticking while it goes on, kept with its evidence until dismissed, explained when in doubt.

use jiff::Timestamp;
use ratatui::text::{Line, Span};

use super::{Sheet, hang};
use crate::app::id::RunId;
use crate::app::model::proof::Answer;
use crate::app::runbook::plan::{Step, StepKind};
use crate::app::runbook::run::{Phase, Run, StepState};
use crate::app::state::State;
use crate::app::time::{age, clock, spoken};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// Writes it.
pub fn sheet(state: &State, look: &Look, id: RunId, scroll: Option<usize>, room: usize, height: usize) -> Sheet {
    let Some(run) = state.run(id) else {
        let mut sheet = Sheet::new(look, "Run");
        sheet.say(look, Role::Dim, "", "This run is no longer kept.", room);
        return sheet;
    };
    let mut sheet = Sheet::new(look, &fmt::middle(&run.plan().title, room.saturating_sub(4)));
    // With many steps only those that are not simply done keep their words, and the last evidence stands at the end.
    let roomy = run.steps.len() * 2 + 4 <= height;
    sheet.foot = outcome(state, look, run, room, !roomy);
    sheet.scroll = scroll.unwrap_or(0);
    for (index, at) in run.steps.iter().enumerate() {
        let told = lines(state, look, index, run, room, roomy);
        let here =
            matches!(at, StepState::Running(_) | StepState::Announced | StepState::Failed(_) | StepState::InDoubt(_));
        if here && scroll.is_none() {
            sheet.focus = Some(sheet.lines.len());
        }
        sheet.lines.extend(told);
    }
    sheet
}

fn lines(state: &State, look: &Look, index: usize, run: &Run, room: usize, roomy: bool) -> Vec<Line<'static>> {
    let (Some(step), Some(at)) = (run.plan().steps.get(index), run.steps.get(index)) else { return Vec::new() };
    let at = if let StepState::Closing(end) = at { end } else { at };
    let refused = run.answer(index, &state.model.proofs) == Some(Answer::Refused);
    let (role, glyph, tail) = match at {
        StepState::Waiting => (Role::Dim, look.glyph(Mark::Absent), String::new()),
        StepState::Announced => (Role::Accent, look.running(), "being written to the journal".to_owned()),
        StepState::Running(since) => (Role::Accent, look.running(), running(state, step, *since)),
        StepState::Closing(_) => (Role::Accent, look.running(), String::new()),
        StepState::Done(_, at) if refused => (Role::Bad, look.glyph(Mark::Bad), clock(*at)),
        StepState::Done(_, at) => (Role::Ok, look.glyph(Mark::Ok), clock(*at)),
        StepState::Skipped(_) => (Role::Dim, look.glyph(Mark::Absent), "not needed".to_owned()),
        StepState::Failed(_) => (Role::Bad, look.glyph(Mark::Bad), "failed".to_owned()),
        StepState::InDoubt(_) => (Role::Unknown, look.glyph(Mark::Unknown), "in doubt".to_owned()),
    };
    let glyph = fmt::left(glyph, look.glyph_width());
    let number = fmt::right(&(index + 1).to_string(), 2);
    let left = room.saturating_sub(look.glyph_width() + 5 + fmt::width(&tail) + 2);
    let says_role = if matches!(at, StepState::Waiting | StepState::Skipped(_)) { Role::Dim } else { Role::Plain };
    let mut lines = vec![Line::from(vec![
        look.span(role, glyph),
        look.span(Role::Dim, format!(" {number} ")),
        look.span(says_role, fmt::left(&fmt::middle(&step.says, left), left)),
        Span::raw("  "),
        look.span(Role::Dim, tail),
    ])];
    let indent = " ".repeat(look.glyph_width() + 4);
    if refused {
        lines.extend(hang(look, Role::Dim, &indent, Role::Bad, REFUSED, room));
    }
    match at {
        StepState::Done(evidence, _) if roomy || refused => {
            lines.extend(hang(look, Role::Dim, &indent, Role::Dim, evidence, room));
        }
        StepState::Skipped(why) if roomy => lines.extend(hang(look, Role::Dim, &indent, Role::Dim, why, room)),
        StepState::Failed(trouble) => lines.extend(sight::complaint(look, trouble, room, &indent)),
        StepState::InDoubt(found) => {
            let words =
                found.as_ref().map_or("looking at what became of it, changing nothing", |found| found.says.as_str());
            lines.extend(hang(look, Role::Dim, &indent, Role::Plain, words, room));
        }
        StepState::Waiting
        | StepState::Announced
        | StepState::Running(_)
        | StepState::Closing(_)
        | StepState::Done(..)
        | StepState::Skipped(_) => {}
    }
    lines
}

/// For how long a step has been going on; one that only waits also says for how long it will at most.
fn running(state: &State, step: &Step, since: Timestamp) -> String {
    let gone = spoken(age(state.now, since));
    match &step.kind {
        StepKind::Do(_) => format!("for {gone}"),
        StepKind::Await { within, .. } => format!("{gone} of {} at most", spoken(*within)),
    }
}

/// What a refusal means.
const REFUSED: &str = "the vault does not take these keys";

/// How far, how long, and where it ended; with the evidence of its last step.
fn outcome(state: &State, look: &Look, run: &Run, room: usize, told: bool) -> Vec<Line<'static>> {
    let (done, total) = (run.finished_steps(), run.steps.len());
    let took = |until| spoken(age(until, run.began));
    match &run.phase {
        Phase::Underway => {
            let words = format!("{done} of {total} · began {} · {} so far", clock(run.began), took(state.now));
            vec![Line::from(vec![look.span(Role::Accent, look.running()), look.span(Role::Plain, format!(" {words}"))])]
        }
        Phase::Succeeded(at) => {
            let words = format!("{done} of {total} in {}, ended {}.", took(*at), clock(*at));
            let refused: Vec<String> = (0..total)
                .filter(|step| run.answer(*step, &state.model.proofs) == Some(Answer::Refused))
                .map(|step| (step + 1).to_string())
                .collect();
            if !refused.is_empty() {
                // It was carried out to its end, and what it found is bad news.
                let answer = format!("The vault does not take the keys of step {}.", refused.join(" and "));
                let told = Line::from(vec![look.span(Role::Dim, format!("  {words}"))]);
                return vec![Line::from(vec![look.mark(Mark::Bad, &answer)]), told];
            }
            let mut lines = vec![Line::from(vec![look.mark(Mark::Ok, &words)])];
            let evidence = run.steps.iter().rev().filter(|_| told).find_map(|step| match step {
                StepState::Done(evidence, _) => Some(evidence.as_str()),
                StepState::Waiting
                | StepState::Announced
                | StepState::Running(_)
                | StepState::Closing(_)
                | StepState::Skipped(_)
                | StepState::Failed(_)
                | StepState::InDoubt(_) => None,
            });
            lines.extend(hang(look, Role::Dim, "  ", Role::Plain, evidence.unwrap_or(""), room));
            lines
        }
        Phase::Failed(at, trouble) => {
            let words = format!("Stopped after {done} of {total} at {}. Nothing further was done.", clock(*at));
            let mut lines = vec![Line::from(vec![look.mark(Mark::Bad, &words)])];
            let shown_above = run.steps.iter().any(|step| matches!(step, StepState::Failed(own) if own == trouble));
            if !shown_above {
                lines.extend(sight::complaint(look, trouble, room, ""));
            }
            lines
        }
        Phase::LeftBehind | Phase::Dismissed => {
            let words = format!("An earlier session ended in the middle of this, after {done} of {total}.");
            let mut lines = vec![Line::from(vec![look.mark(Mark::Unknown, &words)])];
            let more = "Nothing of it will run by itself. What was in doubt was looked at, read-only; what is left needs \
                        a new plan and a new yes.";
            lines.extend(hang(look, Role::Dim, "  ", Role::Plain, more, room));
            lines
        }
    }
}
