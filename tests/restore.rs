//! restore-keys-secret and save-keys: when there is a plan, what it would write, and when it is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking"
)]

mod fixture;
mod world;

use baowatch::app::actions::restore_keys_secret::RestoreKeysSecret;
use baowatch::app::actions::save_keys::SaveKeys;
use baowatch::app::actions::{GuidedAction, Request};
use baowatch::app::effect::Effect;
use baowatch::app::id::{ActionId, FeedId, ObjectRef};
use baowatch::app::intent::Intent;
use baowatch::app::model::fact::{Fact, RightSeen};
use baowatch::app::model::keys_secret::{Fingerprint, KeysSecret, KeysSeen, Purpose, Shape};
use baowatch::app::model::keystore::{FieldKept, GenerationSeen, KeyKind, KeystoreLook, KeystoreSeen};
use baowatch::app::model::proof::{Answer, Method, Proof};
use baowatch::app::model::unsealer::Liveness;
use baowatch::app::msg::Msg;
use baowatch::app::runbook::op::{Content, FieldWrite, Form, Found, Op, Outcome, TokenRef};
use baowatch::app::runbook::plan::{Danger, Expect, Offer, Plan, StepKind};
use baowatch::app::runbook::run::Phase;
use baowatch::app::state::Lock;
use baowatch::app::time::Stamped;
use baowatch::app::trouble::Trouble;
use baowatch::app::update::update;
use fixture::Night;

const OURS: &str = "7f3a91c2aabbccdd";
const THEIRS: &str = "0123456789abcdef";

fn generation(number: u32, prints: &[&str]) -> GenerationSeen {
    GenerationSeen {
        number,
        kind: KeyKind::Unseal,
        threshold: 1,
        total: 1,
        prints: prints.iter().map(|print| world::print(print)).collect(),
        root_token: None,
        created: world::at(-86_400),
        source: "typed".into(),
        vault_cluster_id: Some("c1".into()),
        fields: Vec::new(),
    }
}

fn saved(mut generation: GenerationSeen) -> GenerationSeen {
    let kept = |name: &str, purpose, len, prints: &[Fingerprint]| FieldKept {
        name: name.into(),
        purpose,
        len,
        prints: prints.to_vec(),
    };
    generation.fields = vec![
        kept("key", Purpose::Shares, 44, &generation.prints),
        kept("notes", Purpose::Other, 7, &[]),
        kept("root-token", Purpose::RootToken, 26, &[]),
    ];
    generation.root_token = Some(world::print("aaaaaaaaaaaaaaaa"));
    generation
}

fn keystore(generations: Vec<GenerationSeen>) -> Msg {
    let seen = KeystoreSeen {
        path: "/home/anna/prod.keystore".into(),
        revision: 7,
        written: world::at(-3600),
        generations,
        slots: Vec::new(),
        comparable: true,
        digest: "d".into(),
    };
    look(KeystoreLook::Present(Box::new(seen)))
}

fn look(look: KeystoreLook) -> Msg {
    world::report(FeedId::Keystore, vec![Fact::Keystore(look)])
}

fn keys(secret: KeysSecret) -> Msg {
    world::report(FeedId::KeysSecret, vec![Fact::Keys(KeysSeen::Present(Box::new(secret)))])
}

fn proven(prints: &[&str], answer: Answer, at: i64) -> Msg {
    let proof = Proof {
        method: Method::Rotation,
        answer,
        at: world::at(at),
        replica: "openbao-0".into(),
        cluster_id: Some("c1".into()),
        prints: prints.iter().map(|print| world::print(print)).collect(),
        namespace: None,
    };
    world::report(FeedId::KeysSecret, vec![Fact::Recalled { history: Vec::new(), proofs: vec![proof] }])
}

/// A vault whose Secret is as given, seen by somebody whose keystore is open.
fn night(secret: Msg, generations: Vec<GenerationSeen>) -> Night {
    let mut night = Night::new();
    night.send(world::healthy()).send(vec![secret, keystore(generations)]);
    night.state.keystore = Lock::Open { slot: "slot 1, keyfile".into(), used: night.state.now };
    night
}

fn emptied() -> Msg {
    keys(world::secret("8812", &[]))
}

fn offer(action: &dyn GuidedAction, night: &Night, choices: &[usize]) -> Offer {
    action.offer(&night.state, &Request { choices: choices.to_vec(), ..Request::default() })
}

