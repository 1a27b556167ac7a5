//! Several nodes at once, all or none, as close together as they can be.
//!
//! The order, which is policy: while others wait for whole blocks, a gang that asked for no closeness
//! takes the tails of at most two racks if those suffice; else most nodes up to the job's maximum; fewest racks; fewest rack
//! groups; fewest blocks of 16, 8 and 4 idle nodes broken; fewest nodes left over in the racks
//! taken from; then the order of pools, groups and racks. Within a rack, nodes with fewest free
//! GPUs that suffice, then in their order. All nodes have one model of GPU; a gang without GPUs
//! goes to nodes without GPUs if these suffice, and otherwise to any nodes of the site.
//!
//! Takes one look at each rack of the pool, and a sort of its racks.

use std::cmp::Reverse;

use super::powered::Left;
use super::{Ask, Broken, Choice, Rank};
use crate::fleet::{Fleet, Pool, Shelf, ones};
use crate::problem::{Level, NodeIdx};

/// Nodes of one shelf that fit.
#[derive(Debug, Clone, Copy)]
struct Part {
    shelf: usize,
    mask: u64,
}

/// A rack with nodes that fit.
#[derive(Debug, Clone)]
struct Rack {
    group: u32,
    /// Its parts in `Racks::parts`.
    parts: std::ops::Range<usize>,
    /// How many nodes fit.
    n: u32,
}

/// The racks of one site (or of one pool of it) in order.
#[derive(Debug, Default)]
struct Racks {
    parts: Vec<Part>,
    racks: Vec<Rack>,
}

/// How many nodes to take from which rack.
#[derive(Debug, Default)]
struct Deal {
    takes: Vec<(usize, u32)>,
    rank: Rank,
}

pub(super) fn find(fleet: &Fleet, ask: &Ask<'_>) -> Option<Choice> {
    let fits = |shelf: &Shelf| fleet.fitting(shelf, &ask.need, &ask.asker);
    let mut best: Option<Choice> = None;
    let mut keep = |choice: Option<Choice>| {
        let Some(choice) = choice else { return };
        if best.as_ref().is_none_or(|best| choice.rank < best.rank) {
            best = Some(choice);
        }
    };
    if ask.need.uses_gpus() {
        let gpus = ask.need.amounts.gpus;
        // Most searches fail, and most of those for want of nodes wherever they lie.
        let enough = |pool: &&Pool| pool.n_at_least(gpus) >= ask.job.nodes_min;
        for pool in fleet.pools().iter().filter(|pool| ask.allows(pool)).filter(enough) {
            keep(in_racks(fleet, &racks(fleet, pool.shelves(), &fits), ask));
        }
        return best;
    }
    for site in fleet.pools().chunk_by(|a, b| a.site == b.site) {
        let Some(first) = site.first().filter(|pool| ask.allows(pool)) else { continue };
        // Pools are in order of their model, and none comes first.
        let plain = site.iter().filter(|pool| pool.class.is_none());
        let plain = plain.flat_map(Pool::shelves);
        let choice = in_racks(fleet, &racks(fleet, plain, &fits), ask);
        let end = site.last().map_or(first.first, |last| last.shelves().end);
        let all = || in_racks(fleet, &racks(fleet, first.first..end, &fits), ask);
        keep(choice.or_else(all));
    }
    best
}

/// The most nodes that one domain of the job's topology could give, were all these nodes free.
pub(super) fn most(
    fleet: &Fleet,
    shelves: std::ops::Range<usize>,
    ask: &Ask<'_>,
    nodes: &dyn Fn(&Shelf) -> u64,
) -> u32 {
    let all = racks(fleet, shelves, nodes);
    let block = ask.job.topology.segment.max(1);
    let whole = |n: u32| n.checked_div(block).unwrap_or(0).saturating_mul(block);
    let sum = |racks: &[Rack]| racks.iter().map(|rack| whole(rack.n)).fold(0, u32::saturating_add);
    match ask.job.topology.within {
        Level::Rack => all.racks.iter().map(|rack| whole(rack.n)).max().unwrap_or(0),
        Level::Group => all.racks.chunk_by(|a, b| a.group == b.group).map(sum).max().unwrap_or(0),
        Level::Site => sum(&all.racks),
    }
}

/// Looks at each shelf once.
fn racks(
    fleet: &Fleet,
    shelves: impl Iterator<Item = usize>,
    nodes: &dyn Fn(&Shelf) -> u64,
) -> Racks {
    let mut found: Vec<(u32, u32, Part)> = Vec::new();
    for at in shelves {
        let Some(shelf) = fleet.shelf(at) else { continue };
        let mask = nodes(shelf);
        if mask != 0 {
            found.push((shelf.group, shelf.rack, Part { shelf: at, mask }));
        }
    }
    // Shelves of one pool are in order already; those of several are not.
    if !found.is_sorted_by_key(|(group, rack, _)| (*group, *rack)) {
        found.sort_by_key(|(group, rack, part)| (*group, *rack, part.shelf));
    }
    let mut all = Racks::default();
    for rack in found.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let from = all.parts.len();
        all.parts.extend(rack.iter().map(|(_, _, part)| *part));
        let n = rack.iter().map(|(_, _, part)| part.mask.count_ones()).fold(0, u32::saturating_add);
        let group = rack.first().map_or(0, |(group, _, _)| *group);
        all.racks.push(Rack { group, parts: from..all.parts.len(), n });
    }
    all
}

