//! What scores promise: nothing for nothing, the weakest link, and no gain from less evidence.

use std::collections::BTreeMap;

use proptest::prelude::*;
use units::{Id, kinds};

use super::*;

/// Every check, as it comes out if all is well.
const CHECKS: [Check; 13] = [
    Check::Establishment,
    Check::Ownership,
    Check::Control,
    Check::Locations,
    Check::Residency,
    Check::Inventory,
    Check::ExternalKeys,
    Check::Witnesses,
    Check::LogCopies,
    Check::Figures,
    Check::Sbom,
    Check::Accelerators,
    Check::Processors,
];

fn finding(met: bool) -> Finding {
    let things = if met { Vec::new() } else { vec!["NVIDIA H200: 8 nodes".to_owned()] };
    Finding { met, because: "as it was found".to_owned(), things, subjects: Vec::new() }
}

fn id<K: units::IdKind>(n: u128) -> Id<K> {
    Id::from_bytes(n.to_be_bytes())
}

fn piece(n: u128, criterion: &str, kind: Kind) -> Piece {
    let (id, issuer, state) = (id::<kinds::Evidence>(n), id(1), PieceState::Valid);
    Piece { id, criterion: criterion.to_owned(), kind, issuer, state }
}

/// All checks met, and a certificate of somebody else for every criterion.
fn everything(frameworks: &[Framework]) -> Facts {
    let ids = frameworks.iter().flat_map(Framework::criteria).map(|criterion| &criterion.id);
    Facts {
        checks: CHECKS.into_iter().map(|check| (check, finding(true))).collect(),
        evidence: (10..).zip(ids).map(|(n, id)| piece(n, id, Kind::Certificate)).collect(),
        own: [id(2)].into(),
    }
}

fn levels(rated: &Rated<'_>) -> BTreeMap<String, u32> {
    let of = |part: &RatedPart<'_>| Some((part.part.id.clone(), part.level?));
    rated.parts.iter().filter_map(of).collect()
}

#[test]
fn the_criteria_are_usable_and_name_what_is_delivered() {
    let all = frameworks().unwrap();
    let ids: Vec<&String> = all.iter().flat_map(Framework::criteria).map(|one| &one.id).collect();
    let distinct: std::collections::BTreeSet<&&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "an id in two frameworks");
    assert!(ids.iter().any(|id| *id == "csf.sov-1.seal-2.1"), "the log's message names it");
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/requirements.md"))
            .unwrap();
    for criterion in all.iter().flat_map(Framework::criteria) {
        let Some(number) = criterion.requirement else { continue };
        let start = format!("| {number} |");
        let line = page.lines().find(|line| line.starts_with(&start)).unwrap();
        assert!(
            !line.ends_with("| open |"),
            "`{}` is claimed to be built in: {line}",
            criterion.id
        );
    }
}

#[test]
fn nothing_is_had_for_nothing() {
    let all = frameworks().unwrap();
    for framework in &all {
        let rated = rate(framework, &Facts::default());
        for part in &rated.parts {
            for one in &part.criteria {
                let built_in = one.criterion.computed == Some(Check::BuiltIn);
                assert_eq!(one.is_met(), built_in, "{}", one.criterion.id);
            }
        }
    }
    // What is in every installation is too little for a level.
    let rated = rate(&all[0], &Facts::default());
    assert_eq!((rated.level, levels(&rated)["SOV-6"], levels(&rated)["SOV-3"]), (Some(0), 2, 0));
    assert_eq!(rate(&all[1], &Facts::default()).level, Some(0));
}

#[test]
fn everything_shown_is_the_whole_score() {
    let all = frameworks().unwrap();
    let facts = everything(&all);
    let csf = rate(&all[0], &facts);
    assert_eq!((csf.level, csf.score_bp), (Some(4), Some(WHOLE_SCORE_BP)));
    assert!(csf.kept_down().is_empty());
    assert_eq!(rate(&all[1], &facts).level, Some(4));
    let list = rate(&all[2], &facts);
    assert_eq!((list.counts(), list.level), ((list.parts.len(), 0, 0), None));
}

