//! May a queue take more? Limits, borrowing and lending along its path.
//!
//! Must never say yes to what would break a bound that holds now, nor no to what would not.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::tree::UNLIMITED;
use super::{QueueIdx, Tree};

/// What stands against it. The order is that in which they are reported: first what only an
/// administrator can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// There is no such queue, or no such resource.
    Unknown,
    /// Work runs only in queues without children.
    NotALeaf,
    /// The most that the queue may have in use.
    Limit,
    /// The most that the queue may have in use beyond what it deserves.
    BorrowingLimit,
    /// Everything the tree has is in use, and the asking queue and all above it have had theirs.
    Exhausted,
    /// Everything is in use, but the asking queue, or one above it, would stay within what it
    /// deserves: others borrow it and can be made to give it back.
    LentOut,
}

/// Why not, with the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of bound it is.
    pub kind: RefusalKind,
    /// The queue whose bound it is: the asking one or one above it.
    pub queue: QueueIdx,
    /// The resource.
    pub resource: usize,
    /// What of the bound is used.
    pub used: u64,
    /// The bound.
    pub bound: u64,
    /// What is asked for.
    pub need: u64,
}

impl Tree {
    /// Whether a queue may take these amounts now; amounts that are left out are 0. In
    /// O(depth) for each resource.
    ///
    /// # Errors
    /// The dominant [`Refusal`]: the kind that comes first, then the first resource, then the
    /// queue nearest to the asking one.
    pub fn admit(&self, queue: QueueIdx, need: &[u64]) -> Result<(), Refusal> {
        let refusal =
            |kind, resource, need| Err(Refusal { kind, queue, resource, used: 0, bound: 0, need });
        if !self.shape.contains(queue) {
            return refusal(RefusalKind::Unknown, 0, 0);
        }
        if !self.shape.is_leaf(queue) {
            return refusal(RefusalKind::NotALeaf, 0, 0);
        }
        let mut dominant: Option<Refusal> = None;
        for (resource, amount) in need.iter().copied().enumerate().filter(|(_, n)| *n > 0) {
            if resource >= self.n_resources() {
                return refusal(RefusalKind::Unknown, resource, amount);
            }
            let found = self.obstacle(queue, resource, amount, None);
            if let Some(found) = found
                && dominant.is_none_or(|dominant| found.kind < dominant.kind)
            {
                dominant = Some(found);
            }
        }
        dominant.map_or(Ok(()), Err)
    }

    /// The most of one resource that [`Tree::admit`] would let the queue take now.
    #[must_use]
    pub fn headroom(&self, queue: QueueIdx, resource: usize) -> u64 {
        if !self.shape.is_leaf(queue) || resource >= self.n_resources() {
            return 0;
        }
        // Each queue on the path bounds what may pass through it. What passes is what is taken
        // minus what the queues below it still keep.
        let (mut most, mut kept) = (UNLIMITED, 0_u64);
        for node in self.shape.path(queue) {
            let cell = self.cell(node, resource);
            if cell.limit != UNLIMITED {
                most = most.min(cell.limit.saturating_sub(self.used(node, resource)));
            }
            if cell.ceiling != UNLIMITED {
                let left = cell.ceiling.saturating_sub(cell.pooled);
                most = most.min(left.saturating_add(kept));
            }
            kept = kept.saturating_add(cell.kept.saturating_sub(cell.pooled));
        }
        most
    }

    /// Every bound that does not hold: none as long as work was admitted before it was charged and
    /// the bounds were not lowered since.
    #[must_use]
    pub fn violations(&self) -> Vec<Refusal> {
        let mut found = Vec::new();
        for queue in self.shape.top_down().iter().copied() {
            for resource in 0..self.n_resources() {
                let (used, cell) = (self.used(queue, resource), self.cell(queue, resource));
                let over = |kind, used, bound| {
                    (used > bound).then_some(Refusal {
                        kind,
                        queue,
                        resource,
                        used,
                        bound,
                        need: 0,
                    })
                };
                found.extend(over(RefusalKind::Limit, used, cell.limit));
                found.extend(over(self.ceiling_kind(queue), cell.pooled, cell.ceiling));
            }
        }
        found
    }