/// The best deal over all domains that the job's topology allows.
fn in_racks(fleet: &Fleet, all: &Racks, ask: &Ask<'_>) -> Option<Choice> {
    let numbers: Vec<usize> = (0..all.racks.len()).collect();
    let group = |at: &usize| all.racks.get(*at).map(|rack| rack.group);
    let deal = match ask.job.topology.within {
        Level::Rack => best_of(fleet, all, numbers.chunks(1), ask),
        Level::Group => best_of(fleet, all, numbers.chunk_by(|a, b| group(a) == group(b)), ask),
        // Where power is short it decides.
        Level::Site if ask.spares_blocks && ask.grid.is_none() && ask.job.topology.segment <= 1 => {
            in_tails(all, ask).or_else(|| in_site(fleet, all, &numbers, ask))
        }
        Level::Site => in_site(fleet, all, &numbers, ask),
    }?;
    Some(Choice { nodes: pick(fleet, all, &deal, ask), rank: deal.rank })
}

/// The best deal anywhere on the site.
fn in_site(fleet: &Fleet, all: &Racks, numbers: &[usize], ask: &Ask<'_>) -> Option<Deal> {
    let group = |at: &usize| all.racks.get(*at).map(|rack| rack.group);
    let wide = one_deal(fleet, all, numbers, ask)?;
    // One rack is in one group anyway; more may fit one group as well as several.
    if wide.rank.n_groups <= 1 {
        return Some(wide);
    }
    let narrow = best_of(fleet, all, numbers.chunk_by(|a, b| group(a) == group(b)), ask);
    narrow.filter(|narrow| narrow.rank < wide.rank).or(Some(wide))
}

/// All nodes that the gang can use from what one or two racks have beyond whole blocks of four, in
/// one group if possible: the least that will do.
fn in_tails(all: &Racks, ask: &Ask<'_>) -> Option<Deal> {
    let tails: Vec<(u32, u32, usize)> = (0_usize..)
        .zip(&all.racks)
        .map(|(at, rack)| (rack.group, rack.n & (BLOCK - 1), at))
        .filter(|(_, tail, _)| *tail > 0)
        .collect();
    let wanted = ask.nodes_max;
    if wanted > 2 * (BLOCK - 1) {
        return None;
    }
    let least = |tails: &[(u32, u32, usize)], wanted: u32, but: usize| {
        let enough = tails.iter().filter(|(_, tail, at)| *tail >= wanted && *at != but);
        enough.map(|(_, tail, at)| (*tail, *at)).min()
    };
    let two = |tails: &[(u32, u32, usize)]| {
        let largest = tails.iter().map(|(_, tail, at)| (Reverse(*tail), *at)).min();
        let (Reverse(tail), first) = largest?;
        let (_, second) = least(tails, wanted.checked_sub(tail)?, first)?;
        Some(vec![(first, tail), (second, wanted.saturating_sub(tail))])
    };
    let one = least(&tails, wanted, usize::MAX).map(|(_, at)| vec![(at, wanted)]);
    let takes =
        one.or_else(|| tails.chunk_by(|a, b| a.0 == b.0).find_map(two)).or_else(|| two(&tails))?;
    let mut deal = Deal::default();
    for (at, taken) in takes {
        deal.add(at, all.racks.get(at)?.n, taken);
    }
    Some(deal.finished(all, 0))
}

/// Blocks that are worth sparing: the smallest that jobs ask for.
const BLOCK: u32 = 4;

fn best_of<'a>(
    fleet: &Fleet,
    all: &Racks,
    domains: impl Iterator<Item = &'a [usize]>,
    ask: &Ask<'_>,
) -> Option<Deal> {
    domains.filter_map(|domain| one_deal(fleet, all, domain, ask)).min_by_key(|deal| deal.rank)
}

fn one_deal(fleet: &Fleet, all: &Racks, domain: &[usize], ask: &Ask<'_>) -> Option<Deal> {
    match Left::of(ask) {
        None => deal(all, domain, ask),
        Some(left) => deal_within(fleet, all, domain, left, ask),
    }
}

