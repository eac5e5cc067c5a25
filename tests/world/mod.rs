//! Facts of a small vault, for tests that feed the core by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what went wrong by panicking"
)]
#![allow(dead_code, reason = "each test file uses the part it needs")]

pub mod fed;
pub mod kept;

use baowatch::app::id::{FeedId, Identity, ObjectRef};
use baowatch::app::model::copies::{CopyKind, CopySeen, CopyState};
use baowatch::app::model::custody::{CustodySeen, CustodyState};
use baowatch::app::model::engines::EnginesSeen;
use baowatch::app::model::estate::EstateSeen;
use baowatch::app::model::fact::{ClusterSeen, Environment, Fact, Report, RightSeen};
use baowatch::app::model::keys_secret::{FieldSeen, Fingerprint, KeysSecret, KeysSeen, OwnerSeen, Purpose, Shape};
use baowatch::app::model::keystore::{GenerationSeen, KeyKind, KeystoreLook, KeystoreSeen, SlotKind, SlotSeen};
use baowatch::app::model::proof::{Answer, Method, Proof};
use baowatch::app::model::raft::{ClusterView, LogSeen, PeerSeen, RaftSeen};
use baowatch::app::model::register::{Holding, RegisterSeen};
use baowatch::app::model::seal::{Role, SealAnswer, SealKind, SealSeen};
use baowatch::app::model::table::Delta;
use baowatch::app::model::unsealer::{Liveness, SecretUse, UnsealerSeen, UnsealersSeen, UseHow};
use baowatch::app::model::workload::{ContainerSeen, PodSeen, WorkloadSeen};
use baowatch::app::msg::Msg;
use baowatch::app::time::Stamped;
use baowatch::app::trouble::Trouble;
use jiff::{SignedDuration, Timestamp};

pub const START: &str = "2026-11-22T04:00:00Z";

