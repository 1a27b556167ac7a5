//! Kueue's scheduler performance tests without the control plane, as Markdown.
//!
//!     cargo run --release -p sim --example kueue
#![expect(clippy::print_stdout, reason = "an example shows its result")]
#![expect(clippy::disallowed_methods, reason = "how long it took is shown and decides nothing")]

use std::time::Instant;

use sim::anchor::kueue::{
    Anywhere, Generator, Outcome, Place, Preemption, RackCount, lower_bound_ms, simulate,
};

/// Milliseconds as seconds with one digit.
fn seconds(milliseconds: u64) -> String {
    format!("{}.{}", milliseconds / 1_000, milliseconds % 1_000 / 100)
}

fn percent(milli: u64) -> String {
    format!("{}.{} %", milli / 10, milli % 10)
}

fn run(generator: &Generator, preemption: Preemption) -> (Outcome, u64) {
    let mut racks = RackCount::new(usize::try_from(generator.n_racks).unwrap_or(0), 64 * 96_000);
    let mut anywhere = Anywhere;
    let place: &mut dyn Place = if generator.n_racks > 0 { &mut racks } else { &mut anywhere };
    let start = Instant::now();
    let outcome = simulate(generator, preemption, place).expect("the files' quotas fit");
    (outcome, u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn main() {
    println!(
        "| file | workloads | queues | preemption | lower bound s | end s | end / bound | queue \
         usage | preempted | work lost | decisions | computed in ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut waits = Vec::new();
    for generator in Generator::all() {
        for preemption in [Preemption::Off, Preemption::AsConfigured] {
            let (outcome, took_ms) = run(&generator, preemption);
            let bound_ms = lower_bound_ms(&generator);
            let quota = generator.nominal_milli * u64::from(generator.n_queues());
            let lost = outcome.lost_milli_ms * 1_000 / outcome.used_milli_ms.max(1);
            let ratio = outcome.makespan_ms * 10_000 / bound_ms.max(1);
            println!(
                "| {} | {} | {} | {preemption:?} | {} | {} | {}.{:04} | {} | {} | {} | {} | \
                 {took_ms} |",
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
            );
            waits.push((generator.name, preemption, outcome));
        }
        let published = generator.published;
        println!(
            "| {} | | | Kueue, published | | {} | | {} | | | | |",
            generator.name,
            seconds(published.wall_ms),
            percent(published.usage_milli)
        );
    }
    println!("\n| file | class | preemption | mean wait ms | longest wait ms | preempted |");
    println!("|---|---|---|---|---|---|");
    for (name, preemption, outcome) in &waits {
        for (class, figures) in &outcome.classes {
            println!(
                "| {name} | {class} | {preemption:?} | {} | {} | {} |",
                figures.wait_ms_mean(),
                figures.wait_ms_max,
                figures.n_preemptions
            );
        }
    }
    println!("\n| file | Kueue, published: mean wait s large / medium / small | source |");
    println!("|---|---|---|");
    for generator in Generator::all() {
        let [large, medium, small] = generator.published.wait_ms.map(seconds);
        let source = generator.published.source;
        println!("| {} | {large} / {medium} / {small} | {source} |", generator.name);
    }
}
