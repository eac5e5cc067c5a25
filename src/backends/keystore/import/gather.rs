//! Finds keys, root token and counts in a document, whatever wrote it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Counts, Refusal, SecretBytes, Taken};
use crate::app::model::keys_secret::Purpose;
use crate::app::runtime::share_text;
use crate::app::text::clean;
use crate::backends::keys::FieldNames;

/// Keys inside keys inside keys are no document of anybody.
const DEEPEST: u8 = 4;

/// Lists of `operator init` whose names end in what looks like a number.
const LISTS: [&str; 5] = ["keys-base64", "keys-hex", "unseal-keys-b64", "unseal-keys-base64", "unseal-keys-hex"];

/// Reads a document.
pub fn read(bytes: &[u8]) -> Result<Taken, Refusal> {
    let mut found = Found::default();
    found.document(bytes, "", 0)?;
    found.taken()
}

/// Everything found so far, by the place where it stands.
#[derive(Default)]
struct Found {
    unseal: Vec<List>,
    recovery: Vec<List>,
    roots: Vec<(String, SecretBytes)>,
    called_unseal: bool,
    counts: Counts,
    recovery_counts: Counts,
    notes: Vec<String>,
}

struct List {
    place: String,
    keys: Vec<SecretBytes>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Unseal,
    Recovery,
}

fn none_of_it(why: impl Into<String>) -> Refusal {
    Refusal::new(why, "Give the output of `operator init`, JSON or text, or type the shares with --typed")
}

fn no_share(place: &str, len: usize) -> Refusal {
    if len > 100 {
        return Refusal::new(
            format!("{place} is far longer than a key: it may be encrypted with PGP"),
            "Decrypt each key first",
        );
    }
    none_of_it(format!("{place} is not hex or base64 of 32 or 33 bytes"))
}

