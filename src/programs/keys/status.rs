//! `keys status`: all that may be known of the keystore without opening it.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::place::Place;
use super::slots::at_hand;
use crate::app::config::cli::{Cli, Output};
use crate::app::config::env::Env;
use crate::app::model::copies::CopySeen;
use crate::app::model::keystore::{GenerationSeen, KeystoreLook, KeystoreSeen};
use crate::app::model::proof::{Answer as Said, Proof, last_answer};
use crate::app::ports::Memory as _;
use crate::app::runtime::clock;
use crate::app::text::{clean, count};
use crate::app::time::{age, spoken};
use crate::app::trouble::Trouble;
use crate::backends::keystore::header::{Header, SlotEntry};
use crate::programs::config::Answer;

/// Runs it.
pub async fn run(cli: &Cli, file: Option<&Path>, output: Output, env: &Env) -> Result<Answer, Trouble> {
    let place = at_hand(cli, file, env).await?;
    let now = clock::now();
    let look = place.keeper.look();
    let seen = match &look {
        KeystoreLook::Present(seen) => seen.as_ref(),
        KeystoreLook::Absent { path, expected } => return Ok(absent(path, *expected, output)),
        KeystoreLook::Unreadable { trouble, .. } => return Err(trouble.clone()),
    };
    let header = place.existing()?;
    let copies = place.copies().await;
    let proofs = place.memory.recall().map(|(_, proofs)| proofs);
    let all = Everything { place: &place, seen, header: &header, copies, proofs, now };
    Ok(Answer::done(match output {
        Output::Text => all.text(),
        Output::Json => serde_json::to_string_pretty(&all.json()).map(|text| text + "\n").unwrap_or_default(),
    }))
}

fn absent(path: &str, expected: bool, output: Output) -> Answer {
    let why = if expected { "It was there before: it is lost. Bring a copy of it back" } else { "Make one" };
    let command = if expected { "keys copy restore" } else { "keys init" };
    let out = match output {
        Output::Text => format!("There is no keystore at {path}. {why}: `baowatch {command}`.\n"),
        Output::Json => {
            let value = json!({"schema": SCHEMA, "path": path, "present": false, "expected": expected});
            serde_json::to_string_pretty(&value).map(|text| text + "\n").unwrap_or_default()
        }
    };
    Answer { out, err: String::new(), code: 1 }
}

const SCHEMA: &str = "baowatch.keys-status/v1";

struct Everything<'a> {
    place: &'a Place,
    seen: &'a KeystoreSeen,
    header: &'a Header,
    copies: Result<Vec<CopySeen>, Trouble>,
    proofs: Result<Vec<Proof>, Trouble>,
    now: Timestamp,
}

