//! The fleet: every node with what is free on it, indexed so that no decision walks the nodes.
//!
//! Site → rack group → rack → node. Nodes of one rack with equal GPUs lie on a shelf, shelves of
//! one site and GPU model in a pool. A change of one node costs O(nodes of its rack) and O(log) of
//! nothing; a question costs at most one look at each rack.
//!
//! Must never hand out more than is free, and never guess: what was not taken is free.

mod bits;
mod fits;
mod opened;
mod pool;
mod row;
mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use bits::ones;
pub(crate) use opened::{Room, Size};
pub(crate) use pool::Pool;
pub(crate) use row::{Need, Row};
pub(crate) use shelf::{SLOTS_MAX, Shelf};

use crate::mig::{Choices, Geometry};
use crate::part::Seat;
use crate::problem::{
    Amounts, CLASSES_MAX, ClassIdx, JobIdx, Micros, Node, NodeIdx, NodeState, ReservationIdx,
};
use crate::share::QueueIdx;
use shelf::Slot;

/// A promise of a node for a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hold {
    pub(crate) from_us: Micros,
    pub(crate) until_us: Micros,
    pub(crate) owner: Owner,
}

/// To whom a node is promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// By the calendar: to the jobs of a queue, or to nobody.
    Calendar(ReservationIdx, Option<QueueIdx>),
    /// To one waiting job (backfill), or the place that is being cleared for it.
    Job(JobIdx),
}

/// Who asks for nodes, and from when until when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) job: JobIdx,
    pub(crate) queue: QueueIdx,
    pub(crate) start_us: Micros,
    pub(crate) end_us: Micros,
}

/// Nodes, what is free, and who is promised what.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    rows: Vec<Row>,
    shelves: Vec<Shelf>,
    pools: Vec<Pool>,
    pool_of_shelf: Vec<u32>,
    suspects: BTreeSet<NodeIdx>,
    holds: BTreeMap<NodeIdx, Vec<Hold>>,
    /// Models that can be cut into instances.
    cuts: BTreeMap<ClassIdx, Cut>,
}

/// How a model of GPU is cut into MIG instances, and where instances go first.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    pub(crate) geometry: &'static Geometry,
    pub(crate) choices: Arc<Choices>,
}

impl Fleet {
    /// Indexes the nodes; nothing is taken yet. A node of a class that is out of range exists, but
    /// takes no work. No GPU can be cut into MIG instances.
    #[must_use]
    pub fn new(nodes: &[Node]) -> Self {
        Self::with_mig(nodes, &[])
    }

