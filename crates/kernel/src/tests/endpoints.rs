//! Endpoints whose services follow the load or another version: bounds, drains, updates, refusals.

use super::{
    sovereignty::{endpoint, start},
    *,
};
use crate::{
    endpoint::{Command as Ask, Endpoint, Event as Told, Observed, Scaling, Stage},
    model::{self, Artefact},
};

/// An endpoint of one service that answers, with room for many.
struct Served {
    world: World,
    id: Id<kinds::Endpoint>,
    next_port: u32,
}

impl Served {
    fn new() -> Self {
        let (mut world, _, risk) = start();
        let site = world.site("paris", "FR");
        world.node(site, "n1", 32);
        let id = endpoint(&mut world, risk);
        let mut served = Self { world, id, next_port: 8_000 };
        served.settle();
        served
    }

    fn endpoint(&self) -> &Endpoint {
        &self.world.state.endpoints[&self.id]
    }

    fn ask(&mut self, command: Ask) -> Result<Vec<Event>, Reject> {
        self.world.run(Command::Endpoint(command))
    }

    fn scale(&mut self, scaling: Scaling) -> Result<Vec<Event>, Reject> {
        self.ask(Ask::Scale { id: self.id, scaling: Box::new(scaling) })
    }

    fn resize(&mut self, replicas: u32) {
        let observed = Observed { tokens: 9_000, ..Observed::default() };
        self.ask(Ask::Resize { id: self.id, replicas, observed }).unwrap();
    }

    fn converge(&mut self, quiet: &[Id<kinds::Workload>]) -> Vec<Event> {
        self.ask(Ask::Converge { id: self.id, quiet: quiet.to_vec() }).unwrap()
    }

    /// Starts all that waits, and lets it answer.
    fn answer(&mut self) {
        self.world.schedule();
        for id in self.endpoint().workloads.clone() {
            if self.world.phase(id) == "placed" {
                self.next_port += 1;
                let address = format!("127.0.0.1:{}", self.next_port);
                self.world.report(id, 0, workload::RankStatus::Ready { address }, 0).unwrap();
            }
        }
    }

    /// Converges until nothing is left to do; all drains are quiet at once.
    fn settle(&mut self) {
        for _ in 0..100 {
            self.answer();
            let quiet: Vec<_> = self.endpoint().draining.keys().copied().collect();
            if self.converge(&quiet).is_empty() {
                return;
            }
        }
        panic!("no end: {:?}", self.endpoint());
    }

    fn n_serving(&self) -> u32 {
        self.endpoint().n_serving(&self.world.state)
    }

    /// Another version of the model; answers its number and how it is run.
    fn version(&mut self) -> (Id<kinds::Model>, u32, Box<workload::Spec>) {
        let id = self.endpoint().model.unwrap();
        let manifest = units::Digest([2; 32]);
        let add = model::AddVersion {
            id,
            manifest,
            files: 1,
            size: Bytes(1),
            class: DataClass::Internal,
            lineage: model::Lineage::default(),
            signature: None,
        };
        self.world.run(Command::Model(model::Command::AddVersion(add))).unwrap();
        let version = u32::try_from(self.world.state.models[&id].versions.len()).unwrap();
        let artefact = Artefact::Model { id, version };
        let input = workload::Input { artefact, manifest, mount: "/model".to_owned() };
        let kind = workload::Kind::Service;
        (id, version, Box::new(workload::Spec { kind, inputs: vec![input], ..job("service") }))
    }

    fn update(&mut self, canary_percent: Option<u32>) -> Result<Vec<Event>, Reject> {
        let (model, model_version, service) = self.version();
        let (id, promote_after) = (self.id, None);
        self.ask(Ask::Update { id, model, model_version, service, canary_percent, promote_after })
    }

    fn stage(&self) -> Option<Stage> {
        self.endpoint().rollout.as_ref().map(|rollout| rollout.stage)
    }
}

fn up_to(max: u32) -> Scaling {
    Scaling { target_tokens: Some(1_000), ..Scaling::within(0, max) }
}

#[test]
fn an_endpoint_of_before_stays_as_it_was_created() {
    let mut served = Served::new();
    let only = served.endpoint().workloads[0];
    let stop = workload::Command::Stop { id: only };
    served.world.run(Command::Workload(stop)).unwrap();
    served.world.report(only, 0, exited(0), 1).unwrap();
    assert_eq!((served.world.phase(only), served.converge(&[])), ("stopped", vec![]));
    assert_eq!(served.endpoint().wanted(), 1);
}

