//! Room for a job with a better claim: whom to evict, at the least loss of work.
//!
//! Must never evict what would not let the job start, nor anybody whose eviction is not needed, nor
//! anybody against whom the job has no claim. A claim is a higher priority in the same queue, or a
//! queue's right to what it deserves; claims are ordered, so nobody evicts in a circle.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::{Fleet, Need, Row, ones};
use crate::part::{GPU_MILLI, Part as GpuPart, Seat};
use crate::place::{self, Ask};
use crate::problem::{JobIdx, Level, NodeIdx, Running};
use crate::scheduler::Scheduler;
use crate::settings::Reclaim;
use crate::share::{Claim, Rule, Tree};

/// Whom to evict, and the nodes that this gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) victims: Vec<JobIdx>,
    pub(super) nodes: Vec<NodeIdx>,
}

/// A part of a node that could be freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    node: NodeIdx,
    /// Work lost, in GPU-microseconds weighed by priority, for this node's part.
    loss: u64,
    /// Of equal losses the newer work goes first.
    newest: Reverse<u64>,
    victim: JobIdx,
}

/// A node that the job could have, and what that would lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Offer {
    loss: u64,
    node: NodeIdx,
}

/// Nodes of one rack, cheapest first.
struct Rack {
    group: u32,
    offers: Vec<Offer>,
}

/// A cheap test that must hold before a search for victims is worth its time.
pub(super) fn could_claim(scheduler: &Scheduler, ask: &Ask<'_>) -> bool {
    let queue = ask.job.queue;
    let lesser = (queue, i32::MIN)..(queue, ask.job.priority);
    if scheduler.priorities.range(lesser).next().is_some() {
        return true;
    }
    reaches_others(scheduler, ask)
}

/// A cheap test that must hold before work of another queue can be had.
fn reaches_others(scheduler: &Scheduler, ask: &Ask<'_>) -> bool {
    let queue = ask.job.queue;
    let tree = &scheduler.tree;
    let deserves_more = |queue| {
        let used = tree.allocated(queue).iter().enumerate();
        used.into_iter().any(|(resource, used)| tree.deserved(queue, resource) > *used)
    };
    match scheduler.settings.reclaim {
        Reclaim::Off => false,
        Reclaim::Deserved => {
            // A root deserves what there is; nobody stands beside it to give anything back.
            let path = std::iter::successors(Some(queue), |queue| tree.parent(*queue));
            path.take_while(|queue| tree.parent(*queue).is_some()).any(deserves_more)
        }
        Reclaim::Shares => tree.n_queues() > 1,
    }
}

/// The cheapest room for the job, if its claims reach far enough.
pub(super) fn room_for(
    scheduler: &Scheduler,
    condemned: &BTreeSet<JobIdx>,
    ask: &Ask<'_>,
) -> Option<Room> {
    let parts = parts(scheduler, condemned, ask);
    if parts.is_empty() {
        return None;
    }
    let scopes = place::scopes(&scheduler.fleet, ask);
    let claimed = claimed(&scheduler.fleet, &parts);
    let offers = scopes.into_iter().map(|scope| racks(scheduler, ask, (&parts, &claimed), scope));
    let best = offers.filter_map(|racks| cheapest(&racks, ask)).min_by_key(|(loss, _)| *loss);
    let (_, nodes) = best?;
    let victims = needed(scheduler, ask, &parts, &nodes);
    // Claims may reach less far together than one by one.
    let is_fair = !victims.is_empty() && claims_all(scheduler, ask, &victims);
    is_fair.then_some(Room { victims, nodes })
}