    /// The same with models of GPU that can be cut into MIG instances.
    #[must_use]
    pub fn with_mig(nodes: &[Node], geometries: &[(ClassIdx, &'static Geometry)]) -> Self {
        let cuts = geometries.iter().map(|(class, geometry)| {
            let choices = Arc::new(Choices::new(geometry));
            (*class, Cut { geometry, choices })
        });
        let mut fleet = Self { cuts: cuts.collect(), ..Self::default() };
        let mut order: Vec<NodeIdx> =
            (0..=u32::MAX).zip(nodes).map(|(index, _)| NodeIdx(index)).collect();
        let key = |index: &NodeIdx| {
            nodes.get(index.at()).map(|n| (n.site, n.class, n.group, n.rack, n.total.gpus, *index))
        };
        order.sort_by_key(key);
        fleet.rows = nodes
            .iter()
            .map(|node| Row::new(*node, fleet.cut(node.class).map(|cut| cut.geometry)))
            .collect();
        let mut slots_max = 0;
        let mut gpus_max: Vec<u32> = Vec::new();
        for index in order {
            let Some(node) = nodes.get(index.at()) else { continue };
            if node.class.is_some_and(|class| class.0 >= CLASSES_MAX) {
                continue;
            }
            fleet.shelve(index, node, &mut gpus_max);
            slots_max = slots_max.max(fleet.shelves.last().map_or(0, |s| s.nodes.len()));
        }
        for (pool, gpus) in fleet.pools.iter_mut().zip(gpus_max) {
            pool.finish(gpus, slots_max);
        }
        for index in 0..fleet.rows.len() {
            if let Ok(index) = u32::try_from(index) {
                fleet.set_state_unchecked(NodeIdx(index));
            }
        }
        fleet
    }

    /// Puts the node on the last shelf, or on a new one of the last pool or of a new pool.
    fn shelve(&mut self, index: NodeIdx, node: &Node, gpus_max: &mut Vec<u32>) {
        let same_pool =
            self.pools.last().is_some_and(|p| p.site == node.site && p.class == node.class);
        if !same_pool {
            let mut pool = Pool::new(node.site, node.class, self.shelves.len());
            pool.cut = self.cut(node.class).cloned();
            self.pools.push(pool);
            gpus_max.push(0);
        }
        let same_shelf = same_pool
            && self.shelves.last().is_some_and(|shelf| {
                shelf.group == node.group
                    && shelf.rack == node.rack
                    && shelf.gpus == node.total.gpus
                    && shelf.nodes.len() < SLOTS_MAX
            });
        if !same_shelf {
            self.shelves.push(Shelf::new(node.group, node.rack, node.total.gpus));
            self.pool_of_shelf.push(u32::try_from(self.pools.len()).unwrap_or(0).saturating_sub(1));
            if let Some(pool) = self.pools.last_mut() {
                pool.n_shelves = pool.n_shelves.saturating_add(1);
                pool.add_size(node.total.gpus);
            }
        }
        if let Some(gpus) = gpus_max.last_mut() {
            *gpus = (*gpus).max(node.total.gpus);
        }
        let at = u32::try_from(self.shelves.len()).unwrap_or(0).saturating_sub(1);
        if let (Some(shelf), Some(row)) = (self.shelves.last_mut(), self.rows.get_mut(index.at())) {
            row.shelf = at;
            row.slot = u8::try_from(shelf.push(index, node.total)).unwrap_or(u8::MAX);
        }
    }

    /// Files a node for the first time, from being nowhere.
    fn set_state_unchecked(&mut self, index: NodeIdx) {
        let Some(row) = self.rows.get_mut(index.at()) else { return };
        let state = row.node.state;
        // Until now it is on no mask, which is what a lost node looks like.
        row.node.state = NodeState::Down;
        self.set_state(index, state);
    }

    /// Number of nodes, whatever their state.
    #[must_use]
    pub const fn n_nodes(&self) -> usize {
        self.rows.len()
    }

    /// What is free on a node, whatever its state; nothing if it does not exist.
    #[must_use]
    pub fn free_of(&self, node: NodeIdx) -> Amounts {
        self.rows.get(node.at()).map_or_else(Amounts::default, Row::free)
    }

    /// The node as it was given, with its present state.
    #[must_use]
    pub fn node(&self, node: NodeIdx) -> Option<&Node> {
        self.rows.get(node.at()).map(|row| &row.node)
    }

    /// Takes what a rank needs of a node, its part of a GPU at the seat.
    ///
    /// A machine may have lost memory or a GPU under running work: taking more than is free leaves
    /// nothing free until enough of it is given back.
    pub(crate) fn take(&mut self, node: NodeIdx, need: &Need, seat: Option<Seat>) {
        self.change(node, |row| row.take(need, seat));
    }

    /// Gives back what a rank took of a node.
    pub(crate) fn release(&mut self, node: NodeIdx, need: &Need, seat: Option<Seat>) {
        self.change(node, |row| row.release(need, seat));
    }

    /// Where the part of a GPU that a need asks for would lie on a node; `None` for needs without
    /// one, and where it has no place.
    pub(crate) fn seat(&self, node: NodeIdx, need: &Need) -> Option<Seat> {
        let part = need.part?;
        let row = self.row(node)?;
        row.seat(part, self.cut(row.node.class).map(|cut| &*cut.choices))
    }

    /// How a model can be cut.
    pub(crate) fn cut(&self, class: Option<ClassIdx>) -> Option<&Cut> {
        self.cuts.get(&class?)
    }

    /// Puts a node back to what it was.
    pub(crate) fn restore(&mut self, node: NodeIdx, was: Row) {
        self.change(node, |row| *row = was);
    }

    /// Changes whether a node takes work; what runs on it stays.
    pub fn set_state(&mut self, node: NodeIdx, state: NodeState) {
        if state == NodeState::Suspect {
            self.suspects.insert(node);
        } else {
            self.suspects.remove(&node);
        }
        self.change(node, |row| row.node.state = state);
    }

    /// The one place where a node changes and the indices follow.
    fn change(&mut self, node: NodeIdx, what: impl FnOnce(&mut Row)) {
        let Some(row) = self.rows.get_mut(node.at()) else { return };
        let (at, slot) = (usize::try_from(row.shelf).unwrap_or(usize::MAX), usize::from(row.slot));
        let pool = self.pool_of_shelf.get(at).and_then(|pool| usize::try_from(*pool).ok());
        let Some(pool) = pool.and_then(|pool| self.pools.get_mut(pool)) else {
            return what(row);
        };
        let was = row.slot_view();
        let was_opened = row.is_opened();
        if was_opened {
            pool.opened.file(row.shelf, row.takes_parts(), false);
        }
        what(row);
        if row.is_opened() {
            pool.opened.file(row.shelf, row.takes_parts(), true);
        }
        let (is, is_opened) = (row.slot_view(), row.is_opened());
        let Some(shelf) = self.shelves.get_mut(at) else { return };
        if was_opened != is_opened {
            shelf.mark_opened(slot, is_opened);
        }
        let idle_was = shelf.n_idle();
        shelf.file(slot, was, is);
        let (rows, nodes) = (&self.rows, std::mem::take(&mut shelf.nodes));
        // From the back: what is free is taken from the front.
        let all = nodes.iter().rev().filter_map(|node| rows.get(node.at()));
        shelf.keep_most(was, is, all.map(|row| row.slot_view().open()));
        shelf.nodes = nodes;
        pool.file(at, shelf, [was.free.gpus, is.free.gpus], idle_was);
        let count = |slot: Slot| if slot.takes_work() { u64::from(slot.free.gpus) } else { 0 };
        pool.n_free_gpus = pool.n_free_gpus.saturating_sub(count(was)).saturating_add(count(is));
        pool.count(was, is);
    }

    /// Promises a node.
    pub(crate) fn hold(&mut self, node: NodeIdx, hold: Hold) {
        self.holds.entry(node).or_default().push(hold);
        self.mark_held(node, true);
    }

    /// Takes one promise back.
    pub(crate) fn unhold(&mut self, node: NodeIdx, hold: &Hold) {
        let Some(holds) = self.holds.get_mut(&node) else { return };
        if let Some(at) = holds.iter().rposition(|one| one == hold) {
            holds.remove(at);
        }
        if holds.is_empty() {
            self.holds.remove(&node);
            self.mark_held(node, false);
        }
    }

    fn mark_held(&mut self, node: NodeIdx, is_held: bool) {
        let Some(row) = self.rows.get(node.at()) else { return };
        let shelf = usize::try_from(row.shelf).ok().and_then(|at| self.shelves.get_mut(at));
        let Some(shelf) = shelf else { return };
        let bit = 1_u64 << row.slot;
        shelf.held = if is_held { shelf.held | bit } else { shelf.held & !bit };
    }

    /// The promises of a node.
    pub(crate) fn holds_of(&self, node: NodeIdx) -> &[Hold] {
        self.holds.get(&node).map_or(&[], Vec::as_slice)
    }

    /// When promises end after this time: instants at which something may become possible.
    pub(crate) fn hold_ends_after(&self, now_us: Micros) -> Vec<Micros> {
        let all = self.holds.values().flatten().map(|hold| hold.until_us);
        let mut ends: Vec<Micros> = Vec::new();
        for until in all.filter(|until| *until > now_us && *until < Micros::MAX) {
            // Nodes of one promise lie side by side, as a rule.
            if ends.last() != Some(&until) {
                ends.push(until);
            }
        }
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// When promises begin after this time.
    pub(crate) fn hold_starts_after(&self, now_us: Micros) -> BTreeSet<Micros> {
        let all = self.holds.values().flatten().map(|hold| hold.from_us);
        all.filter(|from| *from > now_us).collect()
    }

    /// True if the node is promised to somebody else within the asker's time.
    pub(crate) fn is_promised(&self, node: NodeIdx, asker: &Asker) -> bool {
        self.holds_of(node).iter().any(|hold| {
            let mine = match hold.owner {
                Owner::Job(job) => job == asker.job,
                Owner::Calendar(_, holder) => holder == Some(asker.queue),
            };
            !mine && hold.from_us < asker.end_us && asker.start_us < hold.until_us
        })
    }

    pub(crate) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    pub(crate) const fn n_shelves(&self) -> usize {
        self.shelves.len()
    }

    pub(crate) fn shelves(&self) -> &[Shelf] {
        &self.shelves
    }

    pub(crate) fn shelf(&self, at: usize) -> Option<&Shelf> {
        self.shelves.get(at)
    }

    pub(crate) fn row(&self, node: NodeIdx) -> Option<&Row> {
        self.rows.get(node.at())
    }

    pub(crate) fn suspects(&self) -> impl Iterator<Item = NodeIdx> + '_ {
        self.suspects.iter().copied()
    }
}
