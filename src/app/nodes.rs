//! What nodes mean: how full each is and where that goes, who sits on it, and what an eviction there would do to the vault.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::id::{FeedId, ObjectRef};
use super::model::Model;
use super::model::consumers::PodLife;
use super::model::nodes::{Figure, Longhorn, NodeSeen, PodUse, Source, UsageSeen};
use super::model::reopens::{Mechanism, reopens};
use super::model::table::Table;
use super::text::count;
use super::time::age;
use super::verdict::Standing;
use super::verdict::judge;
use super::verdict::replicas::{Condition, conditions, headcount};

/// From here on a node is close to killing pods: percent of its capacity.
pub const FULL: u64 = 95;
/// From here on it is worth a look: percent of its capacity.
pub const HIGH: u64 = 85;
/// How far ahead a forecast is worth a word on the screen.
const AHEAD: SignedDuration = SignedDuration::from_hours(3);
/// A node that was told to have no memory for this long since a kill is past it.
const LATELY: SignedDuration = SignedDuration::from_hours(1);

/// Where a node's memory goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By 2 % of its capacity in an hour or more.
    Up,
    /// About as it was.
    Level,
    /// By 2 % of its capacity in an hour or more.
    Down,
}

/// One node and everything that is known of its memory.
#[derive(Debug, Clone)]
pub struct NodeView<'a> {
    /// The node.
    pub node: &'a NodeSeen,
    /// What it uses, where a figure counts.
    pub used: Option<Figure>,
    /// That, in percent of its capacity.
    pub percent: Option<u64>,
    /// What its pods request, percent of its capacity, where nothing better is known.
    pub requested: Option<u64>,
    /// Where it goes; `None` where too little is known.
    pub way: Option<Way>,
    /// When it reaches 95 % if it goes on like this, within three hours.
    pub full_in: Option<SignedDuration>,
    /// The vault's pods on it.
    pub vault: Vec<&'a str>,
    /// Its pods that were killed for memory in the last hour, and those that were evicted and stand there still.
    pub struck: (usize, usize),
    /// How bad it is: 3 is critical, 2 a warning, 1 worth a look.
    pub badness: u8,
}

/// One node as it stands now.
pub fn view<'a>(model: &'a Model, node: &'a NodeSeen, now: Timestamp) -> NodeView<'a> {
    let name = node.object.name.as_str();
    let usage = fresh_usage(model, now);
    let used = usage.and_then(|usage| usage.figure(name, now));
    let percent = used.and_then(|used| node.percent(used.bytes));
    // Where nothing says what is used, what is requested is better than nothing.
    let requests = usage.is_none_or(|usage| usage.source == Source::Requests) && sees_pods(model, now);
    let requested = requests.then(|| node.percent(model.loads.get(name).map_or(0, |load| load.requests))).flatten();
    let full_in = used.and_then(|_| full_in(model, node, now)).filter(|left| *left <= AHEAD);
    let (warning, critical) = model.expect.limits("node-memory", HIGH, FULL);
    let vault = vault_pods(model, name);
    let struck = (killed(model, name, now).len(), evicted_from(model, name).len());
    let soon = full_in.is_some_and(|left| left <= HOUR);
    let badness = match () {
        () if node.ready == Some(false) || percent.is_some_and(|percent| percent >= critical) => 3,
        () if !node.pressures.is_empty() => 3,
        () if percent.is_some_and(|percent| percent >= warning) || soon => 2,
        () if node.cordoned || struck != (0, 0) => 1,
        () => 0,
    };
    let way = used.and_then(|_| way(model, node));
    NodeView { node, used, percent, requested, way, full_in, vault, struck, badness }
}

/// All nodes, worst first; equals by what they use, those with the vault's pods first.
pub fn views(model: &Model, now: Timestamp) -> Vec<NodeView<'_>> {
    let mut all: Vec<NodeView<'_>> =
        model.nodes.iter().flat_map(Table::iter).map(|node| view(model, node, now)).collect();
    all.sort_by(|a, b| {
        let full = |one: &NodeView<'_>| one.percent.or(one.requested).unwrap_or(0);
        let key = |one: &NodeView<'_>| (one.badness, full(one), one.vault.len());
        key(b).cmp(&key(a)).then_with(|| a.node.object.cmp(&b.node.object))
    });
    all
}

/// What is used, if it was seen lately.
pub fn fresh_usage(model: &Model, now: Timestamp) -> Option<&UsageSeen> {
    model.usage.as_ref()?.fresh(now, FeedId::Usage)
}

