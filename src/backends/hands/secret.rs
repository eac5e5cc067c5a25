//! The keys Secret written from the keystore, and the keystore from the Secret.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use zeroize::{Zeroize as _, Zeroizing};

use super::perform::Said;
use super::tools::Tools;
use super::unseal::{joined, refused};
use crate::app::id::ObjectRef;
use crate::app::model::keys_secret::{FieldSeen, Fingerprint, KeysSecret, Purpose};
use crate::app::model::proof::same_keys;
use crate::app::runbook::op::{Content, FieldWrite, Form, Found, Op};
use crate::app::runbook::run::Finding;
use crate::app::text::count;
use crate::app::trouble::{Trouble, TroubleKind};
use crate::backends::keys::{digest, fingerprint, take};
use crate::backends::keystore::opened::{NewKeys, Opened};
use crate::backends::keystore::payload::{Generation, SecretBytes};
use crate::backends::kube::keys_secret::{digest as seen_of, wipe};
use crate::backends::kube::port::{Kube, SecretApply};

/// Fields on their way into a Secret, wiped when dropped.
type Values = Vec<(String, Zeroizing<Vec<u8>>)>;

const ANEW: &str = "Look at the Keys pane, then ask for the plan anew";

pub(super) async fn apply(op: &Op, tools: &Tools) -> Result<Said, Trouble> {
    let Op::ApplySecret { object, generation, fields, prints, found, immutable } = op else { return Err(misled()) };
    let write = tools.kube_write.as_ref().ok_or_else(no_cluster)?;
    let before = look(object, tools).await.map_err(|trouble| kept(trouble, "nothing was written"))?;
    unchanged(object, before.as_ref(), found.as_ref())?;
    if let Some(held) = &before
        && same_keys(prints, &held.prints())
        && fields.iter().all(|field| held.fields.iter().any(|is| is.name == field.name && is.len > 0))
        && (held.immutable || !immutable)
    {
        return Ok(Said::Unneeded(format!("{object} holds these keys already; nothing was written")));
    }
    let values = tools.keeper.with(|opened| values(opened, *generation, fields))??;
    hold(&values, prints, *generation, tools)?;
    let apply = SecretApply {
        namespace: object.namespace.to_string(),
        name: object.name.to_string(),
        fields: values,
        immutable: *immutable,
    };
    let written = match &before {
        Some(held) => write.apply_secret_over(&held.version, apply).await,
        None => write.apply_secret(apply).await,
    };
    if let Err(trouble) = written {
        return lost(object, prints, trouble, tools).await;
    }
    let after = look(object, tools).await.map_err(|trouble| kept(trouble, "it was written, and not read back"))?;
    read_back(object, prints, fields.len(), after.as_ref()).map(Said::Done)
}

pub(super) async fn save(op: &Op, tools: &Tools) -> Result<Said, Trouble> {
    let Op::SaveKeys { object, prints, kind, threshold, total, vault_cluster_id, over } = op else {
        return Err(misled());
    };
    let mut secret = read(object, tools)
        .await
        .map_err(|trouble| kept(trouble, "nothing was saved"))?
        .ok_or_else(|| refused(&format!("{object} is gone since the plan was made"), "nothing was saved", ANEW))?;
    let data = secret.data.take().unwrap_or_default();
    let taken = take(&data, &tools.names);
    let held: Vec<Fingerprint> = taken.keys.iter().map(|key| fingerprint(&tools.salt, key.bytes())).collect();
    let kept_as_is = taken
        .fields
        .iter()
        .filter_map(|(name, purpose)| Some((name.clone(), *purpose, SecretBytes::new(data.get(name)?.0.clone()))));
    let keys = NewKeys {
        kind: *kind,
        threshold: *threshold,
        total: *total,
        shares: taken.keys.iter().map(|key| SecretBytes::new(key.bytes().to_vec())).collect(),
        root_token: taken.root_token.as_ref().map(|token| SecretBytes::new(token.as_bytes().to_vec())),
        fields: kept_as_is.collect(),
        source: object.to_string(),
        vault_cluster_id: vault_cluster_id.clone(),
    };
    wipe_all(data);
    wipe(&mut secret);
    if held.is_empty() || !same_keys(prints, &held) {
        return Err(refused(
            "the keys in the Secret changed since the plan was made; nothing was saved",
            &format!("{object} holds {}", named(&held)),
            ANEW,
        ));
    }
    let (keeper, now, over) = (tools.keeper.clone(), tools.clock.now(), *over);
    let token = if keys.root_token.is_some() { " and the root token" } else { "" };
    // Writing waits for the lock of another process, and for the disk.
    let saving =
        tokio::task::spawn_blocking(move || keeper.change(now, |opened| add(opened, keys, over, now, keeper.path())));
    let number = saving.await.map_err(|_| {
        Trouble::local(
            "saving the keys failed inside Baowatch",
            "",
            "Look at the Keys pane, and report this with the log",
        )
    })??;
    Ok(Said::Done(format!(
        "generation {number} saved: {}{token}, {}; read back and opened",
        count(held.len(), "key"),
        named(&held)
    )))
}

