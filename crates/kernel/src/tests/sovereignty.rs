//! Requirements 1 to 5: attributes of everything, decisions before effects, replay of decisions,
//! categories by country, and no fallback.

use policy::{
    Action, Ask, Category, Operation, Residency, Rule,
    ownership::{Facts, Form, Holding},
};
use units::{Digest, Tokens};

use super::*;
use crate::{
    access::Role,
    audit::Auditor,
    dataset, decision, endpoint, entity, inventory, key,
    model::{self, Artefact},
    storage::{self, Purpose},
    usage,
    workload::Event as WorkloadEvent,
};

pub(super) fn residency(world: &mut World, scope: Scope, residency: Residency) -> Vec<Event> {
    let set = policy_set::Command::SetResidency { scope, residency };
    world.run(Command::PolicySet(set)).unwrap()
}

pub(super) fn process_in(codes: &[&str]) -> Residency {
    let countries = codes.iter().map(|code| code.parse().unwrap()).collect();
    let (category, operation) = (Category::Customer, Operation::Process);
    Residency { rules: vec![Rule { category, operation, countries }] }
}

fn storage(world: &mut World, name: &str, purpose: Purpose, site: Id<kinds::Site>) {
    world.run(register(name, purpose, site)).unwrap();
}

fn register(name: &str, purpose: Purpose, site: Id<kinds::Site>) -> Command {
    Command::Storage(storage::Command::Register {
        name: name.parse().unwrap(),
        purpose,
        site,
        operator_entity: None,
        owner_entity: None,
    })
}

fn entity(world: &mut World, name: &str, form: Form, holders: &[Id<kinds::Entity>]) -> Subject {
    let share = |holder: &Id<kinds::Entity>| Holding {
        holder: *holder,
        capital_bp: 10_000,
        votes_bp: 10_000,
        veto: false,
        board_majority: false,
    };
    let facts = Facts {
        legal_name: format!("{name} SA"),
        seat: "FR".parse().unwrap(),
        administration: None,
        form,
        listed: false,
        holders: holders.iter().map(share).collect(),
    };
    let name = name.parse().unwrap();
    world.subject(Command::Entity(entity::Command::Register { name, facts }))
}

pub(super) fn start() -> (World, Id<kinds::Organisation>, Id<kinds::Project>) {
    let mut world = World::new();
    residency(&mut world, Scope::Platform, Residency::european());
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    (world, bank, risk)
}

pub(super) fn findings(world: &World, tamper: impl Fn(&mut Entry)) -> Vec<String> {
    let mut auditor = Auditor::new();
    for leaf in &world.leaves {
        let mut entry = Entry::from_leaf(leaf).unwrap();
        tamper(&mut entry);
        auditor.feed(&entry.to_leaf().unwrap());
    }
    auditor.finish().findings.into_iter().map(|finding| finding.message).collect()
}

/// Requirement 2.
#[test]
fn a_decision_stands_before_every_placement_movement_and_route() {
    let (mut world, _, risk) = start();
    let paris = world.site("paris", "FR");
    world.node(paris, "n1", 8);
    storage(&mut world, "artefacts", Purpose::Artefacts, paris);
    storage(&mut world, "log", Purpose::Log, paris);
    let service = endpoint(&mut world, risk);
    for number in 0..3 {
        world.submit_job(risk, job(&format!("j{number}"))).unwrap();
    }
    assert_eq!(world.schedule(), 4);
    let ready = workload::RankStatus::Ready { address: "192.0.2.1:80".to_owned() };
    let replica = world.state.endpoints[&service].workloads[0];
    world.report(replica, 0, ready, 0).unwrap();
    tokens(&mut world, risk, service);
    let audit = world.verify();
    assert_eq!(audit.findings, vec![]);
    // Three categories for the log, one for artefacts, place, serve: once each, for six effects.
    assert_eq!((audit.decisions, audit.placements), (6, 4));
    assert_eq!((audit.effects, audit.effects_before_decisions), (7, 0));
    for (seq, leaf) in (0..).zip(&world.leaves) {
        let event = Entry::from_leaf(leaf).unwrap().event;
        let Event::Workload(WorkloadEvent::Placed { decided, .. }) = event else { continue };
        assert!(!decided.is_empty() && decided.iter().all(|at| *at < seq), "{decided:?} {seq}");
    }
}

