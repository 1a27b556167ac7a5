//! The checkers must bite: each is given a history that is wrong in one place.

use kernel::{
    Actor, Entry, Event, Subject,
    usage::Event as Use,
    workload::{Event as Change, StopCause},
};
use units::{Id, MicroEuro, UnixMicros};

use super::golden::stored_leaves;
use crate::{
    checkers::{Acknowledged, History, Money},
    platform::{Answer, Fault, Platform, Request},
    rng::Rng,
};

fn golden() -> Vec<Entry> {
    stored_leaves("logs/v1").iter().map(|leaf| Entry::from_leaf(leaf).unwrap()).collect()
}

fn history(entries: &[Entry]) -> Result<(), String> {
    let mut history = History::default();
    entries.iter().try_for_each(|entry| history.entry(entry))
}

fn money(entries: &[Entry]) -> Result<(), String> {
    let mut money = Money::default();
    entries.iter().try_for_each(|entry| money.entry(entry))
}

fn position(entries: &[Entry], wanted: impl Fn(&Event) -> bool) -> usize {
    entries.iter().position(|entry| wanted(&entry.event)).unwrap()
}

#[track_caller]
fn check_refused(result: Result<(), String>, expected: &str) {
    let message = result.expect_err("the checker must refuse this");
    assert!(message.contains(expected), "{message}");
}

#[test]
fn the_golden_log_passes() {
    assert_eq!(history(&golden()), Ok(()));
    assert_eq!(money(&golden()), Ok(()));
}

#[test]
fn a_life_out_of_order_is_found() {
    let is_placed = |event: &Event| matches!(event, Event::Workload(Change::Placed { .. }));
    let mut twice = golden();
    let placed = position(&twice, is_placed);
    twice.insert(placed, twice[placed].clone());
    check_refused(history(&twice), "is placed twice");
    let mut never = golden();
    never.remove(placed);
    check_refused(history(&never), "changes without a placement");
    let mut backwards = golden();
    backwards[placed].at = UnixMicros(0);
    check_refused(history(&backwards), "time runs backwards");
    let mut back = golden();
    let stop = position(
        &back,
        |event| matches!(event, Event::Workload(Change::StopRequested { cause, .. }) if *cause == StopCause::Budget),
    );
    let Event::Workload(Change::StopRequested { id, .. }) = back[stop].event else { panic!() };
    let (reason, failure, not_before) = (String::new(), true, None);
    let requeued = Change::Requeued { id, reason, failure, not_before };
    let mut entry = back[stop].clone();
    entry.event = Event::Workload(requeued);
    back.insert(stop + 1, entry);
    check_refused(history(&back), "goes back to the queue after a final stop");
}

#[test]
fn a_wrong_bill_is_found() {
    let tamper = |change: &dyn Fn(&mut kernel::usage::AttemptMetered)| {
        let mut entries = golden();
        let used = position(&entries, |event| matches!(event, Event::Usage(Use::Attempt(_))));
        let Event::Usage(Use::Attempt(metered)) = &mut entries[used].event else { panic!() };
        change(metered);
        money(&entries)
    };
    check_refused(tamper(&|m| m.charges[0].quantity_base += 1), "for a use of");
    check_refused(tamper(&|m| m.charges[0].price = MicroEuro(1)), "not at the price in force");
    check_refused(tamper(&|m| m.energy = None), "energy without its figure");
}

#[test]
fn a_lost_acknowledgement_is_found() {
    let entries = golden();
    let entry = entries.iter().find(|entry| entry.idempotency.is_some()).unwrap();
    let key = &entry.idempotency.as_ref().unwrap().key;
    let create = kernel::organisation::Command::Create { name: "a".parse().unwrap() };
    let request = Request::new(entry.actor, kernel::Command::Organisation(create)).with_key(key);
    let subject = Some(entry.event.subject());
    let told = Answer::Accepted { seq: 0, subject, repeated: false };
    let mut checker = Acknowledged::default();
    checker.answered(&request, &told).unwrap();
    check_refused(checker.all_present(), "was acknowledged as");
    checker.entry(0, entry).unwrap();
    assert_eq!(checker.all_present(), Ok(()));
    check_refused(checker.entry(1, entry), "stands in the log");
    let other = Some(Subject::Organisation(Id::from_bytes([3; 16])));
    let told = Answer::Accepted { seq: 0, subject: other, repeated: true };
    check_refused(checker.answered(&request, &told), "was answered with");
}

#[test]
fn an_answer_is_unknown_exactly_where_the_connection_broke() {
    for (fault, entries) in
        [(Fault::CrashBeforeAppend, 0), (Fault::CrashAfterAppend, 1), (Fault::Deposed, 1)]
    {
        let mut platform = Platform::new(Rng::new(1), UnixMicros(1)).unwrap();
        let create = kernel::organisation::Command::Create { name: "a".parse().unwrap() };
        let command = kernel::Command::Organisation(create);
        let request = Request::new(Actor::System, command).with_key("k");
        let answered = platform.commit(vec![request.clone()], fault).unwrap();
        assert_eq!(answered[0].answer, Answer::Unknown, "{fault:?}");
        assert_eq!(platform.log().leaves().len(), entries, "{fault:?}");
        let again = platform.commit(vec![request], Fault::None).unwrap();
        let repeated = fault == Fault::CrashAfterAppend;
        let was = matches!(again[0].answer, Answer::Accepted { repeated: r, .. } if r == repeated);
        assert!(was, "{fault:?}: {:?}", again[0].answer);
    }
}
