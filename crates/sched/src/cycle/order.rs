//! Whose turn it is: queues by their shares, and in each queue priority, age and submission.
//!
//! Without a tree all jobs stand in one line. Jobs of queues that the tree does not know, or that
//! have queues below them, come last, in one line of their own.

use std::collections::BTreeMap;

use crate::problem::JobIdx;
use crate::scheduler::{Scheduler, Turn};
use crate::share::{Decay, QueueIdx, Tree, Turns};

/// The order of one cycle.
pub(super) struct Order {
    turns: Option<Turns>,
    /// Jobs of each queue of the tree, last first.
    lines: BTreeMap<QueueIdx, Vec<Turn>>,
    /// Everybody else, last first.
    rest: Vec<Turn>,
}

impl Order {
    pub(super) fn new(scheduler: &Scheduler) -> Self {
        let tree = &scheduler.tree;
        let mut lines: BTreeMap<QueueIdx, Vec<Turn>> = BTreeMap::new();
        let mut rest = Vec::new();
        for (queue, turns) in &scheduler.queues {
            let last_first = turns.iter().rev().copied();
            if tree.is_leaf(*queue) {
                lines.insert(*queue, last_first.collect());
            } else {
                rest.extend(last_first);
            }
        }
        rest.sort_unstable_by(|a, b| b.cmp(a));
        if lines.len() <= 1 {
            // Nobody to share turns with: one line goes first, and no share need be worked out.
            let first = lines.pop_first().map_or_else(Vec::new, |(_, line)| line);
            rest.extend(first);
            return Self { turns: None, lines, rest };
        }
        // What running work has counts as wanted: a share covers both.
        let mut wanted = scheduler.wanted.clone();
        for queue in (0..tree.n_queues()).filter_map(|at| u32::try_from(at).ok()).map(QueueIdx) {
            if tree.is_leaf(queue) {
                wanted.add(queue, tree.allocated(queue));
            }
        }
        let strength_milli = scheduler.settings.past_use_milli;
        let past_use = scheduler.past_use.as_ref().filter(|_| strength_milli > 0);
        let decay = past_use.map(|usage| Decay { usage, strength_milli });
        let capacity = scheduler.fleet.capacity(tree.n_resources());
        let shares = tree.fair_shares(&capacity, &wanted, decay);
        let heads: Vec<(QueueIdx, u64)> =
            lines.iter().filter_map(|(queue, line)| Some((*queue, line.last()?.1))).collect();
        Self { turns: Some(Turns::new(tree, shares, &heads)), lines, rest }
    }

    /// The job to look at, and its queue if that is one of the tree.
    pub(super) fn next(&mut self, tree: &Tree) -> Option<(Option<QueueIdx>, JobIdx)> {
        let queue = self.turns.as_ref().and_then(|turns| turns.next(tree));
        let line = match queue {
            Some(queue) => self.lines.get_mut(&queue)?,
            None => &mut self.rest,
        };
        line.pop().map(|(_, _, index)| (queue, index))
    }

    /// The job was looked at, and its queue charged if it was placed.
    pub(super) fn looked_at(&mut self, tree: &Tree, queue: Option<QueueIdx>) {
        if let Some((queue, turns)) = queue.zip(self.turns.as_mut()) {
            let next = self.lines.get(&queue).and_then(|line| line.last()).map(|turn| turn.1);
            turns.set_head(tree, queue, next);
        }
    }
}
