//! A plan before anything moves: what will happen, what will not, what it rests on, and what to type to do it.

use ratatui::text::{Line, Span};

use super::{HEADING, Sheet, headed};
use crate::app::runbook::plan::{Danger, Plan, Step};
use crate::app::state::State;
use crate::app::state::layers::{Field, PlanDialog};
use crate::app::time::{age, quiet};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// Writes it: what it does and what to know before saying yes come first, so that they are in sight without scrolling.
pub fn sheet(state: &State, look: &Look, dialog: &PlanDialog, room: usize, height: usize) -> Sheet {
    let plan = &dialog.plan;
    let mut sheet = Sheet::new(look, &fmt::middle(&plan.title, room.saturating_sub(4)));
    sheet.scroll = dialog.scroll;
    let mut rest = Vec::new();
    for warning in &plan.warnings {
        let lead = format!("{} ", look.glyph(Mark::Warn));
        rest.extend(super::hang(look, Role::Warn, &lead, Role::Plain, warning, room));
    }
    rest.extend(headed_prose(look, "Will not", Role::Plain, &plan.will_not, room));
    rest.extend(rests(state, look, plan, room));
    rest.extend(rights(look, plan));
    for (index, choice) in plan.choices.iter().enumerate() {
        let focused = dialog.focus == Field::Choice(index);
        let lines = self::choice(look, choice, focused, room);
        if focused {
            // The chosen option stays in sight along with the question.
            sheet.focus = Some(rest.len() + lines.len() - 1);
        }
        rest.extend(lines);
    }
    sheet.foot = foot(look, dialog, room);
    let steps_room = height.saturating_sub(rest.len() + sheet.foot.len() + 2);
    sheet.lines.push(Line::from(vec![look.span(Role::Dim, "Will")]));
    sheet.lines.extend(steps(look, &plan.steps, room, steps_room));
    let before = sheet.lines.len();
    sheet.focus = sheet.focus.map(|line| line + before);
    sheet.lines.extend(rest);
    sheet
}

/// The steps with their whole details; one line each where that alone lets the plan fit. A plan that does not fit either
/// way scrolls, and then nothing of it is cut.
fn steps(look: &Look, steps: &[Step], room: usize, most: usize) -> Vec<Line<'static>> {
    let digits = steps.len().to_string().len();
    let widest = steps.iter().map(|step| fmt::width(&step.says)).max().unwrap_or(0).min(room.saturating_sub(6));
    let left = room.saturating_sub(widest + digits + 4);
    let line = |index: usize, step: &Step, detail: &str| {
        let says = fmt::left(&fmt::middle(&step.says, widest), widest);
        Line::from(vec![
            look.span(Role::Dim, format!(" {} ", fmt::right(&(index + 1).to_string(), digits))),
            look.span(Role::Plain, says),
            look.span(Role::Dim, format!("  {detail}")),
        ])
    };
    let beside = |(index, step): (usize, &Step)| {
        let mut details = fmt::wrap(&step.detail, left).into_iter();
        let first = line(index, step, &details.next().unwrap_or_default());
        let indent = " ".repeat(room.saturating_sub(left));
        let more = details.map(|detail| Line::from(vec![look.span(Role::Dim, format!("{indent}{detail}"))]));
        std::iter::once(first).chain(more).collect::<Vec<_>>()
    };
    let below = |(index, step): (usize, &Step)| {
        let number = format!(" {} ", fmt::right(&(index + 1).to_string(), digits));
        let indent = " ".repeat(digits + 4);
        let mut lines = super::hang(look, Role::Dim, &number, Role::Plain, &step.says, room);
        lines.extend(super::hang(look, Role::Dim, &indent, Role::Dim, &step.detail, room));
        lines
    };
    // Beside long words a detail would stand in a column too narrow to read.
    let full: Vec<Line<'static>> = if left < 24 {
        steps.iter().enumerate().flat_map(below).collect()
    } else {
        steps.iter().enumerate().flat_map(beside).collect()
    };
    if full.len() <= most || left < 12 || steps.len() > most {
        return full;
    }
    steps.iter().enumerate().map(|(index, step)| line(index, step, &fmt::end(&step.detail, left))).collect()
}