#[test]
fn services_come_and_go_with_what_is_wanted_and_drain_first() {
    let mut served = Served::new();
    served.scale(up_to(4)).unwrap();
    served.resize(4);
    served.settle();
    assert_eq!((served.n_serving(), served.endpoint().workloads.len()), (4, 4));
    let (oldest, youngest) = (served.endpoint().workloads[0], served.endpoint().workloads[3]);
    served.resize(2);
    served.converge(&[]);
    // Who drains still runs, and is asked no more.
    assert!(served.endpoint().draining.contains_key(&youngest));
    assert!(!served.endpoint().draining.contains_key(&oldest));
    assert_eq!((served.n_serving(), served.world.phase(youngest)), (2, "running"));
    served.world.advance(119);
    assert_eq!(served.converge(&[]), vec![], "what was begun may take two minutes");
    served.world.advance(2);
    served.converge(&[]);
    assert_eq!((served.world.phase(youngest), served.endpoint().workloads.len()), ("stopping", 2));
    assert!(served.endpoint().retired.contains(&youngest));
    served.resize(0);
    served.settle();
    assert_eq!((served.n_serving(), served.endpoint().workloads.len()), (0, 0));
    served.resize(1);
    served.settle();
    assert_eq!(served.n_serving(), 1, "it is run as the first one was");
    assert_eq!(served.world.verify().findings, vec![]);
}

#[test]
fn a_service_that_is_needed_again_stays() {
    let mut served = Served::new();
    served.scale(up_to(2)).unwrap();
    served.resize(2);
    served.settle();
    let before = served.endpoint().workloads.clone();
    served.resize(1);
    served.converge(&[]);
    served.resize(2);
    let events = served.converge(&[]);
    let resumed = matches!(events[..], [Event::Endpoint(Told::DrainCancelled { .. })]);
    assert!(resumed && served.n_serving() == 2, "{events:?}");
    assert_eq!(served.endpoint().workloads, before);
}

#[test]
fn what_nobody_waits_for_goes_first_and_without_a_drain() {
    let mut served = Served::new();
    served.scale(up_to(64)).unwrap();
    served.resize(40);
    served.settle();
    // 16 GiB: the others wait in the queue, with the scheduler's reason.
    assert_eq!((served.n_serving(), served.endpoint().workloads.len()), (16, 40));
    served.resize(16);
    served.converge(&[]);
    assert_eq!((served.n_serving(), served.endpoint().workloads.len()), (16, 16));
    assert!(served.endpoint().draining.is_empty());
}

#[test]
fn a_budget_in_the_way_is_said_and_said_once() {
    let mut served = Served::new();
    served.world.prices();
    let project = served.endpoint().project;
    served.world.budget(project, 1_000_000);
    served.scale(up_to(4)).unwrap();
    served.resize(4);
    let one = served.endpoint().workloads[0];
    served.world.report(one, 0, workload::RankStatus::Running, 1_000_000).unwrap();
    served.converge(&[]);
    let held = served.endpoint().held.clone().unwrap();
    assert!(held.contains("is used up"), "{held}");
    let again = served.converge(&[]);
    assert!(!again.iter().any(|event| event.kind() == "endpoint.held"), "{again:?}");
}

#[test]
fn another_version_takes_the_place_service_by_service() {
    let mut served = Served::new();
    served.scale(Scaling { replicas_min: 4, ..up_to(8) }).unwrap();
    served.settle();
    let old = served.endpoint().workloads.clone();
    served.update(None).unwrap();
    for round in 0..100 {
        served.answer();
        assert!(served.n_serving() >= 4, "round {round}: never fewer than wanted");
        assert!(served.endpoint().workloads.len() <= 4 + 1 + 4, "one more than wanted, and drains");
        let quiet: Vec<_> = served.endpoint().draining.keys().copied().collect();
        if served.converge(&quiet).is_empty() {
            break;
        }
    }
    let endpoint = served.endpoint();
    assert_eq!((endpoint.model_version, endpoint.rollout.is_none()), (2, true));
    assert!(endpoint.workloads.iter().all(|id| !old.contains(id)) && endpoint.workloads.len() == 4);
    served.resize(6);
    served.settle();
    let serves =
        |id: &Id<kinds::Workload>| served.world.state.workloads[id].spec.inputs[0].artefact;
    let model = served.endpoint().model.unwrap();
    let new = Artefact::Model { id: model, version: 2 };
    assert!(served.endpoint().workloads.iter().all(|id| serves(id) == new), "later ones as well");
    assert_eq!(served.world.verify().findings, vec![]);
}

