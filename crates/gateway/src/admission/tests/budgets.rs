//! Budgets: whatever is in flight, none is exceeded by more than one answer, and none is closed too early.

use proptest::prelude::*;
use units::Id;

use super::super::books::{Account, Allowance, Books, Measure, Room, Short, Tokens};
use crate::usage::Rollup;

const ACCOUNT: Account = Account { owner: [1; 16], within: [0; 16] };

fn allowance(recorded: u64, left: i64, measure: Measure) -> Allowance {
    let room = Room {
        budget: Id::from_bytes([3; 16]),
        account: ACCOUNT,
        measure,
        left,
        left_of_all: left,
    };
    Allowance {
        epoch: 0,
        recorded,
        accounts: [Some(ACCOUNT), None, None, None, None, None],
        rooms: vec![room],
        price_in_micro_euro: 1_000_000,
        price_out_micro_euro: 3_000_000,
    }
}

fn pair() -> super::super::books::Pair {
    (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]))
}

fn rollup(sequence: u64, read: u64, written: u64) -> Rollup {
    Rollup {
        gateway: Id::from_bytes([5; 16]),
        sequence,
        key: pair().0,
        project: Id::from_bytes([9; 16]),
        endpoint: pair().1,
        minute_unix: 0,
        requests: 1,
        errors: 0,
        prompt_tokens: read,
        completion_tokens: written,
        estimated: false,
        answers: None,
    }
}

#[test]
fn what_is_in_flight_is_held_and_then_what_was_used_until_it_is_counted() {
    let (books, most) = (Books::default(), Tokens { read: 10, written: 90 });
    let of = |recorded, left| allowance(recorded, left, Measure::Tokens);
    books.reserve(pair(), &of(0, 100), most).unwrap();
    assert!(matches!(books.reserve(pair(), &of(0, 100), most), Err(Short::Reserved(_))));
    books.settle(pair(), most, Tokens { read: 5, written: 15 });
    // 20 used and not counted: 80 are left of 100.
    books.reserve(pair(), &of(0, 100), most).unwrap();
    books.settle(pair(), most, Tokens { read: 10, written: 70 });
    assert!(matches!(books.reserve(pair(), &of(0, 100), most), Err(Short::UsedUp(_))));
    books.sealed(&rollup(1, 15, 85));
    // Counted: the log says 0 left of it, and with a raised limit 1.
    assert!(matches!(books.reserve(pair(), &of(1, 0), most), Err(Short::UsedUp(_))));
    books.reserve(pair(), &of(1, 1), most).unwrap();
    assert_eq!(books.reserve(pair(), &of(0, 100), most), Err(Short::Stale));
    books.settle(pair(), most, Tokens::default());
    assert_eq!(books.held(ACCOUNT), (Tokens::default(), Tokens::default()));
}

#[test]
fn money_is_counted_at_the_prices_without_rounding() {
    let (books, most) = (Books::default(), Tokens { read: 1, written: 0 });
    // A token read costs one micro-euro, so 2 of them leave nothing of 2.
    let of = |left| allowance(0, left, Measure::Money);
    books.reserve(pair(), &of(2), most).unwrap();
    books.reserve(pair(), &of(2), most).unwrap();
    assert!(matches!(books.reserve(pair(), &of(2), most), Err(Short::Reserved(_))));
    books.settle(pair(), most, most);
    books.settle(pair(), most, most);
    assert!(matches!(books.reserve(pair(), &of(2), most), Err(Short::UsedUp(_))));
    books.reserve(pair(), &of(3), most).unwrap();
}

