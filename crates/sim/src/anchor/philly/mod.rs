//! Philly's jobs (Microsoft, 2017) in private clusters and in one pool: FIFO and SJF by the rules of
//! the Helios artifact (SC 2021), and our policy for a pool that tenants share.
//!
//! Must keep the placement rules of the experiment for every policy, and must compare only with
//! values from the file. Ours is told no duration and stops no job.

mod head;
mod job;
mod list;
mod pool;
mod published;
mod report;
mod share;

pub use job::Sums;
pub use published::{Published, Tenant};
pub use report::{Order, Pool, Private, Report, Share, Whole};

pub use super::rows::Error;

use std::path::PathBuf;

use head::Head;
use job::{Job, NODE_GPUS, Waits, numbered};
use list::List;
use share::Guarantees;

use crate::Rng;

/// Name of the list in its folder, without `.gz`.
pub const LIST: &str = "philly_jobs.csv";

/// Largest pool that is simulated.
const POOL_NODES_MAX: u32 = 100_000;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder with `philly_jobs.csv` or `philly_jobs.csv.gz`.
    pub traces: PathBuf,
    /// Sizes of the pool in nodes of eight GPUs. Empty for private clusters only.
    pub pools: Vec<u32>,
    /// How many other orders of the jobs that arrive in one second to try in each pool.
    pub orders: u64,
    /// Nodes on which the whole list is run, window or not; 0 to leave it out.
    pub whole_nodes: u32,
    /// A clock in nanoseconds from any start, for the times in the report; this crate has none.
    pub clock_ns: Option<fn() -> u64>,
}

impl Options {
    /// The published experiment: pools of 88, 80 and 72 nodes, and the whole list on 88.
    #[must_use]
    pub fn published(traces: PathBuf) -> Self {
        Self { traces, pools: vec![88, 80, 72], orders: 10, whole_nodes: 88, clock_ns: None }
    }
}

/// Runs the experiment.
///
/// # Errors
/// [`Error`] if the list is missing, cut off, has a value out of range, or no job of the window.
pub fn run(options: &Options) -> Result<Report, Error> {
    let tenants = published::tenants()?;
    let path = options.traces.join(LIST);
    let now_ns = || options.clock_ns.map_or(0, |clock| clock());
    let start_ns = now_ns();
    let list = list::read(&path, &tenants)?;
    let read_ns = now_ns().saturating_sub(start_ns);
    let window = list.window(&tenants);
    if window.is_empty() {
        let what = "of a known virtual cluster in October and November 2017";
        return Err(Error::Empty { path, what });
    }
    let experiment = Experiment { options, tenants: &tenants, window: &window };
    let pools =
        options.pools.iter().map(|nodes| experiment.pool((*nodes).clamp(1, POOL_NODES_MAX)));
    Ok(Report {
        read_ns,
        jobs: window.len(),
        private: experiment.private(),
        pools: pools.collect(),
        whole: experiment.whole(&list),
        published: published::all()?,
    })
}

struct Experiment<'a> {
    options: &'a Options,
    tenants: &'a [Tenant],
    window: &'a [Job],
}

