//! Power between the state and the scheduler: budgets as a grid, limits and stops as proposals.
//!
//! Limits are reckoned with only where they mean something: on nodes whose GPUs are not real. No
//! engine of this version limits a real GPU, so for real ones the plan goes from no admission
//! straight to stopping work, and counts on nothing that nobody does.

use std::collections::{BTreeMap, BTreeSet};

use sched::{
    Fleet, JobIdx, Plan,
    carbon::{self, Deferral, Forecast},
    power::{
        Cap, CapStep, ClassPower, FeederIdx, FeederSpec, GpuPower, Grid, GridSpec, NodePower,
        PowerPlan, Stop,
    },
};
use units::{Id, MilliWatt, Name, kinds};

use super::{Names, Planner};
use crate::{
    State,
    node::Node,
    power::{Domain, Figures, Measure, figures_of},
    workload::{self, Deferrable, PowerClass, Preempt, SetCap, Workload},
};

/// What is drawn in a domain that has a budget, as modelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainDraw {
    /// The domain.
    pub domain: Domain,
    /// What may be drawn now.
    pub allowed: MilliWatt,
    /// What its machines and their work draw at most, under the limits that are recorded.
    pub drawn: MilliWatt,
    /// What limited work would draw more without its limits.
    pub owed: MilliWatt,
}

/// The budgets in force, by domain: those that were set, and what sites declare.
fn budgets(state: &State) -> BTreeMap<Domain, u64> {
    let declared = state.sites.values();
    let declared = declared.filter_map(|s| Some((Domain::Site(s.id), s.config.power_cap_w?)));
    let mut budgets: BTreeMap<Domain, u64> = declared.collect();
    for budget in state.power.budgets.values() {
        let allowed = budgets.entry(budget.domain.clone()).or_insert(u64::MAX);
        *allowed = (*allowed).min(budget.allowed_w);
    }
    budgets
}

/// The domains that a node stands in, lowest first.
fn path(node: &Node) -> impl Iterator<Item = Domain> {
    let rack = node.topology.rack.clone().map(|rack| Domain::Rack(node.site, rack));
    let group = node.topology.group.clone().map(|group| Domain::Group(node.site, group));
    rack.into_iter().chain(group).chain([Domain::Site(node.site)])
}

/// The power of the fleet with the domain of each feeder; `None` where no budget is set.
pub(super) fn grid(state: &State, names: &Names, fleet: &Fleet) -> Option<(Grid, Vec<Domain>)> {
    let budgets = budgets(state);
    if budgets.is_empty() {
        return None;
    }
    let domains: Vec<Domain> = budgets.keys().cloned().collect();
    let feeder = |domain: &Domain| {
        let at = domains.binary_search(domain).ok()?;
        u32::try_from(at).ok().map(FeederIdx)
    };
    let racks = groups_of_racks(state);
    let feeders = budgets.iter().map(|(domain, allowed_w)| {
        let site = Domain::Site(domain.site());
        let parent = match domain {
            Domain::Site(_) => None,
            Domain::Group(..) => feeder(&site),
            Domain::Rack(site_id, rack) => {
                let group = racks.get(&(*site_id, rack)).cloned().flatten();
                let group = group.and_then(|group| feeder(&Domain::Group(*site_id, group.clone())));
                group.or_else(|| feeder(&site))
            }
        };
        let allowed_mw = allowed_w.saturating_mul(1_000);
        FeederSpec { parent, contracted_mw: allowed_mw, allowed_mw }
    });
    let figures: Vec<Figures> =
        names.models().iter().map(|model| figures_of(state, Some(model))).collect();
    let without = figures_of(state, None);
    let of = |node: &Node| {
        let at = node.facts.gpus.first().and_then(|gpu| {
            names.models().binary_search(&gpu.model).ok().and_then(|at| figures.get(at))
        });
        let power = at.map_or_else(|| host(&without), |figures| machine(node, figures));
        NodePower { feeder: path(node).find_map(|domain| feeder(&domain)), ..power }
    };
    let real = real_models(state);
    let gpus = names.models().iter().zip(&figures);
    let gpus = gpus.map(|(model, figures)| gpu(figures, !real.contains(model.as_str())));
    let spec = GridSpec {
        feeders: feeders.collect(),
        nodes: state.nodes.values().map(of).collect(),
        gpus: gpus.collect(),
        classes: vec![class(1), class(2), class(3)],
    };
    // INVARIANT: a rack stands in one group and a group in one site, and figures were checked when
    // they were set. A grid that is refused all the same must not stop all work.
    Some((Grid::new(spec, fleet).ok()?, domains))
}

