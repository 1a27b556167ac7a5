//! A small hall whose relief can be followed by eye.

use super::model;
use crate::power::{
    CapChange, CapStep, ClassPower, FeederIdx, FeederSpec, GpuPower, ModelError, PowerModel,
    PowerTree, Preemption, ReliefError, RunningPower, Unresolved, recover, relief,
};

const HALL: FeederIdx = FeederIdx(0);
const RACK_A: FeederIdx = FeederIdx(1);
const RACK_B: FeederIdx = FeederIdx(2);

/// A hall with two racks of 100 mW each.
fn hall() -> PowerTree {
    let spec = |parent, mw| FeederSpec { parent, contracted_mw: mw, allowed_mw: mw };
    PowerTree::new(&[spec(None, 200), spec(Some(HALL), 100), spec(Some(HALL), 100)]).unwrap()
}

/// A job on large GPUs: 12 mW each in class 0, 7 in class 1 (the cheaper one).
fn job(class: u32, feeder: FeederIdx, gpus: u32, lost_work: u64) -> RunningPower {
    let gpus_at = vec![(feeder, gpus)];
    RunningPower { gpu: 0, class, cap: 0, gpus_at, lost_work, preemptible: true }
}

fn admitted(running: &[RunningPower]) -> PowerTree {
    let mut tree = hall();
    for job in running {
        tree.admit(&model().loads(job).unwrap()).unwrap();
    }
    tree
}

fn cap(job: usize, from: u32, to: u32) -> CapChange {
    CapChange { job, from, to }
}

#[test]
fn the_draw_of_a_gpu_follows_class_and_limit() {
    let caps = vec![CapStep { limit_mw: 500_000, slowdown_permille: 80 }];
    let gpu = GpuPower::new(70_000, 700_000, caps).unwrap();
    assert_eq!(gpu.draw_mw(0), 70_000);
    assert_eq!(gpu.draw_mw(500), 385_000);
    assert_eq!(gpu.draw_mw(1_000), 700_000);
    assert_eq!((gpu.capped_mw(500, 1), gpu.slowdown_permille(500, 1)), (385_000, 0));
    assert_eq!((gpu.capped_mw(900, 1), gpu.slowdown_permille(900, 1)), (500_000, 80));
    let odd = GpuPower::new(0, 1, Vec::new()).unwrap();
    assert_eq!(odd.draw_mw(1), 1, "a thousandth of a milliwatt is rounded up");
}

#[test]
fn the_cheaper_class_is_slowed_first_and_the_other_left_alone() {
    // 4 × 12 + 4 × 7 = 76 mW in rack A.
    let running = [job(0, RACK_A, 4, 10), job(1, RACK_A, 4, 10), job(1, RACK_B, 4, 10)];
    let mut tree = admitted(&running);
    tree.set_allowed(RACK_A, 72).unwrap();
    let answer = relief(&tree, &model(), &running).unwrap();
    assert_eq!(answer.close, [RACK_A]);
    assert_eq!(answer.caps, [cap(1, 0, 2)], "limit 1 of 9 mW is not felt at 7 mW");
    assert_eq!(answer.preemptions, []);
    assert_eq!(answer.freed, [(RACK_A, 4)]);
}

#[test]
fn limits_that_a_deeper_one_made_needless_are_given_back() {
    // Two jobs of 48 mW in the hall's two racks; the hall loses 20 mW: one job at 9, then one at 6.
    let running = [job(0, RACK_A, 4, 10), job(0, RACK_B, 4, 10)];
    let mut tree = admitted(&running);
    tree.set_allowed(HALL, 96 - 20).unwrap();
    let answer = relief(&tree, &model(), &running).unwrap();
    // Both at 9 mW free 24 mW, which is enough: nobody goes to 6.
    assert_eq!(answer.caps, [cap(0, 0, 1), cap(1, 0, 1)]);
    tree.set_allowed(HALL, 96 - 10).unwrap();
    assert_eq!(relief(&tree, &model(), &running).unwrap().caps, [cap(0, 0, 1)]);
}

#[test]
fn preemption_takes_the_least_lost_work_for_what_is_missing() {
    let running = [job(0, RACK_A, 3, 90), job(0, RACK_A, 1, 31), job(0, RACK_A, 4, 400)];
    let mut tree = admitted(&running);
    // At their lowest limit of 6 mW the eight GPUs draw 48 mW.
    tree.set_allowed(RACK_A, 42).unwrap();
    let answer = relief(&tree, &model(), &running).unwrap();
    // 6 mW are missing: job 0 would lose 90, job 1 only 31.
    assert_eq!(answer.preemptions, [Preemption { job: 1, lost_work: 31 }]);
    assert_eq!(answer.caps, [cap(0, 0, 2), cap(2, 0, 2)]);
    assert_eq!(answer.unresolved, []);
}

#[test]
fn of_preemptions_that_are_too_many_the_dearest_is_given_back_first() {
    // At their lowest limits they draw 12, 12 and 18 mW, and 30 mW are missing. Chosen for 1, 2 and
    // 3 of lost work for each milliwatt, all three; then 12 mW are left over.
    let running = [job(0, RACK_A, 2, 12), job(0, RACK_A, 2, 24), job(0, RACK_A, 3, 54)];
    let mut tree = admitted(&running);
    tree.set_allowed(RACK_A, 12).unwrap();
    let answer = relief(&tree, &model(), &running).unwrap();
    let preempted: Vec<usize> = answer.preemptions.iter().map(|job| job.job).collect();
    assert_eq!(preempted, [0, 2], "job 2 cannot stay, job 1 can");
}

