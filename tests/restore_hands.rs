//! The hands that write the keys Secret, the keystore and the register: one body a claim, against the sandbox **and**
//! against a real API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the bodies of claims are test code too, outside of test functions"
)]

mod lab;

use std::collections::BTreeMap;
use std::sync::Arc;

use baowatch::app::id::{Identity, ObjectRef};
use baowatch::app::model::keys_secret::Fingerprint;
use baowatch::app::model::keystore::KeyKind;
use baowatch::app::runbook::op::{Content, FieldWrite, Form, Found, Op, Outcome};
use baowatch::app::runtime::slots::Slots;
use baowatch::app::trouble::{Trouble, TroubleKind};
use baowatch::backends::bao::transport::{Request, Response, Transport};
use baowatch::backends::hands::{Gear, Tools, perform, probe};
use baowatch::backends::keys::{FieldNames, Salt, digest};
use baowatch::backends::keystore::Keeper;
use baowatch::backends::keystore::kdf::Cost;
use baowatch::backends::keystore::opened::Opened;
use baowatch::backends::keystore::slot::Opener;
use baowatch::backends::keystore::store::MemoryStore;
use baowatch::backends::kube::apply::KubeApply;
use baowatch::backends::kube::port::{Kube, KubeWrite, SecretApply};
use baowatch::backends::kube::register::NAME;
use baowatch::backends::sandbox::Sandbox;
use baowatch::backends::sandbox::event::{Event, Way};
use baowatch::backends::sandbox::scenario::Scenario;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;
use zeroize::Zeroizing;

/// What others do to the Secret.
#[derive(Clone, Copy)]
enum Deed {
    Emptied,
    Spoiled,
    Deleted,
}

/// A cluster with a keys Secret in it.
struct Side {
    namespace: String,
    kube: Arc<dyn Kube>,
    write: Arc<dyn KubeWrite>,
    happen: Box<dyn Fn(Deed)>,
}

/// No replica is spoken to.
struct Deaf;

#[async_trait::async_trait]
impl Transport for Deaf {
    async fn send(&self, _: &str, _: Request) -> Result<Response, Trouble> {
        Err(Trouble::unreachable("nobody is asked here", "", ""))
    }
}

const LABEL: &str = "anna@laptop";

fn salt() -> Salt {
    Salt(vec![7; 16])
}

fn identity() -> Identity {
    Identity("uid/data/openbao".into())
}

fn opener() -> Opener {
    Opener::Keyfile(Zeroizing::new([9; 32]))
}

/// An open, empty keystore in memory.
fn keeper() -> Keeper {
    let store = Arc::new(MemoryStore::new("/keystore", None));
    let keeper = Keeper::new(store, identity(), salt(), Arc::new(|_| Vec::new()), false);
    let now = Timestamp::UNIX_EPOCH;
    let new = Opened::create(&identity(), &salt(), &opener(), Cost::FLOOR, "test", now).unwrap();
    keeper.create(new, now).unwrap();
    keeper
}

impl Side {
    fn object(&self) -> ObjectRef {
        ObjectRef::secret(&self.namespace, "openbao-keys")
    }

    fn tools(&self, keeper: &Keeper, holder: &str) -> Tools {
        let gear = Gear::bare(
            Arc::new(Deaf),
            Some(Arc::clone(&self.kube)),
            FieldNames::default(),
            salt(),
            Slots::default(),
        );
        Tools::new(Gear {
            kube_write: Some(Arc::clone(&self.write)),
            keeper: keeper.clone(),
            identity: identity(),
            holder: holder.into(),
            ..gear
        })
    }

    async fn secret(&self) -> Option<Secret> {
        self.kube.secret(&self.namespace, "openbao-keys").await.unwrap()
    }

    async fn data(&self) -> BTreeMap<String, Vec<u8>> {
        let data = self.secret().await.and_then(|secret| secret.data).unwrap_or_default();
        data.into_iter().map(|(name, value)| (name, value.0)).collect()
    }

    /// Fingerprints of the keys in it.
    async fn prints(&self) -> Vec<Fingerprint> {
        let data = self.secret().await.and_then(|secret| secret.data).unwrap_or_default();
        let fields = digest(&data, &FieldNames::default(), &salt());
        fields.into_iter().filter(|field| field.name == "key").flat_map(|field| field.prints).collect()
    }

