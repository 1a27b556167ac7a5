//! Tenants, keys, versions, idempotency, artefacts and token roll-ups.

use units::{Digest, Tokens};

use super::*;
use crate::{
    access::{Denied, Grants, Principal, Role, authorize},
    dataset, endpoint, key,
    model::{self, Artefact},
    usage,
};

fn key(world: &mut World, scope: Scope, role: Role, secret: u8) -> Id<kinds::Key> {
    let command = key::Command::Create {
        name: "k".parse().unwrap(),
        scope,
        role,
        secret_hash: Digest([secret; 32]),
        expires_at: None,
    };
    match world.subject(Command::Key(command)) {
        Subject::Key(id) => id,
        other => panic!("{other}"),
    }
}

#[test]
fn default_deny_and_other_tenants_do_not_exist() {
    let mut world = World::new();
    let (bank, rail) = (world.organisation("bank"), world.organisation("rail"));
    let (risk, trains) = (world.project(bank, "risk"), world.project(rail, "trains"));
    let member = key(&mut world, Scope::Project(risk), Role::Member, 1);
    let administrator = key(&mut world, Scope::Organisation(bank), Role::Administrator, 2);
    let caller = key(&mut world, Scope::Project(risk), Role::Inference, 3);
    let state = &world.state;
    let now = world.now();
    let may = |id, role: Role, scope| {
        authorize(state, &Grants::of(state, Principal::Key(id), now), role, scope)
    };
    assert_eq!(may(member, Role::Member, Scope::Project(risk)), Ok(()));
    assert_eq!(may(member, Role::Inference, Scope::Project(risk)), Ok(()));
    assert_eq!(
        may(member, Role::Administrator, Scope::Project(risk)),
        Err(Denied::NeedsRole(Role::Administrator))
    );
    assert_eq!(may(member, Role::Viewer, Scope::Project(trains)), Err(Denied::Hidden));
    assert_eq!(may(member, Role::Viewer, Scope::Platform), Err(Denied::Hidden));
    assert_eq!(may(administrator, Role::Member, Scope::Project(risk)), Ok(()));
    assert_eq!(may(administrator, Role::Viewer, Scope::Project(trains)), Err(Denied::Hidden));
    assert_eq!(
        may(caller, Role::Viewer, Scope::Project(risk)),
        Err(Denied::NeedsRole(Role::Viewer))
    );
    assert_eq!(may(caller, Role::Inference, Scope::Project(risk)), Ok(()));
}

#[test]
fn only_operators_hold_platform_keys_and_names_are_unique() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let create = |scope, role| {
        Command::Key(key::Command::Create {
            name: "k".parse().unwrap(),
            scope,
            role,
            secret_hash: Digest([9; 32]),
            expires_at: None,
        })
    };
    assert!(world.run(create(Scope::Platform, Role::Member)).is_err());
    assert!(world.run(create(Scope::Organisation(bank), Role::Operator)).is_err());
    world.run(create(Scope::Platform, Role::Operator)).unwrap();
    let again =
        Command::Organisation(organisation::Command::Create { name: "bank".parse().unwrap() });
    assert!(matches!(world.run(again), Err(Reject::NameTaken { .. })));
}

#[test]
fn versions_guard_changes() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let project = world.project(bank, "risk");
    let id = world.budget(project, 5);
    let command = Command::Budget(budget::Command::SetLimit { id, limit: MicroEuro(6) });
    let mut submission = Submission::new(command);
    submission.expected_version = Some(2);
    assert_eq!(world.submit(&submission), Err(Reject::VersionConflict { expected: 2, current: 1 }));
    submission.expected_version = Some(1);
    world.submit(&submission).unwrap();
}

#[test]
fn lineage_raises_the_class_and_versions_are_immutable() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let project = world.project(bank, "risk");
    let create = dataset::Command::Create {
        project,
        name: "claims".parse().unwrap(),
        class: DataClass::Confidential,
    };
    let Subject::Dataset(data) = world.subject(Command::Dataset(create)) else { panic!() };
    let add = |n: u8| {
        Command::Dataset(dataset::Command::AddVersion {
            id: data,
            manifest: Digest([n; 32]),
            files: 1,
            size: Bytes(10),
            source: "generator, seed 1".to_owned(),
        })
    };
    world.run(add(1)).unwrap();
    assert_eq!(world.run(add(1)).unwrap(), vec![], "the same content is the same version");
    world.run(add(2)).unwrap();
    assert_eq!(world.state.datasets[&data].versions.len(), 2);
    let create = model::Command::Create { project, name: "m".parse().unwrap() };
    let Subject::Model(model) = world.subject(Command::Model(create)) else { panic!() };
    let add = model::AddVersion {
        id: model,
        manifest: Digest([7; 32]),
        files: 5,
        size: Bytes(10),
        class: DataClass::Public,
        lineage: model::Lineage {
            inputs: vec![Artefact::Dataset { id: data, version: 2 }],
            ..model::Lineage::default()
        },
        signature: None,
    };
    world.run(Command::Model(model::Command::AddVersion(add))).unwrap();
    assert_eq!(world.state.models[&model].versions[0].class, DataClass::Confidential);
}

