//! Power: budgets on the path rack → row → hall → site, and what gives way when one of them falls.
//!
//! Invariant: admission never takes a feeder above the power it is allowed now, and what relief
//! proposes brings every feeder within it or names the feeder that cannot be brought there, and why.
//! Nothing here may read a meter, cap a GPU or stop a job: it counts, and it proposes.
//!
//! - [`PowerTree`]: counters for each feeder; [`PowerTree::fits`], [`PowerTree::admit`] and
//!   [`PowerTree::release`] touch the path of a feeder only.
//! - [`PowerModel`]: what a job draws, from its class of work and the power limit of its GPUs.
//! - [`relief`]: after a budget fell, in this order: stop admission, lower power limits by class,
//!   preempt what loses least work for each milliwatt; then give back all that was not needed.
//! - [`recover`]: after a budget rose, which power limits can be lifted again.
//! - [`Grid`]: all of these for the fleet of a [`Scheduler`](crate::Scheduler), whose plans say what is
//!   to be done ([`PowerPlan`]) and start nothing that a budget does not allow.
//!
//! Power is in milliwatts throughout: 2⁶⁴ mW are far above any site, so sums saturate and a
//! saturated sum is refused like any other that is too large.

mod error;
mod grid;
mod grid_error;
mod model;
mod recover;
mod relief;
mod room;
mod steps;
mod tree;
mod work;

pub use error::{ChangeError, ModelError, Refusal, ReliefError, TreeError};
pub use grid::{Grid, GridSpec, NodePower};
pub use grid_error::GridError;
pub use model::{CapStep, ClassPower, GpuPower, PowerModel, RunningPower};
pub use recover::{Recovery, recover};
pub use relief::{CapChange, Preemption, Relief, Unresolved, relief};
pub(crate) use room::Pledge;
pub(crate) use steps::steps;
pub use steps::{Cap, PowerPlan, Stop};
pub use tree::{DEPTH_MAX, FEEDERS_MAX, FeederIdx, FeederSpec, PowerTree, Shortfall};

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "tests compute with small known numbers"
)]
mod tests;
