//! The digital twin: a fleet file and a list of jobs in, what a policy makes of them out.
//!
//! Everything here is simulated and says so. Same fleet, workload, policy and seed: same bytes. The
//! twin decides nothing: a [`Backend`](backend::Backend) owns the event loop and the policy, and
//! tells an [`Observer`](events::Observer) what happened. Results and checkers only listen, so no
//! backend can look better by being measured differently.
//!
//! - [`fleet`]: sites, racks, nodes, feeders, prices and failures, from TOML.
//! - [`workload`]: job lists in ten public formats, our own, and the platform's log.
//! - [`generate`]: a seeded workload with the mix of a fleet.
//! - [`results`]: what is measured, in bounded memory, and the files that show it.
//! - [`checkers`]: what must never happen, whatever the policy.
//! - [`fuzz`]: small random fleets and lists that try to make it happen.

pub mod backend;
mod calendar;
pub mod checkers;
mod error;
pub mod events;
pub mod failures;
pub mod first_fit;
pub mod fleet;
pub mod fuzz;
pub mod generate;
mod number;
mod occupancy;
pub mod policies;
pub mod power;
mod quotas;
pub mod results;
pub mod run;
pub mod scheduled;
pub mod shadow;
mod time;
pub mod workload;

pub use error::InputError;
pub use time::{DAY_MICROS, HOUR_MICROS, SECOND_MICROS, Time};
