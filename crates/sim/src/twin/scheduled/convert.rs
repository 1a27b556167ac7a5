//! The twin's fleet and jobs in the scheduler's numbers.

use std::collections::BTreeMap;

use sched::{
    Amounts, ClassIdx, ClassSet, Fleet, Gate, Job, Level, Node, NodeState, Part, Scheduler,
    Settings, SiteIdx, SiteMask, Topology,
    carbon::{Deferral, Measure},
    share::{QueueIdx, QueueSpec, Tree},
    stock,
};

use super::extras::Extras;
use crate::twin::{backend::Input, fleet, number, time::Time, workload::Request};

/// Nodes, queues and quotas, with nothing running; and each tenant's queue.
pub(super) fn scheduler(
    input: &Input<'_>,
    settings: Settings,
    minds_topology: bool,
    extras: &Extras,
) -> Result<(Scheduler, Vec<QueueIdx>), String> {
    let nodes: Vec<Node> = nodes(input, minds_topology);
    let (tree, queues) = tree(input, &nodes, extras)?;
    Ok((Scheduler::new(Fleet::new(&nodes), tree, settings), queues))
}

fn nodes(input: &Input<'_>, minds_topology: bool) -> Vec<Node> {
    let fleet = input.fleet;
    let mut nodes = Vec::with_capacity(fleet.nodes.len());
    for (node, at) in fleet.nodes.iter().zip(0..) {
        let rack = fleet.rack(node.rack);
        let kind = fleet.kind(node.kind);
        let row = rack.and_then(|rack| fleet.feeder(rack.feeder)).and_then(|feeder| feeder.parent);
        let total = kind.map_or_else(Amounts::default, |kind| Amounts {
            gpus: kind.gpus,
            memory_bytes: kind.memory.0,
            cpu_milli: kind.cpu.0,
        });
        nodes.push(Node {
            site: SiteIdx(rack.map_or(0, |rack| rack.site.0)),
            group: if minds_topology { row.map_or(0, |row| row.0) } else { 0 },
            // Without topology each node is a rack: nothing is nearer than anything else.
            rack: if minds_topology { node.domain } else { at },
            state: NodeState::Ready,
            class: kind.and_then(|kind| kind.class).map(|class| ClassIdx(class.0)),
            total,
        });
    }
    nodes
}

/// Refuses jobs whose wish this policy has no level for, because they would wait for ever.
pub(super) fn check(input: &Input<'_>) -> Result<(), String> {
    let fleet = input.fleet;
    let has_several = |rack: fleet::RackIdx| {
        let mut domains = fleet.nodes_of(rack).filter_map(|node| Some(fleet.node(node)?.domain));
        let first = domains.next();
        domains.any(|domain| Some(domain) != first)
    };
    if !(0..number::small(number::count(fleet.racks.len()))).map(fleet::RackIdx).any(has_several) {
        return Ok(());
    }
    let in_rack = |request: &Request| {
        let within = request.within.filter(|within| within.is_hard);
        request.nodes_min > 1 && within.is_some_and(|within| within.level == fleet::Level::Rack)
    };
    match input.jobs.jobs().find(|(_, request)| in_rack(request)) {
        None => Ok(()),
        Some((job, _)) => Err(format!(
            "`{}` must be in one rack, and some racks have several NVLink domains, which are the \
             narrowest level that this policy knows: write `require:nvlink` or `require:row`",
            input.jobs.name(job)
        )),
    }
}

