//! Nodes by the pressure on their memory: a bar, where it goes, what presses, and which of the vault's pods sit there.

use ratatui::text::Line;

use super::{Entry, Pane, Room, listing};
use crate::app::id::{FeedId, PaneId};
use crate::app::model::nodes::{Manager, NodeSeen, Source};
use crate::app::nodes::{FULL, NodeView, Way, about, fresh_usage, instead, memory, sees_pods, view, views};
use crate::app::state::State;
use crate::app::state::panes::Row;
use crate::app::text::count;
use crate::app::time::{age, quiet};
use crate::views::table::{Cell, Column};
use crate::views::theme::{Glyphs, Look, Mark, Role};
use crate::views::{fmt, sight};

/// The pane.
#[derive(Debug)]
pub struct Nodes;

/// The feeds whose trouble shows here.
pub fn feeds(state: &State) -> &'static [FeedId] {
    let usage = fresh_usage(&state.model, state.now);
    if usage.is_some_and(|usage| usage.source == Source::Requests) {
        // What pods request is all there is to tell.
        &[FeedId::Nodes, FeedId::Usage, FeedId::Containers]
    } else {
        &[FeedId::Nodes, FeedId::Usage]
    }
}

const COLUMNS: [Column; 8] = [
    Column::name("node", 0, 8),
    Column::new("memory", 3),
    Column::figure("used", 0),
    Column::new("trend", 1),
    Column::new("", 0),
    Column::new("last hour", 5),
    Column::figure("of", 6),
    Column::name("vault pods", 2, 10),
];

impl Pane for Nodes {
    fn id(&self) -> PaneId {
        PaneId::Nodes
    }

    fn standing(&self, state: &State) -> (Mark, String) {
        if let Some(blind) = sight::blindness(state, FeedId::Nodes) {
            return (blind.mark, blind.word);
        }
        let all = views(&state.model, state.now);
        let of = |holds: &dyn Fn(&NodeView<'_>) -> bool| all.iter().filter(|view| holds(view)).count();
        let unready = of(&|view| view.node.ready == Some(false));
        let pressed = of(&|view| !view.node.pressures.is_empty());
        let full = of(&|view| view.badness == 3);
        let high = of(&|view| view.badness == 2);
        match () {
            () if all.is_empty() => (Mark::Absent, "none".to_owned()),
            () if unready > 0 => (Mark::Bad, format!("{unready} of {} not ready", all.len())),
            () if pressed > 0 => (Mark::Bad, format!("{pressed} of {} pressed", all.len())),
            () if full > 0 => (Mark::Bad, format!("{full} of {} full", all.len())),
            () if high > 0 => (Mark::Warn, format!("{high} of {} high", all.len())),
            () => match sight::blindness(state, FeedId::Usage) {
                Some(blind) => (blind.mark, format!("memory {}", blind.word)),
                None => (Mark::Ok, format!("{}{}", count(all.len(), "node"), by(state))),
            },
        }
    }

    fn entries(&self, state: &State, look: &Look, room: Room) -> Vec<Entry> {
        let known = |row: &Row| state.model.nodes.as_ref().and_then(|nodes| nodes.get(&row.subject));
        let cells = |row: &Row| known(row).map_or_else(Vec::new, |node| cells(state, look, node, room));
        let mut below = Vec::new();
        if let Some(why) = instead(&state.model, state.now).filter(|_| state.model.nodes.is_some()) {
            let most = if room.zoomed { 4 } else { 2 };
            for (index, line) in fmt::wrap_most(&why, room.width.saturating_sub(4), most).into_iter().enumerate() {
                let lead = if index == 0 { format!("{} ", look.glyph(Mark::Absent)) } else { "  ".to_owned() };
                let line = Line::from(vec![look.span(Role::Dim, format!("{lead}{line}"))]);
                below.push(Entry { joins: index > 0, ..Entry::note(3 + u8::from(index > 0), line) });
            }
        }
        if room.zoomed {
            below.extend(beside(state, look, room));
        }
        below.extend(sight::entries(state, look, feeds(state), room));
        // Zoomed the list takes all the room that it is given: what stands below it is left its own.
        let taken = if room.zoomed { below.len().min(room.height / 2) } else { 0 };
        let listed = Room { height: room.height.saturating_sub(taken), ..room };
        let mut entries = listing::entries(state, look, PaneId::Nodes, &COLUMNS, listed, cells, folded);
        entries.extend(below);
        entries
    }
}

/// Pods and Longhorn's processes that are named below the nodes, the biggest first.
const PODS: usize = 5;
const MANAGERS: usize = 3;

/// The biggest pods, Longhorn's processes, and what of this could not be read.
fn beside(state: &State, look: &Look, room: Room) -> Vec<Entry> {
    let Some(usage) = fresh_usage(&state.model, state.now) else { return Vec::new() };
    let mut lines: Vec<(u8, Role, String)> = Vec::new();
    let big: Vec<String> =
        usage.pods.iter().take(PODS).map(|pod| format!("{} {}", pod.object.path(), memory(pod.bytes))).collect();
    if !big.is_empty() {
        lines.push((4, Role::Dim, format!("{} biggest pods: {}", look.glyph(Mark::Absent), big.join(", "))));
    }
    for trouble in &usage.unread {
        let words = format!("{} {}. {}", look.glyph(Mark::Unknown), trouble.what, trouble.next);
        lines.push((1, Mark::Unknown.role(), words));
    }
    let mut managers: Vec<&Manager> = usage.longhorn.iter().flat_map(|longhorn| &longhorn.managers).collect();
    managers.sort_by_key(|manager| (std::cmp::Reverse(manager.bytes), &manager.object));
    for manager in managers.iter().take(MANAGERS) {
        let of_node = usage.longhorn.iter().flat_map(|longhorn| &longhorn.volumes);
        let volumes = count(of_node.filter(|volume| volume.node == manager.node).count(), "attached volume");
        let used = manager.bytes.map_or_else(|| "no figure".to_owned(), memory);
        let words = format!("Longhorn on {}: {} {used}, {volumes}", manager.node, manager.object.name);
        lines.push((5, Role::Dim, format!("{} {words}", look.glyph(Mark::Absent))));
    }
    match managers.len().saturating_sub(MANAGERS) {
        0 => {}
        more => lines.push((6, Role::Dim, format!("  and {more} others of Longhorn, which use less"))),
    }
    let mut entries = Vec::new();
    for (weight, role, words) in lines {
        for (index, line) in fmt::wrap_most(&words, room.width.saturating_sub(4), 3).into_iter().enumerate() {
            let lead = if index == 0 { "" } else { "  " };
            let line = Line::from(vec![look.span(role, format!("{lead}{line}"))]);
            entries.push(Entry { joins: index > 0, ..Entry::note(weight, line) });
        }
    }
    entries
}

/// Where the figures come from, where that is no metrics API.
fn by(state: &State) -> &'static str {
    match fresh_usage(&state.model, state.now).map(|usage| usage.source) {
        Some(Source::Requests) if sees_pods(&state.model, state.now) => ", requests only",
        Some(Source::Requests) => ", no figures",
        Some(Source::Kubelet) => ", by kubelets",
        Some(Source::Metrics) | None => "",
    }
}

