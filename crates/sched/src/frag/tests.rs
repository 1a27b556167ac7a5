//! What holds for every fleet: the answer is that of a scan, nothing is refused that fits, nothing
//! is taken twice, and what is given back is as if it had never been taken.

mod figures;
mod packing;

use super::{Class, Gpus, Mix, Model, Models, Need, NodeSpec, Policy};

/// All policies that rank.
pub(super) const RANKED: [Policy; 6] = [
    Policy::DotProduct,
    Policy::Clustering,
    Policy::Packing,
    Policy::BestFit,
    Policy::Fgd,
    Policy::Worth,
];

pub(super) fn node(cores: u32, gpus: u8, model: u8) -> NodeSpec {
    NodeSpec { cpu_milli: cores * 1_000, memory_mib: cores * 4_096, gpus, model: Model(model) }
}

pub(super) fn need(cores: u32, gpus: Gpus) -> Need {
    Need { cpu_milli: cores * 1_000, memory_mib: cores * 1_024, gpus, models: Models::ANY }
}

pub(super) fn share(milli: u16) -> Gpus {
    Gpus::Share { milli }
}

pub(super) fn whole(count: u8) -> Gpus {
    Gpus::Whole { count }
}

/// Every class typical.
pub(super) fn mix(classes: &[(Need, u32)]) -> Mix {
    let classes = classes.iter().map(|(need, count)| Class { need: *need, count: *count });
    Mix::new(classes.collect(), usize::MAX)
}
