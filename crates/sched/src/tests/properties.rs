//! What holds for every problem, against a reference that tries all subsets of nodes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::job;
use crate::{
    Amounts, ClassIdx, ClassSet, Gate, Job, JobIdx, Level, Node, NodeIdx, NodeState, Problem,
    Reason, Running, SiteIdx, SiteMask, Topology, plan,
};

fn states() -> impl Strategy<Value = NodeState> {
    prop_oneof![
        6 => Just(NodeState::Ready),
        1 => Just(NodeState::Suspect),
        1 => Just(NodeState::Cordoned),
        1 => Just(NodeState::Down),
    ]
}

fn nodes() -> impl Strategy<Value = Node> {
    let place = (0u32..2, 0u32..2, 0u32..2, states(), prop::option::of(0u32..2));
    (place, 0u32..4, 1u64..5, 1u64..5).prop_map(
        |((site, group, rack, state, class), gpus, memory_bytes, cpu_milli)| Node {
            site: SiteIdx(site),
            group,
            rack,
            state,
            class: class.map(ClassIdx),
            total: Amounts { gpus: class.map_or(0, |_| gpus), memory_bytes, cpu_milli },
        },
    )
}

fn jobs() -> impl Strategy<Value = Job> {
    let shape = (0u32..4, 0u32..5, 0u32..3, 1u64..4, 1u64..4, 1u64..4);
    let levels = prop_oneof![Just(Level::Rack), Just(Level::Group), Just(Level::Site)];
    let rest = (
        -1i32..2,
        0u64..3,
        prop::collection::vec(0u32..3, 0..4),
        prop::bool::weighted(0.9),
        prop::bool::weighted(0.2),
        (levels, 0u32..3),
    );
    (shape, rest).prop_map(
        |(
            (nodes_min, nodes_max, gpus, memory_bytes, cpu_milli, classes),
            (priority, submitted_order, sites, is_open, exclusive, (within, segment)),
        )| Job {
            priority,
            submitted_order,
            nodes_min,
            nodes_max,
            need: Amounts { gpus, memory_bytes, cpu_milli },
            exclusive,
            classes: ClassSet(classes),
            topology: Topology { within, segment },
            allowed_sites: sites.into_iter().map(SiteIdx).collect(),
            gate: if is_open { Gate::Open } else { Gate::Budget },
            ..job(1, 0)
        },
    )
}

/// Nodes, waiting jobs, and work that takes a core and a byte of some nodes.
fn problems(n_nodes: usize, n_jobs: usize) -> impl Strategy<Value = Problem> {
    let nodes = prop::collection::vec((nodes(), prop::bool::weighted(0.3)), 0..=n_nodes);
    let jobs = prop::collection::vec(jobs(), 1..=n_jobs);
    (nodes, jobs).prop_map(|(nodes, jobs)| {
        let small = Amounts { gpus: 0, memory_bytes: 1, cpu_milli: 1 };
        let used = (0..).zip(&nodes).filter(|(_, (_, used))| *used).map(|(index, _)| Running {
            job: Job { need: small, preemptible: false, ..job(1, 0) },
            nodes: vec![NodeIdx(index)],
            seats: vec![],
            started_us: 0,
            saved_us: 0,
            gone_by_us: None,
        });
        let running = (100..).map(JobIdx).zip(used).collect();
        Problem {
            running,
            nodes: nodes.into_iter().map(|(node, _)| node).collect(),
            waiting: (0..).map(JobIdx).zip(jobs).collect(),
            ..Problem::default()
        }
    })
}

/// What is left of each node, and whether anything runs there.
type Left = Vec<(Amounts, bool)>;

fn left(problem: &Problem) -> Left {
    let mut left: Left = problem.nodes.iter().map(|node| (node.total, true)).collect();
    for (_, running) in &problem.running {
        take(&mut left, &running.job, &running.nodes);
    }
    left
}

