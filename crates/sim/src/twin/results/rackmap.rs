//! How busy each rack was over time, in bounded memory: neighbouring racks share a lane where there are
//! many, and lanes keep equal steps of time.

use super::gauge::Gauge;
use crate::twin::{
    fleet::{Fleet, NodeIdx},
    number,
    time::Time,
};

/// Most lanes.
pub(super) const LANES_MAX: u64 = 96;
/// Most steps of a lane.
const STEPS_MAX: usize = 192;

/// Neighbouring racks.
#[derive(Debug, Clone)]
struct Lane {
    /// Feeder of its first rack.
    name: String,
    gpus_milli: u64,
    used: Gauge,
    /// GPUs on nodes that do not work.
    down: Gauge,
}

/// One lane over time, in thousandths of its GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneCurve {
    /// Feeder of its first rack.
    pub(crate) name: String,
    /// Length of a step.
    pub(crate) step: Time,
    /// GPUs in use.
    pub(crate) used_milli: Vec<u64>,
    /// GPUs on nodes that do not work.
    pub(crate) down_milli: Vec<u64>,
}

/// All racks.
#[derive(Debug, Clone)]
pub(super) struct RackMap {
    lanes: Vec<Lane>,
    racks_per_lane: u64,
}

impl RackMap {
    pub(super) fn new(fleet: &Fleet) -> Self {
        let racks = number::count(fleet.racks.len());
        let racks_per_lane = racks.div_ceil(LANES_MAX).max(1);
        let mut lanes: Vec<Lane> = Vec::new();
        for (position, rack) in (0_u64..).zip(&fleet.racks) {
            if position.is_multiple_of(racks_per_lane) {
                let name = fleet.feeder(rack.feeder).map_or(String::new(), |one| one.name.clone());
                let (used, down) = (Gauge::new(STEPS_MAX, 0), Gauge::new(STEPS_MAX, 0));
                lanes.push(Lane { name, gpus_milli: 0, used, down });
            }
            let gpus = fleet.kind(rack.kind).map_or(0, |kind| u64::from(kind.gpus));
            if let Some(lane) = lanes.last_mut() {
                let gpus = gpus.saturating_mul(u64::from(rack.nodes)).saturating_mul(1_000);
                lane.gpus_milli = lane.gpus_milli.saturating_add(gpus);
            }
        }
        Self { lanes, racks_per_lane }
    }

    pub(super) fn used(
        &mut self,
        fleet: &Fleet,
        now: Time,
        node: NodeIdx,
        milli: u64,
        is_more: bool,
    ) {
        if let Some(lane) = self.lane(fleet, node) {
            if is_more { lane.used.add(now, milli) } else { lane.used.sub(now, milli) }
        }
    }

    pub(super) fn down(&mut self, fleet: &Fleet, now: Time, node: NodeIdx, is_up: bool) {
        let gpus = fleet.kind_of(node).map_or(0, |kind| u64::from(kind.gpus)).saturating_mul(1_000);
        if let Some(lane) = self.lane(fleet, node) {
            if is_up { lane.down.sub(now, gpus) } else { lane.down.add(now, gpus) }
        }
    }

    fn lane(&mut self, fleet: &Fleet, node: NodeIdx) -> Option<&mut Lane> {
        let rack = u64::from(fleet.node(node)?.rack.0);
        self.lanes.get_mut(number::index_wide(rack / self.racks_per_lane))
    }

    /// Every lane until now, all with the same steps.
    pub(super) fn curves(&mut self, now: Time) -> Vec<LaneCurve> {
        let curve = |lane: &mut Lane| {
            lane.used.advance(now);
            lane.down.advance(now);
            let part = |gauge: &Gauge| {
                let points = gauge.points();
                let milli = |mean: u64| number::scale(mean, 1_000, lane.gpus_milli.max(1));
                points.iter().map(|point| milli(point.mean)).collect()
            };
            let points = lane.used.points();
            let step = points.get(1).map_or(now, |second| second.at);
            let (used_milli, down_milli) = (part(&lane.used), part(&lane.down));
            LaneCurve { name: lane.name.clone(), step, used_milli, down_milli }
        };
        self.lanes.iter_mut().map(curve).collect()
    }
}
