//! What the server's own configuration says: listeners and TLS, the static seal's key. HCL and JSON, as far as needed.

use crate::app::text::clean;

/// One block: `listener "tcp" { … }`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Block {
    /// `listener`, `seal`, `storage`, …
    pub kind: String,
    /// `tcp`, `static`, …
    pub label: String,
    /// Its attributes; lists and nested blocks are left out.
    pub attributes: Vec<(String, String)>,
}

impl Block {
    /// An attribute's text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn truthy(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value, "1" | "true" | "True" | "TRUE"))
    }
}

/// What was found in all configuration files of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerConfig {
    /// `Some(true)`: the first TCP listener speaks TLS.
    pub tls: Option<bool>,
    /// Its port.
    pub port: Option<u16>,
    /// `tls_cert_file` of that listener.
    pub certificate: Option<String>,
    /// `tls_client_ca_file` of that listener.
    pub client_ca: Option<String>,
    /// `current_key` of `seal "static"`: a path or a variable, never a key itself.
    pub static_key: Option<StaticSource>,
}

/// Where a static seal's key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaticSource {
    /// `file:///path`.
    File(String),
    /// `env://NAME`.
    Env(String),
    /// The key itself stands in the configuration; not shown.
    Inline,
}

impl StaticSource {
    fn of(value: &str) -> Self {
        if let Some(path) = value.strip_prefix("file://") {
            Self::File(clean(path))
        } else if let Some(name) = value.strip_prefix("env://") {
            Self::Env(clean(name))
        } else {
            Self::Inline
        }
    }

    /// For the screen, without any content.
    pub fn words(&self) -> String {
        match self {
            Self::File(path) => format!("file {path}"),
            Self::Env(name) => format!("variable {name}"),
            Self::Inline => "the configuration itself".to_owned(),
        }
    }
}

/// Reads all files of one server; later files add to earlier ones.
pub fn read<'a>(files: impl IntoIterator<Item = &'a str>) -> ServerConfig {
    let mut found = ServerConfig::default();
    for block in files.into_iter().flat_map(blocks) {
        match (block.kind.as_str(), block.label.as_str()) {
            ("listener", "tcp") if found.tls.is_none() => {
                found.tls = Some(!block.truthy("tls_disable"));
                found.port = block.get("address").and_then(|address| address.rsplit_once(':')?.1.parse().ok());
                found.certificate = block.get("tls_cert_file").map(clean);
                found.client_ca = block.get("tls_client_ca_file").map(clean);
            }
            ("seal", "static") if !block.truthy("disabled") => {
                found.static_key = block.get("current_key").map(StaticSource::of);
            }
            _ => {}
        }
    }
    found
}

/// The top-level blocks of a file.
pub fn blocks(text: &str) -> Vec<Block> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(root)) => from_json(&root),
        Ok(_) | Err(_) => from_hcl(text),
    }
}

/// `{"listener": [{"tcp": {…}}]}`, `{"listener": {"tcp": {…}}}`: both are accepted by the servers.
fn from_json(root: &serde_json::Map<String, serde_json::Value>) -> Vec<Block> {
    use serde_json::Value;
    let mut found = Vec::new();
    for (kind, value) in root {
        let entries: Vec<&Value> = match value {
            Value::Array(list) => list.iter().collect(),
            other => vec![other],
        };
        for (label, body) in entries.into_iter().filter_map(Value::as_object).flatten() {
            let bodies: Vec<&Value> = match body {
                Value::Array(list) => list.iter().collect(),
                other => vec![other],
            };
            for body in bodies.into_iter().filter_map(Value::as_object) {
                let attributes = body
                    .iter()
                    .filter_map(|(key, value)| match value {
                        Value::String(text) => Some((key.clone(), text.clone())),
                        Value::Bool(_) | Value::Number(_) => Some((key.clone(), value.to_string())),
                        Value::Null | Value::Array(_) | Value::Object(_) => None,
                    })
                    .collect();
                found.push(Block { kind: kind.clone(), label: label.clone(), attributes });
            }
        }
    }
    found
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Mark(char),
}

