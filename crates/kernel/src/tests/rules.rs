//! Sovereignty: what policy forbids never starts, and an audit sees it without the scheduler.

use super::*;
use crate::{Event, workload::Event as WorkloadEvent};

#[test]
fn restricted_data_stays_where_the_policy_says() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let berlin = world.site("berlin", "DE");
    world.node(berlin, "n1", 1);
    let mut spec = job("secret");
    spec.class = DataClass::Restricted;
    let undecided = world.submit_job(project, spec.clone());
    assert!(matches!(undecided, Err(Reject::ForbiddenByPolicy(_))), "undecided is a no");
    world.restricted_stays_in(Scope::Organisation(organisation), "FR");
    let Err(Reject::ForbiddenByPolicy(refused)) = world.submit_job(project, spec.clone()) else {
        panic!("a site in DE must be refused");
    };
    assert!(!refused.refusal.reason.is_empty() && !refused.refusal.remedy.is_empty());
    let paris = world.site("paris", "FR");
    let id = world.submit_job(project, spec).unwrap();
    assert_eq!(world.schedule(), 0, "no node in FR yet");
    let node = world.node(paris, "n2", 1);
    assert_eq!(world.schedule(), 1);
    assert_eq!(world.state.workloads[&id].attempt().unwrap().ranks[0].node, node);
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn residency_of_a_job_only_tightens() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    world.site("berlin", "DE");
    let mut spec = job("open");
    spec.residency_countries = Some(vec!["FR".parse().unwrap()]);
    assert!(matches!(world.submit_job(project, spec.clone()), Err(Reject::ForbiddenByPolicy(_))));
    spec.residency_countries = Some(vec!["DE".parse().unwrap()]);
    world.submit_job(project, spec).unwrap();
}

#[test]
fn an_audit_finds_a_placement_that_policy_did_not_allow() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    world.restricted_stays_in(Scope::Organisation(organisation), "FR");
    let paris = world.site("paris", "FR");
    world.node(paris, "n1", 1);
    let berlin = world.site("berlin", "DE");
    let there = world.node(berlin, "n2", 1);
    let mut spec = job("secret");
    spec.class = DataClass::Restricted;
    world.submit_job(project, spec).unwrap();
    world.schedule();
    assert_eq!(world.verify().findings, vec![]);
    let placed = world.leaves.iter_mut().rev().find_map(|leaf| {
        let entry = Entry::from_leaf(leaf).unwrap();
        matches!(entry.event, Event::Workload(WorkloadEvent::Placed { .. }))
            .then_some((leaf, entry))
    });
    let (leaf, mut entry) = placed.unwrap();
    let Event::Workload(WorkloadEvent::Placed { site, nodes, .. }) = &mut entry.event else {
        unreachable!("found above");
    };
    (*site, *nodes) = (berlin, vec![there]);
    *leaf = entry.to_leaf().unwrap();
    let mut auditor = crate::audit::Auditor::new();
    world.leaves.iter().for_each(|leaf| auditor.feed(leaf));
    let findings = auditor.finish().findings;
    assert!(findings.iter().any(|f| f.message.contains("policy did not allow")), "{findings:?}");
}

#[test]
fn a_policy_that_does_not_compile_never_comes_into_force() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let set = policy_set::Command::Set {
        scope: Scope::Organisation(organisation),
        name: "broken".parse().unwrap(),
        text: "permit(principal, action, resource) whenn { true };".to_owned(),
    };
    let refused = world.run(Command::PolicySet(set));
    assert!(matches!(refused, Err(Reject::Invalid { field: "text", .. })), "{refused:?}");
    assert!(world.state.policy_sets.is_empty());
}

#[test]
fn the_base_policy_compiles() {
    let base = policy::PolicySource {
        id: policy_set::BASE_ID.to_owned(),
        text: policy::BASE_POLICY.to_owned(),
    };
    policy::Policies::compile(&[base]).unwrap();
}