/// All classes may draw all that their GPUs can; they differ in who is slowed first.
const fn class(cost: u32) -> ClassPower {
    ClassPower { utilisation_permille: 1_000, cost }
}

/// The number of a class in the list above.
pub(super) const fn class_number(class: PowerClass) -> u32 {
    match class {
        PowerClass::Flexible => 0,
        PowerClass::Standard => 1,
        PowerClass::Critical => 2,
    }
}

fn groups_of_racks(state: &State) -> BTreeMap<(Id<kinds::Site>, &Name), Option<&Name>> {
    let nodes = state.nodes.values();
    let racks = nodes.filter_map(|node| Some((node, node.topology.rack.as_ref()?)));
    racks.map(|(node, rack)| ((node.site, rack), node.topology.group.as_ref())).collect()
}

/// Models of GPU that some machine really has.
fn real_models(state: &State) -> BTreeSet<&str> {
    let real = state.nodes.values().filter(|node| node.facts.virtual_host.is_none());
    real.filter_map(|node| node.facts.gpus.first()).map(|gpu| gpu.model.as_str()).collect()
}

fn host(figures: &Figures) -> NodePower {
    let range_w = figures.host_busy_w.saturating_sub(figures.host_idle_w);
    NodePower {
        feeder: None,
        idle_mw: u64::from(figures.host_idle_w).saturating_mul(1_000),
        host_range_mw: u64::from(range_w).saturating_mul(1_000),
    }
}

/// A machine with GPUs: its host counts as busy.
fn machine(node: &Node, figures: &Figures) -> NodePower {
    let n_gpus = u64::from(node.facts.capacity.gpus.0);
    let idle_w = u64::from(figures.gpu_idle_w).saturating_mul(n_gpus);
    let idle_w = idle_w.saturating_add(u64::from(figures.host_busy_w));
    NodePower { feeder: None, idle_mw: idle_w.saturating_mul(1_000), host_range_mw: 0 }
}

fn gpu(figures: &Figures, has_limits: bool) -> GpuPower {
    let mw = |watts: u32| u64::from(watts).saturating_mul(1_000);
    let limits = figures.gpu_limits_w.iter().filter(|_| has_limits);
    let caps = limits.map(|limit| CapStep { limit_mw: mw(*limit), slowdown_permille: 0 });
    let gpu = GpuPower::new(mw(figures.gpu_idle_w), mw(figures.gpu_peak_w), caps.collect());
    // INVARIANT: figures were checked when they were set. Without limits they are always right.
    gpu.or_else(|_| GpuPower::new(0, mw(figures.gpu_peak_w), Vec::new())).unwrap_or_default()
}

/// How far a workload's start may be put off.
pub(super) fn deferral(deferrable: &Deferrable) -> Deferral {
    Deferral {
        start_by_us: deferrable.start_by.map(|time| time.0),
        end_by_us: deferrable.end_by.map(|time| time.0),
        by: measure(deferrable.by),
    }
}

const fn measure(measure: Measure) -> carbon::Measure {
    match measure {
        Measure::Carbon => carbon::Measure::Carbon,
        Measure::Price => carbon::Measure::Price,
    }
}

