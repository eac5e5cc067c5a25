//! How a person looks at the list of each pane: filtered, sorted, held still; and its rows, made once between two
//! messages however often they are asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};

use super::State;
use super::panes::{Alike, Row, rests_on, rows, words};
use crate::app::flow::Brief;
use crate::app::id::{FeedId, PaneId};
use crate::app::time::age;

/// The longest filter, in characters.
pub const LONGEST: usize = 64;

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Worst first, as the pane gives it.
    #[default]
    Worst,
    /// By name.
    Name,
    /// By this figure of its rows, the highest first.
    Figure(&'static str),
}

impl Sort {
    /// The word in the title.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Worst => "worst",
            Self::Name => "name",
            Self::Figure(name) => name,
        }
    }
}

/// The order in which a list stands still while the cursor is in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    order: Vec<String>,
    /// The worst row when it was taken hold of.
    worst: Option<(String, u8)>,
}

/// How one list is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Only rows that contain each of these words.
    pub filter: String,
    /// In which order.
    pub sort: Sort,
    /// Held since somebody moved in it.
    pub held: Option<Held>,
}

impl View {
    /// The rows that the filter lets through, in the order of the sort.
    fn sorted<'a>(&self, all: &'a [Row], said: &dyn Fn(&Row) -> String) -> Vec<&'a Row> {
        let words: Vec<String> = self.filter.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let takes = |row: &&Row| words.is_empty() || takes(&words, row, &said(row));
        let mut shown: Vec<&Row> = all.iter().filter(takes).collect();
        match self.sort {
            Sort::Worst => {}
            Sort::Name => shown.sort_by_cached_key(|row| (row.subject.path().to_lowercase(), row.key.clone())),
            Sort::Figure(name) => shown.sort_by_key(|row| {
                let figure = row.figures.iter().find(|(known, _)| *known == name).map(|(_, figure)| *figure);
                std::cmp::Reverse(figure)
            }),
        }
        shown
    }

    /// The rows as they are drawn: those that are held keep their place, new ones come after them.
    fn apply(&self, pane: PaneId, all: &[Row], said: &dyn Fn(&Row) -> String) -> Vec<Row> {
        let mut shown = self.sorted(all, said);
        if let Some(held) = &self.held {
            let place: HashMap<&str, usize> =
                held.order.iter().enumerate().map(|(place, key)| (key.as_str(), place)).collect();
            if pane == PaneId::Timeline {
                // What is newer than the line somebody reads would push it down.
                shown.retain(|row| place.contains_key(row.key.as_str()));
            }
            shown.sort_by_key(|row| place.get(row.key.as_str()).copied().unwrap_or(usize::MAX));
        }
        shown.into_iter().cloned().collect()
    }

    /// Whether it shows the rows as the pane gives them.
    fn plain(&self) -> bool {
        self.filter.trim().is_empty() && self.sort == Sort::Worst && self.held.is_none()
    }
}

/// Whether a row has each of these words in it, in its key, its subject or what its pane says of it.
fn takes(words: &[String], row: &Row, said: &str) -> bool {
    let texts = [&row.key, &row.subject.to_string(), said].map(str::to_lowercase);
    words.iter().all(|word| texts.iter().any(|text| text.contains(word.as_str())))
}

/// The rows of each pane, made when they are first asked for after something changed that they rest on. What is in them
/// depends on the model and on the moment of that change, never on when they were asked for: a replay finds the same.
#[derive(Default)]
pub struct Made {
    panes: BTreeMap<PaneId, Pane>,
    /// The turn of the sync objects' standings that the rows were made of.
    turn: u64,
}

/// What was made for one pane.
#[derive(Default)]
struct Pane {
    /// The moment that its rows are made for.
    basis: Timestamp,
    all: OnceLock<Vec<Row>>,
    shown: OnceLock<Vec<Row>>,
    briefs: OnceLock<Vec<Brief>>,
    tally: OnceLock<Vec<Alike>>,
}

/// Rows tell of ages: none is older than this, whatever happens.
const GROWS_OLD: SignedDuration = SignedDuration::from_secs(10);

impl Made {
    /// Nothing made yet.
    pub fn new(now: Timestamp) -> Self {
        let empty = |pane| (pane, Pane { basis: now, ..Pane::default() });
        Self { panes: PaneId::ALL.into_iter().map(empty).collect(), turn: 0 }
    }