/// Everything that could be evicted for the job, by node, cheapest first on each.
fn parts(scheduler: &Scheduler, condemned: &BTreeSet<JobIdx>, ask: &Ask<'_>) -> Vec<Part> {
    let mut claims = BTreeMap::new();
    let mut parts = Vec::new();
    let reaches_others = reaches_others(scheduler, ask);
    for (index, running) in &scheduler.running {
        if !running.may_go(ask.asker.start_us)
            || (running.job.queue != ask.job.queue && !reaches_others)
            || running.gone_by_us.is_some()
            || condemned.contains(index)
        {
            continue;
        }
        let job = &running.job;
        let key = (job.queue, job.priority, Need::of(job), running.nodes.len());
        let has_claim = *claims.entry(key).or_insert_with(|| has_claim(scheduler, ask, running));
        if has_claim {
            let loss = loss(running, ask);
            let newest = Reverse(running.job.submitted_order);
            let part = |node: &NodeIdx| Part { node: *node, loss, newest, victim: *index };
            parts.extend(running.nodes.iter().map(part));
        }
    }
    parts.sort_unstable();
    parts
}

/// Work that one rank of the job would lose, weighed by its priority.
fn loss(running: &Running, ask: &Ask<'_>) -> u64 {
    let lost_us = running.unsaved_us(ask.asker.start_us);
    let gpus = u64::from(running.job.need.gpus.max(1));
    // Of a share so much less is lost; an instance counts as a GPU, its model is not known here.
    let (times, of) = match running.job.part {
        Some(GpuPart::Share { milli }) => (u64::from(milli), u64::from(GPU_MILLI)),
        Some(GpuPart::Mig { .. }) | None => (gpus, 1),
    };
    // One more, so that of equal losses fewer victims are the cheaper ones.
    let lost = lost_us.saturating_mul(times).checked_div(of).unwrap_or(lost_us);
    lost.saturating_mul(running.weight()).saturating_add(1)
}

fn has_claim(scheduler: &Scheduler, ask: &Ask<'_>, victim: &Running) -> bool {
    if victim.job.queue == ask.job.queue {
        return ask.job.priority > victim.job.priority;
    }
    reclaims(scheduler, &scheduler.tree, ask, victim).is_some()
}

/// By which rule the job's queue may take this work of another queue's, if it may.
fn reclaims(scheduler: &Scheduler, tree: &Tree, ask: &Ask<'_>, victim: &Running) -> Option<Rule> {
    let held = scheduler.used_by(&victim.job, &victim.nodes);
    let need = need_beside(scheduler, ask, victim);
    let claim = Claim { queue: ask.job.queue, need: &need, missing: &need };
    let rule = tree.may_reclaim(&claim, victim.job.queue, &held)?;
    match (scheduler.settings.reclaim, rule) {
        (Reclaim::Off, _) | (Reclaim::Deserved, Rule::FinalShare | Rule::InitialShare) => None,
        (Reclaim::Deserved, Rule::Deserved) | (Reclaim::Shares, _) => Some(rule),
    }
}

/// What the job needs where the victim runs.
fn need_beside(scheduler: &Scheduler, ask: &Ask<'_>, victim: &Running) -> Vec<u64> {
    let node = victim.nodes.first().and_then(|node| scheduler.fleet.node(*node));
    scheduler.resources(ask.job, node.and_then(|node| node.class), ask.job.nodes_min)
}

/// True if each claim still holds after the evictions before it, and all of them together make no
/// branch larger beside its neighbours.
fn claims_all(scheduler: &Scheduler, ask: &Ask<'_>, victims: &[JobIdx]) -> bool {
    let mut tree = None;
    let (mut shared, mut need) = (Vec::new(), Vec::new());
    for victim in victims {
        let Some(victim) = scheduler.running.get(victim) else { return false };
        if victim.job.queue == ask.job.queue {
            continue;
        }
        let tree: &mut Tree = tree.get_or_insert_with(|| scheduler.tree.clone());
        let Some(rule) = reclaims(scheduler, tree, ask, victim) else { return false };
        if rule != Rule::Deserved {
            shared.push(victim.job.queue);
            need = need_beside(scheduler, ask, victim);
        }
        let held = scheduler.used_by(&victim.job, &victim.nodes);
        // INVARIANT: running work was charged, or its queue is none of the tree's.
        let _ = tree.discharge(victim.job.queue, &held);
    }
    tree.is_none_or(|tree| {
        let claim = Claim { queue: ask.job.queue, need: &need, missing: &need };
        tree.keeps_shares(&scheduler.tree, &claim, shared)
    })
}

