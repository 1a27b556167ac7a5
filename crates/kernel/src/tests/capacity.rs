//! Quotas, reservations and the waiting line.

use super::*;
use crate::{
    Event, QueuedReason,
    node::{Status, Topology},
    quota::{self, Class, Milli, Owner, Terms},
    reservation::{self, Block, Holder, Window},
};

const HOUR: u64 = 3_600;

fn terms(nominal: u64) -> Terms {
    Terms { nominal: Milli(nominal), borrowing: None, lending: None, weight: 1 }
}

fn gpu(model: &str) -> Class {
    model.parse().unwrap()
}

fn set(world: &mut World, owner: Owner, class: &Class, terms: Terms) -> Result<(), Reject> {
    let class = class.clone();
    world.run(Command::Quota(quota::Command::Set { owner, class, terms })).map(|_| ())
}

#[test]
fn projects_are_promised_at_most_what_their_organisation_is() {
    let mut world = World::new();
    let bank = world.organisation("bank");
    let (risk, desk) = (world.project(bank, "risk"), world.project(bank, "desk"));
    let (whole, risk, desk) =
        (Owner::Organisation(bank), Owner::Project(risk), Owner::Project(desk));
    let h200 = gpu("H200");
    set(&mut world, risk, &h200, terms(6_000)).unwrap();
    let small = set(&mut world, whole, &h200, terms(5_000));
    assert!(matches!(small, Err(Reject::QuotaExceeded { .. })), "{small:?}");
    set(&mut world, whole, &h200, terms(8_000)).unwrap();
    set(&mut world, desk, &h200, terms(2_000)).unwrap();
    let Err(Reject::QuotaExceeded { promised_milli, given_milli, .. }) =
        set(&mut world, desk, &h200, terms(2_001))
    else {
        panic!("the sum is too large");
    };
    assert_eq!((promised_milli, given_milli), (8_001, 8_000));
    // Another class has no sum to keep, and a smaller share of one project makes room for another.
    set(&mut world, desk, &Class::Cpu, terms(64_000)).unwrap();
    set(&mut world, risk, &h200, terms(5_000)).unwrap();
    set(&mut world, desk, &h200, terms(3_000)).unwrap();
    assert_eq!(world.state.quota(desk, &h200).unwrap().meta.version, 2);
    let all = world.state.quotas_by_owner();
    assert_eq!(all[&desk].keys().map(ToString::to_string).collect::<Vec<_>>(), ["cpu", "H200"]);
    assert_eq!(all[&whole][&h200].nominal, Milli(8_000));
    let id = world.state.quota(whole, &h200).unwrap().id;
    world.run(Command::Quota(quota::Command::Delete { id })).unwrap();
    set(&mut world, desk, &h200, terms(9_000)).unwrap();
    let gone = world.run(Command::Quota(quota::Command::Delete { id }));
    assert!(matches!(gone, Err(Reject::NotFound { kind: "quota", .. })), "{gone:?}");
    world.verify();
}

#[test]
fn a_quota_is_set_once_and_its_terms_make_sense() {
    let mut world = World::new();
    let bank = Owner::Organisation(world.organisation("bank"));
    let nobody = Owner::Project(Id::from_bytes([9; 16]));
    let missing = set(&mut world, nobody, &Class::Cpu, terms(1));
    assert!(matches!(missing, Err(Reject::NotFound { kind: "project", .. })), "{missing:?}");
    let lends = Terms { lending: Some(Milli(2)), ..terms(1) };
    let refused = set(&mut world, bank, &Class::Cpu, lends);
    assert!(matches!(refused, Err(Reject::Invalid { field: "lending", .. })), "{refused:?}");
    let heavy = Terms { weight: u32::MAX, ..terms(1) };
    let refused = set(&mut world, bank, &Class::Cpu, heavy);
    assert!(matches!(refused, Err(Reject::Invalid { field: "weight", .. })), "{refused:?}");
    let huge = Terms { borrowing: Some(Milli(u64::MAX)), ..terms(1) };
    let refused = set(&mut world, bank, &Class::Cpu, huge);
    assert!(matches!(refused, Err(Reject::Invalid { field: "borrowing", .. })), "{refused:?}");
    set(&mut world, bank, &Class::Cpu, terms(1)).unwrap();
    let size = world.state.size;
    set(&mut world, bank, &Class::Cpu, terms(1)).unwrap();
    assert_eq!(world.state.size, size, "what is true already is no event");
    let id = world.state.quota(bank, &Class::Cpu).unwrap().id;
    let delete = Submission {
        expected_version: Some(7),
        ..Submission::new(Command::Quota(quota::Command::Delete { id }))
    };
    assert!(matches!(world.submit(&delete), Err(Reject::VersionConflict { .. })));
    for number in 1..crate::limits::QUOTAS_PER_OWNER_MAX {
        set(&mut world, bank, &gpu(&format!("m{number}")), terms(1)).unwrap();
    }
    let more = set(&mut world, bank, &gpu("more"), terms(1));
    assert!(matches!(more, Err(Reject::LimitReached { .. })), "{more:?}");
    for text in ["", " cpu", "a\nb", &"x".repeat(64)] {
        assert!(text.parse::<Class>().is_err(), "{text:?}");
    }
    world.verify();
}

