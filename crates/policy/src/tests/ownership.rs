//! The 24 % / 39 % rule at its borders, through chains and circles, and what is not declared.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use units::Id;

use super::country;
use crate::ownership::{
    EU, EntityId, Facts, Finding, Form, Holding, Jurisdiction, Verdict, assess, is_in_eu,
    jurisdiction,
};

fn id(number: u8) -> EntityId {
    Id::from_parts(1, [number; 10])
}

fn entity(seat: &str, form: Form, holders: &[(u8, u32)]) -> Facts {
    let holders = holders.iter().map(|(holder, bp)| Holding {
        holder: id(*holder),
        capital_bp: *bp,
        votes_bp: *bp,
        veto: false,
        board_majority: false,
    });
    Facts {
        legal_name: "an entity".to_owned(),
        seat: country(seat),
        administration: None,
        form,
        listed: false,
        holders: holders.collect(),
    }
}

fn register(entities: &[(u8, Facts)]) -> BTreeMap<EntityId, Facts> {
    entities.iter().map(|(number, facts)| (id(*number), facts.clone())).collect()
}

/// 1 is the provider; 10 and up are French persons, 20 and up are American, 30 and up Swiss.
fn provider(holders: &[(u8, u32)], others: &[(u8, Facts)]) -> BTreeMap<EntityId, Facts> {
    let mut all = vec![(1, entity("FR", Form::Company, holders))];
    for number in 10..40 {
        let seat = if number < 20 {
            "FR"
        } else if number < 30 {
            "US"
        } else {
            "CH"
        };
        all.push((number, entity(seat, Form::Persons, &[])));
    }
    all.extend_from_slice(others);
    register(&all)
}

fn verdict(register: &BTreeMap<EntityId, Facts>) -> Verdict {
    assess(register, id(1)).unwrap().verdict
}

#[test]
fn shares_at_the_limits_decide_to_the_hundredth_of_a_percent() {
    let cases: &[(&[(u8, u32)], Verdict)] = &[
        (&[(20, 2_400), (10, 7_600)], Verdict::Met),
        (&[(20, 2_401), (10, 7_599)], Verdict::NotMet),
        (&[(20, 1_950), (30, 1_950), (10, 6_100)], Verdict::Met),
        (&[(20, 1_950), (30, 1_951), (10, 6_099)], Verdict::NotMet),
        (&[(10, 10_000)], Verdict::Met),
        (&[(10, 5_000), (11, 5_000)], Verdict::Met),
    ];
    for (holders, expected) in cases {
        assert_eq!(verdict(&provider(holders, &[])), *expected, "{holders:?}");
    }
    let at_limit = assess(&provider(&[(20, 2_400), (30, 1_500), (10, 6_100)], &[]), id(1));
    let at_limit = at_limit.unwrap();
    assert_eq!((at_limit.largest_foreign_bp, at_limit.foreign_bp), (2_400, 3_900));
    let above = assess(&provider(&[(20, 2_400), (30, 1_501), (10, 6_099)], &[]), id(1)).unwrap();
    assert!(matches!(
        above.findings.as_slice(),
        [Finding::TogetherAbove { share_bp: 3_901, .. }, ..]
    ));
}

#[test]
fn capital_and_votes_are_looked_at_apart() {
    let mut register = provider(&[(20, 2_400), (10, 7_600)], &[]);
    register.get_mut(&id(1)).unwrap().holders[0].votes_bp = 2_401;
    register.get_mut(&id(1)).unwrap().holders[1].votes_bp = 7_599;
    assert_eq!(verdict(&register), Verdict::NotMet);
}

#[test]
fn shares_multiply_along_a_chain_and_control_counts_as_all() {
    // 50 % of 48 % is 24.00 %; a shell that is held to one half is not controlled.
    let half = |bp, rest| {
        let shell = entity("FR", Form::Company, &[(20, bp), (10, 10_000 - bp)]);
        verdict(&provider(&[(2, 4_800), (11, rest)], &[(2, shell)]))
    };
    assert_eq!(half(5_000, 5_200), Verdict::Met);
    // A hundredth more is control: all of the shell's 48 % count.
    assert_eq!(half(5_001, 5_200), Verdict::NotMet);
    // 49 % of 49 % is 24.01 %.
    let shell = entity("FR", Form::Company, &[(20, 4_900), (10, 5_100)]);
    let chain = provider(&[(2, 4_900), (11, 5_100)], &[(2, shell)]);
    assert_eq!(verdict(&chain), Verdict::NotMet);
    // Two chains of one holder add up: 12 % + 12.01 %.
    let shell = |bp| entity("DE", Form::Company, &[(20, bp), (10, 10_000 - bp)]);
    let two =
        provider(&[(2, 4_000), (3, 4_000), (11, 2_000)], &[(2, shell(3_000)), (3, shell(3_002))]);
    assert_eq!(verdict(&two), Verdict::NotMet);
    let two =
        provider(&[(2, 4_000), (3, 4_000), (11, 2_000)], &[(2, shell(3_000)), (3, shell(3_000))]);
    assert_eq!(verdict(&two), Verdict::Met);
}

#[test]
fn a_parent_and_its_daughter_are_not_counted_twice_together() {
    let daughter = entity("US", Form::Company, &[(20, 10_000)]);
    let register = provider(&[(2, 2_000), (10, 8_000)], &[(2, daughter)]);
    let assessment = assess(&register, id(1)).unwrap();
    assert_eq!((assessment.verdict, assessment.foreign_bp), (Verdict::Met, 2_000));
}

