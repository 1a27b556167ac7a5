//! Load that comes only through a gateway apart: endpoints scale by it, and one that sleeps is woken.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use crate::{
    gateway_apart::{Apart, eventually},
    platform::{PATIENCE, Platform},
    serving::{chat, send},
};

#[test]
fn endpoints_scale_and_wake_by_load_of_a_gateway_apart() {
    let platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let gateway = Apart::start(&platform, "127.0.0.1:0");
    let times = ["--up-after", "0s", "--down-after", "1s", "--idle-after", "1s", "--drain", "1s"];
    let scale = ["endpoint", "scale", "chat", "--replicas", "0..2", "--target-tokens", "1"];
    platform.good(&[&scale[..], &times].concat());
    let replicas = || {
        let shown = platform.good(&["endpoint", "get", "chat"]);
        (shown["replicas"].as_u64().unwrap(), shown["replicas_ready"].as_u64().unwrap())
    };
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let answered = chat(&gateway.url, &secret, "chat", "", false);
                    assert_eq!(answered.status, 200, "{}", answered.text());
                }
            });
        }
        eventually("a second service is wanted", PATIENCE, || replicas().0 == 2);
        stop.store(true, Ordering::Relaxed);
    });
    let woken = || {
        let metrics = send(&gateway.url, "GET /metrics HTTP/1.0\r\n", b"").text();
        let line =
            metrics.lines().find_map(|line| line.strip_prefix("cocarde_gateway_wakes_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    let before = woken();
    // A service that goes may still answer what came just before the gateway knew: then it is tried again.
    while woken() == before {
        eventually("it sleeps", PATIENCE, || replicas() == (0, 0));
        let answered = chat(&gateway.url, &secret, "chat", "", false);
        assert_eq!(answered.status, 200, "{}", answered.text());
    }
}