/// Two racks of three nodes in group `g`, and one node that stands in no rack.
fn fleet(world: &mut World) -> Id<kinds::Site> {
    let site = world.site("paris", "FR");
    for name in ["n1", "n2", "n3", "m1", "m2", "m3", "x1"] {
        let id = world.node(site, name, 1);
        let rack = match name.split_at(1).0 {
            "n" => "r1",
            "m" => "r2",
            _ => continue,
        };
        let facts = world.state.nodes[&id].facts.clone();
        let topology =
            Topology { group: Some("g".parse().unwrap()), rack: Some(rack.parse().unwrap()) };
        let name = name.parse().unwrap();
        let register = node::Command::Register { site, name, facts, topology };
        world.run(Command::Node(register)).unwrap();
    }
    site
}

fn id_of(world: &World, name: &str) -> Id<kinds::Node> {
    world.state.nodes.values().find(|node| node.name.as_str() == name).unwrap().id
}

fn window(world: &World, from_secs: u64, long_secs: u64) -> Window {
    let from = world.now().plus(DurationMicros::from_secs(from_secs));
    Window { from, until: from.plus(DurationMicros::from_secs(long_secs)) }
}

fn reserve(world: &mut World, name: &str, block: Block, window: Window) -> Result<String, Reject> {
    let (name, holder) = (name.parse().unwrap(), Holder::Maintenance);
    let create = reservation::Command::Create { name, holder, block, window };
    let events = world.run(Command::Reservation(create))?;
    let Some(Event::Reservation(reservation::Event::Created { nodes, .. })) = events.first() else {
        panic!("{events:?}");
    };
    let names = nodes.iter().map(|id| world.state.nodes[id].name.to_string());
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names.join(" "))
}

fn count(site: Id<kinds::Site>, count: u32) -> Block {
    Block::Count { site, count, rack: None, one_rack: false, class: None }
}

#[test]
fn a_block_takes_whole_racks_first_and_always_the_same_nodes() {
    let mut world = World::new();
    let site = fleet(&mut world);
    let week = |world: &World, n: u64| window(world, n * 7 * 24 * HOUR, HOUR);
    let w = week(&world, 1);
    // Both racks suffice for two: the first by name; then the smaller rest for one more.
    assert_eq!(reserve(&mut world, "a", count(site, 2), w).unwrap(), "n1 n2");
    assert_eq!(reserve(&mut world, "b", count(site, 1), w).unwrap(), "n3");
    assert_eq!(reserve(&mut world, "c", count(site, 4), w).unwrap(), "m1 m2 m3 x1");
    let full = reserve(&mut world, "d", count(site, 1), w);
    assert!(matches!(full, Err(Reject::DoesNotFit { .. })), "{full:?}");
    let w = week(&world, 2);
    // Four need a whole rack and the smallest rest of another.
    assert_eq!(reserve(&mut world, "e", count(site, 4), w).unwrap(), "m1 n1 n2 n3");
    let w = week(&world, 3);
    let one_rack = |count, rack: Option<&str>, class| Block::Count {
        site,
        count,
        rack: rack.map(|rack| rack.parse().unwrap()),
        one_rack: true,
        class,
    };
    let four = reserve(&mut world, "f", one_rack(4, None, None), w);
    assert!(matches!(four, Err(Reject::DoesNotFit { .. })), "no rack has four: {four:?}");
    assert_eq!(reserve(&mut world, "f", one_rack(3, Some("r2"), None), w).unwrap(), "m1 m2 m3");
    let gpus = reserve(&mut world, "g", one_rack(1, None, Some(gpu("H200"))), w);
    assert!(matches!(gpus, Err(Reject::DoesNotFit { .. })), "nobody has GPUs: {gpus:?}");
    let down = node::Command::SetStatus {
        id: id_of(&world, "n1"),
        status: Status::Down,
        reason: "lost".to_owned(),
    };
    world.run(Command::Node(down)).unwrap();
    let cpu = one_rack(2, None, Some(Class::Cpu));
    assert_eq!(reserve(&mut world, "g", cpu, w).unwrap(), "n2 n3", "a lost node is not promised");
    for wrong in [0, 1_501] {
        let refused = reserve(&mut world, "h", count(site, wrong), w);
        assert!(matches!(refused, Err(Reject::Invalid { field: "count", .. })), "{refused:?}");
    }
    world.verify();
}

