//! Parts of GPUs: several on one, never more than it has, and the same after a replay.

use super::terms::{gpu_node, start};
use super::*;
use crate::workload::{GpuSeat, Place, Spec};

const H100: &str = "NVIDIA H100 80GB HBM3";

fn share(name: &str, milli: u32) -> Spec {
    let mut spec = job(name);
    spec.per_node.gpus = GpuCount(1);
    spec.terms.gpu_milli = milli;
    spec
}

fn instance(name: &str, profile: &str) -> Spec {
    let mut spec = share(name, 0);
    spec.terms.gpu_profile = Some(profile.to_owned());
    spec
}

fn whole(name: &str, gpus: u32) -> Spec {
    let mut spec = job(name);
    spec.per_node.gpus = GpuCount(gpus);
    spec
}

fn seat(world: &World, id: Id<kinds::Workload>) -> GpuSeat {
    world.state.workloads[&id].attempt().unwrap().ranks[0].seat.unwrap()
}

fn place(
    world: &mut World,
    id: Id<kinds::Workload>,
    node: Id<kinds::Node>,
    seats: &[(u32, Option<u8>)],
) -> Result<Vec<Event>, Reject> {
    let generation = world.state.workloads[&id].generation;
    let seats = seats.iter().map(|(gpu, start)| GpuSeat { gpu: *gpu, start: *start }).collect();
    let place = Place { workload: id, generation, nodes: vec![node], seats };
    world.run(Command::Workload(workload::Command::Place(place)))
}

fn used(world: &World, node: Id<kinds::Node>) -> u32 {
    world.state.nodes[&node].allocated.gpus.0
}

