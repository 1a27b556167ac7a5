//! `bench muri`: deep-learning jobs on 64 GPUs, under the published policies and under ours.

use sim::anchor::muri::{self, Options};

use super::anchor::{self, Traces, Wanted};
use crate::cli::{exit::Exit, failure::Failure, interrupt, session::Session};

/// Any list will do; this is the first.
const LIST: Wanted = Wanted {
    file: "trace1.csv",
    what: "a list of deep-learning jobs (one of `trace1.csv` to `trace4_pr.csv`)",
    source: "https://github.com/Rivendile/Muri, `simulator/trace-data`",
};
/// The lists of the experiment.
const LISTS: [&str; 8] =
    ["trace1", "trace2", "trace3", "trace4", "trace1_pr", "trace2_pr", "trace3_pr", "trace4_pr"];

/// Deep-learning jobs under SRTF, SRSF, Tiresias and ours (Muri, SIGCOMM 2022)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench muri --traces DIR
  cocarde bench muri --traces DIR trace3 trace3_pr -o json

The folder holds `trace1.csv`, `trace1_pr.csv` and so on, packed with gzip or not. They are public:
https://github.com/Rivendile/Muri, `simulator/trace-data` (Apache-2.0).")]
pub(crate) struct MuriArgs {
    #[command(flatten)]
    traces: Traces,
    /// Lists by name; all published ones that the folder has if absent
    lists: Vec<String>,
}

/// Runs the verb.
pub(super) fn run(args: MuriArgs, session: &Session) -> Result<Exit, Failure> {
    interrupt::exit_on_interrupt();
    let folder = args.traces.traces;
    let is_there = |list: &str| {
        ["csv", "csv.gz"].iter().any(|end| folder.join(format!("{list}.{end}")).is_file())
    };
    if args.lists.is_empty() && !LISTS.iter().any(|list| is_there(list)) {
        LIST.require(&folder)?;
    }
    if let Some(list) = args.lists.iter().find(|list| !is_there(list)) {
        let message =
            format!("`{}` has no list `{list}.csv` and no `{list}.csv.gz`", folder.display());
        let remedy = format!("fetch it from {}", LIST.source);
        return Err(Failure::new(Exit::NotFound, message).remedy(remedy));
    }
    let clock_ns = Some(anchor::nanoseconds as fn() -> u64);
    let options = Options { traces: folder, lists: args.lists, clock_ns };
    let report = muri::run(&options).map_err(|error| LIST.unusable(error))?;
    anchor::show(session, &report.markdown())
}