#[test]
fn a_node_is_reserved_once_at_a_time() {
    let mut world = World::new();
    fleet(&mut world);
    let nodes = |world: &World, names: &[&str]| {
        Block::Nodes(names.iter().map(|name| id_of(world, name)).collect())
    };
    let (now, later) = (window(&world, 0, HOUR), window(&world, 2 * HOUR, HOUR));
    let two = nodes(&world, &["n1", "m1", "n1"]);
    assert_eq!(reserve(&mut world, "first", two, now).unwrap(), "m1 n1");
    let one = nodes(&world, &["m1"]);
    let overlapping = Window { from: now.until.plus(DurationMicros::ZERO), until: later.until };
    assert_eq!(reserve(&mut world, "after", one.clone(), overlapping).unwrap(), "m1");
    let across = Window { from: now.from, until: later.until };
    let Err(Reject::ReservationConflict { node, name, .. }) =
        reserve(&mut world, "third", one.clone(), across)
    else {
        panic!("the node is taken");
    };
    assert_eq!((node.as_str(), name.as_str()), ("m1", "first"));
    let second = nodes(&world, &["n2"]);
    let taken = reserve(&mut world, "first", second, later);
    assert!(matches!(taken, Err(Reject::NameTaken { .. })), "{taken:?}");
    let first = world.state.reservations.values().find(|r| r.name.as_str() == "first").unwrap().id;
    let at = |world: &World| world.state.reservations_at(world.now()).count();
    assert_eq!((at(&world), world.state.reservations_from(world.now()).count()), (1, 2));
    let cancel = Command::Reservation(reservation::Command::Cancel { id: first });
    world.run(cancel.clone()).unwrap();
    assert_eq!(world.run(cancel).unwrap(), vec![], "it is cancelled already");
    assert_eq!((at(&world), world.state.reservations_from(world.now()).count()), (0, 1));
    let within = Window { from: now.from, until: now.until };
    assert_eq!(reserve(&mut world, "first", one, within).unwrap(), "m1", "name and node are free");
    world.advance(HOUR + 1);
    let over =
        world.state.reservations.values().find(|r| r.name.as_str() == "first" && r.id != first);
    let over = over.unwrap().id;
    let late = world.run(Command::Reservation(reservation::Command::Cancel { id: over }));
    assert!(matches!(late, Err(Reject::WrongState { .. })), "{late:?}");
    assert_eq!(at(&world), 1, "time alone brings the next one into force");
    world.verify();
}

