//! Checks of the limits per key, with time handed in.

use std::time::{Duration, Instant};

use units::Id;

use super::{Limiter, Rate};
use crate::config::GatewayConfig;

fn limiter(concurrent: u32, per_minute: Option<u32>, keys: usize) -> Limiter {
    Limiter::new(&GatewayConfig {
        concurrent_max_per_key: concurrent,
        requests_per_minute_max: per_minute,
        keys_max: keys,
        retry_after_s: 7,
        ..GatewayConfig::default()
    })
}

#[test]
fn concurrency_is_per_key_and_given_back() {
    let (limits, now) = (limiter(1, None, 10), Instant::now());
    let (one, two) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
    let permit = limits.acquire(one, now).unwrap();
    assert_eq!(limits.acquire(one, now).unwrap_err().retry_after_s, 7);
    assert!(limits.acquire(two, now).is_ok());
    drop(permit);
    assert!(limits.acquire(one, now).is_ok());
}

#[test]
fn the_rate_window_tells_when_it_resets() {
    let (limits, now) = (limiter(9, Some(2), 10), Instant::now());
    let key = Id::from_bytes([1; 16]);
    let first = limits.acquire(key, now).unwrap();
    assert_eq!(first.rate, Some(Rate { limit: 2, remaining: 1, reset_s: 60 }));
    let _second = limits.acquire(key, now).unwrap();
    let refused = limits.acquire(key, now + Duration::from_secs(20)).unwrap_err();
    assert_eq!(refused.retry_after_s, 40);
    assert!(limits.acquire(key, now + Duration::from_secs(60)).is_ok());
}

#[test]
fn the_table_is_bounded_and_forgets_idle_keys() {
    let (limits, now) = (limiter(9, None, 1), Instant::now());
    let (one, two) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
    let permit = limits.acquire(one, now).unwrap();
    let later = now + Duration::from_secs(61);
    assert!(limits.acquire(two, later).is_err(), "the only place is held by an active key");
    drop(permit);
    assert!(limits.acquire(two, later).is_ok());
}