#[test]
fn another_tenants_data_cannot_be_an_input() {
    let mut world = World::new();
    let (bank, rail) = (world.organisation("bank"), world.organisation("rail"));
    let (risk, trains) = (world.project(bank, "risk"), world.project(rail, "trains"));
    let create = dataset::Command::Create {
        project: risk,
        name: "d".parse().unwrap(),
        class: DataClass::Public,
    };
    let Subject::Dataset(id) = world.subject(Command::Dataset(create)) else { panic!() };
    let add = dataset::Command::AddVersion {
        id,
        manifest: Digest([1; 32]),
        files: 1,
        size: Bytes(1),
        source: String::new(),
    };
    world.run(Command::Dataset(add)).unwrap();
    let mut spec = job("thief");
    spec.inputs.push(workload::Input {
        mount: "/data".to_owned(),
        artefact: Artefact::Dataset { id, version: 1 },
        manifest: Digest([1; 32]),
    });
    assert!(matches!(world.submit_job(trains, spec.clone()), Err(Reject::NotFound { .. })));
    world.submit_job(risk, spec).unwrap();
}

#[test]
fn mounts_cannot_climb() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    for mount in ["data", "/", "/../etc", "/a/./b", "/a//b", "/a\0"] {
        let mut spec = job("climber");
        spec.inputs.push(workload::Input {
            mount: mount.to_owned(),
            artefact: Artefact::Dataset { id: Id::from_bytes([0; 16]), version: 1 },
            manifest: Digest([1; 32]),
        });
        let refused = world.submit_job(risk, spec);
        assert!(
            matches!(refused, Err(Reject::Invalid { field: "data", .. })),
            "{mount:?}: {refused:?}"
        );
    }
}

#[test]
fn token_roll_ups_count_once_and_in_order() {
    let mut world = World::new();
    world.prices();
    let bank = world.organisation("bank");
    let project = world.project(bank, "risk");
    let caller = key(&mut world, Scope::Project(project), Role::Inference, 1);
    let create = model::Command::Create { project, name: "m".parse().unwrap() };
    let Subject::Model(model) = world.subject(Command::Model(create)) else { panic!() };
    let add = model::AddVersion {
        id: model,
        manifest: Digest([7; 32]),
        files: 5,
        size: Bytes(10),
        class: DataClass::Internal,
        lineage: model::Lineage::default(),
        signature: None,
    };
    world.run(Command::Model(model::Command::AddVersion(add))).unwrap();
    let artefact = Artefact::Model { id: model, version: 1 };
    let mut service = job("serve");
    service.kind = workload::Kind::Service;
    service.inputs.push(workload::Input {
        mount: "/model".to_owned(),
        artefact,
        manifest: Digest([7; 32]),
    });
    let create = endpoint::Command::Create {
        project,
        name: "chat".parse().unwrap(),
        model,
        model_version: 1,
        replicas: 2,
        service: Box::new(service),
    };
    let Subject::Endpoint(endpoint) = world.subject(Command::Endpoint(create)) else { panic!() };
    assert_eq!(world.state.endpoints[&endpoint].workloads.len(), 2);
    let record = |sequence| {
        Command::Usage(usage::Command::RecordTokens {
            gateway: Id::from_bytes([1; 16]),
            sequence,
            key: caller,
            endpoint,
            minute: UnixMicros(0),
            requests: 10,
            errors: 1,
            tokens_in: Tokens(500_000),
            tokens_out: Tokens(1_000_000),
            estimated: false,
            answers: None,
        })
    };
    assert!(world.run(record(2)).is_err(), "a gap is refused");
    world.run(record(1)).unwrap();
    assert_eq!(world.run(record(1)).unwrap(), vec![]);
    let total: i64 = world.state.usage.lines_of(project).map(|(_, line)| line.amount.0).sum();
    assert_eq!(total, 200_000 + 1_200_000);
    world.run(Command::Endpoint(endpoint::Command::Delete { id: endpoint })).unwrap();
    assert!(world.state.active_workloads().next().is_none());
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn a_model_cannot_claim_another_tenants_workload() {
    let mut world = World::new();
    let (bank, rail) = (world.organisation("bank"), world.organisation("rail"));
    let (risk, trains) = (world.project(bank, "risk"), world.project(rail, "trains"));
    let theirs = world.submit_job(trains, job("theirs")).unwrap();
    let ours = world.submit_job(risk, job("ours")).unwrap();
    let create = model::Command::Create { project: risk, name: "m".parse().unwrap() };
    let Subject::Model(id) = world.subject(Command::Model(create)) else { panic!() };
    let add = |workload| {
        Command::Model(model::Command::AddVersion(model::AddVersion {
            id,
            manifest: Digest([7; 32]),
            files: 1,
            size: Bytes(1),
            class: DataClass::Public,
            lineage: model::Lineage { workload: Some(workload), ..model::Lineage::default() },
            signature: None,
        }))
    };
    assert!(matches!(world.run(add(theirs)), Err(Reject::NotFound { kind: "workload", .. })));
    world.run(add(ours)).unwrap();
    // The job was not asked for a model, so nothing of it counts as registered.
    assert_eq!(world.state.workloads[&ours].outputs, workload::OutputStatus::None);
}
