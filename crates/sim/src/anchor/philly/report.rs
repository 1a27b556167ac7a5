//! The outcome of the experiment beside the reference values, as data and as Markdown.
//!
//! Must show what was run and what was published, and mark the two apart.

use std::fmt::Write;

use super::{Published, Sums, Tenant};

/// All that was run, and the reference values.
#[derive(Debug, Clone)]
pub struct Report {
    /// Nanoseconds that reading the list took, 0 without a clock.
    pub read_ns: u64,
    /// Jobs of the window.
    pub jobs: usize,
    /// Virtual clusters alone under FIFO.
    pub private: Vec<Private>,
    /// The pools.
    pub pools: Vec<Pool>,
    /// The whole list under ours.
    pub whole: Option<Whole>,
    /// Reference values.
    pub published: Vec<Published>,
}

/// A virtual cluster alone.
#[derive(Debug, Clone)]
pub struct Private {
    /// Which, with how many nodes.
    pub tenant: Tenant,
    /// What came out.
    pub sums: Sums,
}

/// One pool of all virtual clusters.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Nodes of eight GPUs.
    pub nodes: u32,
    /// FIFO, whose head blocks.
    pub fifo: Sums,
    /// SJF with exact durations, whose head blocks.
    pub sjf: Sums,
    /// The same with the jobs of each second in other orders.
    pub orders: Vec<Order>,
    /// Ours.
    pub ours: Sums,
    /// Nanoseconds that ours took, 0 without a clock.
    pub took_ns: u64,
    /// Ours by tenant.
    pub shares: Vec<Share>,
}

/// A pool with the jobs of each second in another order. Where a head blocks all others, who comes
/// first in a second decides days, so a figure of one order says little.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// FIFO's mean wait, in hundredths of a second.
    pub fifo_wait_cs: u64,
    /// Ours, in hundredths of a second.
    pub ours_wait_cs: u64,
    /// Tenants that wait longer in the pool than alone.
    pub losers: usize,
}

/// A tenant of the pool, and the same alone on the nodes of its quota.
#[derive(Debug, Clone)]
pub struct Share {
    /// The tenant.
    pub name: String,
    /// Nodes it is guaranteed.
    pub quota_nodes: u32,
    /// All its jobs.
    pub jobs: u64,
    /// In the pool, those of its jobs that its quota could run.
    pub shared: Sums,
    /// The same jobs alone, under the same policy.
    pub private: Sums,
    /// The same jobs alone, under FIFO, whose head blocks.
    pub private_fifo: Sums,
}

/// The whole list.
#[derive(Debug, Clone)]
pub struct Whole {
    /// Nodes of eight GPUs.
    pub nodes: u32,
    /// What came out.
    pub sums: Sums,
    /// Nanoseconds it took, 0 without a clock.
    pub took_ns: u64,
}

impl Share {
    /// Whether the tenant waits no longer in the pool than alone, under either policy.
    #[must_use]
    pub fn gains(&self) -> bool {
        let alone = self.private.mean_wait_cs().min(self.private_fifo.mean_wait_cs());
        self.shared.mean_wait_cs() <= alone
    }
}

impl Report {
    /// The reference values of a policy on a cluster.
    #[must_use]
    pub fn published(&self, cluster: &str, nodes: u32, policy: &str) -> Option<&Published> {
        let is =
            |one: &&Published| one.cluster == cluster && one.nodes == nodes && one.policy == policy;
        self.published.iter().find(is)
    }

