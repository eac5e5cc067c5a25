//! Objects that two operators really wrote, at the moments at which they were written down: for each, what is said of it is
//! the truth of its story and not what its conditions say.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::enum_glob_use,
    reason = "a test that cannot go on should say so at once"
)]

mod captured;
#[path = "captured/declared.rs"]
mod declared;
mod sync_cases;
mod world;

use baowatch::app::alerts::{Finding, Severity, rules};
use baowatch::app::flow;
use baowatch::app::id::{FeedId, ObjectRef};
use baowatch::app::model::Model;
use baowatch::app::model::fact::{Fact, Report};
use baowatch::app::model::fold;
use baowatch::app::model::seal::{SealAnswer, SealSeen};
use baowatch::app::model::table::{Delta, Named, Table};
use baowatch::app::model::withheld::Withheld;
use baowatch::app::sync::standings::{all_moved, grow, standings};
use baowatch::app::sync::{Standing, Witnesses, Word, judge};
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::kube::sync_digest::digest;
use captured::{Row, files, load, model, on_the_day};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

fn rows() -> impl Iterator<Item = &'static Row> {
    captured::vso::ROWS.iter().chain(captured::eso::ROWS)
}

/// What differs from the truth, one line each.
fn lies(row: &Row, said: &Standing) -> Vec<String> {
    let mut lies = Vec::new();
    let whole = format!("{} | {}", said.why, said.also.as_deref().unwrap_or_default());
    if said.word != row.word {
        lies.push(format!("{:?}, and it is {:?}", said.word, row.word));
    }
    for part in row.says.iter().filter(|part| !whole.contains(**part)) {
        lies.push(format!("does not say `{part}`"));
    }
    let seconds = |d: Option<jiff::SignedDuration>| d.map(|d| d.as_secs());
    if seconds(said.lag) != row.lag {
        lies.push(format!("lags {:?}, and it is {:?}", seconds(said.lag), row.lag));
    }
    if seconds(said.of) != row.of {
        lies.push(format!("of {:?}, and it is {:?}", seconds(said.of), row.of));
    }
    lies
}

/// The row of an application is made without its texts, and without what cannot matter: it says what the whole would say.
#[test]
fn an_application_in_brief_is_the_application() {
    let mut broken = 0;
    for row in rows() {
        let (model, _, now) = model(row);
        let whole = flow::applications(&model, now);
        let brief = flow::briefs(&model, now);
        let of = |name: &String, grade, chains, alike| (name.clone(), grade, chains, alike);
        let told: BTreeSet<_> = brief.iter().map(|it| of(&it.name, it.grade, it.chains, it.alike)).collect();
        let is: BTreeSet<_> = whole.iter().map(|it| of(&it.name, it.grade(), it.chains.len(), it.alike())).collect();
        assert_eq!(told, is, "{} {}", row.file, row.at);
        broken += whole.iter().filter(|it| it.grade() == flow::Grade::Broken).count();
    }
    assert!(broken > 20, "some of them are broken: {broken}");
}

/// As if every feed had just said the same once more.
fn told_again(model: &mut Model, now: Timestamp) {
    model.sync.as_mut().unwrap().at = now;
    model.secrets.as_mut().unwrap().at = now;
    model.operators.as_mut().unwrap().at = now;
    if let Some(paths) = &mut model.paths {
        paths.at = now;
    }
    if let Some(engines) = &mut model.engines {
        engines.at = now;
    }
    for replica in &mut model.replicas {
        replica.answer.as_mut().unwrap().at = now;
    }
}

/// What time alone changes is found when it does, though hardly any object is judged each time.
#[test]
fn standings_that_are_kept_are_those_of_now() {
    let (mut turns, mut steps) = (0, 0);
    for row in rows() {
        let (mut model, _, began) = model(row);
        all_moved(&mut model, began);
        for step in 0..120 {
            let now = began + SignedDuration::from_secs(10 * step);
            told_again(&mut model, now);
            let before = model.standings.turn();
            grow(&mut model, now);
            let kept = standings(&model, now);
            turns += model.standings.turn() - before;
            steps += 1;
            let silent = Witnesses::of(&model, now).silent();
            for seen in model.sync.iter().flat_map(Table::iter) {
                let told = kept.get(&seen.object).unwrap();
                assert_eq!(*told, silent.judge(seen), "{} {} {step}", row.file, seen.object.path());
            }
        }
    }
    assert!(turns > 100, "time changes something: {turns}");
    assert!(turns < steps * 9 / 10, "and not all the time: {turns} of {steps}");
}