/// One root that deserves everything; below it a queue for each part of a tenant's path, all of equal
/// weight, with the fleet's quotas as limits.
fn tree(
    input: &Input<'_>,
    nodes: &[Node],
    extras: &Extras,
) -> Result<(Tree, Vec<QueueIdx>), String> {
    let n_resources = input.fleet.classes.len().saturating_add(2);
    let root =
        QueueSpec { weight: 1, deserved: stock(nodes.iter(), n_resources), ..QueueSpec::default() };
    let mut specs = vec![root];
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut queues = Vec::new();
    for path in input.jobs.tenants.paths() {
        let mut parent = 0;
        let mut prefix = String::new();
        // Work runs in leaves only: the last part is a queue of its own, below all others.
        for part in path.split('/').chain(["."]) {
            prefix = format!("{prefix}/{part}");
            parent = *numbers.entry(prefix.clone()).or_insert_with(|| {
                let below = Some(QueueIdx(number::small(number::count(parent))));
                specs.push(QueueSpec { parent: below, weight: 1, ..QueueSpec::default() });
                specs.len().saturating_sub(1)
            });
        }
        queues.push(QueueIdx(number::small(number::count(parent))));
    }
    for quota in &input.fleet.quotas {
        let Some(at) = numbers.get(&format!("/{}", quota.tenant)) else { continue };
        let class = match (quota.class, input.fleet.classes.len()) {
            (Some(class), _) => number::index(class.0),
            (None, 1) => 0,
            (None, _) => {
                return Err(format!(
                    "the quota of `{}` counts all classes together, which this policy cannot: name \
                     the class",
                    quota.tenant
                ));
            }
        };
        let Some(spec) = specs.get_mut(*at) else { continue };
        spec.limit.resize(n_resources, None);
        if let Some(limit) = spec.limit.get_mut(class) {
            *limit = Some(quota.gpus.saturating_mul(1_000));
        }
    }
    for (path, entitled) in &extras.shares {
        let at = numbers.get(&format!("/{path}"));
        let Some(spec) = at.and_then(|at| specs.get_mut(*at)) else { continue };
        let deserved = entitled.deserved_gpus.iter().map(|gpus| gpus.saturating_mul(1_000));
        (spec.weight, spec.deserved) = (entitled.weight, deserved.collect());
        spec.deserved.resize(n_resources, 0);
    }
    let tree = Tree::new(n_resources, &specs).map_err(|error| error.to_string())?;
    Ok((tree, queues))
}

/// All jobs, in their order.
pub(super) fn jobs(
    input: &Input<'_>,
    queues: &[QueueIdx],
    minds_topology: bool,
    extras: &Extras,
) -> Vec<Job> {
    let n_sites = number::small(number::count(input.fleet.sites.len()));
    let everywhere = SiteMask::all(n_sites);
    let job = |(index, request): (crate::twin::workload::JobIdx, &Request)| {
        let queue = queues.get(number::index(request.tenant.0)).copied().unwrap_or_default();
        let terms = extras.terms.get(&index).copied().unwrap_or_default();
        Job {
            queue,
            exclusive: terms.is_exclusive,
            preemptible: terms.is_preemptible,
            guaranteed_us: terms.guaranteed.0,
            ..job(request, u64::from(index.0), &everywhere, minds_topology)
        }
    };
    input.jobs.jobs().map(job).collect()
}

fn job(request: &Request, order: u64, sites: &SiteMask, minds_topology: bool) -> Job {
    let is_share = request.gpus > 0 && request.is_share();
    let part = is_share.then_some(Part::Share { milli: request.gpu_milli });
    Job {
        queue: QueueIdx::default(),
        priority: request.priority,
        submitted_order: order,
        submitted_us: i64::try_from(request.submit.0).unwrap_or(i64::MAX),
        nodes_min: request.nodes_min,
        // Who does not mind blocks would give an elastic job a part of one.
        nodes_max: if minds_topology || request.segment <= 1 {
            request.nodes_max
        } else {
            request.nodes_min
        },
        need: Amounts {
            gpus: if part.is_some() { 0 } else { request.gpus },
            memory_bytes: request.memory.0.max(1),
            cpu_milli: request.cpu.0.max(1),
        },
        part,
        exclusive: false,
        classes: ClassSet(request.classes.0),
        topology: if minds_topology { topology(request) } else { Topology::default() },
        allowed_sites: sites.clone(),
        limit_us: request.limit.map(|limit| limit.0),
        predicted_us: None,
        preemptible: true,
        guaranteed_us: 0,
        gate: Gate::Open,
        power_class: power_class(request.priority),
        deferral: request.deadline.map(deferral_until),
    }
}

/// Lists know no class of power: work of negative priority is flexible, of positive priority critical.
fn power_class(priority: i32) -> u32 {
    match priority.signum() {
        -1 => 0,
        0 => 1,
        _ => 2,
    }
}

fn deferral_until(deadline: Time) -> Deferral {
    let end_by_us = Some(i64::try_from(deadline.0).unwrap_or(i64::MAX));
    Deferral { end_by_us, ..Deferral::default() }
}

/// What a job waits for; nothing where the policy or the job does not.
pub(super) fn deferral(job: &Job, by: Option<Measure>) -> Option<Deferral> {
    by.zip(job.deferral).map(|(by, deferral)| Deferral { by, ..deferral })
}

/// A wish that need not be met stays a wish: closeness is preferred anyway.
fn topology(request: &Request) -> Topology {
    let within = match request.within {
        Some(within) if within.is_hard => match within.level {
            fleet::Level::Nvlink | fleet::Level::Rack => Level::Rack,
            fleet::Level::Row => Level::Group,
            fleet::Level::Hall | fleet::Level::Site => Level::Site,
        },
        Some(_) | None => Level::Site,
    };
    Topology { within, segment: request.segment }
}
