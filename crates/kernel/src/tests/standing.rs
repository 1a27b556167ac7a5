//! Requirement 10: facts of sovereignty as the state has them.

use policy::{
    Residency,
    ownership::{Facts, Form, Holding},
    score::{Check, Facts as Standing, PieceState, rate},
};
use units::Digest;

use super::{sovereignty::residency, *};
use crate::{
    entity,
    evidence::{self, Claim, Kind},
    node::Gpu,
    standing::{Surroundings, facts},
    storage::{self, Purpose},
};

fn now(world: &World) -> Standing {
    facts(&world.state, world.now(), &Surroundings::default(), &policy::score::vendors().unwrap())
}

fn is_met(world: &World, check: Check) -> bool {
    now(world).checks[&check].met
}

fn entity(
    world: &mut World,
    name: &str,
    seat: &str,
    holder: Option<Id<kinds::Entity>>,
) -> Id<kinds::Entity> {
    let form = if holder.is_some() { Form::Company } else { Form::PublicBody };
    let holding = |holder| Holding {
        holder,
        capital_bp: 10_000,
        votes_bp: 10_000,
        veto: false,
        board_majority: false,
    };
    let facts = Facts {
        legal_name: name.to_owned(),
        seat: seat.parse().unwrap(),
        administration: None,
        form,
        listed: false,
        holders: holder.into_iter().map(holding).collect(),
    };
    let name = name.parse().unwrap();
    match world.subject(Command::Entity(entity::Command::Register { name, facts })) {
        Subject::Entity(id) => id,
        other => panic!("{other}"),
    }
}

fn entities(world: &mut World, site: Id<kinds::Site>, id: Id<kinds::Entity>) {
    let mut config = world.state.sites[&site].config.clone();
    config.operator_entity = Some(id);
    config.owner_entity = Some(id);
    world.run(Command::Site(site::Command::Update { id: site, config })).unwrap();
}

/// A site of an operator in France, with rules of the Union.
fn start() -> (World, Id<kinds::Site>, Id<kinds::Entity>) {
    let mut world = World::new();
    residency(&mut world, Scope::Platform, Residency::european());
    let paris = world.site("paris", "FR");
    let town = entity(&mut world, "town", "FR", None);
    entities(&mut world, paris, town);
    for purpose in [Purpose::Log, Purpose::Keys, Purpose::Artefacts, Purpose::Accounts] {
        let (operator_entity, owner_entity) = (None, None);
        let name = purpose.as_str().parse().unwrap();
        let register = storage::Command::Register {
            name,
            purpose,
            site: paris,
            operator_entity,
            owner_entity,
        };
        world.run(Command::Storage(register)).unwrap();
    }
    (world, paris, town)
}

#[test]
fn an_empty_platform_has_shown_nothing() {
    let world = World::new();
    for (check, finding) in now(&world).checks {
        // There is no hardware to speak of.
        let none = matches!(check, Check::Accelerators | Check::Processors);
        assert_eq!(finding.met, none, "{check:?}: {finding:?}");
        assert!(!finding.because.is_empty());
    }
}

#[test]
fn checks_follow_the_register_the_rules_and_the_places() {
    let (mut world, paris, _) = start();
    let all = [
        Check::Establishment,
        Check::Ownership,
        Check::Control,
        Check::Locations,
        Check::Residency,
        Check::Inventory,
        Check::Figures,
    ];
    for check in all {
        assert!(is_met(&world, check), "{check:?}: {:?}", now(&world).checks[&check]);
    }
    // Held by somebody far away: established here, and not controlled from here.
    let far = entity(&mut world, "far", "US", None);
    let near = entity(&mut world, "near", "FR", Some(far));
    entities(&mut world, paris, near);
    assert!(is_met(&world, Check::Establishment));
    assert!(!is_met(&world, Check::Control) && !is_met(&world, Check::Ownership));
    let finding = now(&world).checks[&Check::Control].clone();
    assert_eq!(finding.things, ["`near` is controlled from US"]);
    assert!(finding.subjects.contains(&near.to_string()));
    entities(&mut world, paris, far);
    assert!(!is_met(&world, Check::Establishment));
    // A rule less, or a country more.
    let mut rules = Residency::european();
    rules.rules[3].countries.push("CH".parse().unwrap());
    residency(&mut world, Scope::Platform, rules.clone());
    assert_eq!(
        now(&world).checks[&Check::Residency].things,
        ["derived data, to process: also in CH"]
    );
    rules.rules.remove(3);
    residency(&mut world, Scope::Platform, rules);
    assert_eq!(
        now(&world).checks[&Check::Residency].things,
        ["derived data, to process: anywhere"]
    );
    world.site("geneva", "CH");
    assert_eq!(now(&world).checks[&Check::Locations].things, ["site `geneva` is in CH"]);
    assert!(!is_met(&world, Check::Inventory), "geneva names no operator");
}