#[test]
fn shares_fill_one_gpu_and_leave_it_whole() {
    let (mut world, project, site) = start();
    let node = gpu_node(&mut world, site, "h1", H100, 2);
    let ids: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| world.submit_job(project, share(name, 500)).unwrap())
        .collect();
    let one = world.submit_job(project, whole("one", 1)).unwrap();
    assert_eq!(world.schedule(), 3);
    let gpus: Vec<u32> = ids.iter().map(|id| seat(&world, *id).gpu).collect();
    assert_eq!((gpus, used(&world, node)), (vec![0, 0, 1], 2));
    assert_eq!(world.phase(one), "queued");
    world.report(ids[0], 0, exited(0), 1).unwrap();
    assert_eq!((used(&world, node), world.schedule()), (2, 0));
    world.report(ids[1], 0, exited(0), 1).unwrap();
    assert_eq!((used(&world, node), world.schedule()), (1, 1));
    world.report(one, 0, exited(0), 1).unwrap();
    world.report(ids[2], 0, exited(0), 1).unwrap();
    assert_eq!(used(&world, node), 0);
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn instances_stand_at_legal_places_and_apart_from_shares() {
    let (mut world, project, site) = start();
    let node = gpu_node(&mut world, site, "h1", H100, 2);
    let jobs =
        [instance("m1", "3g.40gb"), instance("m2", "4g.40gb"), share("s", 10), whole("w", 1)];
    let ids = jobs.map(|spec| world.submit_job(project, spec).unwrap());
    assert_eq!(world.schedule(), 3);
    assert_eq!(seat(&world, ids[0]), GpuSeat { gpu: 0, start: Some(4) });
    assert_eq!(seat(&world, ids[1]), GpuSeat { gpu: 0, start: Some(0) });
    assert_eq!(seat(&world, ids[2]), GpuSeat { gpu: 1, start: None });
    assert_eq!((world.phase(ids[3]), used(&world, node)), ("queued", 2));
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn a_proposal_that_exceeds_a_gpu_is_refused() {
    let (mut world, project, site) = start();
    let node = gpu_node(&mut world, site, "h1", H100, 2);
    let first = world.submit_job(project, share("first", 600)).unwrap();
    let second = world.submit_job(project, share("second", 600)).unwrap();
    let mig = world.submit_job(project, instance("mig", "1g.10gb")).unwrap();
    let third = world.submit_job(project, whole("third", 1)).unwrap();
    let refused = |world: &mut World, id, seats: &[(u32, Option<u8>)]| {
        matches!(place(world, id, node, seats), Err(Reject::DoesNotFit { .. }))
    };
    assert!(refused(&mut world, first, &[]), "a seat is missing");
    assert!(refused(&mut world, first, &[(2, None)]), "there is no third GPU");
    place(&mut world, first, node, &[(1, None)]).unwrap();
    assert!(refused(&mut world, second, &[(1, None)]), "1,200 thousandths");
    assert!(refused(&mut world, mig, &[(1, Some(0))]), "beside a share");
    assert!(refused(&mut world, mig, &[(0, Some(7))]), "no legal start");
    assert!(refused(&mut world, mig, &[(0, None)]), "no start");
    assert!(refused(&mut world, third, &[(0, None)]), "no part is asked");
    place(&mut world, mig, node, &[(0, Some(6))]).unwrap();
    assert!(refused(&mut world, third, &[]), "both GPUs are opened");
    assert_eq!(world.verify().findings, vec![]);
}

#[test]
fn entries_from_before_parts_give_a_whole_gpu() {
    let (mut world, project, site) = start();
    let node = gpu_node(&mut world, site, "h1", H100, 1);
    let id = world.submit_job(project, share("old", 250)).unwrap();
    let other = world.submit_job(project, share("new", 250)).unwrap();
    let events = place(&mut world, id, node, &[(0, None)]).unwrap();
    let now = json(&events[0]);
    let old = now.replace(r#","seats":[{"gpu":0}]"#, "");
    assert_ne!(now, old);
    // The same entry without the field, as it was written before.
    let mut before = World::new();
    for leaf in world.leaves.iter().take(world.leaves.len() - 1) {
        before.state.apply(&Entry::from_leaf(leaf).unwrap());
    }
    let event: Event = serde_json::from_str(&old).unwrap();
    let entry = Entry { at: world.now(), actor: Actor::System, idempotency: None, event };
    before.state.apply(&entry);
    assert_eq!(before.state.check(), Vec::<String>::new());
    assert_eq!(used(&before, node), 1);
    assert_eq!(before.schedule(), 0, "the whole GPU is taken");
    assert_eq!(world.schedule(), 1, "half of it is not");
    assert_eq!(world.phase(other), "placed");
}

fn json(event: &Event) -> String {
    serde_json::to_string(event).unwrap()
}

#[test]
fn contradictions_name_the_remedy() {
    let (mut world, project, _) = start();
    let mut refusal = |spec: Spec| world.submit_job(project, spec).unwrap_err().to_string();
    let mut several = share("a", 500);
    several.per_node.gpus = GpuCount(2);
    assert!(refusal(several).contains("0.001 to 0.999 of one GPU"));
    let mut of_model = instance("b", "1g.18gb");
    of_model.gpu_model = Some("H100-80GB".to_owned());
    let text = refusal(of_model);
    assert!(text.contains("`1g.18gb` is no MIG profile of `H100-80GB`"), "{text}");
    assert!(text.contains("`1g.10gb`, `1g.10gb+me`, `1g.20gb`, `2g.20gb`"), "{text}");
    assert!(refusal(instance("c", "9g.1gb")).contains("use one of `1g.6gb`"));
    let mut wide = share("d", 500);
    (wide.nodes_min, wide.nodes_max) = (65, 65);
    assert!(refusal(wide).contains("more than 64 nodes"));
    let mut alone = share("e", 500);
    alone.terms.exclusive = true;
    assert!(refusal(alone).contains("exclusive"));
    let mut both = instance("f", "1g.10gb");
    both.terms.gpu_milli = 100;
    assert!(refusal(both).contains("keep one"));
}

#[test]
fn the_planner_follows_parts_as_if_it_had_read_everything() {
    let (mut world, project, site) = start();
    gpu_node(&mut world, site, "h1", H100, 2);
    gpu_node(&mut world, site, "h2", H100, 2);
    let mut planner = Planner::new(sched::Settings::default());
    let specs = [share("a", 700), instance("b", "3g.40gb"), share("c", 300), whole("d", 2)];
    let mut live = Vec::new();
    for (round, spec) in specs.iter().cycle().take(24).enumerate() {
        let mut spec = spec.clone();
        spec.name = format!("w{round}").parse().unwrap();
        live.push(world.submit_job(project, spec).unwrap());
        planner.follow(&world.state, world.now());
        let followed = planner.plan(world.now());
        let mut fresh = Planner::of(&world.state, world.now());
        let read = fresh.plan(world.now());
        let texts =
            |planner: &Planner, plan| format!("{:?}", planner.proposals(&world.state, plan));
        assert_eq!(texts(&planner, &followed), texts(&fresh, &read));
        world.schedule();
        let ended = live.iter().position(|id| world.phase(*id) == "placed" && round % 3 == 2);
        if let Some(at) = ended {
            let id = live.remove(at);
            world.report(id, 0, exited(0), 1).unwrap();
        }
    }
    assert_eq!(world.verify().findings, vec![]);
}
