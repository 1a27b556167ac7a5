//! Endpoints that sleep, and replicas that are exchanged while requests come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use gateway::{GatewayConfig, WakeConfig};

use crate::bench::Bench;
use crate::upstream::Upstream;

const SLEEPER: &str = r#"{"model":"pub/sleeper"}"#;

fn waiting(bench: &Bench) -> u32 {
    bench.meter.metrics().loads().iter().map(|(_, load)| load.waiting).sum()
}

/// Looks until as many requests wait.
async fn until_waiting(bench: &Bench, count: u32) {
    for _ in 0..2_000 {
        if waiting(bench) == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} wait, not {count}", waiting(bench));
}

#[tokio::test]
async fn a_first_request_waits_for_a_replica_and_only_so_many_do() {
    let engine = Upstream::start().await;
    let wake = WakeConfig { waiting_max: 2, wait_max: Duration::from_secs(60) };
    let bench = Arc::new(Bench::start(&[], GatewayConfig { wake, ..Default::default() }).await);
    let ask = || {
        let bench = Arc::clone(&bench);
        tokio::spawn(async move { bench.chat(SLEEPER).await.status().as_u16() })
    };
    let (first, second) = (ask(), ask());
    until_waiting(&bench, 2).await;
    let third = bench.chat(SLEEPER).await;
    assert_eq!((third.status().as_u16(), third.headers().contains_key("retry-after")), (503, true));
    assert!(bench.meter.metrics().render().contains("cocarde_gateway_waiting_requests 2"));
    bench.world.replicas.lock().unwrap().push(engine.address.clone());
    assert_eq!((first.await.unwrap(), second.await.unwrap(), waiting(&bench)), (200, 200, 0));
    assert!(bench.meter.metrics().render().contains("cocarde_gateway_wakes_total 2"));
}

#[tokio::test]
async fn who_waits_too_long_is_told_when_to_retry() {
    let wake = WakeConfig { waiting_max: 2, wait_max: Duration::from_millis(100) };
    let bench = Bench::start(&[], GatewayConfig { wake, ..Default::default() }).await;
    let answer = bench.chat(SLEEPER).await;
    assert_eq!(
        (answer.status().as_u16(), answer.headers().contains_key("retry-after")),
        (503, true)
    );
    assert_eq!(waiting(&bench), 0);
}

/// Replicas come before others go, and go once nothing is in flight there: no request fails.
#[tokio::test]
async fn exchanging_replicas_under_load_fails_no_request() {
    let mut engines = vec![Upstream::start().await];
    let bench = Arc::new(Bench::start(&[&engines[0].address], GatewayConfig::default()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let (done, failed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let clients: Vec<_> = [false, true, false, true]
        .into_iter()
        .map(|stream| {
            let (bench, stop) = (Arc::clone(&bench), Arc::clone(&stop));
            let (done, failed) = (Arc::clone(&done), Arc::clone(&failed));
            tokio::spawn(async move {
                let body = format!(r#"{{"model":"pub/plain","stream":{stream}}}"#);
                while !stop.load(Ordering::Relaxed) {
                    let answer = bench.chat(&body).await;
                    let good = answer.status() == 200 && whole(answer, stream).await;
                    if good { &done } else { &failed }.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..8 {
        let before = done.load(Ordering::Relaxed);
        while done.load(Ordering::Relaxed) < before + 40 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let next = Upstream::start().await;
        *bench.world.replicas.lock().unwrap() = vec![next.address.clone()];
        let gone = std::mem::replace(&mut engines, vec![next]);
        drained(&bench, &gone[0].address).await;
        drop(gone);
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    assert!(done.load(Ordering::Relaxed) >= 320);
    assert_eq!(failed.load(Ordering::Relaxed), 0);
}

/// Waits until nothing has been in flight at a replica for a while: a route may have been chosen just before.
async fn drained(bench: &Bench, address: &str) {
    let busy = || {
        let loads = bench.meter.metrics().loads();
        loads
            .iter()
            .any(|(_, load)| load.replicas.get(address).is_some_and(|one| one.in_flight > 0))
    };
    let mut calm = 0;
    while calm < 20 {
        calm = if busy() { 0 } else { calm + 1 };
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn whole(answer: http::Response<hyper::body::Incoming>, stream: bool) -> bool {
    use http_body_util::BodyExt as _;
    let Ok(body) = answer.into_body().collect().await else { return false };
    let body = body.to_bytes();
    !stream || body.ends_with(b"data: [DONE]\n\n")
}
