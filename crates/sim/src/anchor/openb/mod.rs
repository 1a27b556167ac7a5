//! openb: one day's pods of a GPU-sharing cluster, packed by six published policies and by ours.
//!
//! The experiment is that of "Beware of Fragmentation" (Weng et al., USENIX ATC 2023): 1,213 nodes
//! with 6,212 GPUs, pods in random order until 130 % of the GPUs are asked, one pass, nobody leaves
//! and nothing is tried again. The pods, the order of the nodes and the published figures are those
//! of the artifact, github.com/hkust-adsl/kubernetes-scheduler-simulator; so is the random
//! generator ([`original`]), which makes our runs comparable one by one and not only on average.
//!
//! Everything is counted in integers. Percentages are thousandths of a point. It must never know
//! which list it runs: a policy sees nodes, a mix, and one need after the other.

mod arrivals;
mod derived;
mod error;
mod lists;
pub mod original;
mod pass;
mod published;
mod report;
mod row;
mod run;
mod scheduled;
mod table;

pub use arrivals::{Arrivals, arrivals};
pub use derived::{Derivation, derive};
pub use error::Error;
pub use lists::{Cluster, Pod, PodList, read_nodes, read_pods};
pub use pass::{Kind, Pass, pass};
pub use published::{Published, read_published};
pub use report::Report;
pub use row::{Comparison, Row};
pub use run::{Options, POLICIES, run};
pub use scheduled::{Shares, scheduled};

#[cfg(test)]
mod tests;