fn restore(night: &Night, choices: &[usize]) -> Plan {
    ready(offer(&RestoreKeysSecret, night, choices))
}

fn ready(offer: Offer) -> Plan {
    match offer {
        Offer::Ready(plan) => *plan,
        other => panic!("no plan: {other:?}"),
    }
}

fn refused(offer: Offer) -> Trouble {
    match offer {
        Offer::Refused(trouble) => trouble,
        other => panic!("not refused: {other:?}"),
    }
}

fn fields(plan: &Plan) -> &[FieldWrite] {
    match &plan.steps[0].kind {
        StepKind::Do(Op::ApplySecret { fields, .. }) => fields,
        other => panic!("{other:?}"),
    }
}

fn field(name: &str, content: Content) -> FieldWrite {
    FieldWrite { name: name.into(), content }
}

#[test]
fn an_emptied_secret_gets_the_saved_fields_back_and_nothing_else() {
    let mut night = night(emptied(), vec![saved(generation(3, &[OURS]))]);
    let plan = restore(&night, &[]);
    assert_eq!(fields(&plan), [field("key", Content::Verbatim), field("root-token", Content::Verbatim)]);
    assert_eq!((plan.challenge().as_str(), plan.danger), ("openbao-keys", Danger::Target));
    let StepKind::Do(Op::ApplySecret { generation, prints, found, immutable, object, .. }) = &plan.steps[0].kind else {
        panic!("{plan:?}")
    };
    assert_eq!((*generation, prints.as_slice(), *immutable), (3, [world::print(OURS)].as_slice(), false));
    assert_eq!(found, &Some(Found { uid: "secret-1".into(), prints: Vec::new() }));
    assert_eq!(object, &ObjectRef::secret("data", "openbao-keys"));
    assert!(
        matches!(&plan.steps[1].kind, StepKind::Await { expect: Expect::KeysAre { prints }, .. } if prints == &[world::print(OURS)])
    );
    assert!(plan.steps[1].detail.contains("about 2 min, inferred"), "{:?}", plan.steps[1]);
    assert!(plan.warnings.iter().any(|warning| warning.contains("Nothing has proven")), "{:?}", plan.warnings);
    assert_eq!(plan.rights[0].what, "patch secrets/openbao-keys in data");
    // Locked, it is opened first.
    night.state.keystore = Lock::Locked;
    assert!(matches!(offer(&RestoreKeysSecret, &night, &[]), Offer::NeedsUnlock { .. }));
}

#[test]
fn without_saved_bytes_the_fields_are_named_and_written_as_they_were_last_seen() {
    let mut night = Night::new();
    let mut before = world::secret("100", &[THEIRS]);
    before.fields[0].name = "vault-unseal-key".into();
    before.fields[0].len = 64;
    night.send(world::healthy()).send(vec![keys(before), emptied(), keystore(vec![generation(1, &[OURS])])]);
    night.state.keystore = Lock::Open { slot: "x".into(), used: night.state.now };
    let plan = restore(&night, &[]);
    // The keystore holds no root token, so none is promised.
    assert_eq!(fields(&plan), [field("vault-unseal-key", Content::Share { index: 0, form: Form::Hex })]);
    assert!(plan.steps[0].detail.contains("as they were last seen"), "{:?}", plan.steps[0]);
}

#[test]
fn where_nothing_was_ever_seen_the_unsealer_says_the_names_and_else_the_usual_ones_do() {
    let absent = || {
        world::report(FeedId::KeysSecret, vec![Fact::Keys(KeysSeen::Absent(ObjectRef::secret("data", "openbao-keys")))])
    };
    let mut never = Night::new();
    let mut all = world::healthy();
    all.remove(3);
    never.send(all).send(vec![absent(), keystore(vec![generation(1, &[OURS])])]);
    never.state.keystore = Lock::Open { slot: "x".into(), used: never.state.now };
    let plan = restore(&never, &[]);
    let share = |index| Content::Share { index, form: Form::Base64 };
    assert_eq!(fields(&plan), [field("key", share(0))]);
    let StepKind::Do(Op::ApplySecret { found, .. }) = &plan.steps[0].kind else { panic!() };
    assert_eq!(found, &None);
    assert!(plan.rights.iter().any(|right| right.what.starts_with("create secrets/")), "{:?}", plan.rights);
    let Msg::Seen(mut report) = world::unsealers(Liveness::Running) else { panic!() };
    if let Ok(facts) = &mut report.outcome
        && let Some(Fact::Unsealers(seen)) = facts.first_mut()
    {
        seen.found[0].uses[0].fields = vec!["share-a".into(), "root-token".into()];
    }
    never.send(vec![Msg::Seen(report)]);
    assert_eq!(fields(&restore(&never, &[])), [field("share-a", share(0))]);
}