pub(super) async fn probe_apply(op: &Op, tools: &Tools) -> Result<Finding, Trouble> {
    let Op::ApplySecret { object, prints, .. } = op else { return Err(misled()) };
    let says = match look(object, tools).await? {
        None => format!("{object} does not exist"),
        Some(secret) if same_keys(prints, &secret.prints()) => {
            format!("{object} holds these keys, {} (rv {})", named(prints), secret.version)
        }
        Some(secret) if secret.prints().is_empty() => format!("{object} holds no keys (rv {})", secret.version),
        Some(secret) => format!("{object} holds other keys, {} (rv {})", named(&secret.prints()), secret.version),
    };
    Ok(Finding { says })
}

#[expect(clippy::unused_async, reason = "every probe is awaited alike")]
pub(super) async fn probe_save(op: &Op, tools: &Tools) -> Result<Finding, Trouble> {
    let Op::SaveKeys { prints, .. } = op else { return Err(misled()) };
    let look = tools.keeper.look();
    let says = match look.present() {
        None => "there is no keystore that can be read".to_owned(),
        Some(seen) => match (seen.holding(prints), seen.current()) {
            (Some(held), _) => format!("the keystore holds these keys as generation {}", held.number),
            (None, Some(current)) => {
                format!("the keystore's current generation is {}, with other keys", current.number)
            }
            (None, None) => "the keystore holds no keys".to_owned(),
        },
    };
    Ok(Finding { says })
}

/// The perform table hands each function its own operation.
fn misled() -> Trouble {
    Trouble::local("this step was given to the wrong hands", "", "Report this with the log; nothing was changed")
}

fn no_cluster() -> Trouble {
    Trouble::local(
        "there is no cluster to write to",
        "this vault is known by its addresses only; nothing was written",
        "Start with a kubeconfig context",
    )
}

fn kept(trouble: Trouble, what: &str) -> Trouble {
    let why = joined(&[&trouble.why, what]);
    Trouble { why, ..trouble }
}

async fn read(object: &ObjectRef, tools: &Tools) -> Result<Option<Secret>, Trouble> {
    let kube: &Arc<dyn Kube> = tools.kube.as_ref().ok_or_else(no_cluster)?;
    kube.secret(&object.namespace, &object.name).await
}

/// The Secret as it is now; its values are wiped before this returns.
async fn look(object: &ObjectRef, tools: &Tools) -> Result<Option<KeysSecret>, Trouble> {
    let Some(mut secret) = read(object, tools).await? else { return Ok(None) };
    let (names, salt) = (tools.names.clone(), tools.salt.clone());
    let fields = move |data: &BTreeMap<String, ByteString>| -> Vec<FieldSeen> { digest(data, &names, &salt) };
    let seen = seen_of(object, &secret, &fields);
    wipe(&mut secret);
    Ok(Some(seen))
}

/// What the plan was made for must still be there.
fn unchanged(object: &ObjectRef, now: Option<&KeysSecret>, then: Option<&Found>) -> Result<(), Trouble> {
    let why = match (now, then) {
        (None, None) => return Ok(()),
        (Some(secret), Some(found)) if secret.uid == found.uid && same_keys(&found.prints, &secret.prints()) => {
            return Ok(());
        }
        (Some(secret), Some(found)) if secret.uid == found.uid => format!("it holds {} now", named(&secret.prints())),
        (Some(_), Some(_)) => "somebody deleted it and made it anew".to_owned(),
        (Some(secret), None) => format!("somebody made it, with {}", named(&secret.prints())),
        (None, Some(_)) => "somebody deleted it".to_owned(),
    };
    Err(refused(&format!("{object} changed since the plan was made; nothing was written"), &why, ANEW))
}

/// The bytes of every field. They exist outside the keystore only until the request is sent.
fn values(opened: &Opened, generation: u32, fields: &[FieldWrite]) -> Result<Values, Trouble> {
    let gone =
        |what: &str| refused("the keystore does not hold what would be written; nothing was written", what, ANEW);
    let keys = opened
        .payload()
        .generation(generation)
        .ok_or_else(|| gone(&format!("there is no generation {generation} any more")))?;
    fields
        .iter()
        .map(|field| {
            let value = value(keys, field)
                .ok_or_else(|| gone(&format!("generation {generation} has nothing for the field {}", field.name)))?;
            Ok((field.name.clone(), value))
        })
        .collect()
}

fn value(keys: &Generation, field: &FieldWrite) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = match field.content {
        Content::Verbatim => {
            let kept = keys.fields.iter().find(|kept| kept.name == field.name)?;
            Zeroizing::new(kept.bytes.expose().to_vec())
        }
        Content::Share { index, form } => written(keys.shares.get(index as usize)?.expose(), form),
        Content::SealKey { form } => written(keys.shares.first()?.expose(), form),
        Content::RootToken => Zeroizing::new(keys.root_token.as_ref()?.expose().to_vec()),
    };
    Some(bytes)
}