#[test]
fn every_captured_object_is_told_as_it_is() {
    let mut wrong = Vec::new();
    for row in rows() {
        let (model, seen, now) = model(row);
        let said = judge(&model, &seen, now);
        // Whoever judges many finds the same, with and without texts.
        let many = Witnesses::of(&model, now);
        assert_eq!(many.judge(&seen), said, "{} {}", row.file, row.object);
        let silent = many.silent().judge(&seen);
        assert_eq!(
            (silent.word, silent.lag, silent.dire),
            (said.word, said.lag, said.dire),
            "{} {}",
            row.file,
            row.object
        );
        for lie in lies(row, &said) {
            wrong.push(format!(
                "{} {} at {}: {lie}\n      {} | {:?}",
                row.file, row.object, row.at, said.why, said.also
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows().count(), wrong.join("\n"));
}

#[test]
fn no_captured_object_is_left_out() {
    let files = files();
    assert_eq!(files.len(), 45);
    for file in &files {
        let told: BTreeSet<(String, jiff::Timestamp)> = rows()
            .filter(|row| file.starts_with(row.file))
            .map(|row| (row.object.to_owned(), on_the_day(row.at)))
            .collect();
        for (at, object) in load(file).objects.iter().filter(|(_, object)| object["kind"] != "Secret") {
            let name = format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
            assert!(told.contains(&(name.clone(), *at)), "{file}: nothing is said of {name} at {at}");
            assert!(digest(object).is_some(), "{file}: {name}");
        }
    }
}

/// What a rule finds about the object of the row at its moment.
fn finds(rule: &str, row: &Row) -> Option<Finding> {
    let (model, seen, now) = model(row);
    let judged = rules::find(rule).unwrap().judge(&model, now);
    judged.into_iter().find(|(object, _)| *object == seen.object).map(|(_, finding)| finding)
}

/// Rules about sync objects and their ways to the vault.
const ABOUT_OBJECTS: [&str; 6] =
    ["sync-stale", "sync-failed", "sync-dropped", "sync-behind", "store-not-ready", "vaultauth-invalid"];

/// Every finding of these rules that makes a row of its own where none was.
fn rows_made(model: &Model, now: jiff::Timestamp) -> Vec<(&'static str, ObjectRef, Finding)> {
    let judged = ABOUT_OBJECTS.iter().flat_map(|rule| {
        let judged = rules::find(rule).unwrap().judge(model, now);
        judged.into_iter().map(move |(object, finding)| (*rule, object, finding))
    });
    judged.filter(|(_, _, finding)| !matches!(finding, Finding::Clear | Finding::Kept(_))).collect()
}

#[test]
fn a_sealed_vault_is_one_alarm_and_not_one_for_each_object() {
    let sealed = |row: &&Row| row.beside.contains(&captured::Beside::Sealed);
    let (mut quiet, mut lasting) = (0, 0);
    for row in rows().filter(sealed) {
        let (mut model, _, now) = model(row);
        for rule in ABOUT_OBJECTS {
            let judged = rules::find(rule).unwrap().judge(&model, now);
            quiet += judged.iter().filter(|(_, finding)| matches!(finding, Finding::Kept(_))).count();
        }
        for (rule, object, finding) in rows_made(&model, now) {
            let seen = model.sync.as_ref().unwrap().get(&object).unwrap_or_else(|| panic!("{rule} about {object}"));
            let standing = judge(&model, seen, now);
            // Whoever reads what is missing or ran out has nothing: that is more than the seal.
            let own = standing.dire || !standing.by_vault;
            assert!(matches!(finding, Finding::Firing(_)) && own, "{} {rule} {object}: {finding:?}", row.file);
        }
        // It was opened a moment ago, and nobody has tried again: one row for all of them, until somebody does.
        let was = model.replicas[0].answer.clone().unwrap();
        let SealAnswer::Said(said) = was.value else { panic!("{was:?}") };
        let open = SealAnswer::Said(SealSeen { sealed: false, ..said });
        tell(&mut model, FeedId::Seal, Fact::Seal { replica: "openbao-0".into(), answer: open }, now);
        let untold = |model: &Model, now| {
            let made = rows_made(model, now).into_iter().filter_map(|(rule, object, finding)| match finding {
                Finding::Unknown(why) if why.contains("sealed") => Some((rule, object, why)),
                _ => None,
            });
            made.collect::<Vec<_>>()
        };
        let waiting = untold(&model, now);
        assert!(waiting.len() <= 1, "{} at {}: {waiting:?}", row.file, row.at);
        if let [(rule, object, why)] = waiting.as_slice() {
            assert_eq!((*rule, object), ("sync-failed", &model.vault_ref()), "{why}");
            lasting += 1;
        }
        let later = now + SignedDuration::from_secs(91);
        model.sync = model.sync.take().map(|table| Table::new(table.iter().cloned(), later));
        assert!(untold(&model, later).is_empty(), "{} at {later}", row.file);
    }
    assert!(quiet >= 10 && lasting >= 5, "{quiet} and {lasting}");
    // What failed for a reason of its own is not quiet because of that.
    assert!(matches!(finds("sync-failed", row("vso/25", "loses-access", "06:04:25")), Some(Finding::Firing(_))));
}

fn row(file: &str, object: &str, at: &str) -> &'static Row {
    rows().find(|row| row.file == file && row.object.ends_with(object) && row.at == at).unwrap()
}

#[test]
fn each_rule_fires_and_clears() {
    use Severity::{Critical, Info, Warning};
    let fires = [
        ("sync-failed", row("vso/07", "Secret/wrong-role", "05:50:30"), Critical),
        ("sync-failed", row("vso/25", "loses-access", "06:04:25"), Warning),
        ("sync-failed", row("vso/13", "create-false-missing", "05:55:00"), Critical),
        ("sync-failed", row("vso/14", "ext-owned", "06:12:40"), Warning),
        ("sync-failed", row("vso/23", "upstream-deleted", "06:04:25"), Critical),
        ("sync-failed", row("vso/33", "web-cert-notafter", "05:52:40"), Warning),
        ("sync-dropped", row("vso/20", "Secret/web", "06:02:27"), Warning),
        ("sync-dropped", row("vso/20", "db-readonly", "06:02:27"), Critical),
        ("sync-behind", row("vso/29", "db-app", "05:59:50"), Critical),
        ("store-not-ready", row("eso/04", "SecretStore/bad-role", "05:56:40"), Warning),
        ("vaultauth-invalid", row("vso/09", "VaultAuth/conn-missing", "05:50:30"), Warning),
        ("vaultauth-invalid", row("vso/07", "VaultAuth/wrong-role", "05:50:30"), Warning),
        ("pushsecret-rotates-on-edit", row("eso/07", "push-0", "05:55:50"), Warning),
    ];
    for (rule, row, severity) in fires {
        match finds(rule, row) {
            Some(Finding::Firing(firing)) => {
                assert_eq!(firing.severity, severity, "{rule} {}", row.object);
                assert!(!firing.why.is_empty() && firing.next.starts_with("kubectl"), "{firing:?}");
            }
            other => panic!("{rule} about {} in {}: {other:?}", row.object, row.file),
        }
    }
    let quiet = [
        ("sync-failed", row("vso/17", "Secret/drift", "05:59:45")),
        ("sync-dropped", row("vso/20", "Secret/web", "06:03:20")),
        ("sync-behind", row("vso/29", "db-app", "06:00:50")),
        ("sync-behind", row("eso/01", "web-1h", "05:56:06")),
        ("store-not-ready", row("eso/01", "SecretStore/openbao", "05:55:40")),
        ("vaultauth-invalid", row("vso/17", "VaultAuth/openbao", "05:58:20")),
        ("pushsecret-rotates-on-edit", row("eso/07", "push-ifnotexists", "05:56:30")),
    ];
    for (rule, row) in quiet {
        assert!(finds(rule, row).is_none(), "{rule} about {} in {}", row.object, row.file);
    }
    // `sync-stale`: the same green object five minutes later, seen by everybody and looked at by nobody.
    let (mut later, seen, now) = model(row("vso/20", "Secret/web", "06:02:27"));
    let mut stale = |seconds: i64| {
        let now = now + jiff::SignedDuration::from_secs(seconds);
        later.sync = later.sync.take().map(|table| Table::new(table.iter().cloned(), now));
        let fires =
            |rule: &str| rules::find(rule).unwrap().judge(&later, now).iter().any(|(object, _)| *object == seen.object);
        (fires("sync-stale"), fires("sync-dropped"))
    };
    assert_eq!((stale(0), stale(250), stale(260)), ((false, true), (false, true), (true, false)));
    // `generator-never-rotates`: what is written of one refreshed at 0 and of one refreshed each hour.
    let generated = |interval: &str| {
        let object = serde_json::json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
            "metadata": {"name": "pw", "namespace": "pay", "creationTimestamp": "2026-11-22T05:00:00Z"},
            "spec": {"refreshInterval": interval, "dataFrom": [{"sourceRef": {"generatorRef":
                {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "pw"}}}]},
            "status": {"refreshTime": "2026-11-22T05:50:00Z", "conditions": [{"type": "Ready", "status": "True",
                "reason": "SecretSynced", "lastTransitionTime": "2026-11-22T05:00:01Z"}]}});
        let now = on_the_day("05:51:00");
        let model = Model { sync: Some(Table::new(vec![digest(&object).unwrap()], now)), ..Model::default() };
        match rules::find("generator-never-rotates").unwrap().judge(&model, now).first() {
            Some((_, Finding::Firing(firing))) => Some(firing.severity),
            _ => None,
        }
    };
    assert_eq!((generated("0"), generated("1h")), (Some(Info), None));
}

