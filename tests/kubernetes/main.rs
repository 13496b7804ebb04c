//! The kinds of Kubernetes through the real binary, on a real control plane; killed, cut off, and led to another cluster.
//! What is so is read by `kubectl`, never by the program itself.

mod apply;
mod delete;
mod faults;
mod job;
mod lab;
mod patch;
mod reads;
mod ready;
mod rollout;
mod scale;
mod scale_crash;
#[allow(dead_code, reason = "shared with the crash tests, which use all of it")]
#[path = "../crash/support.rs"]
mod support;
mod velero;
mod velero_crash;
mod velero_drill;
mod velero_location;
mod velero_midway;
mod velero_outage;
