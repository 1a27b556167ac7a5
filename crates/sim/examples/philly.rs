//! Runs the Philly experiment on a folder with its list and prints the tables as Markdown.
//!
//! `cargo run --release -p sim --example philly -- FOLDER [orders=N] [NODES…]`; see `docs/benchmarks/philly.md`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use sim::anchor::philly::{LIST, Options, run};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .ok_or_else(|| io::Error::other(format!("which folder has `{LIST}`? give it first")))?;
    let mut options = Options::published(PathBuf::from(folder));
    let mut pools = Vec::new();
    for argument in arguments {
        match argument.strip_prefix("orders=") {
            Some(orders) => options.orders = orders.parse().map_err(io::Error::other)?,
            None => pools.push(argument.parse().map_err(io::Error::other)?),
        }
    }
    if !pools.is_empty() {
        options.pools = pools;
    }
    options.clock_ns = Some(nanoseconds);
    let report = run(&options).map_err(io::Error::other)?;
    write!(io::stdout().lock(), "{}", report.markdown())
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example may look at the clock; the library may not"
)]
fn nanoseconds() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let passed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX)
}
