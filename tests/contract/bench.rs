//! What a claim needs of a vault under test, and the few words in which claims are written.

use std::sync::Arc;

use async_trait::async_trait;
use baowatch::backends::bao::transport::{Access, Method, Request, Transport};
use serde_json::{Value, json};

/// A vault that a claim may take apart.
#[async_trait]
pub trait Bench: Send {
    /// Servers with empty storage, Shamir: `openbao-0`, ….
    async fn fresh(&mut self, replicas: u32);
    /// One server with empty storage and a static seal whose key is there.
    async fn fresh_static(&mut self);
    /// Exchanges the static seal's key for another (or puts the right one back).
    async fn exchange_key(&mut self, right: bool);
    /// Ends the process of a server and starts it again on the same storage.
    async fn restart(&mut self, replica: &str);
    /// Ends the process of a server for good.
    async fn stop(&mut self, replica: &str);
    /// About a second goes by.
    async fn wait(&mut self);
    fn transport(&self) -> Arc<dyn Transport>;
}

/// The first replica.
pub const FIRST: &str = "openbao-0";

/// Status and body; an empty body is `Null`.
pub type Answer = (u16, Value);

pub async fn send(bench: &dyn Bench, replica: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = Request {
        method,
        path: format!("/v1/sys/{path}"),
        body: body.map(|body| body.to_string().into_bytes().into()),
        access: Access::none(),
    };
    let response = bench.transport().send(replica, request).await.unwrap_or_else(|trouble| panic!("{path}: {trouble}"));
    let body = if response.body.is_empty() { Value::Null } else { serde_json::from_slice(&response.body).unwrap() };
    (response.status, body)
}

pub async fn get(bench: &dyn Bench, path: &str) -> Answer {
    send(bench, FIRST, Method::Get, path, None).await
}

pub async fn put(bench: &dyn Bench, path: &str, body: Value) -> Answer {
    send(bench, FIRST, Method::Put, path, Some(body)).await
}

pub async fn unseal(bench: &dyn Bench, key: &str) -> Answer {
    put(bench, "unseal", json!({"key": key})).await
}

/// A refusal as the server words it.
pub fn refusal(status: u16, words: &str) -> Answer {
    (status, json!({"errors": [words]}))
}

/// Progress and whether there is a nonce, of a server that is sealed.
pub fn attempt(answer: &Answer) -> (u64, bool) {
    assert_eq!(answer.0, 200, "{answer:?}");
    assert_eq!(answer.1["sealed"], true, "{answer:?}");
    (answer.1["progress"].as_u64().unwrap(), answer.1["nonce"] != "")
}

/// The names of the fields, in order.
pub fn fields(answer: &Answer) -> Vec<&str> {
    let mut names: Vec<&str> = answer.1.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Waits until this replica answers so; how long that takes is not the claim.
pub async fn until(
    bench: &mut dyn Bench,
    replica: &str,
    path: &str,
    what: &str,
    enough: impl Fn(&Answer) -> bool,
) -> Answer {
    let mut last = (0, Value::Null);
    for _ in 0..90 {
        let request =
            Request { method: Method::Get, path: format!("/v1/sys/{path}"), body: None, access: Access::none() };
        if let Ok(response) = bench.transport().send(replica, request).await {
            last = (response.status, serde_json::from_slice(&response.body).unwrap_or_default());
            if enough(&last) {
                return last;
            }
        }
        bench.wait().await;
    }
    panic!("{replica} never was {what}; last {last:?}");
}

/// Initialises and gives the keys in hex.
pub async fn init(bench: &dyn Bench, shares: u32, threshold: u32) -> Vec<String> {
    let (status, body) = put(bench, "init", json!({"secret_shares": shares, "secret_threshold": threshold})).await;
    assert_eq!(status, 200, "{body}");
    strings(&body["keys"])
}

pub fn strings(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
}