#[test]
fn where_there_is_no_operator_nothing_is_said_and_where_nobody_may_look_nothing_is_cleared() {
    let (mut model, _, now) = model(row("vso/25", "loses-access", "06:04:25"));
    let names = ABOUT_OBJECTS;
    let report = |model: &mut Model, kind: TroubleKind| {
        let trouble = Trouble::new(kind, "no such thing", "", "do something");
        fold::apply(model, &Report { feed: FeedId::Sync, outcome: Err(trouble) }, now);
    };
    report(&mut model, TroubleKind::Absent);
    for name in names {
        assert!(rules::find(name).unwrap().judge(&model, now).is_empty(), "{name}");
    }
    model.sync = None;
    report(&mut model, TroubleKind::Denied);
    for name in names {
        let judged = rules::find(name).unwrap().judge(&model, now);
        assert!(matches!(judged.as_slice(), [(_, Finding::Unknown(_))]), "{name}: {judged:?}");
    }
}

/// Takes away the right to list these kinds.
fn withhold(model: &mut Model, kinds: &[&str], now: jiff::Timestamp) {
    let part = |kind: &&str| Withheld {
        beside: false,
        kind: (*kind).to_owned(),
        namespace: None,
        trouble: Trouble::denied(&format!("{kind}s cannot be listed"), "", &format!("Allow {kind}s in a ClusterRole")),
    };
    let parts = kinds.iter().map(part).collect();
    tell(model, FeedId::Sync, Fact::Withheld { feed: FeedId::Sync, parts }, now);
}