/// An endpoint of one service with its model; answers the endpoint.
pub(super) fn endpoint(world: &mut World, project: Id<kinds::Project>) -> Id<kinds::Endpoint> {
    endpoint_as(world, Actor::System, project)
}

/// The same, asked for by somebody.
pub(super) fn endpoint_as(
    world: &mut World,
    actor: Actor,
    project: Id<kinds::Project>,
) -> Id<kinds::Endpoint> {
    let name: units::Name = "m".parse().unwrap();
    let create = model::Command::Create { project, name: name.clone() };
    let Subject::Model(id) = world.subject(Command::Model(create)) else { panic!("a model") };
    let manifest = Digest([1; 32]);
    let version = model::AddVersion {
        id,
        manifest,
        files: 1,
        size: Bytes(1),
        class: DataClass::Internal,
        lineage: model::Lineage::default(),
        signature: None,
    };
    world.run(Command::Model(model::Command::AddVersion(version))).unwrap();
    let artefact = Artefact::Model { id, version: 1 };
    let input = workload::Input { artefact, manifest, mount: "/model".to_owned() };
    let service =
        workload::Spec { kind: workload::Kind::Service, inputs: vec![input], ..job("service") };
    let create = endpoint::Command::Create {
        project,
        name,
        model: id,
        model_version: 1,
        replicas: 1,
        service: Box::new(service),
    };
    let create = Submission::new(Command::Endpoint(create));
    match world.submit_as(actor, &create).unwrap().first().unwrap().subject() {
        Subject::Endpoint(id) => id,
        other => panic!("{other}"),
    }
}

fn tokens(world: &mut World, project: Id<kinds::Project>, endpoint: Id<kinds::Endpoint>) {
    tokens_with(world, project, endpoint, None).unwrap();
}

/// A roll-up of three requests.
pub(super) fn tokens_with(
    world: &mut World,
    project: Id<kinds::Project>,
    endpoint: Id<kinds::Endpoint>,
    answers: Option<usage::Answers>,
) -> Result<Vec<Event>, Reject> {
    let known = world.state.keys.keys().next().copied();
    let key = known.unwrap_or_else(|| {
        let command = key::Command::Create {
            name: "k".parse().unwrap(),
            scope: Scope::Project(project),
            role: Role::Inference,
            secret_hash: Digest([1; 32]),
            expires_at: None,
        };
        match world.subject(Command::Key(command)) {
            Subject::Key(id) => id,
            other => panic!("{other}"),
        }
    });
    let gateway = Id::from_parts(1, [1; 10]);
    let last = world.state.usage.gateways.get(&gateway).copied().unwrap_or(0);
    let record = usage::Command::RecordTokens {
        gateway,
        sequence: last + 1,
        key,
        endpoint,
        minute: UnixMicros(world.now().0.div_euclid(60_000_000) * 60_000_000),
        requests: 3,
        errors: 0,
        tokens_in: Tokens(10),
        tokens_out: Tokens(10),
        estimated: false,
        answers,
    };
    world.run(Command::Usage(record))
}

/// Requirement 3: an auditor asks each decision again and finds every kind of change.
#[test]
fn a_decision_that_was_changed_is_found() {
    let (mut world, bank, risk) = start();
    let paris = world.site("paris", "FR");
    world.node(paris, "n1", 1);
    residency(&mut world, Scope::Organisation(bank), process_in(&["DE"]));
    assert!(world.submit_job(risk, job("j")).is_err());
    residency(&mut world, Scope::Organisation(bank), process_in(&["DE", "FR"]));
    world.submit_job(risk, job("j")).unwrap();
    world.schedule();
    assert_eq!(world.verify().findings, vec![]);
    let changed = |change: &dyn Fn(&mut decision::Made)| {
        findings(&world, |entry| {
            if let Event::Decision(decision::Event::Made(made)) = &mut entry.event {
                change(made);
            }
        })
    };
    let change: [&dyn Fn(&mut decision::Made); 6] = [
        &|made| made.decision.allowed = false,
        &|made| made.decision.determining.clear(),
        &|made| made.decision.policy_set = Digest([9; 32]),
        &|made| made.question.class = DataClass::Public,
        &|made| made.question.site.country = "US".parse().unwrap(),
        &|made| made.request = Digest([9; 32]),
    ];
    for (position, change) in change.into_iter().enumerate() {
        assert!(!changed(change).is_empty(), "change {position} was not found");
    }
    assert!(changed(&|_| {}).is_empty());
    // A placement that names another entry, or none.
    for decided in [vec![], vec![0], vec![u64::MAX]] {
        let found = findings(&world, |entry| {
            if let Event::Workload(WorkloadEvent::Placed { decided: named, .. }) = &mut entry.event
            {
                named.clone_from(&decided);
            }
        });
        assert!(!found.is_empty(), "{decided:?}");
    }
}

