//! The tree of queues with what each has in use.
//!
//! INVARIANT: what a queue has in use is the sum over the leaves below it. What it takes from its
//! *pool* is, in a leaf, what it has in use, and above, the sum of what each child takes beyond the
//! part of its deserved amount that it lends to nobody. The second is what Kueue counts in cohorts
//! (`resource_node.go`); both are kept up to date by every charge, in O(depth) for each resource.

use super::shape::{Group, Shape};
use super::{ChargeError, QueueIdx, QueueSpec, RESOURCES_MAX, Table, TreeError};

/// Stands for "no limit". Sums that would exceed it are refused, so it is never reached.
pub(crate) const UNLIMITED: u64 = u64::MAX;

/// Queues, what they are given, and what they have in use.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub(crate) shape: Shape,
    n_resources: usize,
    pub(crate) deserved: Table,
    /// [`UNLIMITED`] where there is none.
    pub(crate) limit: Table,
    /// What a queue can draw on without borrowing: what it deserves without what its descendants
    /// lend to nobody.
    pub(crate) quota: Table,
    /// The part of the quota that it lends to nobody.
    pub(crate) kept: Table,
    /// The most that a queue may take from its pool.
    pub(crate) ceiling: Table,
    /// The most that could come to a queue if nobody used anything.
    pub(crate) potential: Table,
    allocated: Table,
    pub(crate) pooled: Table,
}

#[derive(Clone, Copy)]
enum Direction {
    Charge,
    Discharge,
}

impl Direction {
    fn apply(self, cell: u64, amount: u64) -> u64 {
        match self {
            Self::Charge => cell.saturating_add(amount),
            Self::Discharge => cell.saturating_sub(amount),
        }
    }
}

impl Tree {
    /// A tree in which nothing is in use yet. Queues may stand in any order.
    ///
    /// # Errors
    /// [`TreeError`] names the first queue that contradicts itself or its parent.
    pub fn new(n_resources: usize, specs: &[QueueSpec]) -> Result<Self, TreeError> {
        if n_resources > RESOURCES_MAX {
            return Err(TreeError::TooManyResources { n_resources });
        }
        let shape = Shape::new(specs)?;
        let empty = Table::new(specs.len(), n_resources);
        let mut tree = Self {
            shape,
            n_resources,
            deserved: empty.clone(),
            limit: empty.clone(),
            quota: empty.clone(),
            kept: empty.clone(),
            ceiling: empty.clone(),
            potential: empty.clone(),
            allocated: empty.clone(),
            pooled: empty,
        };
        for (position, spec) in specs.iter().enumerate() {
            tree.fill_in(QueueIdx::from_position(position), spec)?;
        }
        for resource in 0..n_resources {
            tree.check_sums(resource)?;
            tree.derive(resource, specs);
        }
        Ok(tree)
    }

    /// Number of queues.
    #[must_use]
    pub fn n_queues(&self) -> usize {
        self.shape.len()
    }

    /// Number of resources.
    #[must_use]
    pub fn n_resources(&self) -> usize {
        self.n_resources
    }

    /// The queue that a queue is part of; `None` for a root or an unknown queue.
    #[must_use]
    pub fn parent(&self, queue: QueueIdx) -> Option<QueueIdx> {
        self.shape.parent(queue)
    }

    /// The children of a queue, or with `None` the roots, in order of their numbers.
    #[must_use]
    pub fn children(&self, queue: Option<QueueIdx>) -> &[QueueIdx] {
        self.shape.members(queue)
    }

    /// True for a queue that exists and has no children: only there work runs.
    #[must_use]
    pub fn is_leaf(&self, queue: QueueIdx) -> bool {
        self.shape.is_leaf(queue)
    }

    /// What a queue and all below it have in use, by resource; empty for an unknown queue.
    #[must_use]
    pub fn allocated(&self, queue: QueueIdx) -> &[u64] {
        self.allocated.row(queue)
    }

    /// What a queue deserves, by resource; empty for an unknown queue.
    #[must_use]
    pub fn deserved(&self, queue: QueueIdx) -> &[u64] {
        self.deserved.row(queue)
    }

    /// A table of zeros with a row for each queue, for demand.
    #[must_use]
    pub fn table(&self) -> Table {
        Table::new(self.n_queues(), self.n_resources)
    }

    /// Counts amounts as in use, whatever the limits say. Amounts that are left out are 0.
    ///
    /// # Errors
    /// [`ChargeError`]; the tree is then as it was.
    pub fn charge(&mut self, queue: QueueIdx, amounts: &[u64]) -> Result<(), ChargeError> {
        self.check(queue, amounts)?;
        // A root holds the most on its path. One below the largest number keeps `UNLIMITED` apart.
        let root = self.shape.path(queue).last().unwrap_or(queue);
        for (resource, amount) in amounts.iter().enumerate() {
            let sum = self.allocated.get(root, resource).checked_add(*amount);
            if sum.is_none_or(|sum| sum == UNLIMITED) {
                return Err(ChargeError::Overflow { resource });
            }
        }
        self.apply(queue, amounts, Direction::Charge);
        Ok(())
    }

    /// Counts amounts as no longer in use.
    ///
    /// # Errors
    /// [`ChargeError`], also when more is given back than the queue holds; the tree is then as it
    /// was.
    pub fn discharge(&mut self, queue: QueueIdx, amounts: &[u64]) -> Result<(), ChargeError> {
        self.check(queue, amounts)?;
        let held = self.allocated.row(queue).iter().zip(amounts).enumerate();
        for (resource, (held, returned)) in held {
            if returned > held {
                let (held, returned) = (*held, *returned);
                return Err(ChargeError::Negative { queue, resource, held, returned });
            }
        }
        self.apply(queue, amounts, Direction::Discharge);
        Ok(())
    }

