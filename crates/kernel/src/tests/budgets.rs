//! Budgets of every owner in every measure, through commands: what counts, alerts, stops and opens again.

mod random;

use units::{Allowance, Digest, Measure, MilliJoule, Tokens};

use super::*;
use crate::{
    access::Role,
    budget::{Change, Open, Owner, Period},
    endpoint, key, model, usage, user,
};

const GPU_HOUR: i64 = 3_600_000_000;

/// A tenant with two projects, a person with a key, another person, and another tenant.
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) bank: Id<kinds::Organisation>,
    pub(super) risk: Id<kinds::Project>,
    pub(super) retail: Id<kinds::Project>,
    pub(super) trains: Id<kinds::Project>,
    pub(super) ada: Id<kinds::User>,
    pub(super) bob: Id<kinds::User>,
    /// Ada's.
    pub(super) key: Id<kinds::Key>,
    pub(super) endpoint: Id<kinds::Endpoint>,
}

impl Scene {
    pub(super) fn new() -> Self {
        let mut world = World::new();
        world.prices();
        let (bank, rail) = (world.organisation("bank"), world.organisation("rail"));
        let (risk, retail) = (world.project(bank, "risk"), world.project(bank, "retail"));
        let trains = world.project(rail, "trains");
        let mut person = |n| {
            let (id, home) = (Id::from_bytes([n; 16]), Some(bank));
            let command = user::Command::Create { id, home, commitment: Digest([n; 32]) };
            world.run(Command::User(command)).unwrap();
            id
        };
        let (ada, bob) = (person(1), person(2));
        let issue = key::Issue {
            name: "ci".parse().unwrap(),
            scope: Scope::Organisation(bank),
            role: Role::Member,
            secret_hash: Digest([9; 32]),
            expires_at: None,
            owner: Some(key::Owner::User(ada)),
            limits: key::Limits::default(),
        };
        let Subject::Key(key) = world.subject(Command::Key(key::Command::Issue(Box::new(issue))))
        else {
            panic!("it issues a key")
        };
        let endpoint = serve(&mut world, risk);
        let site = world.site("paris", "FR");
        for n in 0..3 {
            super::terms::gpu_node(&mut world, site, &format!("n{n}"), "NVIDIA H200", 4);
        }
        Self { world, bank, risk, retail, trains, ada, bob, key, endpoint }
    }

    pub(super) fn open(
        &mut self,
        owner: Owner,
        limit: &str,
        with: impl FnOnce(&mut Open),
    ) -> Result<Id<kinds::Budget>, Reject> {
        let n = self.world.state.budgets.len();
        let terms = budget::Terms {
            limit: limit.parse().unwrap(),
            alerts: vec![50, 80, 100],
            hard_stop: true,
        };
        let name = format!("b{n}").parse().unwrap();
        let mut open = Open { owner, within: None, name, period: Period::Total, terms };
        with(&mut open);
        let command = Command::Budget(budget::Command::Open(Box::new(open)));
        match self.world.run(command)?.first().unwrap().subject() {
            Subject::Budget(id) => Ok(id),
            other => panic!("{other}"),
        }
    }

    pub(super) fn submit(
        &mut self,
        actor: Actor,
        project: Id<kinds::Project>,
        gpus: u32,
    ) -> Result<Id<kinds::Workload>, Reject> {
        let mut spec = job("job");
        spec.per_node.gpus = GpuCount(gpus);
        let command = workload::Command::Submit { project, spec: Box::new(spec) };
        let done = self.world.submit_as(actor, &Submission::new(Command::Workload(command)))?;
        match done.first().unwrap().subject() {
            Subject::Workload(id) => Ok(id),
            other => panic!("{other}"),
        }
    }

    /// Reports so many GPU-milliseconds and millijoules more of a workload that runs.
    pub(super) fn use_more(
        &mut self,
        id: Id<kinds::Workload>,
        (cpu_ms, gpu_ms, energy_mj): (u64, u64, u64),
        status: workload::RankStatus,
    ) -> Vec<Event> {
        let one = &self.world.state.workloads[&id];
        let before = one.attempt().unwrap().ranks[0].used;
        let used = before.saturating_add(Counters {
            cpu_micros: cpu_ms * 1_000,
            gpu_micros: gpu_ms * 1_000,
            energy: MilliJoule(energy_mj),
        });
        let report = workload::Report {
            workload: id,
            attempt: one.n_attempts,
            rank: 0,
            status,
            used,
            energy_measured: true,
            energy_source: "meter".to_owned(),
        };
        self.world.run(Command::Workload(workload::Command::Report(report))).unwrap()
    }

