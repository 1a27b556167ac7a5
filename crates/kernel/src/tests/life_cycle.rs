//! Workloads from submission to their end, with retries, gangs, services and drains.

use super::*;
use crate::workload::RankStatus;

#[test]
fn a_job_runs_is_billed_and_ends() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    world.prices();
    let site = world.site("paris", "FR");
    world.node(site, "n1", 2);
    let id = world.submit_job(project, job("one")).unwrap();
    assert_eq!(world.phase(id), "queued");
    assert_eq!(world.schedule(), 1);
    assert_eq!(world.phase(id), "placed");
    world.report(id, 0, RankStatus::Running, 0).unwrap();
    world.report(id, 0, RankStatus::Running, 100).unwrap();
    world.report(id, 0, exited(0), 200).unwrap();
    assert_eq!(world.phase(id), "succeeded");
    let workload = &world.state.workloads[&id];
    assert_eq!(workload.cost, MicroEuro(2_000_000), "200 s at 36 EUR/h");
    assert_eq!(workload.used.cpu_micros, 200_000_000);
    let totals = &world.state.usage.totals[&project];
    assert_eq!(totals.energy_modelled.0, 2_400_000);
    assert_eq!(totals.energy_measured.0, 0);
    let audit = world.verify();
    assert_eq!((audit.placements, audit.findings), (1, vec![]));
}

#[test]
fn late_and_stale_reports_change_nothing() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    world.node(site, "n1", 2);
    let id = world.submit_job(project, job("one")).unwrap();
    world.schedule();
    world.report(id, 0, exited(0), 1).unwrap();
    assert_eq!(world.report(id, 0, exited(1), 2).unwrap(), vec![]);
    let stale = workload::Report {
        workload: id,
        attempt: 0,
        rank: 0,
        status: RankStatus::Running,
        used: Counters::default(),
        energy_measured: false,
        energy_source: String::new(),
    };
    let refused = world.run(Command::Workload(workload::Command::Report(stale)));
    assert!(matches!(refused, Err(Reject::Stale { .. })));
}

#[test]
fn a_failed_job_is_retried_as_often_as_asked_with_back_off() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    world.node(site, "n1", 2);
    let mut spec = job("flaky");
    spec.retries_max = 1;
    spec.retry_on.failure = true;
    let id = world.submit_job(project, spec).unwrap();
    world.schedule();
    world.report(id, 0, exited(3), 1).unwrap();
    assert_eq!(world.phase(id), "queued");
    assert_eq!(world.schedule(), 0, "the back-off holds it");
    world.advance(1);
    assert_eq!(world.schedule(), 1);
    world.report(id, 0, exited(3), 1).unwrap();
    assert_eq!(world.phase(id), "failed");
    assert_eq!(world.state.workloads[&id].n_attempts, 2);
    world.verify();
}

#[test]
fn a_gang_is_placed_whole_and_ends_together() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    world.node(site, "n1", 1);
    let mut spec = job("gang");
    (spec.nodes_min, spec.nodes_max) = (2, 2);
    let id = world.submit_job(project, spec).unwrap();
    assert_eq!(world.schedule(), 0);
    assert!(crate::explain(&world.state, id, world.now()).is_some());
    world.node(site, "n2", 1);
    assert_eq!(world.schedule(), 1);
    world.report(id, 0, RankStatus::Running, 1).unwrap();
    world.report(id, 1, exited(9), 1).unwrap();
    assert_eq!(world.phase(id), "stopping");
    world
        .report(id, 0, RankStatus::Exited { code: None, signal: Some(15), reason: None }, 2)
        .unwrap();
    assert_eq!(world.phase(id), "failed");
    assert!(world.state.nodes.values().all(|node| node.allocated.cpu.is_zero()));
    world.verify();
}

