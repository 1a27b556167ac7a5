//! Whose job is looked at next.
//!
//! The order is policy: from the roots down, the queue that has the smallest part of its fair
//! share in use, by its dominant resource; among equals the higher band, then the queue whose
//! first job was submitted first, then the lower number. A queue that is entitled to nothing comes
//! last.
//!
//! Each group of siblings is a tournament: a change of one queue replays the matches on its path
//! and nothing else, so a turn costs O(depth × (resources + log(siblings))).
//!
//! Must never look at jobs: the caller keeps each queue's jobs in order and says which submission
//! number the first one has.

use std::cmp::Reverse;

use super::ratio::Ratio;
use super::shape::Group;
use super::{ChargeError, QueueIdx, Table, Tree};

/// The order of service over one pass.
#[derive(Debug, Clone)]
pub struct Turns {
    fair: Table,
    states: Vec<State>,
    /// A tournament for each group: of `n` members, member `i` enters at `n + i`, the winner of
    /// the matches `2 i` and `2 i + 1` stands at `i`, and that of all at 1.
    winners: Vec<Option<QueueIdx>>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    ratio: Ratio,
    /// Submission number of the job that would be served; `None` if there is none.
    head: Option<u64>,
    closed: bool,
}

impl Turns {
    /// Turns over queues with jobs: for each a submission number of its first one. `fair` is what
    /// [`Tree::fair_shares`] of the same tree gave.
    #[must_use]
    pub fn new(tree: &Tree, fair: Table, heads: &[(QueueIdx, u64)]) -> Self {
        let none = State { ratio: Ratio::ZERO, head: None, closed: false };
        let mut turns = Self {
            fair,
            states: vec![none; tree.n_queues()],
            winners: vec![None; tree.n_queues().saturating_mul(2)],
        };
        for (queue, head) in heads.iter().filter(|(queue, _)| tree.is_leaf(*queue)) {
            if let Some(state) = turns.states.get_mut(queue.at()) {
                state.head = Some(*head);
            }
        }
        for queue in tree.shape.top_down().iter().rev() {
            turns.play_all(tree, Some(*queue));
            turns.renew(tree, *queue);
        }
        turns.play_all(tree, None);
        turns
    }

    /// The queue whose first job is to be looked at; `None` when no open queue has one.
    #[must_use]
    pub fn next(&self, tree: &Tree) -> Option<QueueIdx> {
        let mut winner = self.winner(tree, None)?;
        while let Some(below) = self.winner(tree, Some(winner)) {
            winner = below;
        }
        Some(winner)
    }

    /// Charges what a queue's first job takes; `next` is the submission number of the job after
    /// it.
    ///
    /// # Errors
    /// As [`Tree::charge`]; nothing has changed then.
    pub fn served(
        &mut self,
        tree: &mut Tree,
        queue: QueueIdx,
        amounts: &[u64],
        next: Option<u64>,
    ) -> Result<(), ChargeError> {
        tree.charge(queue, amounts)?;
        self.set_head(tree, queue, next);
        Ok(())
    }

    /// Discharges what a job of a queue held (a victim's, say); the queue's first job stays.
    ///
    /// # Errors
    /// As [`Tree::discharge`]; nothing has changed then.
    pub fn returned(
        &mut self,
        tree: &mut Tree,
        queue: QueueIdx,
        amounts: &[u64],
    ) -> Result<(), ChargeError> {
        tree.discharge(queue, amounts)?;
        self.refresh(tree, queue);
        Ok(())
    }

    /// Sets the submission number of a leaf's first job: another one after the first was passed
    /// over, or `None` when no more of its jobs shall be looked at.
    pub fn set_head(&mut self, tree: &Tree, queue: QueueIdx, head: Option<u64>) {
        if tree.is_leaf(queue)
            && let Some(state) = self.states.get_mut(queue.at())
        {
            state.head = head;
            self.refresh(tree, queue);
        }
    }

