//! The tables of a comparison: one column for each policy, the best of each row marked.

use super::html::escaped;
use crate::twin::{
    number,
    results::{Outcome, Summary},
};

/// Which value of a row is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Best {
    Highest,
    Lowest,
    /// Not for comparing.
    None,
    /// Neither, and of no interest where all are zero.
    IfAny,
}

/// One row: its name, its value, and how that is written.
struct Row {
    name: &'static str,
    best: Best,
    value: fn(&Summary) -> u64,
    text: fn(u64) -> String,
}

const fn row(
    name: &'static str,
    best: Best,
    value: fn(&Summary) -> u64,
    text: fn(u64) -> String,
) -> Row {
    Row { name, best, value, text }
}

/// Rows below their headings.
const GROUPS: &[(&str, &[Row])] = &[
    (
        "Use",
        &[
            row("GPUs in use, of all installed", Best::Highest, |s| s.used_ppm, percent),
            row("GPUs in use, of those that work", Best::Highest, |s| s.occupancy_ppm, percent),
            row("GPUs in use less lost work", Best::Highest, |s| s.goodput_ppm, percent),
            row("Processor in use", Best::None, |s| s.cpu_used_ppm, percent),
            row("Fragmentation, mean", Best::Lowest, |s| s.fragmentation_ppm, percent),
            row("End of the last event", Best::Lowest, |s| s.span_ms, duration),
        ],
    ),
    (
        "Waiting",
        &[
            row("Jobs waiting, mean", Best::Lowest, |s| s.waiting_jobs_mean_milli, milli),
            row("Jobs waiting, most", Best::Lowest, |s| s.waiting_jobs_max, number::grouped),
            row("Wait, mean", Best::Lowest, |s| s.wait_ms.mean, duration),
            row("Wait, median", Best::Lowest, |s| s.wait_ms.p50, duration),
            row("Wait, 90th percentile", Best::Lowest, |s| s.wait_ms.p90, duration),
            row("Wait, 99th percentile", Best::Lowest, |s| s.wait_ms.p99, duration),
            row("Wait, longest, of all jobs", Best::Lowest, |s| s.longest_wait_ms, duration),
        ],
    ),
    (
        "Completion",
        &[
            row("Completion time, mean", Best::Lowest, |s| s.completion_ms.mean, duration),
            row("Completion time, median", Best::Lowest, |s| s.completion_ms.p50, duration),
            row(
                "Completion time, 99th percentile",
                Best::Lowest,
                |s| s.completion_ms.p99,
                duration,
            ),
            row("Jobs finished", Best::Highest, |s| s.jobs.finished, number::grouped),
            row("Jobs ended by their limit", Best::None, |s| s.jobs.timed_out, number::grouped),
            row("Jobs after their deadline", Best::Lowest, |s| s.jobs.late, number::grouped),
            row("Jobs left running or waiting", Best::Lowest, left, number::grouped),
            row("Preemptions", Best::Lowest, |s| s.preemptions.values().sum(), number::grouped),
        ],
    ),
    (
        "Fairness",
        &[
            row("Jain's index over organisations", Best::Highest, |s| s.jain_ppm, ratio_ppm),
            row(
                "Finish time over fair share, mean",
                Best::Lowest,
                |s| s.finish_times.milli.mean,
                milli_2,
            ),
            row(
                "Finish time over fair share, worst",
                Best::Lowest,
                |s| s.finish_times.milli.max,
                milli_2,
            ),
            row("Jobs above 1.05", Best::Lowest, |s| s.finish_times.unfair_ppm, percent),
        ],
    ),
    (
        "Energy and money (modelled)",
        &[
            row("Energy", Best::Lowest, |s| s.energy.energy_milli_kwh, energy),
            row("Electricity", Best::Lowest, |s| s.energy.cost_milli_eur, euro),
            row("Carbon", Best::Lowest, |s| s.energy.carbon_milli_g, carbon),
            row("Power, highest", Best::Lowest, |s| s.energy.peak_mw, power),
            row("Time above allowed power", Best::Lowest, over, duration),
            row("Charged for GPUs", Best::IfAny, |s| s.charged_milli_eur, euro),
        ],
    ),
];

const fn left(summary: &Summary) -> u64 {
    summary.jobs.running.saturating_add(summary.jobs.waiting)
}

const fn over(summary: &Summary) -> u64 {
    summary.energy.over_allowed_micros / 1_000
}

