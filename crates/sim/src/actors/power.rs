//! Operators of power: budgets that fall and rise, figures, and series of carbon and price.

use kernel::{
    Command, State,
    power::{self, Domain, Figures, Measure, Series},
};
use units::UnixMicros;

use super::catalogue::{any, name, nobody};
use crate::rng::Rng;

/// A budget, figures or a series, sensible or not.
pub(super) fn power_command(
    rng: &mut Rng,
    state: &State,
    now: UnixMicros,
) -> Result<Command, String> {
    let site = any(rng, &state.sites).unwrap_or(nobody());
    let command = match rng.below(10) {
        0..=4 => {
            let domain = match rng.below(3) {
                0 => Domain::Site(site),
                1 => Domain::Group(site, name(rng, "group", 2)?),
                _ => Domain::Rack(site, name(rng, "rack", 3)?),
            };
            power::Command::SetBudget { domain, allowed_w: rng.below(12_000) }
        }
        5..=6 => {
            let id = any(rng, &state.power.budgets).or_else(|| any(rng, &state.power.figures));
            power::Command::Remove { id: id.unwrap_or(nobody()) }
        }
        7 => power::Command::SetFigures {
            class: rng.pick(&["cpu", "H200", "GB"]).copied().unwrap_or("cpu").parse()?,
            figures: Figures {
                host_idle_w: rng.between_u32(100, 400),
                host_busy_w: rng.between_u32(300, 900),
                gpu_idle_w: rng.between_u32(0, 200),
                gpu_peak_w: rng.between_u32(0, 1_200),
                gpu_limits_w: (0..rng.below(3)).map(|_| rng.between_u32(100, 900)).collect(),
            },
        },
        _ => {
            let measure = if rng.chance(60) { Measure::Carbon } else { Measure::Price };
            if rng.chance(15) {
                return Ok(Command::Power(power::Command::RemoveSeries { site, measure }));
            }
            let n = rng.below(40);
            let series = Series {
                start: UnixMicros(now.secs().saturating_sub(60).saturating_mul(1_000_000)),
                step_s: rng.between_u32(50, 300),
                values: (0..n).map(|_| i32::try_from(rng.below(900)).unwrap_or(0)).collect(),
                source: "invented".to_owned(),
            };
            power::Command::SetSeries { site, measure, series }
        }
    };
    Ok(Command::Power(command))
}