#[test]
fn vetoes_and_appointments_break_it_whatever_the_share() {
    for right in [|h: &mut Holding| h.veto = true, |h: &mut Holding| h.board_majority = true] {
        let mut register = provider(&[(20, 1), (10, 9_999)], &[]);
        assert_eq!(verdict(&register), Verdict::Met);
        right(&mut register.get_mut(&id(1)).unwrap().holders[0]);
        assert_eq!(verdict(&register), Verdict::NotMet);
        // The same right in the mother that controls the provider.
        let mut mother = entity("FR", Form::Company, &[(20, 1), (10, 9_999)]);
        right(&mut mother.holders[0]);
        let register = provider(&[(2, 6_000), (11, 4_000)], &[(2, mother)]);
        assert_eq!(verdict(&register), Verdict::NotMet);
    }
}

#[test]
fn what_is_not_declared_is_not_compliant() {
    assert_eq!(verdict(&provider(&[], &[])), Verdict::Unknown);
    assert_eq!(verdict(&provider(&[(10, 7_600)], &[])), Verdict::Met, "24 % may be anybody's");
    assert_eq!(verdict(&provider(&[(10, 7_599)], &[])), Verdict::Unknown);
    assert_eq!(verdict(&provider(&[(20, 2_000), (10, 7_599)], &[])), Verdict::Unknown);
    let unregistered = provider(&[(99, 6_000), (10, 4_000)], &[]);
    assert_eq!(verdict(&unregistered), Verdict::Unknown);
    assert_eq!(jurisdiction(&unregistered, id(1)), Jurisdiction::Unknown);
    // A free float belongs to nobody in particular.
    let mut listed = provider(&[(20, 2_400)], &[]);
    listed.get_mut(&id(1)).unwrap().listed = true;
    assert_eq!(verdict(&listed), Verdict::Met);
}

#[test]
fn a_seat_or_administration_outside_the_union_breaks_it() {
    let mut register = provider(&[(10, 10_000)], &[]);
    register.get_mut(&id(1)).unwrap().administration = Some(country("GB"));
    assert_eq!(verdict(&register), Verdict::NotMet);
    assert!(EU.is_sorted() && is_in_eu(country("GR")) && !is_in_eu(country("CH")));
}

#[test]
fn the_ultimate_controller_gives_the_jurisdiction() {
    let known = |register: &BTreeMap<EntityId, Facts>| jurisdiction(register, id(1)).code();
    assert_eq!(known(&provider(&[(10, 6_000), (20, 4_000)], &[])), "FR");
    assert_eq!(known(&provider(&[(20, 5_001), (10, 4_999)], &[])), "US");
    assert_eq!(known(&provider(&[(20, 5_000), (10, 5_000)], &[])), "FR", "nobody controls it");
    let daughter = entity("DE", Form::Company, &[(3, 9_000), (10, 1_000)]);
    let mother = entity("LU", Form::Company, &[(20, 10_000)]);
    let chain = provider(&[(2, 7_000), (11, 3_000)], &[(2, daughter), (3, mother)]);
    assert_eq!(known(&chain), "US");
    assert_eq!(known(&provider(&[], &[])), "ZZ");
    // Two companies that hold each other have no end.
    let circle = entity("FR", Form::Company, &[(1, 10_000)]);
    assert_eq!(known(&provider(&[(2, 10_000)], &[(2, circle)])), "ZZ");
}

#[test]
fn circles_end_and_add_up() {
    // 2 and 3 hold 40 % of each other; 20 has 15 % of 2. Through the circle that is 15 / (1 - 0.16)
    // = 17.86 % of 2, and half of it of the provider.
    let two = entity("FR", Form::Company, &[(3, 4_000), (20, 1_500), (10, 4_500)]);
    let three = entity("FR", Form::Company, &[(2, 4_000), (11, 6_000)]);
    let register = provider(&[(2, 5_000), (10, 5_000)], &[(2, two), (3, three)]);
    let assessment = assess(&register, id(1)).unwrap();
    assert_eq!(assessment.largest_foreign_bp, 893);
    assert_eq!(assessment.verdict, Verdict::Met);
}

proptest! {
    /// Whatever is declared: the calculation ends, a foreign share that grows never helps, and an
    /// answer of "met" stays within the limits.
    #[test]
    fn more_foreign_shares_never_help(
        shares in proptest::collection::vec((2_u8..8, 10_u8..40, 0_u32..5_000, any::<bool>()), 1..24),
        extra in 0_u32..5_000,
    ) {
        let build = |extra: u32| {
            let mut others: Vec<(u8, Facts)> =
                (2..8).map(|n| (n, entity("FR", Form::Company, &[]))).collect();
            for (company, holder, bp, through) in &shares {
                let at = usize::from(*company - 2);
                let taken: u32 = others[at].1.holders.iter().map(|one| one.votes_bp).sum();
                let holder = if *through { 2 + holder % 6 } else { *holder };
                let known = others[at].1.holders.iter().any(|one| one.holder == id(holder));
                if taken + bp <= 10_000 && !known {
                    others[at].1.holders.extend(entity("FR", Form::Company, &[(holder, *bp)]).holders);
                }
            }
            provider(&[(2, 3_000), (3, 2_000), (29, extra), (10, 5_000 - extra)], &others)
        };
        let before = assess(&build(0), id(1)).unwrap();
        let after = assess(&build(extra), id(1)).unwrap();
        prop_assert!(before.verdict == Verdict::Met || after.verdict != Verdict::Met);
        prop_assert!(after.foreign_bp >= before.foreign_bp);
        for one in [before, after] {
            if one.verdict == Verdict::Met {
                prop_assert!(one.largest_foreign_bp <= 2_400 && one.foreign_bp <= 3_900);
            }
        }
    }
}