impl Found {
    fn document(&mut self, bytes: &[u8], place: &str, depth: u8) -> Result<(), Refusal> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| printable(text));
        let Some(text) = text else {
            if !share_text::possible(bytes.len()) {
                return Err(none_of_it("it is not text, and not a raw key of 32 or 33 bytes"));
            }
            self.push(Sort::Unseal, "the raw bytes", SecretBytes::new(bytes.to_vec()));
            return Ok(());
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        if !text.starts_with(['{', '[', '"']) {
            return self.text(text, place);
        }
        match serde_json::from_str::<Value>(text) {
            Ok(mut value) => {
                let read = self.json(&value, place, depth);
                wipe(&mut value);
                read
            }
            // The parser's own words may quote a value.
            Err(error) => Err(none_of_it(format!(
                "it begins like JSON and is none (line {}, column {})",
                error.line(),
                error.column()
            ))),
        }
    }

    fn json(&mut self, value: &Value, place: &str, depth: u8) -> Result<(), Refusal> {
        if depth > DEEPEST {
            return Err(none_of_it("it is nested deeper than any document of keys"));
        }
        match value {
            Value::Object(fields) if fields.get("kind").and_then(Value::as_str) == Some("Secret") => {
                self.secret(fields, depth)
            }
            Value::Object(fields) => fields.iter().try_for_each(|(name, value)| self.field(name, value, place, depth)),
            Value::Array(_) | Value::String(_) => self.list(Sort::Unseal, value, place),
            Value::Null | Value::Bool(_) | Value::Number(_) => Err(none_of_it("there are no keys in it")),
        }
    }

    /// One field of an object, by its name.
    fn field(&mut self, name: &str, value: &Value, place: &str, depth: u8) -> Result<(), Refusal> {
        let plain = name.to_ascii_lowercase().replace(['_', '.', ' '], "-");
        let place = if place.is_empty() { format!("`{}`", clean(name)) } else { format!("{place} `{}`", clean(name)) };
        if let Some(slot) = self.count(&plain) {
            let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
            let number = number.and_then(|number| u32::try_from(number).ok());
            return match (number, *slot) {
                (None, _) => Err(none_of_it(format!("{place} is not a number"))),
                // Recovery counts of a vault without recovery keys are zero.
                (Some(0), _) => Ok(()),
                (Some(new), Some(old)) if new != old => {
                    Err(none_of_it(format!("{place} says another number than a field before it")))
                }
                (Some(new), _) => {
                    *slot = Some(new);
                    Ok(())
                }
            };
        }
        match sort_of(&plain) {
            Some(What::Keys(sort)) => {
                self.called_unseal |= sort == Sort::Unseal && plain.contains("unseal");
                self.list(sort, value, &place)
            }
            Some(What::Root) => match value {
                Value::String(token) => {
                    self.root(&place, token);
                    Ok(())
                }
                Value::Null => Ok(()),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    Err(none_of_it(format!("{place} is not text")))
                }
            },
            None if matches!(plain.as_str(), "data" | "result" | "init" | "output") && value.is_object() => {
                self.json(value, &place, depth + 1)
            }
            None => Ok(()),
        }
    }

    /// Where a count of this name is kept.
    fn count(&mut self, plain: &str) -> Option<&mut Option<u32>> {
        match plain {
            "unseal-threshold" | "secret-threshold" | "key-threshold" | "threshold" => Some(&mut self.counts.threshold),
            "unseal-shares" | "secret-shares" => Some(&mut self.counts.total),
            "recovery-keys-threshold" | "recovery-threshold" => Some(&mut self.recovery_counts.threshold),
            "recovery-keys-shares" | "recovery-shares" => Some(&mut self.recovery_counts.total),
            _ => None,
        }
    }

    /// A key, or several. Each must be one: a list that is read in part is a list misread.
    fn list(&mut self, sort: Sort, value: &Value, place: &str) -> Result<(), Refusal> {
        match value {
            Value::Null => Ok(()),
            Value::String(text) if text.trim().is_empty() => Ok(()),
            Value::String(text) => match share_text::decode(text) {
                Some(bytes) => {
                    self.push(sort, "single fields", SecretBytes::new(bytes.to_vec()));
                    Ok(())
                }
                None if text.contains(['\n', ',']) => self.words(sort, text, place),
                None => Err(no_share(place_or(place, "it"), text.len())),
            },
            Value::Array(items) => {
                let keys = items.iter().enumerate().map(|(at, item)| one(item, place, at + 1));
                let keys = keys.collect::<Result<Vec<_>, _>>()?;
                self.lists(sort).push(List { place: place_or(place, "the list").to_owned(), keys });
                Ok(())
            }
            Value::Object(fields) => {
                let keys = fields.values().enumerate().map(|(at, item)| one(item, place, at + 1));
                let keys = keys.collect::<Result<Vec<_>, _>>()?;
                self.lists(sort).push(List { place: place.to_owned(), keys });
                Ok(())
            }
            Value::Bool(_) | Value::Number(_) => Err(no_share(place_or(place, "it"), 0)),
        }
    }

    fn words(&mut self, sort: Sort, text: &str, place: &str) -> Result<(), Refusal> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        let keys = words.enumerate().map(|(at, word)| {
            let key =
                share_text::decode(word).ok_or_else(|| no_share(&format!("entry {} of {place}", at + 1), word.len()));
            key.map(|bytes| SecretBytes::new(bytes.to_vec()))
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        self.lists(sort).push(List { place: place.to_owned(), keys });
        Ok(())
    }

    /// A Secret as `kubectl get secret -o json` prints it.
    fn secret(&mut self, fields: &Map<String, Value>, depth: u8) -> Result<(), Refusal> {
        let data = fields.get("data").and_then(Value::as_object).into_iter().flatten();
        for (name, value) in data {
            let place = format!("`data.{}`", clean(name));
            let purpose = FieldNames::default().purpose(name);
            let Some(text) = value.as_str().filter(|_| purpose != Purpose::Other) else { continue };
            let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
            STANDARD.decode_vec(text.trim(), &mut bytes).map_err(|_| none_of_it(format!("{place} is not base64")))?;
            match (purpose, std::str::from_utf8(&bytes)) {
                (Purpose::RootToken, Ok(token)) => self.root(&place, token),
                (Purpose::Shares | Purpose::SealKey, _) if !bytes.is_empty() => {
                    self.document(&bytes, &place, depth + 1)?;
                }
                (Purpose::Shares | Purpose::SealKey | Purpose::RootToken | Purpose::Other, _) => {}
            }
        }
        Ok(())
    }

    fn text(&mut self, text: &str, place: &str) -> Result<(), Refusal> {
        for (at, line) in text.lines().enumerate() {
            let here = if place.is_empty() { format!("line {}", at + 1) } else { format!("{place} line {}", at + 1) };
            self.sentence(line);
            self.line(line.trim(), &here)?;
        }
        Ok(())
    }

    /// `Vault initialized with 5 key shares and a key threshold of 3`, and the same of recovery keys.
    fn sentence(&mut self, line: &str) {
        let Some((before, after)) = line.split_once(" key shares and a key threshold of ") else { return };
        let total = before.rsplit(' ').next().and_then(|word| word.parse().ok());
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        let recovery = before.to_ascii_lowercase().contains("recovery");
        let counts = if recovery { &mut self.recovery_counts } else { &mut self.counts };
        *counts = Counts { threshold: digits.parse().ok(), total };
    }

    fn line(&mut self, line: &str, here: &str) -> Result<(), Refusal> {
        let line = line.trim_start_matches("- ").trim_start_matches("export ").trim_end_matches(',');
        let (label, value) = labelled(line);
        let value = value.trim().trim_matches(['"', '\'']);
        if value.is_empty() {
            return Ok(());
        }
        let plain = label.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
        let says_root = plain.contains("root") && plain.contains("token");
        if says_root || FieldNames::default().purpose(&plain) == Purpose::RootToken {
            self.root(here, value);
            return Ok(());
        }
        let sort = if plain.contains("recovery") { Sort::Recovery } else { Sort::Unseal };
        let says_key = plain.contains("unseal") || plain.contains("key") || plain.contains("share");
        let words = value.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        let many = words.clone().count();
        for word in words {
            match share_text::decode(word.trim_matches(['"', '\''])) {
                Some(_) if !plain.is_empty() && !says_key && sort == Sort::Unseal => {
                    return Err(none_of_it(format!(
                        "{here} holds what could be a key under a label that does not say so"
                    )));
                }
                Some(bytes) => {
                    self.called_unseal |= plain.contains("unseal");
                    self.push(sort, "the lines", SecretBytes::new(bytes.to_vec()));
                }
                // `Unseal Key 1: …` must be a key; prose need not.
                None if says_key && many == 1 && word.len() >= 16 => return Err(no_share(here, word.len())),
                None if says_key && many == 1 && plain.ends_with(|c: char| c.is_ascii_digit()) => {
                    return Err(no_share(here, word.len()));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn root(&mut self, place: &str, token: &str) {
        let token = token.trim();
        let random = ["s.", "hvs."].iter().any(|head| token.starts_with(head)) && token.len() >= 20;
        let old = token.len() == 36 && token.chars().filter(|c| *c == '-').count() == 4;
        if token.is_empty() {
        } else if (random || old) && !token.contains(char::is_whitespace) {
            self.roots.push((place.to_owned(), SecretBytes::new(token.as_bytes().to_vec())));
        } else {
            self.notes.push(format!("{place} has not the form of a token that a server makes: it was left out"));
        }
    }

    const fn lists(&mut self, sort: Sort) -> &mut Vec<List> {
        match sort {
            Sort::Unseal => &mut self.unseal,
            Sort::Recovery => &mut self.recovery,
        }
    }

    /// Adds one key to the list of those that stand alone.
    fn push(&mut self, sort: Sort, place: &str, key: SecretBytes) {
        let lists = self.lists(sort);
        match lists.iter_mut().find(|list| list.place == place) {
            Some(list) => list.keys.push(key),
            None => lists.push(List { place: place.to_owned(), keys: vec![key] }),
        }
    }

    fn taken(self) -> Result<Taken, Refusal> {
        let mut roots = self.roots.into_iter();
        let root_token = roots.next();
        if let Some((place, token)) = &root_token
            && let Some((other, _)) = roots.find(|(_, other)| other != token)
        {
            return Err(none_of_it(format!("{place} and {other} hold two different root tokens")));
        }
        let (unseal, recovery) = (agreed(self.unseal)?, agreed(self.recovery)?);
        if unseal.is_empty() && recovery.is_empty() {
            return Err(none_of_it("there are no keys in it"));
        }
        Ok(Taken {
            unseal,
            called_unseal: self.called_unseal,
            recovery,
            root_token: root_token.map(|(_, token)| token),
            counts: self.counts,
            recovery_counts: self.recovery_counts,
            notes: self.notes,
        })
    }
}

/// Hex and base64 of the same keys are one list; two lists of different keys are a question that nobody answers here.
fn agreed(lists: Vec<List>) -> Result<Vec<SecretBytes>, Refusal> {
    let mut lists = lists.into_iter().filter(|list| !list.keys.is_empty());
    let Some(first) = lists.next() else { return Ok(Vec::new()) };
    for list in lists {
        let same = list.keys.len() == first.keys.len() && list.keys.iter().all(|key| first.keys.contains(key));
        if !same {
            return Err(Refusal::new(
                format!("{} and {} hold different keys", first.place, list.place),
                "Leave only those that are meant",
            ));
        }
    }
    for (at, key) in first.keys.iter().enumerate() {
        if let Some(twin) = first.keys.iter().skip(at + 1).position(|other| other == key) {
            let (one, other) = (at + 1, at + twin + 2);
            return Err(none_of_it(format!("keys {one} and {other} of {} are one and the same", first.place)));
        }
    }
    Ok(first.keys)
}

enum What {
    Keys(Sort),
    Root,
}

fn sort_of(plain: &str) -> Option<What> {
    if plain.contains("recovery") {
        return Some(What::Keys(Sort::Recovery));
    }
    if plain == "initial-root-token" {
        return Some(What::Root);
    }
    match FieldNames::default().purpose(plain) {
        // `init` is a word that wraps a whole document, too.
        Purpose::Shares if plain.starts_with("init") => None,
        Purpose::Other if LISTS.contains(&plain) => Some(What::Keys(Sort::Unseal)),
        Purpose::Shares | Purpose::SealKey => Some(What::Keys(Sort::Unseal)),
        Purpose::RootToken => Some(What::Root),
        Purpose::Other => None,
    }
}

fn one(item: &Value, place: &str, number: usize) -> Result<SecretBytes, Refusal> {
    let here = format!("entry {number} of {}", place_or(place, "the list"));
    let text = item.as_str().ok_or_else(|| none_of_it(format!("{here} is not text")))?;
    let bytes = share_text::decode(text).ok_or_else(|| no_share(&here, text.len()))?;
    Ok(SecretBytes::new(bytes.to_vec()))
}

const fn place_or<'a>(place: &'a str, otherwise: &'a str) -> &'a str {
    if place.is_empty() { otherwise } else { place }
}

/// `Unseal Key 1: …` and `KEY_1=…`. The padding of base64 is an equals sign too: only a name before it makes a label.
fn labelled(line: &str) -> (&str, &str) {
    if let Some((label, value)) = line.split_once(':') {
        return (label, value);
    }
    match line.split_once('=') {
        Some((name, value))
            if !value.trim_matches('=').is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ')) =>
        {
            (name, value)
        }
        Some(_) | None => ("", line),
    }
}

fn printable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c.is_whitespace())
}

/// Overwrites every string of a parsed document: `serde_json` does not.
fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.iter_mut().for_each(|(_, value)| wipe(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