/// A rule about memory that is forecast looks this far ahead.
pub const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// When the node reaches 95 % if it goes on as in the last minutes. `None` where it does not rise, where less than five
/// minutes are known, and where it is there already.
pub fn full_in(model: &Model, node: &NodeSeen, now: Timestamp) -> Option<SignedDuration> {
    let line = model.trends.get(node.object.name.as_str())?.line?;
    let full = node.capacity as f64 * FULL as f64 / 100.0;
    // Less than half a percent of the node in ten minutes is the noise of every day.
    if node.capacity == 0 || line.slope * 600.0 < node.capacity as f64 / 200.0 {
        return None;
    }
    let level = line.level + line.slope * age(now, line.at).as_secs_f64();
    let left = (full - level) / line.slope;
    (left > 0.0 && left < 1e9).then(|| SignedDuration::from_secs(left as i64))
}

fn way(model: &Model, node: &NodeSeen) -> Option<Way> {
    let line = model.trends.get(node.object.name.as_str())?.line?;
    let hourly = line.slope * 3_600.0;
    let much = node.capacity as f64 / 50.0;
    Some(match () {
        () if hourly >= much => Way::Up,
        () if hourly <= -much => Way::Down,
        () => Way::Level,
    })
}

/// `~40m`, in steps that do not pretend to know better: minutes up to ten, then fives.
pub fn about(left: SignedDuration) -> String {
    let minutes = (left.as_secs() + 30) / 60;
    match minutes {
        ..1 => "now".to_owned(),
        1..10 => format!("~{minutes}m"),
        10..60 => format!("~{}m", (minutes + 2) / 5 * 5),
        _ if minutes % 60 < 8 => format!("~{}h", minutes / 60),
        _ => format!("~{}h {}m", minutes / 60, minutes % 60 / 15 * 15),
    }
}

/// The vault's pods on this node, by name.
pub fn vault_pods<'a>(model: &'a Model, node: &str) -> Vec<&'a str> {
    let pods = model.pods.iter().flat_map(|pods| &pods.value);
    pods.filter(|pod| pod.node.as_deref() == Some(node)).map(|pod| pod.name.as_str()).collect()
}

/// What becomes of the vault if these of its pods are evicted together; `None` where nobody can say.
pub fn evicted(model: &Model, pods: &[&str], now: Timestamp) -> Option<String> {
    let open = |name: &str| {
        let all = conditions(model, now);
        all.into_iter().any(|(replica, is)| replica.name == name && matches!(is, Condition::Open(_)))
    };
    let gone = pods.iter().filter(|pod| open(pod)).count() as u32;
    let who = match pods {
        [] => return None,
        [one] => format!("evicting {one}"),
        several => format!("evicting {}", several.join(" and ")),
    };
    if gone == 0 {
        return Some(format!("{who} costs nothing now: it serves nobody"));
    }
    let left = headcount(model, now).restarts_to_outage()?;
    let cost = match left.saturating_sub(gone) {
        _ if left == 0 => "changes nothing: nobody serves".to_owned(),
        0 => "is an outage".to_owned(),
        1 => "leaves it one restart from an outage".to_owned(),
        more => format!("leaves it {} from an outage", count(more as usize, "restart")),
    };
    let back = match judge(model, now, None).state {
        Standing::WillNotReopen | Standing::Down => ", and what goes does not come back by itself",
        Standing::NeedsHands => ", and what goes comes back only when people unseal it",
        Standing::Blind if reopens(model, now).by == Mechanism::People => {
            ", and what goes comes back only when people unseal it"
        }
        Standing::Blind => ", and nobody can say whether what goes comes back",
        Standing::Unproven | Standing::Survives => "; what goes should come back unsealed",
    };
    Some(format!("{who} {cost}{back}"))
}

/// The pods on this node that use most, the biggest first, where anybody says which they are.
pub fn biggest<'a>(model: &'a Model, node: &str, now: Timestamp) -> Vec<&'a PodUse> {
    let Some(usage) = fresh_usage(model, now) else { return Vec::new() };
    let places: BTreeMap<&ObjectRef, &str> = lives(model).map(|life| (&life.object, life.node.as_str())).collect();
    let own = vault_pods(model, node);
    let namespace = model.workload().map(|workload| workload.namespace.as_str());
    let here = |pod: &&PodUse| match (&pod.node, places.get(&pod.object)) {
        (Some(on), _) => on == node,
        (None, Some(on)) => *on == node,
        (None, None) => Some(pod.object.namespace.as_str()) == namespace && own.contains(&pod.object.name.as_str()),
    };
    usage.pods.iter().filter(here).collect()
}