#[test]
fn a_different_key_is_overwritten_only_where_the_vault_has_said_which_is_right() {
    let other = || keys(world::secret("100", &[THEIRS]));
    let mut open = night(other(), vec![saved(generation(3, &[OURS]))]);
    let trouble = refused(offer(&RestoreKeysSecret, &open, &[]));
    assert!(trouble.next.contains("prove-keys"), "{trouble}");
    // It refused the Secret's: ours may go there.
    open.send(vec![proven(&[THEIRS], Answer::Refused, 1)]);
    restore(&open, &[]);
    // It took the Secret's: ours may not.
    let mut right = night(other(), vec![saved(generation(3, &[OURS]))]);
    right.send(vec![proven(&[THEIRS], Answer::Accepted, 1)]);
    assert!(refused(offer(&RestoreKeysSecret, &right, &[])).next.contains("save-keys"));
    // It took ours.
    let mut ours = night(other(), vec![saved(generation(3, &[OURS]))]);
    ours.send(vec![proven(&[OURS], Answer::Accepted, 1)]);
    let plan = restore(&ours, &[]);
    assert!(plan.rests_on.iter().any(|rest| rest.what.starts_with("proof")), "{:?}", plan.rests_on);
    // It refused ours: not even into an empty Secret.
    let mut wrong = night(emptied(), vec![saved(generation(3, &[OURS]))]);
    wrong.send(vec![proven(&[OURS], Answer::Refused, 1)]);
    assert!(refused(offer(&RestoreKeysSecret, &wrong, &[])).what.contains("does not take"));
}

#[test]
fn a_field_that_would_stay_with_another_key_is_named() {
    let mut secret = world::secret("100", &[THEIRS]);
    secret.fields[0].name = "unseal-key-9".into();
    let mut night = night(keys(secret), vec![saved(generation(3, &[OURS]))]);
    night.send(vec![proven(&[OURS], Answer::Accepted, 1)]);
    let trouble = refused(offer(&RestoreKeysSecret, &night, &[]));
    assert!(trouble.what.contains("unseal-key-9"), "{trouble}");
}

#[test]
fn what_is_there_already_is_left_alone_unless_a_field_is_missing() {
    let mut secret = world::secret("100", &[OURS]);
    let there = night(keys(secret.clone()), vec![saved(generation(3, &[OURS]))]);
    assert!(refused(offer(&RestoreKeysSecret, &there, &[])).what.contains("already"));
    // Only to fix it there.
    let plan = restore(&there, &[1]);
    assert!(plan.warnings.iter().any(|warning| warning.contains("new name")), "{:?}", plan.warnings);
    secret.fields.retain(|field| field.name != "root-token");
    restore(&night(keys(secret), vec![saved(generation(3, &[OURS]))]), &[]);
    let mut fixed = world::secret("100", &[]);
    fixed.immutable = true;
    let trouble = refused(offer(&RestoreKeysSecret, &night(keys(fixed), vec![saved(generation(3, &[OURS]))]), &[]));
    assert!(trouble.what.contains("immutable") && trouble.next.contains("Delete"), "{trouble}");
}

#[test]
fn older_generations_can_be_chosen_and_the_current_one_comes_first() {
    let both = vec![saved(generation(2, &[THEIRS])), saved(generation(3, &[OURS]))];
    let night = night(emptied(), both);
    let plan = restore(&night, &[]);
    assert!(plan.choices[0].options[0].starts_with("generation 3"), "{:?}", plan.choices);
    let plan = restore(&night, &[1, 1]);
    let StepKind::Do(Op::ApplySecret { generation, immutable, .. }) = &plan.steps[0].kind else { panic!() };
    assert_eq!((*generation, *immutable), (2, true));
}

#[test]
fn a_vault_that_was_initialised_anew_is_danger() {
    let mut old = saved(generation(3, &[OURS]));
    old.vault_cluster_id = Some("c0".into());
    let plan = restore(&night(emptied(), vec![old]), &[]);
    assert_eq!(plan.danger, Danger::TargetAndCluster);
    assert!(plan.warnings[0].contains("initialised it anew"), "{:?}", plan.warnings);
}

