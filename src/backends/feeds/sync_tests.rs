//! Several kinds in one table, kinds that come and go, and the places that they name.

use super::super::{Aside, Deps, Vault, all};
use super::*;
use crate::app::model::table::{Table, apply};
use crate::backends::sandbox::Sandbox;
use crate::backends::sandbox::scenario::Scenario;

const OBJECTS: &str = r#"
title = "t"
says = "s"
objects = """
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultStaticSecret
metadata: {namespace: shop, name: web}
spec: {type: kv-v2, mount: kv, path: shop/web, destination: {name: web}}
---
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {namespace: pay, name: till}
spec: {secretStoreRef: {kind: ClusterSecretStore, name: openbao}, data: [{secretKey: a, remoteRef: {key: pay/till}}]}
---
apiVersion: external-secrets.io/v1beta1
kind: ClusterSecretStore
metadata: {name: openbao}
spec: {provider: {vault: {server: "http://openbao", path: stores, version: v2, namespace: team}}}
"""
[[events]]
at = "1m"
do = "object-gone"
kind = "VaultStaticSecret"
namespace = "shop"
name = "web"
"#;

fn feeds(text: &str, namespaces: &[&str]) -> (Arc<Sandbox>, Box<dyn Feed>, Roster) {
    let sandbox = Sandbox::new(&Scenario::parse("t", text).unwrap());
    let wide = Wide::within(&sandbox, namespaces);
    let roster = wide.roster.clone();
    (sandbox, Box::new(SyncFeed::new(&wide)), roster)
}

async fn look(feed: &mut Box<dyn Feed>, known: &mut Option<Table<SyncSeen>>) -> Vec<String> {
    for delta in feed.look().await.unwrap().into_iter().filter_map(delta) {
        apply(known, &delta, Timestamp::UNIX_EPOCH);
    }
    known.iter().flat_map(Table::iter).map(|seen| seen.object.to_string()).collect()
}

#[tokio::test]
async fn kinds_of_both_operators_lie_in_one_table_and_an_older_version_is_found() {
    let (sandbox, mut feed, roster) = feeds(OBJECTS, &[]);
    let mut known = None;
    let found = look(&mut feed, &mut known).await;
    assert_eq!(found, ["ClusterSecretStore openbao", "ExternalSecret pay/till", "VaultStaticSecret shop/web"]);
    let SyncNames::Served { versions, paths } = roster.now().sync else { panic!("{:?}", roster.now().sync) };
    assert_eq!(versions, ["external-secrets.io/v1beta1", "secrets.hashicorp.com/v1beta1"]);
    let words: Vec<String> = paths.iter().map(VaultPath::words).collect();
    assert_eq!(words, ["kv/shop/web", "team/stores/pay/till"]);

    sandbox.advance_by(SignedDuration::from_secs(90));
    let found = look(&mut feed, &mut known).await;
    assert_eq!(found, ["ClusterSecretStore openbao", "ExternalSecret pay/till"]);
    let SyncNames::Served { paths, .. } = roster.now().sync else { panic!() };
    assert_eq!(paths.len(), 1);
}

#[tokio::test]
async fn only_the_namespaces_that_are_watched_are_read() {
    let (_, mut feed, _) = feeds(OBJECTS, &["pay", "ory"]);
    let mut known = None;
    assert_eq!(look(&mut feed, &mut known).await, ["ClusterSecretStore openbao", "ExternalSecret pay/till"]);
}

#[tokio::test]
async fn who_may_not_list_stores_of_the_cluster_still_sees_his_namespaces() {
    let denied = format!("{OBJECTS}\n[[events]]\nat = \"10s\"\ndo = \"rights\"\ndeny = [\"clustersecretstores\"]\n");
    let (sandbox, mut feed, _) = feeds(&denied, &["pay"]);
    sandbox.advance_by(SignedDuration::from_secs(20));
    assert_eq!(look(&mut feed, &mut None).await, ["ExternalSecret pay/till"]);
    // His ExternalSecret goes through one: said with its line, and nothing is unknown for it.
    let beside = |facts: Vec<Fact>| -> Vec<(String, bool)> {
        let parts = facts.into_iter().find_map(|fact| match fact {
            Fact::Withheld { parts, .. } => Some(parts),
            _ => None,
        });
        parts.into_iter().flatten().map(|part| (part.words(), part.beside)).collect()
    };
    assert_eq!(beside(feed.look().await.unwrap()), [("ClusterSecretStores".to_owned(), true)]);
    // Nothing of his goes through generators, so nobody misses them.
    let generator = "---\napiVersion: generators.external-secrets.io/v1alpha1\nkind: Password\n\
        metadata: {namespace: pay, name: new}\n\"\"\"\n[[events]]";
    let unused = OBJECTS.replacen("\"\"\"\n[[events]]", generator, 1);
    let event = "\n[[events]]\nat = \"10s\"\ndo = \"rights\"\ndeny = [\"passwords\"]\n";
    let (sandbox, mut feed, _) = feeds(&format!("{unused}{event}"), &["pay"]);
    sandbox.advance_by(SignedDuration::from_secs(20));
    assert_eq!(beside(feed.look().await.unwrap()), []);
    let from = "{generatorRef: {kind: Password, name: new}}";
    let used = unused.replacen("data: [{", &format!("dataFrom: [{{sourceRef: {from}}}], data: [{{"), 1);
    let (sandbox, mut feed, _) = feeds(&format!("{used}{event}"), &["pay"]);
    sandbox.advance_by(SignedDuration::from_secs(20));
    assert_eq!(beside(feed.look().await.unwrap()), [("Passwords in pay".to_owned(), true)]);
}

