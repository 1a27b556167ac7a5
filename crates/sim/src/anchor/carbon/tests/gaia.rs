//! GAIA's policies on Germany with invented jobs: the order and the bounds that must hold.

use super::germany;
use crate::Rng;
use crate::anchor::carbon::CarbonError;
use crate::anchor::carbon::gaia::{Job, Outcome, Policy, read_jobs, run};

/// Jobs over ten months: three of four are short.
fn jobs(seed: u64) -> Vec<Job> {
    let mut rng = Rng::new(seed);
    let job = |_| Job {
        arrival_s: rng.below(300 * 86_400),
        length_s: match rng.chance(75) {
            true => rng.between(300, 7_200),
            false => rng.between(7_201, 100_000),
        },
        cpus: rng.between(1, 16),
    };
    (0..2_000).map(job).collect()
}

#[test]
fn waiting_within_the_bounds_saves_in_the_order_of_the_study() {
    let series = germany();
    let jobs = jobs(1);
    let outcome = |policy| run(&series, &jobs, policy).unwrap();
    let points = |policy| outcome(policy).saving.basis_points();
    assert_eq!(outcome(Policy::AtOnce).mean_wait_s(), 0);
    assert_eq!(points(Policy::AtOnce), 0);
    // Who may interrupt and knows the length gets most; who looks at one slot gets least.
    assert!(points(Policy::WaitAwhile) > points(Policy::Threshold));
    assert!(points(Policy::WaitAwhile) > points(Policy::LowestWindowKnown));
    assert!(points(Policy::LowestWindowKnown) > points(Policy::LowestWindow));
    assert!(points(Policy::LowestWindow) > points(Policy::LowestSlot));
    // Carbon-Time gives up a part of the saving for a larger part of the waiting.
    let (window, rate) = (outcome(Policy::LowestWindow), outcome(Policy::CarbonTime));
    let share = |part: Outcome, whole: Outcome| {
        part.saving.basis_points() * 1_000 / whole.saving.basis_points()
    };
    let waiting = rate.mean_wait_s() * 1_000 / window.mean_wait_s();
    assert!(rate.saving.basis_points() < window.saving.basis_points());
    assert!(share(rate, window) > i64::try_from(waiting).unwrap(), "{rate:?} {window:?}");
}

#[test]
fn nobody_waits_longer_than_allowed() {
    let series = germany();
    for job in jobs(2).into_iter().take(30) {
        // A list needs both queues to know their mean lengths: a hundred of the job and one of the
        // other queue, whose waiting hardly shows.
        let (other_s, limit_s, other_limit_s) = match job.length_s <= 7_200 {
            true => (10_000, 6 * 3_600, 24 * 3_600),
            false => (600, 24 * 3_600, 6 * 3_600),
        };
        let mut list = vec![job; 100];
        list.push(Job { arrival_s: 0, length_s: other_s, cpus: 0 });
        for policy in Policy::ALL {
            let waited_s = run(&series, &list, policy).unwrap().waited_s;
            assert!(waited_s <= 100 * limit_s + other_limit_s, "{policy:?} {job:?}: {waited_s}");
        }
    }
}

#[test]
fn lists_are_read_to_the_second_and_refused_by_line() {
    let text = "arrival_h,length_h,cpus\n0.00000,25.40806,1\n10.67917,0.00001,2\n";
    let jobs = read_jobs(text).unwrap();
    let job = |arrival_s, length_s, cpus| Job { arrival_s, length_s, cpus };
    assert_eq!(jobs, [job(0, 91_469, 1), job(38_445, 1, 2)]);
    let refused = |text: &str| read_jobs(text).unwrap_err().to_string();
    assert_eq!(
        refused("arrival_h,length_h,cpus\n0,1,1\n0,-1,1\n"),
        "line 3: `length_h` is `-1`: use hours, at least 0"
    );
    assert_eq!(
        refused("arrival_h,length,cpus\n"),
        "the list has no column `length_h`: its columns are arrival_h, length, cpus"
    );
    let only_short = run(&germany(), &jobs[1..], Policy::LowestWindow);
    assert!(matches!(only_short, Err(CarbonError::NoJobs { class: "long" })));
    let late = [jobs[0], job(400 * 86_400, 600, 1)];
    let error = run(&germany(), &late, Policy::AtOnce).unwrap_err().to_string();
    assert!(error.starts_with("job 1: values are needed"), "{error}");
}
