//! Which requests come when: at a steady or random rate, or as in a published trace. Everything is known
//! before the first is sent, so that an answer that is late delays no later request.

use std::time::Duration;

use sim::Rng;

/// Most requests of one run.
pub(crate) const REQUESTS_MAX: usize = 5_000_000;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// When it is due, in microseconds after the begin.
    pub(crate) due_us: u64,
    /// Tokens of its prompt.
    pub(crate) prompt_tokens: u32,
    /// Tokens of its answer.
    pub(crate) output_tokens: u32,
    /// What its prompt begins with, block by block: equal numbers are equal text. Empty if the prompt
    /// shares nothing with any other.
    pub(crate) blocks: Box<[u64]>,
}

/// How requests of a rate follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rhythm {
    /// The same time between any two.
    Steady,
    /// Independent of each other (a Poisson process).
    Poisson,
}

/// Size of requests that come without a trace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Tokens of a prompt.
    pub(crate) prompt_tokens: u32,
    /// Tokens of an answer.
    pub(crate) output_tokens: u32,
}

impl Size {
    /// A request of this size.
    pub(super) fn at(self, due_us: u64) -> Arrival {
        let Self { prompt_tokens, output_tokens } = self;
        Arrival { due_us, prompt_tokens, output_tokens, blocks: Box::default() }
    }
}

/// Requests at a rate, for a while.
pub(crate) fn at_rate(
    rate: f64,
    duration: Duration,
    rhythm: Rhythm,
    size: Size,
    rng: &mut Rng,
) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let mut at_s = 0.0;
    while at_s < duration.as_secs_f64() && arrivals.len() < REQUESTS_MAX {
        arrivals.push(size.at(micros(at_s)));
        at_s += match rhythm {
            Rhythm::Steady => 1.0 / rate,
            Rhythm::Poisson => exponential(rate, rng),
        };
    }
    arrivals
}

/// A random process whose rate changes by window: `(start in s, requests a second)` in order of start.
pub(crate) fn by_window(
    windows: &[(f64, f64)],
    window_s: f64,
    size: Size,
    rng: &mut Rng,
) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for (start_s, rate) in windows {
        let end_s = start_s + window_s;
        let mut at_s = *start_s;
        while *rate > 0.0 && arrivals.len() < REQUESTS_MAX {
            at_s += exponential(*rate, rng);
            if at_s >= end_s {
                break;
            }
            arrivals.push(size.at(micros(at_s)));
        }
    }
    arrivals
}

/// The first of a trace, begun at zero and run at another speed.
pub(crate) fn at_speed(
    mut arrivals: Vec<Arrival>,
    speed_up: f64,
    duration: Option<Duration>,
) -> Vec<Arrival> {
    arrivals.sort_by_key(|arrival| arrival.due_us);
    let first_us = arrivals.first().map_or(0, |first| first.due_us);
    for arrival in &mut arrivals {
        let since = Duration::from_micros(arrival.due_us.saturating_sub(first_us));
        arrival.due_us = micros(since.as_secs_f64() / speed_up);
    }
    if let Some(duration) = duration {
        let end_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        arrivals.retain(|arrival| arrival.due_us < end_us);
    }
    arrivals
}

/// Seconds until the next event of a Poisson process.
#[expect(clippy::cast_precision_loss, reason = "53 bits of a draw are enough")]
fn exponential(rate: f64, rng: &mut Rng) -> f64 {
    // In (0, 1], so that the logarithm is finite.
    let draw = ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    -draw.ln() / rate
}

fn micros(seconds: f64) -> u64 {
    u64::try_from(Duration::try_from_secs_f64(seconds).unwrap_or_default().as_micros())
        .unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { prompt_tokens: 8, output_tokens: 4 };

    #[test]
    fn a_steady_rate_is_exact_and_a_random_one_is_near_it() {
        let minute = Duration::from_secs(60);
        let steady = at_rate(100.0, minute, Rhythm::Steady, SIZE, &mut Rng::new(1));
        assert!((5_999..=6_001).contains(&steady.len()), "{}", steady.len());
        assert_eq!(steady[100].due_us / 1_000, 1_000);
        let random = at_rate(100.0, minute, Rhythm::Poisson, SIZE, &mut Rng::new(1));
        assert!((5_700..6_300).contains(&random.len()), "{}", random.len());
        let gaps: Vec<u64> = random.windows(2).map(|two| two[1].due_us - two[0].due_us).collect();
        // Of a Poisson process, 63.2 % of gaps are shorter than their mean.
        let short = gaps.iter().filter(|gap| **gap < 10_000).count() * 100 / gaps.len();
        assert!((60..67).contains(&short), "{short}");
    }

    #[test]
    fn windows_have_their_own_rates() {
        let windows = [(0.0, 10.0), (600.0, 0.0), (1_200.0, 50.0)];
        let arrivals = by_window(&windows, 600.0, SIZE, &mut Rng::new(2));
        let within = |from: u64, to: u64| {
            arrivals.iter().filter(|one| (from..to).contains(&(one.due_us / 1_000_000))).count()
        };
        assert!((5_600..6_400).contains(&within(0, 600)));
        assert_eq!(within(600, 1_200), 0);
        assert!((29_000..31_000).contains(&within(1_200, 1_800)));
    }

    #[test]
    fn a_trace_begins_at_zero_and_runs_faster() {
        let trace = vec![SIZE.at(9_000_000), SIZE.at(5_000_000), SIZE.at(25_000_000)];
        let fast = at_speed(trace, 2.0, Some(Duration::from_secs(9)));
        let due: Vec<u64> = fast.iter().map(|one| one.due_us).collect();
        assert_eq!(due, [0, 2_000_000]);
    }
}