#[test]
fn a_canary_has_its_share_until_somebody_decides() {
    let mut served = Served::new();
    served.scale(Scaling { replicas_min: 4, ..up_to(8) }).unwrap();
    served.settle();
    served.update(Some(10)).unwrap();
    served.converge(&[]);
    let shares = |served: &Served| {
        let serving = served.endpoint().serving_in(&served.world.state, |_| true);
        let (new, old): (Vec<_>, Vec<_>) =
            serving.into_iter().partition(|one| served.endpoint().is_arriving(one.workload));
        let sum = |list: Vec<crate::endpoint::Serving>| list.iter().map(|one| one.weight).sum();
        (sum(new), sum(old))
    };
    assert_eq!(shares(&served), (0, 4 * 90), "it gets nothing before it answers");
    served.settle();
    assert_eq!((served.n_serving(), served.stage()), (5, Some(Stage::Canary { percent: 10 })));
    assert_eq!(shares(&served), (40, 360));
    let refused = served.update(None).unwrap_err();
    assert!(matches!(refused, Reject::WrongState { .. }), "{refused}");
    // Back: the new one goes, the old ones never went.
    let old: Vec<_> = served.endpoint().workloads[..4].to_vec();
    served.ask(Ask::RollBack { id: served.id }).unwrap();
    assert_eq!(shares(&served), (0, 400));
    served.settle();
    assert_eq!((served.stage(), served.endpoint().model_version), (None, 1));
    assert_eq!(served.endpoint().workloads, old);
    // And once more, to the end.
    served.update(Some(50)).unwrap();
    served.settle();
    assert_eq!(shares(&served), (200, 200));
    served.ask(Ask::Promote { id: served.id }).unwrap();
    served.settle();
    assert_eq!((served.stage(), served.endpoint().model_version, served.n_serving()), (None, 4, 4));
    assert_eq!(served.world.verify().findings, vec![]);
}

#[test]
fn a_version_that_never_answers_takes_nobodys_place_and_can_be_rolled_back() {
    let mut served = Served::new();
    served.scale(Scaling { replicas_min: 2, ..up_to(8) }).unwrap();
    served.settle();
    served.update(None).unwrap();
    for _ in 0..10 {
        served.world.schedule();
        served.world.advance(600);
        served.converge(&[]);
    }
    assert_eq!((served.n_serving(), served.stage()), (2, Some(Stage::Replacing)));
    served.ask(Ask::RollBack { id: served.id }).unwrap();
    served.settle();
    assert_eq!((served.n_serving(), served.stage(), served.endpoint().model_version), (2, None, 1));
}

#[test]
fn an_endpoint_that_sleeps_wakes_as_the_new_version() {
    let mut served = Served::new();
    served.scale(up_to(4)).unwrap();
    served.resize(0);
    served.settle();
    served.update(None).unwrap();
    served.settle();
    assert_eq!((served.stage(), served.endpoint().model_version), (None, 2));
    served.resize(1);
    served.settle();
    let serves = served.endpoint().workloads.first().unwrap();
    let input = &served.world.state.workloads[serves].spec.inputs[0];
    assert_eq!(
        input.artefact,
        Artefact::Model { id: served.endpoint().model.unwrap(), version: 2 }
    );
}

#[test]
fn what_contradicts_itself_is_refused_with_a_remedy() {
    let mut served = Served::new();
    let invalid = |found: Result<Vec<Event>, Reject>| match found {
        Err(Reject::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let none = Scaling { target_tokens: None, ..up_to(4) };
    assert_eq!(invalid(served.scale(none)), "target_tokens");
    assert_eq!(invalid(served.scale(Scaling { replicas_min: 5, ..up_to(4) })), "replicas_min");
    assert_eq!(invalid(served.scale(up_to(65))), "replicas_max");
    assert_eq!(invalid(served.scale(Scaling { drain: DurationMicros(0), ..up_to(4) })), "drain");
    let resize = |replicas| Ask::Resize { id: served.id, replicas, observed: Observed::default() };
    let (two, nine) = (resize(2), resize(9));
    assert!(matches!(served.ask(two), Err(Reject::WrongState { .. })), "its number is fixed");
    served.scale(up_to(4)).unwrap();
    assert_eq!(served.scale(up_to(4)).unwrap(), vec![], "it is so already");
    assert_eq!(invalid(served.ask(nine)), "replicas");
    assert_eq!(invalid(served.update(Some(100))), "canary_percent");
    let promote = Ask::Promote { id: served.id };
    assert!(matches!(served.ask(promote), Err(Reject::WrongState { .. })));
    let id = served.id;
    served.ask(Ask::Delete { id }).unwrap();
    assert!(matches!(served.scale(up_to(3)), Err(Reject::WrongState { .. })));
    assert_eq!(served.converge(&[]), vec![]);
}

#[test]
fn added_services_count_for_whoever_made_the_endpoint() {
    let mut served = Served::new();
    let creator = Actor::User(Id::from_bytes([9; 16]));
    let project = served.endpoint().project;
    let ask = served.endpoint().clone();
    let service = Box::new(served.world.state.workloads[&ask.workloads[0]].spec.clone());
    let create = Ask::Create {
        project,
        name: "theirs".parse().unwrap(),
        model: ask.model.unwrap(),
        model_version: ask.model_version,
        replicas: 1,
        service,
    };
    let create = Submission::new(Command::Endpoint(create));
    let made = served.world.submit_as(creator, &create).unwrap();
    let Subject::Endpoint(id) = made[0].subject() else { panic!("{made:?}") };
    served.id = id;
    served.scale(up_to(2)).unwrap();
    served.resize(2);
    served.settle();
    let by = |id: &Id<kinds::Workload>| served.world.state.workloads[id].by;
    assert!(served.endpoint().workloads.iter().all(|id| by(id) == creator));
    assert_eq!(served.n_serving(), 2);
}