#[test]
fn a_change_of_policy_asks_again_and_sends_work_and_routes_away() {
    let (mut world, bank, risk) = start();
    let paris = world.site("paris", "FR");
    world.node(paris, "n1", 4);
    let service = endpoint(&mut world, risk);
    world.submit_job(risk, job("j")).unwrap();
    assert_eq!(world.schedule(), 2);
    let replica = world.state.endpoints[&service].workloads[0];
    let ready = workload::RankStatus::Ready { address: "192.0.2.1:80".to_owned() };
    world.report(replica, 0, ready, 0).unwrap();
    let routes = |world: &World| world.state.endpoints[&service].ready_addresses(&world.state);
    assert_eq!(routes(&world).len(), 1);
    // A change that leaves the answer as it is leaves the route open.
    let events = residency(&mut world, Scope::Organisation(bank), process_in(&["FR", "DE"]));
    let made = |event: &Event| matches!(event, Event::Decision(_));
    assert_eq!(events.iter().filter(|event| made(event)).count(), 3, "serve, move and place");
    assert_eq!(routes(&world).len(), 1);
    tokens(&mut world, risk, service);
    let events = residency(&mut world, Scope::Project(risk), process_in(&["DE"]));
    let stops = |event: &&Event| {
        matches!(event, Event::Workload(WorkloadEvent::StopRequested { cause, .. })
            if *cause == workload::StopCause::PolicyChanged)
    };
    assert_eq!(events.iter().filter(stops).count(), 2);
    assert!(routes(&world).is_empty(), "no request goes there any more");
    // What was answered before is still counted, by the decision that was in force then.
    tokens(&mut world, risk, service);
    assert_eq!(world.verify().findings, vec![]);
    let killed = workload::RankStatus::Exited { code: None, signal: Some(15), reason: None };
    world.report(replica, 0, killed, 0).unwrap();
    assert_eq!(world.phase(replica), "queued");
    assert_eq!(world.schedule(), 0, "it waits: there is no site in DE");
}

#[test]
fn rules_cascade_and_only_tighten() {
    let (mut world, bank, risk) = start();
    let set = |scope, residency| {
        Command::PolicySet(policy_set::Command::SetResidency { scope, residency })
    };
    let loose = world.run(set(Scope::Organisation(bank), process_in(&["FR", "CH"])));
    assert!(matches!(loose, Err(Reject::Invalid { field: "rules", .. })), "{loose:?}");
    residency(&mut world, Scope::Organisation(bank), process_in(&["FR", "DE"]));
    let loose = world.run(set(Scope::Project(risk), process_in(&["IT"])));
    assert!(matches!(loose, Err(Reject::Invalid { field: "rules", .. })), "{loose:?}");
    residency(&mut world, Scope::Project(risk), process_in(&["DE"]));
    let effective = policy_set::effective(&world.state, Scope::Project(risk));
    let countries = effective.countries(Category::Customer, Operation::Process).unwrap();
    assert_eq!(countries, ["DE".parse().unwrap()]);
    assert_eq!(effective.countries(Category::Account, Operation::Store).unwrap().len(), 27);
    let free = policy_set::Command::Set {
        scope: Scope::Project(risk),
        name: policy_set::RESIDENCY_NAME.parse().unwrap(),
        text: String::new(),
    };
    assert!(matches!(world.run(Command::PolicySet(free)), Err(Reject::Invalid { .. })));
    assert_eq!(world.run(set(Scope::Project(risk), process_in(&["DE"]))).unwrap(), vec![]);
}

