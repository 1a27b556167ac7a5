//! What breaks and when: a seeded stream of outages in order of time, without end.
//!
//! Every node, rack and NVLink domain has a stream of its own, so that one more rack does not shift the
//! failures of the others. Times between failures and to repair are exponential.

use std::{cmp::Reverse, collections::BinaryHeap};

use units::DurationMicros;

use super::{
    fleet::{Fleet, MeanTimes, NodeIdx, RackIdx},
    number,
    time::Time,
};
use crate::Rng;

/// What is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// One node.
    Node(NodeIdx),
    /// All nodes of a rack.
    Rack(RackIdx),
    /// The links of an NVLink domain: its nodes run, but hold no gang of more than one node.
    Nvlink(u32),
}

/// Something is out for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outage {
    /// From when.
    pub at: Time,
    /// What.
    pub what: Broken,
    /// Until when; [`Time::NEVER`] for what never works.
    pub until: Time,
}

/// One thing that fails now and again.
#[derive(Debug, Clone)]
struct Source {
    what: Broken,
    between: DurationMicros,
    repair: DurationMicros,
    rng: Rng,
}

/// Outages in order of time; equal times in the order node, rack, link, then by index.
#[derive(Debug, Clone)]
pub struct Outages {
    sources: Vec<Source>,
    next: BinaryHeap<Reverse<(Outage, usize)>>,
}

impl Outages {
    /// The outages of a fleet.
    #[must_use]
    pub fn new(fleet: &Fleet, seed: u64) -> Self {
        let root = Rng::new(seed).child("failures");
        let mut all = Self { sources: Vec::new(), next: BinaryHeap::new() };
        for node in bad_nodes(fleet, &root) {
            let outage = Outage { at: Time::ZERO, what: Broken::Node(node), until: Time::NEVER };
            all.next.push(Reverse((outage, usize::MAX)));
        }
        let failures = fleet.failures;
        let nodes = number::small(number::count(fleet.nodes.len()));
        let racks = number::small(number::count(fleet.racks.len()));
        let domains = fleet.nodes.iter().map(|node| node.domain.saturating_add(1)).max();
        let nodes = (0..nodes).map(|index| Broken::Node(NodeIdx(index)));
        let racks = (0..racks).map(|index| Broken::Rack(RackIdx(index)));
        let domains = (0..domains.unwrap_or(0)).map(Broken::Nvlink);
        all.add(nodes, failures.node, &root);
        all.add(racks, failures.rack, &root);
        all.add(domains, failures.nvlink, &root);
        all
    }

    fn add(&mut self, things: impl Iterator<Item = Broken>, times: MeanTimes, root: &Rng) {
        let Some(between) = times.between else { return };
        for what in things {
            let rng = root.child(&format!("{what:?}"));
            let position = self.sources.len();
            let mut source = Source { what, between, repair: times.repair, rng };
            self.next.push(Reverse((source.outage(Time::ZERO), position)));
            self.sources.push(source);
        }
    }
}

impl Source {
    fn outage(&mut self, after: Time) -> Outage {
        let at = after.plus(exponential(&mut self.rng, self.between));
        let until = at.plus(exponential(&mut self.rng, self.repair));
        Outage { at, what: self.what, until }
    }
}

impl Iterator for Outages {
    type Item = Outage;

    fn next(&mut self) -> Option<Outage> {
        let Reverse((outage, position)) = self.next.pop()?;
        if let Some(source) = self.sources.get_mut(position) {
            self.next.push(Reverse((source.outage(outage.until), position)));
        }
        Some(outage)
    }
}

/// Nodes that never work: exactly the share that the fleet says, to the nearest node.
fn bad_nodes(fleet: &Fleet, root: &Rng) -> Vec<NodeIdx> {
    let all = number::count(fleet.nodes.len());
    let bad =
        number::scale(all.saturating_mul(2), u64::from(fleet.failures.bad_nodes_milli), 1_000);
    let bad = bad.saturating_add(1) / 2;
    let mut nodes: Vec<NodeIdx> = (0..number::small(all)).map(NodeIdx).collect();
    root.child("bad nodes").shuffle(&mut nodes);
    nodes.truncate(number::index_wide(bad));
    nodes
}

/// An exponential time with a mean, at least one microsecond: −ln(u) for a uniform u in (0, 1].
fn exponential(rng: &mut Rng, mean: DurationMicros) -> DurationMicros {
    /// ln 2 in parts of 2¹⁶.
    const LN_2: u128 = 45_426;
    let draw = rng.next_u64().max(1);
    let bits = (64_u64 << number::LOG_BITS).saturating_sub(number::log2(draw));
    // Two fractions of 16 bits each: −log2(u), and ln 2.
    let micros = u128::from(mean.0).saturating_mul(u128::from(bits)).saturating_mul(LN_2) >> 32;
    DurationMicros(number::narrow(micros).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twin::{DAY_MICROS, generate::example};

    #[test]
    fn outages_come_in_order_and_repeat_with_the_seed() {
        let fleet = example("gpus-18000");
        let first: Vec<Outage> = Outages::new(&fleet, 1).take(3_000).collect();
        let again: Vec<Outage> = Outages::new(&fleet, 1).take(3_000).collect();
        let other: Vec<Outage> = Outages::new(&fleet, 2).take(3_000).collect();
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert!(first.is_sorted_by_key(|outage| outage.at));
        // 0.5 % of 4,500 trays.
        let bad = first.iter().filter(|outage| outage.until == Time::NEVER).count();
        assert_eq!(bad, 23);
    }

    #[test]
    fn rates_are_those_of_the_fleet() {
        let fleet = example("gpus-18000");
        let year = Time(365 * DAY_MICROS);
        let outages = Outages::new(&fleet, 5).take_while(|outage| outage.at < year);
        let (mut nodes, mut racks, mut links, mut down) = (0_u64, 0_u64, 0_u64, 0_u64);
        for outage in outages.filter(|outage| outage.until < Time::NEVER) {
            match outage.what {
                Broken::Node(_) => {
                    nodes += 1;
                    down += outage.until.since(outage.at).0;
                }
                Broken::Rack(_) => racks += 1,
                Broken::Nvlink(_) => links += 1,
            }
        }
        // 4,500 × 365/528 = 3,111 (sd 56); 250 × 365/1,500 = 61 (8); 250 × 365/800 = 114 (11).
        assert!((2_850..3_350).contains(&nodes), "{nodes}");
        assert!((30..95).contains(&racks), "{racks}");
        assert!((70..160).contains(&links), "{links}");
        let mean_hours = down / nodes / 3_600_000_000;
        assert!((11..=12).contains(&mean_hours), "{mean_hours} hours to repair");
    }
}