    async fn found(&self) -> Option<Found> {
        let uid = self.secret().await?.metadata.uid.unwrap_or_default();
        Some(Found { uid, prints: self.prints().await })
    }

    fn save(&self, prints: &[Fingerprint], over: Option<u32>) -> Op {
        Op::SaveKeys {
            object: self.object(),
            prints: prints.to_vec(),
            kind: KeyKind::Unseal,
            threshold: 1,
            total: 1,
            vault_cluster_id: Some("c1".into()),
            over,
        }
    }

    fn apply(&self, prints: &[Fingerprint], found: Option<Found>) -> Op {
        let field = |name: &str| FieldWrite { name: name.into(), content: Content::Verbatim };
        Op::ApplySecret {
            object: self.object(),
            generation: 1,
            fields: vec![field("key"), field("root-token")],
            prints: prints.to_vec(),
            found,
            immutable: false,
        }
    }
}

fn done(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done { evidence } => evidence,
        other => panic!("{other:?}"),
    }
}

fn failed(outcome: Outcome) -> Trouble {
    match outcome {
        Outcome::Failed { trouble } => trouble,
        other => panic!("{other:?}"),
    }
}

/// Names under `f:data` that this manager applied.
fn applied(secret: &Secret, manager: &str) -> Vec<String> {
    let mut names: Vec<String> = secret
        .metadata
        .managed_fields
        .iter()
        .flatten()
        .filter(|entry| entry.manager.as_deref() == Some(manager) && entry.operation.as_deref() == Some("Apply"))
        .filter_map(|entry| entry.fields_v1.as_ref()?.0.get("f:data")?.as_object())
        .flat_map(|fields| fields.keys().filter_map(|name| Some(name.strip_prefix("f:")?.to_owned())))
        .collect();
    names.sort();
    names
}

/// Everything from the Secret into the keystore and back, as the incident wants it.
async fn saved_and_restored(side: &Side) {
    let keeper = keeper();
    let tools = side.tools(&keeper, LABEL);
    let (before, prints) = (side.data().await, side.prints().await);
    assert_eq!((before.len(), prints.len()), (2, 1));
    let evidence = done(perform(&side.save(&prints, None), &tools).await);
    assert!(evidence.contains("generation 1 saved: 1 key and the root token"), "{evidence}");
    keeper
        .with(|opened| {
            let kept = opened.payload().generation(1).unwrap();
            assert_eq!(kept.fields.iter().map(|field| field.bytes.expose()).collect::<Vec<_>>(), before.values().collect::<Vec<_>>());
            assert_eq!(kept.root_token.as_ref().unwrap().expose(), before["root-token"]);
            let seen = opened.header().current().unwrap();
            assert_eq!((&seen.prints, seen.vault_cluster_id.as_deref()), (&prints, Some("c1")));
        })
        .unwrap();
    // Saved over another generation than the plan was made for.
    let trouble = failed(perform(&side.save(&prints, None), &tools).await);
    assert!(trouble.what.contains("nothing was saved"), "{trouble}");

    (side.happen)(Deed::Emptied);
    assert!(side.prints().await.is_empty());
    let found = side.found().await;
    let evidence = done(perform(&side.apply(&prints, found.clone()), &tools).await);
    let secret = side.secret().await.unwrap();
    let version = secret.metadata.resource_version.clone().unwrap();
    assert!(evidence.contains(&prints[0].to_string()) && evidence.contains(&format!("rv {version}")), "{evidence}");
    assert_eq!(side.data().await, before, "byte for byte what it was");
    assert_eq!(applied(&secret, "baowatch"), ["key", "root-token"], "{:?}", secret.metadata.managed_fields);
    assert_eq!(secret.metadata.uid.as_deref(), found.as_ref().map(|found| found.uid.as_str()));
    let finding = probe(&side.apply(&prints, found), &tools).await.unwrap();
    assert!(finding.says.contains("holds these keys"), "{finding:?}");

    // Once more: nothing is sent.
    let again = perform(&side.apply(&prints, side.found().await), &tools).await;
    assert!(matches!(&again, Outcome::Unneeded { .. }), "{again:?}");
    assert_eq!(side.secret().await.unwrap().metadata.resource_version, Some(version));

    (side.happen)(Deed::Deleted);
    assert!(failed(perform(&side.apply(&prints, Some(Found { uid: "x".into(), prints: Vec::new() })), &tools).await).why.contains("deleted"));
    assert!(side.secret().await.is_none(), "nothing was written");
    done(perform(&side.apply(&prints, None), &tools).await);
    let secret = side.secret().await.unwrap();
    assert_eq!((side.data().await, secret.type_.as_deref()), (before, Some("Opaque")));
}

