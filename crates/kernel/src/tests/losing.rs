//! A node that is lost: what ran there goes back to the queue, and nobody trusts it afterwards.

use super::*;
use crate::{
    node::Status,
    workload::{RankStatus, StopCause},
};

struct Scene {
    world: World,
    nodes: Vec<Id<kinds::Node>>,
    gang: Id<kinds::Workload>,
}

impl Scene {
    /// A gang that runs on every node there is.
    fn of(n_nodes: u32, node_failure: bool) -> Self {
        let mut world = World::new();
        let organisation = world.organisation("bank");
        let project = world.project(organisation, "risk");
        let site = world.site("paris", "FR");
        let nodes = (0..n_nodes).map(|n| world.node(site, &format!("n{n}"), 1)).collect();
        let mut spec = job("gang");
        (spec.nodes_min, spec.nodes_max) = (n_nodes, n_nodes);
        spec.retry_on.node_failure = node_failure;
        let gang = world.submit_job(project, spec).unwrap();
        assert_eq!(world.schedule(), 1);
        for rank in 0..n_nodes {
            world.report(gang, rank, RankStatus::Running, 1).unwrap();
        }
        Self { world, nodes, gang }
    }

    fn lose(&mut self, node: usize) -> Vec<&'static str> {
        self.set(node, Status::Down)
    }

    fn set(&mut self, node: usize, status: Status) -> Vec<&'static str> {
        let (id, reason) = (self.nodes[node], "no heartbeat".to_owned());
        let command = Command::Node(node::Command::SetStatus { id, status, reason });
        let events = self.world.run(command).unwrap();
        events.iter().map(Event::kind).collect()
    }

    fn phase(&self) -> &'static str {
        self.world.phase(self.gang)
    }

    fn failures(&self) -> u32 {
        self.world.state.workloads[&self.gang].n_failures
    }
}

#[test]
fn a_gang_that_loses_a_node_is_stopped_and_waits_again() {
    let mut scene = Scene::of(2, true);
    let events = scene.lose(1);
    assert_eq!(events, ["node.status_changed", "workload.rank_changed", "workload.stop_requested"]);
    assert_eq!(scene.phase(), "stopping");
    let phase = &scene.world.state.workloads[&scene.gang].phase;
    let workload::Phase::Stopping { cause, .. } = phase else { panic!("{phase:?}") };
    assert_eq!(*cause, StopCause::NodeLost);
    scene.world.report(scene.gang, 0, exited(143), 2).unwrap();
    assert_eq!((scene.phase(), scene.failures()), ("queued", 0), "it is nobody's failure");
    // The other node alone is too small, and the lost one takes nothing.
    assert_eq!(scene.world.schedule(), 0);
    scene.set(1, Status::Ready);
    assert_eq!(scene.world.schedule(), 1);
    assert_eq!(scene.world.verify().findings, vec![]);
}

#[test]
fn work_of_one_node_waits_again_at_once_and_late_reports_are_refused() {
    let mut scene = Scene::of(1, true);
    let events = scene.lose(0);
    assert_eq!(events, ["node.status_changed", "workload.rank_changed", "workload.requeued"]);
    assert_eq!((scene.phase(), scene.failures()), ("queued", 0));
    assert!(crate::desired(&scene.world.state, scene.nodes[0]).is_empty(), "an orphan is ended");
    scene.set(0, Status::Ready);
    assert_eq!(scene.world.schedule(), 1);
    let late = workload::Report {
        workload: scene.gang,
        attempt: 1,
        rank: 0,
        status: exited(0),
        used: Counters::default(),
        energy_measured: false,
        energy_source: String::new(),
    };
    let refused = scene.world.run(Command::Workload(workload::Command::Report(late)));
    assert!(matches!(refused, Err(Reject::Stale { .. })), "{refused:?}");
    assert_eq!(scene.phase(), "placed");
    scene.world.verify();
}

#[test]
fn who_asked_not_to_be_tried_again_fails_with_the_reason() {
    let mut scene = Scene::of(2, false);
    scene.lose(0);
    scene.lose(1);
    assert_eq!(scene.phase(), "failed");
    let ended = workload::Phase::Ended {
        at: scene.world.now(),
        outcome: workload::Outcome::Failed { message: "node lost".to_owned() },
    };
    assert_eq!(scene.world.state.workloads[&scene.gang].phase, ended);
    assert_eq!(scene.lose(1), Vec::<&str>::new(), "it is lost already");
    scene.world.verify();
}

#[test]
fn a_stop_by_its_owner_outweighs_the_loss() {
    let mut scene = Scene::of(1, true);
    let stop = workload::Command::Stop { id: scene.gang };
    scene.world.run(Command::Workload(stop)).unwrap();
    scene.lose(0);
    assert_eq!(scene.phase(), "stopped");
    scene.world.verify();
}
