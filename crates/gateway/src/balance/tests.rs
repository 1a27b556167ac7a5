//! Checks that load spreads, that prompts go where they are known, and who is left alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use units::Id;

use super::{Balance, BalanceConfig, Demand, Outstanding, Route};
use crate::directory::Replica;

const NOW: Duration = Duration::from_secs(1);

fn route(count: usize) -> Route {
    let replica = |index| Replica::new(format!("10.0.0.{index}:80"), None);
    Route::new(Id::from_bytes([1; 16]), "m".into(), (0..count).map(replica).collect())
}

fn balance(seed: u64) -> Balance {
    Balance::new(BalanceConfig { seed, ..BalanceConfig::default() })
}

fn demand(prompt: &[u8]) -> Demand<'_> {
    let prompt_tokens = u64::try_from(prompt.len() / 4).unwrap();
    Demand { prompt, prompt_tokens, completion_tokens_max: Some(10), session: None }
}

fn choose(balance: &Balance, route: &Route, prompt: &[u8]) -> Outstanding {
    balance.choose(route, &demand(prompt), &[], NOW).unwrap()
}

fn text(salt: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 7 % 241).unwrap() ^ salt).collect()
}

#[test]
fn outstanding_requests_spread_evenly() {
    let (balance, route) = (balance(1), route(4));
    let held: Vec<_> = (0..400).map(|_| choose(&balance, &route, b"hello")).collect();
    let mut loads = BTreeMap::new();
    for one in &held {
        *loads.entry(Arc::clone(&one.replica.address)).or_insert(0_u32) += 1;
    }
    assert_eq!(loads.values().sum::<u32>(), 400);
    assert!(loads.values().all(|load| (95..=105).contains(load)), "{loads:?}");
}

#[test]
fn idle_replicas_are_all_drawn() {
    let (balance, route) = (balance(7), route(3));
    let drawn = (0..100).map(|_| Arc::clone(&choose(&balance, &route, b"").replica.address));
    let mut seen: Vec<_> = drawn.collect();
    seen.sort_unstable();
    seen.dedup();
    let known: Vec<_> = route.replicas.iter().map(|one| Arc::clone(&one.address)).collect();
    assert_eq!(seen, known);
}

#[test]
fn tried_replicas_are_not_drawn_again() {
    let (balance, route) = (balance(0), route(2));
    let tried: Vec<_> = route.replicas.iter().map(|one| Arc::clone(&one.address)).collect();
    for _ in 0..20 {
        let chosen = balance.choose(&route, &demand(b"a"), &tried[..1], NOW).unwrap();
        assert_eq!(chosen.replica, route.replicas[1]);
    }
    assert!(balance.choose(&route, &demand(b"a"), &tried, NOW).is_none());
    assert!(balance.choose(&self::route(0), &demand(b"a"), &[], NOW).is_none());
}

#[test]
fn load_is_tokens_and_not_requests() {
    let (balance, route) = (balance(5), route(2));
    let long = text(1, 40_000);
    let held = choose(&balance, &route, &long);
    let rest: Vec<_> = (0..50).map(|_| choose(&balance, &route, b"short")).collect();
    let beside = rest.iter().filter(|one| one.replica == held.replica).count();
    assert_eq!(beside, 0, "fifty short ones weigh less than the long one");
}

#[test]
fn weights_and_canaries_take_their_shares() {
    let (balance, mut route) = (balance(3), route(3));
    route.replicas[1].weight = 300;
    route.replicas[2].weight = 0;
    let held: Vec<_> = (0..400).map(|_| choose(&balance, &route, b"a")).collect();
    let share =
        |index: usize| held.iter().filter(|one| one.replica == route.replicas[index]).count();
    assert!((95..=105).contains(&share(0)) && share(2) == 0, "{} {}", share(0), share(2));
    let canaries = vec![(5, self::route(1)), (20, self::route(2))];
    let mut taken = [0; 3];
    for _ in 0..10_000 {
        taken[balance.canary(&canaries, None).map_or(0, |route| route.replicas.len())] += 1;
    }
    assert!((400..600).contains(&taken[1]) && (1_850..2_150).contains(&taken[2]), "{taken:?}");
    let way = |n: u32| balance.canary(&canaries, Some(&n.to_le_bytes())).is_some();
    assert!((0..100).all(|n| way(n) == way(n)), "a session goes one way");
}

