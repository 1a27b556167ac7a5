//! Guardrails of projects: all are set at once, and what could not be meant is refused.

use units::{DataClass, Digest};

use super::{
    sovereignty::{process_in, residency},
    upstreams::{open, over, register},
    *,
};
use crate::{
    access::Scope,
    decision, limits,
    project::{self, Action, CheckerRule, Guardrail, Rule, Side, SizeRule, Unanswered},
    transfer, upstream,
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

/// An upstream that a project's guardrails ask.
fn checker(upstream: Id<kinds::Upstream>) -> Guardrail {
    let rule = Rule::Checker(CheckerRule {
        upstream,
        timeout_ms: 500,
        unanswered: Unanswered::Refuse,
        window_chars: 256,
    });
    Guardrail { rule, ..pattern("watch", "x") }
}

#[test]
fn a_service_is_asked_only_where_policys_yes_about_its_site_is_on_record() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let (risk, other) = (world.project(bank, "risk"), world.project(bank, "other"));
    let (paris, boston) = (world.site("paris", "FR"), world.site("boston", "US"));
    let (near, far) =
        (register(&mut world, 1, paris, None), register(&mut world, 2, boston, Some(risk)));
    let talk = open(&mut world, risk, DataClass::Internal, over(&[near])).unwrap();
    let stranger = world.run(set(other, vec![checker(far)]));
    assert!(matches!(stranger, Err(Reject::NotFound { .. })), "another project's: {stranger:?}");
    let made = |event: &&Event| matches!(event, Event::Decision(decision::Event::Made(_)));
    let events = world.run(set(risk, vec![checker(far)])).unwrap();
    assert_eq!(events.iter().filter(made).count(), 1);
    let is_allowed = |world: &World, class| {
        let rule = &world.state.projects[&risk].guardrails[0];
        rule.is_allowed(&world.state, risk, class)
    };
    assert!(is_allowed(&world, DataClass::Internal));
    assert!(!is_allowed(&world, DataClass::Restricted), "nobody has asked about that class");
    let refused = open(&mut world, risk, DataClass::Restricted, over(&[near]));
    assert!(matches!(refused, Err(Reject::ForbiddenByPolicy(_))), "{refused:?}");

    let delete = Command::Upstream(upstream::Command::Delete { id: far });
    assert!(matches!(world.run(delete.clone()), Err(Reject::WrongState { .. })));
    let events = residency(&mut world, Scope::Organisation(bank), process_in(&["FR"]));
    assert_eq!(events.iter().filter(made).count(), 2, "asked again with the route");
    assert!(!is_allowed(&world, DataClass::Internal));
    let again = world.run(set(risk, vec![checker(far), pattern("b", "y")]));
    assert!(matches!(again, Err(Reject::ForbiddenByPolicy(_))), "{again:?}");
    world.run(set(risk, vec![checker(near)])).unwrap();
    assert!(is_allowed(&world, DataClass::Internal) && world.state.endpoints.contains_key(&talk));
    world.run(delete).unwrap();
    assert_eq!(world.verify().findings, vec![]);
    assert!(world.state.check().is_empty());
}

#[test]
fn a_service_that_stayed_behind_is_named_and_gives_no_answer() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let gone = Id::from_bytes([9; 16]);
    assert!(world.run(set(risk, vec![checker(gone)])).is_err());
    let slow = |change: fn(&mut CheckerRule)| {
        let mut one = checker(gone);
        if let Rule::Checker(rule) = &mut one.rule {
            change(rule);
        }
        one
    };
    for never in [
        slow(|rule| rule.timeout_ms = 0),
        slow(|rule| rule.timeout_ms = limits::CHECKER_MS_MAX + 1),
        slow(|rule| rule.window_chars = 0),
        slow(|rule| rule.window_chars = limits::CHECKER_WINDOW_CHARS_MAX + 1),
        Guardrail { action: Action::Redact, ..checker(gone) },
    ] {
        assert!(project::check_rule(&never).is_err(), "{never:?}");
    }
    let there = Id::from_bytes([7; 16]);
    let begin = transfer::Command::Begin {
        organisation: there,
        name: "rail".parse().unwrap(),
        origin: "elsewhere".to_owned(),
        digest: Digest([1; 32]),
    };
    world.run(Command::Transfer(begin)).unwrap();
    let id = Id::from_bytes([8; 16]);
    let name = "trains".parse().unwrap();
    let mine = vec![checker(gone)];
    for item in [
        project::Event::Created { id, organisation: there, name },
        project::Event::GuardrailsSet { id, guardrails: mine.clone() },
    ] {
        let item = Box::new(Event::Project(item));
        let admit = transfer::Command::Admit { organisation: there, item };
        world.run(Command::Transfer(admit)).unwrap();
    }
    assert_eq!(world.state.projects[&id].guardrails, mine);
    assert!(!mine[0].is_allowed(&world.state, id, DataClass::Public));
    world.verify();
}
