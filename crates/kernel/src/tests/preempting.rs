//! Preemption: who is protected, what becomes of who goes, and what is on record.

use super::*;
use crate::workload::{Preempt, RankStatus, StopCause};

struct Scene {
    world: World,
    victim: Id<kinds::Workload>,
    waiting: Id<kinds::Workload>,
}

impl Scene {
    fn of(spec: workload::Spec) -> Self {
        let mut world = World::new();
        let organisation = world.organisation("bank");
        let project = world.project(organisation, "risk");
        let site = world.site("paris", "FR");
        world.node(site, "n1", 1);
        let victim = world.submit_job(project, spec).unwrap();
        world.schedule();
        let mut urgent = job("urgent");
        urgent.priority = 500;
        let waiting = world.submit_job(project, urgent).unwrap();
        Self { world, victim, waiting }
    }

    fn preempt(&mut self) -> Result<Vec<Event>, Reject> {
        let generation = self.world.state.workloads[&self.victim].generation;
        self.propose(generation)
    }

    fn propose(&mut self, generation: u64) -> Result<Vec<Event>, Reject> {
        let preempt = Preempt {
            workload: self.victim,
            generation,
            for_workload: Some(self.waiting),
            reason: "priority 500 over 0".to_owned(),
        };
        self.world.run(Command::Workload(workload::Command::Preempt(preempt)))
    }

    fn killed(&mut self) {
        let killed = RankStatus::Exited { code: None, signal: Some(15), reason: None };
        self.world.report(self.victim, 0, killed, 1).unwrap();
    }
}

#[test]
fn who_makes_room_keeps_its_grace_and_goes_back_to_the_queue() {
    let mut scene = Scene::of(job("long"));
    scene.world.report(scene.victim, 0, RankStatus::Running, 1).unwrap();
    scene.preempt().unwrap();
    assert_eq!(scene.world.phase(scene.victim), "stopping");
    let node = *scene.world.state.nodes.keys().next().unwrap();
    let goal = crate::desired(&scene.world.state, node)[0].goal;
    assert_eq!(goal, crate::Goal::Stop(DurationMicros::from_secs(10)));
    scene.killed();
    let victim = &scene.world.state.workloads[&scene.victim];
    assert_eq!((victim.state_name(), victim.n_failures, victim.n_preemptions), ("queued", 0, 1));
    let record = victim.attempt().unwrap().preemption.clone().unwrap();
    assert_eq!(record.for_workload, Some(scene.waiting));
    assert_eq!(record.reason, "priority 500 over 0");
    assert_eq!(scene.world.schedule(), 1);
    assert_eq!(scene.world.phase(scene.waiting), "placed");
    assert_eq!(scene.world.verify().findings, vec![]);
}

#[test]
fn a_clean_exit_on_the_signal_is_a_checkpoint_and_no_success() {
    let mut scene = Scene::of(job("polite"));
    scene.preempt().unwrap();
    scene.world.report(scene.victim, 0, exited(0), 1).unwrap();
    assert_eq!(scene.world.phase(scene.victim), "queued");
}

#[test]
fn who_asked_not_to_be_tried_again_is_stopped() {
    let mut spec = job("once");
    spec.retry_on.preempted = false;
    let mut scene = Scene::of(spec);
    scene.preempt().unwrap();
    scene.killed();
    let ended = workload::Phase::Ended {
        at: scene.world.now(),
        outcome: workload::Outcome::Stopped { cause: StopCause::Preempted },
    };
    assert_eq!(scene.world.state.workloads[&scene.victim].phase, ended);
    scene.world.verify();
}

#[test]
fn a_proposal_that_would_hurt_is_refused() {
    let wrong = |result| matches!(result, Err(Reject::WrongState { .. }));
    let mut spec = job("guaranteed");
    spec.terms.guaranteed = DurationMicros::from_secs(3_600);
    let mut scene = Scene::of(spec);
    assert!(wrong(scene.preempt()), "its guaranteed time is not over");
    scene.world.advance(3_600);
    let generation = scene.world.state.workloads[&scene.victim].generation;
    assert!(matches!(scene.propose(generation - 1), Err(Reject::Stale { .. })));
    scene.preempt().unwrap();
    assert!(wrong(scene.preempt()), "it is stopping already");
    let mut spec = job("mine");
    spec.terms.preemptible = Some(false);
    assert!(wrong(Scene::of(spec).preempt()));
    let mut service = job("service");
    service.kind = workload::Kind::Service;
    assert!(wrong(Scene::of(service.clone()).preempt()), "a service is not preemptible as such");
    service.terms.preemptible = Some(true);
    Scene::of(service).preempt().unwrap();
    let mut scene = Scene::of(job("long"));
    std::mem::swap(&mut scene.victim, &mut scene.waiting);
    assert!(wrong(scene.preempt()), "who waits holds nothing");
    let mut scene = Scene::of(job("long"));
    scene.waiting = scene.victim;
    assert!(wrong(scene.preempt()), "who holds nodes needs no room");
}

#[test]
fn a_stop_by_its_owner_outweighs_a_preemption() {
    let mut scene = Scene::of(job("long"));
    scene.preempt().unwrap();
    let stop = workload::Command::Stop { id: scene.victim };
    scene.world.run(Command::Workload(stop)).unwrap();
    scene.killed();
    assert_eq!(scene.world.phase(scene.victim), "stopped");
    scene.world.verify();
}
