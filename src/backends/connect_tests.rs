//! What is resolved from what was said, over a cluster in memory.

use serde_json::json;

use super::*;
use crate::backends::kube::fake::FakeKube;

fn set(namespace: &str, name: &str, tls: bool) -> StatefulSet {
    let scheme = if tls { "https" } else { "http" };
    serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": 3, "serviceName": format!("{name}-internal"), "selector": {"matchLabels": {"app": name}},
            "template": {"spec": {"containers": [{"name": "openbao",
                "env": [{"name": "BAO_ADDR", "value": format!("{scheme}://127.0.0.1:8200")}, {"name": "BAO_CACERT", "value": "/tls/ca.crt"}],
                "volumeMounts": [{"name": "tls", "mountPath": "/tls"}]}],
                "volumes": [{"name": "tls", "secret": {"secretName": "server-tls"}}]}}}
    }))
    .unwrap()
}

async fn found(kube: FakeKube, asked: &Asked) -> Result<Target, Trouble> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ::kube::Config::new("https://127.0.0.1:1".parse().unwrap());
    let connection = client::Connection {
        client: ::kube::Client::try_from(config).unwrap(),
        context: Some("ctx".into()),
        cluster: "c".into(),
        namespace: "data".into(),
        server: "https://127.0.0.1:1".into(),
    };
    in_cluster(asked, &connection, Arc::new(kube)).await
}

fn wrong(result: Result<Target, Trouble>) -> Trouble {
    match result {
        Ok(_) => panic!("resolved"),
        Err(trouble) => trouble,
    }
}

#[tokio::test]
async fn one_vault_is_found_by_itself_and_a_stale_address_is_said() {
    let kube = FakeKube { sets: vec![set("data", "openbao", false)], ..FakeKube::default() };
    let asked = Asked { env_address: Some(("VAULT_ADDR".into(), "https://old:8200".into())), ..Asked::default() };
    let target = found(kube, &asked).await.unwrap();
    assert_eq!(target.cluster.vault, "data/openbao");
    assert_eq!(target.cluster.identity.0, "0000-uid/data/openbao");
    assert_eq!(target.members, ["openbao-0", "openbao-1", "openbao-2"]);
    assert!(
        target.cluster.notes.iter().any(|note| note.contains("VAULT_ADDR points to https://old:8200 and is not used"))
    );
    assert_eq!(target.routes.to("openbao-7"), Some(Route::Tunnel("http://openbao-7.openbao-internal:8200".into())));
    assert!(!target.tls.on);
}

#[tokio::test]
async fn the_ca_is_found_where_the_pods_mount_it() {
    let kube = FakeKube { sets: vec![set("data", "openbao", true)], ..FakeKube::default() };
    let secret =
        serde_json::from_value(json!({"metadata": {"name": "server-tls"}, "data": {"ca.crt": "UEVN"}})).unwrap();
    kube.secrets.lock().unwrap().insert("server-tls".into(), secret);
    let target = found(kube, &Asked::default()).await.unwrap();
    assert!(target.tls.on);
    assert_eq!(target.tls.ca, Some((b"PEM".to_vec(), "Secret data/server-tls, field ca.crt".into())));
}

#[tokio::test]
async fn several_vaults_are_named_and_none_says_what_was_looked_for() {
    let two =
        || FakeKube { sets: vec![set("data", "openbao", false), set("b", "vault", false)], ..FakeKube::default() };
    let said = wrong(found(two(), &Asked::default()).await).to_string();
    assert!(
        said.contains("2 vaults") && said.contains("b/vault, data/openbao") && said.contains("--vault b/vault"),
        "{said}"
    );
    let asked = Asked { vault: Some(("b".into(), "vault".into())), ..Asked::default() };
    assert_eq!(found(two(), &asked).await.unwrap().cluster.vault, "b/vault");
    let asked = Asked { vault: Some(("b".into(), "nope".into())), ..Asked::default() };
    assert!(wrong(found(two(), &asked).await).to_string().contains("there is data/openbao, b/vault"));
    let none = wrong(found(FakeKube::default(), &Asked::default()).await);
    assert_eq!(none.kind, TroubleKind::Absent);
}

#[tokio::test]
async fn rights_on_one_namespace_are_enough() {
    let kube = FakeKube {
        sets: vec![set("data", "openbao", false), set("b", "vault", false)],
        denied: vec!["vaults everywhere", "uid"],
        ..FakeKube::default()
    };
    let target = found(kube, &Asked::default()).await.unwrap();
    assert_eq!(target.cluster.vault, "data/openbao");
    assert!(target.cluster.identity.0.starts_with("server-"), "{:?}", target.cluster.identity);
    assert!(target.cluster.notes.iter().any(|note| note.contains("kube-system")));
}

#[tokio::test]
async fn rights_on_nothing_but_pods_still_show_the_pods() {
    let pod = |name: &str| {
        serde_json::from_value(json!({"metadata": {"name": name, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "openbao", "uid": "u"}]}}))
        .unwrap()
    };
    let denied = vec!["vaults everywhere", "vaults", "stateful_set", "uid"];
    let kube =
        FakeKube { pods: vec![pod("openbao-1"), pod("openbao-0")], denied: denied.clone(), ..FakeKube::default() };
    let target = found(kube, &Asked::default()).await.unwrap();
    assert_eq!(
        (target.name.as_str(), target.members),
        ("openbao", vec!["openbao-0".to_owned(), "openbao-1".to_owned()])
    );
    let asked = Asked { vault: Some(("data".into(), "openbao".into())), ..Asked::default() };
    let kube = FakeKube { denied: denied.clone(), ..FakeKube::default() };
    assert!(found(kube, &asked).await.unwrap().members.is_empty());
    let nothing = FakeKube { denied: [denied, vec!["pods"]].concat(), ..FakeKube::default() };
    assert_eq!(wrong(found(nothing, &Asked::default()).await).kind, TroubleKind::Denied);
}

#[tokio::test]
async fn an_address_needs_no_cluster() {
    let asked = Asked { address: Some("https://vault.example:8200/ui/".into()), ..Asked::default() };
    let target = connect(&asked).await.unwrap();
    assert!(!target.cluster.kubernetes && target.kube.is_none());
    assert_eq!(target.routes.to(&target.members[0]), Some(Route::Address("https://vault.example:8200".into())));
    for (address, word) in
        [("vault:8200", "in front"), ("ftp://x", "http"), ("https://u:CANARY@x", "user name"), (" ", "URL")]
    {
        let said = wrong(connect(&Asked { address: Some(address.into()), ..Asked::default() }).await).to_string();
        assert!(said.contains(word) && !said.contains("CANARY"), "{address}: {said}");
    }
    let members = vec![("a".to_owned(), "http://a:1".to_owned()), ("b".to_owned(), "http://b:1".to_owned())];
    let asked = Asked { address: Some("http://lb:1".into()), members, ..Asked::default() };
    let target = connect(&asked).await.unwrap();
    assert_eq!((target.members.len(), target.routes.to("b")), (2, Some(Route::Address("http://b:1".into()))));
}
