//! What must hold for any load: bounds, calm, order, and how fast a burst is met.
#![expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]

use proptest::prelude::*;
use units::{DurationMicros, UnixMicros};

use super::{History, Sample, Standing, desired_replicas};
use crate::endpoint::Scaling;

const SECOND: i64 = 1_000_000;

/// An endpoint under a load, second by second; answers how many replicas were wanted after each.
struct Run {
    scaling: Scaling,
    standing: Standing,
    history: History,
    now: i64,
}

impl Run {
    fn new(scaling: Scaling, replicas: u32) -> Self {
        let standing = Standing { replicas, ready: replicas, resized_at: None };
        Self { scaling, standing, history: History::default(), now: 1_764_000_000 * SECOND }
    }

    fn second(&mut self, sample: Sample) -> u32 {
        self.now += SECOND;
        let now = UnixMicros(self.now);
        self.history.push(now, sample, &self.scaling);
        let wanted = desired_replicas(&self.scaling, self.standing, &self.history, now);
        if wanted != self.standing.replicas {
            self.standing = Standing { replicas: wanted, ready: wanted, resized_at: Some(now) };
        }
        wanted
    }

    fn tokens(&mut self, tokens: u64) -> u32 {
        self.second(tokens_of(tokens))
    }
}

fn tokens_of(tokens: u64) -> Sample {
    Sample { tokens, came: u64::from(tokens > 0), ..Sample::default() }
}

fn by_tokens(min: u32, max: u32) -> Scaling {
    Scaling { target_tokens: Some(1_000), ..Scaling::within(min, max) }
}

#[test]
fn a_burst_is_met_after_the_time_over_which_load_is_averaged() {
    let mut run = Run::new(by_tokens(1, 8), 1);
    for _ in 0..30 {
        assert_eq!(run.tokens(500), 1);
    }
    let wanted: Vec<u32> = (0..21).map(|_| run.tokens(5_500)).collect();
    assert!(wanted[0] == 1 && wanted[20] == 6, "{wanted:?}");
    assert!(wanted.windows(2).all(|pair| pair[0] <= pair[1]), "{wanted:?}");
    // It stays for the whole time to go down after the last second of it, and goes to what is enough.
    let calm: Vec<u32> = (0..125).map(|_| run.tokens(1_500)).collect();
    assert!(calm[..118].iter().all(|n| *n == 6) && calm[124] == 2, "{calm:?}");
}

#[test]
fn load_beyond_the_most_asks_for_the_most() {
    let mut run = Run::new(by_tokens(1, 8), 1);
    let last = (0..60).map(|_| run.tokens(u64::MAX)).last();
    assert_eq!(last, Some(8));
}

#[test]
fn a_load_at_the_edge_changes_nothing() {
    let mut run = Run::new(by_tokens(1, 8), 2);
    for second in 0..1_000 {
        assert_eq!(run.tokens(if second % 2 == 0 { 1_950 } else { 2_150 }), 2, "{second}");
    }
}

#[test]
fn an_endpoint_sleeps_after_silence_and_wakes_at_once() {
    let scaling = Scaling { idle_after: DurationMicros::from_secs(60), ..by_tokens(0, 4) };
    let mut run = Run::new(scaling, 1);
    for _ in 0..5 {
        assert_eq!(run.tokens(10), 1);
    }
    let asleep = (0..200).position(|_| run.tokens(0) == 0);
    assert_eq!(asleep, Some(59), "a minute after the last request, not earlier");
    let waits = Sample { waiting: 3, ..Sample::default() };
    assert_eq!(run.second(waits), 1, "who waits for an endpoint that sleeps waits for no pause");
}

#[test]
fn nothing_goes_before_as_long_a_time_was_looked_at() {
    // A platform that has just started knows nothing of the load that it did not see.
    let mut run = Run::new(by_tokens(1, 8), 5);
    let first = (0..300).position(|_| run.tokens(100) < 5);
    assert_eq!(first, Some(120));
}

#[test]
fn who_waits_too_long_gets_another_replica_and_one_goes_when_nobody_does() {
    let wait = Some(DurationMicros(200_000));
    let mut run = Run::new(Scaling { target_wait: wait, ..Scaling::within(1, 4) }, 1);
    let waits = |ms: u64| Sample { waiting: 1, wait: DurationMicros(ms * 1_000), ..tokens_of(1) };
    for _ in 0..60 {
        assert_eq!(run.second(waits(150)), 1);
    }
    let up = (0..60).map(|_| run.second(waits(500))).last();
    assert_eq!(up, Some(4));
    run.standing.ready = 3;
    let wanted: Vec<u32> = (0..400).map(|_| run.second(waits(50))).collect();
    assert!(wanted.windows(2).all(|pair| pair[1] + 1 >= pair[0]), "one at a time: {wanted:?}");
    assert_eq!(wanted.last(), Some(&1));
}

