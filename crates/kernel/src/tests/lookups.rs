//! What is looked up instead of walked gives what walking would give.

use super::*;
use crate::node::Status;

#[test]
fn a_place_in_the_line_is_counted_from_its_nearer_end() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let submit = |world: &mut World, name: &str, priority| {
        let mut spec = job(name);
        spec.priority = priority;
        world.submit_job(project, spec).unwrap()
    };
    let first = submit(&mut world, "first", 0);
    let urgent = submit(&mut world, "urgent", 100);
    let second = submit(&mut world, "second", 0);
    let low = submit(&mut world, "low", -100);
    let position = |world: &World, id| workload::queue_position(&world.state, id, 10);
    for (id, place) in [(urgent, 1), (first, 2), (second, 3), (low, 4)] {
        assert_eq!(position(&world, id), Some((place, 4)));
    }
    // Some stand before and behind the second: to count none of them is not to know.
    assert_eq!(workload::queue_position(&world.state, second, 0), None);
    assert_eq!(workload::queue_position(&world.state, second, 1), Some((3, 4)));
    assert_eq!(workload::queue_position(&world.state, urgent, 0), Some((1, 4)));
    assert_eq!(workload::queue_position(&world.state, low, 0), Some((4, 4)));
    world.run(Command::Workload(workload::Command::Stop { id: first })).unwrap();
    assert_eq!(position(&world, first), None);
    assert_eq!(position(&world, second), Some((2, 3)));
    world.verify();
}

#[test]
fn nodes_of_a_kind_are_counted_and_drains_with_a_grace_stand_in_order() {
    let mut world = World::new();
    let site = world.site("paris", "FR");
    let (a, b) = (world.node(site, "n1", 4), world.node(site, "n2", 4));
    world.node(site, "n3", 8);
    let mut counts: Vec<u32> = world.state.hardware().map(|(_, count)| count).collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 2]);
    for (id, secs) in [(a, 60), (b, 30)] {
        let grace = units::DurationMicros::from_secs(secs);
        let drain = node::Command::Drain { id, grace, reason: "test".to_owned() };
        world.run(Command::Node(drain)).unwrap();
    }
    let ending = |world: &World| -> Vec<Id<kinds::Node>> {
        world.state.ending_drains().map(|(_, id)| id).collect()
    };
    assert_eq!(ending(&world), [b, a]);
    let status = node::Command::SetStatus { id: b, status: Status::Ready, reason: String::new() };
    world.run(Command::Node(status)).unwrap();
    assert_eq!(ending(&world), [a]);
    world.verify();
}

#[test]
fn states_that_share_their_ended_work_go_on_as_if_alone() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let (one, two) = (
        world.submit_job(project, job("one")).unwrap(),
        world.submit_job(project, job("two")).unwrap(),
    );
    world.run(Command::Workload(workload::Command::Stop { id: one })).unwrap();
    let bytes = world.state.to_snapshot().unwrap();
    let mut other = State::from_snapshot(&bytes).unwrap();
    let event = Event::Workload(workload::Event::Ended {
        id: one,
        outcome: workload::Outcome::Stopped { cause: workload::StopCause::User },
    });
    let entry = Entry { at: world.state.last_at, actor: Actor::System, idempotency: None, event };
    other.share_ended(&world.state, std::slice::from_ref(&entry));
    assert_eq!(other.hash(), world.state.hash());
    assert_eq!(world.state.frozen().to_snapshot().unwrap(), bytes);
    // A frozen copy stays as it was, and so does the other state.
    let frozen = world.state.frozen();
    world.run(Command::Workload(workload::Command::Stop { id: two })).unwrap();
    assert_eq!(frozen.to_snapshot().unwrap(), bytes);
    assert_eq!(other.hash(), frozen.hash());
    assert_ne!(world.state.hash(), other.hash());
}
