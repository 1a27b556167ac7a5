//! Erasures and the clocks of a contract's end, through commands.

use units::{Bytes, DataClass, Digest, Id, UnixMicros, kinds};

use super::*;
use crate::{
    dataset,
    erasure::{self, Destroyed, Phase, Stage, SwitchDays, Target},
    key,
    model::Artefact,
    usage,
};

const DAY_SECS: u64 = 86_400;

impl World {
    pub(crate) fn dataset(
        &mut self,
        project: Id<kinds::Project>,
        name: &str,
        content: u8,
    ) -> Id<kinds::Dataset> {
        let class = DataClass::Internal;
        let name = name.parse().unwrap();
        let create = dataset::Command::Create { project, name, class };
        let Subject::Dataset(id) = self.subject(Command::Dataset(create)) else { panic!() };
        self.run(add(id, content)).unwrap();
        id
    }

    pub(crate) fn erase(
        &mut self,
        target: Target,
        switch: Option<SwitchDays>,
    ) -> Result<Id<kinds::Erasure>, Reject> {
        let events = self.run(Command::Erasure(erasure::Command::Request { target, switch }))?;
        match events.first().unwrap().subject() {
            Subject::Erasure(id) => Ok(id),
            other => panic!("{other}"),
        }
    }
}

pub(crate) fn add(id: Id<kinds::Dataset>, content: u8) -> Command {
    Command::Dataset(dataset::Command::AddVersion {
        id,
        manifest: Digest([content; 32]),
        files: 1,
        size: Bytes(10),
        source: "test".to_owned(),
    })
}

pub(crate) fn reads(name: &str, artefact: Artefact, content: u8) -> workload::Spec {
    let mut spec = job(name);
    let (mount, manifest) = ("/data".to_owned(), Digest([content; 32]));
    spec.inputs.push(workload::Input { mount, artefact, manifest });
    spec
}

fn begin(id: Id<kinds::Erasure>) -> Command {
    Command::Erasure(erasure::Command::Begin { id })
}

fn complete(id: Id<kinds::Erasure>) -> Command {
    let destroyed = Destroyed { blobs: 1, ..Destroyed::default() };
    Command::Erasure(erasure::Command::Complete { id, destroyed, list: Digest([3; 32]) })
}

fn cancel(id: Id<kinds::Erasure>) -> Command {
    Command::Erasure(erasure::Command::Cancel { id })
}

fn is_wrong_state<T>(result: &Result<T, Reject>) -> bool {
    matches!(result, Err(Reject::WrongState { .. }))
}

#[test]
fn a_contract_ends_after_21_whole_days_and_not_a_second_before() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let id = world.erase(Target::Organisation(bank), None).unwrap();
    let erasure = world.state.erasures[&id].clone();
    let day = 86_400 * 1_000_000;
    let days = erasure.due_at.0 / day - world.now().0 / day;
    assert_eq!((erasure.due_at.0 % day, days), (0, 22), "the day of the notice does not count");
    assert_eq!(erasure.stage(world.now()), Stage::Notice);
    assert!(is_wrong_state(&world.run(begin(id))), "nothing begins in the notice");
    assert!(is_wrong_state(&world.run(complete(id))));
    // One second before the date, and then on it.
    let left = u64::try_from(erasure.due_at.0 - world.now().0).unwrap() / 1_000_000;
    world.advance(left - 1);
    assert!(is_wrong_state(&world.run(begin(id))));
    world.advance(2);
    assert_eq!(erasure.stage(world.now()), Stage::Due);
    world.run(begin(id)).unwrap();
    assert!(is_wrong_state(&world.run(cancel(id))), "what has begun cannot be taken back");
    world.run(complete(id)).unwrap();
    assert_eq!(world.run(complete(id)).unwrap(), vec![], "again is harmless");
    assert!(matches!(world.state.erasures[&id].phase, Phase::Done { .. }));
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn a_notice_can_be_taken_back_until_it_begins() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let id = world.erase(Target::Organisation(bank), None).unwrap();
    assert!(is_wrong_state(&world.erase(Target::Organisation(bank), None)), "one at a time");
    world.advance(30 * DAY_SECS);
    world.run(cancel(id)).unwrap();
    assert_eq!(world.run(cancel(id)).unwrap(), vec![]);
    assert!(is_wrong_state(&world.run(begin(id))));
    world.project(bank, "still-open");
    // A new notice has its own 21 days.
    let again = world.erase(Target::Organisation(bank), None).unwrap();
    assert!(is_wrong_state(&world.run(begin(again))));
    world.verify();
}

#[test]
fn a_switch_keeps_the_clocks_of_the_data_act() {
    let days = |notice, transition, retrieval| Some(SwitchDays { notice, transition, retrieval });
    let mut world = World::new();
    let bank = world.organisation("bank");
    for refused in [days(60, 30, 30), days(59, 31, 30), days(59, 30, 29), days(59, 30, 366)] {
        let found = world.erase(Target::Organisation(bank), refused);
        assert!(matches!(found, Err(Reject::Invalid { .. })), "{refused:?}");
    }
    let now = world.now();
    let id = world.erase(Target::Organisation(bank), days(59, 30, 30)).unwrap();
    let erasure = world.state.erasures[&id].clone();
    let after = |days: i64| UnixMicros(now.0 + days * 86_400 * 1_000_000 + 1_000_000);
    for (day, stage) in [
        (0, Stage::Notice),
        (58, Stage::Notice),
        (59, Stage::Transition),
        (88, Stage::Transition),
        (89, Stage::Retrieval),
        (118, Stage::Retrieval),
        (119, Stage::Due),
    ] {
        assert_eq!(erasure.stage(after(day)), stage, "day {day}");
    }
    world.run(cancel(id)).unwrap();
    // The shortest switch: retrieval outlasts the 21 days' notice, which holds all the same.
    let id = world.erase(Target::Organisation(bank), days(0, 0, 30)).unwrap();
    assert_eq!(world.state.erasures[&id].stage(world.now()), Stage::Retrieval);
    let project = world.project(bank, "risk");
    let data = world.dataset(project, "d", 1);
    let refused = world.erase(Target::Dataset(data), days(0, 0, 30));
    assert!(matches!(refused, Err(Reject::Invalid { .. })));
}

