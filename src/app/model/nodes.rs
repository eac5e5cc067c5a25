//! Nodes, and what they and their pods use of their memory.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::table::Named;
use crate::app::id::ObjectRef;
use crate::app::trouble::Trouble;

/// One node. Source: `v1 Node`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSeen {
    /// Which.
    pub object: ObjectRef,
    /// `status.capacity.memory`, bytes.
    pub capacity: u64,
    /// Condition Ready is True; `None` where it says nothing.
    pub ready: Option<bool>,
    /// Why it is not: the reason of that condition.
    pub reason: String,
    /// Pressure conditions that are True: `MemoryPressure`, `DiskPressure`, `PIDPressure`, since when.
    pub pressures: Vec<(String, Option<Timestamp>)>,
    /// Since when Ready is not True.
    pub unready_since: Option<Timestamp>,
    /// `spec.unschedulable`.
    pub cordoned: bool,
}

impl Named for NodeSeen {
    fn object(&self) -> &ObjectRef {
        &self.object
    }
}

impl NodeSeen {
    /// How much of its memory this is, percent of its capacity; `None` for a node that does not say its capacity.
    pub fn percent(&self, bytes: u64) -> Option<u64> {
        (self.capacity > 0).then(|| (u128::from(bytes) * 100 / u128::from(self.capacity)).min(999) as u64)
    }
}

/// Where figures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// `metrics.k8s.io`.
    Metrics,
    /// The kubelet's `stats/summary` through the node proxy, some nodes at a time.
    Kubelet,
    /// Nothing says what is used: what the pods that are followed request is all there is, and said so.
    Requests,
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// Working set, bytes.
    pub bytes: u64,
    /// When it came, by our clock: a source that repeats an old figure makes it no younger.
    pub at: Timestamp,
}

/// What is used now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSeen {
    /// Where the figures come from.
    pub source: Source,
    /// Why from there and from nothing better; empty where nothing is better.
    pub why: String,
    /// Working set of each node.
    pub nodes: BTreeMap<String, Figure>,
    /// Seconds for which a figure counts.
    pub limit: i64,
    /// Working set of the biggest pods and of the vault's, the biggest first.
    pub pods: Vec<PodUse>,
    /// Longhorn, where it is installed and may be seen.
    pub longhorn: Option<Longhorn>,
    /// What of this could not be read beside the nodes' own figures: the memory of pods, Longhorn.
    #[serde(default)]
    pub unread: Vec<Trouble>,
}

impl UsageSeen {
    /// This node's figure, if it still counts.
    pub fn figure(&self, node: &str, now: Timestamp) -> Option<Figure> {
        let limit = SignedDuration::from_secs(self.limit);
        self.nodes.get(node).copied().filter(|figure| crate::app::time::within(now, figure.at, limit))
    }
}

/// What one pod uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodUse {
    /// Which.
    pub object: ObjectRef,
    /// Where it runs, where the source says so.
    pub node: Option<String>,
    /// Working set of its containers, bytes.
    pub bytes: u64,
}

/// Longhorn on this cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Longhorn {
    /// Its instance managers. Source: pods labelled `longhorn.io/component=instance-manager`.
    pub managers: Vec<Manager>,
    /// Its volumes. Source: `longhorn.io/v1beta2 Volume`.
    pub volumes: Vec<VolumeSeen>,
}

/// One instance manager: the process in which every volume of its node lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manager {
    /// The pod.
    pub object: ObjectRef,
    /// Its node.
    pub node: String,
    /// Its working set, bytes, where known.
    pub bytes: Option<u64>,
}

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSeen {
    /// `metadata.name`.
    pub name: String,
    /// `status.currentNodeID`: where it is attached.
    pub node: String,
    /// `status.kubernetesStatus`: the claim.
    pub claim: Option<ObjectRef>,
    /// The pods that use it.
    pub pods: Vec<String>,
}

/// A trend goes back this far.
const TREND: SignedDuration = SignedDuration::from_hours(1);
/// So long every figure is kept.
const DENSE: SignedDuration = SignedDuration::from_mins(5);
/// Older ones are at least this far apart: a thousand nodes take about a megabyte.
const SPARSE: SignedDuration = SignedDuration::from_mins(2);

/// What the pods of one node come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Load {
    /// How many they are, those that ended among them.
    pub pods: u32,
    /// The memory that they request, bytes.
    pub requests: u64,
}

/// One node's memory over time: at most an hour, thinned out where it is older.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trend {
    /// When and how many bytes, oldest first.
    pub points: Vec<(Timestamp, u64)>,
    /// The line through them, renewed with each point.
    #[serde(default)]
    pub line: Option<Line>,
}

/// A line through figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Bytes a second.
    pub slope: f64,
    /// Bytes at the last point, as the line says.
    pub level: f64,
    /// When that is.
    pub at: Timestamp,
}

