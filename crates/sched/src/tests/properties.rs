//! What holds for every problem, against a reference that tries all subsets of nodes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::{Job, Node, NodeIdx, Problem, Reason, SiteIdx, SiteMask, plan};

fn nodes() -> impl Strategy<Value = Node> {
    (
        0u32..4,
        0u32..3,
        prop::bool::weighted(0.8),
        prop::option::of(0u32..2),
        0u32..5,
        0u64..5,
        0u64..5,
    )
        .prop_flat_map(|(site, rack, schedulable, gpu_class, gpus, memory, cpu)| {
            (0..=gpus, 0..=memory, 0..=cpu).prop_map(move |(gpus_free, memory_free, cpu_free)| {
                Node {
                    site: SiteIdx(site),
                    rack,
                    schedulable,
                    gpu_class,
                    gpus_free,
                    gpus_total: gpus,
                    memory_free_bytes: memory_free,
                    memory_total_bytes: memory,
                    cpu_free_milli: cpu_free,
                    cpu_total_milli: cpu,
                }
            })
        })
}

fn jobs() -> impl Strategy<Value = Job> {
    let shape = (0u32..4, 0u32..5, 0u32..4, 0u64..4, 0u64..4, prop::option::of(0u32..3));
    let rest = (-1i32..2, 0u64..3, prop::collection::vec(0u32..5, 0..4), prop::bool::weighted(0.9));
    (shape, rest).prop_map(
        |(
            (nodes_min, nodes_max, gpus, memory_bytes, cpu_milli, gpu_class),
            (priority, submitted_order, sites, budget_ok),
        )| Job {
            priority,
            submitted_order,
            nodes_min,
            nodes_max,
            cpu_milli,
            memory_bytes,
            gpus,
            gpu_class,
            allowed_sites: sites.into_iter().map(SiteIdx).collect(),
            budget_ok,
        },
    )
}

fn problems(n_nodes: usize, n_jobs: usize) -> impl Strategy<Value = Problem> {
    (prop::collection::vec(nodes(), 0..=n_nodes), prop::collection::vec(jobs(), 1..=n_jobs))
        .prop_map(|(nodes, jobs)| Problem { sites: 3, nodes, jobs })
}

/// True if the node can run its part of the job now; written apart from the planner.
fn fits(problem: &Problem, node: &Node, job: &Job) -> bool {
    node.site.0 < problem.sites
        && job.allowed_sites.allows(node.site)
        && node.schedulable
        && node.gpus_free >= job.gpus
        && node.memory_free_bytes >= job.memory_bytes
        && node.cpu_free_milli >= job.cpu_milli
        && (job.gpus == 0 || job.gpu_class.is_none() || job.gpu_class == node.gpu_class)
}

/// The most nodes and then the fewest racks that any legal subset of nodes gives the job.
fn reference(problem: &Problem, job: &Job) -> Option<(usize, usize)> {
    if job.nodes_min == 0 || !job.budget_ok {
        return None;
    }
    let range = job.nodes_min as usize..=job.nodes_max as usize;
    (0u32..1 << problem.nodes.len())
        .filter_map(|subset| {
            let chosen: Vec<&Node> = problem
                .nodes
                .iter()
                .enumerate()
                .filter(|(index, _)| subset & (1 << index) != 0)
                .map(|(_, node)| node)
                .collect();
            let racks: BTreeSet<(SiteIdx, u32)> =
                chosen.iter().map(|node| (node.site, node.rack)).collect();
            let sites: BTreeSet<SiteIdx> = chosen.iter().map(|node| node.site).collect();
            let legal = range.contains(&chosen.len())
                && sites.len() == 1
                && chosen.iter().all(|node| fits(problem, node, job));
            legal.then_some((chosen.len(), racks.len()))
        })
        .max_by_key(|(nodes, racks)| (*nodes, std::cmp::Reverse(*racks)))
}

