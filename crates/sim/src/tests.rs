//! The seeds that every change must pass, the scenarios, the golden log, and what the harness owes.

mod checkers;
mod golden;
mod scenarios;

use std::path::{Path, PathBuf};

use super::*;

/// Where the fixtures of the workspace are.
fn fixtures(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(folder)
}

/// True if an environment variable asks for it.
#[expect(clippy::disallowed_methods, reason = "tests are started by people; the library is not")]
fn asked(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|value| value == "1")
}

/// Seeds in one test; four of them, so that the test runner spreads them over the cores.
fn seeds_hold(quarter: u64) {
    let n_seeds = if asked("SLOW_TESTS") { 50 } else { 5 };
    let first = 1 + quarter * n_seeds;
    let report = check(first..first + n_seeds, 300);
    println!("{report}");
    assert!(report.is_good(), "{report}");
    let sum = |of: fn(&Outcome) -> u64| report.outcomes.iter().map(of).sum::<u64>();
    // The faults and the interesting outcomes must really have happened.
    assert!(sum(|o| o.crashes) > 15 && sum(|o| o.unknown) > 50, "{report}");
    assert!(sum(|o| o.snapshot_boots) > 3, "{report}");
    assert!(sum(|o| o.rejected) > 300, "{report}");
    assert!(sum(|o| o.placements) > 200 && sum(|o| o.ended) > 200, "{report}");
}

#[test]
fn fixed_seeds_hold_under_all_faults_1() {
    seeds_hold(0);
}

#[test]
fn fixed_seeds_hold_under_all_faults_2() {
    seeds_hold(1);
}

#[test]
fn fixed_seeds_hold_under_all_faults_3() {
    seeds_hold(2);
}

#[test]
fn fixed_seeds_hold_under_all_faults_4() {
    seeds_hold(3);
}

#[test]
fn a_calm_run_has_no_crash_and_loses_no_answer() {
    let outcome = check_seed(7, Config::calm(100)).unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!((outcome.crashes, outcome.unknown), (0, 0));
    assert!(outcome.ended > 0);
}

#[test]
fn seeds_differ() {
    let digest = |seed| run(seed, Config::all_faults(20)).map(|outcome| outcome.trace_digest);
    assert_ne!(digest(1), digest(2));
}

#[test]
fn streams_of_components_do_not_shift_each_other() {
    let root = Rng::new(5);
    let mut first = root.child("a");
    let expected: Vec<u64> = (0..4).map(|_| first.next_u64()).collect();
    let mut other = root.child("b");
    other.next_u64();
    let mut again = root.child("a");
    let found: Vec<u64> = (0..4).map(|_| again.next_u64()).collect();
    assert_eq!(expected, found);
    assert_ne!(expected[0], root.child("b").next_u64());
}

#[test]
fn draws_stay_within_their_bounds() {
    let mut rng = Rng::new(9);
    for bound in 1..50 {
        assert!(rng.below(bound) < bound);
        assert!((3..=3 + bound).contains(&rng.between(3, 3 + bound)));
    }
    assert_eq!(rng.below(0), 0);
    assert_eq!(rng.pick::<u8>(&[]), None);
    let mut list: Vec<u32> = (0..20).collect();
    rng.shuffle(&mut list);
    list.sort_unstable();
    assert_eq!(list, (0..20).collect::<Vec<u32>>());
}

#[test]
fn a_failure_names_the_command_that_reproduces_it() {
    let failure = Failure {
        seed: 4,
        step: 9,
        steps: 300,
        message: "the roof leaks".to_owned(),
        tail: String::new(),
    };
    let text = failure.to_string();
    assert!(text.contains("cargo run -p app -- simulate check --seed 4 --steps 300"), "{text}");
    assert!(text.starts_with("seed 4, step 9: the roof leaks"), "{text}");
}