    pub(super) fn call(&mut self, tokens: u64) -> Vec<Event> {
        let gateway = Id::from_bytes([1; 16]);
        let last = self.world.state.usage.gateways.get(&gateway).copied().unwrap_or(0);
        let record = usage::Command::RecordTokens {
            gateway,
            sequence: last + 1,
            key: self.key,
            endpoint: self.endpoint,
            minute: UnixMicros(0),
            requests: 0,
            errors: 0,
            tokens_in: Tokens(tokens / 2),
            tokens_out: Tokens(tokens - tokens / 2),
            estimated: false,
            answers: None,
        };
        self.world.run(Command::Usage(record)).unwrap()
    }

    fn spent(&self, id: Id<kinds::Budget>) -> i64 {
        self.world.state.budgets[&id].spent_at(self.world.now()).base()
    }
}

/// An endpoint of a project.
fn serve(world: &mut World, project: Id<kinds::Project>) -> Id<kinds::Endpoint> {
    let create = model::Command::Create { project, name: "m".parse().unwrap() };
    let Subject::Model(model) = world.subject(Command::Model(create)) else { panic!() };
    let manifest = Digest([7; 32]);
    let add = model::AddVersion {
        id: model,
        manifest,
        files: 5,
        size: Bytes(10),
        class: DataClass::Internal,
        lineage: model::Lineage::default(),
        signature: None,
    };
    world.run(Command::Model(model::Command::AddVersion(add))).unwrap();
    let artefact = model::Artefact::Model { id: model, version: 1 };
    let mut service = job("serve");
    service.kind = workload::Kind::Service;
    service.inputs.push(workload::Input { mount: "/model".to_owned(), artefact, manifest });
    let create = endpoint::Command::Create {
        project,
        name: "chat".parse().unwrap(),
        model,
        model_version: 1,
        replicas: 1,
        service: Box::new(service),
    };
    match world.subject(Command::Endpoint(create)) {
        Subject::Endpoint(id) => id,
        other => panic!("{other}"),
    }
}

/// Percents of the alerts among events.
fn alerts(events: &[Event]) -> Vec<u8> {
    let percent = |event: &Event| match event {
        Event::Budget(budget::Event::Alerted { percent, .. }) => Some(*percent),
        _ => None,
    };
    events.iter().filter_map(percent).collect()
}

fn running() -> workload::RankStatus {
    workload::RankStatus::Running
}

#[test]
fn every_owner_of_a_use_counts_it_in_its_own_measure() {
    let mut scene = Scene::new();
    let owners = [
        Owner::Organisation(scene.bank),
        Owner::Project(scene.risk),
        Owner::User(scene.ada),
        Owner::Key(scene.key),
    ];
    let mut opened = Vec::new();
    for owner in owners {
        for limit in ["1000 EUR", "10 GPUh", "1 kWh", "10 M tokens"] {
            opened.push(scene.open(owner, limit, |_| {}).unwrap());
        }
    }
    let elsewhere = [Owner::Project(scene.retail), Owner::User(scene.bob)]
        .map(|owner| scene.open(owner, "1 GPUh", |_| {}).unwrap());
    let (by, risk) = (Actor::Key(scene.key), scene.risk);
    let id = scene.submit(by, risk, 2).unwrap();
    scene.world.schedule();
    scene.use_more(id, (1_000, 1_500, 7_000), running());
    scene.call(3_000);
    for id in opened {
        let measure = scene.world.state.budgets[&id].spent.measure();
        let expected = match measure {
            // A second of a core at 36 EUR an hour, and 1,500 tokens each way.
            Measure::Money => 10_000 + 600 + 1_800,
            Measure::GpuTime => 1_500_000,
            Measure::Energy => 7_000,
            Measure::Tokens => 3_000,
        };
        assert_eq!(scene.spent(id), expected, "{measure}");
    }
    assert_eq!(elsewhere.map(|id| scene.spent(id)), [0, 0]);
    assert_eq!(scene.world.verify().findings, vec![]);
}

