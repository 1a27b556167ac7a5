//! Sizes of the virtual clusters and reference values, from the files that the repository keeps.
//!
//! Must hold no figure of its own.

use std::path::Path;

use crate::anchor::rows::{Error, Field, Row, Rows};

const VALUES_FILE: &str = "fixtures/philly/published.csv";
const VALUES: &[u8] = include_bytes!("../../../../../fixtures/philly/published.csv");
const TENANTS_FILE: &str = "fixtures/philly/vcs.csv";
const TENANTS: &[u8] = include_bytes!("../../../../../fixtures/philly/vcs.csv");

/// Largest cluster of the experiment; a table that names a larger one is refused.
const NODES_MAX: u32 = 100_000;

/// A virtual cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its name in the list.
    pub name: String,
    /// Nodes it had.
    pub nodes: u32,
}

/// One policy on one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// A virtual cluster, or `pool` for all of the table together.
    pub cluster: String,
    /// Nodes of eight GPUs.
    pub nodes: u32,
    /// `FIFO` or `SJF`.
    pub policy: String,
    /// Mean time from submission to end, in hundredths of a second.
    pub completion_cs: u64,
    /// Mean wait, in hundredths of a second.
    pub wait_cs: u64,
}

/// The table of virtual clusters.
pub(super) fn tenants() -> Result<Vec<Tenant>, Error> {
    let rows = Rows::parse(Path::new(TENANTS_FILE), TENANTS)?;
    let (name, nodes) = (rows.field("vc")?, rows.field("nodes")?);
    let read = |row: Row<'_>| {
        let nodes = row.number(nodes, 1..=NODES_MAX, "must be a number of nodes")?;
        Ok(Tenant { name: row.text(name)?.to_owned(), nodes })
    };
    rows.iter().map(read).collect()
}

/// All reference values.
pub(super) fn all() -> Result<Vec<Published>, Error> {
    let rows = Rows::parse(Path::new(VALUES_FILE), VALUES)?;
    let (cluster, nodes, policy) =
        (rows.field("cluster")?, rows.field("nodes")?, rows.field("policy")?);
    let (completion, wait) = (rows.field("average_jct_s")?, rows.field("average_queue_s")?);
    let read = |row: Row<'_>| {
        Ok(Published {
            cluster: row.text(cluster)?.to_owned(),
            nodes: row.number(nodes, 1..=NODES_MAX, "must be a number of nodes")?,
            policy: row.text(policy)?.to_owned(),
            completion_cs: hundredths(row, completion)?,
            wait_cs: hundredths(row, wait)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Seconds with two decimals.
fn hundredths(row: Row<'_>, field: Field) -> Result<u64, Error> {
    let text = row.text(field)?;
    let parts = text.split_once('.').filter(|(_, part)| part.len() == 2);
    let number = parts.and_then(|(whole, part)| format!("{whole}{part}").parse().ok());
    number.ok_or_else(|| row.wrong(field, text, "must be seconds with two decimals"))
}

/// Whole nodes of a pool for each tenant in proportion to its cluster, by largest remainders; the
/// earlier tenant of two equal ones gets the node.
pub(super) fn quotas(tenants: &[Tenant], nodes: u32) -> Vec<u32> {
    let all: u64 = tenants.iter().map(|tenant| u64::from(tenant.nodes)).sum::<u64>().max(1);
    let share = |tenant: &Tenant| u64::from(tenant.nodes) * u64::from(nodes);
    let whole = |tenant: &Tenant| u32::try_from(share(tenant) / all).unwrap_or(nodes);
    let mut by_remainder: Vec<usize> = (0..tenants.len()).collect();
    by_remainder.sort_by_key(|at| {
        std::cmp::Reverse(tenants.get(*at).map_or(0, |tenant| share(tenant) % all))
    });
    let left = nodes.saturating_sub(tenants.iter().map(whole).sum());
    let left = usize::try_from(left).unwrap_or(0);
    let rounded_up = by_remainder.get(..left.min(by_remainder.len())).unwrap_or_default();
    let quota = |(at, tenant)| whole(tenant) + u32::from(rounded_up.contains(&at));
    tenants.iter().enumerate().map(quota).collect()
}