impl Experiment<'_> {
    fn now_ns(&self) -> u64 {
        self.options.clock_ns.map_or(0, |clock| clock())
    }

    /// Each virtual cluster that has jobs alone, with the nodes it had, under FIFO.
    fn private(&self) -> Vec<Private> {
        let mut private = Vec::new();
        for (number, tenant) in (0..).zip(self.tenants) {
            let jobs = fitting(self.window, tenant.nodes, |job| job.tenant == number);
            if !jobs.is_empty() {
                let sums = head::simulate(&jobs, tenant.nodes, Head::Fifo).sums(&jobs, |_| true);
                private.push(Private { tenant: tenant.clone(), sums });
            }
        }
        private
    }

    fn pool(&self, nodes: u32) -> Pool {
        let jobs = fitting(self.window, nodes, |_| true);
        let sums = |jobs: &[Job], head| head::simulate(jobs, nodes, head).sums(jobs, |_| true);
        let (fifo, sjf) = (sums(&jobs, Head::Fifo), sums(&jobs, Head::ShortestJob));
        let start_ns = self.now_ns();
        let (ours, waits) = self.shared(&jobs, nodes);
        let took_ns = self.now_ns().saturating_sub(start_ns);
        let shares = self.shares(&jobs, nodes, &waits);
        let orders = (0..self.options.orders).map(|seed| {
            let jobs = reordered(&jobs, seed);
            let (ours, waits) = self.shared(&jobs, nodes);
            let shares = self.shares(&jobs, nodes, &waits);
            Order {
                fifo_wait_cs: sums(&jobs, Head::Fifo).mean_wait_cs(),
                ours_wait_cs: ours.mean_wait_cs(),
                losers: shares.iter().filter(|share| !share.gains()).count(),
            }
        });
        Pool { nodes, fifo, sjf, orders: orders.collect(), ours, took_ns, shares }
    }

    /// Ours on a pool.
    fn shared(&self, jobs: &[Job], nodes: u32) -> (Sums, Waits) {
        let guarantees = guarantees(&published::quotas(self.tenants, nodes));
        let waits = share::simulate(jobs, nodes, &guarantees);
        (waits.sums(jobs, |_| true), waits)
    }

    /// What each tenant had of a pool, and what it would have had alone.
    fn shares(&self, jobs: &[Job], nodes: u32, waits: &Waits) -> Vec<Share> {
        let mut shares = Vec::new();
        let quotas = published::quotas(self.tenants, nodes);
        for ((number, tenant), quota_nodes) in (0..).zip(self.tenants).zip(quotas) {
            let quota_gpus = quota_nodes * NODE_GPUS;
            let alone = fitting(jobs, quota_nodes, |job| job.tenant == number);
            let guarantee = Guarantees::from([(number, quota_gpus)]);
            let private = share::simulate(&alone, quota_nodes, &guarantee);
            let fits = |job: &Job| job.tenant == number && job.gpus <= quota_gpus;
            shares.push(Share {
                name: tenant.name.clone(),
                quota_nodes,
                jobs: waits.sums(jobs, |job| job.tenant == number).jobs,
                shared: waits.sums(jobs, fits),
                private: private.sums(&alone, |_| true),
                private_fifo: head::simulate(&alone, quota_nodes, Head::Fifo)
                    .sums(&alone, |_| true),
            });
        }
        shares
    }

    /// All jobs of the list under ours; virtual clusters that the table lacks can only borrow.
    fn whole(&self, list: &List) -> Option<Whole> {
        let nodes = self.options.whole_nodes.min(POOL_NODES_MAX);
        if nodes == 0 {
            return None;
        }
        let jobs = fitting(&list.jobs, nodes, |_| true);
        let start_ns = self.now_ns();
        let (sums, _) = self.shared(&jobs, nodes);
        let took_ns = self.now_ns().saturating_sub(start_ns);
        Some(Whole { nodes, sums, took_ns })
    }
}

/// Those jobs that a cluster of so many nodes could ever run, and a condition picks.
fn fitting(jobs: &[Job], nodes: u32, picks: impl Fn(&Job) -> bool) -> Vec<Job> {
    let gpus = nodes * NODE_GPUS;
    numbered(jobs.iter().filter(|job| job.gpus <= gpus && picks(job)).copied())
}

fn guarantees(quotas: &[u32]) -> Guarantees {
    (0..).zip(quotas.iter().map(|nodes| nodes * NODE_GPUS)).collect()
}

/// The same jobs with those of each second in another order.
fn reordered(jobs: &[Job], seed: u64) -> Vec<Job> {
    let mut random = Rng::new(seed);
    let mut jobs: Vec<(u64, u64, Job)> =
        jobs.iter().map(|job| (job.submitted_s, random.next_u64(), *job)).collect();
    jobs.sort_unstable_by_key(|(submitted_s, draw, job)| (*submitted_s, *draw, job.position));
    numbered(jobs.into_iter().map(|(_, _, job)| job))
}

#[cfg(test)]
mod tests;
