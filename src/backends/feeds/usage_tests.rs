//! Where figures come from, and that one told again grows no younger.

use super::*;

#[test]
fn a_figure_told_again_grows_no_younger() {
    let mut ages = Ages::new();
    let at = |seconds| Timestamp::from_second(seconds).unwrap();
    take(&mut ages, "a".into(), "t1".into(), 5, at(100));
    take(&mut ages, "a".into(), "t1".into(), 5, at(115));
    assert_eq!(figures(&ages)["a"], Figure { bytes: 5, at: at(100) });
    take(&mut ages, "a".into(), "t2".into(), 6, at(130));
    assert_eq!(figures(&ages)["a"], Figure { bytes: 6, at: at(130) });
    // A source without times is believed.
    take(&mut ages, "b".into(), String::new(), 1, at(1));
    take(&mut ages, "b".into(), String::new(), 1, at(2));
    assert_eq!(figures(&ages)["b"].at, at(2));
}

#[test]
fn a_metrics_server_that_is_down_is_named() {
    let down =
        told(Trouble::unreachable("x", "the API server answers 503: service unavailable", "Check the API server"));
    assert!(down.what.contains("metrics-server") && down.next.contains("v1beta1.metrics.k8s.io"), "{down}");
    let other = Trouble::denied("x", "403", "Allow it");
    assert_eq!(told(other.clone()), other);
}