pub fn at(seconds: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

pub fn stamped(seconds: i64, seq: u64, msg: Msg) -> Stamped<Msg> {
    Stamped { at: at(seconds), seq, msg }
}

pub fn report(feed: FeedId, facts: Vec<Fact>) -> Msg {
    Msg::Seen(Report { feed, outcome: Ok(facts) })
}

pub fn cluster() -> Msg {
    report(
        FeedId::Workload,
        vec![
            Fact::Connected(ClusterSeen {
                name: "prod-fra".into(),
                context: Some("prod-fra".into()),
                vault: "data/openbao".into(),
                identity: Identity::of_cluster("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "data", "openbao"),
                environment: Environment::Production,
                kubernetes: true,
                notes: Vec::new(),
            }),
            Fact::Workload(Some(workload(3))),
        ],
    )
}

pub fn workload(replicas: u32) -> WorkloadSeen {
    WorkloadSeen {
        namespace: "data".into(),
        name: "openbao".into(),
        replicas,
        members: (0..replicas).map(|n| format!("openbao-{n}")).collect(),
        ordered: false,
        on_delete: true,
        rollout_pending: false,
        tls: false,
    }
}

pub fn container(name: &str) -> ContainerSeen {
    ContainerSeen {
        name: name.into(),
        running: true,
        ready: true,
        started: Some(at(-86_400)),
        restarts: 0,
        reason: None,
    }
}

pub fn pod(n: u32, life: u32) -> PodSeen {
    PodSeen {
        name: format!("openbao-{n}"),
        uid: format!("uid-{n}-{life}"),
        phase: "Running".into(),
        node: Some(format!("node-{n}")),
        deleting: false,
        created: Some(at(-86_400)),
        containers: vec![container("openbao"), container("unsealer")],
    }
}

pub fn pods(lives: [u32; 3]) -> Msg {
    let pods = lives.iter().enumerate().map(|(n, life)| pod(n as u32, *life)).collect();
    report(FeedId::Pods, vec![Fact::Pods(pods)])
}

pub fn seal(sealed: bool, role: Option<Role>) -> SealSeen {
    SealSeen {
        initialized: true,
        sealed,
        kind: SealKind::Shamir,
        threshold: 1,
        shares: 1,
        progress: 0,
        nonce: String::new(),
        version: "2.7.2".into(),
        storage: Some("raft".into()),
        migration: false,
        role,
        cluster_id: (!sealed).then(|| "c1".into()),
        leader: role.map(|_| "http://openbao-0:8200".into()),
        skew_seconds: Some(0),
    }
}

pub fn says(n: u32, seen: SealSeen) -> Fact {
    Fact::Seal { replica: format!("openbao-{n}"), answer: SealAnswer::Said(seen) }
}

pub fn silent(n: u32) -> Fact {
    let trouble = Trouble::unreachable("openbao-0 does not answer", "connection refused", "Look at its pod");
    Fact::Seal { replica: format!("openbao-{n}"), answer: SealAnswer::Silent(trouble) }
}

/// One flag a replica: sealed or not; the first open one is active.
pub fn seals(sealed: [bool; 3]) -> Msg {
    let active = sealed.iter().position(|sealed| !sealed);
    let facts = sealed
        .iter()
        .enumerate()
        .map(|(n, sealed)| {
            let role = if *sealed {
                None
            } else if Some(n) == active {
                Some(Role::Active)
            } else {
                Some(Role::Standby)
            };
            says(n as u32, seal(*sealed, role))
        })
        .collect();
    report(FeedId::Seal, facts)
}

pub fn print(text: &str) -> Fingerprint {
    Fingerprint(text.into())
}

pub fn secret(version: &str, shares: &[&str]) -> KeysSecret {
    let mut fields = Vec::new();
    if !shares.is_empty() {
        fields.push(FieldSeen {
            name: "key".into(),
            len: 44,
            purpose: Purpose::Shares,
            shape: Shape::Shares { count: shares.len() as u32, bytes: 32 },
            prints: shares.iter().map(|share| print(share)).collect(),
        });
        fields.push(FieldSeen {
            name: "root-token".into(),
            len: 26,
            purpose: Purpose::RootToken,
            shape: Shape::Token,
            prints: Vec::new(),
        });
    }
    KeysSecret {
        object: ObjectRef::secret("data", "openbao-keys"),
        uid: "secret-1".into(),
        version: version.into(),
        created: Some(at(-90_000)),
        immutable: false,
        fields,
        owners: vec![OwnerSeen {
            manager: "seeder".into(),
            apply: true,
            time: Some(at(-90_000)),
            data: vec!["key".into(), "root-token".into()],
        }],
        last_applied: None,
        gitops: None,
    }
}

pub fn keys(version: &str, shares: &[&str]) -> Msg {
    report(FeedId::KeysSecret, vec![Fact::Keys(KeysSeen::Present(Box::new(secret(version, shares))))])
}

pub fn unsealers(liveness: Liveness) -> Msg {
    report(
        FeedId::Unsealers,
        vec![Fact::Unsealers(UnsealersSeen {
            found: vec![UnsealerSeen {
                object: ObjectRef::new("StatefulSet", "data", "openbao"),
                container: "unsealer".into(),
                sidecar: true,
                liveness,
                uses: vec![SecretUse {
                    secret: "openbao-keys".into(),
                    how: UseHow::Volume,
                    optional: false,
                    fields: Vec::new(),
                }],
                because: "a sidecar named unsealer".into(),
            }],
            static_key: None,
            candidates: vec!["openbao-keys".into()],
            configured: None,
            chosen: Some("openbao-keys".into()),
        })],
    )
}

pub fn rights() -> Msg {
    let right = |verb: &str, resource: &str, name: Option<&str>| RightSeen {
        verb: verb.into(),
        resource: resource.into(),
        name: name.map(Into::into),
        namespace: "data".into(),
        allowed: true,
    };
    report(
        FeedId::Rights,
        vec![Fact::Rights(vec![
            right("create", "pods/portforward", None),
            right("get", "secrets", Some("openbao-keys")),
        ])],
    )
}

/// Generations of a keystore, the newest last, each with its shares.
pub fn keystore(generations: &[&[&str]]) -> KeystoreSeen {
    let generations = generations.iter().zip(1_u32..).map(|(shares, number)| GenerationSeen {
        number,
        kind: KeyKind::Unseal,
        threshold: 1,
        total: shares.len() as u32,
        prints: shares.iter().map(|share| print(share)).collect(),
        root_token: None,
        created: at(-86_400),
        source: "Secret data/openbao-keys".into(),
        vault_cluster_id: Some("c1".into()),
        fields: Vec::new(),
    });
    KeystoreSeen {
        path: "/home/anna/.local/share/baowatch/prod-fra.keystore".into(),
        revision: 7,
        written: at(-86_400),
        generations: generations.collect(),
        slots: vec![SlotSeen { id: 1, kind: SlotKind::Passphrase, label: "anna".into(), created: at(-86_400) }],
        comparable: true,
        digest: "00".repeat(32),
    }
}

pub fn copy(name: &str) -> CopySeen {
    CopySeen {
        name: name.into(),
        kind: CopyKind::File,
        place: format!("/media/{name}/prod-fra.keystore"),
        near: None,
        state: CopyState::Same,
        checked: Some(at(-3_600)),
        tested: None,
        versions: Some(2),
        holder: "laptop-anna".into(),
    }
}

pub fn key_file(name: &str, state: CustodyState) -> CustodySeen {
    CustodySeen {
        name: name.into(),
        path: format!("/etc/{name}.key"),
        state,
        mode: 0o400,
        mode_found: Some(0o400),
        owner: (100, 1000),
        owner_found: Some((100, 1000)),
        size: 32,
        print: print("c0ffee00c0ffee00"),
        version: 1,
        kept: at(-86_400),
        near: None,
    }
}

pub fn register(holdings: Vec<Holding>, proofs: Vec<Proof>) -> RegisterSeen {
    RegisterSeen {
        object: ObjectRef::new("ConfigMap", "data", "baowatch-register"),
        version: "1".into(),
        holder: "laptop-anna".into(),
        comparable: true,
        holdings,
        proofs,
    }
}

pub fn holding(holder: &str, shares: &[&str]) -> Holding {
    Holding {
        holder: holder.into(),
        name: "keystore".into(),
        kind: "file".into(),
        generation: 1,
        prints: shares.iter().map(|share| print(share)).collect(),
        near: None,
        checked: Some(at(-3_600)),
        tested: None,
    }
}

/// A day old, of these keys of this vault.
pub fn proof(method: Method, answer: Answer, shares: &[&str]) -> Proof {
    Proof {
        method,
        answer,
        at: at(-86_400),
        replica: "openbao-1".into(),
        cluster_id: Some("c1".into()),
        prints: shares.iter().map(|share| print(share)).collect(),
        namespace: None,
    }
}

/// What is held of the keys elsewhere.
pub fn held(keystore: KeystoreLook, copies: Vec<CopySeen>, files: Vec<CustodySeen>) -> Vec<Msg> {
    vec![
        report(FeedId::Keystore, vec![Fact::Keystore(keystore)]),
        report(FeedId::Copies, vec![Fact::Copies(copies)]),
        report(FeedId::Custody, vec![Fact::Custody(files)]),
        report(FeedId::Register, vec![Fact::Register(None)]),
    ]
}

/// Everything good: three replicas open, keys in the Secret, the unsealer running.
pub fn healthy() -> Vec<Msg> {
    vec![
        cluster(),
        pods([1, 1, 1]),
        unsealers(Liveness::Running),
        keys("100", &["7f3a91c2aabbccdd"]),
        rights(),
        seals([false, false, false]),
        report(FeedId::Consumers, vec![Fact::Consumers(Delta::whole(Vec::new()))]),
        report(FeedId::Secrets, vec![Fact::Secrets(Delta::whole(Vec::new()))]),
        report(FeedId::Containers, vec![Fact::Containers(Delta::whole(Vec::new()))]),
        report(FeedId::Raft, vec![Fact::Raft(raft())]),
        report(FeedId::Estate, vec![Fact::Estate(Box::new(estate()))]),
        report(FeedId::Sync, vec![Fact::Sync(Delta::whole(Vec::new()))]),
        report(FeedId::Engines, vec![Fact::Engines(EnginesSeen { irrevocable: Some(0), ..EnginesSeen::default() })]),
    ]
}

/// Three voters of which one may be lost.
pub fn raft() -> RaftSeen {
    let log = |n: u32| LogSeen { replica: format!("openbao-{n}"), leads: n == 0, committed: 29, applied: 29 };
    let peer = |n: u32| PeerSeen {
        id: format!("openbao-{n}"),
        address: format!("openbao-{n}:8201"),
        leader: n == 0,
        voter: true,
        healthy: Some(true),
        last_contact: None,
        behind: Some(0),
        version: "2.7.2".into(),
    };
    let view = ClusterView {
        tolerance: Some(1),
        healthy: Some(true),
        peers: (0..3).map(peer).collect(),
        cleanup_dead: Some(false),
        dead_after: None,
    };
    RaftSeen { logs: (0..3).map(log).collect(), cluster: Ok(view) }
}

/// One audit device, and nothing that needs a word.
pub fn estate() -> EstateSeen {
    EstateSeen {
        audit: Ok(vec![("to-file".into(), "file".into())]),
        mounts: Ok(Vec::new()),
        auth: Ok(Vec::new()),
        namespaces: Ok(Vec::new()),
        snapshots: None,
        left_out: Vec::new(),
    }
}
