//! The plan of a proof: which keys, which token, what is asked first, and why not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that breaks should stop there"
)]

mod world;

use baowatch::app::actions::{Request, find};
use baowatch::app::id::{ActionId, ObjectRef, SlotId};
use baowatch::app::intent::Intent;
use baowatch::app::model::Model;
use baowatch::app::model::keystore::{GenerationSeen, KeyKind, KeystoreLook, KeystoreSeen};
use baowatch::app::model::observed::Observed;
use baowatch::app::model::seal::{Role, SealKind};
use baowatch::app::msg::Msg;
use baowatch::app::runbook::op::{KeysRef, Op, RotationOf, TokenRef};
use baowatch::app::runbook::plan::{Danger, Offer, Plan, StepKind};
use baowatch::app::runbook::run::{Phase, StepState};
use baowatch::app::settings::Settings;
use baowatch::app::state::{Lock, State};
use baowatch::app::verdict::Standing;
use baowatch::backends::sandbox::scenario::Scenario;
use baowatch::programs::stage::Stage;
use jiff::SignedDuration;
use world::fed::{KEY, each, healthy, hold};
use world::{at, print};

const OTHER: &str = "1111222233334444";

fn state(model: Model) -> State {
    let mut state = State::new(Settings::default(), at(1));
    state.model = model;
    state
}

fn keystore(model: &mut Model, kind: KeyKind, prints: &[&str], token: bool) {
    let generation = GenerationSeen {
        number: 2,
        kind,
        threshold: 1,
        total: 1,
        prints: prints.iter().map(|text| print(text)).collect(),
        root_token: token.then(|| print("9999000099990000")),
        created: at(-60),
        source: "typed".into(),
        vault_cluster_id: None,
        fields: Vec::new(),
    };
    let seen = KeystoreSeen {
        path: "/k".into(),
        revision: 3,
        written: at(-60),
        generations: vec![generation],
        slots: Vec::new(),
        comparable: true,
        digest: String::new(),
    };
    model.keystore = Some(Observed { value: KeystoreLook::Present(Box::new(seen)), at: at(0) });
}

fn offer(state: &State, request: &Request) -> Offer {
    find(ActionId::ProveKeys).unwrap().offer(state, request)
}

fn plan(state: &State, request: &Request) -> Plan {
    match offer(state, request) {
        Offer::Ready(plan) => *plan,
        other => panic!("no plan: {other:?}"),
    }
}

fn refusal(state: &State) -> String {
    match offer(state, &Request::default()) {
        Offer::Refused(trouble) => trouble.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

fn asked(plan: &Plan) -> Vec<(&KeysRef, &TokenRef)> {
    let ops = plan.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Do(Op::ProveKeys { keys, token, .. }) => Some((keys, token)),
        StepKind::Do(_) | StepKind::Await { .. } => None,
    });
    ops.collect()
}

fn open(state: &mut State) {
    state.keystore = Lock::Open { slot: "passphrase".into(), used: at(1) };
}

#[test]
fn the_secret_is_asked_about_with_its_own_root_token() {
    let state = state(healthy());
    let plan = plan(&state, &Request::default());
    assert_eq!(plan.danger, Danger::Yes);
    let [(KeysRef::Secret { prints, .. }, TokenRef::Secret { object })] = asked(&plan)[..] else { panic!("{plan:#?}") };
    assert_eq!((prints, object.name.as_str()), (&vec![print(KEY)], "openbao-keys"));
    assert!(plan.will_not.contains("change keys"));
    assert_eq!(plan.basis.len(), 2);
    assert!(plan.warnings.iter().any(|text| text.contains("audit")), "{:?}", plan.warnings);
}

#[test]
fn a_keystore_that_differs_is_asked_about_too_and_must_be_open() {
    let mut model = healthy();
    keystore(&mut model, KeyKind::Unseal, &[OTHER], true);
    let mut state = state(model);
    assert!(matches!(offer(&state, &Request::default()), Offer::NeedsUnlock { .. }));
    open(&mut state);
    let both = plan(&state, &Request::default());
    assert!(matches!(
        asked(&both)[..],
        [
            (KeysRef::Secret { .. }, TokenRef::Keystore { generation: 2 }),
            (KeysRef::Keystore { generation: 2, .. }, TokenRef::Keystore { generation: 2 })
        ]
    ));
    assert_eq!(both.choices[0].options.len(), 4, "{:?}", both.choices);
    assert_eq!(both.basis.len(), 3);
    let one = plan(&state, &Request { choices: vec![2], ..Request::default() });
    assert!(matches!(asked(&one)[..], [(KeysRef::Keystore { .. }, _)]));
    // Whoever cannot open it can still prove the Secret.
    state.keystore = Lock::Locked;
    let target = Some(ObjectRef::pod("data", "openbao-keys"));
    let secret = plan(&state, &Request { target, ..Request::default() });
    assert!(matches!(asked(&secret)[..], [(KeysRef::Secret { .. }, TokenRef::Secret { .. })]));
    assert!(secret.choices.is_empty());
}