proptest! {
    /// Requests start, end and are counted in any order: the sum of what was used exceeds the limit by less
    /// than one answer, and a request is refused only if what is left is used or reserved.
    #[test]
    fn no_budget_is_exceeded_by_more_than_one_answer(
        limit in 1_i64..2_000,
        steps in proptest::collection::vec((0_u8..4, 0_u64..200, 1_u64..200), 1..300),
    ) {
        let books = Books::default();
        let (mut in_flight, mut used_up, mut counted) = (Vec::new(), 0_u64, 0_u64);
        let (mut uncounted, mut sequence, mut in_log) = (Vec::new(), 0, 0);
        for (step, used, most) in steps {
            let most = Tokens { read: 0, written: most };
            match step {
                0 | 1 => {
                    let left = limit - i64::try_from(counted).unwrap();
                    let reserved: u64 = in_flight.iter().map(|one: &Tokens| one.written).sum();
                    let free = limit - i64::try_from(used_up + reserved).unwrap();
                    let asked = books.reserve(pair(), &allowance(in_log, left, Measure::Tokens), most);
                    prop_assert_eq!(asked.is_ok(), free > 0, "{:?} with {} free", asked, free);
                    if asked.is_ok() {
                        in_flight.push(most);
                    }
                }
                2 => if let Some(reserved) = in_flight.pop() {
                    let used = used.min(reserved.written);
                    books.settle(pair(), reserved, Tokens { read: 0, written: used });
                    used_up += used;
                    uncounted.push(used);
                    prop_assert!(i64::try_from(used_up).unwrap() < limit + 200);
                },
                _ => {
                    // A roll-up takes what has ended; the log may count it now or at the next step.
                    let sum: u64 = uncounted.drain(..).sum();
                    sequence += 1;
                    books.sealed(&rollup(sequence, 0, sum));
                    counted += sum;
                    in_log = sequence;
                }
            }
        }
    }
}

#[test]
fn what_was_shared_out_meanwhile_is_not_spent_by_an_older_allowance() {
    let (books, most) = (Books::default(), Tokens { read: 0, written: 30 });
    let at = |epoch, left, left_of_all| {
        let mut said = allowance(0, left, Measure::Tokens);
        (said.epoch, said.rooms[0].left_of_all) = (epoch, left_of_all);
        said
    };
    books.reserve(pair(), &at(1, 100, 100), most).unwrap();
    // Another gateway is given a share of what this one does not hold.
    assert_eq!(books.held_at(at(2, 0, 0).rooms[0], &at(2, 0, 0)), 30);
    assert_eq!(books.reserve(pair(), &at(1, 100, 100), most), Err(Short::Stale));
    // A share that is used up is not a budget that is used up.
    let short = books.reserve(pair(), &at(2, 30, 100), most);
    assert!(matches!(short, Err(Short::Reserved(_))), "{short:?}");
    books.settle(pair(), most, most);
    let short = books.reserve(pair(), &at(2, 30, 100), most);
    assert!(matches!(short, Err(Short::Reserved(_))), "{short:?}");
    let short = books.reserve(pair(), &at(2, 30, 30), most);
    assert!(matches!(short, Err(Short::UsedUp(_))), "{short:?}");
    let half = at(2, 0, 0);
    let room = Room { measure: Measure::Money, ..half.rooms[0] };
    assert_eq!(books.held_at(room, &half), 90, "three micro-euro for a token written");
}

#[test]
fn what_another_endpoint_answers_is_held_where_it_is_counted() {
    const OTHER: Account = Account { owner: [2; 16], within: [0; 16] };
    let (books, most) = (Books::default(), Tokens { read: 0, written: 30 });
    books.reserve(pair(), &allowance(0, 100, Measure::Tokens), most).unwrap();
    let there = (pair().0, Id::from_bytes([4; 16]));
    books.moves(pair(), (there, [Some(OTHER), None, None, None, None, None]), most);
    assert_eq!(books.held(ACCOUNT), (Tokens::default(), Tokens::default()));
    assert_eq!(books.held(OTHER), (most, Tokens::default()));
    books.settle(there, most, most);
    assert_eq!(books.held(OTHER), (Tokens::default(), most));
    books.sealed(&Rollup { endpoint: there.1, ..rollup(1, 0, 30) });
    books.reserve(pair(), &allowance(1, 100, Measure::Tokens), most).unwrap();
    assert_eq!(books.held(OTHER), (Tokens::default(), Tokens::default()));
}