/// What a look says may not be listed: kinds, and the line for each.
async fn withheld_of(feed: &mut Box<dyn Feed>, known: &mut Option<Table<SyncSeen>>) -> Option<Vec<(String, String)>> {
    let facts = feed.look().await.unwrap();
    for delta in facts.iter().cloned().filter_map(delta) {
        apply(known, &delta, Timestamp::UNIX_EPOCH);
    }
    facts.into_iter().find_map(|fact| match fact {
        Fact::Withheld { feed: FeedId::Sync, parts } => {
            Some(parts.into_iter().map(|part| (part.words(), part.trouble.next)).collect())
        }
        _ => None,
    })
}

#[tokio::test]
async fn what_may_be_listed_is_seen_and_what_may_not_is_said_with_its_line() {
    let event = |at: &str, deny: &str| format!("[[events]]\nat = \"{at}\"\ndo = \"rights\"\ndeny = [{deny}]\n");
    let stores = "\"clustersecretstores\", \"pushsecrets\"";
    let all = format!("{stores}, \"externalsecrets\", \"vaultstaticsecrets\"");
    // Without what happens to them of itself.
    let objects = OBJECTS.split("[[events]]").next().unwrap();
    let text =
        format!("{objects}\n{}{}{}{}", event("10s", stores), event("2m", ""), event("3m", stores), event("4m", &all));
    let (sandbox, mut feed, roster) = feeds(&text, &[]);
    let mut known = None;
    let seen = |known: &Option<Table<SyncSeen>>| -> Vec<String> {
        known.iter().flat_map(Table::iter).map(|seen| seen.object.to_string()).collect()
    };

    sandbox.advance_by(SignedDuration::from_secs(20));
    let parts = withheld_of(&mut feed, &mut known).await.unwrap();
    assert_eq!(seen(&known), ["ExternalSecret pay/till", "VaultStaticSecret shop/web"]);
    assert_eq!(parts.len(), 1, "{parts:?}");
    assert_eq!(parts[0].0, "ClusterSecretStores");
    assert!(parts[0].1.contains("a ClusterRole") && parts[0].1.contains("clustersecretstores"), "{parts:?}");
    // A key without its store is in no mount that anybody knows: nothing is asked of the vault in its stead.
    let SyncNames::Served { paths, .. } = roster.now().sync else { panic!("{:?}", roster.now().sync) };
    assert_eq!(paths.iter().map(VaultPath::words).collect::<Vec<_>>(), ["kv/shop/web"]);

    // Allowed again: told once, with the objects.
    sandbox.advance_by(SignedDuration::from_secs(110));
    assert_eq!(withheld_of(&mut feed, &mut known).await, Some(Vec::new()));
    assert_eq!(seen(&known).len(), 3);
    assert_eq!(withheld_of(&mut feed, &mut known).await, None);

    // Taken away again: what was seen is not gone by that.
    sandbox.advance_by(SignedDuration::from_mins(1));
    assert_eq!(withheld_of(&mut feed, &mut known).await.unwrap().len(), 1);
    assert_eq!(seen(&known).len(), 3);

    // Who may list nothing at all is denied, and not in part.
    sandbox.advance_by(SignedDuration::from_mins(1));
    let trouble = feed.look().await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Denied, "{trouble}");
    assert!(trouble.next.contains("secrets.hashicorp.com"), "{trouble}");
}

#[tokio::test]
async fn without_an_operator_it_is_calm() {
    let (_, mut feed, roster) = feeds("title = \"t\"\nsays = \"s\"\n", &[]);
    let trouble = feed.look().await.unwrap_err();
    assert_eq!((trouble.kind, trouble.what.as_str()), (TroubleKind::Absent, "No sync operator is installed here"));
    assert_eq!(roster.now().sync, SyncNames::Absent);
    // The other two stand still as well, and nobody waits for them.
    let nobody = all(Deps {
        kube: None,
        vault: Vault { namespace: String::new(), name: String::new() },
        members: Vec::new(),
        selector: None,
        keys_secret: None,
        seal: Arc::new(Nothing),
        digest_fields: Arc::new(|_| Vec::new()),
        held: super::super::Held::nothing(),
        aside: Aside::nothing(),
    });
    for mut feed in
        nobody.into_iter().filter(|feed| matches!(feed.id(), FeedId::Sync | FeedId::Operators | FeedId::Paths))
    {
        assert_eq!(feed.look().await.unwrap_err().kind, TroubleKind::Absent, "{}", feed.id());
    }
}

