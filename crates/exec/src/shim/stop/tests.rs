//! The order of signals and kills, under a clock that the test moves.

use std::time::{Duration, Instant};

use units::DurationMicros;

use super::{Action, OUT_OF_MEMORY, STOPPED, Stopper, TIME_LIMIT};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_stop_signals_then_kills_after_the_grace() {
    let start = Instant::now();
    let mut stopper = Stopper::new(start, None, DurationMicros::ZERO);
    assert_eq!((stopper.tick(start), stopper.next_wake(), stopper.reason()), (None, None, None));
    let grace = DurationMicros::from_secs(3);
    assert_eq!(stopper.request(start, STOPPED, grace), Some(Action::Signal));
    assert_eq!(stopper.request(start + SECOND, STOPPED, grace), None);
    assert_eq!(stopper.next_wake(), Some(start + 3 * SECOND));
    assert_eq!(stopper.tick(start + 2 * SECOND), None);
    assert_eq!(stopper.tick(start + 3 * SECOND), Some(Action::Kill));
    assert_eq!(stopper.tick(start + 9 * SECOND), None);
    assert_eq!((stopper.reason(), stopper.next_wake()), (Some(STOPPED), None));
}

#[test]
fn a_shorter_grace_is_honoured_and_a_longer_one_is_not() {
    let start = Instant::now();
    let mut stopper = Stopper::new(start, None, DurationMicros::ZERO);
    stopper.request(start, STOPPED, DurationMicros::from_secs(60));
    stopper.request(start + SECOND, STOPPED, DurationMicros::from_secs(100));
    assert_eq!(stopper.next_wake(), Some(start + 60 * SECOND));
    stopper.request(start + SECOND, STOPPED, DurationMicros::from_secs(5));
    assert_eq!(stopper.next_wake(), Some(start + 5 * SECOND));
    let at_once = stopper.request(start + SECOND, STOPPED, DurationMicros::ZERO);
    assert_eq!(at_once, Some(Action::Kill));
}

#[test]
fn the_time_limit_has_its_own_grace_and_reason() {
    let start = Instant::now();
    let limit = Some(DurationMicros::from_secs(10));
    let mut stopper = Stopper::new(start, limit, DurationMicros::from_secs(2));
    assert_eq!(stopper.next_wake(), Some(start + 10 * SECOND));
    assert_eq!(stopper.tick(start + 10 * SECOND), Some(Action::Signal));
    assert_eq!(stopper.tick(start + 12 * SECOND), Some(Action::Kill));
    assert_eq!(stopper.reason(), Some(TIME_LIMIT));
}

#[test]
fn the_first_cause_wins() {
    let start = Instant::now();
    let limit = Some(DurationMicros::from_secs(1));
    let mut stopper = Stopper::new(start, limit, DurationMicros::ZERO);
    stopper.request(start, STOPPED, DurationMicros::from_secs(9));
    assert_eq!(stopper.tick(start + 2 * SECOND), None);
    assert_eq!(stopper.kill(OUT_OF_MEMORY), Action::Kill);
    assert_eq!(stopper.reason(), Some(STOPPED));
}

#[test]
fn an_endless_limit_is_no_limit() {
    let stopper =
        Stopper::new(Instant::now(), Some(DurationMicros(u64::MAX)), DurationMicros::ZERO);
    assert!(stopper.reason().is_none());
}
