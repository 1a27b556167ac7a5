//! The tables of the experiment as Markdown: ours beside what Kueue measured.
//!
//! Must label what is published, and must compute everything else.

use std::fmt::{self, Write};

use super::{Anywhere, Generator, Outcome, Place, Preemption, RackCount, lower_bound_ms, simulate};
use sched::share::TreeError;

/// One generator under one rule of preemption.
struct Run {
    generator: Generator,
    preemption: Preemption,
    outcome: Outcome,
    took_ms: u64,
}

/// Runs all generators, with and without preemption, and compares. `clock_ns` is a clock in
/// nanoseconds from any start, for the times in the report; this crate has none.
///
/// # Errors
/// If the quotas of a generator contradict each other.
pub fn report(clock_ns: Option<fn() -> u64>) -> Result<String, TreeError> {
    let now_ns = || clock_ns.map_or(0, |clock| clock());
    let mut runs = Vec::new();
    for generator in Generator::all() {
        for preemption in [Preemption::Off, Preemption::AsConfigured] {
            let n_racks = usize::try_from(generator.n_racks).unwrap_or(0);
            let mut racks = RackCount::new(n_racks, 64 * 96_000);
            let mut anywhere = Anywhere;
            let place: &mut dyn Place = if n_racks > 0 { &mut racks } else { &mut anywhere };
            let start_ns = now_ns();
            let outcome = simulate(&generator, preemption, place)?;
            let took_ms = now_ns().saturating_sub(start_ns) / 1_000_000;
            runs.push(Run { generator: generator.clone(), preemption, outcome, took_ms });
        }
    }
    let mut out = String::new();
    let written = ends(&mut out, &runs).and_then(|()| waits(&mut out, &runs));
    Ok(written.map_or_else(|_| String::from("the report could not be written\n"), |()| out))
}

fn ends(out: &mut String, runs: &[Run]) -> fmt::Result {
    writeln!(
        out,
        "| file | workloads | queues | preemption | lower bound s | end s | end / bound | queue \
         usage | preempted | work lost | decisions | computed in ms |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|---|---|")?;
    for run in runs {
        let Run { generator, preemption, outcome, took_ms } = run;
        let bound_ms = lower_bound_ms(generator);
        let quota = generator.nominal_milli.saturating_mul(u64::from(generator.n_queues()));
        let lost = outcome.lost_milli_ms.saturating_mul(1_000) / outcome.used_milli_ms.max(1);
        let ratio = outcome.makespan_ms.saturating_mul(10_000) / bound_ms.max(1);
        writeln!(
            out,
            "| {} | {} | {} | {preemption:?} | {} | {} | {}.{:04} | {} | {} | {} | {} | {took_ms} |",
            generator.name,
            generator.workloads().len(),
            generator.n_queues(),
            seconds(bound_ms),
            seconds(outcome.makespan_ms),
            ratio / 10_000,
            ratio % 10_000,
            percent(outcome.usage_milli(quota)),
            outcome.n_preemptions(),
            percent(lost),
            outcome.n_decisions,
        )?;
        if *preemption == Preemption::AsConfigured {
            writeln!(
                out,
                "| {} | | | Kueue, published | | {} | | {} | | | | |",
                generator.name,
                seconds(generator.published.wall_ms),
                percent(generator.published.usage_milli)
            )?;
        }
    }
    Ok(())
}

fn waits(out: &mut String, runs: &[Run]) -> fmt::Result {
    writeln!(out, "\n| file | class | preemption | mean wait ms | longest wait ms | preempted |")?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for Run { generator, preemption, outcome, .. } in runs {
        for (class, figures) in &outcome.classes {
            writeln!(
                out,
                "| {} | {class} | {preemption:?} | {} | {} | {} |",
                generator.name,
                figures.wait_ms_mean(),
                figures.wait_ms_max,
                figures.n_preemptions
            )?;
        }
    }
    writeln!(out, "\n| file | Kueue, published: mean wait s large / medium / small | source |")?;
    writeln!(out, "|---|---|---|")?;
    for run in runs.iter().filter(|run| run.preemption == Preemption::Off) {
        let [large, medium, small] = run.generator.published.wait_ms.map(seconds);
        let source = run.generator.published.source;
        writeln!(out, "| {} | {large} / {medium} / {small} | {source} |", run.generator.name)?;
    }
    Ok(())
}

/// Milliseconds as seconds with one digit.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{}", milliseconds / 1_000, milliseconds % 1_000 / 100)
}

fn percent(milli: u64) -> String {
    format!("{}.{} %", milli / 10, milli % 10)
}