#[test]
fn a_conversation_stays_where_it_was_until_that_costs_more() {
    let (balance, route) = (balance(9), route(8));
    let turn = text(1, 16_000);
    let first = Arc::clone(&choose(&balance, &route, &turn[..8_000]).replica.address);
    for length in [9_000, 12_000, 16_000] {
        let next = choose(&balance, &route, &turn[..length]);
        assert_eq!(next.replica.address, first, "{length}");
    }
    // As much work waiting there as the whole prompt is worth: it is read again elsewhere.
    let busy: Vec<_> = (2..30)
        .map(|salt| balance.choose(&route, &demand(&text(salt, 40_000)), &[], NOW).unwrap())
        .collect();
    let at_first = busy.iter().filter(|one| one.replica.address == first).count();
    assert!((2..=5).contains(&at_first), "{at_first}");
    let others: Vec<_> = busy.into_iter().filter(|one| one.replica.address == first).collect();
    let next = choose(&balance, &route, &turn);
    assert_ne!(next.replica.address, first);
    drop(others);
}

#[test]
fn a_shared_beginning_does_not_draw_everything_to_one_replica() {
    let (balance, route) = (balance(11), route(8));
    let system = text(0, 1_024);
    let mut loads: BTreeMap<_, u32> = BTreeMap::new();
    for salt in 1..=200 {
        let prompt = [system.clone(), text(salt, 7_000)].concat();
        // Each is over before the next: nothing is outstanding.
        let chosen = choose(&balance, &route, &prompt);
        *loads.entry(Arc::clone(&chosen.replica.address)).or_default() += 1;
    }
    assert!(loads.len() == 8 && loads.values().all(|load| *load < 38), "{loads:?}");
}

#[test]
fn a_session_is_a_hint() {
    let (balance, route) = (balance(13), route(8));
    let ask = |salt: u8| {
        let prompt = text(salt, 2_000);
        let demand = Demand { session: Some(b"s-1"), ..demand(&prompt) };
        let chosen = balance.choose(&route, &demand, &[], NOW).unwrap();
        Arc::clone(&chosen.replica.address)
    };
    let first = ask(1);
    assert_eq!([ask(2), ask(3)], [Arc::clone(&first), first]);
}

#[test]
fn a_replica_that_fails_is_left_alone_and_then_tried_once() {
    let (balance, route) = (balance(17), route(2));
    let bad = Arc::clone(&route.replicas[0].address);
    let mut failures = 0;
    while failures < 3 {
        let chosen = choose(&balance, &route, b"");
        if chosen.replica.address == bad {
            chosen.failed(NOW);
            failures += 1;
        }
    }
    for _ in 0..50 {
        assert_ne!(choose(&balance, &route, b"").replica.address, bad);
    }
    let later = NOW + Duration::from_secs(2);
    let at = |now| balance.choose(&route, &demand(b""), &[], now).unwrap();
    let trial = at(later);
    assert_eq!(trial.replica.address, bad);
    assert_ne!(at(later).replica.address, bad, "one trial at a time");
    trial.answered();
    drop(trial);
    assert!((0..50).any(|_| at(later).replica.address == bad));
}

#[test]
fn expected_answers_follow_what_was_answered_and_retries_have_a_budget() {
    let fleet = super::Fleet::default();
    assert_eq!((fleet.expected(None), fleet.expected(Some(7))), (256, 7));
    (0..200).for_each(|_| fleet.finished(40));
    assert_eq!((fleet.expected(None), fleet.expected(Some(1_000))), (40, 40));
    assert_eq!((0..100).filter(|_| fleet.spend_retry()).count(), 10);
    (0..100).for_each(|_| fleet.earn_retry());
    let regained = (0..100).filter(|_| fleet.spend_retry()).count();
    assert!((9..=10).contains(&regained), "a fifth of them, and never more than ten: {regained}");
}

#[test]
fn a_prompt_keeps_nobody_waiting_once_its_answer_began() {
    let (balance, route) = (balance(3), route(2));
    let long = text(1, 40_000);
    let mut first = choose(&balance, &route, &long);
    let other = |held: &Outstanding| {
        let next = choose(&balance, &route, b"short");
        Arc::clone(&next.replica.address) != held.replica.address
    };
    assert!((0..20).all(|_| other(&first)), "who reads a long prompt is passed over");
    first.begun();
    first.begun();
    // What was sent of late still weighs a little: the answers expected elsewhere decide.
    let weigh = choose(&balance, &route, &text(2, 8_000));
    assert_ne!(weigh.replica.address, first.replica.address);
    assert!(!other(&first), "its prompt is read: it is the less busy one");
}
