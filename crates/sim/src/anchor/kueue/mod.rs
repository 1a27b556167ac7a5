//! Kueue's three scheduler performance tests, without the control plane: what the same workloads
//! take when a decision costs no time.
//!
//! The workloads are those of the generator files in `kubernetes-sigs/kueue`,
//! `test/performance/scheduler/configs` (read on 2026-09: baseline and TAS at `cc13fff`, large
//! scale at `f6517b0`), created at the very times at which the Go generator would create them if
//! the API server answered at once. Cohorts, nominal quotas and borrowing limits are those of the
//! files; admission, fair shares, order between queues and reclaim are `sched::share`.
//!
//! What is ours and not Kueue's: between queues the order is that of fair shares (Kueue takes
//! those that need not borrow first), and a workload that does not fit is passed over at once.
//! Topology is a count per rack ([`place`]); in these files it never binds.
//!
//! Must never give a figure that it did not compute; what Kueue measured is labelled as published.

mod bound;
mod generator;
mod outcome;
mod place;
mod preempt;
mod report;
mod simulate;

pub use bound::lower_bound_ms;
pub use generator::{Generator, Published, Topology, Workload, WorkloadSet};
pub use outcome::{ClassOutcome, Outcome};
pub use place::{Anywhere, Place, Placement, RackCount};
pub use report::report;
pub use simulate::{Preemption, simulate};

#[cfg(test)]
mod tests;
