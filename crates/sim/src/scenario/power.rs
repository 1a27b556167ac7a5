//! From the words of a line to a kernel command about power.

use kernel::{
    Command, State,
    power::{self, Domain, Measure, Series, figures_of},
    quota::Class,
};
use units::{DurationMicros, UnixMicros};

use super::{args::Args, names};

/// The command of a line whose verb is one of these: `power SITE 5000 rack=r1`, `power-remove SITE
/// rack=r1`, `figures H100 peak=700`, `series SITE carbon step=1h values=300,20`, `series-remove
/// SITE carbon`.
pub(super) fn command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let command = match verb {
        "figures" => figures(state, args)?,
        "series" => series(state, args)?,
        "series-remove" => {
            let site = names::site(state, &args.word::<String>("a site")?)?;
            power::Command::RemoveSeries { site, measure: measure(args)? }
        }
        "power" => {
            let site: String = args.word("a site")?;
            let allowed_w = args.word("a number of watts")?;
            power::Command::SetBudget { domain: domain(state, &site, args)?, allowed_w }
        }
        _ => {
            let site: String = args.word("a site")?;
            let domain = domain(state, &site, args)?;
            let found = state.power_budget(&domain).map(|budget| budget.id);
            let id = found.ok_or_else(|| format!("no budget for {domain}"))?;
            power::Command::Remove { id }
        }
    };
    Ok(Command::Power(command))
}

fn domain(state: &State, site: &str, args: &mut Args<'_>) -> Result<Domain, String> {
    let site = names::site(state, site)?;
    if let Some(rack) = args.maybe("rack")? {
        return Ok(Domain::Rack(site, rack));
    }
    Ok(args.maybe("group")?.map_or(Domain::Site(site), |group| Domain::Group(site, group)))
}

fn figures(state: &State, args: &mut Args<'_>) -> Result<power::Command, String> {
    let class: Class = args.word("a class")?;
    let model = match &class {
        Class::Cpu => None,
        Class::Gpu(text) => Some(text.as_str()),
    };
    let mut figures = figures_of(state, model);
    figures.gpu_peak_w = args.option("peak", figures.gpu_peak_w)?;
    figures.gpu_idle_w = args.option("idle", figures.gpu_idle_w)?;
    figures.gpu_limits_w = args.list("limits")?.unwrap_or(figures.gpu_limits_w);
    Ok(power::Command::SetFigures { class, figures })
}

fn measure(args: &mut Args<'_>) -> Result<Measure, String> {
    match args.word::<String>("`carbon` or `price`")?.as_str() {
        "carbon" => Ok(Measure::Carbon),
        "price" => Ok(Measure::Price),
        other => Err(format!("`{other}` is neither `carbon` nor `price`")),
    }
}

/// A series from the last entry on: a scenario has no calendar.
fn series(state: &State, args: &mut Args<'_>) -> Result<power::Command, String> {
    let site = names::site(state, &args.word::<String>("a site")?)?;
    let measure = measure(args)?;
    let step: DurationMicros = args.option("step", DurationMicros::from_secs(3_600))?;
    let series = Series {
        start: UnixMicros(state.last_at.secs().saturating_mul(1_000_000)),
        step_s: u32::try_from(step.as_secs()).unwrap_or(u32::MAX),
        values: args.list("values")?.unwrap_or_default(),
        source: "scenario".to_owned(),
    };
    Ok(power::Command::SetSeries { site, measure, series })
}
