//! What each project used lately, forgotten by half in a week: what fair shares look back on.
//!
//! A fold like everything else, so that replay gives the same shares. Amounts are decayed once an
//! hour, with a factor rounded down: after `n` hours a figure is within `2 n` microseconds of the
//! exact one. Must never be billed by; the ledger's lines are exact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::UnixMicros;

/// Hours until half is forgotten.
pub const HALF_LIFE_HOURS: u32 = 168;

/// 2⁶⁴ × 2^(−1/168), rounded down: what is left after an hour.
const PER_HOUR: u64 = 18_370_791_886_079_017_691;

/// The use of a project, as of an hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recent {
    /// Hours since January 1970.
    hour: i64,
    /// Processor time in microseconds.
    cpu_micros: u64,
    /// GPU time in microseconds, by model.
    gpu_micros: BTreeMap<String, u64>,
}

impl Recent {
    /// Adds what was used until now.
    pub(super) fn add(&mut self, now: UnixMicros, cpu_micros: u64, gpus: Option<(&str, u64)>) {
        let hour = hour_of(now);
        if hour > self.hour {
            let hours = hour.abs_diff(self.hour);
            self.hour = hour;
            self.cpu_micros = faded(self.cpu_micros, hours);
            self.gpu_micros.retain(|_, micros| {
                *micros = faded(*micros, hours);
                *micros > 0
            });
        }
        self.cpu_micros = self.cpu_micros.saturating_add(cpu_micros);
        if let Some((model, micros)) = gpus.filter(|(_, micros)| *micros > 0) {
            let used = self.gpu_micros.entry(model.to_owned()).or_default();
            *used = used.saturating_add(micros);
        }
    }

    /// What is left of the processor time.
    #[must_use]
    pub fn cpu_micros(&self, now: UnixMicros) -> u64 {
        faded(self.cpu_micros, self.age(now))
    }

    /// What is left of the GPU time, by model.
    pub fn gpu_micros(&self, now: UnixMicros) -> impl Iterator<Item = (&str, u64)> {
        let hours = self.age(now);
        self.gpu_micros.iter().map(move |(model, micros)| (model.as_str(), faded(*micros, hours)))
    }

    fn age(&self, now: UnixMicros) -> u64 {
        u64::try_from(hour_of(now).saturating_sub(self.hour)).unwrap_or(0)
    }
}

const fn hour_of(at: UnixMicros) -> i64 {
    at.secs().div_euclid(3_600)
}

/// An amount after some hours.
fn faded(amount: u64, hours: u64) -> u64 {
    let (mut left, mut factor, mut rest) = (amount, PER_HOUR, hours);
    while rest > 0 && left > 0 {
        if rest & 1 == 1 {
            left = times(left, factor);
        }
        factor = times(factor, factor);
        rest >>= 1;
    }
    left
}

/// A number times a factor in 2⁻⁶⁴, rounded down.
fn times(number: u64, factor: u64) -> u64 {
    // Two numbers below 2⁶⁴ do not wrap.
    u64::try_from(u128::from(number).wrapping_mul(factor.into()) >> 64).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hours(n: i64) -> UnixMicros {
        UnixMicros(n.saturating_mul(3_600_000_000))
    }

    #[test]
    fn half_is_forgotten_in_a_week_however_often_it_is_looked_at() {
        let mut at_once = Recent::default();
        at_once.add(hours(1_000), 1 << 40, Some(("H100", 1 << 41)));
        let mut hourly = at_once.clone();
        for hour in 1_001..=1_168 {
            hourly.add(hours(hour), 0, None);
        }
        for recent in [&at_once, &hourly] {
            let now = hours(1_168);
            assert!(recent.cpu_micros(now).abs_diff(1 << 39) < 400, "{recent:?}");
            let gpus: Vec<(&str, u64)> = recent.gpu_micros(now).collect();
            assert!(gpus[0].0 == "H100" && gpus[0].1.abs_diff(1 << 40) < 400, "{gpus:?}");
        }
        assert_eq!(at_once.cpu_micros(hours(900)), 1 << 40, "a time before it takes nothing back");
    }

    #[test]
    fn what_is_forgotten_leaves_nothing_behind() {
        let mut recent = Recent::default();
        recent.add(hours(0), 5, Some(("H100", 5)));
        recent.add(hours(i64::MAX / 3_600_000_000), 0, Some(("A100", 0)));
        assert_eq!((recent.cpu_micros, recent.gpu_micros.len()), (0, 0));
    }
}