/// Takes the job's needs from the nodes; panics where something would become negative.
fn take(problem: &mut Problem, job: &Job, nodes: &[NodeIdx]) {
    for index in nodes {
        let node = &mut problem.nodes[index.0 as usize];
        node.gpus_free = node.gpus_free.checked_sub(job.gpus).unwrap();
        node.memory_free_bytes = node.memory_free_bytes.checked_sub(job.memory_bytes).unwrap();
        node.cpu_free_milli = node.cpu_free_milli.checked_sub(job.cpu_milli).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn one_job_gets_what_the_reference_finds(problem in problems(6, 1)) {
        let job = &problem.jobs[0];
        let planned = plan(&problem);
        let got = planned.placements.first().map(|placement| {
            let nodes = placement.nodes.iter().map(|index| &problem.nodes[index.0 as usize]);
            let racks: BTreeSet<(SiteIdx, u32)> = nodes.map(|n| (n.site, n.rack)).collect();
            (placement.nodes.len(), racks.len())
        });
        prop_assert_eq!(got, reference(&problem, job));
        prop_assert_eq!(planned.placements.len() + planned.unplaced.len(), 1);
    }

    #[test]
    fn plans_keep_every_promise(problem in problems(8, 8)) {
        let planned = plan(&problem);
        prop_assert_eq!(&planned, &plan(&problem));
        let mut seen = BTreeSet::new();
        let mut rest = problem.clone();
        for placement in &planned.placements {
            prop_assert!(seen.insert(placement.job));
            let job = &problem.jobs[placement.job.0 as usize];
            prop_assert!(job.budget_ok);
            let n_nodes = u32::try_from(placement.nodes.len()).unwrap();
            prop_assert!((job.nodes_min..=job.nodes_max).contains(&n_nodes) && n_nodes > 0);
            prop_assert!(placement.nodes.is_sorted_by(|a, b| a < b));
            let chosen: Vec<&Node> =
                placement.nodes.iter().map(|index| &rest.nodes[index.0 as usize]).collect();
            prop_assert!(chosen.iter().all(|node| fits(&problem, node, job)));
            prop_assert!(chosen.iter().all(|node| node.site == chosen[0].site));
            take(&mut rest, job, &placement.nodes);
        }
        for unplaced in &planned.unplaced {
            prop_assert!(seen.insert(unplaced.job));
            // Capacity only shrinks within a plan: what waits does not fit what is left either.
            let job = &problem.jobs[unplaced.job.0 as usize];
            prop_assert_eq!(reference(&rest, job), None);
        }
        prop_assert_eq!(seen.len(), problem.jobs.len());
    }

    #[test]
    fn reasons_tell_the_truth(problem in problems(6, 1)) {
        let mut rested = problem.clone();
        for node in &mut rested.nodes {
            node.gpus_free = node.gpus_total;
            node.memory_free_bytes = node.memory_total_bytes;
            node.cpu_free_milli = node.cpu_total_milli;
        }
        let mut repaired = rested.clone();
        repaired.nodes.iter_mut().for_each(|node| node.schedulable = true);
        let job = &problem.jobs[0];
        let possible = |problem: &Problem| reference(problem, job).is_some();
        let Some(unplaced) = plan(&problem).unplaced.pop() else { return Ok(()) };
        match unplaced.reason {
            Reason::Contradictory { .. } => {
                prop_assert!(job.nodes_min == 0 || job.nodes_max < job.nodes_min);
            }
            Reason::BudgetExhausted => prop_assert!(!job.budget_ok),
            Reason::NoSiteAllowed => {
                prop_assert!((0..3).all(|site| !job.allowed_sites.allows(SiteIdx(site))));
            }
            Reason::NoSuchGpuClass { class } => {
                prop_assert!(problem.nodes.iter().all(|node| node.gpu_class != Some(class)
                    || !job.allowed_sites.allows(node.site) || node.site.0 >= 3));
            }
            Reason::NoNodeLargeEnough { need, largest, .. } => {
                prop_assert!(need > largest && !possible(&repaired));
            }
            Reason::GangTooLarge { need, exist } => {
                prop_assert!(need > exist && exist > 0 && !possible(&repaired));
            }
            Reason::NodesUnavailable { ready, total } => {
                prop_assert!(!possible(&rested));
                prop_assert_eq!(total > 0, possible(&repaired));
                prop_assert!(ready < job.nodes_min);
            }
            Reason::WaitingForCapacity { need_nodes, fit_nodes, .. } => {
                prop_assert!(need_nodes > fit_nodes && possible(&rested));
            }
        }
    }

    #[test]
    fn masks_are_sets(sites in prop::collection::vec(0u32..300, 0..40), asked in 0u32..320) {
        let mask: SiteMask = sites.iter().copied().map(SiteIdx).collect();
        prop_assert_eq!(mask.allows(SiteIdx(asked)), sites.contains(&asked));
    }
}