/// Requirement 10: an NVIDIA rack keeps both objectives below SEAL-4, and is named.
#[test]
fn accelerators_of_a_foreign_vendor_keep_two_objectives_below_the_highest_level() {
    let all = frameworks().unwrap();
    for check in [Check::Accelerators, Check::Processors] {
        let mut facts = everything(&all);
        facts.checks.insert(check, finding(false));
        let csf = rate(&all[0], &facts);
        for (part, level) in levels(&csf) {
            assert_eq!(level, if part == "SOV-5" || part == "SOV-6" { 3 } else { 4 }, "{part}");
        }
        assert_eq!(csf.level, Some(3));
        // A tenth of supply chain, a seventh of technology: 20/10 and 15/7 percent are lost.
        assert_eq!(csf.score_bp, Some(9_585));
        let down = csf.kept_down();
        assert_eq!(down.len(), 2);
        for (_, one) in down {
            assert_eq!(one.standing, Standing::Refuted);
            assert_eq!(one.things, ["NVIDIA H200: 8 nodes"]);
        }
        // A proposal about software does not ask what hardware is made of.
        assert_eq!(rate(&all[1], &facts).level, Some(4));
    }
    let mut unseen = everything(&all);
    unseen.checks.remove(&Check::Accelerators);
    assert_eq!(levels(&rate(&all[0], &unseen))["SOV-5"], 3, "not looked at is not met");
}

#[test]
fn what_is_refuted_comes_first_however_low_the_level_is() {
    let all = frameworks().unwrap();
    let checks = BTreeMap::from([(Check::Accelerators, finding(false))]);
    let rated = rate(&all[0], &Facts { checks, ..Facts::default() });
    let down = rated.kept_down();
    let first: Vec<&str> = down.iter().take(4).map(|(_, one)| one.criterion.id.as_str()).collect();
    let hardware = ["csf.sov-5.seal-4.1", "csf.sov-5.seal-4.2"];
    assert_eq!(first[..2], hardware, "{first:?}");
    assert!(
        down.iter()
            .skip(4)
            .all(|(part, one)| Some(one.criterion.level) == part.level.map(|l| l + 1))
    );
}

#[test]
fn a_level_is_as_high_as_its_weakest_criterion() {
    let all = frameworks().unwrap();
    for criterion in all[0].criteria().filter(|one| one.computed.is_none()) {
        let mut facts = everything(&all);
        facts.evidence.retain(|piece| piece.criterion != criterion.id);
        let rated = rate(&all[0], &facts);
        let part = rated.parts.iter().find(|part| part.part.criteria.contains(criterion)).unwrap();
        assert_eq!(part.level, Some(criterion.level - 1), "{}", criterion.id);
        assert_eq!(part.points, part.points_max - criterion.points);
        assert_eq!(rated.level, part.level);
    }
}

#[test]
fn evidence_counts_while_valid_of_a_kind_that_is_enough_and_not_of_ones_own() {
    let all = frameworks().unwrap();
    let standing = |change: fn(&mut Piece)| {
        let mut facts = everything(&all);
        let wanted = |piece: &&mut Piece| piece.criterion == "csf.sov-7.seal-1.1";
        change(facts.evidence.iter_mut().find(wanted).unwrap());
        let rated = rate(&all[0], &facts);
        let judged = rated.parts.iter().flat_map(|part| &part.criteria);
        judged.clone().find(|one| one.criterion.id == "csf.sov-7.seal-1.1").unwrap().standing
    };
    assert_eq!(standing(|_| {}), Standing::Met);
    assert_eq!(standing(|one| one.state = PieceState::Expired), Standing::Lapsed);
    assert_eq!(standing(|one| one.state = PieceState::Withdrawn), Standing::Lapsed);
    assert_eq!(standing(|one| one.kind = Kind::Measured), Standing::TooWeak);
    assert_eq!(
        standing(|one| one.issuer = id(2)),
        Standing::TooWeak,
        "an operator certifies itself"
    );
    assert_eq!(standing(|one| one.criterion = "csf.none".to_owned()), Standing::NotShown);
}

#[test]
fn a_checklist_says_met_partly_and_not_met() {
    let all = frameworks().unwrap();
    let rated = rate(&all[2], &Facts::default());
    let of = |id: &str| rated.parts.iter().find(|part| part.part.id == id).unwrap().standing;
    assert_eq!((of("11.9"), of("9.7")), (PartStanding::Met, PartStanding::Partly));
    assert_eq!(of("19.6"), PartStanding::NotMet);
    let (met, partly, not_met) = rated.counts();
    assert_eq!(met + partly + not_met, rated.parts.len());
}

