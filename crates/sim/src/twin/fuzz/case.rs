//! One case: a fleet, its jobs, and what neither of their files says.
//!
//! Fleet and jobs are made as text and read like anybody's, so that the readers are tried as well.

use std::collections::BTreeSet;

use units::DurationMicros;

use super::{fleet, jobs, possible};
use crate::{
    Rng,
    twin::{
        fleet::{Fleet, NodeIdx, parse},
        number,
        scheduled::{Entitled, Extras, Order, Terms},
        time::{SECOND_MICROS, Time},
        workload::{self, Assumptions, JobIdx, Prepared},
    },
};

/// What is run.
#[derive(Debug, Clone)]
pub struct Case {
    /// From this.
    pub seed: u64,
    /// The fleet's file.
    pub fleet_text: String,
    /// The list of jobs.
    pub jobs_text: String,
    /// The fleet.
    pub fleet: Fleet,
    /// Its jobs.
    pub jobs: Prepared,
    /// Terms, shares and orders.
    pub extras: Extras,
    /// Jobs that could ever run.
    pub possible: BTreeSet<JobIdx>,
}

/// Makes the case of a seed.
///
/// # Errors
/// A file that the twin's own readers refuse.
pub fn case(seed: u64) -> Result<Case, String> {
    let root = Rng::new(seed).child("fuzz");
    let wrong = |error: &dyn std::fmt::Display| format!("seed {seed}: {error}");
    let no_files = |path: &str| Err(std::io::Error::other(format!("`{path}` is not read here")));
    let plain = fleet::text(&mut root.child("fleet"));
    let bare = parse("fuzz.toml", &plain, &no_files).map_err(|error| wrong(&error))?;
    let jobs_text = jobs::text(&mut root.child("jobs"), &bare);
    let list = Box::new(std::io::Cursor::new(jobs_text.clone()));
    let list = workload::read("fuzz.csv", list, None).map_err(|error| wrong(&error))?;
    let prepared = list
        .prepare(&bare, &Assumptions { skip_impossible: true, ..Assumptions::default() })
        .map_err(|error| wrong(&error))?;
    let limits = limits(&mut root.child("limits"), &bare, &prepared);
    let fleet_text = format!("{plain}{limits}");
    let fleet = parse("fuzz.toml", &fleet_text, &no_files).map_err(|error| wrong(&error))?;
    let extras = extras(&root, &fleet, &prepared);
    let possible = possible::possible(&fleet, &prepared);
    Ok(Case { seed, fleet_text, jobs_text, fleet, jobs: prepared, extras, possible })
}

/// Quotas below which every job of the tenant still fits, one by one.
fn limits(rng: &mut Rng, fleet: &Fleet, jobs: &Prepared) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for tenant in ["org-1", "org-2/project-1"] {
        if rng.chance(50) {
            continue;
        }
        let of_tenant = jobs.requests.iter().filter(|request| {
            let path = jobs.tenants.path(request.tenant);
            path.strip_prefix(tenant).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        // Elastic work may start on its fewest nodes.
        let gpus = |nodes: u32, gpus: u32| u64::from(nodes).saturating_mul(u64::from(gpus));
        let largest = of_tenant.map(|request| gpus(request.nodes_min, request.gpus)).max();
        let most = largest.unwrap_or(1).saturating_add(rng.below(9)).max(1);
        for class in &fleet.classes {
            // A text takes everything.
            let _ = write!(
                text,
                "[[quota]]\ntenant = \"{tenant}\"\ngpus = {most}\ngpu = \"{}\"\n",
                class.name
            );
        }
    }
    text
}

fn extras(root: &Rng, fleet: &Fleet, jobs: &Prepared) -> Extras {
    let mut rng = root.child("terms");
    let mut extras = Extras::default();
    for (job, _) in jobs.jobs() {
        let guaranteed = if rng.chance(30) { rng.between(30, 7_200) } else { 0 };
        let terms = Terms {
            is_exclusive: rng.chance(15),
            is_preemptible: rng.chance(80),
            guaranteed: DurationMicros::from_secs(guaranteed),
        };
        extras.terms.insert(job, terms);
    }
    shares(&mut root.child("shares"), fleet, &mut extras);
    orders(&mut root.child("orders"), fleet, &mut extras);
    extras
}

/// What tenants deserve: nothing, or parts of a half of what there is of each class, within limits.
fn shares(rng: &mut Rng, fleet: &Fleet, extras: &mut Extras) {
    if rng.chance(30) {
        return;
    }
    for path in ["org-1", "org-2", "org-3"] {
        let mut deserved = Vec::new();
        for (class, name) in fleet.classes.iter().enumerate() {
            let of_class = |kind: &&crate::twin::fleet::Kind| {
                kind.class.is_some_and(|one| number::index(one.0) == class)
            };
            let kinds = fleet.nodes.iter().filter_map(|node| fleet.kind(node.kind));
            let gpus: u64 = kinds.filter(of_class).map(|kind| u64::from(kind.gpus)).sum();
            let limits = fleet.quotas.iter().filter(|quota| quota.tenant == path);
            let limits = limits.filter(|quota| quota.class == fleet.class_named(&name.name));
            let most = limits.map(|quota| quota.gpus).min().unwrap_or(u64::MAX);
            deserved.push(rng.below(gpus / 3 + 1).min(most));
        }
        let weight = rng.between_u32(0, 3);
        extras.shares.insert(path.to_owned(), Entitled { weight, deserved_gpus: deserved });
    }
}

/// Operators set nodes apart for some hours, and take all of it back in the end.
fn orders(rng: &mut Rng, fleet: &Fleet, extras: &mut Extras) {
    let nodes = number::small(number::count(fleet.nodes.len()));
    for _ in 0..rng.below(7) {
        let node = NodeIdx(rng.between_u32(0, nodes.saturating_sub(1)));
        let order = match rng.below(3) {
            0 => Order::Cordon,
            1 => Order::Drain,
            _ => Order::Suspect,
        };
        let at = rng.below(40_000);
        let until = at + rng.between(60, 20_000);
        // Two orders for one node: the last one said counts, and the first one to be taken back
        // takes back both, as it does with people.
        extras.orders.push((Time(at * SECOND_MICROS), node, Some(order)));
        extras.orders.push((Time(until * SECOND_MICROS), node, None));
    }
    extras.orders.sort_by_key(|(at, node, _)| (*at, *node));
}
