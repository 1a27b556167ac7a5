//! The twin on 36,000 GPUs with a generated list of jobs, as Markdown:
//!
//!     cargo run --release -p sim --example year -- [JOBS] [LOAD_PERCENT] [POLICY]...
//!
//! Everything it prints but the time it took is simulated.
#![expect(clippy::print_stdout, reason = "an example shows its result")]
#![expect(clippy::disallowed_methods, reason = "how long it took is shown and decides nothing")]
#![expect(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "an example may panic and divide"
)]

use std::time::Instant;

use sim::twin::{
    backend::Input,
    checkers::Bounds,
    fleet,
    generate::{self, Parameters},
    policies, run,
    workload::Assumptions,
};
use units::DurationMicros;

const FLEET: &str = include_str!("../../../examples/fleets/superchips-18000.toml");

fn main() {
    let mut args = std::env::args().skip(1);
    let jobs: u64 = args.next().map_or(1_000_000, |text| text.parse().unwrap());
    let load: u32 = args.next().map_or(70, |text| text.parse().unwrap());
    let names: Vec<String> = args.collect();
    let names = if names.is_empty() { vec!["cocarde".to_owned()] } else { names };
    let no_files = |path: &str| Err(std::io::Error::other(format!("`{path}` is not read here")));
    let fleet = fleet::parse("superchips-18000.toml", FLEET, &no_files).unwrap();
    let horizon = DurationMicros::from_secs(365 * 86_400 * jobs / 1_000_000);
    let parameters = Parameters { jobs, load_milli: load * 10, horizon, seed: 1 };
    let started = Instant::now();
    let generated = generate::generate(&fleet, &parameters).unwrap();
    let prepared = generated.workload.prepare(&fleet, &Assumptions::default()).unwrap();
    println!("{jobs} jobs, load {} ‰, made in {:.1?}", generated.load_milli, started.elapsed());
    for name in names {
        let mut backend = policies::named(&name).unwrap();
        let input =
            Input { fleet: &fleet, jobs: &prepared, seed: 1, has_failures: true, horizon: None };
        let started = Instant::now();
        let mut rows = std::io::sink();
        let bounds = Bounds { power_grace: None, wait_max: None };
        let outcome = run::run(backend.as_mut(), &input, bounds, &mut rows, &mut |_| true).unwrap();
        let took = started.elapsed();
        println!("{name}: {took:.1?}, {:.0} jobs/s", jobs as f64 / took.as_secs_f64());
        println!("{:#?}", outcome.summary);
        println!("{:?}", outcome.findings);
    }
}