fn from_hcl(text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    let mut depth = 0_u32;
    let mut line: Vec<Token> = Vec::new();
    let mut tokens = tokens(text).into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            Token::Mark('{') => {
                depth += 1;
                if depth == 1 {
                    let mut names = line.drain(..).filter_map(|token| match token {
                        Token::Word(word) | Token::Text(word) => Some(word),
                        Token::Mark(_) => None,
                    });
                    let (kind, label) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
                    drop(names);
                    open = Some(Block { kind, label, attributes: Vec::new() });
                }
                line.clear();
            }
            Token::Mark('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.extend(open.take());
                }
                line.clear();
            }
            Token::Mark('=') => {
                let name = line.pop();
                line.clear();
                let value = match tokens.peek() {
                    Some(Token::Word(value) | Token::Text(value)) => value.clone(),
                    // A list or an object: what opens it is counted on the next turn.
                    Some(Token::Mark(_)) | None => continue,
                };
                tokens.next();
                if let (1, Some(block), Some(Token::Word(name) | Token::Text(name))) = (depth, open.as_mut(), name) {
                    block.attributes.push((name, value));
                }
            }
            other => line.push(other),
        }
    }
    found
}

/// Words, quoted texts and marks; comments are skipped. Heredocs do not occur in what is looked for.
fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in chars.by_ref().skip(1) {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '"' => {
                let mut word = String::new();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => word.extend(chars.next()),
                        c => word.push(c),
                    }
                }
                found.push(Token::Text(word));
            }
            '{' | '}' | '=' | '[' | ']' | ',' => found.push(Token::Mark(c)),
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && !"{}=[],\"#".contains(*c)) {
                    word.push(c);
                }
                found.push(Token::Word(word));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charts_configuration_is_read() {
        let config = read([r#"
            ui = true # a comment with { in it
            /* listener "tcp" { tls_disable = 0 } */
            listener "tcp" {
              tls_disable = 1
              address = "[::]:8200"
              cluster_address = "[::]:8201"
              telemetry { unauthenticated_metrics_access = "true" }
              x = ["a", "b"]
            }
            storage "raft" { path = "/openbao/data"
              retry_join { leader_api_addr = "https://x:8200" } }
            seal "static" {
              current_key_id = "1"
              current_key    = "file:///openbao/seal/key"
            }
            service_registration "kubernetes" {}
        "#]);
        assert_eq!((config.tls, config.port), (Some(false), Some(8200)));
        assert_eq!(config.static_key, Some(StaticSource::File("/openbao/seal/key".into())));
    }

    #[test]
    fn tls_is_the_default_of_a_listener() {
        let config = read([
            r#"listener "tcp" { address = "0.0.0.0:8300" tls_cert_file = "/tls/tls.crt" tls_client_ca_file = "/tls/ca.crt" }"#,
        ]);
        assert_eq!((config.tls, config.port), (Some(true), Some(8300)));
        assert_eq!(
            (config.certificate.as_deref(), config.client_ca.as_deref()),
            (Some("/tls/tls.crt"), Some("/tls/ca.crt"))
        );
    }

    #[test]
    fn json_says_the_same() {
        let config = read([
            r#"{"listener":[{"tcp":{"address":"[::]:8200","tls_disable":true}}],"seal":{"static":[{"current_key":"env://BAO_KEY"}]}}"#,
        ]);
        assert_eq!((config.tls, config.static_key), (Some(false), Some(StaticSource::Env("BAO_KEY".into()))));
    }

    #[test]
    fn a_key_in_the_configuration_is_not_repeated() {
        let config = read([r#"seal "static" { current_key = "CANARY" }"#]);
        assert_eq!(config.static_key, Some(StaticSource::Inline));
        assert!(!format!("{config:?}").contains("CANARY"));
    }

    #[test]
    fn rubbish_ends() {
        for text in ["", "{{{{", "}}}}", "= = =", "listener \"tcp\" {", "/*", "\"", "[]", "a = [ { b = 1 } ]"] {
            let _ = read([text]);
        }
    }
}
