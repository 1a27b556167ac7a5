//! The page: what was run, the figures, the drawings, the racks, the checks, and what each figure means.

use super::{
    axis::{Axis, Unit},
    bars::Bars,
    curves::Charts,
    dots::Dots,
    heatmap,
    html::{colour, escaped},
    style::STYLE,
    tables,
};
use crate::twin::{
    number,
    results::{Context, OrganisationSummary, Outcome, SizeSummary, Summary},
};

/// The whole page.
#[must_use]
pub fn page(context: &Context<'_>, outcomes: &[Outcome]) -> String {
    let title = format!("{} with {}", context.fleet.name, context.jobs.file);
    let title = escaped(&title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Twin: {title}</title><style>{STYLE}</style></head>\n<body><main>\n"
    );
    page.push_str(&head(context, outcomes, &title));
    page.push_str("<h2>Figures</h2>\n");
    page.push_str(&tables::figures(outcomes));
    let longest = outcomes.iter().map(|one| one.summary.span_ms).max().unwrap_or(0);
    let end = longest.saturating_mul(1_000).max(1);
    page.push_str("<h2>Over time, and by job</h2>\n<div class=\"grid\">\n");
    page.push_str(&Charts { fleet: context.fleet, outcomes, end }.figures());
    page.push_str("</div>\n<h2>By size, and by organisation</h2>\n<div class=\"grid\">\n");
    page.push_str(&groups(outcomes));
    page.push_str("</div>\n<h2>Energy, money and carbon</h2>\n<div class=\"grid three\">\n");
    page.push_str(&sums(outcomes));
    page.push_str("</div>\n<h2>Racks</h2>\n<div class=\"grid\">\n");
    let racks = context.fleet.counts().racks;
    for outcome in outcomes {
        let policy = &outcome.summary.policy;
        page.push_str(&heatmap::figure_of(policy, &outcome.racks, racks, end));
    }
    page.push_str("</div>\n<h2>Checks</h2>\n");
    page.push_str(&tables::findings(outcomes));
    page.push_str(NOTES);
    page.push_str("</main></body></html>\n");
    page
}

fn head(context: &Context<'_>, outcomes: &[Outcome], title: &str) -> String {
    let is_clean = outcomes.iter().all(|outcome| outcome.findings.is_clean());
    let checks = if is_clean {
        "<span class=\"badge good\">every check holds</span>"
    } else {
        "<span class=\"badge bad\">checks failed: see below</span>"
    };
    let failures = if context.has_failures { "with failures" } else { "without failures" };
    let mut text = format!(
        "<h1>{title}</h1>\n<p><span class=\"badge\">simulated</span>{checks}<span class=\"sub\">seed {}, {failures}</span></p>\n<div class=\"facts\">",
        context.seed
    );
    let counts = context.fleet.counts();
    let jobs = context.jobs;
    let requests = number::count(jobs.requests.len());
    let mut facts = vec![
        ("GPUs", counts.gpus),
        ("superchips", counts.superchips),
        ("nodes (trays)", counts.nodes),
        ("racks", counts.racks),
        ("sites", counts.sites),
        ("jobs", requests),
        ("tenants", number::count(jobs.tenants.paths().len())),
        ("jobs left out", jobs.skipped),
        ("durations assumed", jobs.assumed),
        ("jobs rounded up", jobs.rounded),
    ];
    facts.retain(|(name, count)| *count > 0 || *name == "GPUs");
    for (name, count) in facts {
        let count = number::grouped(count);
        text.push_str(&format!("<div class=\"fact\"><b>{count}</b><span>{name}</span></div>"));
    }
    text.push_str("</div>\n<ul class=\"legend\">");
    for (policy, outcome) in outcomes.iter().enumerate() {
        text.push_str(&format!(
            "<li><svg viewBox=\"0 0 34 10\" aria-hidden=\"true\"><path class=\"curve {}\" d=\"M0 5H34\"/></svg>{}</li>",
            colour(policy),
            escaped(&outcome.summary.policy)
        ));
    }
    text.push_str("</ul>\n");
    text
}

/// Names, with a value for each policy that has one.
type Rows<'a> = Vec<(&'a str, Vec<Option<u64>>)>;

