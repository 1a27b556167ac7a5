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
    /// By queue and resource.
    cells: Vec<Cell>,
    allocated: Table,
}

/// What one queue is given and takes of one resource; together because they are read together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cell {
    pub(crate) deserved: u64,
    /// [`UNLIMITED`] where there is none.
    pub(crate) limit: u64,
    /// What the queue can draw on without borrowing: what it deserves without what its
    /// descendants lend to nobody.
    pub(crate) quota: u64,
    /// The part of the quota that it lends to nobody.
    pub(crate) kept: u64,
    /// The most that it may take from its pool.
    pub(crate) ceiling: u64,
    /// The most that could come to it if nobody used anything.
    pub(crate) potential: u64,
    /// What it takes from its pool.
    pub(crate) pooled: u64,
}

impl Cell {
    const NONE: Self =
        Self { deserved: 0, limit: 0, quota: 0, kept: 0, ceiling: 0, potential: 0, pooled: 0 };

    /// What of an amount that the queue takes more is taken from its parent.
    pub(crate) fn passed_on(&self, amount: u64) -> u64 {
        amount.saturating_sub(self.kept.saturating_sub(self.pooled))
    }

    /// What the queue has taken from its parent.
    fn taken_from_parent(&self) -> u64 {
        self.pooled.saturating_sub(self.kept)
    }
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
        let n_cells = specs.len().saturating_mul(n_resources);
        let allocated = Table::new(specs.len(), n_resources);
        let mut tree = Self { shape, n_resources, cells: vec![Cell::NONE; n_cells], allocated };
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

    /// What a queue deserves of a resource; 0 for an unknown queue or resource.
    #[must_use]
    pub fn deserved(&self, queue: QueueIdx, resource: usize) -> u64 {
        self.cell(queue, resource).deserved
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
                if let Some(cell) = self.cell_mut(node, resource) {
                    let before = cell.taken_from_parent();
                    cell.pooled = direction.apply(cell.pooled, passed);
                    passed = before.abs_diff(cell.taken_from_parent());
                }
                match self.shape.parent(node) {
                    Some(parent) => node = parent,
                    None => break,
                }
            }
        }
    }

    pub(crate) fn cell(&self, queue: QueueIdx, resource: usize) -> &Cell {
        let row = queue.at().saturating_mul(self.n_resources);
        let cell = self.cells.get(row.saturating_add(resource));
        cell.filter(|_| resource < self.n_resources).unwrap_or(&Cell::NONE)
    }

    fn cell_mut(&mut self, queue: QueueIdx, resource: usize) -> Option<&mut Cell> {
        let row = queue.at().saturating_mul(self.n_resources);
        let cell = self.cells.get_mut(row.saturating_add(resource));
        cell.filter(|_| resource < self.n_resources)
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
            if let Some(cell) = self.cell_mut(queue, resource) {
                (cell.deserved, cell.limit) = (deserved, limit);
            }
        }
        Ok(())
    }

    /// The children of each queue deserve at most what it deserves, and the roots a number.
    fn check_sums(&self, resource: usize) -> Result<(), TreeError> {
        let all = self.shape.top_down().iter().map(|queue| Group::Some(*queue));
        for parent in all.filter(|group| self.shape.range(*group).1 > 0).chain([None]) {
            let members = self.shape.members(parent).iter();
            let amounts = members.map(|child| u128::from(self.deserved(*child, resource)));
            let sum = amounts.fold(0, u128::saturating_add);
            let deserved = parent.map_or(UNLIMITED, |queue| self.deserved(queue, resource));
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
            let quota = self.deserved(*queue, resource).saturating_sub(below);
            let lent = specs.get(queue.at()).map(|spec| optional(&spec.lending_limit, resource));
            let kept = quota.saturating_sub(lent.unwrap_or(UNLIMITED));
            withheld.set(*queue, 0, below.saturating_add(kept));
            if let Some(cell) = self.cell_mut(*queue, resource) {
                (cell.quota, cell.kept) = (quota, kept);
            }
        }
        for queue in order {
            let borrowing = specs.get(queue.at()).map(|spec| &spec.borrowing_limit);
            let above =
                self.shape.parent(queue).map(|parent| self.cell(parent, resource).potential);
            let Some(cell) = self.cell_mut(queue, resource) else { continue };
            let borrowed = match (above, borrowing) {
                (Some(_), Some(limits)) => optional(limits, resource),
                (Some(_), None) | (None, _) => 0,
            };
            cell.ceiling = cell.quota.saturating_add(borrowed);
            let potential = above.map_or(cell.quota, |above| above.saturating_add(cell.kept));
            cell.potential = potential.min(cell.ceiling);
        }
    }
}

fn optional(list: &[Option<u64>], resource: usize) -> u64 {
    list.get(resource).copied().flatten().unwrap_or(UNLIMITED)
}
