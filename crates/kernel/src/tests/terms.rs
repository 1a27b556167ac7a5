//! Terms of scheduling: which GPUs will do, whole nodes, what old entries mean, large gangs.

use super::*;
use crate::workload::{
    Condition, Dependency, GpuChoice, Level, NodeRuns, RankStatus, Terms, Topology,
};

/// A node with GPUs of one model.
pub(super) fn gpu_node(
    world: &mut World,
    site: Id<kinds::Site>,
    name: &str,
    model: &str,
    n: u32,
) -> Id<kinds::Node> {
    let gpu = |number| node::Gpu {
        model: model.to_owned(),
        uuid: format!("GPU-{name}-{number}"),
        memory: Bytes(80 << 30),
    };
    let facts = node::Facts {
        hostname: name.to_owned(),
        system: "Linux".to_owned(),
        cpu_model: "example".to_owned(),
        capacity: node::Capacity {
            cpu: MilliCpu(8_000),
            memory: Bytes(16 << 30),
            gpus: GpuCount(n),
        },
        gpus: (0..n).map(gpu).collect(),
        limits: "none".to_owned(),
        sandbox: "none".to_owned(),
        power: "model".to_owned(),
        virtual_host: None,
    };
    let command = node::Command::Register {
        site,
        name: name.parse().unwrap(),
        facts,
        topology: node::Topology::default(),
    };
    match world.subject(Command::Node(command)) {
        Subject::Node(id) => id,
        other => panic!("{other}"),
    }
}

fn place(
    world: &mut World,
    id: Id<kinds::Workload>,
    nodes: Vec<Id<kinds::Node>>,
) -> Result<Vec<Event>, Reject> {
    let generation = world.state.workloads[&id].generation;
    let place = workload::Place { workload: id, generation, nodes, seats: vec![] };
    world.run(Command::Workload(workload::Command::Place(place)))
}

pub(super) fn start() -> (World, Id<kinds::Project>, Id<kinds::Site>) {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    (world, project, site)
}

#[test]
fn terms_at_their_defaults_are_not_written_and_old_entries_read_as_before() {
    let text = serde_json::to_string(&job("plain")).unwrap();
    assert!(!text.contains("terms") && !text.contains("preempted"), "{text}");
    let mut spec = job("old");
    (spec.retry_on.preempted, spec.terms.exclusive) = (false, true);
    spec.terms.topology = Topology { within: Level::Nvlink, fallback: Level::Spine, segment: 1 };
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<workload::Spec>(&text).unwrap(), spec);
    assert!(!spec.terms.topology.required() && Topology::default().required());
}

