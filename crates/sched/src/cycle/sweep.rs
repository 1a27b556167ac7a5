//! A walk over the ends of running work that only counts: before which of them is a job hopeless?
//!
//! It answers for whole amounts alone, on a few numbers a rack instead of the whole fleet, and must
//! never come out later than the first end at which the job does fit: what it leaves is decided on
//! the fleet itself. Promises that it is not told of make it earlier, never later.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Cycle;
use super::backfill::{Freed, held};
use crate::fleet::{Fleet, Row};
use crate::place::{self, Ask};
use crate::problem::{Level, Micros, NodeIdx, seated};
use crate::scheduler::Scheduler;

/// Nodes that are promised to others, and the starts that this forbids.
struct Window<'a> {
    /// The first start that is forbidden.
    from_us: Micros,
    /// The first one after it that is not.
    until_us: Micros,
    nodes: Vec<&'a NodeIdx>,
}

/// Nodes of one rack, as far as one job may have them together.
struct Rack {
    /// Nodes that fit.
    n: u32,
    /// Its part of `Sweep::domains`.
    domain: usize,
}

/// What is there at one instant.
struct Sweep<'a> {
    fleet: &'a Fleet,
    ask: &'a Ask<'a>,
    block: u32,
    racks: Vec<Rack>,
    /// The rack of each shelf, or none if the job may not be there.
    rack_of: Vec<Option<u32>>,
    /// Nodes of each shelf with room, whoever is promised them.
    room: Vec<u64>,
    /// By how many windows a node is kept from the job, where it is at all.
    kept: Vec<u16>,
    /// Whole blocks of each domain.
    domains: Vec<u32>,
    blocks_wanted: u32,
    n_enough: u32,
    /// Nodes that ends have changed, by their position in `rows` and one.
    changed: Vec<u32>,
    rows: Vec<Row>,
}

/// The position after the first end with which the job may fit; `None` if there is none.
pub(super) fn first_hope(
    scheduler: &Scheduler,
    cycle: &Cycle,
    ends: &[(Micros, Freed)],
    ask: &Ask<'_>,
) -> Option<usize> {
    let mut sweep = Sweep::new(&scheduler.fleet, ask);
    let windows = windows(scheduler, cycle, ask);
    let mut turns: Vec<(Micros, bool, usize)> = Vec::new();
    for (at, window) in windows.iter().enumerate() {
        turns.push((window.from_us, true, at));
        turns.push((window.until_us, false, at));
    }
    turns.sort_unstable();
    let mut turns = turns.into_iter().peekable();
    let mut at = 0;
    for instant in ends.chunk_by(|a, b| a.0 == b.0) {
        let now_us = instant.first()?.0;
        for (_, freed) in instant {
            let Some((nodes, need, seats)) = held(scheduler, cycle, *freed) else { continue };
            for (node, seat) in seated(nodes, seats) {
                sweep.free(node, |row| row.release(&need, seat));
            }
        }
        while let Some((_, is_kept, window)) = turns.next_if(|turn| turn.0 <= now_us) {
            for node in windows.get(window).into_iter().flat_map(|window| &window.nodes) {
                sweep.keep(**node, is_kept);
            }
        }
        at = instant.len().saturating_add(at);
        if sweep.n_enough > 0 {
            return Some(at);
        }
    }
    None
}

/// What others are promised, as far as the scheduler keeps a list of it.
fn windows<'a>(scheduler: &'a Scheduler, cycle: &'a Cycle, ask: &Ask<'_>) -> Vec<Window<'a>> {
    let (job, queue) = (ask.asker.job, ask.asker.queue);
    let limit = ask.job.limit_us.and_then(|limit| i64::try_from(limit).ok());
    // A start is too early by the job's length, and one after.
    let start = |from: Micros| {
        let length = limit.unwrap_or(Micros::MAX);
        if from == Micros::MIN { from } else { from.saturating_sub(length).saturating_add(1) }
    };
    let promises = cycle.plan.promises.iter().filter(|promise| promise.job != job);
    let promises = promises.map(|promise| Window {
        from_us: start(promise.from_us),
        until_us: promise.until_us,
        nodes: promise.nodes.iter().collect(),
    });
    let calendar = scheduler.reservations.values();
    let calendar = calendar.filter(|one| one.holder != Some(queue)).map(|one| Window {
        from_us: start(one.from_us),
        until_us: one.until_us,
        nodes: one.nodes.iter().collect(),
    });
    let cleared = scheduler.clearing.iter().filter(|(other, _)| **other != job);
    let cleared = cleared.map(|(_, nodes)| Window {
        from_us: Micros::MIN,
        until_us: Micros::MAX,
        nodes: nodes.keys().collect(),
    });
    // A window without length keeps nothing.
    promises.chain(calendar).chain(cleared).filter(|one| one.from_us < one.until_us).collect()
}

