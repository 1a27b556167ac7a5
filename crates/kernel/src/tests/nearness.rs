//! How close a gang lies is checked when it is placed, and again by the audit.

use super::*;
use crate::{
    node::Topology,
    workload::{Event as WorkloadEvent, Level},
};

/// Four nodes of two racks in two groups, and one that does not say where it stands.
fn scene() -> (World, Id<kinds::Project>, Vec<Id<kinds::Node>>) {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    let places =
        [Some(("g1", "r1")), Some(("g1", "r1")), Some(("g1", "r2")), Some(("g2", "r3")), None];
    let mut nodes = Vec::new();
    for (n, place) in places.iter().enumerate() {
        let id = world.node(site, &format!("n{n}"), 1);
        if let Some((group, rack)) = place {
            let facts = world.state.nodes[&id].facts.clone();
            let name = format!("n{n}").parse().unwrap();
            let (group, rack) = (group.parse().ok(), rack.parse().ok());
            let topology = Topology { group, rack };
            world
                .run(Command::Node(node::Command::Register { site, name, facts, topology }))
                .unwrap();
        }
        nodes.push(id);
    }
    (world, project, nodes)
}

fn gang(fallback: Level, segment: u32, n_nodes: usize) -> workload::Spec {
    let mut spec = job("gang");
    let n = u32::try_from(n_nodes).unwrap();
    (spec.nodes_min, spec.nodes_max) = (n, n);
    spec.terms.topology = workload::Topology { within: Level::Nvlink, fallback, segment };
    spec
}

/// The level without which it does not start, its segment, its nodes, and what is said of them.
type Case<'a> = (Level, u32, &'a [usize], Result<(), &'a str>);

#[test]
fn a_proposal_that_lies_too_far_apart_is_refused() {
    let cases: [Case<'_>; 9] = [
        (Level::Nvlink, 0, &[0, 1], Ok(())),
        (Level::Nvlink, 0, &[0, 2], Err("nodes `n0` and `n2` are not in one rack")),
        (Level::Spine, 0, &[0, 2], Ok(())),
        (Level::Spine, 0, &[0, 3], Err("nodes `n0` and `n3` are not in one rack group")),
        (Level::Spine, 0, &[0, 4], Err("nodes `n0` and `n4` are not in one rack group")),
        (Level::Site, 0, &[0, 4], Ok(())),
        (Level::Nvlink, 2, &[0, 1], Ok(())),
        (Level::Nvlink, 2, &[0, 1, 2, 3], Err("nodes `n2` and `n3` are not in one rack")),
        (Level::Nvlink, 2, &[0, 1, 2], Err("3 nodes are not whole groups of 2")),
    ];
    for (fallback, segment, at, expected) in cases {
        let (mut world, project, nodes) = scene();
        let id = world.submit_job(project, gang(fallback, segment, at.len())).unwrap();
        let nodes = at.iter().map(|at| nodes[*at]).collect();
        let place = workload::Place { workload: id, generation: 1, nodes, seats: vec![] };
        let placed = world.run(Command::Workload(workload::Command::Place(place)));
        match expected {
            Ok(()) => drop(placed.unwrap()),
            Err(wanted) => {
                let Err(Reject::DoesNotFit { message }) = placed else { panic!("{placed:?}") };
                assert_eq!(message, wanted);
            }
        }
        assert_eq!(world.verify().findings, vec![]);
    }
}

#[test]
fn the_audit_finds_a_gang_that_was_torn_apart() {
    let (mut world, project, nodes) = scene();
    let id = world.submit_job(project, gang(Level::Nvlink, 0, 2)).unwrap();
    assert_eq!(world.schedule(), 1);
    // The entry as a writer would have made it that did not check.
    let last = world.leaves.pop().unwrap();
    let mut entry = Entry::from_leaf(&last).unwrap();
    let Event::Workload(WorkloadEvent::Placed { id: placed, nodes: on, .. }) = &mut entry.event
    else {
        panic!("{entry:?}");
    };
    assert_eq!((*placed, on.as_slice()), (id, &nodes[..2]));
    *on = vec![nodes[0], nodes[3]];
    let mut auditor = crate::audit::Auditor::new();
    for leaf in world.leaves.iter().chain([&entry.to_leaf().unwrap()]) {
        auditor.feed(leaf);
    }
    let findings = auditor.finish().findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].message, "nodes `n0` and `n3` are not in one rack");
}