    /// Looks at no more jobs of a queue and all below it.
    pub fn blocked(&mut self, tree: &Tree, queue: QueueIdx) {
        if let Some(state) = self.states.get_mut(queue.at()) {
            state.closed = true;
            self.refresh(tree, queue);
        }
    }

    /// Takes what the tree has in use in a queue into account anew. Needed only after the tree was
    /// changed other than through these turns.
    pub fn refresh(&mut self, tree: &Tree, queue: QueueIdx) {
        let mut node = tree.shape.contains(queue).then_some(queue);
        while let Some(queue) = node {
            self.renew(tree, queue);
            self.play(tree, queue);
            node = tree.parent(queue);
        }
    }

    /// Recomputes what a queue enters its tournament with.
    fn renew(&mut self, tree: &Tree, queue: QueueIdx) {
        let ratio = dominant(tree.allocated(queue), self.fair.row(queue));
        let winner = self.winner(tree, Some(queue));
        let below = winner.and_then(|winner| self.state(winner)).and_then(|below| below.head);
        if let Some(state) = self.states.get_mut(queue.at()) {
            state.ratio = ratio;
            if !tree.is_leaf(queue) {
                state.head = below;
            }
        }
    }

    fn state(&self, queue: QueueIdx) -> Option<&State> {
        self.states.get(queue.at())
    }

    fn winner(&self, tree: &Tree, group: Group) -> Option<QueueIdx> {
        let (start, length) = tree.shape.range(group);
        if length == 0 { None } else { self.at(start, 1) }
    }

    fn at(&self, start: usize, position: usize) -> Option<QueueIdx> {
        let position = start.saturating_mul(2).saturating_add(position);
        self.winners.get(position).copied().flatten()
    }

    fn put(&mut self, start: usize, position: usize, queue: Option<QueueIdx>) {
        let position = start.saturating_mul(2).saturating_add(position);
        if let Some(place) = self.winners.get_mut(position) {
            *place = queue;
        }
    }

    /// The queue itself if it takes part.
    fn entrant(&self, queue: QueueIdx) -> Option<QueueIdx> {
        let state = self.state(queue)?;
        (state.head.is_some() && !state.closed).then_some(queue)
    }

    /// Replays the matches of a queue among its siblings.
    fn play(&mut self, tree: &Tree, queue: QueueIdx) {
        let (start, length) = tree.shape.range(tree.parent(queue));
        let mut position = length.saturating_add(tree.shape.slot(queue));
        self.put(start, position, self.entrant(queue));
        while position > 1 {
            position >>= 1;
            self.put(start, position, self.match_at(tree, start, position));
        }
    }

    /// Plays a group's tournament from the beginning.
    fn play_all(&mut self, tree: &Tree, group: Group) {
        let (start, length) = tree.shape.range(group);
        for (slot, queue) in tree.shape.members(group).iter().enumerate() {
            self.put(start, length.saturating_add(slot), self.entrant(*queue));
        }
        for position in (1..length).rev() {
            self.put(start, position, self.match_at(tree, start, position));
        }
    }

    fn match_at(&self, tree: &Tree, start: usize, position: usize) -> Option<QueueIdx> {
        let left = self.at(start, position.saturating_mul(2));
        let right = self.at(start, position.saturating_mul(2).saturating_add(1));
        match (left, right) {
            (Some(left), Some(right)) => {
                let key = |queue: QueueIdx| {
                    self.state(queue)
                        .map(|state| (state.ratio, Reverse(tree.shape.band(queue)), state.head))
                };
                let first = (key(left), left) <= (key(right), right);
                Some(if first { left } else { right })
            }
            (one, None) | (None, one) => one,
        }
    }
}

/// The largest part in use of what a queue is entitled to, over the resources.
fn dominant(allocated: &[u64], fair: &[u64]) -> Ratio {
    if fair.iter().all(|share| *share == 0) {
        return Ratio::INFINITE;
    }
    let parts = allocated.iter().zip(fair);
    parts
        .map(|(used, share)| Ratio::new(*used, (*share).into()))
        .fold(Ratio::ZERO, |largest, part| largest.max(part))
}