#[test]
fn criteria_that_no_score_can_be_made_of_are_refused() {
    let (file, good) = FILES[0];
    assert!(parse(file, good).is_ok());
    let computed = "computed: establishment";
    for (from, to, says) in [
        ("weight: 15", "weight: 16", "not 100"),
        ("csf.sov-1.seal-2.2", "csf.sov-1.seal-2.1", "twice"),
        ("csf.sov-1.seal-2.2", "CSF", "the log does not take"),
        ("level: 2", "level: 5", "no level of its scale"),
        ("level: 1", "level: 2", "asks for nothing at some level"),
        (computed, "computed: built-in", "says `by`"),
        (computed, "computed: establishment\n        needs: measured", "asks for evidence"),
        (computed, "computed: no-such-check", "no-such-check"),
        (computed, "weigth: 1", "weigth"),
        ("needs: measured", "points: 0", "counts for nothing"),
    ] {
        let text = good.replacen(from, to, 1);
        let error = parse(file, &text).expect_err(says).to_string();
        assert!(error.contains(says), "{from} → {to}: {error}");
    }
}

#[test]
fn models_are_known_by_their_vendors_and_what_is_unknown_is_foreign() {
    let known = vendors().unwrap();
    let of = |component, model: &str| known.of(component, model).map(|one| one.vendor.as_str());
    for model in
        ["NVIDIA H200", "H200 (virtual)", "Tesla T4", "V100M32", "NVIDIA A100-SXM4-80GB", "GB200"]
    {
        assert_eq!(of(Component::Accelerator, model), Some("NVIDIA"), "{model}");
    }
    assert_eq!(of(Component::Accelerator, "AMD Instinct MI300X"), Some("AMD"));
    assert_eq!(of(Component::Processor, "Intel(R) Xeon(R) Platinum 8480C"), Some("Intel"));
    assert_eq!(of(Component::Processor, "AMD EPYC 9654 96-Core Processor"), Some("AMD"));
    assert_eq!(known.foreign(Component::Accelerator, "Axelera Metis"), None);
    assert_eq!(known.foreign(Component::Processor, "SiPearl Rhea1"), None);
    let unknown = known.foreign(Component::Accelerator, "Wunderchip 1").unwrap();
    assert!(unknown.contains("not on the list"), "{unknown}");
    assert!(known.foreign(Component::Accelerator, "").is_some());
    let both = known.foreign(Component::Accelerator, "NVIDIA by Kalray").unwrap();
    assert!(both.starts_with("NVIDIA"), "{both}");
}

fn pieces(ids: Vec<String>) -> impl Strategy<Value = Vec<Piece>> {
    let kind = prop_oneof![Just(Kind::Declared), Just(Kind::Measured), Just(Kind::Certificate)];
    let state = prop_oneof![
        4 => Just(PieceState::Valid),
        1 => Just(PieceState::Expired),
        1 => Just(PieceState::Withdrawn),
    ];
    let one = (proptest::sample::select(ids), kind, 1_u128..4, state);
    proptest::collection::vec(one, 1..200).prop_map(|all| {
        let made =
            |(n, (criterion, kind, issuer, state)): (u128, (String, Kind, u128, PieceState))| {
                Piece { id: id(n), criterion, kind, issuer: id(issuer), state }
            };
        (10..).zip(all).map(made).collect()
    })
}

fn figures(rated: &Rated<'_>) -> Vec<u32> {
    let whole = [rated.level.unwrap_or(0), rated.score_bp.unwrap_or(0)];
    let standing = |part: &RatedPart<'_>| match part.standing {
        PartStanding::NotMet => 0,
        PartStanding::Partly => 1,
        PartStanding::Met => 2,
    };
    let parts =
        rated.parts.iter().flat_map(|part| [part.level.unwrap_or(0), part.points, standing(part)]);
    whole.into_iter().chain(parts).collect()
}

proptest! {
    /// Requirement 10.
    #[test]
    fn removing_one_piece_of_evidence_never_raises_anything(
        evidence in pieces(frameworks().unwrap().iter().flat_map(Framework::criteria)
            .map(|one| one.id.clone()).collect()),
        met in proptest::collection::vec(any::<bool>(), CHECKS.len()),
        which in any::<prop::sample::Index>(),
        how in 0_u8..3,
    ) {
        let checks = CHECKS.into_iter().zip(met).map(|(check, met)| (check, finding(met))).collect();
        let more = Facts { checks, evidence, own: [id(2)].into() };
        let mut less = more.clone();
        let at = which.index(less.evidence.len());
        match how {
            0 => drop(less.evidence.remove(at)),
            1 => less.evidence[at].state = PieceState::Expired,
            _ => less.evidence[at].state = PieceState::Withdrawn,
        }
        for framework in &frameworks().unwrap() {
            let (more, less) = (figures(&rate(framework, &more)), figures(&rate(framework, &less)));
            prop_assert_eq!(more.len(), less.len());
            for (more, less) in more.iter().zip(&less) {
                prop_assert!(less <= more, "{:?} became {:?}", more, less);
            }
        }
    }
}
