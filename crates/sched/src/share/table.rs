//! One amount for each queue and resource.
//!
//! Must never panic: a row that does not exist is empty.

use super::QueueIdx;

/// Amounts by queue and resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    width: usize,
    cells: Vec<u64>,
}

impl Table {
    /// Nothing for anybody.
    #[must_use]
    pub fn new(n_queues: usize, n_resources: usize) -> Self {
        Self { width: n_resources, cells: vec![0; n_queues.saturating_mul(n_resources)] }
    }

    /// The amounts of a queue by resource; empty for a queue that does not exist.
    #[must_use]
    pub fn row(&self, queue: QueueIdx) -> &[u64] {
        let start = queue.at().saturating_mul(self.width);
        self.cells.get(start..start.saturating_add(self.width)).unwrap_or(&[])
    }

    /// The same, to be changed.
    pub fn row_mut(&mut self, queue: QueueIdx) -> &mut [u64] {
        let start = queue.at().saturating_mul(self.width);
        self.cells.get_mut(start..start.saturating_add(self.width)).unwrap_or(&mut [])
    }

    /// Adds to a queue's amounts, up to the largest number there is.
    pub fn add(&mut self, queue: QueueIdx, amounts: &[u64]) {
        for (cell, amount) in self.row_mut(queue).iter_mut().zip(amounts) {
            *cell = cell.saturating_add(*amount);
        }
    }

    /// One amount; 0 where there is none.
    #[must_use]
    pub fn get(&self, queue: QueueIdx, resource: usize) -> u64 {
        self.row(queue).get(resource).copied().unwrap_or(0)
    }

    /// Sets one amount; without effect where there is none.
    pub fn set(&mut self, queue: QueueIdx, resource: usize, amount: u64) {
        if let Some(cell) = self.row_mut(queue).get_mut(resource) {
            *cell = amount;
        }
    }
}
