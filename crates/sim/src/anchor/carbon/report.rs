//! What waiting saves, as Markdown, beside the published figures.
//!
//! It must never show a figure for an invented region without the word simulated.

use std::fmt::{self, Write};

use sched::carbon::Series;

use super::{CarbonError, Forecast, Saving, Shape, awhile, dates, gaia};

/// An invented year is the first study's: half hours from here on.
const START: &str = "2020-01-01";
const SLOTS: usize = 18_000;
const SEED: u64 = 2020;

/// A grid: its name and its intensities.
pub type Region = (String, Series);

/// Years that are like those of four grids, invented and named so.
///
/// # Errors
/// If a shape gives no series.
pub fn invented() -> Result<Vec<Region>, CarbonError> {
    let start_s = dates::parse(START).unwrap_or(0);
    let shapes =
        [Shape::LIKE_GERMANY, Shape::LIKE_BRITAIN, Shape::LIKE_FRANCE, Shape::LIKE_SOUTH_AUSTRALIA];
    let region = |shape: Shape| Ok((shape.name.to_owned(), shape.series(start_s, SLOTS, SEED)?));
    shapes.into_iter().map(region).collect()
}

/// The first study's table.
///
/// # Errors
/// If a job lies outside of a series.
pub fn awhile(regions: &[Region], jobs: &[awhile::Job]) -> Result<String, CarbonError> {
    let mut rows = Vec::new();
    for (name, series) in regions {
        rows.push((name.as_str(), cells(series, jobs)?));
    }
    Ok(text(|out| {
        writeln!(out, "## Let's Wait Awhile, scenario II: {} jobs\n", jobs.len())?;
        writeln!(out, "Each cell: in one piece / interrupted.\n")?;
        writeln!(
            out,
            "| region | published | as the study: 5 % error, 10 seeds | deadlines kept, no error \
             | deadlines kept, 5 % | deadlines kept, 10 % | Monday or Thursday, no error |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|")?;
        for (name, cells) in &rows {
            writeln!(out, "| {name} | {} | {} |", published(name), cells.join(" | "))?;
        }
        writeln!(out)
    }))
}

/// Savings as the first study sets it up, and with its deadlines kept.
fn cells(series: &Series, jobs: &[awhile::Job]) -> Result<Vec<String>, CarbonError> {
    use awhile::Deadline::{NextWorkday, SemiWeekly};
    let setups = [
        (NextWorkday, 1_800, 50),
        (NextWorkday, 0, 0),
        (NextWorkday, 0, 50),
        (NextWorkday, 0, 100),
        (SemiWeekly, 0, 0),
    ];
    let pair = |(deadline, grace_s, error_permille)| {
        let saving = |interruptible| {
            let forecast = Forecast { error_permille, seed: 0 };
            let setup = awhile::Setup { deadline, interruptible, grace_s, forecast };
            let seeds = if error_permille == 0 { 0..1 } else { 0..10 };
            awhile::run_seeds(series, jobs, &setup, seeds)
        };
        Ok(format!("{} / {}", saving(false)?, saving(true)?))
    };
    setups.into_iter().map(pair).collect()
}

/// Savings of the first study as it reports them, in one piece and interrupted.
fn published(region: &str) -> &'static str {
    match region {
        "Germany 2020" => "5.9 / 7.9 %",
        "Britain 2020" => "6.6 / 9.0 %",
        "France 2020" => "4.8 / 5.9 %",
        _ => "",
    }
}

/// The second study's policies on a list of this name.
///
/// # Errors
/// If a job lies outside of a series.
pub fn gaia(regions: &[Region], jobs: &[gaia::Job], list: &str) -> Result<String, CarbonError> {
    let mut rows = Vec::new();
    for policy in gaia::Policy::ALL {
        let cell = |(_, series): &Region| {
            let outcome = gaia::run(series, jobs, policy)?;
            let minutes = outcome.mean_wait_s() / 60;
            let (hours, hundredths) = (minutes / 60, minutes % 60 * 5 / 3);
            Ok(format!("{} / {hours}.{hundredths:02}", rest(&outcome.saving)))
        };
        let cells = regions.iter().map(cell).collect::<Result<Vec<String>, CarbonError>>()?;
        rows.push((policy, cells));
    }
    Ok(text(|out| {
        writeln!(out, "## GAIA's policies: {} jobs of {list}\n", jobs.len())?;
        writeln!(out, "Each cell: carbon against starting at once / mean wait in hours.\n")?;
        let names: Vec<&str> = regions.iter().map(|(name, _)| name.as_str()).collect();
        writeln!(out, "| policy | {} |", names.join(" | "))?;
        writeln!(out, "|---|{}", "---|".repeat(regions.len()))?;
        for (policy, cells) in &rows {
            writeln!(out, "| {policy:?} | {} |", cells.join(" | "))?;
        }
        writeln!(out)
    }))
}

/// What is left of 1 after the saving, with three digits.
fn rest(saving: &Saving) -> String {
    let left = 10_000_i64.saturating_sub(saving.basis_points()).saturating_add(5) / 10;
    format!("{}.{:03}", left / 1_000, left % 1_000)
}

fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    let written = write(&mut out);
    written.map_or_else(|_| String::from("the report could not be written\n"), |()| out)
}