    fn check(&self, queue: QueueIdx, amounts: &[u64]) -> Result<(), ChargeError> {
        if !self.shape.contains(queue) {
            return Err(ChargeError::UnknownQueue { queue });
        }
        if !self.shape.is_leaf(queue) {
            return Err(ChargeError::NotALeaf { queue });
        }
        if amounts.len() > self.n_resources {
            let (n_amounts, n_resources) = (amounts.len(), self.n_resources);
            return Err(ChargeError::TooManyAmounts { n_amounts, n_resources });
        }
        Ok(())
    }

    fn apply(&mut self, queue: QueueIdx, amounts: &[u64], direction: Direction) {
        for (resource, amount) in amounts.iter().copied().enumerate().filter(|(_, n)| *n > 0) {
            let (mut node, mut passed) = (queue, amount);
            loop {
                let allocated = direction.apply(self.allocated.get(node, resource), amount);
                self.allocated.set(node, resource, allocated);
                let before = self.pooled.get(node, resource);
                let after = direction.apply(before, passed);
                self.pooled.set(node, resource, after);
                let kept = self.kept.get(node, resource);
                passed = before.saturating_sub(kept).abs_diff(after.saturating_sub(kept));
                match self.shape.parent(node) {
                    Some(parent) => node = parent,
                    None => break,
                }
            }
        }
    }

    /// What of an amount that a queue takes more is taken from its parent.
    pub(crate) fn passed_on(&self, queue: QueueIdx, resource: usize, amount: u64) -> u64 {
        let own = self.kept.get(queue, resource).saturating_sub(self.pooled.get(queue, resource));
        amount.saturating_sub(own)
    }

    /// Copies what is given to a queue.
    fn fill_in(&mut self, queue: QueueIdx, spec: &QueueSpec) -> Result<(), TreeError> {
        let n_resources = self.n_resources;
        let lengths = [
            ("deserved", spec.deserved.len()),
            ("limit", spec.limit.len()),
            ("borrowing_limit", spec.borrowing_limit.len()),
            ("lending_limit", spec.lending_limit.len()),
        ];
        for (field, length) in lengths {
            if length != 0 && length != n_resources {
                return Err(TreeError::WrongLength { queue, field, length, n_resources });
            }
        }
        for resource in 0..n_resources {
            let deserved = spec.deserved.get(resource).copied().unwrap_or(0);
            let limit = optional(&spec.limit, resource);
            if limit < deserved {
                return Err(TreeError::LimitBelowDeserved { queue, resource, limit, deserved });
            }
            self.deserved.set(queue, resource, deserved);
            self.limit.set(queue, resource, limit);
        }
        Ok(())
    }

    /// The children of each queue deserve at most what it deserves, and the roots a number.
    fn check_sums(&self, resource: usize) -> Result<(), TreeError> {
        let all = self.shape.top_down().iter().map(|queue| Group::Some(*queue));
        for parent in all.filter(|group| self.shape.range(*group).1 > 0).chain([None]) {
            let members = self.shape.members(parent).iter();
            let amounts = members.map(|child| u128::from(self.deserved.get(*child, resource)));
            let sum = amounts.fold(0, u128::saturating_add);
            let deserved = parent.map_or(UNLIMITED, |queue| self.deserved.get(queue, resource));
            if sum > u128::from(deserved) {
                let sum = u64::try_from(sum).unwrap_or(u64::MAX);
                return Err(TreeError::ChildrenDeserveMore { parent, resource, sum, deserved });
            }
        }
        Ok(())
    }

    /// Computes quota and kept part from below, ceiling and potential from above.
    fn derive(&mut self, resource: usize, specs: &[QueueSpec]) {
        let order = self.shape.top_down().to_vec();
        // What a queue and all below it keep for themselves.
        let mut withheld = Table::new(self.n_queues(), 1);
        for queue in order.iter().rev() {
            let members = self.shape.members(Some(*queue)).iter();
            let below = members.map(|child| withheld.get(*child, 0)).fold(0, u64::saturating_add);
            let quota = self.deserved.get(*queue, resource).saturating_sub(below);
            let lent = specs.get(queue.at()).map(|spec| optional(&spec.lending_limit, resource));
            let kept = quota.saturating_sub(lent.unwrap_or(UNLIMITED));
            self.quota.set(*queue, resource, quota);
            self.kept.set(*queue, resource, kept);
            withheld.set(*queue, 0, below.saturating_add(kept));
        }
        for queue in order {
            let quota = self.quota.get(queue, resource);
            let borrowed = match (self.shape.parent(queue), specs.get(queue.at())) {
                (Some(_), Some(spec)) => optional(&spec.borrowing_limit, resource),
                (Some(_), None) | (None, _) => 0,
            };
            let ceiling = quota.saturating_add(borrowed);
            let from_above = match self.shape.parent(queue) {
                Some(parent) => {
                    let kept = self.kept.get(queue, resource);
                    self.potential.get(parent, resource).saturating_add(kept)
                }
                None => quota,
            };
            self.ceiling.set(queue, resource, ceiling);
            self.potential.set(queue, resource, from_above.min(ceiling));
        }
    }
}

fn optional(list: &[Option<u64>], resource: usize) -> u64 {
    list.get(resource).copied().flatten().unwrap_or(UNLIMITED)
}
