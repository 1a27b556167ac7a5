//! Guessing is slow, owners get in, memory is bounded.

use super::*;

fn at(ms: i64) -> UnixMicros {
    UnixMicros(1_800_000_000_000_000 + ms * 1_000)
}

fn source(text: &str) -> Source {
    Source::of(Some(text.parse().unwrap()))
}

#[test]
fn waits_double_and_end() {
    let throttle = Throttle::new([7; 32]);
    let here = source("192.0.2.1");
    for _ in 0..5 {
        assert_eq!(throttle.admit(at(0), "ada", here), Ok(()));
    }
    // The sixth is still heard; it is the one that makes the next wait.
    assert_eq!(throttle.admit(at(0), "ada", here), Ok(()));
    assert_eq!(throttle.admit(at(0), "Ada", here), Err(Wait { ms: 1_000 }));
    assert_eq!(throttle.admit(at(1_000), "ada", here), Ok(()));
    assert_eq!(throttle.admit(at(1_000), "ada", here), Err(Wait { ms: 2_000 }));
    let mut now = 3_000;
    for _ in 0..40 {
        let Err(wait) = throttle.admit(at(now), "ada", here) else { continue };
        assert!(wait.ms <= 900_000, "nobody is locked out for good: {}", wait.ms);
        now += i64::try_from(wait.ms).unwrap();
    }
}

#[test]
fn a_day_of_guessing_at_one_account_is_few_guesses() {
    let throttle = Throttle::new([7; 32]);
    let mut guesses = 0;
    for second in 0..86_400 {
        // Each guess from another address: only the account's own counter can stop it.
        let from = Source::of(Some(std::net::Ipv4Addr::from(second).into()));
        guesses += u32::from(throttle.admit(at(i64::from(second) * 1_000), "ada", from).is_ok());
    }
    assert!(guesses < 1_460, "{guesses} guesses in a day");
}

#[test]
fn a_source_that_tries_many_accounts_waits_too() {
    let throttle = Throttle::new([7; 32]);
    let here = source("2001:db8::1");
    let mut heard = 0;
    for n in 0..1_000 {
        // The rest of a /64 is the same source.
        let from = source(&format!("2001:db8::{:x}", n + 1));
        heard += u32::from(throttle.admit(at(0), &format!("user-{n}"), from).is_ok());
    }
    assert_eq!(heard, SOURCE_FREE + 1);
    assert!(throttle.admit(at(0), "somebody", here).is_err());
    assert_eq!(throttle.admit(at(0), "somebody", source("2001:db8:0:1::1")), Ok(()));
    let mapped = source("::ffff:192.0.2.1");
    assert_eq!(mapped, source("192.0.2.1"));
}

#[test]
fn an_attacker_does_not_keep_the_owner_out() {
    let throttle = Throttle::new([7; 32]);
    let (home, away) = (source("192.0.2.1"), source("198.51.100.1"));
    throttle.admit(at(0), "ada", home).unwrap();
    throttle.succeeded(at(0), "ada", home);
    while throttle.admit(at(1), "ada", away).is_ok() {}
    assert_eq!(throttle.admit(at(2), "ada", home), Ok(()), "the owner's own address is heard");
    throttle.succeeded(at(2), "ada", home);
}

#[test]
fn one_good_account_does_not_buy_guesses_at_others() {
    let throttle = Throttle::new([7; 32]);
    let here = source("192.0.2.1");
    let mut heard = 0;
    for n in 0..200 {
        heard += u32::from(throttle.admit(at(0), &format!("user-{n}"), here).is_ok());
        if throttle.admit(at(0), "mallory", here).is_ok() {
            throttle.succeeded(at(0), "mallory", here);
        }
    }
    assert!(heard <= SOURCE_FREE + 1, "{heard}");
}

#[test]
fn memory_is_bounded_and_forgets() {
    let throttle = Throttle::new([7; 32]);
    for n in 0..u32::try_from(COUNTERS_MAX + 500).unwrap() {
        let from = Source::of(Some(std::net::Ipv4Addr::from(n).into()));
        throttle.admit(at(i64::from(n)), &format!("user-{n}"), from).unwrap();
        throttle.succeeded(at(i64::from(n)), &format!("user-{n}"), from);
        throttle.admit(at(i64::from(n)), &format!("other-{n}"), from).unwrap();
    }
    let inner = throttle.inner.lock().unwrap();
    for counters in [&inner.accounts, &inner.sources] {
        assert!(counters.by_mark.len() <= COUNTERS_MAX);
        assert_eq!(counters.by_mark.len(), counters.by_age.len());
    }
    assert!(inner.trusted.len() <= TRUSTED_MAX);
    drop(inner);
    let here = source("203.0.113.9");
    while throttle.admit(at(20_000_000), "eve", here).is_ok() {}
    assert_eq!(throttle.admit(at(20_000_000 + 3_700_000), "eve", here), Ok(()));
}