impl<'a> Sweep<'a> {
    /// What there is now, promises left out.
    fn new(fleet: &'a Fleet, ask: &'a Ask<'a>) -> Self {
        let is_single = ask.nodes_max <= 1;
        let block = if is_single { 1 } else { ask.job.topology.segment.max(1) };
        let mut sweep = Self {
            fleet,
            ask,
            block,
            racks: Vec::new(),
            rack_of: vec![None; fleet.n_shelves()],
            room: vec![0; fleet.n_shelves()],
            kept: vec![0; fleet.n_nodes()],
            domains: Vec::new(),
            // INVARIANT: `block` is at least 1.
            blocks_wanted: ask.job.nodes_min.div_ceil(block),
            n_enough: 0,
            changed: vec![0; fleet.n_nodes()],
            rows: Vec::new(),
        };
        let within = if is_single { Level::Site } else { ask.job.topology.within };
        for scope in place::scopes(fleet, ask) {
            sweep.enter(scope, within);
        }
        sweep
    }

    /// The racks of one scope, which shares nothing with the others.
    fn enter(&mut self, scope: Range<usize>, within: Level) {
        let mut numbers: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut groups: BTreeMap<u32, usize> = BTreeMap::new();
        let whole = self.domains.len();
        self.domains.push(0);
        for at in scope {
            let Some(shelf) = self.fleet.shelf(at) else { continue };
            let next = u32::try_from(self.racks.len()).unwrap_or(u32::MAX);
            let rack = *numbers.entry((shelf.group, shelf.rack)).or_insert(next);
            if rack == next {
                let domain = match within {
                    Level::Site => whole,
                    Level::Group => *groups.entry(shelf.group).or_insert(self.domains.len()),
                    Level::Rack => self.domains.len(),
                };
                if domain == self.domains.len() {
                    self.domains.push(0);
                }
                self.racks.push(Rack { n: 0, domain });
            }
            if let Some(entry) = self.rack_of.get_mut(at) {
                *entry = Some(rack);
            }
            let mut room = self.fleet.free_for(shelf, &self.ask.need);
            if self.ask.nodes_max <= 1 {
                room |= self.suspects_with_room(at);
            }
            if let Some(entry) = self.room.get_mut(at) {
                *entry = room;
            }
            self.add(rack, i64::from(room.count_ones()));
        }
    }

    /// Work of one node goes to suspect ones too, if nothing else is left.
    fn suspects_with_room(&self, at: usize) -> u64 {
        let Some(shelf) = self.fleet.shelf(at) else { return 0 };
        let has_room = |slot: &usize| {
            let row = shelf.nodes.get(*slot).and_then(|node| self.fleet.row(*node));
            row.is_some_and(|row| row.fits(&self.ask.need))
        };
        let slots = crate::fleet::ones(shelf.suspect).filter(has_room);
        slots.fold(0, |mask, slot| mask | 1 << slot)
    }

    /// So many nodes more fit in a rack.
    fn add(&mut self, rack: u32, by: i64) {
        let rack = usize::try_from(rack).ok().and_then(|rack| self.racks.get_mut(rack));
        let Some(rack) = rack else { return };
        let blocks = |n: u32| n.checked_div(self.block).unwrap_or(0);
        let was = blocks(rack.n);
        rack.n = u32::try_from(i64::from(rack.n).saturating_add(by)).unwrap_or(0);
        let is = blocks(rack.n);
        let Some(domain) = self.domains.get_mut(rack.domain) else { return };
        let was_enough = *domain >= self.blocks_wanted;
        *domain = domain.saturating_add(is).saturating_sub(was);
        match (was_enough, *domain >= self.blocks_wanted) {
            (false, true) => self.n_enough = self.n_enough.saturating_add(1),
            (true, false) => self.n_enough = self.n_enough.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
    }

    /// Where a node stands, if the job may have it at all.
    fn place(&self, node: NodeIdx) -> Option<(u32, usize, u64)> {
        let (at, bit) = self.fleet.row(node)?.place()?;
        Some(((*self.rack_of.get(at)?)?, at, bit))
    }

    /// Something on a node ends.
    fn free(&mut self, node: NodeIdx, what: impl FnOnce(&mut Row)) {
        let Some((rack, at, bit)) = self.place(node) else { return };
        let Some(shelf) = self.fleet.shelf(at) else { return };
        let takes = shelf.ready | if self.ask.nodes_max <= 1 { shelf.suspect } else { 0 };
        if takes & bit == 0 || self.room.get(at).is_none_or(|room| room & bit != 0) {
            return;
        }
        let Some(entry) = self.changed.get_mut(node.at()) else { return };
        if *entry == 0 {
            self.rows.extend(self.fleet.row(node).cloned());
            *entry = u32::try_from(self.rows.len()).unwrap_or(0);
        }
        let row = usize::try_from(*entry).ok().and_then(|at| self.rows.get_mut(at.checked_sub(1)?));
        let Some(row) = row else { return };
        what(row);
        if row.fits(&self.ask.need) {
            if let Some(room) = self.room.get_mut(at) {
                *room |= bit;
            }
            if self.kept.get(node.at()).is_some_and(|kept| *kept == 0) {
                self.add(rack, 1);
            }
        }
    }

    /// A node is kept from the job by one window more, or less.
    fn keep(&mut self, node: NodeIdx, is_kept: bool) {
        let Some((rack, at, bit)) = self.place(node) else { return };
        let Some(kept) = self.kept.get_mut(node.at()) else { return };
        let was = *kept;
        *kept = if is_kept { was.saturating_add(1) } else { was.saturating_sub(1) };
        let (was, is) = (was > 0, *kept > 0);
        if was != is && self.room.get(at).is_some_and(|room| room & bit != 0) {
            self.add(rack, if is { -1 } else { 1 });
        }
    }
}