fn any_scaling() -> impl Strategy<Value = Scaling> {
    (0..4_u32, 0..8_u32, 1..5_000_u64, 0..60_u64, 1..120_u64, 1..120_u64).prop_map(
        |(min, more, target, up, down, idle)| Scaling {
            target_tokens: Some(target),
            up_after: DurationMicros::from_secs(up),
            down_after: DurationMicros::from_secs(down),
            idle_after: DurationMicros::from_secs(idle),
            ..Scaling::within(min, (min + more).max(1))
        },
    )
}

fn any_load() -> impl Strategy<Value = Vec<u64>> {
    let value = prop_oneof![Just(0_u64), 0..100_u64, 0..20_000_u64, Just(u64::MAX)];
    let stretch = (value, 1..40_usize).prop_map(|(tokens, seconds)| vec![tokens; seconds]);
    prop::collection::vec(stretch, 1..30).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_number_stays_within_its_bounds(
        scaling in any_scaling(), start in 0..70_u32, load in any_load(),
    ) {
        let (min, max) = (scaling.replicas_min, scaling.replicas_max);
        let mut run = Run::new(scaling, start);
        for tokens in load {
            let wanted = run.tokens(tokens);
            prop_assert!((min..=max).contains(&wanted), "{wanted}");
        }
    }

    /// After more nobody goes before the time to go down is over, and the other way round none comes
    /// before the time to go up: no two changes of one endpoint are closer than that.
    #[test]
    fn changes_keep_their_pauses(scaling in any_scaling(), load in any_load()) {
        let (up, down, idle) = (scaling.up_after, scaling.down_after, scaling.idle_after);
        let mut run = Run::new(scaling.clone(), scaling.replicas_min.max(1));
        let mut last: Option<(i64, u32)> = None;
        for tokens in load {
            let before = run.standing.replicas;
            let wanted = run.tokens(tokens);
            if wanted == before {
                continue;
            }
            let pause = match (before, wanted) {
                (0, _) => DurationMicros(0),
                (_, 0) => idle,
                (from, to) if to > from => up,
                _ => down,
            };
            if let Some((at, _)) = last {
                let since = u64::try_from(run.now - at).unwrap();
                prop_assert!(since >= pause.0, "{before} to {wanted} after {since} µs");
            }
            last = Some((run.now, wanted));
        }
    }

    /// More load never asks for fewer replicas.
    #[test]
    fn more_load_asks_for_no_fewer(
        scaling in any_scaling(), load in any_load(), more in any_load(), replicas in 0..12_u32,
        age_secs in 0..200_i64,
    ) {
        let replicas = scaling.bound(replicas);
        let (mut low, mut high) = (History::default(), History::default());
        let mut now = UnixMicros(1_764_000_000 * SECOND);
        for (number, tokens) in load.iter().enumerate() {
            now = now.plus(DurationMicros::from_secs(1));
            let extra = more.get(number).copied().unwrap_or(0);
            low.push(now, tokens_of(*tokens), &scaling);
            high.push(now, tokens_of(tokens.saturating_add(extra)), &scaling);
        }
        let resized_at = Some(UnixMicros(now.0 - age_secs * SECOND));
        let standing = Standing { replicas, ready: replicas, resized_at };
        let few = desired_replicas(&scaling, standing, &low, now);
        let many = desired_replicas(&scaling, standing, &high, now);
        prop_assert!(few <= many, "{few} for less, {many} for more");
    }

    /// A constant load leads to one number, and to no change after it.
    #[test]
    fn a_constant_load_comes_to_rest(
        scaling in any_scaling(), start in 0..12_u32, tokens in 0..50_000_u64,
    ) {
        let mut run = Run::new(scaling.clone(), start);
        let rest = scaling.up_after.0.max(scaling.down_after.0).max(scaling.idle_after.0);
        let seconds = usize::try_from(rest / 1_000_000).unwrap() * 3 + 5;
        let wanted: Vec<u32> = (0..seconds * 2).map(|_| run.tokens(tokens)).collect();
        let calm = &wanted[seconds..];
        prop_assert!(calm.iter().all(|n| *n == calm[0]), "{wanted:?}");
    }
}