/// Takes the job's needs from the nodes; panics where something would become negative.
fn take(left: &mut Left, job: &Job, nodes: &[NodeIdx]) {
    for index in nodes {
        let (free, idle) = &mut left[index.0 as usize];
        assert!(free.covers(&job.need) && (*idle || !job.exclusive), "{job:?} on {index:?}");
        *free = free.saturating_sub(job.need);
        if job.exclusive {
            *free = Amounts::default();
        }
        *idle = false;
    }
}

/// True if the node can run its part of the job now; written apart from the planner.
fn fits(problem: &Problem, left: &Left, index: usize, job: &Job) -> bool {
    let node = &problem.nodes[index];
    let (free, idle) = &left[index];
    let state = match node.state {
        NodeState::Ready => true,
        NodeState::Suspect => job.nodes_max == 1,
        NodeState::Cordoned | NodeState::Draining | NodeState::Down => false,
    };
    state
        && job.allowed_sites.allows(node.site)
        && free.covers(&job.need)
        && (*idle || !job.exclusive)
        && (job.need.gpus == 0 || node.class.is_some_and(|class| job.classes.has(class)))
}

/// The most nodes and then the fewest racks that any legal subset of nodes gives the job.
fn reference(problem: &Problem, left: &Left, job: &Job) -> Option<(usize, usize)> {
    if job.nodes_min == 0 || job.gate != Gate::Open {
        return None;
    }
    let range = job.nodes_min as usize..=job.nodes_max as usize;
    let block = job.topology.segment.max(1) as usize;
    (0u32..1 << problem.nodes.len())
        .filter_map(|subset| {
            let indices = (0..problem.nodes.len()).filter(|index| subset & (1 << index) != 0);
            let chosen: Vec<&Node> = indices.clone().map(|index| &problem.nodes[index]).collect();
            let racks: BTreeSet<_> = chosen.iter().map(|n| (n.site, n.group, n.rack)).collect();
            let groups: BTreeSet<_> = chosen.iter().map(|node| (node.site, node.group)).collect();
            let sites: BTreeSet<SiteIdx> = chosen.iter().map(|node| node.site).collect();
            let classes: BTreeSet<_> = chosen.iter().map(|node| node.class).collect();
            let whole_blocks = racks.iter().all(|rack| {
                let of_rack = |node: &&&Node| (node.site, node.group, node.rack) == *rack;
                chosen.iter().filter(of_rack).count() % block == 0
            });
            let narrow = match job.topology.within {
                Level::Rack => racks.len() == 1,
                Level::Group => groups.len() == 1,
                Level::Site => true,
            };
            let legal = range.contains(&chosen.len())
                && sites.len() == 1
                && narrow
                && whole_blocks
                && (job.need.gpus == 0 || classes.len() == 1)
                && indices.clone().all(|index| fits(problem, left, index, job));
            legal.then_some((chosen.len(), racks.len()))
        })
        .max_by_key(|(nodes, racks)| (*nodes, std::cmp::Reverse(*racks)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn one_job_gets_what_the_reference_finds(problem in problems(6, 1)) {
        let (_, job) = &problem.waiting[0];
        let planned = plan(&problem);
        let got = planned.placements.first().map(|placement| {
            let nodes = placement.nodes.iter().map(|index| &problem.nodes[index.0 as usize]);
            let racks: BTreeSet<_> = nodes.map(|n| (n.site, n.group, n.rack)).collect();
            (placement.nodes.len(), racks.len())
        });
        let wanted = reference(&problem, &left(&problem), job);
        if job.need.gpus == 0 {
            // Nodes without GPUs come before fewer racks; how many nodes is the same.
            prop_assert_eq!(got.is_some(), wanted.is_some());
        } else {
            prop_assert_eq!(got, wanted);
        }
        prop_assert_eq!(planned.placements.len() + planned.unplaced.len(), 1);
    }

    #[test]
    fn plans_keep_every_promise(problem in problems(6, 6)) {
        let planned = plan(&problem);
        prop_assert_eq!(&planned, &plan(&problem));
        let mut seen = BTreeSet::new();
        let mut rest = left(&problem);
        for placement in &planned.placements {
            prop_assert!(seen.insert(placement.job));
            let (_, job) = &problem.waiting[placement.job.0 as usize];
            let n_nodes = u32::try_from(placement.nodes.len()).unwrap();
            prop_assert!((job.nodes_min..=job.nodes_max).contains(&n_nodes) && n_nodes > 0);
            let distinct: BTreeSet<&NodeIdx> = placement.nodes.iter().collect();
            prop_assert_eq!(distinct.len(), placement.nodes.len());
            for index in &placement.nodes {
                prop_assert!(fits(&problem, &rest, index.0 as usize, job));
            }
            take(&mut rest, job, &placement.nodes);
        }
        for unplaced in &planned.unplaced {
            prop_assert!(seen.insert(unplaced.job));
            let promised = matches!(unplaced.reason, Reason::Promised { .. });
            // Capacity only shrinks within a plan: what waits does not fit what is left either.
            let (_, job) = &problem.waiting[unplaced.job.0 as usize];
            prop_assert!(promised || reference(&problem, &rest, job).is_none());
        }
        prop_assert_eq!(seen.len(), problem.waiting.len());
    }

    #[test]
    fn reasons_tell_the_truth(problem in problems(6, 1)) {
        let mut repaired = problem.clone();
        repaired.nodes.iter_mut().for_each(|node| node.state = NodeState::Ready);
        let (_, job) = &problem.waiting[0];
        let empty = |problem: &Problem| {
            problem.nodes.iter().map(|node| (node.total, true)).collect::<Left>()
        };
        let now = reference(&problem, &left(&problem), job).is_some();
        let rested = reference(&problem, &empty(&problem), job).is_some();
        let possible = reference(&repaired, &empty(&repaired), job).is_some();
        let Some(unplaced) = plan(&problem).unplaced.pop() else { return Ok(()) };
        prop_assert!(!now);
        match unplaced.reason {
            Reason::Contradictory { .. } => prop_assert!(!possible),
            Reason::BudgetExhausted => prop_assert!(job.gate == Gate::Budget),
            Reason::NoSiteAllowed => prop_assert!(job.allowed_sites == SiteMask::none()),
            Reason::NoSuchGpuClass { class } => {
                prop_assert!(problem.nodes.iter().all(|node| node.class != Some(ClassIdx(class))
                    || !job.allowed_sites.allows(node.site)));
            }
            Reason::NoNodeLargeEnough { need, largest, .. } => {
                prop_assert!(need > largest && !possible);
            }
            Reason::GangTooLarge { need, exist } | Reason::DomainTooSmall { need, exist, .. } => {
                prop_assert!(need > exist && !possible);
            }
            Reason::NodesUnavailable { ready, total } => {
                prop_assert!(!rested);
                prop_assert_eq!(total > 0, possible);
                prop_assert!(ready < job.nodes_min);
            }
            Reason::WaitingForCapacity { need_nodes, fit_nodes, .. } => {
                prop_assert!(need_nodes > fit_nodes && rested);
            }
            Reason::Fragmented { need_nodes, free_nodes, .. } => {
                prop_assert!(free_nodes >= need_nodes && possible);
            }
            reason @ (Reason::WaitingForJobs { .. }
            | Reason::ArrayLimit { .. }
            | Reason::NotBefore { .. }
            | Reason::Deferred { .. }
            | Reason::OverQuota { .. }
            | Reason::Preempting { .. }
            | Reason::Promised { .. }
            | Reason::GpusFragmented { .. }
            | Reason::PowerCapped { .. }) => prop_assert!(false, "{reason:?} without anybody else"),
        }
    }

    #[test]
    fn masks_are_sets(sites in prop::collection::vec(0u32..300, 0..40), asked in 0u32..320) {
        let mask: SiteMask = sites.iter().copied().map(SiteIdx).collect();
        prop_assert_eq!(mask.allows(SiteIdx(asked)), sites.contains(&asked));
    }
}
