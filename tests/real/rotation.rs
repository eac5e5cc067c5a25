//! A real PostgreSQL behind the real database engine: it stops, and only the time of the last rotation stands still.

use std::path::Path;

use serde_json::{Value, json};

use crate::estate::api_server;
use crate::lab::{Lab, Vault, alert, lab, left_out};
use crate::postgres::{PASSWORD, Postgres};
use crate::prove::{ask, root};
use crate::workloads::{next_second, rolled_out, workload};

const CLUSTER: [&str; 2] = ["--cluster", "lab"];

/// What the README says that a token needs, and no more.
fn policy() -> &'static str {
    let readme = include_str!("../../README.md");
    let block = readme.split("```hcl\n").find(|block| block.starts_with("path \"kv/metadata/*\""));
    block.and_then(|block| block.split("```").next()).expect("the README's policy")
}

fn put(vault: &Vault, path: &str, body: &Value) {
    let (status, answer) = ask(vault, 0, "POST", path, &root(vault), body);
    assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
}

/// A vault with a database engine on this server: a static role of ten seconds, and a dynamic one.
fn vault_on(postgres: &Postgres) -> Vault {
    vault_in(lab(), postgres, "10s")
}

/// The same in this lab, with a static role of this period.
fn vault_in(lab: &'static Lab, postgres: &Postgres, period: &str) -> Vault {
    let vault = lab.vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    put(&vault, "sys/mounts/database", &json!({"type": "database"}));
    let url =
        format!("postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{}/postgres?sslmode=disable", postgres.port);
    let connection = json!({
        "plugin_name": "postgresql-database-plugin", "allowed_roles": ["*"], "connection_url": url,
        "username": "vault", "password": PASSWORD,
    });
    put(&vault, "database/config/pg", &connection);
    put(
        &vault,
        "database/static-roles/fleet",
        &json!({"db_name": "pg", "username": "fleet", "rotation_period": period}),
    );
    let statements = ["CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"];
    let app = json!({"db_name": "pg", "creation_statements": statements, "default_ttl": "1h", "max_ttl": "2h"});
    put(&vault, "database/roles/app", &app);
    vault
}

/// A token of this policy, in the file that the configuration names.
fn token(vault: &mut Vault, policy: &str) {
    put(vault, "sys/policies/acl/looks", &json!({"policy": policy}));
    let body = json!({"policies": ["looks"]});
    let (_, made) = ask(vault, 0, "POST", "auth/token/create", &root(vault), &body);
    let file = vault.home.path().join("token");
    std::fs::write(&file, made["auth"]["client_token"].as_str().unwrap()).unwrap();
    let (namespace, name, file) = (&vault.namespace, &vault.name, file.display());
    let yaml = format!(
        "clusters:\n  lab:\n    vault:\n      namespace: {namespace}\n      name: {name}\n      tokenFile: {file}\n"
    );
    vault.configure(&yaml);
}

fn engines_live(document: &Value) -> bool {
    document["feeds"].as_array().unwrap().iter().any(|feed| feed["name"] == "engines" && feed["state"] == "live")
}

fn password(vault: &Vault, path: &str) -> String {
    let (_, body) = ask(vault, 0, "GET", path, &root(vault), &Value::Null);
    body["data"]["password"].as_str().unwrap_or_else(|| panic!("{path}: no password")).to_owned()
}

