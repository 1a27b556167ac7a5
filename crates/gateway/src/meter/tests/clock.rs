//! The clock is set while the gateway runs, by an hour and both ways: no request is lost, none counts twice, and
//! answers are found.

use std::sync::atomic::Ordering;

use units::{Id, kinds};

use super::{Bench, entry};
use crate::config::MeterConfig;
use crate::meter::deliver::Cut;
use crate::meter::{AnswerPlace, Entry, Said};

const HOUR_S: i64 = 3_600;

/// The roll-ups so far: minute, requests, tokens read.
fn rolled(bench: &Bench) -> Vec<(i64, u64, u64)> {
    let rollups = bench.log.rollups.lock().unwrap();
    rollups.iter().map(|one| (one.minute_unix, one.requests, one.prompt_tokens)).collect()
}

#[tokio::test]
async fn a_minute_that_comes_twice_and_one_that_is_skipped_are_counted_as_they_were() {
    for (first, jump) in [(9_600, -HOUR_S), (9_600, HOUR_S)] {
        let bench = Bench::new();
        bench.seconds.store(first, Ordering::Relaxed);
        let meter = bench.open();
        meter.record(entry(1, 1));
        // The clock is set, and set right again a minute later.
        bench.seconds.store(first + jump, Ordering::Relaxed);
        meter.record(entry(1, 2));
        meter.deliver_closed(Cut::Minute).await.unwrap();
        assert_eq!(rolled(&bench), [(first, 1, 1)], "the other minute still runs");
        bench.seconds.store(first + jump + 60, Ordering::Relaxed);
        meter.record(entry(1, 4));
        bench.seconds.store(first + 61, Ordering::Relaxed);
        meter.record(entry(1, 8));
        meter.deliver_closed(Cut::Minute).await.unwrap();
        // Back in a minute that is in the log already: it goes on in another roll-up.
        bench.seconds.store(first, Ordering::Relaxed);
        meter.record(entry(1, 16));
        meter.flush().await.unwrap();
        assert_eq!(bench.total(), (5, 31));
        let mut rolled = rolled(&bench);
        rolled.sort_unstable();
        let mut expected = [
            (first, 1, 1),
            (first, 1, 16),
            (first + 60, 1, 8),
            (first + jump, 1, 2),
            (first + jump + 60, 1, 4),
        ];
        expected.sort_unstable();
        assert_eq!(rolled, expected);
    }
}

#[tokio::test]
async fn a_kill_between_two_jumps_leaves_every_line_in_its_minute() {
    let bench = Bench::new();
    bench.seconds.store(9_600, Ordering::Relaxed);
    let meter = bench.open();
    meter.record(entry(1, 1));
    bench.seconds.store(9_600 - HOUR_S, Ordering::Relaxed);
    meter.record(entry(1, 2));
    drop(meter);
    let meter = bench.open();
    meter.record(entry(1, 4));
    drop(meter);
    bench.seconds.store(9_600 + HOUR_S, Ordering::Relaxed);
    bench.open().flush().await.unwrap();
    assert_eq!(rolled(&bench), [(6_000, 2, 6), (9_600, 1, 1)]);
    bench.open().flush().await.unwrap();
    assert_eq!(bench.total(), (3, 7));
}

#[tokio::test]
async fn an_answer_is_found_whichever_way_the_clock_was_set_while_it_was_given() {
    for jump in [-HOUR_S, HOUR_S] {
        let bench = Bench::new();
        bench.seconds.store(9_600, Ordering::Relaxed);
        let meter = bench.open();
        let request = Id::<kinds::Request>::from_parts(9_600_000, [1; 10]).to_string();
        let id = request.replace("req_", "chatcmpl-");
        let mut said = Said::new(id.clone(), "pub/plain".into());
        said.add(b"data: ");
        bench.seconds.store(9_600 + jump, Ordering::Relaxed);
        let answer = said.finish(true, (9_600 + jump) * 1_000, &[3; 32]);
        meter.record(Entry { answer, ..entry(1, 5) });
        meter.flush().await.unwrap();
        let found = meter.answer(&id).unwrap();
        assert!(matches!(found, Some(AnswerPlace::Rolled(_))), "{jump}: {found:?}");
    }
}

#[test]
fn each_start_numbers_its_requests_from_elsewhere() {
    let bench = Bench::new();
    let first = |salt_seed| {
        let config = MeterConfig { salt_seed, ..bench.config(1) };
        bench.try_open(config).unwrap().first_request()
    };
    assert_ne!(first([1; 32]), first([2; 32]), "the seed is fresh with each start");
}
