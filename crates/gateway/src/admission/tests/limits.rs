//! Limits: what is taken, what comes back, and which level is in the way.

use proptest::prelude::*;

use super::super::standing::{Holder, Level, Limits};
use super::super::table::{Levels, Over, Table};

fn level(holder: u8, limits: Limits) -> Option<Level> {
    Some(Level { holder: Holder([holder; 16]), limits })
}

fn only(limits: Limits) -> Levels {
    [None, None, None, None, level(1, limits)]
}

fn per_minute(requests: u64) -> Limits {
    Limits { requests_per_minute: Some(requests), ..Limits::default() }
}

#[test]
fn a_rate_opens_as_it_flows_in_and_says_when() {
    let (mut table, levels) = (Table::new(10), only(per_minute(2)));
    let rates = table.enter(&levels, 0).unwrap();
    assert_eq!(rates.requests.unwrap().remaining, 1);
    table.enter(&levels, 0).unwrap();
    let Err(Over::Requests { wait_us, rate }) = table.enter(&levels, 20_000_000) else {
        panic!("a third request within half a minute");
    };
    assert_eq!((wait_us, rate.limit, rate.remaining), (10_000_000, 2, 0));
    assert!(table.enter(&levels, 29_999_999).is_err(), "not a microsecond early");
    table.enter(&levels, 30_000_000).unwrap();
}

#[test]
fn concurrency_is_counted_for_each_holder_and_given_back() {
    let limits = Limits { concurrent_max: Some(1), ..Limits::default() };
    let (mut table, one) = (Table::new(10), only(limits));
    let two: Levels = [None, None, None, None, level(2, limits)];
    table.enter(&one, 0).unwrap();
    assert_eq!(table.enter(&one, 0), Err(Over::Concurrent { limit: 1 }));
    table.enter(&two, 0).unwrap();
    table.leave(&one, 0, 0, 0);
    table.enter(&one, 0).unwrap();
}

#[test]
fn tokens_are_settled_by_what_was_used_and_may_be_owed() {
    let limits = Limits { tokens_per_minute: Some(600), ..Limits::default() };
    let (mut table, levels) = (Table::new(10), only(limits));
    table.enter(&levels, 0).unwrap();
    assert_eq!(table.reserve(&levels, 500, 0).unwrap().unwrap().remaining, 100);
    table.leave(&levels, 500, 100, 0);
    table.enter(&levels, 0).unwrap();
    assert_eq!(table.reserve(&levels, 400, 0).unwrap().unwrap().remaining, 100);
    // It took 700 in the end: 600 are owed of the next minute, less the hundred that were left.
    table.leave(&levels, 400, 1_100, 0);
    table.enter(&levels, 0).unwrap();
    let Err(Over::Tokens { wait_us, .. }) = table.reserve(&levels, 1, 0) else {
        panic!("what is owed was forgotten");
    };
    assert_eq!(wait_us, 60_100_000);
    // More than the limit goes through once the limit is whole, or it could never be asked.
    assert!(table.reserve(&levels, 9_000, 119_999_999).is_err());
    assert!(table.reserve(&levels, 9_000, 120_000_000).is_ok());
}

#[test]
fn a_refusal_below_costs_nothing_above_and_a_lower_level_only_tightens() {
    let mut table = Table::new(10);
    let levels = |key: u8, most: u64| -> Levels {
        [level(9, per_minute(4)), None, None, None, level(key, per_minute(most))]
    };
    table.enter(&levels(1, 1), 0).unwrap();
    for _ in 0..100 {
        let Err(Over::Requests { rate, .. }) = table.enter(&levels(1, 1), 0) else {
            panic!("the key has had its one request")
        };
        assert_eq!(rate.limit, 1);
    }
    // A key that may more than its organisation gets what the organisation has left.
    for _ in 0..3 {
        table.enter(&levels(2, 1_000), 0).unwrap();
    }
    let Err(Over::Requests { rate, .. }) = table.enter(&levels(2, 1_000), 0) else {
        panic!("the organisation is over its limit")
    };
    assert_eq!(rate.limit, 4);
}

#[test]
fn the_table_is_bounded_and_forgets_who_owes_nothing() {
    let mut table = Table::new(1);
    let levels = |key: u8| -> Levels { [None, None, None, None, level(key, per_minute(60))] };
    table.enter(&levels(1), 0).unwrap();
    assert_eq!(table.enter(&levels(2), 0), Err(Over::Full), "the only place is in use");
    table.leave(&levels(1), 0, 0, 0);
    assert_eq!(table.enter(&levels(2), 900_000), Err(Over::Full), "its rate is not whole yet");
    assert!(table.enter(&levels(2), 2_000_000).is_ok());
}

#[test]
fn a_changed_limit_holds_from_the_next_request_on() {
    let mut table = Table::new(10);
    table.enter(&only(per_minute(100)), 0).unwrap();
    table.enter(&only(per_minute(1)), 0).unwrap();
    assert!(table.enter(&only(per_minute(1)), 0).is_err());
}

proptest! {
    /// Over any stretch of time no more is admitted than the limit and what flows in.
    #[test]
    fn no_more_than_the_limit_and_what_flows_in(
        limit in 1_u64..500,
        steps in proptest::collection::vec(0_u64..2_000_000, 1..400),
    ) {
        let (mut table, levels) = (Table::new(4), only(per_minute(limit)));
        let (mut now_us, mut admitted) = (0, Vec::new());
        for step in steps {
            now_us += step;
            if table.enter(&levels, now_us).is_ok() {
                admitted.push(now_us);
            }
        }
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let count = u64::try_from(last - first).unwrap() + 1;
                // count ≤ limit + limit · t / minute, without rounding.
                prop_assert!(count * 60_000_000 <= limit * (60_000_000 + (to - from)));
            }
        }
    }
}
