//! The power of a fleet from what runs on it. Modelled, never measured.
//!
//! A node that is up draws its idle power. A share adds, in proportion, the dynamic part of its GPUs, and
//! of the node without them: by its part of the node's GPUs or of its processor, whichever is larger.
//! Sums are kept as amounts in use and multiplied out when asked, so that nothing drifts.

use std::collections::BTreeMap;

use units::MilliWatt;

use super::{
    events::Share,
    fleet::{ClassIdx, FeederIdx, Fleet, Kind, KindIdx, Level, NodeIdx, SiteIdx},
    number,
    workload::Request,
};

/// What is in use of one kind of node below a feeder.
#[derive(Debug, Clone, Copy)]
struct InUse {
    kind: KindIdx,
    gpu_milli: u64,
    /// Nodes, in millionths.
    node_ppm: u64,
}

/// The state of one feeder.
#[derive(Debug, Clone, Default)]
struct Load {
    /// Racks and idle nodes.
    idle_mw: u64,
    in_use: Vec<InUse>,
    /// What limits of single jobs take off.
    saved_mw: u64,
    allowed: Option<MilliWatt>,
}

/// The power of every feeder.
#[derive(Debug, Clone)]
pub struct Meter<'a> {
    fleet: &'a Fleet,
    loads: Vec<Load>,
    caps: BTreeMap<(SiteIdx, ClassIdx), MilliWatt>,
}

impl<'a> Meter<'a> {
    /// A fleet with every node up and nothing running.
    #[must_use]
    pub fn new(fleet: &'a Fleet) -> Self {
        let load = |allowed| Load { allowed, ..Load::default() };
        let loads = fleet.feeders.iter().map(|feeder| load(feeder.allowed)).collect();
        let mut meter = Self { fleet, loads, caps: BTreeMap::new() };
        for rack in &fleet.racks {
            let nodes = fleet.kind(rack.kind).map_or(0, |kind| meter.idle_mw(kind));
            let idle = nodes.saturating_mul(u64::from(rack.nodes)).saturating_add(rack.base.0);
            for feeder in fleet.path_of(rack.first_node) {
                if let Some(load) = meter.loads.get_mut(number::index(feeder.0)) {
                    load.idle_mw = load.idle_mw.saturating_add(idle);
                }
            }
        }
        meter
    }

    /// A node works again or no longer; one that does not draws nothing.
    pub fn node_changed(&mut self, node: NodeIdx, is_up: bool) {
        let idle = self.fleet.kind_of(node).map_or(0, |kind| self.idle_mw(kind));
        for feeder in self.fleet.path_of(node) {
            if let Some(load) = self.loads.get_mut(number::index(feeder.0)) {
                load.idle_mw = if is_up {
                    load.idle_mw.saturating_add(idle)
                } else {
                    load.idle_mw.saturating_sub(idle)
                };
            }
        }
    }

    /// A share of a request begins.
    pub fn add(&mut self, request: &Request, share: &Share) {
        self.change(request, share, u64::saturating_add);
    }

    /// A share of a request ends.
    pub fn remove(&mut self, request: &Request, share: &Share) {
        self.change(request, share, u64::saturating_sub);
    }

    fn change(&mut self, request: &Request, share: &Share, by: fn(u64, u64) -> u64) {
        let Some(kind) = self.fleet.node(share.node).map(|node| node.kind) else { return };
        let ppm = self.fleet.kind(kind).map_or(0, |kind| node_ppm(kind, request, share));
        for feeder in self.fleet.path_of(share.node) {
            let Some(load) = self.loads.get_mut(number::index(feeder.0)) else { continue };
            let found = load.in_use.iter().position(|one| one.kind == kind);
            let position = found.unwrap_or(load.in_use.len());
            if found.is_none() {
                load.in_use.push(InUse { kind, gpu_milli: 0, node_ppm: 0 });
            }
            if let Some(in_use) = load.in_use.get_mut(position) {
                in_use.gpu_milli = by(in_use.gpu_milli, share.gpu_milli());
                in_use.node_ppm = by(in_use.node_ppm, ppm);
            }
        }
    }

    /// A feeder may carry another power.
    pub fn set_allowed(&mut self, feeder: FeederIdx, allowed: Option<MilliWatt>) {
        if let Some(load) = self.loads.get_mut(number::index(feeder.0)) {
            load.allowed = allowed;
        }
    }