fn folded(left: &[Row]) -> String {
    let used = |row: &Row| row.figures.iter().find(|(name, _)| *name == "used %").map_or(0, |(_, figure)| *figure);
    let others = count(left.len(), "other");
    match left.iter().map(used).max() {
        Some(highest) if highest > 0 => format!("{others}, highest {highest}%"),
        Some(_) | None => others,
    }
}

/// How a node is marked.
pub fn mark(view: &NodeView<'_>, source: Option<Source>) -> Mark {
    match (view.badness, source) {
        (3.., _) => Mark::Bad,
        (2, _) => Mark::Warn,
        // Nothing wrong is seen, and not everything is.
        (_, None) => Mark::Unknown,
        (_, Some(Source::Requests)) => {
            if view.node.ready.is_none() {
                Mark::Unknown
            } else {
                Mark::Ok
            }
        }
        (_, Some(Source::Metrics | Source::Kubelet)) if view.used.is_none() => Mark::Unknown,
        (_, Some(Source::Metrics | Source::Kubelet)) => Mark::Ok,
    }
}

fn cells(state: &State, look: &Look, node: &NodeSeen, room: Room) -> Vec<Cell> {
    let view = view(&state.model, node, state.now);
    let usage = fresh_usage(&state.model, state.now);
    let mark = mark(&view, usage.map(|usage| usage.source));
    let name = format!("{} {}", look.glyph(mark), node.object.name);
    let (percent, role) =
        (view.percent.or(view.requested), if view.percent.is_some() { mark.role() } else { Role::Dim });
    let used = match (view.percent, view.requested) {
        (Some(percent), _) => format!("{percent}%"),
        (None, Some(percent)) => format!("req {percent}%"),
        (None, None) => "no figure".to_owned(),
    };
    let wide = match room.width {
        ..44 => 6,
        44..60 => 8,
        _ => 10,
    };
    let vault = if view.vault.is_empty() { String::new() } else { view.vault.join(" ") };
    vec![
        Cell::new(mark.role(), name),
        Cell::new(role, percent.map(|percent| bar(look, percent, wide)).unwrap_or_default()),
        Cell::new(role, used),
        Cell::new(role, trend(look, &view)),
        Cell::new(mark.role(), wrong(state, &view)),
        if room.zoomed { Cell::new(Role::Dim, spark(state, look, node, 20)) } else { Cell::empty() },
        if room.zoomed && node.capacity > 0 { Cell::new(Role::Dim, memory(node.capacity)) } else { Cell::empty() },
        Cell::new(Role::Plain, vault),
    ]
}