fn lives(model: &Model) -> impl Iterator<Item = &PodLife> {
    model.containers.iter().flat_map(Table::iter)
}

fn struck<'a>(model: &'a Model, node: &str) -> impl Iterator<Item = &'a PodLife> {
    let table = model.containers.as_ref();
    let here = model.struck.get(node).into_iter().flatten();
    here.filter_map(move |object| table?.get(object))
}

/// Pods on this node that were killed for memory in the last hour, with when, the newest first.
pub fn killed<'a>(model: &'a Model, node: &str, now: Timestamp) -> Vec<(&'a ObjectRef, Timestamp)> {
    let mut killed: Vec<_> = struck(model, node)
        .filter_map(|life| Some((&life.object, life.oom_killed?)))
        .filter(|(_, at)| age(now, *at) <= LATELY)
        .collect();
    killed.sort_by_key(|(object, at)| (std::cmp::Reverse(*at), *object));
    killed
}

/// Pods that were evicted from this node and still stand there as evicted.
pub fn evicted_from<'a>(model: &'a Model, node: &str) -> Vec<&'a ObjectRef> {
    struck(model, node).filter(|life| life.evicted).map(|life| &life.object).collect()
}

/// What hangs on one instance manager of Longhorn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blast<'a> {
    /// Volumes attached to its node.
    pub volumes: usize,
    /// The pods that use them.
    pub pods: Vec<&'a str>,
    /// Claims of the vault among them.
    pub vault: Vec<&'a ObjectRef>,
}

/// What goes when the instance manager of this node goes.
pub fn blast<'a>(model: &'a Model, longhorn: &'a Longhorn, node: &str) -> Blast<'a> {
    let here: Vec<_> = longhorn.volumes.iter().filter(|volume| volume.node == node).collect();
    let workload = model.workload();
    let own = |claim: &&ObjectRef| {
        workload.is_some_and(|vault| {
            claim.namespace == vault.namespace
                && vault.members.iter().any(|member| {
                    claim.name.strip_suffix(member.as_str()).is_some_and(|template| template.ends_with('-'))
                })
        })
    };
    let mut pods: Vec<&str> = here.iter().flat_map(|volume| volume.pods.iter().map(String::as_str)).collect();
    pods.sort_unstable();
    pods.dedup();
    Blast {
        volumes: here.len(),
        pods,
        vault: here.iter().filter_map(|volume| volume.claim.as_ref()).filter(own).collect(),
    }
}

/// Bytes in the unit that people name memory in: `62.3 GiB`, `640 MiB`.
pub fn memory(bytes: u64) -> String {
    let mib = bytes >> 20;
    match mib {
        0 => format!("{} KiB", bytes >> 10),
        1..1_024 => format!("{mib} MiB"),
        1_024..102_400 => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
        _ => format!("{} GiB", bytes >> 30),
    }
}

/// Whether pods are in sight, and with them what they request.
pub fn sees_pods(model: &Model, now: Timestamp) -> bool {
    model.containers.as_ref().is_some_and(|pods| pods.fresh(now, FeedId::Containers).is_some())
}

/// What the pane and the drawer say of where the figures come from; `None` where that is the metrics API.
pub fn instead(model: &Model, now: Timestamp) -> Option<String> {
    let usage = fresh_usage(model, now)?;
    match usage.source {
        Source::Metrics => None,
        Source::Kubelet => Some(usage.why.clone()),
        Source::Requests if sees_pods(model, now) => Some(format!("requests only, no use: {}", usage.why)),
        Source::Requests => Some(format!("neither use nor requests: {}", usage.why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_is_about_as_good_as_it_says() {
        let of = |seconds| about(SignedDuration::from_secs(seconds));
        assert_eq!([of(10), of(100), of(560), of(1_300), of(2_400)], ["now", "~2m", "~9m", "~20m", "~40m"]);
        assert_eq!([of(3_600), of(3_900), of(5_400), of(9_000)], ["~1h", "~1h", "~1h 30m", "~2h 30m"]);
        assert_eq!(of(3_540), "~60m");
    }

    #[test]
    fn memory_in_the_unit_that_people_use() {
        assert_eq!(
            [memory(0), memory(640 << 20), memory(62_915 << 20), memory(512 << 30)],
            ["0 KiB", "640 MiB", "61.4 GiB", "512 GiB"]
        );
    }
}
