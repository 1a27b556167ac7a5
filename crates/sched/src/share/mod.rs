//! Who goes next, who may take more, and who must give back: hierarchical shares of several
//! resources, in integers.
//!
//! Queues form trees (organisation, project, user, say). The caller numbers the resources (one for
//! each GPU class in thousandths of a GPU, processor, memory) and the queues, and asks:
//! - [`Tree::admit`]: may this queue take that much? Nominal amounts with borrowing and lending
//!   limits along the path, as cohorts in Kueue have them.
//! - [`Tree::fair_shares`]: what is each queue entitled to, given what all of them want?
//! - [`Turns`]: whose job is looked at next? Lowest part of its entitlement in use first.
//! - [`Tree::may_reclaim`]: may a job of one queue end a job of another?
//!
//! Terms. A queue's *deserved* amount is its guarantee; a parent's covers those of its children,
//! and what it has beyond them is common to them. What a queue does not use of its deserved amount
//! its siblings may *borrow*, but at most its lending limit; they give it back when it is wanted.
//!
//! Nothing borrows across trees: capacity that organisations share belongs to one root, whose
//! deserved amount is what the site has.
//!
//! Must never read a clock, and never refuse to count what is in use: work that runs is charged
//! whatever the limits say, so that limits can be lowered under running work.

mod admit;
mod decay;
mod error;
mod fair;
mod fill;
mod ratio;
mod reclaim;
mod shape;
mod table;
mod tree;
mod turns;

pub use admit::{Refusal, RefusalKind};
pub use decay::Usage;
pub use error::{ChargeError, TreeError};
pub use fair::Decay;
pub use reclaim::{Claim, Rule};
pub use table::Table;
pub use tree::Tree;
pub use turns::Turns;

use serde::{Deserialize, Serialize};

/// Levels that a tree may have.
pub const DEPTH_MAX: usize = 8;
/// Queues that a tree may have.
pub const QUEUES_MAX: usize = 100_000;
/// Resources that a tree may have.
pub const RESOURCES_MAX: usize = 256;

/// Position of a queue in the list that the tree was made of.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct QueueIdx(pub u32);

impl QueueIdx {
    pub(crate) fn at(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    fn from_position(position: usize) -> Self {
        Self(u32::try_from(position).unwrap_or(u32::MAX))
    }
}

/// What a queue is given. Lists are by resource; an empty list means nothing deserved, and no
/// limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueSpec {
    /// The queue that it is part of; `None` for the root of a tree.
    pub parent: Option<QueueIdx>,
    /// Priority of its wish for more than it deserves: a higher band is served in full before a
    /// lower one gets anything.
    pub band: i32,
    /// Its part of what is left beyond the deserved amounts, against others of its parent and
    /// band. With 0 it gets only what nobody with a weight wants.
    pub weight: u32,
    /// Guaranteed amount of each resource.
    pub deserved: Vec<u64>,
    /// The most it may have in use; at least what it deserves.
    pub limit: Vec<Option<u64>>,
    /// The most it may have in use beyond what it deserves. Without meaning in a root.
    pub borrowing_limit: Vec<Option<u64>>,
    /// The most of its deserved amount that others may use. Without meaning in a root.
    pub lending_limit: Vec<Option<u64>>,
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests compute with small known numbers")]
mod tests;
