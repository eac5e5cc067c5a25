//! A plan before anything moves: what will happen, what will not, what it rests on, and what to type to do it.

use ratatui::text::{Line, Span};

use super::{HEADING, Sheet, headed};
use crate::app::runbook::plan::{Danger, Plan, Step};
use crate::app::state::State;
use crate::app::state::layers::{Field, PlanDialog};
use crate::app::time::{age, quiet};
use crate::views::theme::{Look, Mark, Role};
use crate::views::{fmt, sight};

/// Writes it.
pub fn sheet(state: &State, look: &Look, dialog: &PlanDialog, room: usize, height: usize) -> Sheet {
    let plan = &dialog.plan;
    let mut sheet = Sheet::new(look, &fmt::middle(&plan.title, room.saturating_sub(4)));
    let mut rest = Vec::new();
    rest.extend(headed_prose(look, "Will not", Role::Plain, &plan.will_not, room));
    rest.extend(rests(state, look, plan, room));
    rest.extend(rights(look, plan));
    for warning in &plan.warnings {
        let lead = format!("{} ", look.glyph(Mark::Warn));
        rest.extend(super::hang(look, Role::Warn, &lead, Role::Plain, warning, room));
    }
    for (index, choice) in plan.choices.iter().enumerate() {
        if dialog.focus == Field::Choice(index) {
            sheet.focus = Some(rest.len());
        }
        rest.extend(self::choice(look, choice, dialog.focus == Field::Choice(index), room));
    }
    sheet.foot = foot(look, dialog, room);
    let steps_room = height.saturating_sub(rest.len() + sheet.foot.len() + 2).max(3);
    sheet.lines.push(Line::from(vec![look.span(Role::Dim, "Will")]));
    sheet.lines.extend(steps(look, &plan.steps, room, steps_room));
    let before = sheet.lines.len();
    sheet.focus = sheet.focus.map(|line| line + before);
    sheet.lines.extend(rest);
    sheet
}

/// The steps with their whole details; where that takes too many rows, one line each; in a small window the middle is
/// folded, and says so.
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
    let whole = |(index, step): (usize, &Step)| {
        let mut details = fmt::wrap(&step.detail, left.max(12)).into_iter();
        let first = line(index, step, &details.next().unwrap_or_default());
        let indent = " ".repeat(room.saturating_sub(left));
        let more = details.map(|detail| Line::from(vec![look.span(Role::Dim, format!("{indent}{detail}"))]));
        std::iter::once(first).chain(more).collect::<Vec<_>>()
    };
    let full: Vec<Line<'static>> = steps.iter().enumerate().flat_map(whole).collect();
    if full.len() <= most {
        return full;
    }
    let short = |(index, step): (usize, &Step)| line(index, step, &fmt::end(&step.detail, left));
    let all: Vec<Line<'static>> = steps.iter().enumerate().map(short).collect();
    if all.len() <= most {
        return all;
    }
    let tail = (most - 1) / 2;
    let front = most - 1 - tail;
    let folded = all.len() - front - tail;
    let note = Line::from(vec![
        look.span(Role::Warn, format!(" … {folded} more of the same kind; a taller window shows them")),
    ]);
    let skip = front + folded;
    all.iter().take(front).cloned().chain([note]).chain(all.iter().skip(skip).cloned()).collect()
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

fn choice(look: &Look, choice: &crate::app::runbook::plan::Choice, focused: bool, room: usize) -> Vec<Line<'static>> {
    let role = if focused { Role::Accent } else { Role::Plain };
    let bar = if focused { look.cursor() } else { " " };
    let label = look.span(role, format!("{bar}{}", choice.label));
    let mut lines = vec![Line::from(vec![label])];
    for (index, option) in choice.options.iter().enumerate() {
        let chosen = index == choice.chosen;
        let dot = if chosen { "(•) " } else { "( ) " };
        let role = if chosen { Role::Plain } else { Role::Dim };
        lines.extend(super::hang(
            look,
            if chosen && focused { Role::Accent } else { role },
            &format!("   {dot}"),
            role,
            option,
            room,
        ));
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
