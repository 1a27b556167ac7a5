//! Operators who promise and reserve: quotas and reservations, sensible or not.

use kernel::{
    Command, State, budget,
    quota::{self, Class, Milli, Owner},
    rate_limit,
    reservation::{self, Block, Holder, Window},
};
use units::{DurationMicros, UnixMicros};

use super::catalogue::{any, name, nobody};
use crate::rng::Rng;

/// Classes that quotas count; the last is built nowhere.
const CLASSES: [&str; 4] = ["cpu", "H200", "GB200", "TPU"];

fn class(rng: &mut Rng) -> Result<Class, String> {
    rng.pick(&CLASSES).copied().unwrap_or("cpu").parse()
}

/// Sets or deletes a quota; sums are often too large, so that they are refused.
pub(super) fn quota_command(rng: &mut Rng, state: &State) -> Result<Command, String> {
    if rng.chance(20) {
        let id = any(rng, &state.quotas).unwrap_or(nobody());
        return Ok(Command::Quota(quota::Command::Delete { id }));
    }
    let owner = if rng.chance(40) {
        Owner::Organisation(any(rng, &state.organisations).unwrap_or(nobody()))
    } else {
        Owner::Project(any(rng, &state.projects).unwrap_or(nobody()))
    };
    let amount = |rng: &mut Rng| Milli(rng.below(16).saturating_mul(500));
    let terms = quota::Terms {
        nominal: amount(rng),
        borrowing: rng.chance(50).then(|| amount(rng)),
        lending: rng.chance(40).then(|| amount(rng)),
        weight: rng.between_u32(0, 4),
    };
    Ok(Command::Quota(quota::Command::Set { owner, class: class(rng)?, terms }))
}

/// Sets or deletes a limit of calls, for somebody or nobody, sensible or not.
pub(super) fn rate_limit_command(rng: &mut Rng, state: &State) -> Command {
    if rng.chance(20) {
        let id = any(rng, &state.rate_limits).unwrap_or(nobody());
        return Command::RateLimit(rate_limit::Command::Delete { id });
    }
    let owner = match rng.below(4) {
        0 => budget::Owner::Organisation(any(rng, &state.organisations).unwrap_or(nobody())),
        1 => budget::Owner::Project(any(rng, &state.projects).unwrap_or(nobody())),
        2 => budget::Owner::User(any(rng, &state.users).unwrap_or(nobody())),
        _ => budget::Owner::Key(any(rng, &state.keys).unwrap_or(nobody())),
    };
    let terms = rate_limit::Terms {
        requests_per_minute: rng.chance(50).then(|| rng.below(10_000)),
        tokens_per_minute: rng.chance(50).then(|| rng.below(1_000_000)),
        concurrent_max: rng.chance(30).then(|| rng.between_u32(0, 64)),
        weight: rng.chance(20).then(|| rng.between_u32(0, 4)),
    };
    Command::RateLimit(rate_limit::Command::Set { owner, terms })
}

/// Reserves nodes by name or number, or cancels; windows meet each other and the past.
pub(super) fn reservation_command(
    rng: &mut Rng,
    state: &State,
    now: UnixMicros,
) -> Result<Command, String> {
    if rng.chance(30) {
        let id = any(rng, &state.reservations).unwrap_or(nobody());
        return Ok(Command::Reservation(reservation::Command::Cancel { id }));
    }
    let holder = if rng.chance(30) {
        Holder::Maintenance
    } else {
        Holder::Project(any(rng, &state.projects).unwrap_or(nobody()))
    };
    let block = if rng.chance(40) {
        let picks: Vec<_> = (0..rng.below(4)).filter_map(|_| any(rng, &state.nodes)).collect();
        Block::Nodes(picks)
    } else {
        Block::Count {
            site: any(rng, &state.sites).unwrap_or(nobody()),
            count: rng.between_u32(0, 4),
            rack: if rng.chance(20) { Some(name(rng, "rack", 3)?) } else { None },
            one_rack: rng.chance(30),
            class: if rng.chance(30) { Some(class(rng)?) } else { None },
        }
    };
    let from = now.plus(DurationMicros::from_secs(rng.below(120)));
    let until = from.plus(DurationMicros::from_secs(rng.below(120)));
    let window = Window { from, until };
    let name = name(rng, "window", 6)?;
    Ok(Command::Reservation(reservation::Command::Create { name, holder, block, window }))
}
