//! Nodes: where they stand, what a doubt about one means, and drains with a grace.

use super::*;
use crate::{
    Event,
    node::{Status, Topology},
};

fn topology(group: Option<&str>, rack: Option<&str>) -> Topology {
    let parse = |text: &str| text.parse().unwrap();
    Topology { group: group.map(parse), rack: rack.map(parse) }
}

fn register(world: &mut World, name: &str, topology: Topology) -> Result<Vec<Event>, Reject> {
    let known = world.state.nodes.values().find(|node| node.name.as_str() == "n1").unwrap();
    let (site, facts) = (known.site, known.facts.clone());
    let name = name.parse().unwrap();
    world.run(Command::Node(node::Command::Register { site, name, facts, topology }))
}

fn kinds(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(Event::kind).collect()
}

fn set(world: &mut World, id: Id<kinds::Node>, status: Status) -> Vec<Event> {
    let reason = "test".to_owned();
    world.run(Command::Node(node::Command::SetStatus { id, status, reason })).unwrap()
}

#[test]
fn a_node_says_where_it_stands_and_a_rack_stands_in_one_group() {
    let mut world = World::new();
    let site = world.site("paris", "FR");
    let first = world.node(site, "n1", 1);
    assert!(world.state.nodes[&first].topology.is_unknown());
    let in_rack = topology(Some("g1"), Some("r1"));
    let moved = register(&mut world, "n1", in_rack.clone()).unwrap();
    assert_eq!(kinds(&moved), ["node.moved"]);
    assert_eq!(register(&mut world, "n1", in_rack.clone()).unwrap(), vec![], "it is true already");
    assert_eq!(register(&mut world, "n1", Topology::default()).unwrap(), vec![], "no opinion");
    assert_eq!(world.state.nodes[&first].topology, in_rack);
    for elsewhere in [topology(Some("g2"), Some("r1")), topology(None, Some("r1"))] {
        let refused = register(&mut world, "n2", elsewhere);
        let Err(Reject::Invalid { field: "group", message }) = refused else {
            panic!("{refused:?}");
        };
        assert!(message.contains("`g1`") && message.contains("`n1`"), "{message}");
    }
    let second = register(&mut world, "n2", in_rack).unwrap();
    assert_eq!(kinds(&second), ["node.registered"]);
    // Another site may have a rack of the same name.
    let lyon = world.site("lyon", "FR");
    let facts = world.state.nodes[&first].facts.clone();
    let topology = topology(Some("g9"), Some("r1"));
    let name = "n1".parse().unwrap();
    let other = node::Command::Register { site: lyon, name, facts, topology };
    world.run(Command::Node(other)).unwrap();
    world.verify();
}

#[test]
fn a_suspect_node_takes_work_of_one_node_but_no_gang() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    let (good, doubtful) = (world.node(site, "n1", 4), world.node(site, "n2", 4));
    set(&mut world, doubtful, Status::Suspect);
    let mut gang = job("gang");
    (gang.nodes_min, gang.nodes_max) = (2, 2);
    let gang = world.submit_job(project, gang).unwrap();
    let single = world.submit_job(project, job("single")).unwrap();
    let place = |workload, nodes| {
        let place = workload::Place { workload, generation: 1, nodes, seats: vec![] };
        Command::Workload(workload::Command::Place(place))
    };
    let generation = |world: &World, id| world.state.workloads[&id].generation;
    assert_eq!((generation(&world, gang), generation(&world, single)), (1, 1));
    let refused = world.run(place(gang, vec![good, doubtful]));
    assert!(matches!(refused, Err(Reject::DoesNotFit { .. })), "{refused:?}");
    world.run(place(single, vec![doubtful])).unwrap();
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn a_drain_with_a_grace_lets_work_go_on_until_its_end() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    let id = world.node(site, "n1", 2);
    let running = world.submit_job(project, job("one")).unwrap();
    world.schedule();
    let drain = |secs| {
        let grace = DurationMicros::from_secs(secs);
        Command::Node(node::Command::Drain { id, grace, reason: "new fan".to_owned() })
    };
    let end = Command::Node(node::Command::EndGrace { id });
    assert_eq!(kinds(&world.run(drain(60)).unwrap()), ["node.drain_started"]);
    assert_eq!((world.phase(running), world.schedule()), ("placed", 0));
    assert_eq!(world.run(end.clone()).unwrap(), vec![], "not yet");
    world.advance(61);
    let ended = world.run(end.clone()).unwrap();
    assert_eq!(kinds(&ended), ["node.grace_ended", "workload.stop_requested"]);
    assert_eq!(world.phase(running), "stopping");
    assert_eq!(world.run(end).unwrap(), vec![], "once");
    assert_eq!(world.run(drain(60)).unwrap(), vec![], "its work was stopped already");
    let long = world.run(drain(31 * 86_400));
    assert!(matches!(long, Err(Reject::Invalid { field: "grace", .. })), "{long:?}");
    world.verify();
}

#[test]
fn a_drain_can_be_hurried_or_called_off() {
    let mut world = World::new();
    let site = world.site("paris", "FR");
    let id = world.node(site, "n1", 2);
    let drain = |secs| {
        let grace = DurationMicros::from_secs(secs);
        Command::Node(node::Command::Drain { id, grace, reason: "new fan".to_owned() })
    };
    world.run(drain(60)).unwrap();
    assert_eq!(kinds(&world.run(drain(0)).unwrap()), ["node.grace_ended"]);
    set(&mut world, id, Status::Ready);
    world.run(drain(60)).unwrap();
    set(&mut world, id, Status::Ready);
    assert_eq!(world.state.nodes[&id].stop_at, None);
    assert_eq!(kinds(&world.run(drain(0)).unwrap()), ["node.status_changed"]);
    world.verify();
}
