//! Our policy: what a node is worth to the work to come, and what a placement costs of it.
//!
//! The worth of a node is the worth of the room on its GPUs (`prices`), less what of it will lack
//! processor (`stranding`), raised for models that much work insists on, plus a premium for every
//! whole group of GPUs that larger work could take. A placement costs the difference. Costs are
//! compared in steps of a tenth of a GPU; within a step FGD's level decides, and then the order of
//! the nodes, so that started nodes are finished first. The steps are policy: exact comparison
//! spreads work over many nodes for gains that are smaller than what is not known of the future.

use super::Gpus;
use super::measure::{Measure, level};
use super::need::{Mix, Model, WHOLE_MILLI};
use super::node::NodeSpec;
use super::prices::{MICRO, Prices};
use super::stranding::Stranding;

/// Costs within a step count as equal: a tenth of a GPU.
const STEP_MICRO: i64 = 100_000;
/// The premium of a group of GPUs, in thousandths of the demand for such groups.
const GROUP_PREMIUM: i64 = 700;
/// The least demand that counts for the largest groups, in millionths: they are the hardest to
/// place, and where they are rare nothing else would keep room for them.
const LARGEST_DEMAND: i64 = 60_000;
/// Levels are 0 to 99.
const LEVELS: i64 = 128;

/// A group of GPUs that some work takes at once, and the premium for one in millionths of a GPU.
#[derive(Debug, Clone, Copy)]
struct Group {
    gpus: usize,
    premium: i64,
}

/// What nodes are worth, for one fleet and one mix.
#[derive(Debug, Clone)]
pub(super) struct Worth {
    prices: Prices,
    stranding: Stranding,
    groups: Vec<Group>,
    /// By model, in thousandths: the part of its GPUs that work insists on, squared.
    wanted: Vec<i64>,
}

impl Worth {
    pub(super) fn new(nodes: &[NodeSpec], mix: &Mix) -> Self {
        let cpu_milli_max = nodes.iter().map(|node| node.cpu_milli).max().unwrap_or(0);
        let gpus = || nodes.iter().map(|node| usize::from(node.gpus));
        let gpus_max = gpus().max().unwrap_or(0);
        Self {
            prices: Prices::new(mix.classes(), gpus().sum()),
            stranding: Stranding::new(mix.typical(), cpu_milli_max, gpus_max),
            groups: groups(mix),
            wanted: wanted(nodes, mix),
        }
    }

    /// The worth of a node with so much free, in millionths of a GPU.
    pub(super) fn of(&self, cpu_milli: u32, gpus_milli: &[u16], model: Model) -> i64 {
        let room: i64 = gpus_milli.iter().map(|&milli| self.prices.of(milli)).sum();
        let whole = self.prices.whole();
        let gpus = room.saturating_mul(MICRO).checked_div(whole).unwrap_or(0);
        let stranded = self.stranding.expected(model, gpus, cpu_milli);
        let stranded = stranded.saturating_mul(whole).div_euclid(MICRO);
        let wanted = self.wanted.get(usize::from(model.0)).copied().unwrap_or(0);
        let raised = room.saturating_sub(stranded).saturating_mul(wanted.saturating_add(1_000));
        let free = gpus_milli.iter().filter(|&&milli| milli == WHOLE_MILLI).count();
        let premium = |group: &Group| {
            let groups = free.checked_div(group.gpus).unwrap_or(0);
            group.premium.saturating_mul(i64::try_from(groups).unwrap_or(0))
        };
        let premiums: i64 = self.groups.iter().map(premium).sum();
        raised.div_euclid(1_000).saturating_add(premiums)
    }
}

/// The key of a placement that costs so much worth and reduces fragmentation so much; higher is
/// better.
pub(super) fn key(cost_micro: i64, reduction: i64, measure: &Measure) -> i64 {
    let steps = cost_micro.div_euclid(STEP_MICRO);
    level(reduction, measure.counts()).saturating_sub(steps.saturating_mul(LEVELS))
}

/// Milli asked per class times its count.
fn demand(mix: &Mix) -> impl Iterator<Item = (super::Class, i64)> {
    let milli = |class: &super::Class| class.need.gpus.milli().saturating_mul(class.count.into());
    mix.classes().iter().map(move |class| (*class, milli(class)))
}

fn groups(mix: &Mix) -> Vec<Group> {
    let total: i64 = demand(mix).map(|(_, milli)| milli).sum();
    let sizes = 2..=u8::try_from(super::GPUS_MAX).unwrap_or(u8::MAX);
    let part = |count: u8| {
        let of_size = demand(mix).filter(|(class, _)| class.need.gpus == Gpus::Whole { count });
        let milli: i64 = of_size.map(|(_, milli)| milli).sum();
        (count, milli.saturating_mul(MICRO).checked_div(total).unwrap_or(0))
    };
    let mut parts: Vec<(u8, i64)> = sizes.map(part).filter(|(_, part)| *part > 0).collect();
    if let Some((_, largest)) = parts.last_mut() {
        *largest = (*largest).max(LARGEST_DEMAND);
    }
    let group = |(count, part): (u8, i64)| {
        let premium = part.saturating_mul(i64::from(count)).saturating_mul(GROUP_PREMIUM);
        Group { gpus: usize::from(count), premium: premium.div_euclid(1_000) }
    };
    parts.into_iter().map(group).collect()
}

/// Demand that insists on models is spread over these by their size; the fleet's whole demand is
/// taken to equal the fleet.
fn wanted(nodes: &[NodeSpec], mix: &Mix) -> Vec<i64> {
    let mut supply = vec![0_i128; 64];
    for node in nodes {
        if let Some(supply) = supply.get_mut(usize::from(node.model.0)) {
            *supply = supply.saturating_add(i128::from(node.gpus).saturating_mul(1_000));
        }
    }
    let fleet: i128 = supply.iter().sum();
    let total: i128 = demand(mix).map(|(_, milli)| i128::from(milli)).sum();
    let mut wanted = vec![0_i128; 64];
    for (class, milli) in demand(mix).filter(|(class, _)| class.need.models != super::Models::ANY) {
        let has = |model: &u8| class.need.models.has(Model(*model));
        let of = |model: u8| supply.get(usize::from(model)).copied().unwrap_or(0);
        let suitable: i128 = (0..64).filter(has).map(of).sum();
        for model in (0..64).filter(has) {
            // Thousandths of the model's GPUs: milli × (of / suitable) × (fleet / total) / of.
            let part = i128::from(milli).saturating_mul(1_000).saturating_mul(fleet);
            let part = part.checked_div(suitable.saturating_mul(total)).unwrap_or(0);
            if let Some(wanted) = wanted.get_mut(usize::from(model)) {
                *wanted = wanted.saturating_add(part);
            }
        }
    }
    // Squared: where little is insisted on, others need not keep off.
    let part =
        |part: &i128| (*part).min(1_000).saturating_mul((*part).min(1_000)).div_euclid(1_000);
    wanted.iter().map(|wanted| i64::try_from(part(wanted)).unwrap_or(0)).collect()
}
