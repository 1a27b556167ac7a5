//! What becomes of reports that come late, anew, or not at all.

use super::*;

const GATEWAY: Id<kinds::Gateway> = Id::from_bytes([1; 16]);
const ENDPOINT: Id<kinds::Endpoint> = Id::from_bytes([2; 16]);
const AT: &str = "10.0.0.1:80";

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A report after so long a run: tokens now and counted, requests, and in flight at one service.
fn report(uptime_ms: u64, tokens: u64, token_ms: u64, requests: u64) -> GatewayReport {
    let in_flight = u32::from(tokens > 0);
    let replica = GatewayReplicaLoad { address: AT.into(), in_flight, sent: requests, failed: 0 };
    let load = GatewayLoad {
        endpoint: ENDPOINT,
        tokens,
        token_micros: token_ms * 1_000,
        requests,
        waiting: 0,
        waited_us: 0,
        replicas: vec![replica],
    };
    GatewayReport {
        gateway: GATEWAY,
        uptime_us: uptime_ms * 1_000,
        loads: vec![load],
        answers: Vec::new(),
    }
}

fn seen(heard: &Heard, now: Duration) -> SeenLoad {
    let (of, mut loads) = heard.loads_at(now).pop().unwrap();
    assert_eq!(of, Where::Apart(GATEWAY));
    loads.pop().unwrap().1
}

#[test]
fn between_two_reports_the_mean_counts_evenly() {
    let heard = Heard::default();
    heard.hear_at(&report(10_000, 100, 900_000, 7), ms(500));
    // Nothing is known of the time before: what is in flight counts.
    assert_eq!(seen(&heard, ms(500)).tokens, 100);
    // 500 ms later it has counted 30,000 token milliseconds more: 60 on average.
    heard.hear_at(&report(10_500, 0, 930_000, 9), ms(1_000));
    let first = seen(&heard, ms(1_000));
    let later = seen(&heard, ms(1_250));
    assert_eq!((first.tokens, later.tokens), (60, 60));
    assert_eq!(later.token_micros - first.token_micros, 60 * 250_000);
    assert_eq!((first.requests, first.replicas[AT].sent), (9, 9));
}

#[test]
fn what_is_not_told_of_any_more_has_ended() {
    let heard = Heard::default();
    heard.hear_at(&report(10_000, 100, 0, 1), ms(0));
    let idle = GatewayReport { loads: Vec::new(), ..report(10_250, 0, 0, 0) };
    heard.hear_at(&idle, ms(250));
    let seen = seen(&heard, ms(300));
    assert_eq!((seen.tokens, seen.replicas[AT].in_flight), (0, 0));
    assert_eq!((seen.token_micros, seen.requests), (100 * 250_000, 1));
}

#[test]
fn a_gateway_that_is_silent_counts_for_nothing_and_still_holds_its_services() {
    let heard = Heard::default();
    let mut last = report(10_000, 100, 0, 1);
    last.loads[0].waiting = 3;
    heard.hear_at(&last, ms(0));
    let before = seen(&heard, ms(4_900));
    assert_eq!((before.tokens, before.waiting), (100, 3));
    let after = seen(&heard, ms(60_000));
    assert_eq!((after.tokens, after.waiting, after.replicas[AT].in_flight), (0, 0, 1));
    assert_eq!(after.token_micros, 100 * 5_000_000, "no more than until it was silent");
    // Back again, what it had meanwhile is no peak: its mean over that time counts.
    heard.hear_at(&report(70_000, 100, 6_000_000, 601), ms(60_000));
    assert_eq!((seen(&heard, ms(60_000)).tokens, seen(&heard, ms(60_000)).requests), (100, 601));
    heard.hear_at(&report(99_000, 0, 6_000_000, 601), ms(60_001 + 600_000));
    assert_eq!(seen(&heard, ms(660_001)).token_micros, 0, "forgotten and heard anew");
}

#[test]
fn a_gateway_that_was_started_again_counts_on() {
    let heard = Heard::default();
    heard.hear_at(&report(10_000, 100, 500_000, 40), ms(0));
    heard.hear_at(&report(200, 50, 1_000, 2), ms(1_000));
    let seen = seen(&heard, ms(1_000));
    assert_eq!((seen.tokens, seen.requests, seen.replicas[AT].sent), (50, 42, 42));
    assert_eq!(seen.token_micros, 100 * 1_000_000);
}
