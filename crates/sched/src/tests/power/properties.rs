//! What holds for every sequence of changes, against sums that are made anew each time.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{follow, scheduler, sized};
use crate::power::{FeederIdx, steps};
use crate::{JobIdx, NodeIdx, Scheduler};

const N_RACKS: u32 = 3;
const N_FEEDERS: u32 = 1 + 2 + N_RACKS;

#[derive(Debug, Clone)]
enum Op {
    Submit { nodes: u32, gpus: u32, class: u32, limit: Option<u64>, preemptible: bool },
    Finish(prop::sample::Index),
    Allow { feeder: u32, watts: u64 },
    Save(prop::sample::Index),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let submit = (1u32..4, 0u32..5, 0u32..4, prop::option::of(1u64..8), prop::bool::weighted(0.8));
    let op = prop_oneof![
        4 => submit.prop_map(|(nodes, gpus, class, limit, preemptible)| Op::Submit {
            nodes, gpus, class, limit, preemptible
        }),
        2 => any::<prop::sample::Index>().prop_map(Op::Finish),
        2 => (0..N_FEEDERS, 0u64..14_000).prop_map(|(feeder, watts)| Op::Allow { feeder, watts }),
        1 => any::<prop::sample::Index>().prop_map(Op::Save),
    ];
    prop::collection::vec(op, 1..24)
}

fn feeder_of(node: NodeIdx) -> Vec<FeederIdx> {
    let rack = node.0 / 2;
    vec![FeederIdx(0), FeederIdx(1 + rack / 2), FeederIdx(3 + rack)]
}

/// What each feeder draws, added up node by node; and what its work would draw without limits.
fn reference(scheduler: &Scheduler) -> BTreeMap<FeederIdx, (u64, u64)> {
    let mut sums: BTreeMap<FeederIdx, (u64, u64)> = BTreeMap::new();
    let mut add = |node: NodeIdx, now: u64, free: u64| {
        for feeder in feeder_of(node) {
            let sum = sums.entry(feeder).or_default();
            *sum = (sum.0 + now, sum.1 + free);
        }
    };
    for node in 0..N_RACKS * 2 {
        add(NodeIdx(node), 600_000, 600_000);
    }
    for (index, running) in scheduler.all_running() {
        let cap = scheduler.grid().unwrap().cap_of(index);
        for node in &running.nodes {
            let gpus = u64::from(running.job.need.gpus);
            if gpus == 0 {
                add(*node, 6_250, 6_250);
            } else {
                let each = [400_000, 300_000, 200_000][cap as usize];
                add(*node, gpus * each, gpus * 400_000);
            }
        }
    }
    sums
}