    /// The tables.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("{} jobs in the window.\n\n", self.jobs);
        text.push_str(
            "| cluster | nodes | policy | mean JCT / wait s | reference | equal |\n\
             |---|---|---|---|---|---|\n",
        );
        for Private { tenant, sums } in &self.private {
            self.replica(&mut text, &tenant.name, tenant.nodes, "FIFO", sums);
        }
        for pool in &self.pools {
            self.replica(&mut text, "pool", pool.nodes, "FIFO", &pool.fifo);
            self.replica(&mut text, "pool", pool.nodes, "SJF", &pool.sjf);
        }
        self.orders(&mut text);
        self.ours(&mut text);
        self.shares(&mut text);
        if let Some(whole) = &self.whole {
            let _infallible = writeln!(
                text,
                "\nThe whole list, {} jobs on {} nodes under ours: mean wait {} s; simulated in {} ms, \
                 read in {} ms.",
                whole.sums.jobs,
                whole.nodes,
                seconds(whole.sums.mean_wait_cs()),
                whole.took_ns / 1_000_000,
                self.read_ns / 1_000_000,
            );
        }
        text
    }

    fn replica(&self, text: &mut String, cluster: &str, nodes: u32, policy: &str, sums: &Sums) {
        let (completion, wait) = (sums.mean_completion_cs(), sums.mean_wait_cs());
        let (reference, equal) = match self.published(cluster, nodes, policy) {
            None => ("none".to_owned(), ""),
            Some(one) => {
                let equal = one.completion_cs == completion && one.wait_cs == wait;
                let reference =
                    format!("{} / {}", seconds(one.completion_cs), seconds(one.wait_cs));
                (reference, if equal { "yes" } else { "**no**" })
            }
        };
        let ours = format!("{} / {}", seconds(completion), seconds(wait));
        let _infallible =
            writeln!(text, "| {cluster} | {nodes} | {policy} | {ours} | {reference} | {equal} |");
    }

    fn orders(&self, text: &mut String) {
        text.push_str(
            "\nThe jobs of each second in other orders: mean wait s, least / median / most.\n\n\
             | nodes | orders | FIFO | FIFO's reference | ours | tenants that lose, at most |\n\
             |---|---|---|---|---|---|\n",
        );
        for pool in &self.pools {
            let reference = self.published("pool", pool.nodes, "FIFO");
            let _infallible = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                pool.nodes,
                pool.orders.len(),
                spread(pool.orders.iter().map(|order| order.fifo_wait_cs)),
                reference.map_or_else(|| "none".to_owned(), |one| seconds(one.wait_cs)),
                spread(pool.orders.iter().map(|order| order.ours_wait_cs)),
                pool.orders.iter().map(|order| order.losers).max().unwrap_or(0),
            );
        }
    }

    fn ours(&self, text: &mut String) {
        text.push_str(
            "\n| nodes | ours: mean JCT / wait s | of SJF's wait | longest wait h | ms |\n\
             |---|---|---|---|---|\n",
        );
        for pool in &self.pools {
            let part = pool.ours.mean_wait_cs() * 1_000 / pool.sjf.mean_wait_cs().max(1);
            let _infallible = writeln!(
                text,
                "| {} | {} / {} | {}.{:03} | {} | {} |",
                pool.nodes,
                seconds(pool.ours.mean_completion_cs()),
                seconds(pool.ours.mean_wait_cs()),
                part / 1_000,
                part % 1_000,
                pool.ours.longest_s / 3_600,
                pool.took_ns / 1_000_000,
            );
        }
    }

    fn shares(&self, text: &mut String) {
        text.push_str(
            "\n| nodes | tenant | quota | jobs | that fit the quota | mean wait s: pool | alone | \
             alone, FIFO | no longer |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        for pool in &self.pools {
            for share in &pool.shares {
                let _infallible = writeln!(
                    text,
                    "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                    pool.nodes,
                    share.name,
                    share.quota_nodes,
                    share.jobs,
                    share.shared.jobs,
                    seconds(share.shared.mean_wait_cs()),
                    seconds(share.private.mean_wait_cs()),
                    seconds(share.private_fifo.mean_wait_cs()),
                    if share.gains() { "yes" } else { "**no**" },
                );
            }
        }
    }
}

fn spread(waits: impl Iterator<Item = u64>) -> String {
    let mut waits: Vec<u64> = waits.collect();
    waits.sort_unstable();
    let at = |position: usize| waits.get(position).map_or_else(String::new, |wait| seconds(*wait));
    let last = waits.len().saturating_sub(1);
    format!("{} / {} / {}", at(0), at(waits.len() / 2), at(last))
}

fn seconds(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
