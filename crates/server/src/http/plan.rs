//! What a job would do, without submitting it: place, price, energy, carbon, residency, budgets.

use api::{
    nouns::workload_insight::{Plan, SiteVerdict, WorkloadPlan},
    text::Timestamp,
};
use kernel::{
    State,
    access::Role,
    node::Node,
    price, site,
    workload::{self, Spec},
};
use units::{Id, MicroEuro, MilliGram, MilliJoule, MilliWatt, PriceUnit, UnixMicros, kinds, rate};

use super::{
    budgets,
    fail::Fail,
    forecast::{self, Start},
    job::{self, Prepared},
    mount::{Call, as_of},
    wait, workloads_dto,
};

/// One hour in microseconds.
const HOUR_MICROS: u64 = 3_600_000_000;
/// Power of one busy core when the node names no constant of its own: upper end of the thermal
/// design power per core of server and desktop processors (4 to 12 W). An assumption.
const CORE_POWER: MilliWatt = MilliWatt(12_000);
/// Power of one GPU at work: the 700 W board power of NVIDIA's H100 and H200 SXM data sheets. An
/// assumption for other models.
const GPU_POWER: MilliWatt = MilliWatt(700_000);

/// `POST /api/v1/workloads/plan`
pub(crate) async fn plan(call: Call<WorkloadPlan>) -> Result<Plan, Fail> {
    let now = call.platform().now();
    let prepared = call.read(|s| job::prepare(s, &call.caller, Role::Viewer, &call.body, now))?;
    let decided = call.read(|state| {
        forecast::require_possible(state, &prepared)?;
        forecast::dry_run(call.platform(), state, &call.caller, &prepared)
    });
    let (feasible, reason, start) = match decided {
        Err(fail) => (false, Some(fail.0.detail.clone()), None),
        Ok(events) => {
            // The scheduler plans on a copy, so that no lock is held while it does.
            let copy = call.read(State::clone);
            (true, None, forecast::start(copy, now, &call.caller, events)?)
        }
    };
    let reason = match &start {
        Some(Start::Waits(waiting)) => Some(wait::summary(&waiting.reason)),
        Some(Start::Now(_)) | None => reason,
    };
    let verdict = Verdict { feasible, reason, start };
    Ok(call.read(|state| {
        let mut plan = describe(state, &prepared, now, verdict);
        plan.budgets = budgets::left(state, &call.caller, prepared.project, now);
        plan
    }))
}

/// What the dry run found.
struct Verdict {
    feasible: bool,
    reason: Option<String>,
    start: Option<Start>,
}

fn describe(state: &State, prepared: &Prepared, now: UnixMicros, verdict: Verdict) -> Plan {
    let spec = &prepared.spec;
    let nodes = match &verdict.start {
        Some(Start::Now(nodes)) => nodes.clone(),
        Some(Start::Waits(_)) | None => Vec::new(),
    };
    let hour = Hour::of(state, spec, nodes.first().and_then(|id| state.nodes.get(id)));
    Plan {
        resolved: prepared.resolved.to_file(),
        feasible: verdict.feasible,
        reason: verdict.reason,
        estimated_start_at: match &verdict.start {
            Some(Start::Now(_)) => Some(Timestamp(now)),
            Some(Start::Waits(waiting)) => waiting.start_at.map(Timestamp),
            None => None,
        },
        placement: workloads_dto::assignments(state, nodes.into_iter()),
        sites: verdicts(state, prepared.project, spec),
        cost_per_hour_microeuro: hour.cost,
        energy_per_hour_mj: hour.energy,
        carbon_per_hour_mg: hour.carbon,
        energy_source: hour.energy_source,
        carbon_source: hour.carbon_source,
        budgets: Vec::new(),
        as_of: as_of(state),
    }
}

/// The residency verdict of every site, by the policies in force.
pub(crate) fn verdicts(
    state: &State,
    project: Id<kinds::Project>,
    spec: &Spec,
) -> Vec<SiteVerdict> {
    let class = forecast::class_of(state, spec);
    let verdict = |site: &site::Site| {
        let found = workload::allowed_at(state, project, (spec, class), site.id);
        let (question, decision) = match found {
            Ok(yes) => yes,
            Err(no) => no.map(|no| (no.question, no.decision))?,
        };
        let why = policy::explain(&question, &decision);
        let reason =
            if decision.allowed { why.reason } else { format!("{}; {}", why.reason, why.remedy) };
        Some(SiteVerdict {
            site: site.id,
            name: site.name.clone(),
            country: site.config.country,
            allowed: decision.allowed,
            reason,
            policies: decision.determining,
        })
    };
    state.sites.values().filter_map(verdict).collect()
}

/// An hour of a job at full use of what it asks for, on its fewest nodes.
struct Hour {
    cost: MicroEuro,
    energy: MilliJoule,
    carbon: MilliGram,
    energy_source: String,
    carbon_source: String,
}

impl Hour {
    fn of(state: &State, spec: &Spec, node: Option<&Node>) -> Self {
        let nodes = u64::from(spec.nodes_min);
        let core_micros = spec.per_node.cpu.0.saturating_mul(HOUR_MICROS / 1_000);
        let core_micros = core_micros.saturating_mul(nodes);
        let gpu_milli = spec.gpu_milli_on(node.map(|node| &node.facts));
        let gpu_micros = gpu_milli.saturating_mul(HOUR_MICROS / 1_000);
        let gpu_micros = gpu_micros.saturating_mul(nodes);
        let core_energy = CORE_POWER.for_micros(core_micros);
        let energy = core_energy.saturating_add(GPU_POWER.for_micros(gpu_micros));
        let quantities = [
            (PriceUnit::CpuHour, core_micros),
            (PriceUnit::GpuHour, gpu_micros),
            (PriceUnit::KilowattHour, energy.0),
        ];
        let priced = quantities.into_iter().filter_map(|(per, quantity)| {
            rate(price::current(state, per), quantity).map(|rated| rated.amount)
        });
        let cost = priced.fold(MicroEuro::ZERO, MicroEuro::saturating_add);
        let site = node.map(|node| node.site).and_then(|id| state.sites.get(&id));
        let site = site.or_else(|| state.sites.values().next());
        let (carbon, carbon_source) = match site {
            None => (MilliGram::ZERO, "no site is registered".to_owned()),
            Some(site) => (emissions(site, energy), site.config.carbon_source.clone()),
        };
        let meter = node.map_or(String::new(), |node| {
            format!("; the node's own figures will come from: {}", node.facts.power)
        });
        let energy_source = format!(
            "model: {} W per busy core and {} W per GPU, at full use (assumed){meter}",
            CORE_POWER.0 / 1_000,
            GPU_POWER.0 / 1_000
        );
        Self { cost, energy, carbon, energy_source, carbon_source }
    }
}

/// Emissions at the site's intensity, the facility's overhead (PUE) included.
fn emissions(site: &site::Site, energy: MilliJoule) -> MilliGram {
    let facility = u128::from(energy.0).saturating_mul(u128::from(site.config.pue_milli)) / 1_000;
    let facility = MilliJoule(u64::try_from(facility).unwrap_or(u64::MAX));
    facility.carbon(site.config.carbon_g_per_kwh).milligrams()
}
