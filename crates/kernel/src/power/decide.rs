//! Validates power commands: domains of sites that exist, figures that can be, series that fit a leaf.

use super::{Command, Domain, Event, Figures, Series};
use crate::{Ctx, Meta, Reject, State, limits, quota::Class};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::SetBudget { domain, allowed_w } => {
            check_budget(state, domain, *allowed_w)?;
            let known = state.power_budget(domain);
            if known.is_some_and(|budget| budget.allowed_w == *allowed_w) {
                return Ok(Vec::new());
            }
            if known.is_none() {
                let count = state.power.budgets.len();
                Reject::limit("power budgets", count, limits::POWER_BUDGETS_MAX)?;
            }
            let id = known.map_or_else(|| ctx.id(0), |budget| budget.id);
            Event::BudgetSet { id, domain: domain.clone(), allowed_w: *allowed_w }
        }
        Command::Remove { id } => {
            let power = &state.power;
            if !power.budgets.contains_key(id) && !power.figures.contains_key(id) {
                return Err(Reject::not_found("power budget or figures", id));
            }
            Event::Removed { id: *id }
        }
        Command::SetFigures { class, figures } => {
            check_figures(class, figures)?;
            let known = state.power.figures.values().find(|set| set.class == *class);
            if known.is_some_and(|set| set.figures == *figures) {
                return Ok(Vec::new());
            }
            if known.is_none() {
                let count = state.power.figures.len();
                Reject::limit("power figures", count, limits::POWER_FIGURES_MAX)?;
            }
            let id = known.map_or_else(|| ctx.id(0), |set| set.id);
            Event::FiguresSet { id, class: class.clone(), figures: figures.clone() }
        }
        Command::SetSeries { site, measure, series } => {
            require_site(state, *site)?;
            check_series(series)?;
            let known = state.power.series(*measure).get(site);
            if known.is_some_and(|known| known.series == *series) {
                return Ok(Vec::new());
            }
            Event::SeriesSet { site: *site, measure: *measure, series: series.clone() }
        }
        Command::RemoveSeries { site, measure } => {
            if !state.power.series(*measure).contains_key(site) {
                return Err(Reject::not_found("series", format!("{measure} of {site}")));
            }
            Event::SeriesRemoved { site: *site, measure: *measure }
        }
    };
    Ok(vec![crate::Event::Power(event)])
}

/// The version and times of what a command would change.
pub(crate) fn existing<'a>(state: &'a State, command: &Command) -> Option<&'a Meta> {
    let power = &state.power;
    match command {
        Command::SetBudget { domain, .. } => state.power_budget(domain).map(|found| &found.meta),
        Command::Remove { id } => {
            let budget = power.budgets.get(id).map(|found| &found.meta);
            budget.or_else(|| power.figures.get(id).map(|found| &found.meta))
        }
        Command::SetFigures { class, .. } => {
            power.figures.values().find(|set| set.class == *class).map(|found| &found.meta)
        }
        Command::SetSeries { site, measure, .. } | Command::RemoveSeries { site, measure } => {
            power.series(*measure).get(site).map(|found| &found.meta)
        }
    }
}

fn check_budget(state: &State, domain: &Domain, allowed_w: u64) -> Result<(), Reject> {
    require_site(state, domain.site())?;
    let most = limits::POWER_W_MAX;
    if allowed_w > most {
        let message = format!("`{allowed_w}` is more than {most} W: give less");
        return Err(Reject::invalid("allowed_w", message));
    }
    Ok(())
}

fn require_site(state: &State, site: units::Id<units::kinds::Site>) -> Result<(), Reject> {
    if state.sites.contains_key(&site) { Ok(()) } else { Err(Reject::not_found("site", site)) }
}

fn check_figures(class: &Class, figures: &Figures) -> Result<(), Reject> {
    let Figures { host_idle_w, host_busy_w, gpu_idle_w, gpu_peak_w, gpu_limits_w } = figures;
    let most = limits::MACHINE_W_MAX;
    if host_idle_w > host_busy_w || *host_busy_w > most {
        let message = format!("needs idle ≤ busy ≤ {most} W");
        return Err(Reject::invalid("host_busy_w", message));
    }
    let is_cpu = *class == Class::Cpu;
    if is_cpu != (*gpu_peak_w == 0) || gpu_idle_w > gpu_peak_w || *gpu_peak_w > most {
        let message = format!("needs idle ≤ most ≤ {most} W, and no GPUs for `cpu`");
        return Err(Reject::invalid("gpu_peak_w", message));
    }
    let falls = std::iter::once(gpu_peak_w).chain(gpu_limits_w).is_sorted_by(|a, b| a > b);
    let above_idle = gpu_limits_w.last().is_none_or(|last| last >= gpu_idle_w);
    if gpu_limits_w.len() > limits::POWER_LIMITS_MAX || !falls || !above_idle {
        let most = limits::POWER_LIMITS_MAX;
        let message = format!(
            "at most {most} limits, each below the one before and below `gpu_peak_w`, none below \
             `gpu_idle_w`: list them from high to low"
        );
        return Err(Reject::invalid("gpu_limits_w", message));
    }
    Ok(())
}

fn check_series(series: &Series) -> Result<(), Reject> {
    let n = series.values.len();
    let most = limits::SERIES_VALUES_MAX;
    if n == 0 || n > most {
        let message = format!("{n} values: give 1 to {most}, in longer slots if need be");
        return Err(Reject::invalid("values", message));
    }
    let largest = limits::SERIES_VALUE_MAX;
    if let Some(value) = series.values.iter().find(|value| value.unsigned_abs() > largest) {
        let message = format!("`{value}` is beyond ±{largest}: check its unit");
        return Err(Reject::invalid("values", message));
    }
    if !(60..=86_400).contains(&series.step_s) {
        let message = format!("`{}` is out of range: 60 seconds to a day", series.step_s);
        return Err(Reject::invalid("step_s", message));
    }
    if series.start.0 % 1_000_000 != 0 || series.start.0 < 0 {
        return Err(Reject::invalid("start", "needs a whole second since 1970"));
    }
    if series.source.is_empty() || series.source.len() > limits::TEXT_BYTES_MAX {
        return Err(Reject::invalid("source", "needs 1 to 1024 bytes: who published it, when"));
    }
    Ok(())
}