impl Planner {
    /// Reads budgets, figures and series anew.
    pub(super) fn read_power(&mut self, state: &State) {
        let grid = grid(state, &self.names, self.scheduler.fleet());
        let (grid, domains) = grid.map_or((None, Vec::new()), |(grid, of)| (Some(grid), of));
        self.domains = domains;
        self.scheduler.set_grid(grid);
        for by in [Measure::Carbon, Measure::Price] {
            for (site, found) in state.power.series(by) {
                let Some(site) = self.names.site_index(*site) else { continue };
                let series = &found.series;
                let values: Vec<i64> = series.values.iter().copied().map(i64::from).collect();
                // INVARIANT: a series was checked when it was set.
                let forecast = Forecast::new(series.start.secs(), series.step_s, &values).ok();
                self.scheduler.set_forecast(measure(by), site, forecast);
            }
        }
    }

    /// Makes the scheduler know the limit that a workload's attempt is under.
    pub(super) fn limit(&mut self, state: &State, workload: &Workload, index: JobIdx) {
        let limit = workload.attempt().and_then(|attempt| attempt.power_limit);
        let Some(grid) = self.scheduler.grid() else { return };
        let cap = limit.map_or(0, |limit| cap_number(state, workload, limit));
        if grid.cap_of(index) != cap {
            self.scheduler.set_cap(index, cap);
        }
    }

    /// What is drawn in each domain that has a budget, by domain.
    #[must_use]
    pub fn draws(&self) -> Vec<DomainDraw> {
        let Some(grid) = self.scheduler.grid() else { return Vec::new() };
        let feeders = (0..=u32::MAX).map(FeederIdx).zip(&self.domains);
        let draw = |(feeder, domain): (FeederIdx, &Domain)| DomainDraw {
            domain: domain.clone(),
            allowed: MilliWatt(grid.tree().allowed_mw(feeder)),
            drawn: MilliWatt(grid.tree().used_mw(feeder)),
            owed: MilliWatt(grid.tree().owed_mw(feeder)),
        };
        feeders.map(draw).collect()
    }

    /// The domain behind a number in a reason.
    #[must_use]
    pub fn domain(&self, feeder: u32) -> Option<&Domain> {
        self.domains.get(usize::try_from(feeder).ok()?)
    }

    /// What a plan does about power, as commands: lower limits, then stops, then lifted limits.
    pub(super) fn power_commands(&self, state: &State, plan: &Plan) -> Vec<workload::Command> {
        let PowerPlan { lower, stop, lift, .. } = &plan.power;
        let lower = lower.iter().filter_map(|cap| {
            self.cap(state, cap, "less power is allowed than its domain draws".to_owned())
        });
        let stop = stop.iter().filter_map(|stop| self.stop(state, stop));
        let lift = lift
            .iter()
            .filter_map(|cap| self.cap(state, cap, "its domain has the power again".to_owned()));
        lower.chain(stop).chain(lift).collect()
    }

    fn cap(&self, state: &State, cap: &Cap, reason: String) -> Option<workload::Command> {
        let (workload, generation) = self.as_of(state, cap.job)?;
        let limit = cap.limit_mw.map(MilliWatt);
        Some(workload::Command::SetCap(SetCap { workload, generation, limit, reason }))
    }

    fn stop(&self, state: &State, stop: &Stop) -> Option<workload::Command> {
        let (workload, generation) = self.as_of(state, stop.job)?;
        let domain = self.domain(stop.feeder.0).map_or_else(String::new, Domain::to_string);
        Some(workload::Command::Preempt(Preempt {
            workload,
            generation,
            for_workload: None,
            reason: format!("less power is allowed in {domain} than its work draws at its limits"),
        }))
    }
}

/// The number of the lowest limit that is not below this one; what is drawn is then not more.
fn cap_number(state: &State, workload: &Workload, limit: MilliWatt) -> u32 {
    let rank = workload.attempt().and_then(|attempt| attempt.ranks.first());
    let node = rank.and_then(|rank| state.nodes.get(&rank.node));
    let model = node.and_then(|node| node.facts.gpus.first()).map(|gpu| gpu.model.as_str());
    let limits = figures_of(state, model).gpu_limits_w;
    let above = limits.iter().filter(|watts| u64::from(**watts).saturating_mul(1_000) >= limit.0);
    u32::try_from(above.count()).unwrap_or(u32::MAX)
}
