//! What a fleet file says about power that changes: limits of GPUs, and budgets that fall and rise.

use units::MilliWatt;

use super::{
    PowerEvent,
    build::Builder,
    file::{GpuTable, PowerEventTable},
    sections::Section,
};
use crate::twin::{error::InputError, number, time::Time};

/// Most limits of one class of GPU.
const LIMITS_MAX: usize = 8;

/// The limits of a class with the work lost under each, in per mille.
pub(super) fn limits(
    builder: &Builder<'_>,
    section: &Section<'_>,
    table: &GpuTable,
) -> Result<Vec<(MilliWatt, u32)>, InputError> {
    let (watts, slower) = (&table.limit_watts, &table.limit_slowdown_percent);
    let wrong =
        |key: &str, value: String, message: &str| Err(builder.wrong(section, key, &value, message));
    if watts.len() != slower.len() || watts.len() > LIMITS_MAX {
        let message = "must have one value for each of `limit_watts`, at most 8";
        return wrong("limit_slowdown_percent", slower.len().to_string(), message);
    }
    let mut limits = Vec::new();
    let mut before = (table.tdp_watts.0, 0);
    for (watts, slower) in watts.iter().zip(slower) {
        // Thousandths of a watt are milliwatts, thousandths of a percent hundredths of a per mille.
        let (limit, permille) = (watts.0, slower.0 / 100);
        if limit >= before.0 || limit < table.idle_watts.0 {
            let message = "must fall from below `tdp_watts` to at least `idle_watts`";
            return wrong("limit_watts", number::thousandths(limit, 3), message);
        }
        if permille < before.1 || permille > 1_000 {
            let message = "must not fall, and be at most 100";
            return wrong("limit_slowdown_percent", number::thousandths(slower.0, 3), message);
        }
        before = (limit, permille);
        limits.push((MilliWatt(limit), number::small(permille)));
    }
    Ok(limits)
}

/// Adds a change of what a feeder may carry, and the way back if it lasts only for a time.
pub(super) fn event(
    builder: &mut Builder<'_>,
    section: &Section<'_>,
    table: &PowerEventTable,
) -> Result<(), InputError> {
    let feeder = builder.fleet.feeder_named(&table.feeder).ok_or_else(|| {
        let message = "is no feeder: write for example `site`, `site/hall` or `site/hall/row-1`";
        builder.wrong(section, "feeder", &table.feeder, message)
    })?;
    let (contracted, usual) =
        builder.fleet.feeder(feeder).map_or((None, None), |one| (one.contracted, one.allowed));
    let allowed = match (table.allowed_kw, table.allowed_percent) {
        (Some(_), Some(percent)) => {
            let message = "stands beside `allowed_kw`: keep one of them";
            return Err(builder.wrong(section, "allowed_percent", &percent.to_string(), message));
        }
        (kw, None) => kw.map(|kw| MilliWatt(kw.0.saturating_mul(1_000))),
        (None, Some(percent)) => {
            let Some(contracted) = contracted.filter(|_| percent <= 100) else {
                let message = "needs a feeder with `contracted_kw`, of which it is at most 100";
                let value = percent.to_string();
                return Err(builder.wrong(section, "allowed_percent", &value, message));
            };
            Some(MilliWatt(number::scale(contracted.0, u64::from(percent), 100)))
        }
    };
    if contracted.is_some_and(|most| allowed.is_some_and(|allowed| allowed > most)) {
        let value = number::thousandths(table.allowed_kw.map_or(0, |kw| kw.0), 3);
        return Err(builder.wrong(section, "allowed_kw", &value, "is above what is contracted"));
    }
    let at = Time(table.at.0.0);
    builder.fleet.power_events.push(PowerEvent { at, feeder, allowed });
    if let Some(lasts) = table.lasts {
        let back = PowerEvent { at: at.plus(lasts.0), feeder, allowed: usual };
        builder.fleet.power_events.push(back);
    }
    Ok(())
}