    /// The first bound on the path, up to and with `last` (or the root), that does not allow the
    /// amount. Of limits and ceilings the former go first.
    pub(crate) fn obstacle(
        &self,
        queue: QueueIdx,
        resource: usize,
        need: u64,
        last: Option<QueueIdx>,
    ) -> Option<Refusal> {
        let (mut passed, mut obstacle) = (need, None);
        for node in self.shape.path(queue) {
            let cell = self.cell(node, resource);
            let (used, bound) = (self.used(node, resource), cell.limit);
            if bound != UNLIMITED && exceeds(used, need, bound) {
                let kind = RefusalKind::Limit;
                return Some(Refusal { kind, queue: node, resource, used, bound, need });
            }
            let (used, bound) = (cell.pooled, cell.ceiling);
            if obstacle.is_none() && passed > 0 && exceeds(used, passed, bound) {
                let mut kind = self.ceiling_kind(node);
                if kind == RefusalKind::Exhausted && self.has_lent(queue, resource, need) {
                    kind = RefusalKind::LentOut;
                }
                obstacle = Some(Refusal { kind, queue: node, resource, used, bound, need });
            }
            passed = cell.passed_on(passed);
            if last == Some(node) {
                break;
            }
        }
        obstacle
    }

    fn used(&self, queue: QueueIdx, resource: usize) -> u64 {
        self.allocated(queue).get(resource).copied().unwrap_or(0)
    }

    /// What it means to reach the ceiling of a queue; a root has nobody to borrow from.
    fn ceiling_kind(&self, queue: QueueIdx) -> RefusalKind {
        match self.shape.parent(queue) {
            Some(_) => RefusalKind::BorrowingLimit,
            None => RefusalKind::Exhausted,
        }
    }

    /// True if the queue, or one above it but below the root, would stay within its quota.
    fn has_lent(&self, queue: QueueIdx, resource: usize, need: u64) -> bool {
        let mut passed = need;
        for node in self.shape.path(queue) {
            if self.shape.parent(node).is_none() {
                break;
            }
            let cell = self.cell(node, resource);
            if !exceeds(cell.pooled, passed, cell.quota) {
                return true;
            }
            passed = cell.passed_on(passed);
        }
        false
    }
}

fn exceeds(used: u64, more: u64, bound: u64) -> bool {
    used.checked_add(more).is_none_or(|sum| sum > bound)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, queue, resource, used, bound, need } = *self;
        let queue = queue.0;
        let left = bound.saturating_sub(used);
        match kind {
            RefusalKind::Unknown => write!(f, "there is no queue {queue} with resource {resource}"),
            RefusalKind::NotALeaf => write!(f, "queue {queue} has children; ask for one of them"),
            RefusalKind::Limit => write!(
                f,
                "queue {queue} uses {used} of its limit of {bound} of resource {resource}, and \
                 {need} more are needed; ask for at most {left} or raise the limit"
            ),
            RefusalKind::BorrowingLimit => write!(
                f,
                "queue {queue} uses {used} of resource {resource} and may use {bound} with what \
                 it borrows, and {need} more are needed; wait or raise its borrowing limit"
            ),
            RefusalKind::Exhausted => write!(
                f,
                "all queues below queue {queue} use {used} of {bound} of resource {resource}, and \
                 {need} more are needed; wait until some is given back"
            ),
            RefusalKind::LentOut => write!(
                f,
                "all queues below queue {queue} use {used} of {bound} of resource {resource}, \
                 some of it borrowed from the queue that needs {need}; reclaim it or wait"
            ),
        }
    }
}
