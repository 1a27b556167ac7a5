//! The whole experiment: all lists, all policies, all seeds.
//!
//! Must read what it compares with; what it prints is in `report`.

use std::ops::Range;
use std::path::{Path, PathBuf};

use sched::frag::Policy;

use super::original::Constants;
use super::published::PERCENT_MAX;
use super::row::{Comparison, FRAGMENTS_AT, PERCENTS};
use super::{
    Cluster, Derivation, Error, Kind, Pass, PodList, Published, Report, Row, Shares, arrivals,
    derive, pass, read_nodes, read_pods, read_published, scheduled,
};

/// The policies and their published names; the last one is ours.
pub const POLICIES: [(&str, Policy); 7] = [
    ("Random", Policy::Random { seed: 0 }),
    ("DotProd", Policy::DotProduct),
    ("GpuClustering", Policy::Clustering),
    ("GpuPacking", Policy::Packing),
    ("BestFit", Policy::BestFit),
    ("FGD", Policy::Fgd),
    ("Worth", Policy::Worth),
];

/// The platform's scheduler, with shares that hold a whole GPU and with shares as they are.
pub(super) const SCHEDULED: [(&str, Shares); 2] =
    [("Platform, shares whole", Shares::Whole), ("Platform", Shares::Packed)];

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder with `openb_node_list_gpu_node.csv`, `openb_pod_list_*.csv` and, to compare with,
    /// `fgd_published_allo_discrete.csv`; each may end with `.gz`.
    pub traces: PathBuf,
    /// Lists by name, such as `default`; none means all in the folder.
    pub lists: Vec<String>,
    /// Seeds; the published ones are 42 to 51.
    pub seeds: Range<u32>,
    /// How often each seed is repeated for the random policy, whose choices in the artifact depend
    /// on the order in which its threads finish and cannot be repeated; their mean can.
    pub random_streams: u32,
    /// Also run FGD and ours on lists that were not published ([`Derivation::ALL`]).
    pub derived: bool,
    /// Nanoseconds of any clock, for the time that a pass takes; none, no times.
    pub clock_ns: Option<fn() -> u64>,
}

impl Options {
    /// Everything in this folder, as published.
    #[must_use]
    pub fn published(traces: PathBuf) -> Self {
        let (lists, derived, clock_ns) = (Vec::new(), true, None);
        Self { traces, lists, seeds: 42..52, random_streams: 8, derived, clock_ns }
    }
}

/// Runs it.
///
/// # Errors
/// [`Error`] if a file is missing or malformed, or a list asks for nothing.
pub fn run(options: &Options) -> Result<Report, Error> {
    let cluster = read_nodes(&options.traces.join("openb_node_list_gpu_node.csv"))?;
    let published = options.traces.join("fgd_published_allo_discrete.csv");
    let there = published.is_file() || published.with_extension("csv.gz").is_file();
    let published = if there { read_published(&published)? } else { Published::default() };
    let experiment = Experiment { options, cluster, published, constants: Constants::compute() };
    let mut report = Report::default();
    let names =
        if options.lists.is_empty() { names(&options.traces)? } else { options.lists.clone() };
    for name in &names {
        let list = experiment.read(name)?;
        for (policy, kind) in POLICIES {
            report.rows.push(experiment.row(&list, policy, kind, false)?);
        }
        for (policy, shares) in SCHEDULED {
            report.rows.push(experiment.scheduled(&list, policy, shares)?);
        }
    }
    if options.derived {
        let (default, constrained) = (experiment.read("default")?, experiment.read("gpuspec20")?);
        for derivation in Derivation::ALL {
            let list = derive(derivation, &default, &constrained);
            for (policy, kind) in POLICIES.into_iter().skip(POLICIES.len() - 2) {
                report.rows.push(experiment.row(&list, policy, kind, true)?);
            }
        }
    }
    Ok(report)
}

/// Names of all pod lists of a folder, sorted.
fn names(traces: &Path) -> Result<Vec<String>, Error> {
    let unreadable =
        |why: std::io::Error| Error::Unreadable { path: traces.into(), why: why.to_string() };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(traces).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.file_name();
        let file = file.to_string_lossy();
        let stem = file.strip_suffix(".gz").unwrap_or(&file);
        let name = stem.strip_prefix("openb_pod_list_").and_then(|rest| rest.strip_suffix(".csv"));
        names.extend(name.map(str::to_owned));
    }
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { Err(Error::NoSuchList("default".to_owned())) } else { Ok(names) }
}