#[test]
fn windows_and_blocks_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let site = fleet(&mut world);
    let good = window(&world, 0, HOUR);
    let backwards = Window { from: good.until, until: good.from };
    let past = Window { from: UnixMicros(0), until: UnixMicros(1) };
    let long = window(&world, 0, 367 * 24 * HOUR);
    for (wrong, field) in [(backwards, "until"), (past, "until"), (long, "until")] {
        let refused = reserve(&mut world, "a", count(site, 1), wrong);
        assert!(matches!(&refused, Err(Reject::Invalid { field: f, .. }) if *f == field));
    }
    let ahead = window(&world, 1_831 * 24 * HOUR, HOUR);
    let far = reserve(&mut world, "a", count(site, 1), ahead);
    assert!(matches!(far, Err(Reject::Invalid { field: "from", .. })), "{far:?}");
    let nothing = reserve(&mut world, "a", Block::Nodes(Vec::new()), good);
    assert!(matches!(nothing, Err(Reject::Invalid { field: "nodes", .. })), "{nothing:?}");
    let lyon = world.site("lyon", "FR");
    let there = world.node(lyon, "far", 1);
    let both = Block::Nodes(vec![id_of(&world, "n1"), there]);
    let refused = reserve(&mut world, "a", both, good);
    assert!(matches!(refused, Err(Reject::Invalid { field: "nodes", .. })), "{refused:?}");
    let missing = reserve(&mut world, "a", Block::Nodes(vec![Id::from_bytes([9; 16])]), good);
    assert!(matches!(missing, Err(Reject::NotFound { kind: "node", .. })), "{missing:?}");
    let many = Block::Nodes((0..1_501_u128).map(|n| Id::from_bytes(n.to_be_bytes())).collect());
    let refused = reserve(&mut world, "a", many, good);
    assert!(matches!(refused, Err(Reject::Invalid { field: "nodes", .. })), "{refused:?}");
    let holder = Holder::Project(Id::from_bytes([9; 16]));
    let name = "a".parse().unwrap();
    let create = reservation::Command::Create { name, holder, block: count(site, 1), window: good };
    let refused = world.run(Command::Reservation(create));
    assert!(matches!(refused, Err(Reject::NotFound { kind: "project", .. })), "{refused:?}");
    world.verify();
}

#[test]
fn the_line_is_in_order_and_says_why_each_waits() {
    let mut world = World::new();
    let organisation = world.organisation("bank");
    let project = world.project(organisation, "risk");
    let site = world.site("paris", "FR");
    world.node(site, "n1", 1);
    let mut large = job("large");
    (large.nodes_min, large.nodes_max) = (2, 2);
    let large = world.submit_job(project, large).unwrap();
    let small = world.submit_job(project, job("small")).unwrap();
    let mut urgent = job("urgent");
    urgent.priority = 1;
    let urgent = world.submit_job(project, urgent).unwrap();
    let line = crate::queue(&world.state, world.now());
    let ids: Vec<_> = line.iter().map(|(workload, _)| workload.id).collect();
    assert_eq!(ids, [urgent, large, small]);
    assert_eq!(line[0].1, QueuedReason::AboutToStart);
    assert!(matches!(line[1].1, QueuedReason::Waiting(_)), "{:?}", line[1].1);
    assert!(matches!(line[2].1, QueuedReason::Waiting(_)), "{:?}", line[2].1);
}

#[test]
fn who_used_the_nodes_so_far_lets_others_go_first_until_that_is_forgotten() {
    let placed_after = |secs: u64| {
        let mut world = World::new();
        let organisation = world.organisation("bank");
        let (busy, idle) =
            (world.project(organisation, "busy"), world.project(organisation, "idle"));
        let site = world.site("paris", "FR");
        world.node(site, "n1", 4);
        let first = world.submit_job(busy, job("first")).unwrap();
        world.schedule();
        world.report(first, 0, exited(0), 1_000).unwrap();
        let used: Vec<_> = world.state.usage.recent.keys().copied().collect();
        assert_eq!(used, [busy]);
        world.advance(secs);
        let ids: Vec<_> = [busy, busy, busy, busy, idle, idle, idle, idle]
            .map(|project| world.submit_job(project, job("next")).unwrap())
            .to_vec();
        assert_eq!(world.schedule(), 4);
        let placed = |ids: &[_]| ids.iter().filter(|id| world.phase(**id) == "placed").count();
        assert_eq!(world.verify().findings, vec![]);
        (placed(&ids[..4]), placed(&ids[4..]))
    };
    // Its share of the processor is nothing now, but it may begin: memory is not short.
    assert_eq!(placed_after(0), (1, 3));
    assert_eq!(placed_after(60 * 7 * 86_400), (2, 2));
}
