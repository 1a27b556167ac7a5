//! Some cases each time; more by `FUZZ_SEEDS=10000 cargo test --release -p sim fuzz`, and one alone
//! from `FUZZ_FIRST`.

use super::{Tally, case, policies, run};

/// A number that whoever runs the tests gives.
#[expect(clippy::disallowed_methods, reason = "how much is tried, not what comes out")]
fn given(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn nothing_goes_wrong() {
    let (first, n) = (given("FUZZ_FIRST", 0), given("FUZZ_SEEDS", 150));
    let mut tally = Tally::default();
    for seed in first..first + n {
        tally = tally.plus(run(seed).unwrap_or_else(|found| {
            let case = case(seed).unwrap();
            panic!("{}\n{}\n{:?}\n{found}", case.fleet_text, case.jobs_text, case.extras)
        }));
    }
    println!("{tally:?}");
    let ours = policies::NAMES.iter().filter(|name| policies::scheduled(name).is_some()).count();
    assert_eq!(tally.runs, u64::try_from(ours).unwrap() * n);
    // What never happens is not tested.
    assert!(n < 100 || (tally.evictions > n / 4 && tally.losses > n / 4), "{tally:?}");
}

#[test]
fn a_seed_is_a_case() {
    let (one, two) = (case(3).unwrap(), case(3).unwrap());
    assert_eq!((one.fleet_text, one.jobs_text), (two.fleet_text, two.jobs_text));
    assert_eq!(one.extras, two.extras);
    assert_eq!(run(5), run(5));
}
