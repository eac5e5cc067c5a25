//! Which fields of the keys Secret a restore writes, and in what form: as they were saved, else as they were last seen,
//! else as the unsealer takes them.

use crate::app::id::ObjectRef;
use crate::app::model::Model;
use crate::app::model::keys_secret::{FieldSeen, Fingerprint, Glimpse, KeysSecret, Purpose, Shape};
use crate::app::model::keystore::{GenerationSeen, KeyKind};
use crate::app::model::reopens::keys_use;
use crate::app::runbook::op::{Content, FieldWrite, Form};

/// What a restore would write.
pub(super) struct Fields {
    /// In the order in which they are written.
    pub writes: Vec<FieldWrite>,
    /// Fingerprints of the keys in them, each once.
    pub prints: Vec<Fingerprint>,
    /// Where names and forms come from, in words.
    pub from: &'static str,
}

/// The names of the fields that hold keys in what unseals; empty where it takes the whole Secret.
pub(super) fn mounted(model: &Model) -> Vec<&str> {
    let used = keys_use(model).map(|used| used.fields.as_slice()).unwrap_or_default();
    used.iter().map(String::as_str).filter(|name| !is_token(name)).collect()
}

fn is_token(name: &str) -> bool {
    name.contains("root") || name.contains("token")
}

/// Chooses. `None` where the generation holds too little for any of it.
pub(super) fn choose(model: &Model, object: &ObjectRef, generation: &GenerationSeen) -> Option<Fields> {
    let needs = mounted(model);
    let fits = |fields: &Fields| needs.iter().all(|name| fields.writes.iter().any(|write| write.name == **name));
    let enough = |fields: &Fields| !fields.prints.is_empty() && fields.prints.len() >= generation.threshold as usize;
    let known = [saved(generation), seen(&model.history, object, generation), by_mount(&needs, generation)];
    let mut known: Vec<Fields> = known.into_iter().flatten().filter(enough).collect();
    // What was saved under other names than the unsealer takes today would restore nothing that anybody reads.
    let best = known.iter().position(fits).unwrap_or_default();
    if best < known.len() {
        return Some(known.swap_remove(best));
    }
    usual(generation).filter(enough)
}

/// The very bytes that were saved from the Secret.
fn saved(generation: &GenerationSeen) -> Option<Fields> {
    let mut fields = Fields { writes: Vec::new(), prints: Vec::new(), from: "as they were saved" };
    for kept in &generation.fields {
        match kept.purpose {
            Purpose::Shares | Purpose::SealKey => {
                // Thirty-two characters can be a static key as they are, which reading them as shares does not see.
                let prints = if kept.prints.is_empty() { generation.prints.as_slice() } else { kept.prints.as_slice() };
                add(&mut fields.prints, prints);
            }
            Purpose::RootToken => {}
            Purpose::Other => continue,
        }
        fields.writes.push(FieldWrite { name: kept.name.clone(), content: Content::Verbatim });
    }
    (!fields.prints.is_empty()).then_some(fields)
}

/// Names and lengths of the last look that found keys.
fn seen(history: &[Glimpse], object: &ObjectRef, generation: &GenerationSeen) -> Option<Fields> {
    let held = |glimpse: &&Glimpse| {
        glimpse.seen.object() == object && glimpse.seen.present().is_some_and(|secret| !secret.prints().is_empty())
    };
    let secret = history.iter().rev().find(held)?.seen.present()?;
    let mut fields = Fields { writes: Vec::new(), prints: Vec::new(), from: "named as they were last seen" };
    for field in &secret.fields {
        let content = match field.purpose {
            Purpose::Shares | Purpose::SealKey => {
                let index = place(secret, field, generation)?;
                add(&mut fields.prints, generation.prints.get(index as usize..=index as usize)?);
                key(generation, index, form(field)?)
            }
            Purpose::RootToken if generation.root_token.is_some() => Content::RootToken,
            Purpose::RootToken | Purpose::Other => continue,
        };
        fields.writes.push(FieldWrite { name: field.name.clone(), content });
    }
    Some(fields)
}

/// Which key of the generation belongs into this field: the very one that was in it, else by the order of fields.
fn place(secret: &KeysSecret, field: &FieldSeen, generation: &GenerationSeen) -> Option<u32> {
    let [print] = field.prints.as_slice() else { return None };
    let held = generation.prints.iter().position(|is| is == print);
    let place = held.or_else(|| {
        let mut different = Vec::new();
        add(&mut different, &secret.prints());
        different.iter().position(|is| is == print)
    })?;
    u32::try_from(place).ok()
}

/// The form that has this length; a line break at the end is no part of it.
fn form(field: &FieldSeen) -> Option<Form> {
    let bytes = match field.shape {
        Shape::Shares { count: 1, bytes } => bytes,
        Shape::Key32 => 32,
        Shape::Shares { .. } | Shape::Empty | Shape::Token | Shape::Implausible(_) | Shape::Other => return None,
    };
    match (bytes, field.len) {
        (32, 64 | 65) | (33, 66 | 67) => Some(Form::Hex),
        (32 | 33, 44 | 45) => Some(Form::Base64),
        (32, 32) | (33, 33) => Some(Form::Raw),
        _ => None,
    }
}

/// The fields that what unseals takes by name.
fn by_mount(needs: &[&str], generation: &GenerationSeen) -> Option<Fields> {
    if needs.is_empty() || needs.len() > generation.prints.len() {
        return None;
    }
    let names = needs.iter().map(|name| (*name).to_owned());
    Some(listed(names, generation, "named as what unseals takes them"))
}

/// The names that charts and people use.
fn usual(generation: &GenerationSeen) -> Option<Fields> {
    let count = generation.prints.len();
    let names: Vec<String> = match count {
        0 => return None,
        1 => vec!["key".to_owned()],
        several => (1..=several).map(|n| format!("unseal-key-{n}")).collect(),
    };
    Some(listed(names.into_iter(), generation, "under the usual names"))
}

fn listed(names: impl Iterator<Item = String>, generation: &GenerationSeen, from: &'static str) -> Fields {
    let mut fields = Fields { writes: Vec::new(), prints: Vec::new(), from };
    for ((name, print), index) in names.zip(&generation.prints).zip(0_u32..) {
        add(&mut fields.prints, std::slice::from_ref(print));
        fields.writes.push(FieldWrite { name, content: key(generation, index, Form::Base64) });
    }
    if generation.root_token.is_some() {
        fields.writes.push(FieldWrite { name: "root-token".to_owned(), content: Content::RootToken });
    }
    fields
}

const fn key(generation: &GenerationSeen, index: u32, form: Form) -> Content {
    match generation.kind {
        KeyKind::Static => Content::SealKey { form },
        KeyKind::Unseal | KeyKind::Recovery => Content::Share { index, form },
    }
}

fn add(prints: &mut Vec<Fingerprint>, more: &[Fingerprint]) {
    for print in more {
        if !prints.contains(print) {
            prints.push(print.clone());
        }
    }
}