#[test]
fn a_database_that_stops_is_found_by_the_rotation_that_stands_still() {
    if left_out() {
        return;
    }
    let mut postgres = Postgres::start();
    let mut vault = vault_on(&postgres);
    put(&vault, "sys/mounts/pki", &json!({"type": "pki", "config": {"max_lease_ttl": "87600h"}}));
    put(&vault, "pki/root/generate/internal", &json!({"common_name": "lab", "ttl": "36h"}));
    token(&mut vault, policy());

    // The policy is enough, and the authority that ends tomorrow is found with it.
    let (_, document) = vault.check_until("the issuer's end", &CLUSTER, |_, d| alert(d, "cert-expiring").is_some());
    assert!(engines_live(&document), "{document:#}");
    let alerts = document["alerts"].as_array().unwrap();
    let unseen: Vec<&Value> = alerts.iter().filter(|alert| alert["state"] == "unknown").collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
    let told = alert(&document, "cert-expiring").unwrap();
    assert_eq!((&told["severity"], &told["state"]), (&json!("critical"), &json!("firing")), "{told:#}");
    for quiet in ["rotation-overdue", "lease-irrevocable", "lease-expiring"] {
        assert!(alert(&document, quiet).is_none(), "{quiet}: {document:#}");
    }

    // The next authority takes its place.
    let next = json!({"common_name": "lab 2", "ttl": "8760h"});
    let (_, made) = ask(&vault, 0, "POST", "pki/root/generate/internal", &root(&vault), &next);
    put(&vault, "pki/config/issuers", &json!({"default": made["data"]["issuer_id"]}));
    vault.check_until("an issuer that lasts", &CLUSTER, |_, d| engines_live(d) && alert(d, "cert-expiring").is_none());

    postgres.stop();
    let (code, document) =
        vault.check_until("the late rotation", &CLUSTER, |_, d| alert(d, "rotation-overdue").is_some());
    let told = alert(&document, "rotation-overdue").unwrap();
    // The vault itself says nothing: it goes on handing out the password.
    password(&vault, "database/static-creds/fleet");
    assert_eq!((code, &told["severity"]), (2, &json!("critical")), "{told:#}");
    assert!(told["sentence"].as_str().unwrap().starts_with("database/fleet is overdue"), "{told:#}");

    postgres.again();
    vault.check_until("the rotation made up for", &CLUSTER, |_, d| {
        engines_live(d) && alert(d, "rotation-overdue").is_none()
    });
}

#[test]
fn without_rights_the_policy_line_is_said_and_no_password_comes_out() {
    if left_out() {
        return;
    }
    let postgres = Postgres::start();
    let mut vault = vault_on(&postgres);
    // It sees that the engine is there, and may do nothing else.
    token(&mut vault, "path \"database/roles\" { capabilities = [\"list\"] }");
    let (code, document) = vault.check_until("what is denied", &CLUSTER, |_, d| alert(d, "rotation-overdue").is_some());
    let told = alert(&document, "rotation-overdue").unwrap();
    assert_eq!((code, &told["state"]), (3, &json!("unknown")), "{document:#}");
    let line = "path \"database/static-roles\" { capabilities = [\"list\"] }";
    assert!(told.to_string().contains(&line.replace('"', "\\\"")), "{told:#}");

    // With rights to everything, passwords included, none of them is asked for or shown.
    token(
        &mut vault,
        "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"delete\", \"list\", \"sudo\"] }",
    );
    let mut secrets = vec![PASSWORD.to_owned(), password(&vault, "database/creds/app")];
    secrets.push(password(&vault, "database/static-creds/fleet"));
    let log = vault.home.path().join("trace.log");
    let mut out = Vec::new();
    for args in [&["check", "--output", "json"][..], &["check"], &["--print", "200x60"]] {
        let mut command = vault.baowatch(&["--log-file", &log.display().to_string(), "--cluster", "lab"]);
        let output = command.args(args).env("BAOWATCH_LOG", "trace").output().unwrap();
        out.extend(output.stdout.into_iter().chain(output.stderr));
        secrets.push(password(&vault, "database/static-creds/fleet"));
    }
    out.extend(std::fs::read(&log).unwrap());
    let text = String::from_utf8_lossy(&out);
    assert!(text.contains("rotation-overdue") || text.contains("engines"), "the commands said something");
    for secret in secrets {
        assert!(!text.contains(&secret), "a password came out");
    }
}

/// The Kubernetes engine makes tokens of ServiceAccounts; what it has out is counted like the users of a database.
#[test]
fn leases_of_other_engines_are_counted_by_their_roles() {
    if left_out() {
        return;
    }
    let mut vault = lab().vault(json!({"replicas": 1, "unsealer": "sidecar", "secret": "openbao-keys"}));
    let namespace = vault.namespace.clone();
    vault.kubectl(&["create", "serviceaccount", "minter"], "");
    let minter = format!("--serviceaccount={namespace}:minter");
    vault.kubectl(&["create", "rolebinding", "minter", "--clusterrole=admin", &minter], "");
    let tokens = ["--verb=create", "--resource=serviceaccounts/token"];
    vault.kubectl(&["create", "role", "mints", tokens[0], tokens[1]], "");
    vault.kubectl(&["create", "rolebinding", "mints", "--role=mints", &minter], "");
    let jwt = vault.kubectl(&["create", "token", "minter"], "").trim().to_owned();
    let (host, ca) = api_server(&vault);
    put(&vault, "sys/mounts/cluster", &json!({"type": "kubernetes"}));
    let config = json!({"kubernetes_host": host, "kubernetes_ca_cert": ca, "service_account_jwt": jwt,
        "disable_local_ca_jwt": true});
    put(&vault, "cluster/config", &config);
    let role = json!({"allowed_kubernetes_namespaces": [namespace], "service_account_name": "default",
        "token_default_ttl": "1h"});
    put(&vault, "cluster/roles/deploy", &role);
    for _ in 0..2 {
        put(&vault, "cluster/creds/deploy", &json!({"kubernetes_namespace": namespace}));
    }
    token(&mut vault, policy());
    vault.check_until("the engines", &CLUSTER, |_, document| engines_live(document));
    let output = vault.baowatch(&["--cluster", "lab", "--print", "200x60"]).output().unwrap();
    let screen = String::from_utf8_lossy(&output.stdout).into_owned();
    let row = screen.lines().find(|line| line.contains("cluster/creds/deploy"));
    assert!(row.is_some_and(|row| row.contains("2 leases")), "{screen}");
}