#[test]
fn keys_witnesses_and_copies_are_outside_of_the_state() {
    let (world, ..) = start();
    let vendors = policy::score::vendors().unwrap();
    let with = |surroundings: Surroundings| {
        let facts = facts(&world.state, world.now(), &surroundings, &vendors);
        [Check::ExternalKeys, Check::Witnesses].map(|check| facts.checks[&check].met)
    };
    let two = Surroundings { quorum: 2, witnesses: 3, ..Surroundings::default() };
    assert_eq!(with(two.clone()), [false, false], "nobody has agreed yet");
    assert_eq!(with(Surroundings { final_size: Some(4), ..two.clone() }), [false, true]);
    let one = Surroundings { quorum: 1, final_size: Some(4), ..two };
    assert_eq!(with(one), [false, false]);
    let kms = Surroundings { key_service: Some("a service".to_owned()), ..Surroundings::default() };
    assert_eq!(with(kms), [true, false]);
}

fn gpus(world: &mut World, site: Id<kinds::Site>, name: &str, model: &str, count: usize) {
    let mut command = register(site, name, 8);
    let node::Command::Register { facts, .. } = &mut command else { panic!("another command") };
    facts.cpu_model = "SiPearl Rhea1".to_owned();
    facts.capacity.gpus = units::GpuCount(u32::try_from(count).unwrap());
    facts.gpus = (0..count)
        .map(|at| Gpu { model: model.to_owned(), uuid: format!("{name}-{at}"), memory: Bytes(1) })
        .collect();
    world.run(Command::Node(command)).unwrap();
}

/// Requirement 10: whatever is recorded, an NVIDIA rack keeps two objectives down, and is named.
#[test]
fn a_foreign_rack_is_named_and_no_evidence_outweighs_it() {
    let (mut world, paris, _) = start();
    gpus(&mut world, paris, "s1", "Axelera Metis", 4);
    assert!(is_met(&world, Check::Accelerators) && is_met(&world, Check::Processors));
    for at in 0..6 {
        gpus(&mut world, paris, &format!("n{at}"), "NVIDIA GB200", 4);
    }
    let all = policy::score::frameworks().unwrap();
    let issuer = entity(&mut world, "assessor", "DE", None);
    for criterion in all.iter().flat_map(policy::score::Framework::criteria) {
        let document = Digest([7; 32]);
        let (criterion, kind) = (criterion.id.clone(), Kind::Certificate);
        let claim = Claim { criterion, kind, issuer, valid_until: None, document };
        world.run(Command::Evidence(evidence::Command::Record { claim })).unwrap();
    }
    let facts = now(&world);
    let thing = "24 × NVIDIA GB200 in site `paris` on `n0`, `n1`, `n2`, `n3` and 2 more nodes: \
                 NVIDIA, controlled from US";
    assert_eq!(facts.checks[&Check::Accelerators].things, [thing]);
    let csf = rate(&all[0], &facts);
    let level = |id: &str| csf.parts.iter().find(|part| part.part.id == id).unwrap().level;
    // The list of components is missing too, so that the supply chain stays at its first level.
    assert_eq!((level("SOV-6"), level("SOV-5"), level("SOV-1")), (Some(3), Some(1), Some(4)));
    let down = csf.kept_down();
    let first: Vec<_> =
        down.iter().take(2).map(|(part, one)| (part.part.id.as_str(), &one.things)).collect();
    assert_eq!(first, [("SOV-5", &vec![thing.to_owned()]), ("SOV-6", &vec![thing.to_owned()])]);
}

#[test]
fn evidence_counts_until_its_last_moment_and_not_after_it_was_withdrawn() {
    let (mut world, ..) = start();
    let issuer = entity(&mut world, "assessor", "DE", None);
    let until = UnixMicros(world.now().0 + 10_000_000);
    let claim = Claim {
        criterion: "csf.sov-1.seal-2.1".to_owned(),
        kind: Kind::Declared,
        issuer,
        valid_until: Some(until),
        document: Digest([7; 32]),
    };
    let Subject::Evidence(id) =
        world.subject(Command::Evidence(evidence::Command::Record { claim }))
    else {
        panic!("no evidence");
    };
    let vendors = policy::score::vendors().unwrap();
    let at = |world: &World, at| {
        facts(&world.state, at, &Surroundings::default(), &vendors).evidence[0].state
    };
    assert_eq!(at(&world, UnixMicros(until.0 - 1)), PieceState::Valid);
    assert_eq!(at(&world, until), PieceState::Expired);
    world.run(Command::Evidence(evidence::Command::Withdraw { id })).unwrap();
    assert_eq!(at(&world, UnixMicros(until.0 - 1)), PieceState::Withdrawn);
}