impl Everything<'_> {
    fn text(&self) -> String {
        let ago = |at| spoken(age(self.now, at));
        let mut out = String::new();
        line(&mut out, "Keystore", &self.seen.path);
        line(&mut out, "", &format!("revision {}, written {} ago, locked", self.seen.revision, ago(self.seen.written)));
        line(&mut out, "Vault", &format!("{} ({})", self.place.vault(), self.place.identity.0));
        if self.seen.generations.is_empty() {
            line(&mut out, "Keys", "none yet: `baowatch keys import` takes them in");
        }
        for (index, kept) in self.seen.generations.iter().rev().enumerate() {
            line(&mut out, if index == 0 { "Keys" } else { "" }, &self.generation(kept, index == 0));
        }
        for (index, slot) in self.header.slots.iter().enumerate() {
            line(&mut out, if index == 0 { "Slots" } else { "" }, &slot_line(slot, self.now));
        }
        match &self.copies {
            Ok(copies) if copies.is_empty() => {
                line(&mut out, "Copies", "none: this file is the only one. `baowatch keys copy add` makes another");
            }
            Ok(copies) => {
                for (index, copy) in copies.iter().enumerate() {
                    line(&mut out, if index == 0 { "Copies" } else { "" }, &copy_line(copy, self.now));
                }
            }
            Err(trouble) => line(&mut out, "Copies", &format!("cannot be told: {trouble}")),
        }
        for (index, file) in self.header.custody.iter().enumerate() {
            let newest = file.versions.last();
            let version =
                newest.map_or(String::new(), |v| format!("version {}, {}, {} ago", v.number, v.print, ago(v.kept)));
            line(
                &mut out,
                if index == 0 { "Custody" } else { "" },
                &format!("{}: {}, {version}", file.name, file.path),
            );
        }
        if self.header.custody.is_empty() {
            line(&mut out, "Custody", "no key files of other programs");
        }
        line(&mut out, "Proof", &self.proof());
        out
    }

    fn generation(&self, kept: &GenerationSeen, current: bool) -> String {
        let prints: Vec<String> = kept.prints.iter().map(ToString::to_string).collect();
        format!(
            "{} {}  {} {} of {}{}  {}  from {}, {} ago",
            kept.number,
            if current { "current" } else { "older  " },
            kept.kind.words(),
            kept.threshold,
            kept.total,
            if kept.root_token.is_some() { " and root token" } else { "" },
            prints.join(" "),
            kept.source,
            spoken(age(self.now, kept.created)),
        )
    }

    fn last(&self) -> Option<(&Proof, u32)> {
        let current = self.seen.current()?;
        let proofs = self.proofs.as_ref().ok()?;
        Some((last_answer(proofs, current.vault_cluster_id.as_deref(), &current.prints)?, current.number))
    }

    fn proof(&self) -> String {
        if let Err(trouble) = &self.proofs {
            return format!("cannot be told: {trouble}");
        }
        if !self.seen.comparable {
            return "not comparable: its fingerprints were made with another salt than this machine's register"
                .to_owned();
        }
        match self.last() {
            Some((proof, number)) => {
                let word = match proof.answer {
                    Said::Accepted => "proven",
                    Said::Refused => "REFUSED by the vault",
                };
                let ago = spoken(age(self.now, proof.at));
                format!("generation {number} was {word} {ago} ago on {}: {}", proof.replica, proof.method.words())
            }
            None => "none of the current generation: `baowatch keys prove`".to_owned(),
        }
    }

    fn json(&self) -> Value {
        let slots: Vec<Value> = self
            .header
            .slots
            .iter()
            .map(|slot| json!({"id": slot.id, "kind": slot.kind, "label": slot.label, "created": slot.created, "cost": slot.cost}))
            .collect();
        json!({
            "schema": SCHEMA,
            "present": true,
            "path": self.seen.path,
            "identity": self.place.identity,
            "vault": self.place.vault(),
            "offline": self.place.offline,
            "revision": self.seen.revision,
            "written": self.seen.written,
            "digest": self.seen.digest,
            "comparable": self.seen.comparable,
            "generations": self.seen.generations,
            "slots": slots,
            "copies": self.copies.as_ref().ok(),
            "custody": self.header.custody,
            "proof": self.last().map(|(proof, _)| proof),
        })
    }
}

fn line(out: &mut String, label: &str, text: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{label:<9} {}", clean(text));
}

/// One slot in a line.
pub fn slot_line(slot: &SlotEntry, now: Timestamp) -> String {
    let cost = slot.cost.map_or_else(String::new, |cost| {
        format!("  Argon2id {} MiB, {}", cost.m / 1024, count(cost.t as usize, "pass").replace("passs", "passes"))
    });
    let label = if slot.label.is_empty() { String::new() } else { format!("  {}", clean(&slot.label)) };
    format!("{} {:<10}{label}  made {} ago{cost}", slot.id, slot.kind.word(), spoken(age(now, slot.created)))
}

fn copy_line(copy: &CopySeen, now: Timestamp) -> String {
    let state = copy.state.words();
    let when = copy.checked.map_or_else(String::new, |at| format!(", checked {} ago", spoken(age(now, at))));
    let near = copy.near.as_ref().map_or_else(String::new, |near| format!("; does not count: {near}"));
    format!("{} ({})  {}  {state}{when}{near}", copy.name, copy.kind.word(), copy.place)
}
