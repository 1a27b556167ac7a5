//! A drill: the platform is away for a while, and the gateway is killed twice meanwhile. Nothing that was answered
//! is lost or counted twice, and nobody but the operator notices.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    gateway_apart::{Apart, eventually, recorded, usage},
    platform::{PATIENCE, Platform},
    serving::chat,
};

/// How long the platform is away; `OUTAGE_S=600` makes it ten minutes.
const OUTAGE_S: u64 = 6;
/// Pause between two requests.
const PACE: Duration = Duration::from_millis(20);

/// Requests that were answered, tokens read, tokens written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen(u64, u64, u64);

impl Seen {
    fn ask(&mut self, url: &str, secret: &str) {
        let answered = chat(url, secret, "chat", "", false);
        assert_eq!(answered.status, 200, "{}", answered.text());
        let (read, written) = usage(&answered);
        *self = Self(self.0 + 1, self.1 + read, self.2 + written);
    }
}

#[test]
fn an_outage_of_the_platform_costs_no_answer_and_no_usage() {
    let outage = std::env::var("OUTAGE_S").map_or(OUTAGE_S, |text| text.parse().unwrap());
    let outage = Duration::from_secs(outage);
    let mut platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let mut gateway = Apart::start(&platform, "127.0.0.1:0");
    let (listen, mut seen) = (gateway.address().to_owned(), Seen::default());
    seen.ask(&gateway.url, &secret);
    platform.kill();
    let since = Instant::now();
    for part in 1..=3 {
        while since.elapsed() < outage * part / 3 {
            seen.ask(&gateway.url, &secret);
            thread::sleep(PACE);
        }
        if part < 3 {
            // Killed and started again, it has nobody to ask and serves from what it kept.
            gateway.kill();
            gateway = Apart::start(&platform, &listen);
        }
    }
    assert_eq!(chat(&gateway.url, "cck_wrong", "chat", "", false).status, 401);
    assert!(seen.0 > 10, "{seen:?}");
    platform.resume();
    seen.ask(&gateway.url, &secret);
    // It is followed again by itself: who is let in now is let in there.
    let made = platform.good(&["key", "create", "later", "--role", "inference"]);
    let later = made["secret"].as_str().unwrap();
    eventually("a new key opens", PATIENCE, || {
        chat(&gateway.url, later, "chat", "", false).status == 200
    });
    seen.ask(&gateway.url, later);
    gateway.stop();
    let (requests, tokens_in, tokens_out) = recorded(&platform);
    // The new key's first answer came within the wait for it; it is like all others.
    let each = seen.1 / seen.0;
    assert_eq!((requests, tokens_in), (seen.0 + 1, seen.1 + each), "{seen:?}");
    assert!((seen.2 + 1..=seen.2 + 4).contains(&tokens_out), "{tokens_out} {seen:?}");
    platform.run(&["audit", "verify"]).check(0, &[]);
}
