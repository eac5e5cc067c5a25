//! An OpenBao and a Kubernetes inside the process: for the demo, drills and tests.
