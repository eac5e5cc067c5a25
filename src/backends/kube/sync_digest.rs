//! Objects of the two operators that bring secrets into the cluster, reduced to what is judged; no value is among them.

mod eso;
mod operators;
mod vso;

pub use operators::{event, operator};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use smol_str::SmolStr;

use super::at::At as _;
use crate::app::id::ObjectRef;
use crate::app::model::sync::{Condition, GENERATORS_GROUP, Operator, SyncDetail, SyncKind, SyncSeen, generator_kind};
use crate::app::text::clean;
use crate::app::time::go_duration;

/// What is kept of an object of either operator; `None` for one of another kind.
pub fn digest(object: &Value) -> Option<SyncSeen> {
    let (kind, called) = kind_of(text(object, "/apiVersion"), text(object, "/kind"))?;
    let meta = object.get("metadata")?;
    let name = cleaned(meta, "/name").filter(|name| !name.is_empty())?;
    let namespace = cleaned(meta, "/namespace").unwrap_or_default();
    let mut seen = SyncSeen {
        object: ObjectRef::new(called, &namespace, &name),
        kind,
        created: moment(meta, "/creationTimestamp"),
        generation: meta.get("generation").and_then(Value::as_i64).unwrap_or(0),
        sources: Vec::new(),
        secret: None,
        refresh: None,
        conditions: conditions(object),
        detail: SyncDetail {
            deleting: moment(meta, "/deletionTimestamp"),
            taken: list(meta, "/finalizers")
                .iter()
                .filter_map(Value::as_str)
                .any(|name| name.contains(kind.operator().group())),
            valid: object.at("/status/valid").and_then(Value::as_bool),
            error: cleaned(object, "/status/error").filter(|error| !error.is_empty()),
            observed: kind.operator() == Operator::Vso && vso::observed(object),
            ..SyncDetail::default()
        },
    };
    match kind {
        SyncKind::VaultStaticSecret => vso::static_secret(object, &mut seen),
        SyncKind::VaultDynamicSecret => vso::dynamic_secret(object, &mut seen),
        SyncKind::VaultPKISecret => vso::certificate(object, &mut seen),
        SyncKind::VaultAuth => vso::auth(object, &mut seen),
        SyncKind::VaultAuthGlobal => vso::auth_global(object, &mut seen),
        SyncKind::VaultConnection => {}
        SyncKind::ExternalSecret => eso::external_secret(object, &mut seen),
        SyncKind::PushSecret => eso::push_secret(object, &mut seen),
        SyncKind::SecretStore | SyncKind::ClusterSecretStore => eso::store(object, &mut seen),
        SyncKind::Generator => eso::generator_of_its_own(object, &mut seen),
    }
    Some(seen)
}

/// Both operators have a kind `VaultDynamicSecret`: only the group tells them apart.
fn kind_of(api_version: Option<&str>, kind: Option<&str>) -> Option<(SyncKind, &'static str)> {
    let group = api_version?.split('/').next()?;
    if group == GENERATORS_GROUP {
        return generator_kind(kind?).map(|called| (SyncKind::Generator, called));
    }
    let known = SyncKind::ALL.into_iter().filter(|known| *known != SyncKind::Generator);
    let mut found = known.filter(|known| Some(known.name()) == kind && known.operator().group() == group);
    found.next().map(|kind| (kind, kind.name()))
}

fn conditions(object: &Value) -> Vec<Condition> {
    let read = |condition: &Value| {
        Some(Condition {
            kind: short(condition, "/type")?,
            status: short(condition, "/status")?,
            reason: short(condition, "/reason").unwrap_or_default(),
            message: short(condition, "/message").unwrap_or_default(),
            at: moment(condition, "/lastTransitionTime"),
        })
    };
    list(object, "/status/conditions").iter().filter_map(read).collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.at(pointer)?.as_str()
}

fn cleaned(value: &Value, pointer: &str) -> Option<String> {
    text(value, pointer).map(clean)
}

/// As it is kept of thousands of objects.
fn short(value: &Value, pointer: &str) -> Option<SmolStr> {
    cleaned(value, pointer).map(SmolStr::from)
}

fn flag(value: &Value, pointer: &str) -> Option<bool> {
    value.at(pointer)?.as_bool()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.at(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn moment(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer)?.parse().ok()
}

/// Seconds since 1970; zero stands for never.
fn epoch(value: &Value, pointer: &str) -> Option<Timestamp> {
    let seconds = value.at(pointer)?.as_i64().filter(|seconds| *seconds > 0)?;
    Timestamp::from_second(seconds).ok()
}

fn seconds(value: &Value, pointer: &str) -> Option<SignedDuration> {
    let seconds = value.at(pointer)?.as_i64().filter(|seconds| *seconds > 0)?;
    Some(SignedDuration::from_secs(seconds))
}

fn duration(value: &Value, pointer: &str) -> Option<SignedDuration> {
    go_duration(text(value, pointer)?)
}

#[cfg(test)]
mod tests;
