//! The energy of an attempt, and how it is known.
//!
//! GPUs: NVML's energy counter of the GPUs given to the attempt, which no other attempt shares.
//! Processors: RAPL package counters where they can be read (root only since CVE-2020-8694), shared
//! out by the attempt's part of all busy processor time. Otherwise a model, which says so.
//! Energy of memory, fans and losses is not part of it: the site's PUE covers those.

mod rapl;

use std::fs;

use api::engine::Energy;
use serde::{Deserialize, Serialize};
use units::{MilliJoule, MilliWatt};

use crate::facts::gpu::GpuMeter;
pub use rapl::Rapl;

/// The model for processors whose meters cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerModel {
    /// Power of one busy core, its share of caches and memory controller included.
    pub per_busy_core: MilliWatt,
}

impl Default for PowerModel {
    /// 12 W per busy core: an assumption, not a measurement. Server processors are sold with thermal
    /// design powers of about 200-500 W for 32-128 cores, that is 4-8 W a core, and desktop ones
    /// with 65-125 W for 8-16, 8-12 W a core; we take the upper end, so that it is not too low.
    fn default() -> Self {
        Self { per_busy_core: MilliWatt(12_000) }
    }
}

impl PowerModel {
    /// The model in words.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "model: {}.{} W per busy core (assumed)",
            self.per_busy_core.0 / 1_000,
            self.per_busy_core.0 % 1_000 / 100
        )
    }

    /// Energy of processor time in core-microseconds.
    #[must_use]
    pub fn energy(&self, cpu_micros: u64) -> MilliJoule {
        self.per_busy_core.for_micros(cpu_micros)
    }
}

/// What can be read on this machine, for [`api::engine::NodeFacts::power`].
#[must_use]
pub fn describe_sources(model: PowerModel, has_gpus: bool) -> String {
    let processor = match Rapl::open() {
        Some(rapl) => rapl.describe(),
        None => model.describe(),
    };
    if has_gpus { format!("NVML; {processor}") } else { processor }
}

/// Follows the energy of one attempt.
#[derive(Debug)]
pub struct Meter {
    model: PowerModel,
    rapl: Option<Rapl>,
    gpus: Option<GpuMeter>,
    n_gpus_wanted: usize,
    /// Thousandths of the GPUs' energy that are the attempt's.
    share_milli: u64,
    processor: MilliJoule,
    last_cpu_micros: u64,
    last_busy_micros: u64,
}

impl Meter {
    /// Starts at zero for an attempt with these GPUs.
    #[must_use]
    pub fn start(model: PowerModel, gpus: &[u32]) -> Self {
        Self {
            model,
            rapl: Rapl::open(),
            gpus: if gpus.is_empty() { None } else { GpuMeter::start(gpus) },
            n_gpus_wanted: gpus.len(),
            share_milli: 1_000,
            processor: MilliJoule::ZERO,
            last_cpu_micros: 0,
            last_busy_micros: busy_micros(),
        }
    }

    /// Counts only so many thousandths of its one GPU, which others use too: a model, as no meter
    /// tells them apart.
    #[must_use]
    pub fn of_share(mut self, milli: u64) -> Self {
        self.share_milli = milli.min(1_000);
        self
    }

    /// Energy since the start, given the attempt's processor time since the start.
    pub fn sample(&mut self, cpu_micros: u64) -> Energy {
        let used = cpu_micros.saturating_sub(self.last_cpu_micros);
        self.last_cpu_micros = self.last_cpu_micros.max(cpu_micros);
        let busy_now = busy_micros();
        let busy = busy_now.saturating_sub(self.last_busy_micros);
        self.last_busy_micros = busy_now;
        let step = match &mut self.rapl {
            Some(rapl) => share(rapl.step(), used, busy),
            None => self.model.energy(used),
        };
        self.processor = self.processor.saturating_add(step);
        let processor_source = match &self.rapl {
            Some(rapl) => rapl.describe(),
            None => self.model.describe(),
        };
        let measured = self.rapl.is_some();
        match (&mut self.gpus, self.n_gpus_wanted) {
            (Some(gpus), _) if self.share_milli < 1_000 => {
                let whole = u128::from(gpus.since_start().0);
                let part = whole.saturating_mul(u128::from(self.share_milli)) / 1_000;
                let part = MilliJoule(u64::try_from(part).unwrap_or(u64::MAX));
                Energy {
                    energy: self.processor.saturating_add(part),
                    measured: false,
                    source: format!(
                        "NVML × share 0.{:03} (model); {processor_source}",
                        self.share_milli
                    ),
                }
            }
            (Some(gpus), _) => Energy {
                energy: self.processor.saturating_add(gpus.since_start()),
                measured,
                source: format!("NVML (measured); {processor_source}"),
            },
            (None, 0) => Energy { energy: self.processor, measured, source: processor_source },
            (None, _) => Energy {
                energy: self.processor,
                measured: false,
                source: format!("{processor_source}; GPUs not metered"),
            },
        }
    }
}

/// A part of an energy, by processor time; never more than all of it.
pub(crate) fn share(total: MilliJoule, used_micros: u64, busy_micros: u64) -> MilliJoule {
    let used = used_micros.min(busy_micros);
    if busy_micros == 0 {
        return MilliJoule::ZERO;
    }
    let part = u128::from(total.0) * u128::from(used) / u128::from(busy_micros);
    MilliJoule(u64::try_from(part).unwrap_or(u64::MAX))
}

/// Busy processor time of the whole machine since boot (proc_stat(5)).
fn busy_micros() -> u64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    crate::procfs::ticks_to_micros(busy_ticks(text.lines().next().unwrap_or_default()))
}

/// user + nice + system + irq + softirq of the `cpu` line; idle, iowait and steal are not ours.
pub(crate) fn busy_ticks(line: &str) -> u64 {
    line.split_whitespace()
        .skip(1)
        .enumerate()
        .filter(|(index, _)| matches!(index, 0 | 1 | 2 | 5 | 6))
        .filter_map(|(_, field)| field.parse::<u64>().ok())
        .fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
