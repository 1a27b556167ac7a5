//! Capture of payloads: what may be set, what a retention erases, and that numbers are given once.

use units::{Bytes, DataClass, Digest, Id, UnixMicros, kinds};

use super::leaving::{add, reads};
use super::*;
use crate::{
    dataset::{self, NewVersion, expired},
    erasure::{self, Destroyed, Phase, Target},
    model::Artefact,
    project::Capture,
    transfer,
};

const DAY_SECS: u64 = 86_400;

fn captured(world: &mut World, project: Id<kinds::Project>, name: &str) -> Id<kinds::Dataset> {
    let (name, class) = (name.parse().unwrap(), DataClass::Internal);
    let create = dataset::Command::CreateCaptured { project, name, class };
    match world.subject(Command::Dataset(create)) {
        Subject::Dataset(id) => id,
        other => panic!("{other}"),
    }
}

fn set(id: Id<kinds::Project>, dataset: Id<kinds::Dataset>, keep_days: u16) -> Command {
    let capture = Capture { dataset, permille: 50 };
    Command::Project(project::Command::SetCapture { id, capture, keep_days })
}

fn stop(id: Id<kinds::Project>) -> Command {
    Command::Project(project::Command::StopCapture { id })
}

fn version(id: Id<kinds::Dataset>, content: u8) -> NewVersion {
    let (manifest, size) = (Digest([content; 32]), Bytes(10));
    NewVersion { id, manifest, files: 1, size, source: "captured by the gateway".to_owned() }
}

fn keep(id: Id<kinds::Dataset>, content: u8, since: UnixMicros) -> Command {
    let version = version(id, content);
    Command::Dataset(dataset::Command::AddCaptured { version, since })
}

fn numbers(world: &World, id: Id<kinds::Dataset>) -> Vec<u32> {
    world.state.datasets[&id].versions.iter().map(|version| version.number).collect()
}

fn over(dataset: Id<kinds::Dataset>, through: u32) -> Target {
    Target::Versions { dataset, through }
}

fn begin(id: Id<kinds::Erasure>) -> Command {
    Command::Erasure(erasure::Command::Begin { id })
}

fn complete(id: Id<kinds::Erasure>) -> Command {
    let (destroyed, list) = (Destroyed::default(), Digest([3; 32]));
    Command::Erasure(erasure::Command::Complete { id, destroyed, list })
}

fn is_wrong_state<T>(result: &Result<T, Reject>) -> bool {
    matches!(result, Err(Reject::WrongState { .. }))
}

fn invalid(result: Result<Vec<Event>, Reject>) -> &'static str {
    match result {
        Err(Reject::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    }
}

/// A bank with a project that captures for 30 days.
fn bank(world: &mut World) -> (Id<kinds::Project>, Id<kinds::Dataset>) {
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let asked = captured(world, risk, "asked");
    world.run(set(risk, asked, 30)).unwrap();
    (risk, asked)
}