#[test]
fn alerts_come_once_for_each_crossing_and_the_stop_takes_the_owners_work_alone() {
    let mut scene = Scene::new();
    let (ada, bob, risk, retail) = (scene.ada, scene.bob, scene.risk, scene.retail);
    let id = scene.open(Owner::User(ada), "1 GPUh", |_| {}).unwrap();
    let by_key = scene.submit(Actor::Key(scene.key), risk, 1).unwrap();
    let own = scene.submit(Actor::User(ada), retail, 1).unwrap();
    let cpu_only = scene.submit(Actor::User(ada), retail, 0).unwrap();
    let other = scene.submit(Actor::User(bob), risk, 1).unwrap();
    scene.world.schedule();
    let waiting = scene.submit(Actor::User(ada), risk, 4).unwrap();
    let hour_ms = 3_600_000;
    assert_eq!(alerts(&scene.use_more(by_key, (0, hour_ms / 2, 0), running())), [50]);
    assert_eq!(alerts(&scene.use_more(own, (0, hour_ms / 10, 0), running())), Vec::<u8>::new());
    assert_eq!(alerts(&scene.use_more(other, (0, 9 * hour_ms, 0), running())), Vec::<u8>::new());
    scene.use_more(cpu_only, (1, 0, 0), running());
    let last = scene.use_more(by_key, (0, hour_ms, 0), running());
    assert_eq!(alerts(&last), [80, 100]);
    let phases = [by_key, own, waiting, cpu_only, other].map(|id| scene.world.phase(id));
    assert_eq!(phases, ["stopping", "stopping", "stopped", "running", "running"]);
    let refused = scene.submit(Actor::Key(scene.key), retail, 1).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("`b0` of user") && text.contains("1.6 GPUh of 1 GPUh"), "{text}");
    scene.submit(Actor::User(ada), retail, 0).unwrap();
    // Raised, the thresholds that are ahead again alert again.
    let raise = Change { limit: Some(Allowance::GpuTime(4 * GPU_HOUR)), ..Change::default() };
    let command = budget::Command::SetTerms { id, change: raise };
    assert_eq!(alerts(&scene.world.run(Command::Budget(command)).unwrap()), Vec::<u8>::new());
    assert!(scene.world.state.budgets[&id].alerted.is_empty());
    let again = scene.submit(Actor::User(ada), retail, 1).unwrap();
    scene.world.schedule();
    assert_eq!(alerts(&scene.use_more(again, (0, hour_ms, 0), running())), [50]);
    assert_eq!(scene.world.verify().findings, vec![]);
}

#[test]
fn a_budget_that_only_alerts_stops_nothing_until_it_is_told_to() {
    let mut scene = Scene::new();
    let owner = Owner::Organisation(scene.bank);
    let id = scene.open(owner, "1 kWh", |new| new.terms.hard_stop = false).unwrap();
    let (system, risk, trains) = (Actor::System, scene.risk, scene.trains);
    let one = scene.submit(system, risk, 1).unwrap();
    let theirs = scene.submit(system, trains, 1).unwrap();
    scene.world.schedule();
    let events = scene.use_more(one, (0, 0, 4_000_000_000), running());
    assert_eq!((alerts(&events), scene.world.phase(one)), (vec![50, 80, 100], "running"));
    scene.submit(system, risk, 1).unwrap();
    let change = Change { hard_stop: Some(true), ..Change::default() };
    scene.world.run(Command::Budget(budget::Command::SetTerms { id, change })).unwrap();
    assert_eq!((scene.world.phase(one), scene.world.phase(theirs)), ("stopping", "placed"));
    assert!(matches!(scene.submit(system, risk, 0), Err(Reject::BudgetExhausted { .. })));
    scene.submit(system, trains, 0).unwrap();
    assert_eq!(scene.world.verify().findings, vec![]);
}

#[test]
fn a_month_that_turns_lets_go_of_what_was_held_back() {
    let mut scene = Scene::new();
    let owner = Owner::Project(scene.risk);
    let id = scene.open(owner, "1000 tokens", |new| new.period = Period::Month).unwrap();
    let gpus = scene.open(owner, "1 GPUh", |new| new.period = Period::Month).unwrap();
    let (by, risk) = (Actor::User(scene.bob), scene.risk);
    let one = scene.submit(by, risk, 1).unwrap();
    scene.world.schedule();
    scene.use_more(one, (0, 4_000_000, 0), exited(0));
    scene.call(600);
    assert_eq!(alerts(&scene.call(600)), [80, 100]);
    let calls = |scene: &Scene, now| {
        budget::require_open_for_calls(&scene.world.state, scene.risk, scene.key, now)
    };
    let refused = calls(&scene, scene.world.now()).unwrap_err();
    assert!(refused.to_string().ends_with("or wait until next month"), "{refused}");
    let Reject::BudgetExhausted { resets_at: Some(resets_at), .. } = refused else { panic!() };
    assert!(calls(&scene, UnixMicros(resets_at.0 - 1)).is_err());
    assert!(scene.submit(by, risk, 1).is_err());
    scene.world.now = resets_at.0;
    assert!(calls(&scene, resets_at).is_ok());
    scene.submit(by, risk, 1).unwrap();
    assert_eq!(scene.world.schedule(), 1, "what was refused before is placed");
    assert_eq!((scene.spent(id), scene.spent(gpus)), (0, 0));
    assert_eq!(alerts(&scene.call(500)), [50], "another month, another crossing");
    assert_eq!(scene.spent(id), 500);
    assert_eq!(scene.world.verify().findings, vec![]);
}

