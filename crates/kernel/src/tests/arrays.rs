//! Arrays: one submission, tasks that run for themselves, one end.

use super::*;
use crate::workload::{Array, Condition, Dependency, Tally};

fn array(first: u32, last: u32, running_max: Option<u32>) -> workload::Spec {
    let mut spec = job("sweep");
    spec.terms.array = Some(Array { first, last, step: 1, running_max });
    spec
}

fn start(cores: u64) -> (World, Id<kinds::Project>) {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    world.node(site, "n1", cores);
    (world, project)
}

fn task(world: &World, id: Id<kinds::Workload>, index: u32) -> Id<kinds::Workload> {
    world.state.workloads[&id].spec.terms.array.unwrap().task(id, index).unwrap()
}

#[test]
fn one_entry_submits_all_tasks_and_no_more_run_than_may() {
    let (mut world, project) = start(8);
    world.prices();
    let before = world.leaves.len();
    let id = world.submit_job(project, array(5, 8, Some(2))).unwrap();
    assert_eq!(world.leaves.len(), before + 2, "the decision and the submission");
    assert_eq!(world.state.workloads.len(), 5);
    let node = *world.state.nodes.keys().next().unwrap();
    let place = |workload, generation| {
        let place = workload::Place { workload, generation, nodes: vec![node], seats: vec![] };
        Command::Workload(workload::Command::Place(place))
    };
    assert!(matches!(world.run(place(id, 1)), Err(Reject::WrongState { .. })), "the array itself");
    assert_eq!(world.schedule(), 2, "two slots");
    let (first, last) = (task(&world, id, 5), task(&world, id, 8));
    assert_eq!(world.phase(first), "placed", "in the order of their numbers");
    assert!(matches!(world.run(place(last, 1)), Err(Reject::WrongState { .. })), "no slot");
    world.report(first, 0, exited(0), 100).unwrap();
    assert_eq!(world.schedule(), 1);
    for index in [6, 7] {
        let one = task(&world, id, index);
        world.report(one, 0, exited(0), 100).unwrap();
    }
    world.schedule();
    assert_eq!(world.phase(id), "queued");
    let events = world.report(last, 0, exited(0), 100).unwrap();
    assert_eq!(events.last().unwrap().subject(), Subject::Workload(id), "one entry ends it");
    assert_eq!(world.phase(id), "succeeded");
    let whole = &world.state.workloads[&id];
    assert_eq!((whole.cost, whole.used.cpu_micros), (MicroEuro(4_000_000), 400_000_000));
    assert_eq!(world.state.workloads[&last].task.unwrap().index, 8);
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn a_stop_of_the_whole_stops_each_task() {
    let (mut world, project) = start(1);
    let id = world.submit_job(project, array(0, 2, None)).unwrap();
    world.schedule();
    world.run(Command::Workload(workload::Command::Stop { id })).unwrap();
    assert_eq!(world.phase(id), "queued", "one task has its grace");
    let tally = workload::tally(&world.state, id).unwrap();
    assert_eq!(tally, Tally { holding: 1, stopped: 2, ..Tally::default() });
    let first = task(&world, id, 0);
    world.report(first, 0, exited(0), 1).unwrap();
    assert_eq!(world.phase(id), "stopped");
    let other = world.submit_job(project, array(0, 2, None)).unwrap();
    world.run(Command::Workload(workload::Command::Stop { id: other })).unwrap();
    assert_eq!(world.phase(other), "stopped", "nothing ran");
    world.verify();
}

#[test]
fn a_failed_task_fails_the_array_and_what_waits_for_it() {
    let (mut world, project) = start(2);
    let id = world.submit_job(project, array(0, 1, None)).unwrap();
    let mut next = array(0, 1, None);
    next.terms.after = vec![Dependency { workload: id, on: Condition::Success }];
    let next = world.submit_job(project, next).unwrap();
    assert_eq!(world.schedule(), 2);
    let (bad, good) = (task(&world, id, 0), task(&world, id, 1));
    world.report(bad, 0, exited(1), 1).unwrap();
    assert_eq!((world.phase(id), world.phase(next)), ("queued", "queued"));
    world.report(good, 0, exited(0), 1).unwrap();
    assert_eq!((world.phase(id), world.phase(next)), ("failed", "stopped"));
    let workload::Phase::Ended { outcome, .. } = &world.state.workloads[&id].phase else {
        panic!()
    };
    let message = "1 of 2 tasks failed".to_owned();
    assert_eq!(*outcome, workload::Outcome::Failed { message });
    world.verify();
}

#[test]
fn a_budget_ends_an_array_once() {
    let (mut world, project) = start(1);
    world.prices();
    world.budget(project, 1_000_000);
    let id = world.submit_job(project, array(0, 3, None)).unwrap();
    world.schedule();
    let first = task(&world, id, 0);
    let events = world.report(first, 0, exited(0), 200).unwrap();
    let ends = events.iter().filter(|event| event.subject() == Subject::Workload(id)).count();
    assert_eq!((ends, world.phase(id), world.phase(first)), (1, "failed", "succeeded"));
    world.verify();
}

#[test]
fn ranges_have_steps_and_limits() {
    let (mut world, project) = start(1);
    let range = Array { first: 1, last: 10, step: 4, running_max: None };
    assert_eq!((range.n_tasks(), range.indices().collect::<Vec<_>>()), (3, vec![1, 5, 9]));
    let id = Id::from_bytes([0x80; 16]);
    assert!(range.task(id, 5).unwrap() < range.task(id, 9).unwrap());
    assert_eq!((range.task(id, 6), range.task(id, 13), range.task(id, 0)), (None, None, None));
    let mut refused = |spec: workload::Spec| {
        matches!(world.submit_job(project, spec), Err(Reject::Invalid { field: "array", .. }))
    };
    assert!(refused(array(2, 1, None)));
    assert!(refused(array(0, 10_000, None)));
    assert!(refused(array(0, 1, Some(0))));
    let mut endless = array(0, 1, None);
    endless.kind = workload::Kind::Service;
    assert!(refused(endless));
    let mut large = array(0, 9_999, None);
    large.script = "x".repeat(10_000);
    assert!(refused(large));
    let mut still = array(0, 1, None);
    still.terms.array = Some(Array { first: 0, last: 1, step: 0, running_max: None });
    assert!(refused(still));
}
