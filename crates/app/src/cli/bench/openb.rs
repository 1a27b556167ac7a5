//! `bench openb`: pods that share GPUs, packed by the published policies and by ours.

use sim::anchor::openb::{self, Options};

use super::anchor::{self, Traces, Wanted};
use crate::cli::{exit::Exit, failure::Failure, interrupt, session::Session};

const NODES: Wanted = Wanted {
    file: "openb_node_list_gpu_node.csv",
    what: "the 1,213 nodes of the experiment",
    source: "https://github.com/hkust-adsl/kubernetes-scheduler-simulator, `data/csv`",
};

/// Shares of GPUs packed by six published policies and ours (FGD, USENIX ATC 2023)
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde bench openb --traces DIR
  cocarde bench openb --traces DIR default gpuspec33 --seeds 3

The folder holds `openb_node_list_gpu_node.csv`, lists `openb_pod_list_NAME.csv` and, to compare with,
`fgd_published_allo_discrete.csv`, packed with gzip or not. They are public:
https://github.com/hkust-adsl/kubernetes-scheduler-simulator, `data/csv` and
`experiments/analysis/expected_results`; the lists also at https://github.com/alibaba/clusterdata.")]
pub(crate) struct OpenbArgs {
    #[command(flatten)]
    traces: Traces,
    /// Lists by the middle of their file names; all in the folder and derived ones if absent
    lists: Vec<String>,
    /// Seeds, from 42; the published ones are ten
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,
}

/// Runs the verb.
pub(super) fn run(args: OpenbArgs, session: &Session) -> Result<Exit, Failure> {
    interrupt::exit_on_interrupt();
    NODES.require(&args.traces.traces)?;
    let published = Options::published(args.traces.traces);
    let first = published.seeds.start;
    let options = Options {
        derived: args.lists.is_empty(),
        lists: args.lists,
        seeds: first..first.saturating_add(args.seeds),
        clock_ns: Some(anchor::nanoseconds),
        ..published
    };
    let report = openb::run(&options).map_err(|error| NODES.unusable(error))?;
    anchor::show(session, &report.markdown())
}