/// How classes of size and organisations are treated.
fn groups(outcomes: &[Outcome]) -> String {
    let Some(first) = outcomes.first() else { return String::new() };
    let sizes = || first.summary.by_size.iter().map(|one| one.size);
    let of_size = |value: fn(&SizeSummary) -> u64| {
        let of = move |summary: &Summary, size: &str| {
            summary.by_size.iter().find(|one| one.size == size).map(value)
        };
        rows(outcomes, sizes(), &of)
    };
    let names = || first.summary.by_organisation.iter().map(|one| one.organisation.as_str());
    let of_organisation = |value: fn(&OrganisationSummary) -> Option<u64>| {
        let of = move |summary: &Summary, name: &str| {
            let mut all = summary.by_organisation.iter();
            all.find(|one| one.organisation == name).and_then(value)
        };
        rows(outcomes, names(), &of)
    };
    let waits = of_size(|one| one.wait_ms.p90);
    let completions = of_size(|one| one.completion_ms.mean);
    let services = of_organisation(|one| one.service_ppm);
    let organisation_waits = of_organisation(|one| Some(one.wait_ms.mean));
    let durations = |rows: &Rows<'_>| {
        Axis::durations(rows.iter().flat_map(|(_, all)| all).flatten().copied().max().unwrap_or(0))
    };
    let whole = Axis::Linear { end: 1_000_000, unit: Unit::Percent };
    let policies: Vec<&str> = outcomes.iter().map(|one| one.summary.policy.as_str()).collect();
    let mut text = String::new();
    for (title, about, across, rows) in [
        (
            "Wait by size",
            "90th percentile of the time from submission to first start",
            durations(&waits),
            waits,
        ),
        (
            "Completion by size",
            "mean time from submission to end",
            durations(&completions),
            completions,
        ),
        (
            "Service by organisation",
            "GPU time got, of GPU time asked for while it asked; the largest first",
            whole,
            services,
        ),
        (
            "Wait by organisation",
            "mean time from submission to first start; the largest first",
            durations(&organisation_waits),
            organisation_waits,
        ),
    ] {
        let policies = policies.clone();
        text.push_str(&Dots { title, about, across, rows, policies }.figure());
    }
    text
}

fn rows<'a>(
    outcomes: &[Outcome],
    names: impl Iterator<Item = &'a str>,
    of: &dyn Fn(&Summary, &str) -> Option<u64>,
) -> Rows<'a> {
    let row = |name| (name, outcomes.iter().map(|one| of(&one.summary, name)).collect());
    names.map(row).collect()
}

fn sums(outcomes: &[Outcome]) -> String {
    let rows = |value: fn(&Summary) -> u64, text: fn(u64) -> String| {
        let row = |outcome: &'_ Outcome| {
            let value = value(&outcome.summary);
            (outcome.summary.policy.clone(), value, text(value))
        };
        outcomes.iter().map(row).collect::<Vec<_>>()
    };
    let mut all = String::new();
    for (title, about, rows) in [
        (
            "Energy",
            "facility energy over the run, modelled",
            rows(|s| s.energy.energy_milli_kwh, tables::energy),
        ),
        ("Electricity", "at the sites' prices", rows(|s| s.energy.cost_milli_eur, tables::euro)),
        ("Carbon", "at the sites' intensities", rows(|s| s.energy.carbon_milli_g, tables::carbon)),
        (
            "Charged for GPUs",
            "at the fleet's GPU prices",
            rows(|s| s.charged_milli_eur, tables::euro),
        ),
    ] {
        if rows.iter().all(|(_, value, _)| *value == 0) {
            continue;
        }
        let rows = rows.iter().map(|(name, value, text)| (name.as_str(), *value, text.clone()));
        all.push_str(&Bars { title, about, rows: rows.collect() }.figure());
    }
    all
}

/// What each figure means, for who reads only this page.
const NOTES: &str = "<h2>What the figures mean</h2>
<dl class=\"card notes\">
<dt>Everything here is simulated</dt><dd>Power, energy, money and carbon are modelled from the fleet file: idle and busy power of GPUs and nodes, PUE, prices and intensities.</dd>
<dt>Waits</dt><dd>are of jobs that started, but for the longest one, which counts those that still wait at the end. Completion times are of jobs that ended.</dd>
<dt>Quantiles</dt><dd>are at most 3.2 % above the exact ones; means and largest values are exact.</dd>
<dt>Fragmentation</dt><dd>Free GPUs that a job drawn from this workload could not use (too few on a node, or trays left over after whole segments), as a share of all GPUs, averaged over the 32 most frequent kinds of job.</dd>
<dt>Service and Jain's index</dt><dd>GPU time that an organisation got over GPU time that it asked for while it asked. Jain's index is 1 if all got the same share.</dd>
<dt>Finish-time fairness</dt><dd>Completion time over run time times the mean contention (GPUs asked for over GPUs that work, at least 1) from submission to end. 1 is a fair share, more is worse.</dd>
<dt>Lost work</dt><dd>What ran after the last checkpoint before a preemption or failure, and runs again.</dd>
</dl>
";
