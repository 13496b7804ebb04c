//! Clusters of Kubernetes, through their API server.
//!
//! The story: a [`Reach`] is what a step says of a cluster; [`Cluster::open`] makes a client of it and asks the cluster who it
//! is. What a step changes is bound to that [`Identity`]: it is taken once, journaled, and held again before each write, so that
//! a kubeconfig that meanwhile leads elsewhere stops the step.
//!
//! Promises: nothing is sent again by the client itself; what is sent to change something carries the version or the uid of
//! what was looked at, so that a late copy of it changes nothing; no text of a credential is in a fault.

mod asked;
mod change;
mod cluster;
mod fault;
mod logs;
mod object;
mod patch;
mod patience;
mod reach;
mod rollout;
mod watch;

pub use kube::core::GroupVersionKind;

pub use asked::{ask, is_made_by, was_asked};
pub use change::{Change, at, changes, differences, merge_between, put, shown, told};
pub use cluster::{Cluster, Identity};
pub use fault::{moved, restless};
pub use logs::last_lines;
pub use object::{Applied, Named, Place, Target, check_object, field, held, is_going, is_ours, metadata};
pub use patch::Form;
pub use patience::{Goal, Look, until};
pub use reach::{Reach, check_reach, foreseen, of_cluster};
pub use rollout::{Progress, WORKLOADS, pods, progress, why_waiting, workloads};

/// The annotation that names the operation which wrote an object last.
pub const OPERATION: &str = "regrow.dev/operation";
/// The owner of fields that are written, as `managedFields` shows it.
pub const MANAGER: &str = "regrow";
