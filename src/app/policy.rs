//! What a vault's policies allow on a path: enough of HCL and JSON to read them, and the rule by which the most specific
//! pattern decides. What cannot be read is said to be so, never guessed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// What policies say of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// They allow it.
    Allowed,
    /// They do not.
    Refused,
    /// A pattern that decides holds a template, or a policy cannot be read.
    Untold,
}

/// Policies of one token, taken together: patterns and what they grant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policies {
    rules: BTreeMap<String, BTreeSet<String>>,
    /// The built-in policy that allows everything.
    root: bool,
    /// One of them could not be read.
    unread: bool,
}

impl Policies {
    /// Adds one policy's text; `root` by its name needs none.
    pub fn add(&mut self, name: &str, text: &str) {
        if name == "root" {
            self.root = true;
            return;
        }
        match parse(text) {
            Some(rules) => {
                for (pattern, capabilities) in rules {
                    self.rules.entry(pattern).or_default().extend(capabilities);
                }
            }
            None => self.unread = true,
        }
    }

    /// Whether they allow this capability on this path.
    pub fn allows(&self, path: &str, capability: &str) -> Says {
        if self.root {
            return Says::Allowed;
        }
        let path = path.trim_start_matches('/');
        let best = self.rules.iter().filter(|(pattern, _)| matches(pattern, path)).max_by(|a, b| specific(a.0, b.0));
        // A template may match with whoever logs in: then it decides, and nobody here knows.
        let template = self.rules.keys().any(|pattern| pattern.contains("{{") && may_match(pattern, path));
        match best {
            _ if template => Says::Untold,
            Some((_, granted)) if granted.contains("deny") => Says::Refused,
            Some((_, granted)) if granted.contains(capability) => Says::Allowed,
            Some(_) | None if self.unread => Says::Untold,
            Some(_) | None => Says::Refused,
        }
    }
}

/// Whether a pattern matches: `+` stands for one whole segment, `*` at the end for anything.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches('/');
    let (pattern, open) = pattern.strip_suffix('*').map_or((pattern, false), |prefix| (prefix, true));
    let wanted: Vec<&str> = pattern.split('/').collect();
    let given: Vec<&str> = path.split('/').collect();
    if given.len() < wanted.len() || (!open && given.len() != wanted.len()) {
        return false;
    }
    let last = wanted.len().saturating_sub(1);
    wanted.iter().zip(&given).enumerate().all(|(index, (want, have))| {
        if open && index == last { have.starts_with(want) } else { *want == "+" || want == have }
    })
}

/// The same with templates standing for one segment's text.
fn may_match(pattern: &str, path: &str) -> bool {
    let plain: Vec<&str> = pattern.split('/').map(|part| if part.contains("{{") { "+" } else { part }).collect();
    matches(&plain.join("/"), path)
}

/// Which of two patterns decides: the one whose first wildcard comes later, that does not end in `*`, has fewer `+`, is
/// longer; as the servers do it.
fn specific(a: &str, b: &str) -> Ordering {
    let first = |pattern: &str| {
        let plus = pattern.split('/').scan(0, |at, part| {
            let here = *at;
            *at += part.len() + 1;
            Some((here, part == "+"))
        });
        let plus = plus.filter(|(_, plus)| *plus).map(|(at, _)| at).min();
        let star = pattern.ends_with('*').then(|| pattern.len() - 1);
        plus.into_iter().chain(star).min().unwrap_or(usize::MAX)
    };
    let pluses = |pattern: &str| pattern.split('/').filter(|part| *part == "+").count();
    first(a)
        .cmp(&first(b))
        .then_with(|| b.ends_with('*').cmp(&a.ends_with('*')))
        .then_with(|| pluses(b).cmp(&pluses(a)))
        .then_with(|| a.len().cmp(&b.len()))
        .then_with(|| a.cmp(b))
}

type Rules = Vec<(String, Vec<String>)>;

/// Patterns and capabilities of one policy; `None` when it cannot be read.
fn parse(text: &str) -> Option<Rules> {
    if text.trim_start().starts_with('{') {
        return json(text);
    }
    let tokens = tokens(text)?;
    let mut rules = Rules::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Word(word) if word == "path" => {
                let (Some(Token::Text(pattern)), Some(Token::Open)) = (tokens.get(at + 1), tokens.get(at + 2)) else {
                    return None;
                };
                let (capabilities, end) = block(&tokens, at + 3)?;
                rules.push((pattern.clone(), capabilities));
                at = end;
            }
            // `name = "x"` and other words that older policies carry.
            Token::Word(_) | Token::Text(_) | Token::Equals | Token::Comma => at += 1,
            Token::Open | Token::Close | Token::From | Token::To => return None,
        }
    }
    Some(rules)
}

/// What a `path` block grants, and where it ends.
fn block(tokens: &[Token], from: usize) -> Option<(Vec<String>, usize)> {
    let mut capabilities = Vec::new();
    let (mut at, mut depth) = (from, 0_u32);
    loop {
        match tokens.get(at)? {
            Token::Close if depth == 0 => return Some((capabilities, at + 1)),
            Token::Close => depth -= 1,
            Token::Open => depth += 1,
            Token::Word(word) if depth == 0 && (word == "capabilities" || word == "policy") => {
                at += 2;
                match tokens.get(at)? {
                    Token::From => {
                        at += 1;
                        while let Some(token) = tokens.get(at) {
                            match token {
                                Token::Text(capability) => capabilities.push(capability.clone()),
                                Token::Comma => {}
                                Token::To => break,
                                Token::Word(_) | Token::Open | Token::Close | Token::From | Token::Equals => {
                                    return None;
                                }
                            }
                            at += 1;
                        }
                    }
                    Token::Text(old) => capabilities.extend(shorthand(old)?),
                    Token::Word(_) | Token::Open | Token::Close | Token::To | Token::Equals | Token::Comma => {
                        return None;
                    }
                }
            }
            Token::Word(_) | Token::Text(_) | Token::From | Token::To | Token::Equals | Token::Comma => {}
        }
        at += 1;
    }
}

