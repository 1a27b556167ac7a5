//! Upstreams and the routes to them: what may be registered, that nothing is routed without a yes on record,
//! and that a change of policy closes a route whose use before still adds up.

use units::{DataClass, Digest, Id, kinds};

use super::{
    World,
    sovereignty::{process_in, residency, tokens_with},
};
use crate::{
    Command, Event, Reject, Submission,
    access::Scope,
    decision,
    endpoint::{self, Backend, Canary, Routing},
    upstream::{self, Config, Probe, Reach, Timeouts},
};

type UpstreamId = Id<kinds::Upstream>;

fn config(url: &str) -> Config {
    Config {
        url: url.to_owned(),
        model: "m".to_owned(),
        reach: Reach::Public,
        in_flight_max: None,
        timeouts: Timeouts {
            connect_ms: 2_000,
            first_byte_ms: 120_000,
            gap_ms: 60_000,
            total_ms: 600_000,
        },
        probe: Probe::Models,
    }
}

pub(super) fn register(
    world: &mut World,
    number: u8,
    site: Id<kinds::Site>,
    project: Option<Id<kinds::Project>>,
) -> UpstreamId {
    let id = Id::from_bytes([number; 16]);
    let name = format!("u{number}").parse().unwrap();
    let (config, secret) = (config("https://u.test/v1"), Some(Digest([number; 32])));
    let register = upstream::Command::Register { id, project, name, site, config, secret };
    world.run(Command::Upstream(register)).unwrap();
    id
}

pub(super) fn over(upstreams: &[UpstreamId]) -> Routing {
    let backend = |id: &UpstreamId| Backend { upstream: *id, weight: 100, model: None };
    Routing { backends: upstreams.iter().map(backend).collect(), ..Routing::default() }
}

pub(super) fn open(
    world: &mut World,
    project: Id<kinds::Project>,
    class: DataClass,
    routing: Routing,
) -> Result<Id<kinds::Endpoint>, Reject> {
    let name = format!("e{}", world.state.endpoints.len()).parse().unwrap();
    let open = endpoint::Command::Open { project, name, class, routing };
    let events = world.run(Command::Endpoint(open))?;
    let opened = events.iter().find_map(|event| match event {
        Event::Endpoint(endpoint::Event::Opened { id, .. }) => Some(*id),
        _ => None,
    });
    Ok(opened.unwrap())
}

fn n_routes(world: &World, endpoint: Id<kinds::Endpoint>) -> usize {
    world.state.endpoints[&endpoint].routed_upstreams(&world.state, |_| true).count()
}

#[test]
fn an_upstream_gets_no_request_without_a_yes_on_record() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let (risk, other) = (world.project(bank, "risk"), world.project(bank, "other"));
    let (paris, boston) = (world.site("paris", "FR"), world.site("boston", "US"));
    let (near, far) =
        (register(&mut world, 1, paris, None), register(&mut world, 2, boston, Some(risk)));
    let refused = open(&mut world, risk, DataClass::Restricted, over(&[near, far]));
    assert!(matches!(refused, Err(Reject::ForbiddenByPolicy(_))), "{refused:?}");
    assert!(world.state.endpoints.is_empty(), "no part of it is done");
    let refused = open(&mut world, other, DataClass::Public, over(&[far]));
    assert!(matches!(refused, Err(Reject::NotFound { .. })), "another project's: {refused:?}");
    let talk = open(&mut world, risk, DataClass::Internal, over(&[near, far])).unwrap();
    assert_eq!(n_routes(&world, talk), 2);
    let made = |event: &Event| matches!(event, Event::Decision(decision::Event::Made(_)));
    let events = residency(&mut world, Scope::Organisation(bank), process_in(&["FR"]));
    assert_eq!(events.iter().filter(|event| made(event)).count(), 2, "asked again, each once");
    let left: Vec<_> = world.state.endpoints[&talk]
        .routed_upstreams(&world.state, |_| true)
        .map(|(_, upstream)| upstream.id)
        .collect();
    assert_eq!(left, [near]);
    tokens_with(&mut world, risk, talk, None).unwrap();
    assert_eq!(world.verify().findings, vec![]);
    assert!(world.state.check().is_empty());
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let risk = world.project(bank, "risk");
    let paris = world.site("paris", "FR");
    let near = register(&mut world, 1, paris, None);
    for url in [
        "ftp://a.test",
        "http://a.test/v1",
        "https://",
        "https://u:p@a.test",
        "a.test",
        "https://a.test?k=1",
    ] {
        let replace = upstream::Command::Replace { id: near, config: config(url), secret: None };
        let refused = world.run(Command::Upstream(replace)).unwrap_err();
        assert!(matches!(refused, Reject::Invalid { field: "url", .. }), "{url}: {refused}");
        assert!(!refused.to_string().contains("u:p"), "{refused}");
    }
    let talk = open(&mut world, risk, DataClass::Internal, over(&[near])).unwrap();
    let safe = open(&mut world, risk, DataClass::Confidential, over(&[near])).unwrap();
    let route = |id, canary: &[(Id<kinds::Endpoint>, u32)], fallbacks: &[Id<kinds::Endpoint>]| {
        let canaries = canary
            .iter()
            .map(|(endpoint, percent)| Canary { endpoint: *endpoint, percent: *percent });
        let (canaries, fallbacks) = (canaries.collect(), fallbacks.to_vec());
        let routing = Routing { canaries, fallbacks, ..over(&[near]) };
        Command::Endpoint(endpoint::Command::Route { id, routing })
    };
    for command in [
        route(talk, &[(safe, 101)], &[]),
        route(talk, &[(safe, 0)], &[]),
        route(talk, &[], &[talk]),
        route(safe, &[], &[talk]),
        route(safe, &[(talk, 5)], &[]),
    ] {
        let refused = world.run(command.clone());
        assert!(matches!(refused, Err(Reject::Invalid { .. })), "{command:?}: {refused:?}");
    }
    world.run(route(talk, &[(safe, 5)], &[safe])).unwrap();
    assert_eq!(world.run(route(talk, &[(safe, 5)], &[safe])).unwrap(), vec![]);
    let delete = Command::Upstream(upstream::Command::Delete { id: near });
    let used = world.run(delete.clone());
    assert!(matches!(used, Err(Reject::WrongState { .. })), "{used:?}");
    for id in [talk, safe] {
        world.run(Command::Endpoint(endpoint::Command::Delete { id })).unwrap();
    }
    let stale = Submission { expected_version: Some(9), ..Submission::new(delete.clone()) };
    assert!(matches!(world.submit(&stale), Err(Reject::VersionConflict { .. })));
    world.run(delete).unwrap();
    assert!(world.state.check().is_empty());
}
