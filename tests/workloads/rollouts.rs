//! How a rollout stands: by its counters, by what stands still, by who restarted it.

use super::*;

#[test]
fn a_rollout_is_what_its_counters_say() {
    let done = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2});
    let with = |more: Value| {
        let mut status = done.clone();
        for (key, value) in more.as_object().unwrap() {
            status[key] = value.clone();
        }
        status
    };
    let stuck = json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
        "message": "timed out", "lastTransitionTime": time(-60)}]);
    let revisions = |current: &str, update: &str| json!({"currentRevision": current, "updateRevision": update});
    let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
    let waits = |waiting| Rollout::OnDelete { revision: "b".into(), waiting };
    let under = |updated| Rollout::Underway { updated, wanted: 2, moved: None };
    let cases: Vec<(&str, Value, Value, Rollout)> = vec![
        ("Deployment", json!({}), done.clone(), Rollout::Done),
        // Its controller has not looked yet: what the counters say is about the template before.
        ("Deployment", json!({}), with(json!({"observedGeneration": 1})), under(2)),
        // Left out means none.
        ("Deployment", json!({}), json!({"observedGeneration": 2, "replicas": 2}), under(0)),
        ("Deployment", json!({}), with(json!({"replicas": 3})), under(2)),
        ("Deployment", json!({}), with(json!({"availableReplicas": 1})), under(2)),
        ("Deployment", json!({"paused": true}), done.clone(), Rollout::Paused),
        (
            "Deployment",
            json!({}),
            with(json!({"conditions": stuck, "updatedReplicas": 1})),
            Rollout::Stuck { since: Some(at(-60)), why: "timed out".into() },
        ),
        ("StatefulSet", json!({}), with(revisions("a", "a")), Rollout::Done),
        (
            "StatefulSet",
            json!({}),
            with(json!({"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 1})),
            under(1),
        ),
        (
            "StatefulSet",
            json!({}),
            with(json!({"readyReplicas": 1, "currentRevision": "a", "updateRevision": "a"})),
            under(2),
        ),
        (
            "StatefulSet",
            json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}}),
            with(json!({"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 1})),
            Rollout::Done,
        ),
        (
            "StatefulSet",
            on_delete.clone(),
            json!({"observedGeneration": 2, "replicas": 2, "readyReplicas": 2, "currentRevision": "a", "updateRevision": "b"}),
            waits(2),
        ),
        (
            "StatefulSet",
            on_delete.clone(),
            with(json!({"currentRevision": "a", "updateRevision": "b", "updatedReplicas": 1})),
            waits(1),
        ),
        // The current revision does not catch up under OnDelete.
        ("StatefulSet", on_delete.clone(), with(revisions("a", "b")), Rollout::Done),
        ("StatefulSet", on_delete, with(revisions("a", "a")), Rollout::Done),
        (
            "DaemonSet",
            json!({}),
            json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2}),
            Rollout::Done,
        ),
        (
            "DaemonSet",
            json!({}),
            json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "numberAvailable": 2}),
            under(0),
        ),
    ];
    for (kind, spec, status, wanted) in cases {
        let mut object = workload(kind, by_env());
        for (key, value) in spec.as_object().unwrap() {
            object["spec"][key] = value.clone();
        }
        object["status"] = status.clone();
        let seen = match kind {
            "Deployment" => consumer_digest::deployment(&object),
            "StatefulSet" => consumer_digest::stateful_set(&object),
            _ => consumer_digest::daemon_set(&object),
        };
        assert_eq!(seen.unwrap().rollout, wanted, "{kind} {spec} {status}");
    }
}

#[test]
fn a_rollout_without_a_deadline_is_stuck_when_its_status_stands_still() {
    let entry = |subresource: &str, seconds| {
        json!({"manager": "kube-controller-manager", "operation": "Update",
        "subresource": subresource, "time": time(seconds)})
    };
    let set = |current: &str, moved: i64| {
        let mut object = workload("StatefulSet", by_env());
        object["metadata"]["managedFields"] = json!([entry("", 0), entry("status", moved)]);
        object["status"] = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 1, "readyReplicas": 1,
            "currentRevision": current, "updateRevision": "b"});
        object
    };
    let rule = |object: Value| {
        let model = model(&[("StatefulSet", object)], &[secret(1, "hand", -9_000, &["p"])], &[]);
        found(&model, "rollout-stuck", "web")
    };
    let Finding::Firing(firing) = rule(set("a", -601)) else { panic!("ten minutes are over") };
    assert_eq!(firing.evidence_since, Some(at(-601)));
    assert!(firing.why.starts_with("1 of 2 replicas are new"), "{}", firing.why);
    assert_eq!(rule(set("a", -300)), Finding::Clear, "it may still come");
    assert_eq!(rule(set("b", -6_000)), Finding::Clear, "a pod that is not ready is no rollout");
    let mut partitioned = set("a", -6_000);
    partitioned["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    assert_eq!(rule(partitioned), Finding::Clear, "all that was asked for is new, and the other revision stays");
}

#[test]
fn who_restarted_it_is_told_by_its_annotations() {
    let mut object = workload("Rollout", by_env());
    object["spec"]["template"]["metadata"] = json!({"annotations": {"kubectl.kubernetes.io/restartedAt": time(10),
        "vso.secrets.hashicorp.com/restartedAt": time(20), "other/note": "x"}});
    object["spec"]["restartAt"] = json!(time(30));
    let seen = consumer_digest::argo_rollout(&object).unwrap();
    let told: Vec<(&str, _)> = seen.restarted.iter().map(|(who, when)| (who.as_str(), *when)).collect();
    assert_eq!(told, [("Argo Rollouts", at(30)), ("VSO", at(20)), ("kubectl", at(10))]);
}
