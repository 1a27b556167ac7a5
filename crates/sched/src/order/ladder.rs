//! The ladder: service in steps that double, so that a week and a minute need few numbers.
//!
//! Must stay in step with what is written down elsewhere: a rung is part of no stored state, but two
//! histories can only be compared if they climb the same ladder.

/// Number of rungs. The last has no end; it starts at 20 million GPU-hours.
pub const RUNGS: usize = 32;

/// Rung 0 ends at 2²⁶ GPU-microseconds, 67 GPU-seconds: below it, starting costs more than running.
const FIRST_RUNG_BITS: u32 = 26;

/// The rung on which a job stands that has had this much service, in GPU-microseconds.
#[must_use]
pub fn rung_of(service: u64) -> usize {
    let above = service.checked_shr(FIRST_RUNG_BITS).unwrap_or(0);
    let bits = u64::BITS.saturating_sub(above.leading_zeros());
    usize::try_from(bits).unwrap_or(RUNGS).min(RUNGS.saturating_sub(1))
}

/// Service at which a rung starts, in GPU-microseconds.
#[must_use]
pub fn rung_start(rung: usize) -> u64 {
    match rung.checked_sub(1) {
        None => 0,
        Some(doublings) => rung_0_width().saturating_mul(power_of_two(doublings)),
    }
}

/// How much service a rung takes from its start to its end; the last counts as if it ended.
pub(super) fn rung_width(rung: usize) -> u64 {
    rung_0_width().saturating_mul(power_of_two(rung.saturating_sub(1)))
}

fn rung_0_width() -> u64 {
    1u64.checked_shl(FIRST_RUNG_BITS).unwrap_or(u64::MAX)
}

fn power_of_two(exponent: usize) -> u64 {
    u32::try_from(exponent).ok().and_then(|bits| 1u64.checked_shl(bits)).unwrap_or(u64::MAX)
}
