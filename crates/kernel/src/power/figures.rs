//! What machines draw, by their model of GPU.
//!
//! Must never pass for a measurement: the defaults are round assumptions on the safe side, and an
//! operator who has measured sets figures of his own.
//!
//! | model contains | most for one GPU | source |
//! |---|---|---|
//! | GB200, GB300 | 1,200 W | NVIDIA GB200 NVL72 data sheet |
//! | B200, B300 | 1,000 W | NVIDIA DGX B200 data sheet |
//! | H200, H100, H800 | 700 W | NVIDIA H100 and H200 (SXM) data sheets |
//! | MI300X, MI325X | 1,000 W | AMD Instinct data sheets, the higher of the two |
//! | A100 | 400 W | NVIDIA A100 (SXM) data sheet |
//! | L40 | 350 W | NVIDIA L40S data sheet |
//! | V100 | 300 W | NVIDIA V100 (SXM2) data sheet |
//! | L4, T4 | 75 W | NVIDIA L4 and T4 data sheets, rounded up |
//! | anything else | 700 W | an assumption |
//!
//! Also assumed: a GPU draws a tenth of its most when idle, and can be limited to 80 % and 60 % of it.
//! A host draws 300 W when idle and 800 W when all cores are busy; that of a machine with GPUs counts
//! as busy whatever runs.

use serde::{Deserialize, Serialize};

use crate::{State, quota::Class};

/// What a machine of a class draws, in watts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The host when idle.
    pub host_idle_w: u32,
    /// The host when all cores are busy; at least `host_idle_w`.
    pub host_busy_w: u32,
    /// One GPU when idle; 0 for machines without.
    pub gpu_idle_w: u32,
    /// One GPU at most.
    pub gpu_peak_w: u32,
    /// Limits that one GPU can be given, from high to low, all between idle and most.
    pub gpu_limits_w: Vec<u32>,
}

const PEAKS_W: [(&str, u32); 15] = [
    ("GB200", 1_200),
    ("GB300", 1_200),
    ("B200", 1_000),
    ("B300", 1_000),
    ("H200", 700),
    ("H100", 700),
    ("H800", 700),
    ("MI300X", 1_000),
    ("MI325X", 1_000),
    ("A100", 400),
    ("L40", 350),
    ("V100", 300),
    ("L4", 75),
    ("T4", 75),
    ("", 700),
];

impl Figures {
    fn with_gpus(peak_w: u32) -> Self {
        let part = |percent: u32| peak_w.saturating_mul(percent) / 100;
        Self {
            gpu_idle_w: part(10),
            gpu_peak_w: peak_w,
            gpu_limits_w: vec![part(80), part(60)],
            ..Self::without_gpus()
        }
    }

    const fn without_gpus() -> Self {
        Self {
            host_idle_w: 300,
            host_busy_w: 800,
            gpu_idle_w: 0,
            gpu_peak_w: 0,
            gpu_limits_w: Vec::new(),
        }
    }
}

/// The figures for machines with this model of GPU, or with none: those that were set for the longest
/// text that the model contains, or else the defaults.
#[must_use]
pub fn figures_of(state: &State, model: Option<&str>) -> Figures {
    let Some(model) = model else {
        let set = state.power.figures.values().find(|set| set.class == Class::Cpu);
        return set.map_or_else(Figures::without_gpus, |set| set.figures.clone());
    };
    let named = state.power.figures.values().filter_map(|set| match &set.class {
        Class::Gpu(text) if model.contains(text.as_str()) => Some((text, set)),
        Class::Gpu(_) | Class::Cpu => None,
    });
    if let Some((_, set)) = named.max_by_key(|(text, _)| (text.len(), *text)) {
        return set.figures.clone();
    }
    let known = PEAKS_W.iter().find(|(text, _)| model.contains(text));
    Figures::with_gpus(known.map_or(0, |(_, peak_w)| *peak_w))
}
