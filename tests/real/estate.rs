//! The estate of a real vault: its audit trail, a namespace with a seal of its own and the proof of its shares, logins of
//! Kubernetes and JWT auth that were really made.

use std::io::Write as _;
use std::process::Stdio;
use std::sync::Arc;

use baowatch::app::model::estate::{EstateSeen, RoleSeen};
use baowatch::app::model::fact::Fact;
use baowatch::app::runtime::clock::WallClock;
use baowatch::backends::feeds::estate::EstateFeed;
use baowatch::backends::feeds::roster::{Login, Shared};
use baowatch::backends::feeds::{self, Feed as _, Scope, Wide};
use baowatch::backends::keys::Salt;
use base64::Engine as _;
use serde_json::{Value, json};

use crate::asked::{Counted, asking};
use crate::lab::{Vault, alert, lab, left_out, verdict};
use crate::outage::Console;
use crate::prove::{ask, root, said};
use crate::raft::{ARGS, fires, with_token};

pub fn put(vault: &Vault, path: &str, body: &Value) -> Value {
    let (status, answer) = ask(vault, 0, "PUT", path, &root(vault), body);
    assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
    answer
}

/// A namespace in another one, with a seal of its own, one share of one; still sealed. Its share.
pub fn sealed_namespace(vault: &Vault, parent: &str, name: &str) -> String {
    let seal = json!({"seal": "seal \"shamir\" {\n shares = 1\n threshold = 1\n}"});
    let path = format!("{parent}/sys/namespaces/{name}");
    let made = put(vault, path.trim_start_matches('/'), &seal);
    made["data"]["key_shares"][0].as_str().unwrap().to_owned()
}