/// `policy = "read"` of very old policies.
fn shorthand(old: &str) -> Option<Vec<String>> {
    let list: &[&str] = match old {
        "deny" => &["deny"],
        "read" => &["read", "list"],
        "write" => &["create", "read", "update", "delete", "list"],
        "sudo" => &["create", "read", "update", "delete", "list", "sudo"],
        _ => return None,
    };
    Some(list.iter().map(|&one| one.to_owned()).collect())
}

fn json(text: &str) -> Option<Rules> {
    let whole: Value = serde_json::from_str(text).ok()?;
    let mut rules = Rules::new();
    let mut add = |map: &serde_json::Map<String, Value>| {
        for (pattern, body) in map {
            let body = body.as_array().and_then(|list| list.first()).unwrap_or(body);
            let list = body.get("capabilities").and_then(Value::as_array);
            let granted = list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            rules.push((pattern.clone(), granted.collect()));
        }
    };
    match whole.get("path")? {
        Value::Object(map) => add(map),
        Value::Array(list) => list.iter().filter_map(Value::as_object).for_each(add),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    }
    Some(rules)
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    From,
    To,
    Equals,
    Comma,
}

/// Words, strings and signs; comments are left out. `None` at the first thing that HCL does not have.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Some(tokens) };
        if first == '#' || rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        if rest.starts_with("/*") {
            rest = rest.split_once("*/")?.1;
            continue;
        }
        let single = match first {
            '{' => Some(Token::Open),
            '}' => Some(Token::Close),
            '[' => Some(Token::From),
            ']' => Some(Token::To),
            '=' | ':' => Some(Token::Equals),
            ',' => Some(Token::Comma),
            _ => None,
        };
        if let Some(token) = single {
            tokens.push(token);
            rest = rest.get(1..)?;
        } else if first == '"' {
            let (string, after) = quoted(rest.get(1..)?)?;
            tokens.push(Token::Text(string));
            rest = after;
        } else {
            let end = rest.find(|c: char| !c.is_alphanumeric() && !"_-.".contains(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.is_empty() {
                return None;
            }
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
    }
}

/// A string up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut string = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((string, text.get(at + 1..)?)),
            '\\' => string.push(chars.next()?.1),
            _ => string.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str, path: &str, capability: &str) -> Says {
        let mut policies = Policies::default();
        policies.add("x", text);
        policies.allows(path, capability)
    }

    #[test]
    fn patterns_match_as_the_servers_do() {
        let rows = [
            ("kv/data/a", "kv/data/a", true),
            ("kv/data/a", "kv/data/a/b", false),
            ("kv/data/*", "kv/data/a/b", true),
            ("kv/data/a*", "kv/data/ab/c", true),
            ("kv/+/a", "kv/data/a", true),
            ("kv/+/a", "kv/data/b/a", false),
            ("+/data/*", "kv/data/x", true),
            ("*", "anything/at/all", true),
            ("kv/data/", "kv/data", false),
        ];
        for (pattern, path, wanted) in rows {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn the_most_specific_pattern_decides_and_deny_wins_in_it() {
        let text = r#"
            # whoever
            path "kv/data/*" { capabilities = ["read", "list"] }
            path "kv/data/shop/*" { capabilities = ["deny"] } // closed
            path "kv/data/shop/web" { capabilities = ["read"] allowed_parameters = { "x" = [] } }
            path "kv/+/other" { capabilities = [] }
        "#;
        assert_eq!(says(text, "kv/data/a", "read"), Says::Allowed);
        assert_eq!(says(text, "kv/data/a", "update"), Says::Refused);
        assert_eq!(says(text, "kv/data/shop/db", "read"), Says::Refused);
        assert_eq!(says(text, "kv/data/shop/web", "read"), Says::Allowed);
        assert_eq!(says(text, "kv/data/other", "read"), Says::Allowed, "its first wildcard comes later");
        assert_eq!(says(text, "pg/creds/app", "read"), Says::Refused);
    }

    #[test]
    fn policies_are_taken_together() {
        let mut both = Policies::default();
        both.add("a", r#"path "kv/data/a" { capabilities = ["read"] }"#);
        both.add("b", r#"path "kv/data/a" { capabilities = ["deny"] }"#);
        assert_eq!(both.allows("kv/data/a", "read"), Says::Refused);
        both.add("root", "");
        assert_eq!(both.allows("kv/data/a", "read"), Says::Allowed);
    }

    #[test]
    fn json_and_old_words_are_read() {
        let text = r#"{"path": {"kv/data/a": {"capabilities": ["read"]}}}"#;
        assert_eq!(says(text, "kv/data/a", "read"), Says::Allowed);
        assert_eq!(says(r#"path "secret/*" { policy = "write" }"#, "secret/x", "update"), Says::Allowed);
    }

    #[test]
    fn what_cannot_be_read_is_not_guessed() {
        for text in
            ["path {", "path \"a\" { capabilities = read }", "path \"a", "{", "path \"a\" { policy = \"x\" }", "%"]
        {
            assert_eq!(says(text, "a", "read"), Says::Untold, "{text}");
        }
        let template = r#"path "kv/data/{{identity.entity.name}}/x" { capabilities = ["read"] }"#;
        assert_eq!(says(template, "kv/data/me/x", "read"), Says::Untold);
        assert_eq!(says(template, "kv/data/me/y", "read"), Says::Refused);
    }
}
