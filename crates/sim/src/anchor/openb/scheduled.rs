//! The same pods through the scheduler that the platform runs.
//!
//! Must know nothing that the platform does not: no mix, no list, one pod after the other.

use sched::{
    Amounts, ClassIdx, ClassSet, Fleet, Gate, Job, JobIdx, Node, NodeState, Part, Scheduler,
    Settings, SiteIdx, SiteMask, Topology,
    frag::{Gpus, Model, Need, NodeSpec},
    share::{QueueIdx, Tree},
};

use super::{Arrivals, Pass, pass::walk};

/// What a share of a GPU gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shares {
    /// A whole GPU.
    Whole,
    /// Its share of one.
    Packed,
}

/// Runs the pods through the scheduler; who does not fit at once is dropped.
#[must_use]
pub fn scheduled(arrivals: &Arrivals, shares: Shares) -> Pass {
    let nodes: Vec<Node> = (0..).zip(&arrivals.nodes).map(|(at, spec)| node(at, spec)).collect();
    let settings = Settings { backfill_depth_max: 0, preemptors_max: 0, ..Settings::default() };
    let mut scheduler = Scheduler::new(Fleet::new(&nodes), Tree::default(), settings);
    let mut numbers = (0..).map(JobIdx);
    walk(arrivals, 0, |need| {
        let Some(index) = numbers.next() else { return (false, 0) };
        scheduler.submit(index, job(need, shares, u64::from(index.0)));
        let mut plan = scheduler.plan(0);
        let placement = plan.placements.pop();
        let is_placed = placement.is_some();
        match placement {
            Some(placement) => scheduler.start_at(placement, 0),
            None => drop(scheduler.withdraw(index)),
        }
        (is_placed, 0)
    })
}

/// Nothing is known of where the nodes stand, so each is a rack, as on the platform.
fn node(at: u32, spec: &NodeSpec) -> Node {
    Node {
        site: SiteIdx(0),
        group: at,
        rack: at,
        state: NodeState::Ready,
        class: (spec.gpus > 0).then_some(ClassIdx(u32::from(spec.model.0))),
        total: Amounts {
            gpus: u32::from(spec.gpus),
            memory_bytes: u64::from(spec.memory_mib) << 20,
            cpu_milli: u64::from(spec.cpu_milli),
        },
    }
}

fn job(need: &Need, shares: Shares, order: u64) -> Job {
    let (gpus, part) = match (need.gpus, shares) {
        (Gpus::None, _) => (0, None),
        (Gpus::Share { .. }, Shares::Whole) => (1, None),
        (Gpus::Share { milli }, Shares::Packed) => {
            (0, Some(Part::Share { milli: u32::from(milli) }))
        }
        (Gpus::Whole { count }, _) => (u32::from(count), None),
    };
    let has = |model: &u8| need.models.has(Model(*model));
    let classes = (0_u8..64).filter(has).map(|model| ClassSet::one(ClassIdx(u32::from(model))));
    Job {
        queue: QueueIdx(0),
        priority: 0,
        submitted_order: order,
        submitted_us: 0,
        nodes_min: 1,
        nodes_max: 1,
        need: Amounts {
            gpus,
            memory_bytes: u64::from(need.memory_mib) << 20,
            cpu_milli: u64::from(need.cpu_milli),
        },
        part,
        exclusive: false,
        classes: classes.fold(ClassSet(0), ClassSet::or),
        topology: Topology::default(),
        allowed_sites: SiteMask::all(1),
        limit_us: None,
        predicted_us: None,
        preemptible: false,
        guaranteed_us: 0,
        power_class: 0,
        deferral: None,
        gate: Gate::Open,
    }
}