#[test]
fn any_acceptable_model_will_do_but_a_gang_is_alike() {
    let (mut world, project, site) = start();
    let h100 = gpu_node(&mut world, site, "h1", "NVIDIA H100", 8);
    let gb200 = gpu_node(&mut world, site, "g1", "NVIDIA GB200", 4);
    let a100 = gpu_node(&mut world, site, "a1", "NVIDIA A100", 8);
    let mut spec = job("either");
    (spec.gpu_model, spec.per_node.gpus) = (Some("GB200".to_owned()), GpuCount(4));
    spec.terms.gpu_alternatives =
        vec![GpuChoice { model: Some("H100".to_owned()), gpus: GpuCount(8) }];
    (spec.nodes_min, spec.nodes_max) = (1, 2);
    let id = world.submit_job(project, spec.clone()).unwrap();
    assert!(matches!(place(&mut world, id, vec![a100]), Err(Reject::DoesNotFit { .. })));
    assert!(matches!(place(&mut world, id, vec![gb200, h100]), Err(Reject::DoesNotFit { .. })));
    place(&mut world, id, vec![h100]).unwrap();
    assert_eq!(world.state.nodes[&h100].allocated.gpus, GpuCount(8));
    let second = world.submit_job(project, spec).unwrap();
    place(&mut world, second, vec![gb200]).unwrap();
    assert_eq!(world.state.nodes[&gb200].allocated.gpus, GpuCount(4));
    world.report(id, 0, exited(0), 1).unwrap();
    assert!(world.state.nodes[&h100].allocated.gpus.is_zero());
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn exclusive_work_has_its_nodes_whole() {
    let (mut world, project, site) = start();
    let node = world.node(site, "n1", 4);
    let mut alone = job("alone");
    alone.terms.exclusive = true;
    let small = world.submit_job(project, job("small")).unwrap();
    let alone = world.submit_job(project, alone).unwrap();
    place(&mut world, small, vec![node]).unwrap();
    assert!(matches!(place(&mut world, alone, vec![node]), Err(Reject::DoesNotFit { .. })));
    world.report(small, 0, exited(0), 1).unwrap();
    place(&mut world, alone, vec![node]).unwrap();
    assert_eq!(world.state.nodes[&node].allocated.cpu, MilliCpu(4_000));
    // The node grows while it is held: what is new belongs to nobody else.
    world.node(site, "n1", 8);
    let late = world.submit_job(project, job("late")).unwrap();
    assert!(matches!(place(&mut world, late, vec![node]), Err(Reject::DoesNotFit { .. })));
    world.report(alone, 0, exited(0), 1).unwrap();
    assert!(world.state.nodes[&node].allocated.cpu.is_zero());
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn terms_out_of_range_are_refused_by_field() {
    let (mut world, project, _) = start();
    let mut refused = |change: &dyn Fn(&mut workload::Spec)| {
        let mut spec = job("odd");
        change(&mut spec);
        match world.submit_job(project, spec) {
            Err(Reject::Invalid { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&|s| s.terms.topology.fallback = Level::Node), "topology.else");
    assert_eq!(refused(&|s| s.terms.topology.segment = 2), "topology.segment");
    assert_eq!(refused(&|s| s.terms.gpu_milli = 500), "resources.gpu");
    let none = GpuChoice { model: None, gpus: GpuCount(0) };
    assert_eq!(refused(&|s| s.terms.gpu_alternatives = vec![none.clone()]), "resources.gpu");
    assert_eq!(refused(&|s| s.nodes_max = 9_001), "nodes");
}

#[test]
fn what_nothing_acts_on_is_named_in_one_place() {
    use workload::{HONOURED, Honoured, unhonoured};
    let mut spec = job("wishes");
    assert_eq!(unhonoured(&spec, HONOURED), vec![]);
    (spec.nodes_min, spec.nodes_max) = (4, 4);
    spec.terms = Terms {
        topology: Topology { within: Level::Nvlink, fallback: Level::Nvlink, segment: 2 },
        exclusive: true,
        ..Terms::default()
    };
    assert_eq!(unhonoured(&spec, HONOURED), vec![]);
    let none = Honoured { topology: false, segments: false, exclusive: false, ..HONOURED };
    let fields: Vec<&str> = unhonoured(&spec, none).iter().map(|u| u.field).collect();
    assert_eq!(fields, ["topology.else", "topology.segment", "resources.exclusive"]);
    let some = Honoured { topology: true, segments: true, ..none };
    assert_eq!(unhonoured(&spec, some).len(), 1);
    // A closer place that is only preferred is no promise.
    spec.terms.topology.fallback = Level::Site;
    assert_eq!(unhonoured(&spec, none).len(), 1);
    // Alternatives of another count are never offered; shares are packed where the bridge says so.
    spec.per_node.gpus = GpuCount(1);
    spec.terms.gpu_milli = 500;
    let other = GpuChoice { model: None, gpus: GpuCount(2) };
    spec.terms.gpu_alternatives = vec![other];
    let fields: Vec<&str> = unhonoured(&spec, HONOURED).iter().map(|u| u.field).collect();
    assert_eq!(fields, ["resources.gpu"]);
    assert_eq!(unhonoured(&spec, Honoured { gpu_shares: false, ..HONOURED }).len(), 2);
}

/// A fleet of nodes, registered in an order that is not that of their names.
fn fleet(world: &mut World, site: Id<kinds::Site>, n: usize) -> Vec<Id<kinds::Node>> {
    // Registered straight into the state's log: `World::submit` checks the whole state each time.
    for number in 0..n {
        world.quick_node(site, &format!("n{number}"));
    }
    world.state.nodes.keys().copied().collect()
}

#[test]
fn the_largest_gang_fits_one_entry_and_reads_back() {
    let (mut world, project, site) = start();
    let mut nodes = fleet(&mut world, site, 9_000);
    // The worst order: no two neighbours follow each other.
    let mut spread: Vec<Id<kinds::Node>> = nodes.iter().copied().step_by(2).collect();
    spread.extend(nodes.iter().copied().skip(1).step_by(2));
    spread.reverse();
    let mut spec = job("wide");
    (spec.nodes_min, spec.nodes_max) = (8_000, 9_000);
    let id = world.submit_job(project, spec.clone()).unwrap();
    let events = place(&mut world, id, spread.clone()).unwrap();
    let leaf = world.leaves.last().unwrap().clone();
    assert!(leaf.len() < crate::limits::ENTRY_BYTES_MAX, "{} bytes", leaf.len());
    assert_eq!(events[0].kind(), "workload.placed");
    let ranks = &world.state.workloads[&id].attempt().unwrap().ranks;
    assert_eq!(ranks.iter().map(|rank| rank.node).collect::<Vec<_>>(), spread);
    world.run(Command::Workload(workload::Command::Stop { id })).unwrap();
    let audit = world.verify();
    assert_eq!((audit.placements, audit.findings), (1, vec![]));
    // Neighbours are one run.
    nodes.truncate(100);
    let runs = NodeRuns::new(&world.state, &nodes).unwrap();
    assert_eq!((runs.runs.as_str(), runs.count), ("0-99", 100));
    assert_eq!(runs.resolve(&world.state), nodes);
    let odd = |text: &str| NodeRuns { runs: text.to_owned(), count: 3, digest: runs.digest };
    assert_eq!(odd("0-18446744073709551615").resolve(&world.state).len(), 3);
    assert_eq!(odd("x,,5-2,-").resolve(&world.state), vec![]);
    assert_eq!(odd("0-2").verified(&world.state), None, "another digest");
}

#[test]
fn an_audit_finds_a_large_placement_that_says_something_else() {
    let (mut world, project, site) = start();
    let nodes = fleet(&mut world, site, 70);
    let mut spec = job("wide");
    (spec.nodes_min, spec.nodes_max) = (70, 70);
    let id = world.submit_job(project, spec).unwrap();
    place(&mut world, id, nodes).unwrap();
    let leaf = world.leaves.last_mut().unwrap();
    let text = String::from_utf8(leaf.clone()).unwrap();
    assert!(text.contains(r#""runs":"0-69""#), "{text}");
    *leaf = text.replace("0-69", "1-69,0").into_bytes();
    let mut auditor = crate::audit::Auditor::new();
    world.leaves.iter().for_each(|leaf| auditor.feed(leaf));
    let findings = auditor.finish().findings;
    assert!(findings[0].message.contains("do not give its digest"), "{findings:?}");
}

#[test]
fn an_elastic_gang_restarts_smaller() {
    let (mut world, project, site) = start();
    let nodes: Vec<Id<kinds::Node>> =
        (0..4).map(|n| world.node(site, &format!("n{n}"), 1)).collect();
    let mut spec = job("elastic");
    (spec.nodes_min, spec.nodes_max) = (2, 4);
    let id = world.submit_job(project, spec).unwrap();
    world.schedule();
    assert_eq!(world.state.workloads[&id].attempt().unwrap().ranks.len(), 4);
    let drain = node::Command::SetStatus {
        id: nodes[0],
        status: node::Status::Draining,
        reason: "a fan".to_owned(),
    };
    world.run(Command::Node(drain)).unwrap();
    for rank in 0..4 {
        world.report(id, rank, exited(0), 1).unwrap();
    }
    assert_eq!(world.phase(id), "queued");
    assert_eq!(world.schedule(), 1);
    let again = &world.state.workloads[&id];
    assert_eq!((again.attempt().unwrap().ranks.len(), again.n_failures), (3, 0));
    world.verify();
}

#[test]
fn work_waits_for_work_and_is_stopped_with_it() {
    let (mut world, project, site) = start();
    world.node(site, "n1", 4);
    let after = |id, on| {
        let mut spec = job("next");
        spec.terms.after = vec![Dependency { workload: id, on }];
        spec
    };
    let first = world.submit_job(project, job("first")).unwrap();
    let next = world.submit_job(project, after(first, Condition::Success)).unwrap();
    let last = world.submit_job(project, after(next, Condition::Success)).unwrap();
    let anyhow = world.submit_job(project, after(first, Condition::Any)).unwrap();
    assert_eq!(world.schedule(), 1, "only the first is due");
    let node = *world.state.nodes.keys().next().unwrap();
    assert!(matches!(place(&mut world, next, vec![node]), Err(Reject::WrongState { .. })));
    let waiting = &world.state.workloads[&next];
    assert_eq!(workload::unmet(&world.state, waiting).unwrap().workload, first);
    world.report(first, 0, exited(7), 1).unwrap();
    assert_eq!((world.phase(next), world.phase(last)), ("stopped", "stopped"));
    assert_eq!(world.phase(anyhow), "queued");
    assert_eq!(world.schedule(), 1);
    assert!(!workload::is_due(&world.state, &world.state.workloads[&next], world.now()));
    // What ended badly cannot be waited for with hope.
    let refused = world.submit_job(project, after(first, Condition::Success));
    assert!(matches!(refused, Err(Reject::Invalid { field: "after", .. })), "{refused:?}");
    world.submit_job(project, after(first, Condition::Any)).unwrap();
    let twice = {
        let mut spec = after(anyhow, Condition::Any);
        spec.terms.after.push(spec.terms.after[0]);
        spec
    };
    assert!(matches!(world.submit_job(project, twice), Err(Reject::Invalid { .. })));
    let organisation = world.organisation("rail");
    let other = world.project(organisation, "trains");
    let foreign = world.submit_job(other, after(anyhow, Condition::Any));
    assert!(matches!(foreign, Err(Reject::NotFound { .. })));
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn success_lets_what_waits_start() {
    let (mut world, project, site) = start();
    world.node(site, "n1", 1);
    let first = world.submit_job(project, job("first")).unwrap();
    let mut spec = job("next");
    spec.terms.after = vec![Dependency { workload: first, on: Condition::Success }];
    let next = world.submit_job(project, spec).unwrap();
    world.schedule();
    world.report(first, 0, RankStatus::Running, 1).unwrap();
    assert_eq!(world.schedule(), 0);
    world.report(first, 0, exited(0), 1).unwrap();
    assert_eq!(world.schedule(), 1);
    assert_eq!(world.phase(next), "placed");
    world.verify();
}

/// A node of two cores in a rack of no known group.
fn racked(world: &mut World, site: Id<kinds::Site>, name: &str, rack: &str) {
    let id = world.node(site, name, 2);
    let node::Node { facts, .. } = world.state.nodes[&id].clone();
    let topology = node::Topology { group: None, rack: Some(rack.parse().unwrap()) };
    let command = node::Command::Register { site, name: name.parse().unwrap(), facts, topology };
    world.submit(&Submission::new(Command::Node(command))).unwrap();
}

#[test]
fn a_gang_stays_in_the_rack_that_it_asks_for() {
    let (mut world, project, site) = start();
    for (name, rack) in [("a1", "ra"), ("b1", "rb"), ("b2", "rb"), ("a2", "ra"), ("b3", "rb")] {
        racked(&mut world, site, name, rack);
    }
    let mut gang = |name: &str, nodes: u32| {
        let mut spec = job(name);
        (spec.nodes_min, spec.nodes_max) = (nodes, nodes);
        spec.per_node.cpu = MilliCpu(2_000);
        let within = Level::Nvlink;
        spec.terms.topology = Topology { within, fallback: within, segment: 0 };
        world.submit_job(project, spec).unwrap()
    };
    let (wide, close) = (gang("wide", 4), gang("close", 3));
    assert_eq!(world.schedule(), 1);
    let names: Vec<&str> = world.state.workloads[&close]
        .attempt()
        .map(|attempt| attempt.ranks.iter().map(|rank| world.state.nodes[&rank.node].name.as_str()))
        .unwrap()
        .collect();
    assert_eq!(names, ["b1", "b2", "b3"]);
    let why = crate::explain(&world.state, wide, world.now()).unwrap();
    let exist = matches!(why.reason, sched::Reason::DomainTooSmall { need: 4, exist: 3, .. });
    assert!(exist, "{why:?}");
    // Rack `rb` is full now, and two nodes of rack `ra` are left: fewer nodes are the way.
    assert_eq!(why.advice, Some(crate::Advice::Nodes(2)));
}
