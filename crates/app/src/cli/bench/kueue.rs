//! `bench kueue`: Kueue's three generators, which need no list.

use super::anchor;
use crate::cli::{exit::Exit, failure::Failure, interrupt, session::Session};

/// Kueue's scheduler performance tests without a control plane
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench kueue
  cocarde bench kueue -o json

The workloads are those of the generator files of https://github.com/kubernetes-sigs/kueue,
`test/performance/scheduler/configs`; nothing needs to be fetched.")]
pub(crate) struct KueueArgs {}

/// Runs the verb.
pub(super) fn run(_: &KueueArgs, session: &Session) -> Result<Exit, Failure> {
    interrupt::exit_on_interrupt();
    let report = sim::anchor::kueue::report(Some(anchor::nanoseconds));
    let report = report.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    anchor::show(session, &report)
}
