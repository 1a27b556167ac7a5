//! The border between the state and the scheduler: a problem out, proposals in.
//!
//! The scheduler only proposes: each placement passes `decide` like anyone's command.

use std::collections::BTreeMap;

use policy::SiteFacts;
use sched::{Job, JobIdx, Node, NodeIdx, Plan, Problem, Reason, SiteIdx, SiteMask};
use units::{Country, DataClass, Id, UnixMicros, kinds};

use crate::{
    Command, State, Submission, budget,
    node::Status,
    policy_set,
    workload::{self, Kind, Place, Workload},
};

/// A scheduling problem with the names behind its numbers.
#[derive(Debug, Clone)]
pub struct Scheduling {
    /// The problem in plain integers.
    pub problem: Problem,
    /// Workload of each job index.
    pub jobs: Vec<Id<kinds::Workload>>,
    /// Node of each node index.
    pub nodes: Vec<Id<kinds::Node>>,
}

/// Everything that waits and may be placed now.
#[must_use]
pub fn scheduling_problem(state: &State, now: UnixMicros) -> Scheduling {
    build(state, workload::due(state, now))
}

/// The commands that a plan proposes, in its order.
#[must_use]
pub fn proposals(state: &State, scheduling: &Scheduling, plan: &Plan) -> Vec<Submission> {
    let job =
        |idx: JobIdx| usize::try_from(idx.0).ok().and_then(|i| scheduling.jobs.get(i)).copied();
    let node =
        |idx: &NodeIdx| usize::try_from(idx.0).ok().and_then(|i| scheduling.nodes.get(i)).copied();
    let propose = |placement: &sched::Placement| {
        let workload = job(placement.job)?;
        let generation = state.workloads.get(&workload)?.generation;
        let nodes = placement.nodes.iter().filter_map(node).collect();
        let place = Place { workload, generation, nodes };
        Some(Submission::new(Command::Workload(workload::Command::Place(place))))
    };
    plan.placements.iter().filter_map(propose).collect()
}

/// Why a waiting workload waits; `None` if it would be placed now, or does not wait.
#[must_use]
pub fn explain(state: &State, id: Id<kinds::Workload>) -> Option<Reason> {
    let waiting = state.index.queued.iter().filter_map(|id| state.workloads.get(id));
    let scheduling = build(state, waiting);
    let plan = sched::plan(&scheduling.problem);
    let position = scheduling.jobs.iter().position(|job| *job == id)?;
    let unplaced = plan.unplaced.into_iter();
    unplaced
        .into_iter()
        .find(|unplaced| usize::try_from(unplaced.job.0) == Ok(position))
        .map(|unplaced| unplaced.reason)
}

/// A residency question without its site; equal keys get the same answer.
type MaskKey = (Id<kinds::Project>, DataClass, Option<Vec<Country>>, bool);

fn build<'a>(state: &'a State, waiting: impl Iterator<Item = &'a Workload>) -> Scheduling {
    let sites: Vec<Id<kinds::Site>> = state.sites.keys().copied().collect();
    let facts: Vec<SiteFacts> = state.sites.values().map(crate::site::Site::facts).collect();
    let classes = gpu_classes(state);
    let nodes: Vec<Id<kinds::Node>> = state.nodes.keys().copied().collect();
    let rows = state.nodes.values().map(|node| to_row(node, &sites, &classes)).collect();
    let mut masks: BTreeMap<MaskKey, SiteMask> = BTreeMap::new();
    let mut jobs = Vec::new();
    let mut requests = Vec::new();
    for workload in waiting {
        let spec = &workload.spec;
        let service = spec.kind == Kind::Service;
        let key = (workload.project, workload.class, spec.residency_countries.clone(), service);
        let mask = masks.entry(key).or_insert_with(|| allowed_sites(state, workload, &facts));
        let wanted = spec.gpu_model.as_ref();
        requests.push(Job {
            priority: spec.priority,
            submitted_order: workload.submitted_seq,
            nodes_min: spec.nodes_min,
            nodes_max: spec.nodes_max,
            cpu_milli: spec.per_node.cpu.0,
            memory_bytes: spec.per_node.memory.0,
            gpus: spec.per_node.gpus.0,
            gpu_class: wanted.map(|model| class_of(&classes, model)),
            allowed_sites: mask.clone(),
            budget_ok: budget::require_open(state, workload.project).is_ok(),
        });
        jobs.push(workload.id);
    }
    let sites = u32::try_from(sites.len()).unwrap_or(u32::MAX);
    Scheduling { problem: Problem { sites, nodes: rows, jobs: requests }, jobs, nodes }
}

/// GPU models that nodes have, in order; a job's class is the first model that contains its wish.
fn gpu_classes(state: &State) -> Vec<String> {
    let models = state.nodes.values().flat_map(|node| &node.facts.gpus).map(|gpu| &gpu.model);
    let mut models: Vec<String> = models.cloned().collect();
    models.sort_unstable();
    models.dedup();
    models
}

fn class_of(classes: &[String], wanted: &str) -> u32 {
    // A model that nobody has gets a number that no node carries.
    let position = classes.iter().position(|model| model.contains(wanted));
    position.and_then(|p| u32::try_from(p).ok()).unwrap_or(u32::MAX)
}

fn to_row(node: &crate::node::Node, sites: &[Id<kinds::Site>], classes: &[String]) -> Node {
    let free = node.free();
    let total = node.facts.capacity;
    let site = sites.binary_search(&node.site).ok().and_then(|p| u32::try_from(p).ok());
    Node {
        site: SiteIdx(site.unwrap_or(u32::MAX)),
        rack: 0,
        schedulable: node.status == Status::Ready,
        cpu_total_milli: total.cpu.0,
        memory_total_bytes: total.memory.0,
        gpus_total: total.gpus.0,
        cpu_free_milli: free.cpu.0,
        memory_free_bytes: free.memory.0,
        gpus_free: free.gpus.0,
        gpu_class: node.facts.gpus.first().map(|gpu| class_of(classes, &gpu.model)),
    }
}

fn allowed_sites(state: &State, workload: &Workload, sites: &[SiteFacts]) -> SiteMask {
    let mut mask = SiteMask::none();
    let Some(policies) = policy_set::in_force(state, workload.project) else { return mask };
    for (number, site) in (0_u32..).zip(sites) {
        let question = workload::question(
            state,
            workload.project,
            &workload.spec,
            workload.class,
            site.clone(),
        );
        if policies.decide(&question).allowed {
            mask.insert(SiteIdx(number));
        }
    }
    mask
}