struct Nothing;

#[async_trait]
impl super::super::seal::SealReader for Nothing {
    async fn seal(&self, _: &str) -> Result<crate::app::model::seal::SealSeen, Trouble> {
        Err(Trouble::unreachable("nobody", "", ""))
    }
}

#[test]
fn a_heartbeat_alone_tells_nobody_anything() {
    let object = |at: &str| {
        sync_digest::digest(
            &serde_json::json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultStaticSecret",
            "metadata": {"namespace": "shop", "name": "web"}, "spec": {"type": "kv-v2", "mount": "kv", "path": "a"},
            "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": at}]}}),
        )
        .unwrap()
    };
    let mut book = Book::default();
    book.noted(Delta::whole(vec![object("2026-11-22T05:00:00Z")]));
    assert!(std::mem::take(&mut book.changed));
    book.noted(Delta::put(vec![object("2026-11-22T05:00:10Z")]));
    assert!(!book.changed);
    book.noted(Delta::Part { kind: "VaultStaticSecret".into(), namespace: Some("shop".into()), rows: Vec::new() });
    assert!(book.changed && book.all().next().is_none());
}

#[test]
fn the_places_that_are_asked_lie_where_the_ways_lead() {
    let object = |group: &str, kind: &str, name: &str, spec: serde_json::Value| {
        sync_digest::digest(&serde_json::json!({"apiVersion": group, "kind": kind,
            "metadata": {"namespace": "shop", "name": name}, "spec": spec}))
        .unwrap()
    };
    let (vso, eso) = ("secrets.hashicorp.com/v1beta1", "external-secrets.io/v1");
    let store = |mount: &str| serde_json::json!({"provider": {"vault": {"path": mount, "namespace": "team"}}});
    let mut book = Book::default();
    book.noted(Delta::whole(vec![
        object(
            vso,
            "VaultAuth",
            "login",
            serde_json::json!({"method": "kubernetes", "mount": "kubernetes",
            "namespace": "crew", "kubernetes": {"role": "web", "serviceAccount": "reader"}}),
        ),
        object(
            vso,
            "VaultStaticSecret",
            "web",
            serde_json::json!({"type": "kv-v2", "mount": "kv", "path": "a", "vaultAuthRef": "shop/login"}),
        ),
        object(eso, "SecretStore", "one", store("kv1")),
        object(eso, "SecretStore", "two", store("kv2")),
        object(
            eso,
            "ExternalSecret",
            "till",
            serde_json::json!({"secretStoreRef": {"name": "one"}, "data": [
            {"secretKey": "a", "remoteRef": {"key": "x"}},
            {"secretKey": "b", "remoteRef": {"key": "x"}, "sourceRef": {"storeRef": {"name": "two"}}}]}),
        ),
    ]));
    let SyncNames::Served { paths, .. } = book.names() else { panic!() };
    let words: Vec<String> = paths.iter().map(VaultPath::words).collect();
    assert_eq!(words, ["crew/kv/a", "team/kv1/x", "team/kv2/x"]);
    let login = book.logins().remove(0);
    assert_eq!((login.namespace.as_str(), login.role.as_str()), ("crew", "web"));
    assert_eq!(login.needs, [("kv/data/a".into(), "read".into())]);
    assert_eq!(login.accounts, [("shop".into(), "reader".into())], "of the namespace of the object that logs in");
    // A store of its namespace takes an account of that; one of the cluster says of which, or takes its user's.
    let kubernetes = |account: serde_json::Value| {
        serde_json::json!({"provider": {"vault": {"path": "kv", "version": "v2", "auth": {"kubernetes":
            {"mountPath": "kubernetes", "role": "web", "serviceAccountRef": account}}}}})
    };
    let reads = |name: &str, kind: &str| {
        let spec = serde_json::json!({"secretStoreRef": {"name": "one", "kind": kind},
            "data": [{"secretKey": "a", "remoteRef": {"key": "x"}}]});
        object(eso, "ExternalSecret", name, spec)
    };
    for (kind, account, of) in [
        ("SecretStore", serde_json::json!({"name": "eso", "namespace": "else"}), "shop"),
        ("ClusterSecretStore", serde_json::json!({"name": "eso", "namespace": "else"}), "else"),
        ("ClusterSecretStore", serde_json::json!({"name": "eso"}), "shop"),
    ] {
        let mut store = serde_json::json!({"apiVersion": eso, "kind": kind, "metadata": {"name": "one"},
            "spec": kubernetes(account)});
        if kind == "SecretStore" {
            store["metadata"]["namespace"] = "shop".into();
        }
        let mut book = Book::default();
        book.noted(Delta::whole(vec![sync_digest::digest(&store).unwrap(), reads("till", kind)]));
        assert_eq!(book.logins().remove(0).accounts, [(of.to_owned(), "eso".to_owned())], "{kind}");
    }
}