    /// After a message: forgets what does not hold any more. `stirred` is the feed that told something new, if one did.
    pub fn age(&mut self, stirred: Option<FeedId>, turn: u64, now: Timestamp) {
        let turned = std::mem::replace(&mut self.turn, turn) != turn;
        for (id, pane) in &mut self.panes {
            let holds = rests_on(*id).is_some_and(|rests_on| {
                let stirs = stirred.is_some_and(|feed| rests_on.feeds.contains(&feed));
                let moved = stirs || (rests_on.standings && turned);
                !moved && age(now, pane.basis) < GROWS_OLD
            });
            if !holds {
                *pane = Pane { basis: now, ..Pane::default() };
            }
        }
    }

    pub(super) fn all(&self, pane: PaneId, make: impl FnOnce() -> Vec<Row>) -> &[Row] {
        self.panes.get(&pane).map_or(&[], |made| made.all.get_or_init(make))
    }

    pub(super) fn briefs(&self, make: impl FnOnce() -> Vec<Brief>) -> &[Brief] {
        self.panes.get(&PaneId::Flow).map_or(&[], |made| made.briefs.get_or_init(make))
    }

    pub(super) fn tally(&self, make: impl FnOnce() -> Vec<Alike>) -> &[Alike] {
        self.panes.get(&PaneId::Sync).map_or(&[], |made| made.tally.get_or_init(make))
    }

    /// The moment that the rows of a pane are made for.
    pub(super) fn basis(&self, pane: PaneId) -> Timestamp {
        self.panes.get(&pane).map_or(Timestamp::UNIX_EPOCH, |made| made.basis)
    }
}

/// It follows from the rest of the state.
impl PartialEq for Made {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Made").finish_non_exhaustive()
    }
}

/// The rows of a pane as they are drawn: filtered, sorted, held.
pub fn shown(state: &State, pane: PaneId) -> &[Row] {
    match (state.lists.get(&pane).filter(|view| !view.plain()), state.made.panes.get(&pane)) {
        (Some(view), Some(made)) => made.shown.get_or_init(|| view.apply(pane, rows(state, pane), &words(state, pane))),
        (Some(_) | None, _) => rows(state, pane),
    }
}

/// The selected row of a pane: the remembered one while it is shown; where it has gone, the one that stood after it; else
/// the first.
pub fn selected(state: &State, pane: PaneId) -> Option<&Row> {
    let shown = shown(state, pane);
    let key = state.selected.get(&pane);
    let remembered = key.and_then(|key| shown.iter().find(|row| row.key == *key));
    remembered
        .or_else(|| {
            let held = state.lists.get(&pane)?.held.as_ref()?;
            let after = held.order.iter().skip_while(|known| Some(*known) != key).collect::<BTreeSet<_>>();
            shown.iter().find(|row| after.contains(&row.key))
        })
        .or_else(|| shown.first())
}

/// Whether the rows of this pane can be put in another order: the others are no lists, or their order says something.
pub fn sorts(pane: PaneId) -> bool {
    match pane {
        PaneId::Vault | PaneId::Keys | PaneId::Timeline => false,
        PaneId::Sync | PaneId::Workloads | PaneId::Nodes | PaneId::Tokens | PaneId::Rotation | PaneId::Flow => true,
    }
}

/// What came up while the list was held: a row worse than any that was there, or newer lines.
pub fn news(state: &State, pane: PaneId) -> Option<String> {
    let view = state.lists.get(&pane)?;
    let held = view.held.as_ref()?;
    if pane == PaneId::Timeline {
        let newer = view
            .sorted(rows(state, pane), &words(state, pane))
            .iter()
            .take_while(|row| !held.order.contains(&row.key))
            .count();
        return (newer > 0).then(|| format!("{newer} newer"));
    }
    let worst = worst(rows(state, pane))?;
    let before = held.worst.as_ref();
    let same = before.is_some_and(|(key, badness)| *key == worst.key && worst.badness <= *badness);
    let worse = before.is_none_or(|(_, badness)| worst.badness > *badness) || !held.order.contains(&worst.key);
    (worst.badness > 0 && !same && worse).then(|| format!("new worst: {}", worst.subject.path()))
}

fn worst(rows: &[Row]) -> Option<&Row> {
    // The first of the worst, where several are equally bad.
    rows.iter().rev().max_by_key(|row| row.badness)
}

impl State {
    /// The filter of a pane, where it has one.
    pub fn filter(&self, pane: PaneId) -> Option<&str> {
        self.lists.get(&pane).map(|view| view.filter.as_str()).filter(|filter| !filter.trim().is_empty())
    }