/// A static role whose credentials VSO brings into a Secret that a Deployment reads by its environment: how far each rotation
/// has come. The operator is played: what it would write is written here.
#[test]
fn a_rotation_is_followed_into_the_containers_that_read_it() {
    if left_out() {
        return;
    }
    let lab = crate::nodes::own_lab();
    let postgres = Postgres::start();
    let mut vault = vault_in(lab, &postgres, "1h");
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/crds/vso.yaml").display().to_string();
    lab.kubectl(&["apply", "-f", &crds], "");
    lab.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &crds], "");
    token(&mut vault, policy());
    let apply = |object: &Value| vault.kubectl(&["apply", "-f", "-"], &object.to_string());
    apply(&json!({
        "apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultDynamicSecret",
        "metadata": {"namespace": vault.namespace, "name": "fleet",
            "finalizers": ["vaultdynamicsecret.secrets.hashicorp.com/finalizer"]},
        "spec": {"mount": "database", "path": "static-creds/fleet", "allowStaticCreds": true, "vaultAuthRef": "openbao",
            "destination": {"name": "db", "create": true}},
    }));
    // The operator fetches what the vault has now.
    let fetch = |again: bool| {
        let (_, role) = ask(&vault, 0, "GET", "database/static-roles/fleet", &root(&vault), &Value::Null);
        let rotated: jiff::Timestamp = role["data"]["last_vault_rotation"].as_str().unwrap().parse().unwrap();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"},
            "stringData": {"p": password(&vault, "database/static-creds/fleet")}});
        vault.kubectl(&[if again { "replace" } else { "create" }, "-f", "-"], &secret.to_string());
        let at = baowatch::app::runtime::clock::now();
        let synced = json!({"type": "SecretSynced", "status": "True", "reason": "Synced", "message": "Secret synced",
            "observedGeneration": 1, "lastTransitionTime": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()});
        let status = json!({"status": {"lastGeneration": 1, "lastRenewalTime": at.as_second(), "conditions": [synced],
            "secretLease": {"id": "", "duration": 0, "renewable": false, "requestID": "x"},
            "staticCredsMetaData": {"lastVaultRotation": rotated.as_second(), "rotationPeriod": 3_600, "ttl": 3_599}}});
        let patch = status.to_string();
        let kind = "vaultdynamicsecrets.secrets.hashicorp.com";
        vault.kubectl(&["patch", kind, "fleet", "--subresource=status", "--type=merge", "-p", &patch], "");
    };
    fetch(false);
    next_second();
    apply(&workload("Deployment", "web", "env", &json!({"replicas": 1})));
    rolled_out(&vault, "deployment/web");
    let shows = |what: &str| {
        let mut screen = String::new();
        for _ in 0..20 {
            let output = vault.baowatch(&["--cluster", "lab", "--print", "200x60"]).output().unwrap();
            screen = String::from_utf8_lossy(&output.stdout).into_owned();
            if screen.contains(what) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
        panic!("no {what:?}: {screen}");
    };
    shows("1 arrived in");
    // Rotated by hand: nobody has it yet.
    put(&vault, "database/rotate-role/fleet", &json!({}));
    shows("fleet not arrived for");
    // The operator has it, and the container still runs with what it read at its start.
    next_second();
    fetch(true);
    shows("fleet not arrived for");
    next_second();
    vault.kubectl(&["rollout", "restart", "deployment/web"], "");
    rolled_out(&vault, "deployment/web");
    shows("1 arrived in");
}
