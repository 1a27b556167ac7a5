//! Lists that nobody published, made from those that were: for judging a policy where it was not
//! tuned.
//!
//! The artifact's lists vary one thing at a time (the part of shared GPUs, of constrained models,
//! of pods with several GPUs, the number of pods without GPUs). These vary the same things to other
//! degrees, by drawing pods of the published lists. The draws depend on the name only.

use sched::frag::{Gpus, Models};

use super::{Pod, PodList};
use crate::Rng;

/// What is varied, and to which degree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derivation {
    /// So many percent of the GPUs are asked in shares.
    Shared(u32),
    /// So many percent of the pods with GPUs insist on models.
    Constrained(u32),
    /// So many percent of the GPUs are asked by pods with several.
    Several(u32),
    /// So many pods ask no GPU.
    CpuOnly(u32),
}

impl Derivation {
    /// The first eight are degrees that the artifact also has, though its lists differ in the draws.
    /// The others were not looked at before the policy was settled.
    pub const ALL: [Self; 15] = [
        Self::Shared(60),
        Self::Shared(80),
        Self::Constrained(25),
        Self::Constrained(33),
        Self::Several(30),
        Self::Several(50),
        Self::CpuOnly(1_700),
        Self::CpuOnly(2_350),
        Self::Shared(50),
        Self::Shared(90),
        Self::Constrained(15),
        Self::Constrained(40),
        Self::Several(25),
        Self::CpuOnly(600),
        Self::CpuOnly(2_700),
    ];

    fn name(self) -> String {
        match self {
            Self::Shared(percent) => format!("shared {percent} %"),
            Self::Constrained(percent) => format!("constrained {percent} %"),
            Self::Several(percent) => format!("several {percent} %"),
            Self::CpuOnly(pods) => format!("{pods} without GPU"),
        }
    }
}

/// The list made from a list without constraints and one with.
#[must_use]
pub fn derive(derivation: Derivation, default: &PodList, constrained: &PodList) -> PodList {
    let name = derivation.name();
    let mut random = Rng::new(0).child(&name);
    let pods = match derivation {
        Derivation::Shared(percent) => shared(default, percent, &mut random),
        Derivation::Constrained(percent) => {
            let pool = of(constrained, |pod| pod.need.models != Models::ANY);
            let replace = |pod: &Pod, random: &mut Rng| {
                let hit = pod.need.gpus != Gpus::None && random.chance(u64::from(percent));
                hit.then(|| random.pick(&pool).cloned()).flatten().unwrap_or_else(|| pod.clone())
            };
            default.pods.iter().map(|pod| replace(pod, &mut random)).collect()
        }
        Derivation::Several(percent) => several(default, percent, &mut random),
        Derivation::CpuOnly(pods) => {
            let pool = of(default, |pod| pod.need.gpus == Gpus::None);
            let mut all = of(default, |pod| pod.need.gpus != Gpus::None);
            all.extend((0..pods).filter_map(|_| random.pick(&pool).cloned()));
            all
        }
    };
    PodList { name, pods }
}

fn of(list: &PodList, which: impl Fn(&Pod) -> bool) -> Vec<Pod> {
    list.pods.iter().filter(|pod| which(pod)).cloned().collect()
}

fn milli(pods: &[Pod]) -> u64 {
    pods.iter().map(|pod| u64::try_from(pod.need.gpus.milli()).unwrap_or(0)).sum()
}

/// As many pods with GPUs as before, each drawn from the shares or from the whole ones.
fn shared(list: &PodList, percent: u32, random: &mut Rng) -> Vec<Pod> {
    let shares = of(list, |pod| matches!(pod.need.gpus, Gpus::Share { .. }));
    let whole = of(list, |pod| matches!(pod.need.gpus, Gpus::Whole { .. }));
    let mut pods = of(list, |pod| pod.need.gpus == Gpus::None);
    // The part of pods that gives this part of GPUs: p·b / (p·b + (1 - p)·a), a and b the mean
    // sizes.
    let percent = u64::from(percent.min(100));
    let small = milli(&shares) * 1_000 / u64::try_from(shares.len().max(1)).unwrap_or(1);
    let large = milli(&whole) * 1_000 / u64::try_from(whole.len().max(1)).unwrap_or(1);
    let (hits, of) = (percent * large, percent * large + (100 - percent) * small);
    for _ in 0..shares.len() + whole.len() {
        let pool = if random.below(of) < hits { &shares } else { &whole };
        pods.extend(random.pick(pool).cloned());
    }
    pods
}

/// More pods with several GPUs, until they ask this part.
fn several(list: &PodList, percent: u32, random: &mut Rng) -> Vec<Pod> {
    let is_several = |pod: &Pod| pod.need.gpus.count() > 1;
    let pool = of(list, is_several);
    let mut pods = list.pods.clone();
    let (mut part, mut total) = (milli(&pool), milli(&pods));
    while part * 100 < total * u64::from(percent.min(99)) {
        let Some(more) = random.pick(&pool) else { break };
        let asked = u64::try_from(more.need.gpus.milli()).unwrap_or(0);
        (part, total) = (part + asked, total + asked);
        pods.push(more.clone());
    }
    pods
}
