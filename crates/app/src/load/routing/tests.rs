//! Checks the bars on an extract of the published trace, and that each way is what it is called.

use std::path::Path;

use sim::Rng;

use super::{Setting, Way, run};
use crate::load::inference::{
    arrivals::{Arrival, Size},
    trace::{self, Form, Options},
};

fn extract() -> Vec<Arrival> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/mooncake");
    let options = Options { category: None, size: Size { prompt_tokens: 1, output_tokens: 1 } };
    let file = root.join("conversation_extract.jsonl");
    trace::read(&file, Form::Mooncake, &options, &mut Rng::new(1)).unwrap()
}

fn setting() -> Setting {
    Setting {
        replicas: 8,
        cache_blocks: usize::MAX,
        prefill_us: 100,
        gap_us: 20_000,
        decode_us: 600,
        speed: 1.0,
        balance: gateway::BalanceConfig::default(),
    }
}

#[test]
fn conversations_find_their_cache_and_the_load_is_even() {
    let outcomes = run(&setting(), &extract(), &Way::ALL);
    let of = |way: Way| outcomes.iter().find(|one| one.way == way.name()).unwrap();
    let ours = of(Way::Ours);
    assert!(ours.of_infinite >= 0.9, "{ours:?}");
    assert!(ours.imbalance_busy <= 1.2 && ours.imbalance_prefill <= 1.2, "{ours:?}");
    for other in [Way::Random, Way::RoundRobin, Way::TwoChoices] {
        assert!(of(other).of_infinite < 0.7 * ours.of_infinite, "{:?}", of(other));
    }
    assert!(of(Way::RoundRobin).imbalance_busy < 1.3, "{:?}", of(Way::RoundRobin));
}

#[test]
fn one_replica_is_the_infinite_cache() {
    let outcomes = run(&Setting { replicas: 1, ..setting() }, &extract(), &Way::ALL);
    for one in outcomes {
        assert!((one.of_infinite - 1.0).abs() < 1e-9 && one.imbalance_busy == 1.0, "{one:?}");
    }
}