#[test]
fn a_service_that_dies_is_started_again_and_a_stop_is_final() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    world.node(site, "n1", 1);
    let mut spec = job("service");
    spec.kind = workload::Kind::Service;
    let id = world.submit_job(project, spec).unwrap();
    world.schedule();
    world.report(id, 0, RankStatus::Ready { address: "127.0.0.1:1".to_owned() }, 1).unwrap();
    assert_eq!(world.state.workloads[&id].ready_addresses().count(), 1);
    world.report(id, 0, exited(0), 1).unwrap();
    assert_eq!(world.phase(id), "queued");
    assert_eq!(world.state.workloads[&id].ready_addresses().count(), 0);
    world.advance(1);
    world.schedule();
    world.run(Command::Workload(workload::Command::Stop { id })).unwrap();
    assert_eq!(world.phase(id), "stopping");
    world.report(id, 0, exited(0), 1).unwrap();
    assert_eq!(world.phase(id), "stopped");
    world.verify();
}

#[test]
fn a_drained_node_sends_its_work_back_to_the_queue() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    let node = world.node(site, "n1", 1);
    let id = world.submit_job(project, job("one")).unwrap();
    world.schedule();
    let drain = node::Command::SetStatus {
        id: node,
        status: node::Status::Draining,
        reason: "firmware".to_owned(),
    };
    world.run(Command::Node(drain)).unwrap();
    let goals: Vec<crate::Goal> =
        crate::desired(&world.state, node).iter().map(|p| p.goal).collect();
    assert_eq!(goals, vec![crate::Goal::Stop(DurationMicros::from_secs(10))]);
    world
        .report(id, 0, RankStatus::Exited { code: None, signal: Some(15), reason: None }, 1)
        .unwrap();
    assert_eq!(world.phase(id), "queued");
    assert_eq!(world.schedule(), 0, "a draining node takes nothing");
    world.verify();
}

#[test]
fn a_budget_stops_what_runs_and_refuses_what_comes() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    world.prices();
    let budget = world.budget(project, 1_000_000);
    let site = world.site("paris", "FR");
    world.node(site, "n1", 1);
    let running = world.submit_job(project, job("one")).unwrap();
    world.schedule();
    let waiting = world.submit_job(project, job("two")).unwrap();
    world.report(running, 0, RankStatus::Running, 99).unwrap();
    assert_eq!(world.phase(running), "running");
    world.report(running, 0, RankStatus::Running, 100).unwrap();
    assert_eq!((world.phase(running), world.phase(waiting)), ("stopping", "stopped"));
    assert!(world.state.budgets[&budget].exhausted);
    let refused = world.submit_job(project, job("three"));
    assert!(matches!(refused, Err(Reject::BudgetExhausted { .. })));
    let raise = budget::Command::SetLimit { id: budget, limit: MicroEuro(2_000_000) };
    world.run(Command::Budget(raise)).unwrap();
    world.submit_job(project, job("three")).unwrap();
    world.verify();
}

#[test]
fn a_placement_by_hand_passes_the_same_checks() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let (paris, lyon) = (world.site("paris", "FR"), world.site("lyon", "FR"));
    let (a, b) = (world.node(paris, "a", 1), world.node(lyon, "b", 1));
    let mut spec = job("pair");
    (spec.nodes_min, spec.nodes_max) = (1, 2);
    let id = world.submit_job(project, spec).unwrap();
    let generation = world.state.workloads[&id].generation;
    let mut place = |generation, nodes| {
        let place = workload::Place { workload: id, generation, nodes, seats: vec![] };
        world.run(Command::Workload(workload::Command::Place(place)))
    };
    assert!(matches!(place(generation, vec![a, b]), Err(Reject::DoesNotFit { .. })));
    assert!(matches!(place(generation, vec![a, a]), Err(Reject::DoesNotFit { .. })));
    assert!(matches!(place(generation, vec![]), Err(Reject::DoesNotFit { .. })));
    assert!(matches!(place(generation + 1, vec![a]), Err(Reject::Stale { .. })));
    place(generation, vec![a]).unwrap();
    assert!(matches!(place(generation, vec![b]), Err(Reject::Stale { .. })));
}
