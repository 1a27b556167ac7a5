//! What people asked models enters no training without their organisation's consent, by whatever way
//! it is led there. The reference here knows nothing of the kernel's own walk.

use std::collections::BTreeMap;

use units::{Bytes, DataClass, Digest, Id, kinds};

use super::leaving::{add, reads};
use super::*;
use crate::{
    audit::Auditor,
    dataset::{self, NewVersion},
    lineage,
    model::{self, Artefact},
};

fn captured(world: &mut World, project: Id<kinds::Project>, content: u8) -> Artefact {
    let (name, class) = ("asked".parse().unwrap(), DataClass::Internal);
    let create = dataset::Command::CreateCaptured { project, name, class };
    let Subject::Dataset(id) = world.subject(Command::Dataset(create)) else { panic!() };
    world.run(add(id, content)).unwrap();
    Artefact::Dataset { id, version: 1 }
}

fn derived(world: &mut World, id: Id<kinds::Dataset>, content: u8, parent: Artefact) -> Artefact {
    let version = NewVersion {
        id,
        manifest: Digest([content; 32]),
        files: 1,
        size: Bytes(10),
        source: "filtered".to_owned(),
    };
    let add = dataset::Command::AddDerived { version, parents: vec![parent] };
    world.run(Command::Dataset(add)).unwrap();
    let version = world.state.datasets[&id].versions.last().unwrap().number;
    Artefact::Dataset { id, version }
}

fn model(world: &mut World, project: Id<kinds::Project>) -> Id<kinds::Model> {
    let create = model::Command::Create { project, name: "m".parse().unwrap() };
    match world.subject(Command::Model(create)) {
        Subject::Model(id) => id,
        other => panic!("{other}"),
    }
}

fn model_of(world: &mut World, id: Id<kinds::Model>, content: u8, input: Artefact) -> Artefact {
    let add = model::AddVersion {
        id,
        manifest: Digest([content; 32]),
        files: 1,
        size: Bytes(10),
        class: DataClass::Internal,
        lineage: model::Lineage { inputs: vec![input], ..model::Lineage::default() },
        signature: None,
    };
    world.run(Command::Model(model::Command::AddVersion(add))).unwrap();
    let version = world.state.models[&id].versions.last().unwrap().number;
    Artefact::Model { id, version }
}

fn trains(artefact: Artefact, content: u8) -> workload::Spec {
    workload::Spec { kind: workload::Kind::Train, ..reads("trains", artefact, content) }
}

fn allow(organisation: Id<kinds::Organisation>, allowed: bool) -> Command {
    let id = organisation;
    Command::Organisation(organisation::Command::AllowTraining { id, allowed })
}

fn is_refused<T>(result: &Result<T, Reject>) -> bool {
    matches!(result, Err(Reject::TrainingNotAllowed { .. }))
}

#[test]
fn training_on_captured_data_needs_consent_by_every_way() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let asked = captured(&mut world, risk, 1);
    let plain = world.dataset(risk, "plain", 2);
    let (filtered, again) = (derived(&mut world, plain, 3, asked), world.dataset(risk, "copy", 1));
    let again = Artefact::Dataset { id: again, version: 1 };
    let id = model(&mut world, risk);
    let tuned = model_of(&mut world, id, 4, filtered);
    let plain = Artefact::Dataset { id: plain, version: 1 };
    for (artefact, content) in [(asked, 1), (filtered, 3), (again, 1), (tuned, 4)] {
        assert!(is_refused(&world.submit_job(risk, trains(artefact, content))), "{artefact:?}");
        let mut finetune = trains(artefact, content);
        finetune.kind = workload::Kind::Finetune;
        assert!(is_refused(&world.submit_job(risk, finetune)));
        // Whatever leaves a model behind trains, whatever it calls itself.
        let mut batch = reads("batch", artefact, content);
        batch.outputs.model = Some(id);
        assert!(is_refused(&world.submit_job(risk, batch)));
        world.submit_job(risk, reads("looks", artefact, content)).unwrap();
    }
    world.submit_job(risk, trains(plain, 2)).unwrap();
    world.run(allow(bank, true)).unwrap();
    assert_eq!(world.run(allow(bank, true)).unwrap(), vec![]);
    world.submit_job(risk, trains(tuned, 4)).unwrap();
    let audit = world.verify();
    assert_eq!((audit.trainings, audit.findings), (2, vec![]));
}

#[test]
fn withdrawn_consent_stops_what_trains_and_what_waits_to() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let asked = captured(&mut world, risk, 1);
    let site = world.site("paris", "FR");
    world.node(site, "n1", 1);
    world.run(allow(bank, true)).unwrap();
    let running = world.submit_job(risk, trains(asked, 1)).unwrap();
    world.schedule();
    let waiting = world.submit_job(risk, trains(asked, 1)).unwrap();
    let other = world.submit_job(risk, reads("looks", asked, 1)).unwrap();
    world.run(allow(bank, false)).unwrap();
    let phases = (world.phase(running), world.phase(waiting), world.phase(other));
    assert_eq!(phases, ("stopping", "stopped", "queued"));
    assert!(is_refused(&world.submit_job(risk, trains(asked, 1))));
    assert_eq!(world.verify().findings, vec![]);
}

/// A random number generator that needs no crate.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

/// Grows random lineages around one seeded record and tries to train on everything: whatever is
/// accepted must not reach the record, by a walk over parents kept apart.
#[test]
fn a_seeded_record_is_never_reachable_from_training() {
    let (mut refused, mut accepted) = (0, 0);
    for seed in 1..=20 {
        let mut dice = Dice(seed);
        let mut world = World::new();
        let bank = world.organisation("bank");
        let risk = world.project(bank, "risk");
        let record = captured(&mut world, risk, 1);
        let plain = world.dataset(risk, "plain", 2);
        let id = model(&mut world, risk);
        let mut all = vec![(record, 1_u8), (Artefact::Dataset { id: plain, version: 1 }, 2)];
        let mut parents: BTreeMap<Artefact, Artefact> = BTreeMap::new();
        for content in 3..40_u8 {
            let (parent, _) = all[dice.below(all.len())];
            let made = if dice.below(2) == 0 {
                derived(&mut world, plain, content, parent)
            } else {
                model_of(&mut world, id, content, parent)
            };
            parents.insert(made, parent);
            all.push((made, content));
            let (artefact, content) = all[dice.below(all.len())];
            let mut way = artefact;
            while let Some(parent) = parents.get(&way) {
                way = *parent;
            }
            let result = world.submit_job(risk, trains(artefact, content));
            assert_eq!(is_refused(&result), way == record, "seed {seed}");
            refused += u32::from(way == record);
            accepted += u32::from(result.is_ok());
        }
        assert_eq!(world.verify().findings, vec![]);
    }
    assert!(refused > 100 && accepted > 100, "{refused} refused, {accepted} accepted");
}

#[test]
fn an_auditor_finds_training_that_was_let_through() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let asked = captured(&mut world, risk, 1);
    world.run(allow(bank, true)).unwrap();
    let position = world.leaves.len();
    world.submit_job(risk, trains(asked, 1)).unwrap();
    assert!(lineage::captured(&world.state, asked).contains(&bank));
    // A log in which the consent was never given.
    let mut auditor = Auditor::new();
    let consent = position.checked_sub(1).unwrap();
    for (at, leaf) in world.leaves.iter().enumerate() {
        if at != consent {
            auditor.feed(leaf);
        }
    }
    let findings = auditor.finish().findings;
    assert!(findings.iter().any(|f| f.message.contains("without consent")), "{findings:?}");
}