struct Experiment<'a> {
    options: &'a Options,
    cluster: Cluster,
    published: Published,
    constants: Constants,
}

impl Experiment<'_> {
    fn read(&self, name: &str) -> Result<PodList, Error> {
        let path = self.options.traces.join(format!("openb_pod_list_{name}.csv"));
        if !path.is_file() && !path.with_extension("csv.gz").is_file() {
            return Err(Error::NoSuchList(name.to_owned()));
        }
        read_pods(&path, name, &self.cluster)
    }

    /// One policy on one list, all seeds.
    fn row(
        &self,
        list: &PodList,
        name: &'static str,
        kind: Policy,
        derived: bool,
    ) -> Result<Row, Error> {
        let mix = list.mix();
        let mut row = Row::new(&list.name, name, derived);
        let mut passes: Vec<Pass> = Vec::new();
        for seed in self.options.seeds.clone() {
            let arrivals = arrivals(&self.cluster, list, seed, &self.constants)?;
            row.pods = row.pods.max(arrivals.needs.len());
            let streams =
                if let Policy::Random { .. } = kind { self.options.random_streams } else { 1 };
            for stream in 0..streams.max(1) {
                let before = self.options.clock_ns.map(|clock| clock());
                let policy = match kind {
                    Policy::Random { .. } => {
                        Policy::Random { seed: u64::from(seed) << 32 | u64::from(stream) }
                    }
                    other @ (Policy::DotProduct
                    | Policy::Clustering
                    | Policy::Packing
                    | Policy::BestFit
                    | Policy::Fgd
                    | Policy::Worth) => other,
                };
                passes.push(pass(&arrivals, &mix, policy));
                if let (Some(before), Some(clock)) = (before, self.options.clock_ns) {
                    row.pass_ns.push(clock().saturating_sub(before));
                }
            }
            if let Some(run) = self.published.run(&list.name, name, seed) {
                row.published.push(run.to_vec());
                let ours = passes.last().filter(|_| streams == 1);
                row.compared.extend(ours.map(|pass| compare(pass, run)));
            }
        }
        Ok(summed(row, &passes))
    }

    /// The platform's scheduler on one list, all seeds.
    fn scheduled(&self, list: &PodList, name: &'static str, shares: Shares) -> Result<Row, Error> {
        let mut row = Row::new(&list.name, name, false);
        let mut passes: Vec<Pass> = Vec::new();
        for seed in self.options.seeds.clone() {
            let arrivals = arrivals(&self.cluster, list, seed, &self.constants)?;
            row.pods = row.pods.max(arrivals.needs.len());
            let before = self.options.clock_ns.map(|clock| clock());
            passes.push(scheduled(&arrivals, shares));
            if let (Some(before), Some(clock)) = (before, self.options.clock_ns) {
                row.pass_ns.push(clock().saturating_sub(before));
            }
        }
        Ok(summed(row, &passes))
    }
}

/// The figures of all passes together.
fn summed(mut row: Row, passes: &[Pass]) -> Row {
    row.allocated = PERCENTS.map(|at| mean(passes, |pass| pass.allocated(at)));
    row.fragments = FRAGMENTS_AT.map(|at| mean(passes, |pass| pass.fragments(at)));
    for (at, sum) in row.dropped.iter_mut().enumerate().take(Kind::ALL.len()) {
        for pass in passes {
            let (arrived, dropped) = pass.dropped.get(at).copied().unwrap_or_default();
            *sum = (sum.0 + u64::from(arrived), sum.1 + u64::from(dropped));
        }
    }
    row
}

fn mean(passes: &[Pass], figure: impl Fn(&Pass) -> Option<i64>) -> Option<i64> {
    let figures: Vec<i64> = passes.iter().filter_map(figure).collect();
    let many = i64::try_from(figures.len()).ok().filter(|many| *many > 0)?;
    Some((figures.iter().sum::<i64>() * 2 + many).div_euclid(2 * many))
}

/// How far one run is from the published one, over every percent that both have.
fn compare(pass: &Pass, run: &[Option<i64>]) -> Comparison {
    let both = (0..=PERCENT_MAX).filter_map(|at| {
        let published = run.get(at).copied().flatten()?;
        Some((pass.allocated(at)? - published).unsigned_abs())
    });
    let mut comparison = Comparison::default();
    for off in both {
        comparison.cells += 1;
        comparison.near += u32::from(off <= 10);
        comparison.farthest = comparison.farthest.max(off);
    }
    comparison
}