#[test]
fn a_vault_without_audit_devices_is_silent_until_its_configuration_declares_one() {
    if left_out() {
        return;
    }
    let vault = with_token(lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"})));
    let (_, document) = vault.check_until("no audit device", &ARGS, |_, document| fires(document, "audit-silent"));
    assert_eq!(alert(&document, "audit-silent").unwrap()["severity"], "warning");
    declare_audit(&vault);
    vault.delete_pod(0);
    let (_, document) = vault.check_until("the audit device", &ARGS, |code, document| {
        code != 3 && verdict(document) != "down" && alert(document, "audit-silent").is_none()
    });
    assert!(alert(&document, "feed-stale").is_none(), "{document:#}");
}

/// Adds an audit device to the configuration with which the next pod starts.
fn declare_audit(vault: &Vault) {
    let config = format!("{}-config", vault.name);
    let mut map: Value =
        serde_json::from_str(&vault.kubectl(&["get", "configmap", &config, "-o", "json"], "")).unwrap();
    let before = map["data"]["extraconfig-from-values.hcl"].as_str().unwrap().to_owned();
    let audit = "audit \"file\" \"to-file\" {\n  options {\n    file_path = \"stdout\"\n  }\n}\n";
    map["data"]["extraconfig-from-values.hcl"] = json!(format!("{before}\n{audit}"));
    vault.kubectl(&["replace", "-f", "-"], &map.to_string());
}

/// OpenBao 2.6.2 with an audit device that its configuration declares, upgraded to 2.7.2 as the chart does it: the image of
/// the StatefulSet, then the pod.
#[test]
fn what_the_next_version_refuses_is_told_until_it_runs() {
    if left_out() {
        return;
    }
    let spec = json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys", "version": "2.6.2"});
    let vault = with_token(lab().vault(spec));
    let (_, document) = vault.check_until("2.6.2 without an audit device", &ARGS, |_, d| fires(d, "audit-silent"));
    assert_eq!(alert(&document, "upgrade-trap"), None, "{document:#}");
    let version = |wanted: &str| {
        let (_, seen) = ask(&vault, 0, "GET", "sys/seal-status", "", &Value::Null);
        assert_eq!(seen["version"], wanted);
    };
    version("2.6.2");
    declare_audit(&vault);
    vault.delete_pod(0);
    let (_, document) = vault.check_until("what 2.7 does", &ARGS, |_, document| fires(document, "upgrade-trap"));
    let trap = alert(&document, "upgrade-trap").unwrap();
    assert_eq!((&trap["subject"]["name"], &trap["severity"]), (&json!("declared-audit"), &json!("info")), "{trap:#}");
    let image = json!({"spec": {"template": {"spec": {"containers":
        [{"name": "openbao", "image": "quay.io/openbao/openbao:2.7.2"}]}}}});
    vault.kubectl(&["patch", "statefulset", &vault.name, "-p", &image.to_string()], "");
    vault.delete_pod(0);
    let (_, document) = vault.check_until("2.7.2", &ARGS, |code, document| {
        code != 3 && verdict(document) != "down" && alert(document, "upgrade-trap").is_none()
    });
    version("2.7.2");
    assert!(alert(&document, "audit-silent").is_none(), "{document:#}");
}

#[test]
fn a_sealed_namespace_is_found_behind_a_health_of_200() {
    if left_out() {
        return;
    }
    let vault = with_token(lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"})));
    put(&vault, "sys/namespaces/plain", &json!({}));
    let key = sealed_namespace(&vault, "", "team");
    let (_, document) = vault.check_until("the sealed one", &ARGS, |_, document| fires(document, "namespace-sealed"));
    let found = alert(&document, "namespace-sealed").unwrap();
    assert_eq!((&found["subject"]["kind"], &found["subject"]["name"]), (&json!("Namespace"), &json!("team")));
    assert_eq!(ask(&vault, 0, "GET", "sys/health", "", &Value::Null).0, 200);

    // Who may list namespaces and not read their seals does not see that it is sealed, and not that it is well either.
    let policy = "path \"sys/namespaces\" { capabilities = [\"list\"] }";
    put(&vault, "sys/policies/acl/lists", &json!({"policy": policy}));
    let token = put(&vault, "auth/token/create", &json!({"policies": ["lists"]}));
    std::fs::write(vault.home.path().join("token"), token["auth"]["client_token"].as_str().unwrap()).unwrap();
    let (code, document) = vault.check(&ARGS);
    let found = alert(&document, "namespace-sealed").unwrap();
    assert_eq!((code, &found["state"]), (3, &json!("unknown")), "{found:#}");
    assert!(document.to_string().contains("sys/namespaces/team/seal-status"), "{document:#}");
    std::fs::write(vault.home.path().join("token"), root(&vault)).unwrap();

    put(&vault, "sys/namespaces/team/unseal", &json!({"key": key}));
    vault.check_until("the open one", &ARGS, |code, document| {
        code != 3 && alert(document, "namespace-sealed").is_none()
    });
}

/// `act … prove-keys Namespace/team` with these shares typed.
fn prove(vault: &Vault, key: &str) -> (Option<i32>, String) {
    let mut child = vault
        .baowatch(&["--cluster", "lab", "act", "run", "prove-keys", "Namespace/team", "--confirm", "y"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{key}").unwrap();
    let output = child.wait_with_output().unwrap();
    let told = said(&output);
    assert!(!told.contains(key), "a share was said");
    (output.status.code(), told)
}

/// The rotation of the namespace's own key, as the server tells it.
fn rotation(vault: &Vault) -> Value {
    let (status, body) = ask(vault, 0, "GET", "team/sys/rotate/root/init", &root(vault), &Value::Null);
    assert_eq!(status, 200, "{body}");
    body["data"].clone()
}

#[test]
fn a_namespaces_own_share_is_proven_and_says_nothing_of_the_vaults() {
    if left_out() {
        return;
    }
    let vault = with_token(lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"})));
    let key = sealed_namespace(&vault, "", "team");
    vault.check_until("a first whole look", &ARGS, |code, _| code != 3);
    let (code, told) = prove(&vault, &key);
    assert_eq!(code, Some(2), "a sealed one is opened with its shares instead: {told}");
    assert!(told.contains("it is sealed"), "{told}");

    put(&vault, "sys/namespaces/team/unseal", &json!({"key": key}));
    let (code, told) = prove(&vault, &key);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("namespace team accepts"), "{told}");
    assert_eq!(rotation(&vault)["started"], false, "{told}");
    let (_, document) = vault.check(&ARGS);
    assert_eq!(verdict(&document), "unproven", "it is no proof of the vault's own key: {document:#}");

    let wrong = "07".repeat(32);
    let (code, told) = prove(&vault, &wrong);
    assert_eq!(code, Some(0), "the answer is no, and it is an answer: {told}");
    assert!(told.contains("namespace team does not accept"), "{told}");
    assert_eq!(rotation(&vault)["started"], false);
    // The vault's own unseal key is another one.
    let (_, told) = prove(&vault, &vault.keys()[0]);
    assert!(told.contains("namespace team does not accept"), "{told}");
    assert_eq!(verdict(&vault.check(&ARGS).1), "unproven", "and that no says nothing of it either");

    // The share is what it was: it opens the namespace again.
    put(&vault, "sys/namespaces/team/seal", &json!({}));
    let opened = put(&vault, "sys/namespaces/team/unseal", &json!({"key": key}));
    assert_eq!(opened["data"]["sealed"], false, "{opened}");
}

/// The notes of rotations under way.
fn noted(folder: &std::path::Path) -> bool {
    std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let note = name.starts_with("proof-attempt-") && entry.path().extension().is_some_and(|end| end == "json");
        note || (entry.path().is_dir() && noted(&entry.path()))
    })
}

#[test]
fn killed_in_a_namespaces_proof_the_next_start_cancels_its_rotation() {
    if left_out() {
        return;
    }
    let vault = with_token(lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"})));
    let key = sealed_namespace(&vault, "", "team");
    put(&vault, "sys/namespaces/team/unseal", &json!({"key": key}));
    vault.check_until("a first whole look", &ARGS, |code, _| code != 3);
    let state = vault.home.path().join("state");
    let hit = (0..40).any(|_| {
        let mut child = vault
            .baowatch(&["--cluster", "lab", "act", "run", "prove-keys", "Namespace/team", "--confirm", "y"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _ = writeln!(child.stdin.take().unwrap(), "{key}");
        while child.try_wait().unwrap().is_none() {
            if noted(&state) {
                child.kill().unwrap();
                break;
            }
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
        child.wait().unwrap();
        let open = rotation(&vault)["started"] == true;
        if !open {
            assert_eq!(prove(&vault, &key).0, Some(0));
        }
        open
    });
    assert!(hit, "never killed while a rotation was open");
    assert!(noted(&state), "the note tells whose it is");
    let told = said(&vault.baowatch(&["--cluster", "lab", "act", "plan", "prove-keys"]).output().unwrap());
    assert!(told.contains("it is cancelled now"), "{told}");
    assert_eq!(rotation(&vault)["started"], false, "{told}");
    assert!(!noted(&state), "{told}");
    assert_eq!(prove(&vault, &key).0, Some(0));
}

/// What the feed sees of this vault for these logins.
async fn look(vault: &Vault, logins: Vec<Login>) -> EstateSeen {
    let shared = Shared { logins, ..Shared::default() };
    let (ask, roster) = asking(vault, Counted::to(vault), shared, Arc::new(WallClock));
    let wide = Wide {
        kube: None,
        vault: feeds::Vault { namespace: vault.namespace.clone(), name: vault.name.clone() },
        ask,
        roster,
        scope: Scope::default(),
        salt: Salt(vec![1]),
        clock: Arc::new(WallClock),
    };
    match EstateFeed::new(&wide).look().await.unwrap().remove(0) {
        Fact::Estate(seen) => *seen,
        other => panic!("{other:?}"),
    }
}

fn role<'a>(seen: &'a EstateSeen, mount: &str, name: &str) -> &'a RoleSeen {
    let methods = seen.auth.as_ref().unwrap();
    let method = methods.iter().find(|method| method.path == mount).unwrap_or_else(|| panic!("{methods:?}"));
    method.roles.iter().find(|role| role.name == name).unwrap_or_else(|| panic!("{method:?}"))
}

/// The API server's address and its authority, as a vault is told them.
pub(crate) fn api_server(vault: &Vault) -> (String, String) {
    let kubeconfig: Value =
        serde_json::from_str(&vault.lab.kubectl(&["config", "view", "--raw", "-o", "json"], "")).unwrap();
    let cluster = &kubeconfig["clusters"][0]["cluster"];
    let ca = match cluster["certificate-authority-data"].as_str() {
        Some(data) => String::from_utf8(base64::engine::general_purpose::STANDARD.decode(data).unwrap()).unwrap(),
        None => std::fs::read_to_string(cluster["certificate-authority"].as_str().unwrap()).unwrap(),
    };
    (cluster["server"].as_str().unwrap().to_owned(), ca)
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_of_kubernetes_and_jwt_auth_are_judged_as_the_vault_judges_them() {
    if left_out() {
        return;
    }
    let vault = with_token(lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"})));
    let (host, ca) = api_server(&vault);
    let namespace = vault.namespace.clone();
    vault.kubectl(&["create", "serviceaccount", "web"], "");
    vault.kubectl(&["create", "serviceaccount", "reviewer"], "");
    let reviewer = format!("--serviceaccount={namespace}:reviewer");
    let binding = format!("reviewer-{namespace}");
    vault
        .lab
        .kubectl(&["create", "clusterrolebinding", &binding, "--clusterrole=system:auth-delegator", &reviewer], "");
    let public = format!("issuer-{namespace}");
    let discovery = "--clusterrole=system:service-account-issuer-discovery";
    vault.lab.kubectl(&["create", "clusterrolebinding", &public, discovery, "--group=system:unauthenticated"], "");
    let reviewer = vault.kubectl(&["create", "token", "reviewer"], "").trim().to_owned();
    let web = vault.kubectl(&["create", "token", "web"], "").trim().to_owned();
    let for_jwt = vault.kubectl(&["create", "token", "web", "--audience=vault"], "").trim().to_owned();

    put(&vault, "sys/mounts/kv", &json!({"type": "kv", "options": {"version": "2"}}));
    put(&vault, "sys/mounts/kv1", &json!({"type": "kv", "options": {"version": "1"}}));
    put(&vault, "sys/mounts/transit", &json!({"type": "transit"}));
    let policy = "path \"kv/data/shop/*\" { capabilities = [\"read\"] }";
    put(&vault, "sys/policies/acl/shop", &json!({"policy": policy}));
    put(&vault, "sys/auth/kubernetes", &json!({"type": "kubernetes"}));
    put(
        &vault,
        "auth/kubernetes/config",
        &json!({"kubernetes_host": host, "kubernetes_ca_cert": ca, "token_reviewer_jwt": reviewer,
            "disable_local_ca_jwt": true}),
    );
    let bound = |account: &str| {
        json!({"bound_service_account_names": [account], "bound_service_account_namespaces": [namespace],
            "token_policies": ["shop"]})
    };
    put(&vault, "auth/kubernetes/role/web", &bound("web"));
    put(&vault, "auth/kubernetes/role/other", &bound("somebody-else"));
    put(&vault, "sys/auth/jwt", &json!({"type": "jwt"}));
    put(&vault, "auth/jwt/config", &json!({"jwks_url": format!("{host}/openid/v1/jwks"), "jwks_ca_pem": ca}));
    put(
        &vault,
        "auth/jwt/role/web",
        &json!({"role_type": "jwt", "user_claim": "sub", "bound_subject": format!("system:serviceaccount:{namespace}:web"),
            "token_policies": ["shop", "gone"], "bound_audiences": ["vault"]}),
    );
    put(&vault, "sys/auth/unready", &json!({"type": "kubernetes"}));
    put(&vault, "kv/data/shop/web", &json!({"data": {"a": "b"}}));

    // What the vault itself says to whoever logs in.
    let login = |mount: &str, role: &str| {
        let jwt = if mount == "jwt" { &for_jwt } else { &web };
        ask(&vault, 0, "PUT", &format!("auth/{mount}/login"), "", &json!({"role": role, "jwt": jwt}))
    };
    let (status, answer) = login("kubernetes", "web");
    assert_eq!(status, 200, "{answer}");
    let token = answer["auth"]["client_token"].as_str().unwrap().to_owned();
    assert_eq!(ask(&vault, 0, "GET", "kv/data/shop/web", &token, &Value::Null).0, 200);
    assert_eq!(ask(&vault, 0, "GET", "kv/data/till", &token, &Value::Null).0, 403);
    assert_ne!(login("kubernetes", "missing").0, 200);
    assert_eq!(login("kubernetes", "other").0, 403);
    let (status, answer) = login("jwt", "web");
    assert_eq!(status, 200, "{answer}");

    let made = |mount: &str, role: &str, path: &str| Login {
        namespace: String::new(),
        mount: mount.into(),
        role: role.into(),
        accounts: vec![(namespace.clone(), "web".to_owned())],
        needs: vec![(path.to_owned(), "read".to_owned())],
    };
    let logins = vec![
        made("kubernetes", "web", "kv/data/shop/web"),
        made("kubernetes", "web", "kv/data/till"),
        made("kubernetes", "missing", "kv/data/shop/web"),
        made("kubernetes", "other", "kv/data/shop/web"),
        made("jwt", "web", "kv/data/shop/web"),
        made("jwt", "missing", "kv/data/shop/web"),
        made("nowhere", "web", "kv/data/shop/web"),
        made("nowhere", "job", "kv/data/shop/web"),
        made("unready", "web", "kv/data/shop/web"),
    ];
    let seen = look(&vault, logins).await;
    assert_eq!(role(&seen, "kubernetes", "web").wrong, ["no policy allows read on kv/data/till"]);
    assert_eq!(role(&seen, "kubernetes", "missing").wrong, ["this role does not exist"]);
    let other = &role(&seen, "kubernetes", "other").wrong;
    assert_eq!(other, &[format!("it does not let ServiceAccount {namespace}/web in")]);
    assert_eq!(role(&seen, "jwt", "web").wrong, ["policy gone does not exist"], "and what is read is allowed");
    assert_eq!(role(&seen, "jwt", "missing").wrong, ["this role does not exist"]);
    for name in ["web", "job"] {
        assert_eq!(role(&seen, "nowhere", name).wrong, ["no auth method is mounted at nowhere"], "{name}");
    }
    let mounted = |path: &str| {
        let mount = seen.mounts.as_ref().unwrap().iter().find(|mount| mount.path == path).unwrap();
        (mount.kind.as_str(), mount.version)
    };
    assert_eq!(
        (mounted("kv"), mounted("kv1"), mounted("transit")),
        (("kv", Some(2)), ("kv", Some(1)), ("transit", None))
    );
    let configured =
        |path: &str| seen.auth.as_ref().unwrap().iter().find(|method| method.path == path).unwrap().configured;
    assert_eq!(
        (configured("kubernetes"), configured("jwt"), configured("unready")),
        (Some(true), Some(true), Some(false))
    );
    for role in seen.auth.iter().flatten().flat_map(|method| &method.roles) {
        assert!(role.untold.is_empty(), "{role:?}");
    }
    // And as a person reads it.
    let console = Console::with(&vault, &ARGS, 300, 60);
    console.wait_for("unsealed");
    console.type_in("1");
    for told in ["kv (kv v2)", "kv1 (kv v1)", "transit (transit)", "unready (kubernetes)"] {
        console.wait_for(told);
    }
    console.quit();
    vault.lab.kubectl(&["delete", "clusterrolebinding", &binding, &public], "");
}