/// `↗ 95% ~40m`, `↗`, `→`, `↘`.
pub fn trend(look: &Look, view: &NodeView<'_>) -> String {
    let arrow = match (look.glyphs, view.way) {
        (_, None) => return String::new(),
        (Glyphs::Unicode, Some(Way::Up)) => "↗",
        (Glyphs::Unicode, Some(Way::Level)) => "→",
        (Glyphs::Unicode, Some(Way::Down)) => "↘",
        (Glyphs::Ascii, Some(Way::Up)) => "/",
        (Glyphs::Ascii, Some(Way::Level)) => "-",
        (Glyphs::Ascii, Some(Way::Down)) => "\\",
    };
    match view.full_in {
        Some(left) => format!("{arrow} {FULL}% {}", about(left)),
        None => arrow.to_owned(),
    }
}

/// What is wrong with it beside its memory, in a word or two.
fn wrong(state: &State, view: &NodeView<'_>) -> String {
    let node = view.node;
    let mut words = Vec::new();
    if node.ready == Some(false) {
        let since = node.unready_since.map(|at| format!(" {}", quiet(age(state.now, at)))).unwrap_or_default();
        words.push(format!("not ready{since}"));
    }
    for (pressure, since) in &node.pressures {
        let since = since.map(|at| format!(" {}", quiet(age(state.now, at)))).unwrap_or_default();
        words.push(format!("{pressure}{since}"));
    }
    let (killed, evicted) = view.struck;
    if killed > 0 {
        words.push(count(killed, "OOM kill"));
    }
    if evicted > 0 {
        words.push(format!("{evicted} evicted"));
    }
    if node.cordoned {
        words.push("cordoned".to_owned());
    }
    words.join(", ")
}

/// `████████▊░` or `########+.`: how full, to an eighth of a column.
pub fn bar(look: &Look, percent: u64, wide: u64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = percent.min(100) * wide * 8 / 100;
    let (whole, part) = (eighths / 8, eighths % 8);
    let (full, end, rest) = match look.glyphs {
        Glyphs::Unicode => ("█", EIGHTHS.get(part as usize).copied().unwrap_or_default(), "░"),
        Glyphs::Ascii => ("#", if part >= 4 { "+" } else { "" }, "."),
    };
    let left = wide - whole - u64::from(!end.is_empty());
    format!("{}{end}{}", full.repeat(whole as usize), rest.repeat(left as usize))
}

/// The last hour in so many columns, from nothing to the node's capacity; the mean of what lies in each.
pub fn spark(state: &State, look: &Look, node: &NodeSeen, wide: usize) -> String {
    let Some(trend) = state.model.trends.get(node.object.name.as_str()).filter(|_| node.capacity > 0) else {
        return String::new();
    };
    let mut sums: Vec<(u128, u64)> = vec![(0, 0); wide];
    for (at, bytes) in &trend.points {
        let back = age(state.now, *at).as_secs() as usize * wide / 3_600;
        if let Some((sum, n)) = wide.checked_sub(back + 1).and_then(|index| sums.get_mut(index)) {
            *sum += u128::from(*bytes);
            *n += 1;
        }
    }
    let steps: [char; 8] = match look.glyphs {
        Glyphs::Unicode => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
        Glyphs::Ascii => ['_', '.', ':', '-', '=', '+', '*', '#'],
    };
    let drawn: String = sums
        .iter()
        .map(|(sum, n)| {
            let mean = sum.checked_div(u128::from(*n))?;
            steps.get(((mean * 8 / u128::from(node.capacity)) as usize).min(7)).copied()
        })
        .map(|step| step.unwrap_or(' '))
        .collect();
    if drawn.trim().is_empty() { String::new() } else { drawn }
}
