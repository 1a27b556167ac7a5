//! Guardrails of projects: all are set at once, and what could not be meant is refused.

use units::Digest;

use super::*;
use crate::{
    limits,
    project::{self, Action, Guardrail, Rule, Side, SizeRule},
    transfer,
};

fn pattern(name: &str, pattern: &str) -> Guardrail {
    Guardrail {
        name: name.parse().unwrap(),
        endpoint: None,
        side: Side::Both,
        action: Action::Refuse,
        rule: Rule::Pattern { pattern: pattern.to_owned(), window_chars: 64 },
    }
}

fn set(id: Id<kinds::Project>, guardrails: Vec<Guardrail>) -> Command {
    Command::Project(project::Command::SetGuardrails { id, guardrails })
}

#[test]
fn a_project_has_the_guardrails_that_were_set_last() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let version = world.state.projects[&risk].meta.version;
    world.run(set(risk, vec![pattern("a", "x"), pattern("b", "y")])).unwrap();
    world.run(set(risk, vec![pattern("b", "y")])).unwrap();
    let names = |world: &World| world.state.projects[&risk].guardrails.len();
    assert_eq!((names(&world), world.state.projects[&risk].meta.version), (1, version + 2));
    assert!(world.run(set(risk, vec![pattern("b", "y")])).unwrap().is_empty(), "already true");
    let stale = Submission {
        command: set(risk, Vec::new()),
        idempotency_key: None,
        expected_version: Some(version),
    };
    assert!(world.submit(&stale).is_err(), "somebody else has changed them");
    world.run(set(risk, Vec::new())).unwrap();
    assert_eq!(names(&world), 0);
}

#[test]
fn what_could_not_be_meant_is_refused() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let size = |action, size| Guardrail { action, rule: Rule::Size(size), ..pattern("a", "x") };
    let some = SizeRule { bytes_max: Some(1), ..SizeRule::default() };
    let wide = Rule::Pattern { pattern: "x".to_owned(), window_chars: 1_025 };
    let elsewhere = Some(Id::from_bytes([9; 16]));
    for refused in [
        vec![pattern("a", "x"), pattern("a", "y")],
        vec![pattern("a", "")],
        vec![pattern("a", &"x".repeat(limits::GUARDRAIL_PATTERN_BYTES_MAX + 1))],
        vec![Guardrail { rule: wide, ..pattern("a", "x") }],
        vec![size(Action::Refuse, SizeRule::default())],
        vec![size(Action::Redact, some)],
        vec![Guardrail { endpoint: elsewhere, ..pattern("a", "x") }],
        (0..=limits::GUARDRAILS_MAX).map(|n| pattern(&format!("n{n}"), "x")).collect(),
    ] {
        assert!(world.run(set(risk, refused.clone())).is_err(), "{refused:?}");
    }
    let most = (0..limits::GUARDRAILS_MAX).map(|n| pattern(&format!("n{n}"), "x")).collect();
    world.run(set(risk, most)).unwrap();
}

#[test]
fn guardrails_come_along_with_their_project_and_with_nobody_elses() {
    let mut world = World::new();
    let (bank, rail) = (Id::from_bytes([7; 16]), world.organisation("rail"));
    let trains = world.project(rail, "trains");
    let begin = transfer::Command::Begin {
        organisation: bank,
        name: "bank".parse().unwrap(),
        origin: "elsewhere".to_owned(),
        digest: Digest([1; 32]),
    };
    world.run(Command::Transfer(begin)).unwrap();
    let risk = Id::from_bytes([8; 16]);
    let admit = |world: &mut World, item: project::Event| {
        let item = Box::new(Event::Project(item));
        world.run(Command::Transfer(transfer::Command::Admit { organisation: bank, item }))
    };
    let name = "risk".parse().unwrap();
    admit(&mut world, project::Event::Created { id: risk, organisation: bank, name }).unwrap();
    // The endpoint stayed behind; its rule is kept as it is.
    let gone = Some(Id::from_bytes([9; 16]));
    let own = vec![Guardrail { endpoint: gone, ..pattern("a", "x") }, pattern("b", "y")];
    let item = |id, guardrails| project::Event::GuardrailsSet { id, guardrails };
    admit(&mut world, item(risk, own.clone())).unwrap();
    assert_eq!(world.state.projects[&risk].guardrails, own);
    assert!(admit(&mut world, item(risk, own.clone())).unwrap().is_empty(), "the same once more");
    assert!(
        admit(&mut world, item(risk, vec![pattern("c", "z")])).is_err(),
        "another in its place"
    );
    assert!(admit(&mut world, item(trains, own.clone())).is_err(), "not of this organisation");
    let more = [&own[..], &[pattern("c", "z")]].concat();
    world.run(set(risk, more)).unwrap();
    assert_eq!(world.state.projects[&risk].guardrails.len(), 3);
    world.verify();
}