#[test]
fn whoever_will_put_their_own_back_is_named() {
    let mut secret = world::secret("100", &[]);
    secret.gitops = Some("Argo CD".into());
    secret.last_applied = Some(vec!["key".into()]);
    let plan = restore(&night(keys(secret), vec![saved(generation(3, &[OURS]))]), &[]);
    let all = plan.warnings.join("\n");
    for part in ["Argo CD", "seeder applies key", "kubectl apply"] {
        assert!(all.contains(part), "{part}: {all}");
    }
}

#[test]
fn without_a_usable_keystore_there_is_no_plan() {
    let absent = |expected| look(KeystoreLook::Absent { path: "/k".into(), expected });
    let mut night = night(emptied(), Vec::new());
    assert!(refused(offer(&RestoreKeysSecret, &night, &[])).why.contains("holds no keys yet"));
    let mut recovery = generation(1, &[OURS]);
    recovery.kind = KeyKind::Recovery;
    night.send(vec![keystore(vec![recovery])]);
    assert!(refused(offer(&RestoreKeysSecret, &night, &[])).why.contains("recovery keys"));
    night.send(vec![absent(false)]);
    assert!(refused(offer(&RestoreKeysSecret, &night, &[])).next.contains("keys init"));
    assert!(refused(offer(&SaveKeys, &night, &[])).next.contains("keys init"));
    night.send(vec![absent(true)]);
    assert!(refused(offer(&RestoreKeysSecret, &night, &[])).what.contains("gone"));
    let trouble = Trouble::local("it is damaged", "", "");
    night.send(vec![look(KeystoreLook::Unreadable { path: "/k".into(), trouble: trouble.clone() })]);
    assert_eq!(refused(offer(&RestoreKeysSecret, &night, &[])), trouble);
    // Too few shares for the vault they are of.
    let mut few = generation(1, &[OURS]);
    few.threshold = 2;
    night.send(vec![keystore(vec![few])]);
    assert!(refused(offer(&RestoreKeysSecret, &night, &[])).what.contains("too few"));
}

fn may_tell(night: &mut Night) {
    let right = |verb: &str| RightSeen {
        verb: verb.into(),
        resource: "configmaps".into(),
        name: Some("baowatch-register".into()),
        namespace: "data".into(),
        allowed: true,
    };
    night.send(vec![world::report(FeedId::Rights, vec![Fact::Rights(vec![right("patch"), right("create")])])]);
}

#[test]
fn keys_are_saved_beside_the_old_ones_and_proven_first_where_that_can_be_done() {
    let mut night = night(keys(world::secret("100", &[THEIRS])), vec![generation(2, &[OURS])]);
    // No token: nothing can be proven, and the name must be typed.
    let plan = ready(offer(&SaveKeys, &night, &[]));
    assert_eq!((plan.danger, plan.steps.len(), plan.choices.len()), (Danger::Target, 2, 0));
    assert!(plan.steps[0].detail.contains("generation 2 stays in the keystore"), "{:?}", plan.steps[0]);
    night.state.settings.expect.token = true;
    let plan = ready(offer(&SaveKeys, &night, &[]));
    let StepKind::Do(Op::ProveKeys { replica, token, threshold, .. }) = &plan.steps[0].kind else { panic!("{plan:?}") };
    assert_eq!((replica.as_str(), token, *threshold), ("openbao-0", &TokenRef::Configured, 1));
    assert_eq!(plan.danger, Danger::Yes);
    let StepKind::Do(Op::SaveKeys { over, kind, total, .. }) = &plan.steps[1].kind else { panic!("{plan:?}") };
    assert_eq!((*over, *kind, *total), (Some(2), KeyKind::Unseal, 1));
    // Declined, it is dangerous again.
    assert_eq!(ready(offer(&SaveKeys, &night, &[1])).danger, Danger::Target);
    may_tell(&mut night);
    let plan = ready(offer(&SaveKeys, &night, &[0, 1]));
    assert!(matches!(&plan.steps.last().unwrap().kind, StepKind::Do(Op::PublishRegister { .. })), "{plan:?}");
    assert_eq!(ready(offer(&SaveKeys, &night, &[0, 0])).steps.len(), 3, "nothing is begun in a cluster unasked");
}