#[test]
fn the_same_keys_are_asked_about_once_and_a_configured_token_comes_first() {
    let mut model = healthy();
    keystore(&mut model, KeyKind::Unseal, &[KEY], true);
    let mut state = state(model);
    state.settings.expect.token = true;
    let plan = plan(&state, &Request::default());
    assert!(matches!(asked(&plan)[..], [(KeysRef::Secret { .. }, TokenRef::Configured)]));
}

#[test]
fn typed_keys_are_asked_for_as_many_as_the_vault_needs() {
    let mut model = healthy();
    each(&mut model, |seen| (seen.threshold, seen.shares) = (2, 3));
    let mut state = state(model);
    state.settings.expect.token = true;
    // The Secret holds one of two: it cannot be judged.
    let Offer::NeedsShares { count: 2, .. } = offer(&state, &Request::default()) else { panic!("no shares") };
    let typed = Request { typed: Some((SlotId(4), 2)), ..Request::default() };
    let plan = plan(&state, &typed);
    assert!(matches!(asked(&plan)[..], [(KeysRef::Typed { slot: SlotId(4), count: 2 }, TokenRef::Configured)]));
}

#[test]
fn recovery_keys_are_proven_as_what_they_are() {
    let mut model = healthy();
    each(&mut model, |seen| seen.kind = SealKind::Transit);
    keystore(&mut model, KeyKind::Recovery, &[OTHER], false);
    let mut state = state(model);
    state.settings.expect.token = true;
    open(&mut state);
    let plan = plan(&state, &Request::default());
    let StepKind::Do(Op::ProveKeys { of: RotationOf::Recovery, keys: KeysRef::Keystore { .. }, .. }) =
        &plan.steps[0].kind
    else {
        panic!("{plan:#?}")
    };
    assert!(plan.warnings[0].contains("can never reopen a lost transit seal"), "{:?}", plan.warnings);
}

#[test]
fn why_not_in_words() {
    let mut only = state(healthy());
    only.settings.read_only = true;
    assert!(refusal(&only).contains("only looks"));
    let mut balanced = state(healthy());
    balanced.settings.expect.address_only = true;
    assert!(refusal(&balanced).contains("vault.members"));
    let mut nobody = healthy();
    each(&mut nobody, |seen| seen.role = Some(Role::Standby));
    assert!(refusal(&state(nobody)).contains("no replica serves"));
    for (version, refused) in
        [("2.3.9", false), ("2.4.0", true), ("2.5.1", true), ("2.5.2", false), ("1.21.0", false), ("2.7.2", false)]
    {
        let mut model = healthy();
        each(&mut model, |seen| seen.version = version.to_owned());
        let said = offer(&state(model), &Request::default());
        assert_eq!(matches!(said, Offer::Refused(_)), refused, "{version}: {said:?}");
    }
    let mut without = healthy();
    hold(&mut without, |secret| secret.fields.retain(|field| field.name != "root-token"));
    let said = refusal(&state(without));
    assert!(said.contains("no token") && said.contains("sys/rotate/root/*"), "{said}");
    let mut none = healthy();
    each(&mut none, |seen| (seen.kind, seen.threshold, seen.shares) = (SealKind::Static, 0, 0));
    assert!(refusal(&state(none)).contains("no recovery keys were ever made"));
}

#[tokio::test]
async fn in_the_sandbox_a_yes_proves_the_keys_and_the_verdict_knows() {
    let mut scenario = Scenario::named("healthy").unwrap();
    scenario.events.clear();
    let mut stage = Stage::new(&scenario, Settings::default()).await;
    stage.advance(SignedDuration::from_secs(20)).await;
    assert_ne!(stage.state().verdict.state, Standing::Survives);
    stage.say(Msg::Intent(Intent::Offer { action: ActionId::ProveKeys, target: None })).await;
    stage.press("y").await;
    stage.press("<Enter>").await;
    stage.advance(SignedDuration::from_secs(5)).await;
    let run = stage.state().runs.last().expect("a run");
    assert!(matches!(run.phase, Phase::Succeeded(_)), "{run:#?}");
    let StepState::Done(evidence, _) = &run.steps[0] else { panic!("{:?}", run.steps) };
    assert!(evidence.contains("the vault accepts the Secret's key"), "{evidence}");
    assert_eq!(stage.state().verdict.state, Standing::Survives);
}
