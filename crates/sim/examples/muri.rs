//! Runs Muri's experiment on a folder with its lists and prints the tables as Markdown.
//!
//! `cargo run --release -p sim --example muri -- FOLDER [LIST…]`; see `docs/benchmarks/muri.md`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use sim::anchor::muri::{Options, run};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or_else(|| {
        io::Error::other("which folder has the lists `trace1.csv` and so on? give it first")
    })?;
    let options = Options {
        traces: PathBuf::from(folder),
        lists: arguments.collect(),
        clock_ns: Some(nanoseconds),
    };
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
