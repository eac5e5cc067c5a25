//! A run and its steps: ticking while it goes on, kept with its evidence until dismissed, explained when in doubt.

use ratatui::text::{Line, Span};

use super::{Sheet, hang};
use crate::app::id::RunId;
use crate::app::runbook::plan::Step;
use crate::app::runbook::run::{Phase, Run, StepState};
use crate::app::state::State;
use crate::app::time::{age, clock, spoken};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// Writes it.
pub fn sheet(state: &State, look: &Look, id: RunId, room: usize, height: usize) -> Sheet {
    let Some(run) = state.run(id) else {
        let mut sheet = Sheet::new(look, "Run");
        sheet.say(look, Role::Dim, "", "This run is no longer kept.", room);
        return sheet;
    };
    let mut sheet = Sheet::new(look, &fmt::middle(&run.plan().title, room.saturating_sub(4)));
    sheet.foot = outcome(state, look, run, room);
    // With many steps, evidence is kept for the ones that are not simply done.
    let roomy = run.steps.len() * 2 + sheet.foot.len() + 1 <= height;
    for (index, (step, at)) in run.plan().steps.iter().zip(&run.steps).enumerate() {
        if matches!(at, StepState::Running(_) | StepState::Announced | StepState::Failed(_) | StepState::InDoubt(_)) {
            sheet.focus = Some(sheet.lines.len());
        }
        sheet.lines.extend(lines(state, look, index, step, at, room, roomy));
    }
    sheet
}

fn lines(
    state: &State,
    look: &Look,
    index: usize,
    step: &Step,
    at: &StepState,
    room: usize,
    roomy: bool,
) -> Vec<Line<'static>> {
    let at = if let StepState::Closing(end) = at { end } else { at };
    let (role, glyph, tail) = match at {
        StepState::Waiting => (Role::Dim, look.glyph(Mark::Absent), String::new()),
        StepState::Announced => (Role::Accent, look.running(), "being written to the journal".to_owned()),
        StepState::Running(since) => (Role::Accent, look.running(), format!("for {}", spoken(age(state.now, *since)))),
        StepState::Closing(_) => (Role::Accent, look.running(), String::new()),
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
    match at {
        StepState::Done(evidence, _) if roomy => {
            lines.extend(hang(look, Role::Dim, &indent, Role::Dim, evidence, room))
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

/// How far, how long, and where it ended; with the evidence of its last step.
fn outcome(state: &State, look: &Look, run: &Run, room: usize) -> Vec<Line<'static>> {
    let (done, total) = (run.finished_steps(), run.steps.len());
    let took = |until| spoken(age(until, run.began));
    match &run.phase {
        Phase::Underway => {
            let words = format!("{done} of {total} · began {} · {} so far", clock(run.began), took(state.now));
            vec![Line::from(vec![look.span(Role::Accent, look.running()), look.span(Role::Plain, format!(" {words}"))])]
        }
        Phase::Succeeded(at) => {
            let words = format!("{done} of {total} in {}, ended {}.", took(*at), clock(*at));
            let mut lines = vec![Line::from(vec![look.mark(Mark::Ok, &words)])];
            let evidence = run.steps.iter().rev().find_map(|step| match step {
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
