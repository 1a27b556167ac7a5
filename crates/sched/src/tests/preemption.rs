//! Evictions: the cheapest that suffice, and nobody else.

use expect_test::expect;

use super::{job, node, problem, running, show};
use crate::{Fleet, Job, JobIdx, NodeIdx, Running, Scheduler, Settings, plan, share::Tree};

fn with_priority(priority: i32, job: Job) -> Job {
    Job { priority, ..job }
}

fn saved(saved_us: i64, running: Running) -> Running {
    Running { saved_us, ..running }
}

#[test]
fn the_least_loss_makes_room() {
    let nodes = vec![node(0, 0, 4), node(0, 0, 4), node(0, 0, 4)];
    let runs = vec![
        saved(900, running(job(1, 4), &[0])),
        saved(950, running(job(1, 2), &[1])),
        saved(100, running(job(1, 2), &[1])),
        running(Job { preemptible: false, ..job(1, 4) }, &[2]),
    ];
    let waiting = vec![with_priority(1, job(1, 4)), with_priority(1, job(2, 2)), job(1, 1)];
    expect![[r#"
        job 0 evicts [100] from [0]
        job 0 waits: 1 job with a lesser claim make room.
        job 1 waits: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 0 have it now.
        job 2 waits: Waiting for GPUs: the job needs 1 node with enough free in one site, 0 have it now.
    "#]].assert_eq(&show(&plan(&problem(nodes, waiting, runs))));
}

#[test]
fn nobody_is_evicted_in_vain() {
    let nodes = vec![node(0, 0, 4), node(0, 0, 4)];
    let runs =
        vec![running(job(1, 4), &[0]), running(Job { guaranteed_us: 5_000, ..job(1, 4) }, &[1])];
    // Two nodes are not to be had, because one victim is still guaranteed its time.
    let waiting = vec![with_priority(1, job(2, 4))];
    expect![[r#"
        job 0 waits: Waiting for GPUs: the job needs 2 nodes with enough free in one site, 0 have it now.
    "#]].assert_eq(&show(&plan(&problem(nodes, waiting, runs))));
}

#[test]
fn a_gang_evicted_for_one_node_frees_the_others_too() {
    let nodes = vec![node(0, 0, 4), node(0, 0, 4), node(0, 0, 4)];
    let runs = vec![running(job(2, 4), &[0, 1]), running(job(1, 4), &[2])];
    let waiting = vec![with_priority(1, job(2, 4))];
    expect![[r#"
        job 0 evicts [100] from [0, 1]
        job 0 waits: 1 job with a lesser claim make room.
    "#]]
    .assert_eq(&show(&plan(&problem(nodes, waiting, runs))));
}

#[test]
fn who_others_were_evicted_for_is_served_before_them() {
    // One GPU. Job 0 was evicted for job 1, is gone, and waits again with the older submission.
    let mut scheduler =
        Scheduler::new(Fleet::new(&[node(0, 0, 1)]), Tree::default(), Settings::default());
    scheduler.submit(JobIdx(0), job(1, 1));
    scheduler.start(JobIdx(0), vec![NodeIdx(0)], 0);
    scheduler.submit(JobIdx(1), Job { submitted_order: 1, ..job(1, 1) });
    scheduler.stopping(JobIdx(0), 10, Some(JobIdx(1)));
    let back = scheduler.finish(JobIdx(0)).unwrap().job;
    scheduler.submit(JobIdx(0), back);
    let placed =
        |plan: &crate::Plan| plan.placements.iter().map(|one| one.job.0).collect::<Vec<_>>();
    assert_eq!(placed(&scheduler.plan(10)), [1]);
    // Once it was served the claim is gone.
    scheduler.start(JobIdx(1), vec![NodeIdx(0)], 10);
    let served = scheduler.finish(JobIdx(1)).unwrap().job;
    scheduler.submit(JobIdx(1), served);
    assert_eq!(placed(&scheduler.plan(20)), [0]);
}

#[test]
fn a_node_that_somebody_has_alone_is_no_room() {
    // The first node has room by its numbers, but whoever is there has it alone and may stay.
    let alone = Job { exclusive: true, preemptible: false, ..job(1, 1) };
    let lesser = Job { priority: -1, ..job(1, 4) };
    let nodes = vec![node(0, 0, 4), node(0, 0, 4)];
    let runs = vec![running(alone, &[0]), running(lesser, &[1])];
    let given = problem(nodes.clone(), vec![job(2, 1)], runs.clone());
    assert!(plan(&given).preemptions.is_empty());
    // One node is enough: then the other one's work goes.
    let given = problem(nodes, vec![job(1, 1)], runs);
    let preemptions = plan(&given).preemptions;
    assert_eq!(preemptions.len(), 1);
    assert_eq!(preemptions[0].nodes, [NodeIdx(1)]);
}

#[test]
fn a_suspect_node_that_somebody_has_alone_is_shared_with_nobody() {
    let nodes = vec![crate::Node { state: crate::NodeState::Suspect, ..node(0, 0, 4) }];
    let runs = vec![running(Job { exclusive: true, ..job(1, 1) }, &[0])];
    assert!(plan(&problem(nodes, vec![job(1, 1)], runs)).placements.is_empty());
}