/// Whatever the plan was not made for is left exactly as it is.
async fn a_changed_secret_is_left_alone(side: &Side) {
    let keeper = keeper();
    let tools = side.tools(&keeper, LABEL);
    let prints = side.prints().await;
    done(perform(&side.save(&prints, None), &tools).await);
    (side.happen)(Deed::Emptied);
    let then = side.found().await;
    let old = side.secret().await.unwrap().metadata.resource_version.unwrap();
    (side.happen)(Deed::Spoiled);
    let (theirs, other) = (side.data().await, side.prints().await);
    assert!(!other.is_empty() && other != prints);
    let trouble = failed(perform(&side.apply(&prints, then), &tools).await);
    assert!(trouble.what.contains("nothing was written") && trouble.why.contains(&other[0].to_string()), "{trouble}");
    assert_eq!(side.data().await, theirs);
    // Between the look and the write, too: the version that was read is the only one that is written over.
    let apply = SecretApply {
        namespace: side.namespace.clone(),
        name: "openbao-keys".into(),
        fields: vec![("key".into(), Zeroizing::new(b"x".to_vec()))],
        immutable: false,
    };
    let trouble = side.write.apply_secret_over(&old, apply).await.unwrap_err();
    assert_eq!(trouble.kind, TroubleKind::Refused, "{trouble}");
    assert_eq!(side.data().await, theirs);
    // What the keystore would write is not what the plan says.
    let found = side.found().await;
    let none = [Fingerprint("0".repeat(16))];
    let trouble = failed(perform(&side.apply(&none, found.clone()), &tools).await);
    assert!(trouble.what.contains("is not what the plan was made for; nothing was written"), "{trouble}");
    keeper.lock();
    let trouble = failed(perform(&side.apply(&prints, found), &tools).await);
    assert!(trouble.what.contains("locked"), "{trouble}");
    // A save is of what the plan showed, or of nothing.
    assert!(failed(perform(&side.save(&prints, Some(1)), &tools).await).what.contains("changed since"));
    assert_eq!(side.data().await, theirs);
}

/// In another form than it was saved in, and for good.
async fn an_immutable_secret_says_so(side: &Side) {
    let keeper = keeper();
    let tools = side.tools(&keeper, LABEL);
    let prints = side.prints().await;
    done(perform(&side.save(&prints, None), &tools).await);
    (side.happen)(Deed::Emptied);
    let op = Op::ApplySecret {
        object: side.object(),
        generation: 1,
        fields: vec![FieldWrite { name: "key".into(), content: Content::Share { index: 0, form: Form::Hex } }],
        prints: prints.clone(),
        found: side.found().await,
        immutable: true,
    };
    let evidence = done(perform(&op, &tools).await);
    assert!(evidence.contains("immutable"), "{evidence}");
    assert_eq!((side.prints().await, side.data().await["key"].len()), (prints.clone(), 64));
    let version = side.secret().await.unwrap().metadata.resource_version;
    let trouble = failed(perform(&side.apply(&prints, side.found().await), &tools).await);
    assert!(trouble.why.contains("immutable") && trouble.next.contains("Delete it"), "{trouble}");
    assert_eq!(side.secret().await.unwrap().metadata.resource_version, version);
}

