//! What observers count, bound and drop, and what they cost.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderValue, StatusCode};
use units::{Id, kinds};

use super::histogram::{FIRST_TOKEN, Histogram, TOKEN_GAP, Tallied};
use super::tenants::{SERIES_MAX, TenantSums, Tenants};
use super::*;
use crate::call::Call;
use crate::metrics::Metrics;

fn text_of(histogram: &Histogram) -> String {
    let mut out = String::new();
    histogram.render("h", "help.", &mut out);
    out
}

#[test]
fn buckets_add_up_over_threads_and_bounds_are_inclusive() {
    let histogram = Histogram::new(FIRST_TOKEN);
    std::thread::scope(|scope| {
        for _ in 0..40 {
            scope.spawn(|| [1_000, 1_001, 40_000_000].map(|us| histogram.note(us)));
        }
    });
    let text = text_of(&histogram);
    for line in [
        "h_bucket{le=\"0.001\"} 40",
        "h_bucket{le=\"0.005\"} 80",
        "h_bucket{le=\"30\"} 80",
        "h_bucket{le=\"+Inf\"} 120",
        "h_sum 1600.080040",
        "h_count 120",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
}

#[test]
fn what_a_stream_counts_alone_is_added_once() {
    let (histogram, mut tallied) = (Histogram::new(TOKEN_GAP), Tallied::default());
    (0..5).for_each(|_| tallied.note(TOKEN_GAP, 30_000));
    histogram.add(&mut tallied);
    histogram.add(&mut tallied);
    assert!(text_of(&histogram).contains("h_bucket{le=\"0.05\"} 5\n"));
    assert!(text_of(&histogram).ends_with("h_sum 0.150000\nh_count 5\n"));
}

fn one(prompt_tokens: u64) -> TenantSums {
    TenantSums { requests: 1, prompt_tokens, ..TenantSums::default() }
}

#[test]
fn too_many_series_lose_their_names_and_never_their_sums() {
    let tenants = Tenants::default();
    let n = u64::try_from(SERIES_MAX).unwrap() * 3;
    let busy: Id<kinds::Key> = Id::from_bytes([255; 16]);
    for number in 0..n {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        let project = Id::from_bytes([u8::try_from(number % 7).unwrap() + 1; 16]);
        tenants.add((project, Id::from_bytes(bytes)), None, "", &one(3));
        tenants.add((Id::from_bytes([1; 16]), busy), None, "m", &one(1));
    }
    let rows = tenants.rows();
    assert!(rows.len() <= SERIES_MAX + 7, "{}", rows.len());
    let sum = |of: fn(&TenantSums) -> u64| rows.iter().map(|row| of(&row.sums)).sum::<u64>();
    assert_eq!((sum(|s| s.requests), sum(|s| s.prompt_tokens)), (2 * n, 4 * n));
    let kept = rows.iter().find(|row| row.key == Some(busy)).unwrap();
    assert_eq!((kept.sums.requests, kept.model.as_str()), (n, "m"), "the busiest keeps its line");
    assert!(tenants.folded() > 0);
}

fn headers(parent: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", HeaderValue::from_str(parent).unwrap());
    headers.insert("tracestate", HeaderValue::from_static("vendor=1"));
    headers
}

#[test]
fn a_clients_trace_goes_on_and_a_broken_one_starts_anew() {
    let (tracer, _batches) = Tracer::new(0, "test".into());
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let place =
        |flags: &str| tracer.place(&headers(&format!("00-{trace}-00f067aa0ba902b7-{flags}")));
    let followed = place("01");
    assert_eq!(followed.trace_id_text(), trace);
    let onward = followed.onward();
    assert!(onward.starts_with(&format!("00-{trace}-")) && onward.ends_with("-01"), "{onward}");
    assert!(!onward.contains("00f067aa0ba902b7"), "a replica's parent is our span");
    assert_eq!(followed.state.as_ref().unwrap(), "vendor=1");
    assert!(place("00").onward().ends_with("-00"), "a client's no is a no");
    for broken in [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
    ] {
        let fresh = tracer.place(&headers(broken));
        assert_ne!(fresh.trace_id_text(), trace, "{broken}");
        assert!(fresh.state.is_none() && fresh.onward().ends_with("-00"), "{broken}");
    }
}

#[test]
fn the_share_that_is_sampled_is_the_share_that_was_asked_for() {
    for (millionths, low, high) in [(0, 0, 0), (250_000, 2_200, 2_800), (1_000_000, 10_000, 10_000)]
    {
        let (tracer, _batches) = Tracer::new(millionths, "test".into());
        let sampled = (0..10_000)
            .filter(|_| tracer.place(&HeaderMap::new()).onward().ends_with("-01"))
            .count();
        assert!((low..=high).contains(&sampled), "{millionths}: {sampled}");
    }
}

#[test]
fn a_queue_that_nobody_empties_drops_and_counts() {
    let metrics = Arc::new(Metrics::default());
    let batches = metrics.trace(1_000_000, "test".into());
    for _ in 0..5_000 {
        let seen = Seen::begin(&metrics, Call::Chat, &HeaderMap::new());
        seen.answered(StatusCode::OK, None);
    }
    let text = metrics.render();
    assert!(text.contains("cocarde_gateway_spans_dropped_total 904\n"), "{text}");
    let batch = batches.next_batch().unwrap();
    assert_eq!(batch.spans, 512);
    batches.settle(&batch, true);
    assert!(metrics.render().contains("cocarde_gateway_spans_exported_total 512\n"));
}

/// Not a limit that a loaded machine could miss: what it costs is printed, and far too much fails.
#[test]
fn observing_costs_little() {
    let metrics = Arc::new(Metrics::default());
    let caller = crate::Caller {
        key: Id::from_bytes([1; 16]),
        project: Id::from_bytes([2; 16]),
        standing: crate::Standing::default(),
        charge: None,
    };
    let (headers, id) = (HeaderMap::new(), HeaderValue::from_static("req_1"));
    let n = if cfg!(debug_assertions) { 2_000 } else { 200_000 };
    let request = |chunks: u32| {
        let seen = Seen::begin(&metrics, Call::Chat, &headers);
        seen.asked_by(&caller);
        seen.admitted();
        seen.routed(Id::from_bytes([3; 16]), "words", true);
        seen.answering(Instant::now(), (Id::from_bytes([3; 16]), None));
        let mut pace = seen.pace();
        (0..chunks).for_each(|_| pace.chunk(&metrics));
        seen.settled((10, u64::from(chunks), false), &mut pace);
        seen.answered(StatusCode::OK, Some(&id));
    };
    let time = |chunks: u32| {
        let start = Instant::now();
        (0..n).for_each(|_| request(chunks));
        u64::try_from(start.elapsed().as_nanos()).unwrap() / n
    };
    let (request_ns, with_chunks_ns) = (time(1), time(101));
    let chunk_ns = with_chunks_ns.saturating_sub(request_ns) / 100;
    eprintln!("{request_ns} ns for a request, {chunk_ns} ns for a chunk");
    assert!(request_ns < 200_000 && chunk_ns < 20_000, "{request_ns} {chunk_ns}");
}
