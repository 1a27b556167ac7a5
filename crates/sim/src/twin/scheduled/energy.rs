//! The twin's budgets of power and series of price and carbon, in the scheduler's numbers.
//!
//! As on the platform, the host of a node with GPUs counts as busy whatever runs, so that what is
//! admitted is never more than what is then modelled. The scheduler counts machine power: what a site
//! may carry at its meter is divided by its PUE.

use sched::{
    Fleet, SiteIdx,
    carbon::{Forecast, Measure},
    power::{CapStep, ClassPower, FeederIdx, FeederSpec, GpuPower, Grid, GridSpec, NodePower},
};

use crate::twin::{
    backend::Input,
    fleet::{self, Series},
    number,
    time::{SECOND_MICROS, Time},
};

/// More than any feeder may carry, and far from the end of the numbers.
const WITHOUT_LIMIT_MW: u64 = 1 << 60;
/// Slots of one forecast.
const SLOTS_MAX: u64 = 1 << 20;

/// The grid of a fleet; `None` where no feeder has, or will have, a limit.
pub(super) fn grid(input: &Input<'_>, nodes: &Fleet) -> Result<Option<Grid>, String> {
    let fleet = input.fleet;
    let is_limited = fleet.feeders.iter().any(|feeder| feeder.allowed.is_some())
        || fleet.power_events.iter().any(|event| event.allowed.is_some());
    if !is_limited {
        return Ok(None);
    }
    let feeders =
        (0..).map(fleet::FeederIdx).zip(&fleet.feeders).map(|(index, feeder)| FeederSpec {
            parent: feeder.parent.map(|parent| FeederIdx(parent.0)),
            contracted_mw: WITHOUT_LIMIT_MW,
            allowed_mw: allowed_mw(fleet, index, feeder.allowed.map(|mw| mw.0)),
        });
    let gpus = fleet.classes.iter().map(|class| {
        let felt = class.limits.iter().filter(|(limit, _)| *limit < class.busy);
        let caps =
            felt.map(|(limit, slower)| CapStep { limit_mw: limit.0, slowdown_permille: *slower });
        GpuPower::new(class.idle.0, class.busy.0, caps.collect()).map_err(|e| e.to_string())
    });
    let class = |cost| ClassPower { utilisation_permille: 1_000, cost };
    let spec = GridSpec {
        feeders: feeders.collect(),
        nodes: (0..).map(fleet::NodeIdx).zip(&fleet.nodes).map(|(at, _)| node(fleet, at)).collect(),
        gpus: gpus.collect::<Result<_, String>>()?,
        classes: vec![class(1), class(2), class(3)],
    };
    Grid::new(spec, nodes).map(Some).map_err(|error| error.to_string())
}

/// What a feeder may carry, as machine power.
pub(super) fn allowed_mw(
    fleet: &fleet::Fleet,
    feeder: fleet::FeederIdx,
    allowed_mw: Option<u64>,
) -> u64 {
    let Some(allowed_mw) = allowed_mw else { return WITHOUT_LIMIT_MW };
    let site = fleet.feeder(feeder).filter(|one| one.level == fleet::Level::Site);
    let site = site.and_then(|one| fleet.sites.get(number::index(one.site.0)));
    let Some(site) = site else { return allowed_mw.min(WITHOUT_LIMIT_MW) };
    // Rounded down: the meter multiplies what is drawn and rounds.
    let machines = u128::from(allowed_mw) * 1_000;
    let machines = machines.checked_div(u128::from(site.pue_milli)).unwrap_or(0);
    u64::try_from(machines).unwrap_or(u64::MAX).saturating_sub(1).min(WITHOUT_LIMIT_MW)
}

fn node(fleet: &fleet::Fleet, index: fleet::NodeIdx) -> NodePower {
    let feeder = fleet.path_of(index).next().map(|feeder| FeederIdx(feeder.0));
    let Some(kind) = fleet.kind_of(index) else {
        return NodePower { feeder, ..NodePower::default() };
    };
    let range_mw = kind.busy.0.saturating_sub(kind.idle.0);
    let class = kind.class.and_then(|class| fleet.classes.get(number::index(class.0)));
    let gpus_mw = class.map_or(0, |class| class.idle.0.saturating_mul(u64::from(kind.gpus)));
    // What a rack draws by itself is counted with its first node.
    let rack = fleet.node(index).and_then(|node| fleet.rack(node.rack));
    let base_mw = rack.filter(|rack| rack.first_node == index).map_or(0, |rack| rack.base.0);
    let idle_mw = kind.idle.0.saturating_add(gpus_mw).saturating_add(base_mw);
    if kind.gpus > 0 {
        return NodePower { feeder, idle_mw: idle_mw.saturating_add(range_mw), host_range_mw: 0 };
    }
    NodePower { feeder, idle_mw, host_range_mw: range_mw }
}

/// What energy costs at each site until the last deadline; nothing where it never changes.
pub(super) fn forecasts(input: &Input<'_>, by: Measure) -> Vec<(SiteIdx, Forecast)> {
    let deadlines = input.jobs.requests.iter().filter_map(|request| request.deadline);
    let Some(until) = deadlines.max() else { return Vec::new() };
    let sites = (0..).map(SiteIdx).zip(&input.fleet.sites);
    let forecast = |(index, site): (SiteIdx, &fleet::Site)| {
        let series = match by {
            Measure::Carbon => &site.carbon,
            Measure::Price => &site.price,
        };
        Some((index, forecast(series, until)?))
    };
    sites.filter_map(forecast).collect()
}

fn forecast(series: &Series, until: Time) -> Option<Forecast> {
    let step = series.next_change(Time::ZERO);
    let step_s = step.0.checked_div(SECOND_MICROS)?;
    // A constant has nothing to wait for; slots are whole seconds of at most a day.
    if step == Time::NEVER || !step.0.is_multiple_of(SECOND_MICROS) || step_s > 86_400 {
        return None;
    }
    let slots = until.0.div_ceil(step.0.max(1)).min(SLOTS_MAX);
    let value = |slot: u64| i64::try_from(series.at(Time(slot.saturating_mul(step.0)))).ok();
    let values: Vec<i64> = (0..slots).map(value).collect::<Option<_>>()?;
    Forecast::new(0, u32::try_from(step_s).ok()?, &values).ok()
}