fn headed_prose(look: &Look, heading: &str, role: Role, text: &str, room: usize) -> Vec<Line<'static>> {
    fmt::wrap(text, room.saturating_sub(HEADING))
        .into_iter()
        .enumerate()
        .map(|(index, line)| headed(look, if index == 0 { heading } else { "" }, vec![look.span(role, line)]))
        .collect()
}

/// Side by side if they fit, else one below the other.
fn rests(state: &State, look: &Look, plan: &Plan, room: usize) -> Vec<Line<'static>> {
    let parts: Vec<String> =
        plan.rests_on.iter().map(|rest| format!("{}, {} ago", rest.what, quiet(age(state.now, rest.seen)))).collect();
    let joined = parts.join(" · ");
    let parts = if fmt::width(&joined) + HEADING <= room { vec![joined] } else { parts };
    let heading = |index| if index == 0 { "Rests on" } else { "" };
    let line = |(index, part): (usize, String)| headed(look, heading(index), vec![look.span(Role::Plain, part)]);
    parts.into_iter().enumerate().map(line).collect()
}

fn rights(look: &Look, plan: &Plan) -> Vec<Line<'static>> {
    plan.rights
        .iter()
        .enumerate()
        .map(|(index, right)| {
            let (mark, words) = match right.allowed {
                Some(true) => (Mark::Ok, right.what.clone()),
                Some(false) => (Mark::Bad, format!("{} is denied", right.what)),
                None => (Mark::Unknown, format!("{}: nobody could say", right.what)),
            };
            headed(look, if index == 0 { "Rights" } else { "" }, vec![look.mark(mark, &words)])
        })
        .collect()
}

/// A question and its answers, in one line where they fit.
fn choice(look: &Look, choice: &crate::app::runbook::plan::Choice, focused: bool, room: usize) -> Vec<Line<'static>> {
    let role = if focused { Role::Accent } else { Role::Plain };
    let bar = if focused { look.cursor() } else { " " };
    let label = format!("{}{}", fmt::left(bar, look.cursor().chars().count()), choice.label);
    let option = |index: usize| match (index == choice.chosen, focused) {
        (true, true) => ("(•) ", Role::Accent),
        (true, false) => ("(•) ", Role::Plain),
        (false, _) => ("( ) ", Role::Dim),
    };
    let wide: usize = choice.options.iter().map(|option| fmt::width(option) + 7).sum();
    if fmt::width(&label) + wide <= room {
        let mut spans = vec![look.span(role, label)];
        for (index, words) in choice.options.iter().enumerate() {
            let (dot, role) = option(index);
            spans.push(look.span(role, format!("   {dot}{words}")));
        }
        return vec![Line::from(spans)];
    }
    let mut lines = vec![Line::from(vec![look.span(role, label)])];
    for (index, words) in choice.options.iter().enumerate() {
        let (dot, lead) = option(index);
        let role = if index == choice.chosen { Role::Plain } else { Role::Dim };
        lines.extend(super::hang(look, lead, &format!("   {dot}"), role, words, room));
    }
    lines
}

/// What must be typed, what has been, and why the last attempt was refused.
fn foot(look: &Look, dialog: &PlanDialog, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(trouble) = &dialog.refusal {
        lines.push(Line::from(vec![look.mark(Mark::Bad, &fmt::end(&trouble.what, room.saturating_sub(3)))]));
        lines.extend(
            sight::complaint(look, trouble, room, "").into_iter().skip(fmt::wrap(&trouble.what, room - 2).len()),
        );
    }
    let focused = dialog.focus == Field::Answer;
    let caret = if focused { look.span(Role::Accent, "▏") } else { Span::raw("") };
    let answer = fmt::middle(&dialog.answer, room / 3);
    let line = match dialog.plan.danger {
        Danger::Yes => vec![
            look.span(Role::Plain, "Do it?  "),
            look.span(Role::Key, "y"),
            look.span(Role::Plain, " yes   "),
            look.span(Role::Key, "n"),
            look.span(Role::Plain, " no   "),
            look.span(Role::Title, answer),
            caret,
        ],
        Danger::Target | Danger::TargetAndCluster => vec![
            look.span(Role::Plain, "Type  "),
            look.span(Role::Key, fmt::middle(&dialog.plan.challenge(), room / 2)),
            look.span(Role::Plain, "  to do it:  "),
            look.span(Role::Title, answer),
            caret,
        ],
    };
    lines.push(Line::from(line));
    lines
}