#[test]
fn a_project_opts_in_and_out_and_its_retention_stays() {
    let mut world = World::new();
    let (risk, asked) = bank(&mut world);
    assert_eq!(world.run(set(risk, asked, 30)).unwrap(), vec![], "already true");
    let kinds = |events: Vec<Event>| events.iter().map(Event::kind).collect::<Vec<_>>();
    let shorter = world.run(set(risk, asked, 7)).unwrap();
    assert_eq!(kinds(shorter), ["dataset.retention_set"]);
    let other = captured(&mut world, risk, "other");
    let moved = world.run(set(risk, other, 90)).unwrap();
    assert_eq!(kinds(moved), ["dataset.retention_set", "project.capture_set"]);
    world.run(stop(risk)).unwrap();
    assert_eq!(world.run(stop(risk)).unwrap(), vec![]);
    assert_eq!(world.state.projects[&risk].capture, None);
    let kept = |id| world.state.datasets[&id].keep_days;
    assert_eq!((kept(asked), kept(other)), (Some(7), Some(90)), "what lies there still goes");
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn only_a_captured_dataset_of_the_same_project_takes_what_is_asked() {
    let mut world = World::new();
    let (risk, asked) = bank(&mut world);
    let given = world.dataset(risk, "given", 1);
    let rail = world.organisation("rail");
    let trains = world.project(rail, "trains");
    let theirs = captured(&mut world, trains, "asked");
    assert_eq!(invalid(world.run(set(risk, given, 30))), "dataset");
    assert!(matches!(world.run(set(risk, theirs, 30)), Err(Reject::NotFound { .. })));
    for (permille, keep_days, field) in
        [(0, 30, "permille"), (1_001, 30, "permille"), (1, 0, "keep_days"), (1, 366, "keep_days")]
    {
        let capture = Capture { dataset: asked, permille };
        let set = project::Command::SetCapture { id: risk, capture, keep_days };
        assert_eq!(invalid(world.run(Command::Project(set))), field);
    }
    let gone = world.erase(Target::Dataset(asked), None).unwrap();
    world.run(begin(gone)).unwrap();
    assert!(is_wrong_state(&world.run(set(risk, asked, 30))));
    assert!(is_wrong_state(&world.run(keep(asked, 1, world.now()))), "nothing is added to it");
    world.run(stop(risk)).unwrap();
    world.verify();
}

#[test]
fn a_dataset_with_a_retention_is_filled_by_the_gateway_alone() {
    let mut world = World::new();
    let (risk, asked) = bank(&mut world);
    let loose = captured(&mut world, risk, "loose");
    assert_eq!(invalid(world.run(add(asked, 1))), "dataset");
    world.run(keep(asked, 1, world.now())).unwrap();
    let parents = vec![Artefact::Dataset { id: asked, version: 1 }];
    let derived =
        dataset::Command::AddDerived { version: version(asked, 2), parents: parents.clone() };
    assert_eq!(invalid(world.run(Command::Dataset(derived))), "dataset");
    let derived = dataset::Command::AddDerived { version: version(loose, 2), parents };
    world.run(Command::Dataset(derived)).unwrap();
    assert_eq!(invalid(world.run(keep(loose, 3, world.now()))), "dataset");
    // Repeated after an answer that was lost, it is the same version.
    assert_eq!(world.run(keep(asked, 1, world.now())).unwrap(), vec![]);
    let late = UnixMicros(world.now().0 + 1_000_000_000);
    world.run(keep(asked, 4, late)).unwrap();
    let since = world.state.datasets[&asked].versions[1].since;
    assert_eq!(since, Some(world.now()), "no text is younger than its entry");
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn what_is_over_is_what_was_captured_so_long_ago() {
    let mut world = World::new();
    let (risk, asked) = bank(&mut world);
    for content in 1..=3 {
        world.run(keep(asked, content, world.now())).unwrap();
        world.advance(DAY_SECS);
    }
    let first = world.state.datasets[&asked].versions[0].since.unwrap();
    let at = |days: i64| UnixMicros(first.0 + days * 86_400 * 1_000_000);
    assert_eq!(expired(&world.state, UnixMicros(at(30).0 - 1)), vec![]);
    assert_eq!(expired(&world.state, at(30)), vec![(asked, 1)]);
    assert_eq!(expired(&world.state, UnixMicros(at(32).0 + 10)), vec![(asked, 3)]);
    // Its texts are older than those of the versions before it: they go in time, and take those along.
    world.run(keep(asked, 4, UnixMicros(first.0 - 86_400 * 1_000_000))).unwrap();
    assert_eq!(expired(&world.state, at(29)), vec![(asked, 4)]);
    world.run(set(risk, asked, 2)).unwrap();
    assert_eq!(expired(&world.state, at(2)), vec![(asked, 4)], "a shorter time holds at once");
    world.run(stop(risk)).unwrap();
    assert_eq!(expired(&world.state, at(2)), vec![(asked, 4)]);
    let whole = world.erase(Target::Dataset(asked), None).unwrap();
    world.run(begin(whole)).unwrap();
    assert_eq!(expired(&world.state, at(99)), vec![], "it is gone already");
}

#[test]
fn a_retention_stops_readers_forgets_versions_and_gives_no_number_twice() {
    let mut world = World::new();
    let (risk, asked) = bank(&mut world);
    for content in [1, 2, 1] {
        world.run(keep(asked, content, world.now())).unwrap();
    }
    let site = world.site("paris", "FR");
    world.node(site, "n1", 4);
    let input = |version| Artefact::Dataset { id: asked, version };
    let reader = world.submit_job(risk, reads("reads", input(2), 2)).unwrap();
    let other = world.submit_job(risk, reads("other", input(3), 1)).unwrap();
    world.schedule();
    let id = world.erase(over(asked, 2), None).unwrap();
    assert!(is_wrong_state(&world.run(Command::Erasure(erasure::Command::Cancel { id }))));
    world.run(begin(id)).unwrap();
    assert_eq!((world.phase(reader), world.phase(other)), ("stopping", "placed"));
    assert!(erasure::is_gone(&world.state, input(2)) && !erasure::is_gone(&world.state, input(3)));
    assert!(is_wrong_state(&world.submit_job(risk, reads("again", input(2), 2))));
    assert!(is_wrong_state(&world.run(complete(id))), "its reader has a copy");
    assert_eq!(numbers(&world, asked), [1, 2, 3], "there until it is gone");
    world.report(reader, 0, exited(0), 1).unwrap();
    world.run(complete(id)).unwrap();
    assert_eq!(numbers(&world, asked), [3]);
    assert!(world.state.erasures.is_empty(), "one a day for each project would fill the state");
    let again = world.submit_job(risk, reads("again", input(2), 2));
    assert!(is_wrong_state(&again), "it was there, and is erased");
    let rest = world.erase(over(asked, 3), None).unwrap();
    world.run(begin(rest)).unwrap();
    world.report(other, 0, exited(0), 1).unwrap();
    // The same content as what is going is a version of its own.
    world.run(keep(asked, 1, world.now())).unwrap();
    world.run(complete(rest)).unwrap();
    assert_eq!(numbers(&world, asked), [4]);
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn two_erasures_of_one_dataset_end_in_any_order() {
    for whole_first in [true, false] {
        let mut world = World::new();
        let (_, asked) = bank(&mut world);
        world.run(keep(asked, 1, world.now())).unwrap();
        world.run(keep(asked, 2, world.now())).unwrap();
        assert!(matches!(world.erase(over(asked, 3), None), Err(Reject::Invalid { .. })));
        let some = world.erase(over(asked, 1), None).unwrap();
        assert!(is_wrong_state(&world.erase(over(asked, 2), None)), "one at a time");
        let whole = world.erase(Target::Dataset(asked), None).unwrap();
        let order = if whole_first { [whole, some] } else { [some, whole] };
        order.into_iter().for_each(|id| drop(world.run(begin(id)).unwrap()));
        order.into_iter().for_each(|id| drop(world.run(complete(id)).unwrap()));
        assert!(is_wrong_state(&world.erase(over(asked, 2), None)), "it is gone already");
        assert!(world.state.erasures.values().all(|e| matches!(e.phase, Phase::Done { .. })));
        assert_eq!((world.state.erasures.len(), numbers(&world, asked)), (1, vec![2]));
        assert_eq!(world.verify().findings, vec![]);
    }
    let mut world = World::new();
    let (risk, _) = bank(&mut world);
    let given = world.dataset(risk, "given", 1);
    assert!(matches!(world.erase(over(given, 1), None), Err(Reject::Invalid { .. })));
}

#[test]
fn what_was_captured_is_captured_after_its_end() {
    let mut world = World::new();
    let (risk, asked) = bank(&mut world);
    world.run(keep(asked, 1, world.now())).unwrap();
    let plain = world.dataset(risk, "plain", 2);
    let parents = vec![Artefact::Dataset { id: asked, version: 1 }];
    let derived = dataset::Command::AddDerived { version: version(plain, 3), parents };
    world.run(Command::Dataset(derived)).unwrap();
    let id = world.erase(over(asked, 1), None).unwrap();
    world.run(begin(id)).unwrap();
    world.run(complete(id)).unwrap();
    let filtered = Artefact::Dataset { id: plain, version: 2 };
    let mut trains = reads("trains", filtered, 3);
    trains.kind = workload::Kind::Train;
    let refused = world.submit_job(risk, trains);
    assert!(matches!(refused, Err(Reject::TrainingNotAllowed { .. })));
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn a_capture_arrives_elsewhere_with_its_retention_and_its_gaps() {
    let mut world = World::new();
    let (there, risk, asked) =
        (Id::from_bytes([7; 16]), Id::from_bytes([8; 16]), Id::from_bytes([9; 16]));
    let name: units::Name = "bank".parse().unwrap();
    let (origin, digest) = ("elsewhere".to_owned(), Digest([1; 32]));
    let begun = transfer::Command::Begin { organisation: there, name, origin, digest };
    world.run(Command::Transfer(begun)).unwrap();
    let mut admit = |item: Event| {
        let (organisation, item) = (there, Box::new(item));
        world.run(Command::Transfer(transfer::Command::Admit { organisation, item }))
    };
    let (name, class): (units::Name, _) = ("asked".parse().unwrap(), DataClass::Internal);
    let project = project::Event::Created { id: risk, organisation: there, name: name.clone() };
    admit(Event::Project(project)).unwrap();
    let made = dataset::Event::CreatedCaptured { id: asked, project: risk, name, class };
    admit(Event::Dataset(made)).unwrap();
    let capture = Some(Capture { dataset: asked, permille: 10 });
    let setting = Event::Project(project::Event::CaptureSet { id: risk, capture });
    let since = UnixMicros(1_700_000_000_000_000);
    let item = |number: u32, at: UnixMicros| {
        let NewVersion { id, manifest, files, size, source } =
            version(asked, u8::try_from(number).unwrap());
        let (decided, since) = (Vec::new(), Some(at));
        Event::Dataset(dataset::Event::VersionAdded {
            id,
            number,
            manifest,
            files,
            size,
            source,
            decided,
            since,
        })
    };
    assert_eq!(invalid(admit(setting.clone())), "item", "its retention comes before it");
    assert_eq!(invalid(admit(item(5, since))), "dataset");
    let retention =
        |keep_days| Event::Dataset(dataset::Event::RetentionSet { id: asked, keep_days });
    admit(retention(30)).unwrap();
    assert_eq!(admit(retention(30)).unwrap(), vec![]);
    assert!(matches!(admit(retention(365)), Err(Reject::NameTaken { .. })));
    admit(item(5, since)).unwrap();
    assert_eq!(admit(item(5, since)).unwrap(), vec![], "once more is nothing");
    assert_eq!(invalid(admit(item(4, since))), "item");
    assert_eq!(invalid(admit(item(8, UnixMicros(i64::MAX)))), "item");
    admit(item(9, since)).unwrap();
    admit(setting.clone()).unwrap();
    assert_eq!(admit(setting).unwrap(), vec![]);
    assert_eq!(numbers(&world, asked), [5, 9]);
    assert_eq!(expired(&world.state, world.now()), vec![(asked, 9)], "as old as they were there");
    assert_eq!(world.verify().findings, vec![]);
}