    /// GPUs of a class at a site are held below a power.
    pub fn set_cap(&mut self, site: SiteIdx, class: ClassIdx, cap: Option<MilliWatt>) {
        match cap {
            Some(cap) => self.caps.insert((site, class), cap),
            None => self.caps.remove(&(site, class)),
        };
    }

    /// The GPUs of a job's shares are held below another power.
    pub fn cap_job(&mut self, shares: &[Share], from: Option<MilliWatt>, to: Option<MilliWatt>) {
        for share in shares {
            let class = self.fleet.kind_of(share.node).and_then(|kind| kind.class);
            let class = class.and_then(|class| self.fleet.classes.get(number::index(class.0)));
            let Some(class) = class else { continue };
            let saved = |cap: Option<MilliWatt>| {
                let draw = cap.map_or(class.busy.0, |cap| cap.0.clamp(class.idle.0, class.busy.0));
                number::scale(class.busy.0.saturating_sub(draw), share.gpu_milli(), 1_000)
            };
            for feeder in self.fleet.path_of(share.node) {
                if let Some(load) = self.loads.get_mut(number::index(feeder.0)) {
                    load.saved_mw =
                        load.saved_mw.saturating_sub(saved(from)).saturating_add(saved(to));
                }
            }
        }
    }

    /// What a feeder carries: facility power at a site, machine power below.
    #[must_use]
    pub fn power(&self, feeder: FeederIdx) -> MilliWatt {
        let (Some(load), Some(one)) =
            (self.loads.get(number::index(feeder.0)), self.fleet.feeder(feeder))
        else {
            return MilliWatt::ZERO;
        };
        let dynamic: u64 = load.in_use.iter().map(|in_use| self.dynamic_mw(one.site, in_use)).sum();
        let machines = load.idle_mw.saturating_add(dynamic).saturating_sub(load.saved_mw);
        let site = self.fleet.sites.get(number::index(one.site.0));
        let pue_milli = match (one.level, site) {
            (Level::Site, Some(site)) => u64::from(site.pue_milli),
            (Level::Site | Level::Hall | Level::Row | Level::Rack | Level::Nvlink, _) => 1_000,
        };
        MilliWatt(number::scale(machines, pue_milli, 1_000))
    }

    /// What a feeder may carry.
    #[must_use]
    pub fn allowed(&self, feeder: FeederIdx) -> Option<MilliWatt> {
        self.loads.get(number::index(feeder.0)).and_then(|load| load.allowed)
    }

    /// The first feeder above a node, from its rack up, that carries more than it may.
    #[must_use]
    pub fn overloaded(&self, node: NodeIdx) -> Option<FeederIdx> {
        let is_over = |feeder: &FeederIdx| {
            self.allowed(*feeder).is_some_and(|most| self.power(*feeder) > most)
        };
        self.fleet.path_of(node).find(is_over)
    }

    /// An idle node with its GPUs.
    fn idle_mw(&self, kind: &Kind) -> u64 {
        let gpu = kind.class.and_then(|class| self.fleet.classes.get(number::index(class.0)));
        let gpus = gpu.map_or(0, |class| class.idle.0.saturating_mul(u64::from(kind.gpus)));
        kind.idle.0.saturating_add(gpus)
    }

    /// What work adds.
    fn dynamic_mw(&self, site: SiteIdx, in_use: &InUse) -> u64 {
        let Some(kind) = self.fleet.kind(in_use.kind) else { return 0 };
        let gpu = kind.class.and_then(|class| {
            let cap = self.caps.get(&(site, class)).copied();
            let class = self.fleet.classes.get(number::index(class.0))?;
            let busy = cap.map_or(class.busy, |cap| cap.min(class.busy));
            Some(busy.0.saturating_sub(class.idle.0))
        });
        let node = kind.busy.0.saturating_sub(kind.idle.0);
        let of_nodes = number::scale(node, in_use.node_ppm, 1_000_000);
        number::scale(gpu.unwrap_or(0), in_use.gpu_milli, 1_000).saturating_add(of_nodes)
    }
}

/// A share's part of its node: of the GPUs or of the processor, whichever is larger.
fn node_ppm(kind: &Kind, request: &Request, share: &Share) -> u64 {
    let gpus = u64::from(kind.gpus).saturating_mul(1_000);
    let of_gpus = number::scale(share.gpu_milli(), 1_000_000, gpus);
    of_gpus.max(number::scale(request.cpu.0, 1_000_000, kind.cpu.0))
}