#[test]
fn what_a_job_frees_where_nothing_is_missing_any_more_does_not_count() {
    // Both racks are 12 mW short at the lowest limits. Job 0 gives rack A its 12 for 1; then job 1
    // gives only the 12 of rack B for 20, and job 2 the same for 16.
    let mut both = job(0, RACK_A, 2, 20);
    both.gpus_at.push((RACK_B, 2));
    let running = [job(0, RACK_A, 2, 1), both, job(0, RACK_B, 2, 16)];
    let mut tree = admitted(&running);
    tree.set_allowed(RACK_A, 12).unwrap();
    tree.set_allowed(RACK_B, 12).unwrap();
    let answer = relief(&tree, &model(), &running).unwrap();
    let preempted: Vec<usize> = answer.preemptions.iter().map(|job| job.job).collect();
    assert_eq!(preempted, [0, 2]);
}

#[test]
fn what_cannot_be_brought_down_is_named_with_who_draws_it() {
    let mut running = [job(0, RACK_A, 4, 10), job(0, RACK_B, 4, 10)];
    running[0].preemptible = false;
    let mut tree = admitted(&running);
    tree.admit(&[(RACK_A, 5)]).unwrap();
    tree.set_allowed(RACK_A, 20).unwrap();
    let answer = relief(&tree, &model(), &running).unwrap();
    let expected = Unresolved {
        feeder: RACK_A,
        short_mw: 9,
        protected_jobs: 1,
        protected_mw: 24,
        other_mw: 5,
    };
    assert_eq!(
        expected.to_string(),
        "feeder 1 stays 9 mW above what it is allowed: 1 jobs that must not be preempted draw \
         24 mW at their lowest limit, and 5 mW are drawn by no job"
    );
    assert_eq!(answer.unresolved, [expected]);
    assert_eq!(answer.preemptions, [], "stopping a job in rack B would not help");
}

#[test]
fn after_the_budget_rose_the_dearer_class_is_freed_first() {
    let mut running = [job(0, RACK_A, 4, 0), job(1, RACK_A, 4, 0)];
    running[0].cap = 2;
    running[1].cap = 2;
    let mut tree = admitted(&running);
    tree.set_allowed(RACK_A, 62).unwrap();
    // 48 mW are drawn. 14 more are there: 12 for job 0 to limit 1; job 1 would need 4.
    let answer = recover(&tree, &model(), &running).unwrap();
    assert_eq!(answer.caps, [cap(0, 2, 1)]);
    assert_eq!(answer.added, [(RACK_A, 12)]);
}

#[test]
fn jobs_that_the_tree_or_the_model_does_not_know_are_refused() {
    let tree = hall();
    let error = |job: RunningPower| relief(&tree, &model(), &[job]).unwrap_err();
    assert_eq!(
        error(job(0, FeederIdx(9), 1, 0)),
        ReliefError::NoSuchFeeder { job: 0, feeder: FeederIdx(9) }
    );
    let unknown = |field, value| ReliefError::NotInModel { job: 0, field, value };
    assert_eq!(error(job(7, RACK_A, 1, 0)), unknown("class", 7));
    assert_eq!(error(RunningPower { gpu: 2, ..job(0, RACK_A, 1, 0) }), unknown("gpu", 2));
    assert_eq!(error(RunningPower { cap: 3, ..job(0, RACK_A, 1, 0) }), unknown("cap", 3));
    let error = error(job(0, RACK_A, 1, 0));
    assert_eq!(error, ReliefError::MoreThanUsed { feeder: HALL, jobs_mw: 12, used_mw: 0 });
    assert!(error.to_string().contains("draw 12 mW, the tree counts 0"), "{error}");
}

#[test]
fn models_that_contradict_themselves_are_refused() {
    let cap = |limit_mw, slowdown_permille| CapStep { limit_mw, slowdown_permille };
    let gpu = |caps| GpuPower::new(10, 100, caps).unwrap_err();
    let idle = GpuPower::new(5, 4, Vec::new()).unwrap_err();
    assert_eq!(idle, ModelError::IdleAboveTdp { idle_mw: 5, tdp_mw: 4 });
    assert_eq!(gpu(vec![cap(100, 0)]), ModelError::CapOutOfOrder { step: 0, limit_mw: 100 });
    assert_eq!(
        gpu(vec![cap(90, 0), cap(9, 0)]),
        ModelError::CapOutOfOrder { step: 1, limit_mw: 9 }
    );
    let slow = |step, slowdown_permille| ModelError::SlowdownOutOfOrder { step, slowdown_permille };
    assert_eq!(gpu(vec![cap(90, 50), cap(80, 40)]), slow(1, 40));
    assert_eq!(gpu(vec![cap(90, 1_001)]), slow(0, 1_001));
    let class = ClassPower { utilisation_permille: 1_001, cost: 0 };
    let error = PowerModel::new(Vec::new(), vec![class]).unwrap_err();
    assert!(error.to_string().contains("`utilisation_permille` 1001 of class 0"), "{error}");
}