/// Nodes from the racks of one domain as power allows: largest racks first.
fn deal_within(
    fleet: &Fleet,
    all: &Racks,
    domain: &[usize],
    mut left: Left<'_>,
    ask: &Ask<'_>,
) -> Option<Deal> {
    let block = ask.job.topology.segment.max(1);
    let whole = |n: u32| n.checked_div(block).unwrap_or(0).saturating_mul(block);
    let rack = |at: &usize| all.racks.get(*at).map(|rack| (Reverse(rack.n), *at));
    let mut racks: Vec<(Reverse<u32>, usize)> = domain.iter().filter_map(rack).collect();
    racks.sort_unstable();
    let most = whole(ask.nodes_max);
    let (mut deal, mut dealt) = (Deal::default(), 0_u32);
    for (Reverse(n), at) in racks {
        let parts = all.racks.get(at).and_then(|rack| all.parts.get(rack.parts.clone()));
        let Some(shelf) = parts.and_then(|parts| parts.first()).map(|part| part.shelf) else {
            continue;
        };
        let taken = left.take(fleet, shelf, n.min(most.saturating_sub(dealt)), block);
        if taken > 0 {
            deal.add(at, n, taken);
            dealt = dealt.saturating_add(taken);
        }
    }
    (dealt >= ask.job.nodes_min).then(|| deal.finished(all, most.saturating_sub(dealt)))
}

/// Nodes from the racks of one domain: largest racks first, which needs the fewest, and the last
/// one the best fit. `None` if there are not enough.
fn deal(all: &Racks, domain: &[usize], ask: &Ask<'_>) -> Option<Deal> {
    let block = ask.job.topology.segment.max(1);
    // INVARIANT: `block` is at least 1, so the divisions below are defined.
    let blocks_of = |n: u32| n.checked_div(block).unwrap_or(0);
    let mut racks: Vec<(Reverse<u32>, u32, usize)> = domain
        .iter()
        .filter_map(|at| all.racks.get(*at).map(|rack| (Reverse(blocks_of(rack.n)), rack.n, *at)))
        .filter(|(blocks, _, _)| blocks.0 > 0)
        .collect();
    let exist = racks.iter().map(|(blocks, _, _)| blocks.0).fold(0, u32::saturating_add);
    let most = blocks_of(ask.nodes_max);
    let wanted = exist.min(most);
    if wanted.saturating_mul(block) < ask.job.nodes_min {
        return None;
    }
    racks.sort_unstable();
    let mut deal = Deal::default();
    let mut left = wanted;
    let mut rest = racks.as_slice();
    while left > 0 {
        // Racks are in descending order, so those that hold all of the rest come first.
        let holding = rest.partition_point(|(blocks, _, _)| blocks.0 >= left);
        let taken = left.saturating_mul(block);
        let fit = rest.get(..holding)?.iter().min_by_key(|(_, n, at)| (Broken::of(*n, taken), *at));
        if let Some((_, n, at)) = fit {
            deal.add(*at, *n, taken);
            break;
        }
        let (Reverse(blocks), n, at) = *rest.first()?;
        deal.add(at, n, blocks.saturating_mul(block));
        left = left.saturating_sub(blocks);
        rest = rest.get(1..)?;
    }
    Some(deal.finished(all, most.saturating_sub(wanted).saturating_mul(block)))
}

impl Deal {
    fn add(&mut self, rack: usize, free: u32, taken: u32) {
        self.takes.push((rack, taken));
        self.rank.n_racks = self.rank.n_racks.saturating_add(1);
        self.rank.broken = self.rank.broken.plus(Broken::of(free, taken));
    }

    /// The deal in order of its racks, with its rank.
    fn finished(mut self, all: &Racks, n_short: u32) -> Self {
        self.takes.sort_unstable();
        let racks = self.takes.iter().filter_map(|(at, _)| all.racks.get(*at));
        let mut groups: Vec<u32> = racks.map(|rack| rack.group).collect();
        groups.dedup();
        self.rank.n_groups = u32::try_from(groups.len()).unwrap_or(u32::MAX);
        self.rank.n_short = n_short;
        self
    }
}

/// The nodes of a deal, rack by rack.
fn pick(fleet: &Fleet, all: &Racks, deal: &Deal, ask: &Ask<'_>) -> Vec<NodeIdx> {
    let mut nodes = Vec::new();
    for (at, taken) in &deal.takes {
        let Some(rack) = all.racks.get(*at) else { continue };
        let parts = all.parts.get(rack.parts.clone()).unwrap_or_default();
        let from = nodes.len();
        let wanted = usize::try_from(*taken).unwrap_or(usize::MAX);
        let gpus_max =
            parts.iter().filter_map(|part| fleet.shelf(part.shelf)).map(|s| s.gpus).max();
        'rack: for free in ask.need.amounts.gpus..=gpus_max.unwrap_or(0) {
            for part in parts {
                let Some(shelf) = fleet.shelf(part.shelf) else { continue };
                let level = usize::try_from(free).unwrap_or(usize::MAX);
                for slot in ones(part.mask & shelf.with_free(level)) {
                    if nodes.len().saturating_sub(from) == wanted {
                        break 'rack;
                    }
                    nodes.extend(shelf.nodes.get(slot));
                }
            }
        }
        if let Some(rack) = nodes.get_mut(from..) {
            rack.sort_unstable();
        }
    }
    nodes
}