/// In a buffer that is long enough from the start: one that grew would leave copies behind.
fn written(bytes: &[u8], form: Form) -> Zeroizing<Vec<u8>> {
    match form {
        Form::Raw => Zeroizing::new(bytes.to_vec()),
        Form::Hex => {
            let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() * 2));
            for byte in bytes {
                text.extend([digit(byte >> 4), digit(byte & 15)]);
            }
            text
        }
        Form::Base64 => {
            let mut text = Zeroizing::new(String::with_capacity(bytes.len().div_ceil(3) * 4));
            STANDARD.encode_string(bytes, &mut text);
            Zeroizing::new(std::mem::take(&mut *text).into_bytes())
        }
    }
}

/// What is about to be written must be what the plan showed: the same fingerprints, seen as the Secret's reader will.
fn hold(values: &Values, prints: &[Fingerprint], generation: u32, tools: &Tools) -> Result<(), Trouble> {
    let data: BTreeMap<String, ByteString> =
        values.iter().map(|(name, value)| (name.clone(), ByteString(value.to_vec()))).collect();
    let fields = digest(&data, &tools.names, &tools.salt);
    wipe_all(data);
    let keys = |field: &&FieldSeen| matches!(field.purpose, Purpose::Shares | Purpose::SealKey);
    let would: Vec<Fingerprint> = fields.iter().filter(keys).flat_map(|field| field.prints.iter().cloned()).collect();
    if !would.is_empty() && same_keys(prints, &would) {
        return Ok(());
    }
    Err(refused(
        "what the keystore holds is not what the plan was made for; nothing was written",
        &format!("generation {generation} would write {}, the plan says {}", named(&would), named(prints)),
        ANEW,
    ))
}

fn wipe_all(mut data: BTreeMap<String, ByteString>) {
    for value in data.values_mut() {
        value.0.zeroize();
    }
}

/// No clear answer to the write: a second look decides, where there is one.
async fn lost(object: &ObjectRef, prints: &[Fingerprint], trouble: Trouble, tools: &Tools) -> Result<Said, Trouble> {
    match trouble.kind {
        TroubleKind::Refused | TroubleKind::Denied | TroubleKind::Local | TroubleKind::Absent => return Err(trouble),
        TroubleKind::Unreachable | TroubleKind::Unusable => {}
    }
    let now = match look(object, tools).await {
        Ok(Some(secret)) if same_keys(prints, &secret.prints()) => {
            return Ok(Said::Done(format!(
                "the answer was lost; a second look finds {} in {object} (rv {})",
                named(prints),
                secret.version
            )));
        }
        Ok(Some(secret)) => format!("a second look finds {} in it", named(&secret.prints())),
        Ok(None) => "a second look finds no such Secret".to_owned(),
        Err(_) => "a second look got no answer either".to_owned(),
    };
    Err(Trouble { why: joined(&[&trouble.why, &now]), ..trouble })
}

fn read_back(
    object: &ObjectRef,
    prints: &[Fingerprint],
    fields: usize,
    after: Option<&KeysSecret>,
) -> Result<String, Trouble> {
    let finds = match after {
        Some(secret) if same_keys(prints, &secret.prints()) => {
            let fixed = if secret.immutable { ", immutable" } else { "" };
            return Ok(format!(
                "{} written, read back: {} (rv {}{fixed})",
                count(fields, "field"),
                named(prints),
                secret.version
            ));
        }
        Some(secret) => format!("it reads back with {}", named(&secret.prints())),
        None => "it is gone again".to_owned(),
    };
    Err(refused(
        &format!("{object} was written, and does not hold the keys now"),
        &format!("{finds}; somebody or something wrote it right after"),
        "Look at the Keys pane for who owns its fields, stop that first, then ask for the plan anew",
    ))
}

/// Adds the generation, unless somebody was faster.
fn add(opened: &mut Opened, keys: NewKeys, over: Option<u32>, now: Timestamp, path: &Path) -> Result<u32, Trouble> {
    let current = opened.header().current().map(|current| current.number);
    if current != over {
        return Err(refused(
            "the keystore changed since the plan was made; nothing was saved",
            &current.map_or_else(
                || "it holds no keys any more".to_owned(),
                |number| format!("its current generation is {number}"),
            ),
            ANEW,
        ));
    }
    opened.add_generation(keys, now).map_err(|error| error.trouble(path))
}

/// `fingerprint 7f3a·91c2`, `fingerprints 7f3a·91c2, 1122·3344`, `no keys`.
fn named(prints: &[Fingerprint]) -> String {
    let words: Vec<String> = prints.iter().map(ToString::to_string).collect();
    match words.as_slice() {
        [] => "no keys".to_owned(),
        [one] => format!("fingerprint {one}"),
        several => format!("fingerprints {}", several.join(", ")),
    }
}
