//! The countries of a key tighten where work that is asked for with it may run, by conjunction with
//! what policy and job allow: over every combination of FR, DE, US and CH.

use units::{Country, Digest};

use super::{
    sovereignty::{endpoint_as, process_in, residency},
    *,
};
use crate::{access::Role, decision, key, workload};

const COUNTRIES: [&str; 4] = ["FR", "DE", "US", "CH"];

/// Every list of countries that can be said, and none.
fn lists() -> Vec<Option<Vec<Country>>> {
    let all = (1_u8..16).map(|bits| {
        let listed = COUNTRIES.iter().zip(0..).filter(|(_, at)| bits & (1 << at) != 0);
        Some(listed.map(|(code, _)| code.parse().unwrap()).collect())
    });
    std::iter::once(None).chain(all).collect()
}

fn allows(list: &Option<Vec<Country>>, country: &str) -> bool {
    list.as_ref().is_none_or(|list| list.iter().any(|one| one.as_str() == country))
}

fn key(world: &mut World, scope: Scope, countries: Option<Vec<Country>>, secret: u8) -> Actor {
    let issue = key::Issue {
        name: "k".parse().unwrap(),
        scope,
        role: Role::Member,
        secret_hash: Digest([secret; 32]),
        expires_at: None,
        owner: None,
        limits: key::Limits { models: None, countries },
    };
    match world.subject(Command::Key(key::Command::Issue(Box::new(issue)))) {
        Subject::Key(id) => Actor::Key(id),
        other => panic!("{other}"),
    }
}

/// Where policy, asked with what the work says of itself, lets it run.
fn allowed(world: &World, project: Id<kinds::Project>, spec: &workload::Spec) -> Vec<String> {
    let state = &world.state;
    let sites = state.sites.values().filter(|site| {
        let mut asks = workload::asks(project, spec, spec.class, site.id);
        asks.all(|ask| decision::answer(state, &ask).is_some_and(|one| one.decision.allowed))
    });
    sites.map(|site| site.config.country.as_str().to_owned()).collect()
}

#[test]
fn the_countries_of_a_key_only_tighten_where_its_work_may_run() {
    let mut world = World::new();
    for country in COUNTRIES {
        world.site(&country.to_lowercase(), country);
    }
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let keys: Vec<_> = lists()
        .into_iter()
        .zip(1..)
        .map(|(list, secret)| (list.clone(), key(&mut world, Scope::Project(risk), list, secret)))
        .collect();
    let (mut n_run, mut n_refused) = (0, 0);
    for policy in [&["FR", "DE", "US", "CH"][..], &["FR", "DE"], &["CH"]] {
        residency(&mut world, Scope::Organisation(bank), process_in(policy));
        let by_policy = allowed(&world, risk, &job("any"));
        assert!(!by_policy.is_empty() && by_policy.len() == policy.len(), "{by_policy:?}");
        for (of_key, actor) in &keys {
            for of_job in lists() {
                let mut spec = job("j");
                spec.residency_countries = of_job.clone();
                let command = workload::Command::Submit { project: risk, spec: Box::new(spec) };
                let submission = Submission::new(Command::Workload(command));
                let both = |country: &&String| allows(of_key, country) && allows(&of_job, country);
                let expected: Vec<String> = by_policy.iter().filter(both).cloned().collect();
                match world.submit_as(*actor, &submission) {
                    Ok(events) => {
                        let id = events.iter().find_map(|event| match event.subject() {
                            Subject::Workload(id) => Some(id),
                            _ => None,
                        });
                        let spec = world.state.workloads[&id.unwrap()].spec.clone();
                        assert_eq!(allowed(&world, risk, &spec), expected);
                        n_run += 1;
                    }
                    Err(refused) => {
                        assert_eq!(expected, Vec::<String>::new(), "{refused}");
                        n_refused += 1;
                    }
                }
            }
        }
    }
    assert_eq!((n_run + n_refused, n_run > 100, n_refused > 100), (3 * 16 * 16, true, true));
}

#[test]
fn services_behind_an_endpoint_have_the_countries_of_the_key_that_made_it() {
    let mut world = World::new();
    let site = world.site("paris", "FR");
    world.node(site, "n1", 8);
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let france = Some(vec!["FR".parse().unwrap()]);
    let with = key(&mut world, Scope::Project(risk), france.clone(), 1);
    let served = endpoint_as(&mut world, with, risk);
    for id in &world.state.endpoints[&served].workloads {
        assert_eq!(world.state.workloads[id].spec.residency_countries, france);
    }
}