#[test]
fn a_budget_of_somebody_in_a_project_counts_and_stops_there_alone() {
    let mut scene = Scene::new();
    let (ada, risk, retail) = (scene.ada, scene.risk, scene.retail);
    let id = scene.open(Owner::User(ada), "1 GPUh", |new| new.within = Some(risk)).unwrap();
    let (here, there) = (
        scene.submit(Actor::User(ada), risk, 1).unwrap(),
        scene.submit(Actor::User(ada), retail, 1).unwrap(),
    );
    scene.world.schedule();
    scene.use_more(there, (0, 9_000_000, 0), running());
    assert_eq!(scene.spent(id), 0);
    scene.use_more(here, (0, 3_600_000, 0), running());
    assert_eq!((scene.world.phase(here), scene.world.phase(there)), ("stopping", "running"));
    assert!(scene.submit(Actor::User(ada), risk, 1).is_err());
    scene.submit(Actor::User(ada), retail, 1).unwrap();
    let foreign = scene.trains;
    let refused = scene.open(Owner::User(ada), "1 GPUh", |new| new.within = Some(foreign));
    assert!(matches!(refused, Err(Reject::NotFound { .. })), "{refused:?}");
    let refused = scene.open(Owner::Project(risk), "1 GPUh", |new| new.within = Some(retail));
    assert!(matches!(refused, Err(Reject::Invalid { field: "project", .. })), "{refused:?}");
    assert_eq!(scene.world.verify().findings, vec![]);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_remedy() {
    let mut scene = Scene::new();
    let owner = Owner::Project(scene.risk);
    let id = scene.open(owner, "1 GPUh", |new| new.name = "gpus".parse().unwrap()).unwrap();
    for (limit, alerts) in [("0 GPUh", vec![]), ("1 EUR", vec![0]), ("1 EUR", vec![80, 50])] {
        let refused = scene.open(owner, limit, |new| new.terms.alerts = alerts).unwrap_err();
        assert!(refused.to_string().contains("such as"), "{refused}");
    }
    let taken = scene.open(owner, "1 EUR", |new| new.name = "gpus".parse().unwrap());
    assert!(matches!(taken, Err(Reject::NameTaken { .. })));
    let nobody = scene.open(Owner::Key(Id::from_bytes([3; 16])), "1 EUR", |_| {});
    assert!(matches!(nobody, Err(Reject::NotFound { kind: "key", .. })));
    let limit = MicroEuro(5_000_000);
    let other = scene.world.run(Command::Budget(budget::Command::SetLimit { id, limit }));
    let text = other.unwrap_err().to_string();
    assert!(text.contains("gpu_time") && text.contains("`500 GPUh`"), "{text}");
}

/// An auditor finds work that a budget did not let through, a false alert, and a false end.
#[test]
fn an_audit_finds_what_a_used_up_budget_did_not_stop() {
    let mut scene = Scene::new();
    scene.open(Owner::User(scene.ada), "1 GPUh", |_| {}).unwrap();
    let (by, risk) = (Actor::User(scene.ada), scene.risk);
    let one = scene.submit(by, risk, 1).unwrap();
    scene.world.schedule();
    scene.use_more(one, (0, 3_600_000, 0), exited(0));
    assert_eq!(scene.world.verify().findings, vec![]);
    let audit = |leaves: &[Vec<u8>]| {
        let mut auditor = crate::audit::Auditor::new();
        leaves.iter().for_each(|leaf| auditor.feed(leaf));
        auditor.finish().findings.into_iter().map(|found| found.message).collect::<Vec<_>>()
    };
    // What the kernel refuses is written by hand.
    let mut spec = job("late");
    spec.per_node.gpus = GpuCount(1);
    let (id, spec, class) = (Id::from_bytes([5; 16]), Box::new(spec), DataClass::Internal);
    let event = Event::Workload(workload::Event::Submitted { id, project: risk, spec, class });
    let at = scene.world.now();
    let leaf = |actor, event| Entry { at, actor, idempotency: None, event }.to_leaf().unwrap();
    let mut leaves = scene.world.leaves.clone();
    leaves.push(leaf(by, event.clone()));
    assert!(audit(&leaves).iter().any(|found| found.contains("was used up before")));
    *leaves.last_mut().unwrap() = leaf(Actor::User(scene.bob), event);
    assert_eq!(audit(&leaves), Vec::<String>::new());
    let (from, to) = (r#""spent":{"gpu_us":3600000000}"#, r#""spent":{"gpu_us":3600000001}"#);
    let wrong = |leaf: &Vec<u8>| String::from_utf8_lossy(leaf).replace(from, to).into_bytes();
    let changed: Vec<Vec<u8>> = scene.world.leaves.iter().map(wrong).collect();
    assert!(audit(&changed).iter().any(|found| found.contains("says")));
}
