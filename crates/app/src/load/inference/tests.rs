//! The load against the mock, over real sockets.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use sim::Rng;

use super::{
    Config, Figures, Objective, Report, Style, Work,
    arrivals::{Arrival, Rhythm, Size, at_rate},
    upstream::{self, Behaviour},
};

const BEHAVIOUR: Behaviour = Behaviour {
    tokens: 32,
    first_token: Duration::ZERO,
    gap: Duration::ZERO,
    prefill_per_token: Duration::ZERO,
    bytes_per_token: 4,
    block_tokens: 512,
    cache_blocks: 1_000,
};
const OBJECTIVE: Objective = Objective { ttft_ms_max: 60_000, per_token_ms_max: 60_000 };

/// A mock on a port of its own, for as long as the test runs.
fn mock(behaviour: Behaviour) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            upstream::serve(listener, behaviour).await.unwrap();
        });
    });
    format!("http://{}/v1", receiver.recv().unwrap())
}

fn config(url: &str) -> Config {
    Config {
        url: url.to_owned(),
        key: Some("cck_secret".to_owned()),
        style: Style { model: "mock".to_owned(), stream: false, bytes_per_token: 4, salt: 0 },
        work: Work::Due(Vec::new()),
        connections: 4,
        pid: Some(std::process::id()),
        objective: OBJECTIVE,
    }
}

fn ask(url: &str, stream: bool, arrivals: Vec<Arrival>) -> Report {
    let mut config = Config { work: Work::Due(arrivals), ..config(url) };
    config.style.stream = stream;
    super::run(config, &Arc::new(AtomicBool::new(false))).unwrap()
}

fn counts(figures: &Figures) -> (u64, u64, u64) {
    (figures.statuses.get(&200).copied().unwrap_or(0), figures.prompt_tokens, figures.output_tokens)
}

#[test]
fn whole_answers_and_streams_are_counted_alike() {
    let url = mock(BEHAVIOUR);
    let size = Size { prompt_tokens: 100, output_tokens: 7 };
    for stream in [false, true] {
        let report = ask(&url, stream, vec![size.at(0); 50]);
        assert_eq!(counts(&report.figures), (50, 5_000, 350), "{report:?}");
        assert_eq!(report.figures.gap.is_some(), stream);
        assert!(report.process.unwrap().resident_bytes > 0);
    }
}

#[test]
fn shared_blocks_are_found_in_the_cache() {
    let url = mock(BEHAVIOUR);
    let arrival = |due_us: u64, blocks: &[u64]| Arrival {
        due_us,
        prompt_tokens: 1_536,
        output_tokens: 1,
        blocks: blocks.into(),
    };
    // The second shares two of its three blocks, the third all.
    let trace =
        vec![arrival(0, &[1, 2, 3]), arrival(300_000, &[1, 2, 4]), arrival(600_000, &[1, 2, 3])];
    let figures = ask(&url, true, trace).figures;
    assert_eq!(counts(&figures), (3, 4_608, 3));
    assert!((figures.cached_percent - 5.0 * 100.0 / 9.0).abs() < 0.01, "{figures:?}");
}

#[test]
fn what_waits_for_a_connection_is_late_since_it_was_due() {
    // Each answer takes a tenth of a second, four at a time: forty a second, and a hundred are due.
    let gap = Duration::from_millis(100);
    let url = mock(Behaviour { first_token: gap, ..BEHAVIOUR });
    let size = Size { prompt_tokens: 1, output_tokens: 1 };
    let arrivals =
        at_rate(100.0, Duration::from_millis(500), Rhythm::Steady, size, &mut Rng::new(1));
    let n = arrivals.len();
    let figures = ask(&url, false, arrivals).figures;
    assert_eq!(counts(&figures).0, n as u64);
    let last = figures.due_to_end.unwrap().max_ms;
    assert!(last > 600.0, "the queue is not seen: {last} ms");
}

#[test]
fn a_closed_loop_ends_in_time() {
    let url = mock(BEHAVIOUR);
    let size = Size { prompt_tokens: 1, output_tokens: 1 };
    let work = Work::BackToBack { size, duration: Duration::from_millis(100) };
    let config = Config { work, ..config(&url) };
    let report = super::run(config, &Arc::new(AtomicBool::new(false))).unwrap();
    let (answers, _, tokens) = counts(&report.figures);
    assert!(answers > 0 && tokens == answers && report.figures.requests == answers, "{report:?}");
}

#[test]
fn refusals_and_silence_are_told() {
    let url = mock(BEHAVIOUR).replace("/v1", "/nowhere");
    let size = Size { prompt_tokens: 1, output_tokens: 1 };
    let figures = ask(&url, false, vec![size.at(0); 3]).figures;
    assert_eq!(figures.statuses.get(&404), Some(&3));
    assert!(figures.goodput_percent.abs() < f64::EPSILON);
    for (url, said) in [
        ("http://127.0.0.1:1/v1", "nothing answers at"),
        ("https://127.0.0.1:1/v1", "does not start with `http://`"),
        ("nonsense", "does not start with `http://`"),
    ] {
        let error = super::run(config(url), &Arc::new(AtomicBool::new(false))).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
}