fn perform(scheduler: &mut Scheduler, op: &Op, order: u32, now: i64) {
    let pick = |index: &prop::sample::Index, scheduler: &Scheduler| {
        let running: Vec<JobIdx> = scheduler.all_running().map(|(job, _)| job).collect();
        (!running.is_empty()).then(|| *index.get(&running))
    };
    match op {
        Op::Submit { nodes, gpus, class, limit, preemptible } => {
            let mut job = sized(*nodes, *gpus, *class);
            job.limit_us = *limit;
            job.preemptible = *preemptible;
            job.submitted_order = u64::from(order);
            scheduler.submit(JobIdx(order), job);
        }
        Op::Finish(index) => {
            let job = pick(index, scheduler);
            job.into_iter().for_each(|job| drop(scheduler.finish(job)));
        }
        Op::Allow { feeder, watts } => {
            assert!(scheduler.set_allowed(FeederIdx(*feeder), watts * 1_000));
        }
        Op::Save(index) => {
            let job = pick(index, scheduler);
            job.into_iter().for_each(|job| scheduler.saved(job, now));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn admission_keeps_every_budget_and_relief_ends(ops in ops()) {
        let mut scheduler = scheduler(N_RACKS);
        for (order, op) in (0_u32..).zip(&ops) {
            let now = i64::from(order) + 1;
            perform(&mut scheduler, op, order, now);
            let before = reference(&scheduler);
            let plan = scheduler.plan(now);
            prop_assert_eq!(&plan, &scheduler.clone().plan(now));
            prop_assert_eq!(&reference(&scheduler), &before);
            for placement in &plan.placements {
                scheduler.start(placement.job, placement.nodes.clone(), now);
            }
            let after = reference(&scheduler);
            let grid = scheduler.grid().unwrap();
            for (feeder, (drawn, free)) in &after {
                prop_assert_eq!(grid.tree().used_mw(*feeder), *drawn);
                prop_assert_eq!(grid.tree().owed_mw(*feeder), free - drawn);
                // Whoever was admitted is within the budget, and so is what is owed to the slowed.
                let grew = *drawn > before[feeder].0;
                prop_assert!(!grew || *free <= grid.tree().allowed_mw(*feeder));
            }
            follow(&mut scheduler, &crate::Plan { placements: vec![], ..plan.clone() }, now);
            let relieved = reference(&scheduler);
            for (feeder, (drawn, _)) in &relieved {
                let allowed = scheduler.grid().unwrap().tree().allowed_mw(*feeder);
                let stays = plan.power.unresolved.iter().any(|one| one.feeder == *feeder);
                prop_assert_eq!(*drawn > allowed, stays, "{:?} {:?}", feeder, plan.power);
            }
            // Nothing is left to do, but to lift what the stopped work left room for.
            let next = steps(&scheduler, now);
            prop_assert!(next.lower.is_empty() && next.stop.is_empty());
        }
        // Whatever fell comes back: first the limits, all of them.
        for feeder in 0..N_FEEDERS {
            scheduler.set_allowed(FeederIdx(feeder), 100_000_000);
        }
        let plan = steps(&scheduler, 100);
        for cap in &plan.lift {
            prop_assert_eq!(cap.to, 0);
            scheduler.set_cap(cap.job, cap.to);
        }
        prop_assert_eq!(scheduler.grid().unwrap().capped().count(), 0);
    }

    #[test]
    fn promises_are_kept_with_their_power(
        jobs in prop::collection::vec((1u32..4, 0u32..5, 1u64..9), 1..12),
        watts in prop::collection::vec(3_000u64..14_000, N_FEEDERS as usize),
    ) {
        let mut scheduler = scheduler(N_RACKS);
        for (feeder, watts) in (0..).map(FeederIdx).zip(&watts) {
            scheduler.set_allowed(feeder, watts * 1_000);
        }
        for (order, (nodes, gpus, limit)) in (0_u32..).zip(&jobs) {
            let mut job = sized(*nodes, *gpus, 1);
            job.limit_us = Some(*limit);
            job.submitted_order = u64::from(order);
            scheduler.submit(JobIdx(order), job);
        }
        let mut promised: BTreeMap<JobIdx, i64> = BTreeMap::new();
        for now in 0..120 {
            let ended = scheduler.all_running().filter(|(_, one)| one.ends_by_us() == Some(now));
            let ended: Vec<JobIdx> = ended.map(|(job, _)| job).collect();
            ended.into_iter().for_each(|job| drop(scheduler.finish(job)));
            let plan = scheduler.plan(now);
            for placement in &plan.placements {
                let latest = promised.get(&placement.job).copied().unwrap_or(i64::MAX);
                prop_assert!(now <= latest, "{:?} at {} instead of {}", placement, now, latest);
            }
            // Only the first is looked for exactly: see `backfill`.
            if let Some(promise) = plan.promises.first() {
                let latest = promised.entry(promise.job).or_insert(promise.from_us);
                prop_assert!(promise.from_us <= *latest, "{:?} was {}", promise, latest);
                *latest = promise.from_us;
            }
            follow(&mut scheduler, &plan, now);
        }
    }
}
