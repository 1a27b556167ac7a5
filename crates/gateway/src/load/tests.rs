//! What begins ends, and time counts.

use std::sync::Arc;
use std::time::Duration;

use units::Id;

use super::Loads;

#[test]
fn what_begins_ends_and_is_known_by_replica() {
    let (loads, endpoint) = (Loads::default(), Id::from_bytes([1; 16]));
    let (a, b): (Arc<str>, Arc<str>) = ("a:1".into(), "b:1".into());
    let (one, two) = (loads.begin(endpoint, &a, 100), loads.begin(endpoint, &b, 0));
    two.failed();
    let load = loads.read().remove(0).1;
    assert_eq!((load.tokens, load.requests, load.waiting), (101, 2, 0));
    assert_eq!((load.replicas[&a].in_flight, load.replicas[&b].failed), (1, 1));
    std::thread::sleep(Duration::from_millis(2));
    drop((one, two));
    let load = loads.read().remove(0).1;
    assert_eq!((load.tokens, load.replicas[&a].in_flight, load.replicas[&a].sent), (0, 0, 1));
    assert!(load.token_micros >= 101 * 2_000, "{} token microseconds", load.token_micros);
}

#[test]
fn only_so_many_wait_and_the_first_is_known() {
    let (loads, endpoint) = (Loads::default(), Id::from_bytes([1; 16]));
    let first = loads.wait(endpoint, 2).unwrap();
    std::thread::sleep(Duration::from_millis(2));
    let second = loads.wait(endpoint, 2).unwrap();
    assert!(loads.wait(endpoint, 2).is_none());
    let load = loads.read().remove(0).1;
    assert!(load.waiting == 2 && load.waited >= Duration::from_millis(2), "{load:?}");
    drop(first);
    let later = loads.read().remove(0).1;
    assert!(later.waiting == 1 && later.waited < load.waited + Duration::from_secs(60));
    drop(second);
    assert_eq!(loads.read().remove(0).1.waiting, 0);
}