#[test]
fn artefacts_and_copies_of_the_log_stay_where_policy_says() {
    let (mut world, _, risk) = start();
    let (paris, zurich) = (world.site("paris", "FR"), world.site("zurich", "CH"));
    for purpose in [Purpose::Log, Purpose::Replica, Purpose::Witness, Purpose::Backup] {
        let refused = world.run(register("there", purpose, zurich));
        let Err(Reject::ForbiddenToPlatform { event, .. }) = refused else { panic!("{purpose:?}") };
        // What goes on record is the decision.
        let Event::Decision(decision::Event::Made(made)) = *event else { panic!("{purpose:?}") };
        assert!(!made.decision.allowed && made.about == zurich.into(), "{purpose:?}");
    }
    storage(&mut world, "backup", Purpose::Backup, paris);
    storage(&mut world, "artefacts", Purpose::Artefacts, zurich);
    let create = dataset::Command::Create {
        project: risk,
        name: "loans".parse().unwrap(),
        class: DataClass::Internal,
    };
    let Subject::Dataset(id) = world.subject(Command::Dataset(create)) else { panic!("a dataset") };
    let add = Command::Dataset(dataset::Command::AddVersion {
        id,
        manifest: Digest([7; 32]),
        files: 1,
        size: Bytes(1),
        source: "a test".to_owned(),
    });
    let Err(Reject::ForbiddenByPolicy(refused)) = world.run(add.clone()) else {
        panic!("customer data may not lie in CH");
    };
    assert_eq!(refused.question.unwrap().action, Action::Move);
    let wrong = world.state.storages.values().find(|one| one.purpose == Purpose::Artefacts);
    let retire = storage::Command::Retire { id: wrong.unwrap().id };
    world.run(Command::Storage(retire)).unwrap();
    storage(&mut world, "here", Purpose::Artefacts, paris);
    world.run(add).unwrap();
    assert_eq!(world.verify().findings, vec![]);
}

/// Requirement 1.
#[test]
fn an_auditor_names_every_object_that_lacks_an_attribute() {
    let mut world = World::new();
    let paris = world.site("paris", "FR");
    world.node(paris, "n1", 1);
    let names = |world: &World| {
        inventory::lacking(&world.state).into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&world), ["paris", "n1", "the log"]);
    storage(&mut world, "log", Purpose::Log, paris);
    let Subject::Entity(holder) = entity(&mut world, "founders", Form::Persons, &[]) else {
        panic!("an entity");
    };
    let Subject::Entity(undeclared) = entity(&mut world, "acme", Form::Company, &[]) else {
        panic!("an entity");
    };
    let mut config = world.state.sites[&paris].config.clone();
    (config.operator_entity, config.owner_entity) = (Some(undeclared), Some(undeclared));
    world.run(Command::Site(site::Command::Update { id: paris, config })).unwrap();
    let lacking = inventory::lacking(&world.state);
    assert!(lacking.iter().all(|one| one.missing == ["controlling jurisdiction"]), "{lacking:?}");
    let mut facts = world.state.entities[&undeclared].facts.clone();
    facts.holders = vec![Holding {
        holder,
        capital_bp: 10_000,
        votes_bp: 10_000,
        veto: false,
        board_majority: false,
    }];
    world.run(Command::Entity(entity::Command::Update { id: undeclared, facts })).unwrap();
    assert_eq!(names(&world), Vec::<String>::new());
    assert_eq!(world.verify().lacking, vec![]);
    let attributes = inventory::of_site(&world.state, paris).unwrap();
    assert_eq!(attributes.jurisdiction, Some("FR".parse().unwrap()));
}

#[test]
fn answers_are_asked_once_and_their_memory_is_bounded() {
    let (mut world, _, risk) = start();
    let paris = world.site("paris", "FR");
    world.node(paris, "n1", 4);
    for number in 0..5 {
        world.submit_job(risk, job(&format!("j{number}"))).unwrap();
    }
    world.schedule();
    let made = world
        .leaves
        .iter()
        .filter(|leaf| matches!(Entry::from_leaf(leaf).unwrap().event, Event::Decision(_)));
    assert_eq!(made.count(), 1);
    let mut table = policy::Table::default();
    let (seq, recorded) = world.state.decisions.iter().next().unwrap();
    for number in 0..20_u64 {
        let mut one = recorded.clone();
        one.ask = Ask { project: Some(Id::from_parts(number, [1; 10])), ..one.ask };
        table.record(seq + number, one, 10);
    }
    assert_eq!(table.len(), 10);
}
