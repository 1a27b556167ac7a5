//! Tests at the crate's border: a problem in, a plan out.

mod ageing;
mod deferral;
mod memory;
mod parts;
mod power;
mod preemption;
mod promises;
mod properties;
mod quotas;
mod scenarios;
mod topology;

use std::fmt::Write as _;

use expect_test::Expect;

use crate::{
    Amounts, ClassIdx, ClassSet, Gate, Job, JobIdx, Micros, Node, NodeIdx, NodeState, Plan,
    Problem, Running, SiteIdx, SiteMask, Topology, plan, share::QueueIdx,
};

const GIB: u64 = 1 << 30;

/// A ready node with GPUs of class 1, 16 GiB and 8 cores a GPU (at least one of each).
fn node(site: u32, rack: u32, gpus: u32) -> Node {
    let memory_bytes = u64::from(gpus.max(1)) * 16 * GIB;
    let cpu_milli = u64::from(gpus.max(1)) * 8_000;
    Node {
        site: SiteIdx(site),
        group: 0,
        rack,
        state: NodeState::Ready,
        class: (gpus > 0).then_some(ClassIdx(1)),
        total: Amounts { gpus, memory_bytes, cpu_milli },
    }
}

/// A job of a fixed number of nodes with a GiB and a core each, allowed at eight sites.
fn job(nodes: u32, gpus: u32) -> Job {
    Job {
        queue: QueueIdx(0),
        priority: 0,
        submitted_order: 0,
        submitted_us: 0,
        nodes_min: nodes,
        nodes_max: nodes,
        need: Amounts { gpus, memory_bytes: GIB, cpu_milli: 1_000 },
        part: None,
        exclusive: false,
        classes: ClassSet::ANY,
        topology: Topology::default(),
        allowed_sites: SiteMask::all(8),
        limit_us: None,
        predicted_us: None,
        preemptible: true,
        guaranteed_us: 0,
        gate: Gate::Open,
        power_class: 0,
        deferral: None,
    }
}

/// A job that runs since time 0 on these nodes, and never saved anything.
fn running(job: Job, nodes: &[u32]) -> Running {
    let nodes = nodes.iter().copied().map(NodeIdx).collect();
    Running { job, nodes, seats: vec![], started_us: 0, saved_us: 0, gone_by_us: None }
}

/// Waiting jobs are numbered from 0, running ones from 100.
fn problem(nodes: Vec<Node>, waiting: Vec<Job>, running: Vec<Running>) -> Problem {
    Problem {
        now_us: 1_000,
        nodes,
        waiting: (0..).map(JobIdx).zip(waiting).collect(),
        running: (100..).map(JobIdx).zip(running).collect(),
        ..Problem::default()
    }
}

fn show(plan: &Plan) -> String {
    let numbers = |nodes: &[NodeIdx]| nodes.iter().map(|node| node.0).collect::<Vec<u32>>();
    let at = |time: Option<Micros>| time.map_or_else(String::new, |time| format!(" [{time}]"));
    let mut text = String::new();
    for one in &plan.placements {
        writeln!(text, "job {} on {:?}", one.job.0, numbers(&one.nodes)).unwrap();
    }
    for one in &plan.preemptions {
        let victims: Vec<u32> = one.victims.iter().map(|victim| victim.0).collect();
        writeln!(text, "job {} evicts {victims:?} from {:?}", one.job.0, numbers(&one.nodes))
            .unwrap();
    }
    for one in &plan.unplaced {
        writeln!(text, "job {} waits{}: {}", one.job.0, at(one.start_us), one.reason).unwrap();
    }
    text
}

#[expect(clippy::needless_pass_by_value, reason = "call sites build the snapshot in place")]
fn check(nodes: Vec<Node>, jobs: Vec<Job>, expected: Expect) {
    expected.assert_eq(&show(&plan(&problem(nodes, jobs, vec![]))));
}
