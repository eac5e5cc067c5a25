//! Models folded from such facts, for tests of what is concluded from them.

use baowatch::app::id::FeedId;
use baowatch::app::model::Model;
use baowatch::app::model::fact::Fact;
use baowatch::app::model::fold;
use baowatch::app::model::keys_secret::{KeysSecret, KeysSeen};
use baowatch::app::model::keystore::KeystoreLook;
use baowatch::app::model::proof::{Answer, Method};
use baowatch::app::model::seal::{Role, SealAnswer, SealSeen};
use baowatch::app::msg::Msg;
use baowatch::app::trouble::Trouble;
use jiff::Timestamp;

use super::{at, pod, report, says, seal, seals, secret, workload};

/// The fingerprint of the one share.
pub const KEY: &str = "7f3a91c2aabbccdd";

/// Folds reports; other messages are ignored.
pub fn feed(model: &mut Model, now: Timestamp, msgs: Vec<Msg>) {
    for msg in msgs {
        let Msg::Seen(seen) = msg else { continue };
        fold::apply(model, &seen, now);
    }
}

pub fn healthy_at(seconds: i64) -> Model {
    let mut model = Model::default();
    feed(&mut model, at(seconds), super::healthy());
    model
}

pub fn healthy() -> Model {
    healthy_at(0)
}

/// The same with a keystore that holds the keys, two copies of it elsewhere, and a proof of a day ago.
pub fn kept() -> Model {
    let mut model = healthy();
    keep(&mut model, KeystoreLook::Present(Box::new(super::keystore(&[&[KEY]]))));
    model.proofs.push(super::proof(Method::CameBack, Answer::Accepted, &[KEY]));
    feed(&mut model, at(0), vec![report(FeedId::Tokens, vec![Fact::Tokens(Vec::new())])]);
    model
}

/// This keystore with two copies elsewhere and nothing in custody.
pub fn keep(model: &mut Model, look: KeystoreLook) {
    let msgs = super::held(look, vec![super::copy("stick"), super::copy("safe")], Vec::new());
    feed(model, at(0), msgs);
}

/// The same with `n` replicas, the first active.
pub fn of(n: u32) -> Model {
    let mut model = healthy();
    let roles = (0..n).map(|i| says(i, seal(false, Some(if i == 0 { Role::Active } else { Role::Standby }))));
    let msgs = vec![
        report(FeedId::Workload, vec![Fact::Workload(Some(workload(n)))]),
        report(FeedId::Pods, vec![Fact::Pods((0..n).map(|i| pod(i, 1)).collect())]),
        report(FeedId::Seal, roles.collect()),
    ];
    feed(&mut model, at(0), msgs);
    model
}

/// The same with one replica sealed.
pub fn sealed_at(seconds: i64) -> Model {
    let mut model = healthy_at(seconds);
    feed(&mut model, at(seconds), vec![seals([false, false, true])]);
    model
}

/// One replica's answer.
pub fn answer(model: &mut Model, n: u32, answer: SealAnswer) {
    let fact = Fact::Seal { replica: format!("openbao-{n}"), answer };
    feed(model, at(0), vec![report(FeedId::Seal, vec![fact])]);
}

/// All replicas open, each with this change.
pub fn each(model: &mut Model, change: impl Fn(&mut SealSeen)) {
    for n in 0..model.replicas.len() as u32 {
        let mut seen = seal(false, Some(if n == 0 { Role::Active } else { Role::Standby }));
        change(&mut seen);
        answer(model, n, SealAnswer::Said(seen));
    }
}

/// The keys Secret in its next version, with this change.
pub fn hold(model: &mut Model, change: impl FnOnce(&mut KeysSecret)) {
    let mut held = secret("200", &[KEY]);
    change(&mut held);
    feed(model, at(0), vec![report(FeedId::KeysSecret, vec![Fact::Keys(KeysSeen::Present(Box::new(held)))])]);
}

pub fn silent() -> SealAnswer {
    SealAnswer::Silent(Trouble::unreachable("connection refused", "", "Look at the pod"))
}

pub fn denied() -> SealAnswer {
    SealAnswer::Silent(Trouble::denied("may not forward ports", "", "Allow create on pods/portforward"))
}