/// The nodes of each shelf that some part is on.
fn claimed(fleet: &Fleet, parts: &[Part]) -> Vec<u64> {
    let mut claimed = vec![0; fleet.n_shelves()];
    for (at, bit) in parts.iter().filter_map(|part| fleet.row(part.node)?.place()) {
        if let Some(mask) = claimed.get_mut(at) {
            *mask |= bit;
        }
    }
    claimed
}

/// The racks of a scope with the nodes that could be had.
fn racks(
    scheduler: &Scheduler,
    ask: &Ask<'_>,
    (parts, claimed): (&[Part], &[u64]),
    scope: std::ops::Range<usize>,
) -> Vec<Rack> {
    let fleet = &scheduler.fleet;
    let mut found: Vec<(u32, u32, Offer)> = Vec::new();
    for (at, shelf) in scope.filter_map(|at| Some((at, fleet.shelf(at)?))) {
        let fits = fleet.fitting(shelf, &ask.need, &ask.asker);
        // Where nothing fits and nobody can be evicted there is nothing to be had.
        let could = fits | claimed.get(at).copied().unwrap_or(0);
        let could = could & fleet.large_enough(shelf, &ask.need) & shelf.ready;
        for slot in ones(could) {
            let Some(node) = shelf.nodes.get(slot).copied() else { continue };
            let loss = if fits & 1 << slot != 0 {
                Some(0)
            } else if fleet.is_promised(node, &ask.asker) {
                None
            } else {
                victims_on(scheduler, ask, parts, node).map(|victims| {
                    victims.iter().map(|part| part.loss).fold(0, u64::saturating_add)
                })
            };
            found.extend(loss.map(|loss| (shelf.group, shelf.rack, Offer { loss, node })));
        }
    }
    found.sort_unstable();
    let racks = found.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    racks
        .map(|rack| Rack {
            group: rack.first().map_or(0, |(group, _, _)| *group),
            offers: rack.iter().map(|(_, _, offer)| *offer).collect(),
        })
        .collect()
}

/// The parts to free on a node, cheapest first, until the job's rank fits; `None` if it never does.
fn victims_on(
    scheduler: &Scheduler,
    ask: &Ask<'_>,
    parts: &[Part],
    node: NodeIdx,
) -> Option<Vec<Part>> {
    let from = parts.partition_point(|part| part.node < node);
    let here = parts.get(from..)?.iter().take_while(|part| part.node == node);
    let mut row = scheduler.fleet.row(node)?.clone();
    let mut victims = Vec::new();
    for part in here {
        if row.fits(&ask.need) {
            break;
        }
        if let Some((need, seat)) = held(scheduler, part.victim, node) {
            row.release(&need, seat);
        }
        victims.push(*part);
    }
    row.fits(&ask.need).then_some(victims)
}

/// What running work holds of a node.
fn held(scheduler: &Scheduler, job: JobIdx, node: NodeIdx) -> Option<(Need, Option<Seat>)> {
    let running = scheduler.running.get(&job)?;
    let need = Need::of(&running.job);
    if need.part.is_none() {
        return Some((need, None));
    }
    let (_, seat) = running.seated().find(|(on, _)| *on == node)?;
    Some((need, seat))
}

/// The cheapest nodes for the whole gang in one domain of its topology.
fn cheapest(racks: &[Rack], ask: &Ask<'_>) -> Option<(u64, Vec<NodeIdx>)> {
    let one = |racks: &[Rack]| in_domain(racks, ask);
    match ask.job.topology.within {
        Level::Rack => racks.chunks(1).filter_map(one).min_by_key(|(loss, _)| *loss),
        Level::Group => {
            let groups = racks.chunk_by(|a, b| a.group == b.group);
            groups.filter_map(one).min_by_key(|(loss, _)| *loss)
        }
        Level::Site => one(racks),
    }
}