/// Two machines, one ConfigMap.
async fn the_register_keeps_what_others_wrote(side: &Side) {
    let keeper = keeper();
    let prints = side.prints().await;
    let (anna, ben) = (side.tools(&keeper, LABEL), side.tools(&keeper, "ben's desk"));
    done(perform(&side.save(&prints, None), &anna).await);
    let object = ObjectRef::new("ConfigMap", &side.namespace, NAME);
    let publish = Op::PublishRegister { object: object.clone() };
    assert!(probe(&publish, &anna).await.unwrap().says.contains("does not exist"));
    done(perform(&publish, &anna).await);
    done(perform(&publish, &ben).await);
    done(perform(&publish, &anna).await);
    let map = side.kube.config_map(&side.namespace, NAME).await.unwrap().unwrap();
    let seen = baowatch::backends::kube::register::read(&object, &map, &identity(), LABEL, &salt().hex()).unwrap();
    assert!(seen.comparable);
    assert_eq!((seen.holdings.len(), seen.of_others().count()), (2, 1), "{seen:?}");
    assert!(seen.holdings.iter().all(|held| held.prints == prints && held.generation == 1));
    assert!(probe(&publish, &ben).await.unwrap().says.contains("names 1 place of ben's desk"));
    // Another vault's register is not written into.
    let stranger = Tools::new(Gear {
        kube_write: Some(Arc::clone(&side.write)),
        identity: Identity("else".into()),
        holder: "eve".into(),
        ..Gear::bare(Arc::new(Deaf), Some(Arc::clone(&side.kube)), FieldNames::default(), salt(), Slots::default())
    });
    assert!(failed(perform(&publish, &stranger).await).why.contains("another cluster"));
    let after = side.kube.config_map(&side.namespace, NAME).await.unwrap().unwrap();
    assert_eq!(after.data, map.data);
}

fn sandbox() -> Side {
    let mut scenario = Scenario::named("healthy").unwrap();
    scenario.events.clear();
    let namespace = scenario.vault.namespace.clone();
    let sandbox = Sandbox::new(&scenario);
    sandbox.advance_by(SignedDuration::from_secs(1));
    let world = Arc::clone(&sandbox);
    let happen = move |deed| {
        world.advance_by(SignedDuration::from_secs(1));
        world.happen(&match deed {
            Deed::Emptied => Event::SecretEmptied { how: Way::Replace },
            Deed::Spoiled => Event::SecretSpoiled,
            Deed::Deleted => Event::SecretDeleted,
        });
    };
    Side { namespace, kube: sandbox.clone(), write: sandbox, happen: Box::new(happen) }
}

async fn real(vault: &'static lab::Vault) -> Side {
    use baowatch::backends::connect::{Asked, connect};
    let asked = Asked {
        kubeconfig: Some(vault.lab.kubeconfig.clone().into()),
        vault: Some((vault.namespace.clone(), vault.name.clone())),
        ..Asked::default()
    };
    let target = connect(&asked).await.unwrap();
    let write = Arc::new(KubeApply::new(target.forward.as_ref().unwrap().client.clone()));
    let bare = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "openbao-keys", "namespace": vault.namespace}});
    let happen = move |deed| match deed {
        Deed::Emptied => drop(vault.kubectl(&["replace", "-f", "-"], &bare.to_string())),
        Deed::Spoiled => {
            use base64::Engine as _;
            let wrong = base64::engine::general_purpose::STANDARD.encode("cd".repeat(32));
            let patch = json!({"data": {"key": wrong}}).to_string();
            drop(vault.kubectl(&["patch", "secret", "openbao-keys", "--type=merge", "-p", &patch], ""));
        }
        Deed::Deleted => drop(vault.kubectl(&["delete", "secret", "openbao-keys"], "")),
    };
    Side { namespace: vault.namespace.clone(), kube: target.kube.unwrap(), write, happen: Box::new(happen) }
}

/// A vault that lives as long as the test process: the lab ends with it.
fn vault() -> &'static lab::Vault {
    Box::leak(Box::new(lab::lab().vault(json!({"secret": "openbao-keys"}))))
}

macro_rules! on_both {
    ($($claim:ident),* $(,)?) => {
        mod simulated {
            $(#[tokio::test]
            async fn $claim() {
                super::$claim(&super::sandbox()).await;
            })*
        }
        mod server {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $claim() {
                if super::lab::left_out() {
                    return;
                }
                super::$claim(&super::real(super::vault()).await).await;
            })*
        }
    };
}

on_both![
    saved_and_restored,
    a_changed_secret_is_left_alone,
    an_immutable_secret_says_so,
    the_register_keeps_what_others_wrote,
];