/// The table of figures.
pub(super) fn figures(outcomes: &[Outcome]) -> String {
    let mut table = String::from("<div class=\"card scroll\"><table><thead><tr><th></th>");
    for outcome in outcomes {
        table.push_str(&format!("<th>{}</th>", escaped(&outcome.summary.policy)));
    }
    table.push_str("</tr></thead><tbody>");
    let columns = outcomes.len().saturating_add(1);
    for (heading, rows) in GROUPS {
        table.push_str(&format!(
            "<tr class=\"group\"><td colspan=\"{columns}\">{heading}</td></tr>"
        ));
        for row in *rows {
            let values: Vec<u64> = outcomes.iter().map(|one| (row.value)(&one.summary)).collect();
            table.push_str(&cells(row, &values));
        }
    }
    table.push_str("</tbody></table></div>\n");
    table
}

fn cells(row: &Row, values: &[u64]) -> String {
    if row.best == Best::IfAny && values.iter().all(|value| *value == 0) {
        return String::new();
    }
    let (low, high) = (values.iter().min().copied(), values.iter().max().copied());
    let is_shown_alike = low.map(row.text) == high.map(row.text);
    let best = match row.best {
        // Where all look the same, or one is alone, none is better.
        _ if is_shown_alike => None,
        Best::Highest => high,
        Best::Lowest => low,
        Best::None | Best::IfAny => None,
    };
    let mut text = format!("<tr><td>{}</td>", row.name);
    for value in values {
        let class = if Some(*value) == best { " class=\"best\"" } else { "" };
        text.push_str(&format!("<td{class}>{}</td>", (row.text)(*value)));
    }
    text.push_str("</tr>");
    text
}

/// What checkers found, policy by policy.
pub(super) fn findings(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "<div class=\"card scroll\"><table><thead><tr><th>Policy</th><th>Events checked</th><th>Findings</th></tr></thead><tbody>",
    );
    for outcome in outcomes {
        let found = &outcome.findings;
        let verdict = if found.is_clean() {
            "<td class=\"best\">none</td>".to_owned()
        } else {
            let rules = found.by_rule.iter().map(|(rule, n)| format!("{} {n}", rule.as_str()));
            format!("<td class=\"bad\">{}</td>", rules.collect::<Vec<_>>().join(", "))
        };
        let (policy, events) = (escaped(&outcome.summary.policy), number::grouped(found.events));
        text.push_str(&format!("<tr><td>{policy}</td><td>{events}</td>{verdict}</tr>"));
        for finding in found.first.iter().take(5) {
            let message = escaped(&finding.to_string());
            text.push_str(&format!("<tr><td colspan=\"3\" class=\"sub\">{message}</td></tr>"));
        }
    }
    text.push_str("</tbody></table></div>\n");
    text
}

/// Millionths as percent with two decimals.
#[must_use]
pub fn percent(ppm: u64) -> String {
    format!("{}%", number::thousandths(ppm.saturating_add(5) / 10, 2))
}

/// Millionths as a ratio with three decimals.
#[must_use]
pub fn ratio_ppm(ppm: u64) -> String {
    number::thousandths(ppm.saturating_add(500) / 1_000, 3)
}

fn milli(value: u64) -> String {
    number::thousandths(value, 1)
}

fn milli_2(value: u64) -> String {
    number::thousandths(value, 2)
}

/// Two parts at most: `3 d 4 h`, `12 min 30 s`, `1.5 s`.
#[must_use]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match seconds {
        86_400.. => format!("{} d {hours} h", number::grouped(days)),
        3_600.. => format!("{hours} h {minutes} min"),
        60.. => format!("{minutes} min {} s", seconds % 60),
        _ => format!("{} s", number::thousandths(ms, 1)),
    }
}

/// Thousandths of a kilowatt-hour in the unit that fits.
#[must_use]
pub fn energy(milli_kwh: u64) -> String {
    match milli_kwh {
        1_000_000_000.. => format!("{} GWh", number::thousandths(milli_kwh / 1_000_000, 2)),
        1_000_000.. => format!("{} MWh", number::thousandths(milli_kwh / 1_000, 2)),
        1_000.. => format!("{} kWh", number::thousandths(milli_kwh, 2)),
        _ => format!("{milli_kwh} Wh"),
    }
}

/// Thousandths of a euro.
#[must_use]
pub fn euro(milli: u64) -> String {
    format!("{} EUR", number::thousandths(milli, if milli < 1_000_000 { 2 } else { 0 }))
}

/// Thousandths of a gram in the unit that fits.
#[must_use]
pub fn carbon(milli_g: u64) -> String {
    match milli_g {
        1_000_000_000.. => format!("{} tCO2e", number::thousandths(milli_g / 1_000_000, 2)),
        1_000_000.. => format!("{} kgCO2e", number::thousandths(milli_g / 1_000, 2)),
        _ => format!("{} gCO2e", number::thousandths(milli_g, 1)),
    }
}

fn power(mw: u64) -> String {
    super::axis::label(mw, mw, super::axis::Unit::Power)
}