/// The cheapest blocks of these racks. In a rack each next block is dearer, so taking the cheapest
/// blocks overall takes each rack's from its cheapest on.
fn in_domain(racks: &[Rack], ask: &Ask<'_>) -> Option<(u64, Vec<NodeIdx>)> {
    let block = usize::try_from(ask.job.topology.segment.max(1)).ok()?;
    let wanted = usize::try_from(ask.job.nodes_min).ok()?.div_ceil(block);
    let mut blocks: Vec<(u64, usize, &[Offer])> = Vec::new();
    for (at, rack) in racks.iter().enumerate() {
        let whole = rack.offers.chunks_exact(block);
        blocks.extend(whole.map(|offers| {
            (offers.iter().map(|offer| offer.loss).fold(0, u64::saturating_add), at, offers)
        }));
    }
    blocks.sort_by_key(|(loss, at, _)| (*loss, *at));
    let chosen = blocks.get(..wanted)?;
    let loss = chosen.iter().map(|(loss, _, _)| *loss).fold(0, u64::saturating_add);
    let mut chosen: Vec<(usize, &[Offer])> = chosen.iter().map(|(_, at, o)| (*at, *o)).collect();
    chosen.sort_by_key(|(at, _)| *at);
    let nodes = chosen.into_iter().flat_map(|(_, offers)| offers).map(|offer| offer.node);
    Some((loss, nodes.collect()))
}

/// The victims on these nodes without those that others make unnecessary, dearest given back first.
fn needed(scheduler: &Scheduler, ask: &Ask<'_>, parts: &[Part], nodes: &[NodeIdx]) -> Vec<JobIdx> {
    let mut losses: BTreeMap<JobIdx, u64> = BTreeMap::new();
    for node in nodes {
        for part in victims_on(scheduler, ask, parts, *node).into_iter().flatten() {
            let loss = losses.entry(part.victim).or_default();
            *loss = loss.saturating_add(part.loss);
        }
    }
    let rows = nodes.iter().filter_map(|node| Some((*node, scheduler.fleet.row(*node)?.clone())));
    let mut left: BTreeMap<NodeIdx, Row> = rows.collect();
    for victim in losses.keys() {
        for_each_node(scheduler, *victim, &mut left, Row::release);
    }
    let age = |job: &JobIdx| scheduler.running.get(job).map(|r| Reverse(r.job.submitted_order));
    let mut dearest: Vec<(u64, JobIdx)> = losses.iter().map(|(job, loss)| (*loss, *job)).collect();
    dearest.sort_by_key(|(loss, job)| (*loss, age(job)));
    for (_, victim) in dearest.into_iter().rev() {
        let Some(running) = scheduler.running.get(&victim) else { continue };
        let need = Need::of(&running.job);
        let stays = running.seated().all(|(node, seat)| {
            let Some(row) = left.get(&node) else { return true };
            // More is given back than was free only if the victim's part is free now.
            let mut with = row.clone();
            with.take(&need, seat);
            row.free().covers(&need.amounts) && with.fits(&ask.need)
        });
        if stays {
            for_each_node(scheduler, victim, &mut left, Row::take);
            losses.remove(&victim);
        }
    }
    losses.into_keys().collect()
}

/// Changes what is known of each chosen node that the victim is on.
fn for_each_node(
    scheduler: &Scheduler,
    victim: JobIdx,
    left: &mut BTreeMap<NodeIdx, Row>,
    change: impl Fn(&mut Row, &Need, Option<Seat>),
) {
    let Some(running) = scheduler.running.get(&victim) else { return };
    let need = Need::of(&running.job);
    for (node, seat) in running.seated() {
        if let Some(row) = left.get_mut(&node) {
            change(row, &need, seat);
        }
    }
}