#[test]
fn a_kind_that_may_not_be_listed_is_not_seen_and_nothing_is_concluded_from_that() {
    let unknown = |model: &Model, rule: &str, now| -> Vec<String> {
        let judged = rules::find(rule).unwrap().judge(model, now);
        judged
            .into_iter()
            .filter_map(|(_, found)| if let Finding::Unknown(why) = found { Some(why) } else { None })
            .collect()
    };
    // The store of a failing object: it is not in sight, whatever lies in the same namespace.
    let row = row("eso/04", "ExternalSecret/store-ghost", "05:56:40");
    let (mut model, seen, now) = model(row);
    assert!(judge(&model, &seen, now).why.contains("SecretStore pay/ghost does not exist"));
    withhold(&mut model, &["SecretStore", "ClusterSecretStore"], now);
    let standing = judge(&model, &seen, now);
    assert_eq!(standing.word, Word::Failed);
    // The operator's own word for it, and not ours.
    assert!(standing.why.contains("SecretStore ghost does not exist"), "{}", standing.why);
    assert!(!standing.why.contains("SecretStore pay/ghost does not exist"), "{}", standing.why);
    assert!(standing.why.contains("SecretStores may not be listed"), "{}", standing.why);
    // Rules about stores are unknown, with the line; rules about what is brought are as they were.
    let about_stores = unknown(&model, "store-not-ready", now);
    assert!(about_stores.iter().any(|why| why.contains("Allow SecretStores in a ClusterRole")), "{about_stores:?}");
    assert!(unknown(&model, "sync-failed", now).is_empty());
    let fires = rules::find("sync-failed").unwrap().judge(&model, now);
    assert!(fires.iter().any(|(object, found)| *object == seen.object && matches!(found, Finding::Firing(_))));

    // The kind itself is taken away: what fired is unknown and not clear, also after a list of all that is left.
    withhold(&mut model, &["ExternalSecret"], now);
    let rest = model.sync.iter().flat_map(Table::iter).filter(|one| one.object.kind != "ExternalSecret");
    let rest: Vec<_> = rest.cloned().collect();
    assert!(!rest.is_empty());
    tell(&mut model, FeedId::Sync, Fact::Sync(Delta::whole(rest)), now);
    for rule in ["sync-failed", "sync-behind", "sync-stale", "sync-dropped"] {
        let judged = rules::find(rule).unwrap().judge(&model, now);
        let of_it = judged.iter().find(|(object, _)| *object == seen.object).map(|(_, found)| found.clone());
        assert!(matches!(of_it, Some(Finding::Unknown(_))), "{rule}: {of_it:?}");
        assert!(judged.iter().any(|(object, _)| *object == model.vault_ref()), "{rule}");
    }
    assert_eq!(judge(&model, &seen, now).word, Word::Unknown);
    assert_eq!(standings(&model, now).get(&seen.object).unwrap().word, Word::Unknown);
    // Allowed again.
    withhold(&mut model, &[], now);
    assert_eq!(judge(&model, &seen, now).word, Word::Failed);
}