impl Trend {
    /// Takes a figure; one that is not newer than the last says nothing.
    pub fn push(&mut self, at: Timestamp, bytes: u64) {
        if self.points.last().is_some_and(|(last, _)| *last >= at) {
            return;
        }
        self.points.push((at, bytes));
        let mut kept: Option<Timestamp> = None;
        self.points.retain(|(then, _)| {
            let old = at.duration_since(*then);
            let near = kept.is_some_and(|kept| then.duration_since(kept) < SPARSE);
            let keep = old <= TREND && (old <= DENSE || !near);
            if keep {
                kept = Some(*then);
            }
            keep
        });
        self.line = line(&self.points);
    }

    /// When the last figure came.
    pub fn last(&self) -> Option<Timestamp> {
        self.points.last().map(|(at, _)| *at)
    }
}

/// The line looks back this far: what was an hour ago must not hide what began ten minutes ago.
const WINDOW: SignedDuration = SignedDuration::from_mins(20);
/// Less than this says nothing of where it goes.
const LEAST: SignedDuration = SignedDuration::from_mins(5);
/// Points closer together than this count once: else the dense end would outweigh the rest.
const APART: SignedDuration = SignedDuration::from_secs(25);
/// A line through fewer is a guess.
const POINTS: usize = 4;

/// The median of the slopes between all pairs of points (Theil and Sen): a burst or a single wrong figure does not
/// turn it.
fn line(points: &[(Timestamp, u64)]) -> Option<Line> {
    let (end, _) = *points.last()?;
    let mut chosen: Vec<(f64, f64)> = Vec::new();
    let mut next: Option<Timestamp> = None;
    for (at, bytes) in points.iter().rev() {
        let back = end.duration_since(*at);
        if back > WINDOW || next.is_some_and(|next| next.duration_since(*at) < APART) {
            continue;
        }
        next = Some(*at);
        chosen.push((-back.as_secs_f64(), *bytes as f64));
    }
    let (first, _) = *chosen.last()?;
    if chosen.len() < POINTS || -first < LEAST.as_secs_f64() {
        return None;
    }
    let slopes = chosen.iter().enumerate().flat_map(|(index, (later, high))| {
        chosen.iter().skip(index + 1).map(move |(earlier, low)| (high - low) / (later - earlier))
    });
    let slope = median(slopes.collect())?;
    let level = median(chosen.iter().map(|(at, bytes)| bytes - slope * at).collect())?;
    Some(Line { slope, level, at: end })
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let high = values.get(middle).copied()?;
    let low = if values.len().is_multiple_of(2) { values.get(middle.checked_sub(1)?).copied()? } else { high };
    Some(f64::midpoint(low, high))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    fn of(seconds: i64, each: i64, figure: impl Fn(i64) -> u64) -> Trend {
        let mut trend = Trend::default();
        (0..=seconds / each).for_each(|n| trend.push(at(n * each), figure(n * each)));
        trend
    }

    #[test]
    fn an_hour_is_kept_and_thinned_out() {
        let trend = of(4 * 3_600, 15, |s| s as u64);
        let (first, last) = (trend.points[0].0, trend.last().unwrap());
        assert!(last.duration_since(first) > SignedDuration::from_mins(55), "{first} {last}");
        assert!(last.duration_since(first) <= TREND);
        assert!(trend.points.len() <= 55, "{}", trend.points.len());
    }

    #[test]
    fn the_same_figure_told_again_is_one_point() {
        let mut trend = Trend::default();
        for _ in 0..10 {
            trend.push(at(0), 7);
        }
        assert_eq!((trend.points.len(), trend.line), (1, None));
    }

    #[test]
    fn five_minutes_are_needed_and_a_single_burst_does_not_turn_the_line() {
        assert_eq!(of(285, 15, |s| s as u64).line, None);
        let steady = of(600, 15, |s| 1_000 + 10 * s as u64).line.unwrap();
        assert!((steady.slope - 10.0).abs() < 0.01, "{steady:?}");
        let burst = of(600, 15, |s| if s == 300 { 1_000_000 } else { 1_000 + 10 * s as u64 }).line.unwrap();
        assert!((burst.slope - 10.0).abs() < 0.5, "{burst:?}");
        assert!((burst.level - 7_000.0).abs() < 100.0, "{burst:?}");
    }

    proptest! {
        #[test]
        fn a_line_is_found_through_its_own_points(slope in 0u64..5_000, start in 0u64..1_000_000, each in 10i64..60) {
            let line = of(1_200, each, |s| start + slope * s as u64).line.unwrap();
            prop_assert!((line.slope - slope as f64).abs() < 1e-6, "{line:?}");
        }

        #[test]
        fn nothing_makes_it_grow(steps in proptest::collection::vec((0i64..100, any::<u64>()), 0..400)) {
            let (mut trend, mut now) = (Trend::default(), 0);
            for (step, bytes) in steps {
                now += step;
                trend.push(at(now), bytes);
                prop_assert!(trend.points.len() < 400);
                prop_assert!(trend.points.is_sorted_by(|a, b| a.0 < b.0));
            }
        }
    }
}