#[test]
fn a_closed_organisation_takes_nothing_and_its_keys_are_dead() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let (risk, rail) = (world.project(bank, "risk"), world.organisation("rail"));
    let trains = world.project(rail, "trains");
    let data = world.dataset(risk, "d", 1);
    let site = world.site("paris", "FR");
    world.node(site, "n1", 4);
    let running = world.submit_job(risk, job("runs")).unwrap();
    let other = world.submit_job(trains, job("other")).unwrap();
    world.schedule();
    let waiting = world.submit_job(risk, job("waits")).unwrap();
    let secret_hash = Digest([8; 32]);
    let create = key::Command::Create {
        name: "k".parse().unwrap(),
        scope: Scope::Project(risk),
        role: crate::access::Role::Member,
        secret_hash,
        expires_at: None,
    };
    world.run(Command::Key(create.clone())).unwrap();
    let id = world.erase(Target::Organisation(bank), None).unwrap();
    world.advance(22 * DAY_SECS);
    world.run(begin(id)).unwrap();
    assert!(world.state.key_by_hash(secret_hash, world.now()).is_none());
    assert_eq!(world.phase(waiting), "stopped");
    assert!(is_wrong_state(&world.run(complete(id))), "work that stops still has its files");
    world.report(running, 0, exited(0), 1).unwrap();
    assert!(is_wrong_state(&world.submit_job(risk, job("late"))));
    assert!(is_wrong_state(&world.run(add(data, 2))));
    let project = project::Command::Create { organisation: bank, name: "p".parse().unwrap() };
    assert!(is_wrong_state(&world.run(Command::Project(project))));
    let key::Command::Create { name, scope, role, expires_at, .. } = create else { panic!() };
    let secret_hash = Digest([9; 32]);
    let create = key::Command::Create { name, scope, role, secret_hash, expires_at };
    assert!(is_wrong_state(&world.run(Command::Key(create))));
    assert!(erasure::is_gone(&world.state, Artefact::Dataset { id: data, version: 1 }));
    world.run(complete(id)).unwrap();
    assert_eq!(world.phase(other), "placed", "other tenants go on");
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn an_erased_dataset_stops_its_readers_and_is_never_read_again() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let (data, kept) = (world.dataset(risk, "d", 1), world.dataset(risk, "kept", 2));
    let artefact = Artefact::Dataset { id: data, version: 1 };
    let site = world.site("paris", "FR");
    world.node(site, "n1", 4);
    let reader = world.submit_job(risk, reads("reads", artefact, 1)).unwrap();
    let neighbour = Artefact::Dataset { id: kept, version: 1 };
    let other = world.submit_job(risk, reads("other", neighbour, 2)).unwrap();
    world.schedule();
    let id = world.erase(Target::Dataset(data), None).unwrap();
    world.run(begin(id)).unwrap();
    assert_eq!((world.phase(reader), world.phase(other)), ("stopping", "placed"));
    assert!(is_wrong_state(&world.submit_job(risk, reads("again", artefact, 1))));
    assert!(is_wrong_state(&world.run(add(data, 3))));
    assert!(is_wrong_state(&world.run(complete(id))));
    world.report(reader, 0, exited(0), 1).unwrap();
    world.run(complete(id)).unwrap();
    assert!(is_wrong_state(&world.erase(Target::Dataset(data), None)));
    assert_eq!(world.verify().findings, vec![]);
}

/// 2027-01-12 00:00 in the first member states, in seconds since 1970.
const FREE_FROM_SECS: i64 = 1_799_704_800;

#[test]
fn switching_costs_nothing_from_its_date_and_parallel_use_its_own_price() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let line = |per, amount| price::Line { per, amount: MicroEuro(amount) };
    let lines =
        vec![line(PriceUnit::EgressSwitchGib, 50_000), line(PriceUnit::EgressParallelGib, 80_000)];
    world.run(Command::Price(price::Command::Set { lines })).unwrap();
    let both = |world: &mut World| {
        for purpose in [usage::EgressPurpose::Switch, usage::EgressPurpose::Parallel] {
            let (project, size) = (risk, Bytes(10 << 30));
            let record = usage::Command::RecordEgress { project, purpose, size };
            world.run(Command::Usage(record)).unwrap();
        }
    };
    let until = u64::try_from(FREE_FROM_SECS - world.now().0 / 1_000_000).unwrap();
    world.advance(until - 1);
    both(&mut world);
    world.advance(1);
    both(&mut world);
    let lines: Vec<(PriceUnit, i64, i64)> = world
        .state
        .usage
        .lines_of(risk)
        .map(|(key, line)| (key.per, key.price.0, line.amount.0))
        .collect();
    let expected = vec![
        (PriceUnit::EgressSwitchGib, 0, 0),
        (PriceUnit::EgressSwitchGib, 50_000, 500_000),
        (PriceUnit::EgressParallelGib, 80_000, 1_600_000),
    ];
    assert_eq!(lines, expected, "ten gibibytes before, ten after; both in January 2027");
    assert_eq!(world.verify().findings, vec![]);
}
