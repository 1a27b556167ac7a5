//! Results: exact where they say so, bounded where they must be, and the same bytes every time.

mod figures;
mod parts;

use std::path::PathBuf;

use super::{
    CDF_HEADER, Context, JOBS_HEADER, Outcome, SERIES_HEADER, cdf_rows, report, results_json,
    series_rows,
};
use crate::twin::{
    backend::Input,
    checkers::Bounds,
    first_fit::FirstFit,
    fleet::Fleet,
    generate::{Parameters, example, generate},
    run::run,
    workload::{Assumptions, Prepared},
};

/// A run of a policy with its table of jobs.
pub(super) fn measured(fleet: &Fleet, jobs: &Prepared, mut policy: FirstFit) -> (Outcome, String) {
    let mut rows = Vec::new();
    let (seed, has_failures, horizon) = (3, true, None);
    let input = Input { fleet, jobs, seed, has_failures, horizon };
    let outcome = run(&mut policy, &input, Bounds::default(), &mut rows, &mut |_| true).unwrap();
    (outcome, String::from_utf8(rows).unwrap())
}

/// The files of a small comparison: results, jobs, series, distributions, report.
fn files() -> [String; 5] {
    let fleet = example("laptop");
    let horizon = units::DurationMicros(3 * crate::twin::DAY_MICROS);
    let parameters = Parameters { jobs: 60, load_milli: 950, horizon, seed: 11 };
    let workload = generate(&fleet, &parameters).unwrap().workload;
    let assumptions = Assumptions::default();
    let jobs = workload.prepare(&fleet, &assumptions).unwrap();
    let mut rows = JOBS_HEADER.to_owned();
    let mut series = SERIES_HEADER.as_bytes().to_vec();
    let mut cdf = CDF_HEADER.as_bytes().to_vec();
    let mut outcomes = Vec::new();
    for policy in [FirstFit::in_order(), FirstFit::skipping()] {
        let (outcome, text) = measured(&fleet, &jobs, policy);
        rows.push_str(&text);
        series_rows(&outcome, &mut series).unwrap();
        cdf_rows(&outcome, &mut cdf).unwrap();
        outcomes.push(outcome);
    }
    let (seed, has_failures) = (3, true);
    let (fleet, jobs, assumptions) = (&fleet, &jobs, &assumptions);
    let context = Context { fleet, jobs, assumptions, seed, has_failures };
    let results = results_json(&context, &outcomes);
    let [series, cdf] = [series, cdf].map(|bytes| String::from_utf8(bytes).unwrap());
    [results, rows, series, cdf, report::page(&context, &outcomes)]
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/twin/golden")).join(name)
}

/// `UPDATE_GOLDEN=1 cargo test -p sim twin` writes them anew, after a change that is meant.
#[test]
fn the_files_of_a_small_comparison_are_those_that_are_kept() {
    let names = ["results.json", "jobs.csv", "series.csv", "cdf.csv", "report.html"];
    for (name, mut text) in names.into_iter().zip(files()) {
        if name == "series.csv" || name == "cdf.csv" {
            // The first rows of many: enough to see a change of its columns or its steps.
            text = text.split_inclusive('\n').take(60).collect();
        }
        let path = golden(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| !value.is_empty()) {
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept == text, "`{name}` differs from the one that is kept");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    assert_eq!(files(), files());
}

#[test]
fn the_report_needs_nothing_else_and_escapes_what_it_is_given() {
    let [_, _, _, _, page] = files();
    for foreign in ["http://", "https://", "<script", "@import", "url(", "src="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for tag in ["figure", "svg", "table", "main", "dl", "ul"] {
        let opened = page.matches(&format!("<{tag}")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    let fleet = example("laptop");
    let text = "job,tenant,submit_s,duration_s\na,<b>&\"x\",0,10\n";
    let mut jobs = crate::twin::first_fit::tests::jobs_of(&fleet, text);
    jobs.file = "<script>alert(1)</script>".to_owned();
    let (outcome, _) = measured(&fleet, &jobs, FirstFit::in_order());
    let assumptions = Assumptions::default();
    let (fleet, jobs, assumptions) = (&fleet, &jobs, &assumptions);
    let context = Context { fleet, jobs, assumptions, seed: 1, has_failures: false };
    let page = report::page(&context, &[outcome]);
    assert!(!page.contains("<script") && !page.contains("<b>&"), "escaped");
    assert!(page.contains("&lt;b&gt;&amp;&quot;x&quot;"), "the tenant is shown");
}