    /// What a pane is sorted by.
    pub fn sort(&self, pane: PaneId) -> Sort {
        self.lists.get(&pane).map_or(Sort::Worst, |view| view.sort)
    }

    /// The pane that keys go to while no layer is open.
    pub fn pane(&self) -> PaneId {
        self.zoom.unwrap_or(self.focus)
    }

    /// From here on the rows of this pane keep their place.
    pub(crate) fn hold(&mut self, pane: PaneId) {
        if self.lists.get(&pane).is_some_and(|view| view.held.is_some()) {
            return;
        }
        let order = shown(self, pane).iter().map(|row| row.key.clone()).collect();
        let worst = worst(rows(self, pane)).map(|row| (row.key.clone(), row.badness));
        self.view(pane, |view| view.held = Some(Held { order, worst }));
    }

    /// The rows of this pane may move again.
    pub(crate) fn let_go(&mut self, pane: PaneId) {
        if self.lists.get(&pane).is_some_and(|view| view.held.is_some()) {
            self.view(pane, |view| view.held = None);
        }
    }

    /// Changes how a list is looked at.
    pub(crate) fn view(&mut self, pane: PaneId, change: impl FnOnce(&mut View)) {
        let view = self.lists.entry(pane).or_default();
        change(view);
        if *view == View::default() {
            self.lists.remove(&pane);
        }
        if let Some(made) = self.made.panes.get_mut(&pane) {
            made.shown = OnceLock::new();
        }
    }

    /// The next order of a list: worst first, by name, by each figure of its rows.
    pub(crate) fn next_sort(&mut self, pane: PaneId) {
        let mut orders = vec![Sort::Worst, Sort::Name];
        for (name, _) in rows(self, pane).iter().flat_map(|row| &row.figures) {
            if !orders.contains(&Sort::Figure(name)) {
                orders.push(Sort::Figure(name));
            }
        }
        let at = orders.iter().position(|sort| *sort == self.sort(pane)).unwrap_or(0);
        let next = orders.get((at + 1) % orders.len()).copied().unwrap_or_default();
        self.view(pane, |view| {
            view.sort = next;
            view.held = None;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::id::ObjectRef;

    fn row(name: &str, badness: u8, lag: i64) -> Row {
        Row {
            badness,
            words: "late".to_owned(),
            figures: vec![("lag", lag)],
            ..Row::new(name, ObjectRef::new("ExternalSecret", "ory", name))
        }
    }

    fn names(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.key.as_str()).collect()
    }

    #[test]
    fn a_filter_takes_rows_with_all_of_its_words() {
        let all = [row("Kratos", 1, 7), row("hydra", 0, 9)];
        let of = |filter: &str| {
            let view = View { filter: filter.to_owned(), ..View::default() };
            names(&view.apply(PaneId::Sync, &all, &|row| row.words.clone())).join(" ")
        };
        assert_eq!(of("kratos"), "Kratos");
        assert_eq!(of("ORY late"), "Kratos hydra");
        assert_eq!(of("externalsecret hyd"), "hydra");
        assert_eq!(of("nobody"), "");
    }

    #[test]
    fn rows_are_sorted_by_name_and_by_figure() {
        let all = [row("b", 1, 7), row("c", 0, 9), row("a", 0, 8)];
        let of = |sort| View { sort, ..View::default() }.apply(PaneId::Sync, &all, &|row| row.words.clone());
        assert_eq!(names(&of(Sort::Worst)), ["b", "c", "a"]);
        assert_eq!(names(&of(Sort::Name)), ["a", "b", "c"]);
        assert_eq!(names(&of(Sort::Figure("lag"))), ["c", "a", "b"]);
    }

    #[test]
    fn rows_that_are_held_keep_their_place_and_new_ones_come_after_them() {
        let held = Held { order: ["a", "b", "gone"].map(str::to_owned).to_vec(), worst: Some(("a".to_owned(), 1)) };
        let view = View { held: Some(held), ..View::default() };
        let all = [row("new", 3, 0), row("b", 2, 0), row("a", 0, 0)];
        assert_eq!(names(&view.apply(PaneId::Sync, &all, &|row| row.words.clone())), ["a", "b", "new"]);
        assert_eq!(
            names(&view.apply(PaneId::Timeline, &all, &|row| row.words.clone())),
            ["a", "b"],
            "newer lines would push it down"
        );
    }
}