#[test]
fn a_tape_holds_what_was_withheld_and_older_tapes_are_read_as_before() {
    let fact = r#"{"withheld":{"feed":"sync","parts":[{"kind":"PushSecret","namespace":null,"trouble":
        {"kind":"denied","what":"a","why":"b","next":"c"}}]}}"#;
    let fact: Fact = serde_json::from_str(fact).unwrap();
    let again: Fact = serde_json::from_str(&serde_json::to_string(&fact).unwrap()).unwrap();
    assert_eq!(fact, again);
    let older = serde_json::to_value(Model::default()).unwrap();
    let mut older = older.as_object().unwrap().clone();
    older.remove("withheld").unwrap();
    assert_eq!(serde_json::from_value::<Model>(older.into()).unwrap(), Model::default());
}

/// Folds one feed's facts in.
pub fn tell(model: &mut Model, feed: FeedId, fact: Fact, now: jiff::Timestamp) {
    fold::apply(model, &Report { feed, outcome: Ok(vec![fact]) }, now);
}

/// What changes one table into the other.
fn turns<T: Named + Clone + PartialEq>(before: Option<&Table<T>>, after: &Table<T>) -> (Delta<T>, Delta<T>) {
    let known = |object| before.and_then(|table| table.get(object));
    let put = after.iter().filter(|row| known(row.object()) != Some(*row)).cloned();
    let gone = before.iter().flat_map(|table| table.iter()).map(Named::object);
    (Delta::put(put), Delta::Gone(gone.filter(|object| after.get(object).is_none()).cloned().collect()))
}

#[test]
fn what_is_kept_is_what_would_be_judged_anew() {
    let mut moments: Vec<&Row> = rows().collect();
    moments.sort_by_key(|row| (row.file, on_the_day(row.at)));
    let mut kept = Model::default();
    let mut at = None;
    let mut moved = 0;
    for row in moments {
        let (truth, _, now) = model(row);
        // Time goes on only: each file begins anew, with a whole list.
        if at.is_none_or(|(file, _)| file != row.file) {
            kept = Model::default();
            tell(&mut kept, FeedId::Sync, Fact::Sync(Delta::whole(Vec::new())), now);
            tell(&mut kept, FeedId::Secrets, Fact::Secrets(Delta::whole(Vec::new())), now);
        }
        at = Some((row.file, now));
        kept.replicas.clone_from(&truth.replicas);
        if let Some(seen) = &truth.operators {
            tell(&mut kept, FeedId::Operators, Fact::Operators(seen.value.clone()), now);
        }
        let judged = |kept: &Model| {
            let known = standings(kept, now);
            let witnesses = Witnesses::of(kept, now).silent();
            let mut wrong = Vec::new();
            for seen in kept.sync.iter().flat_map(Table::iter) {
                if known.get(&seen.object) != Some(&witnesses.judge(seen)) {
                    wrong.push(seen.object.to_string());
                }
            }
            assert!(wrong.is_empty(), "{} at {}: {wrong:?}", row.file, row.at);
        };
        judged(&kept);
        let turn = kept.standings.turn();
        let (put, gone) = turns(kept.sync.as_ref(), truth.sync.as_ref().unwrap());
        for delta in [put, gone] {
            tell(&mut kept, FeedId::Sync, Fact::Sync(delta), now);
            judged(&kept);
        }
        let (put, gone) = turns(kept.secrets.as_ref(), truth.secrets.as_ref().unwrap());
        for delta in [put, gone] {
            tell(&mut kept, FeedId::Secrets, Fact::Secrets(delta), now);
            judged(&kept);
        }
        moved += usize::from(kept.standings.turn() != turn);
    }
    assert!(moved > 20, "{moved} moments moved anything");
}