#[test]
fn what_cannot_be_right_is_never_saved() {
    let same = night(keys(world::secret("100", &[OURS])), vec![generation(2, &[OURS])]);
    assert!(refused(offer(&SaveKeys, &same, &[])).what.contains("already"));
    let mut long = world::secret("100", &[THEIRS]);
    long.fields[0].shape = Shape::Shares { count: 1, bytes: 33 };
    let long = night(keys(long), vec![generation(2, &[OURS])]);
    assert!(refused(offer(&SaveKeys, &long, &[])).what.contains("cannot be right"));
    let mut wrong = night(keys(world::secret("100", &[THEIRS])), vec![generation(2, &[OURS])]);
    wrong.send(vec![proven(&[THEIRS], Answer::Refused, 1)]);
    assert!(refused(offer(&SaveKeys, &wrong, &[])).next.contains("restore-keys-secret"));
    let mut ours = night(keys(world::secret("100", &[THEIRS])), vec![generation(2, &[OURS])]);
    ours.send(vec![proven(&[OURS], Answer::Accepted, 1)]);
    assert!(refused(offer(&SaveKeys, &ours, &[])).next.contains("prove-keys"));
    let mut right = night(keys(world::secret("100", &[THEIRS])), vec![generation(2, &[OURS])]);
    right.send(vec![proven(&[THEIRS], Answer::Accepted, 1)]);
    assert_eq!(ready(offer(&SaveKeys, &right, &[])).danger, Danger::Yes);
}

/// Drives a run as the shell would: every journal line is written, every act answered by `answer`.
fn drive(night: &mut Night, effects: Vec<Effect>, answer: impl Fn(&Op) -> Outcome) -> Vec<Op> {
    let mut queue: std::collections::VecDeque<_> = effects.into();
    let (mut acts, mut seq, mut lines) = (Vec::new(), 1_000, 0);
    while let Some(effect) = queue.pop_front() {
        let msg = match effect {
            Effect::Journal { run, .. } => {
                lines += 1;
                Msg::Journaled { run, written: Ok(lines) }
            }
            Effect::Act(act) => {
                acts.push(act.op().clone());
                Msg::StepEnded { run: act.run(), step: act.step(), outcome: answer(act.op()) }
            }
            _ => continue,
        };
        seq += 1;
        let at = night.state.now;
        queue.extend(update(&mut night.state, Stamped { at, seq, msg }));
    }
    acts
}

#[test]
fn keys_that_the_vault_has_just_refused_are_not_saved() {
    let mut night = night(keys(world::secret("100", &[THEIRS])), vec![generation(2, &[OURS])]);
    night.state.settings.expect.token = true;
    for accepted in [false, true] {
        let at = night.state.now;
        let mut effects = Vec::new();
        for (seq, intent) in
            [Intent::Offer { action: ActionId::SaveKeys, target: None }, Intent::Type('y'), Intent::Accept]
                .into_iter()
                .enumerate()
        {
            let msg = Msg::Intent(intent);
            effects = update(&mut night.state, Stamped { at, seq: 500 + seq as u64, msg });
        }
        let answer = if accepted { Answer::Accepted } else { Answer::Refused };
        let acts = drive(&mut night, effects, |op| match op {
            Op::ProveKeys { .. } => Outcome::Proven {
                evidence: "asked".into(),
                proof: Proof {
                    method: Method::Rotation,
                    answer,
                    at,
                    replica: "openbao-0".into(),
                    cluster_id: Some("c1".into()),
                    prints: vec![world::print(THEIRS)],
                    namespace: None,
                },
            },
            _ => Outcome::Done { evidence: "done".into() },
        });
        let saved = acts.iter().filter(|op| matches!(op, Op::SaveKeys { .. })).count();
        assert_eq!((acts.len() - saved, saved), (1, usize::from(accepted)), "{acts:?}");
        if !accepted {
            let run = night.state.runs.last().unwrap();
            assert!(
                matches!(&run.phase, Phase::Failed(_, trouble) if trouble.what.contains("does not take")),
                "{run:?}"
            );
            // Another night: the refusal is remembered, and there would be no plan.
            assert!(refused(offer(&SaveKeys, &night, &[])).why.contains("the vault refused exactly these keys"));
            night = self::night(keys(world::secret("100", &[THEIRS])), vec![generation(2, &[OURS])]);
            night.state.settings.expect.token = true;
        }
    }
}
