//! Which replica gets a request: the gateway's own choice, and others, over a published trace with simulated
//! engines. No socket, no clock: the same figures on every machine, but for the time that a choice takes.

mod engine;
mod ways;

use std::time::{Duration, Instant};

use serde::Serialize;

use super::inference::arrivals::Arrival;
use engine::Engine;
use ways::Chooser;
pub(crate) use ways::Way;

/// Choices that are timed.
const CHOICES_TIMED: u64 = 20_000;

/// What is simulated.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// Engines.
    pub(crate) replicas: usize,
    /// Blocks that each engine's cache holds.
    pub(crate) cache_blocks: usize,
    /// Time to read one token that the cache does not have; prompts are read one after another.
    pub(crate) prefill_us: u64,
    /// Time between two tokens of an answer; answers are written side by side.
    pub(crate) gap_us: u64,
    /// What of an engine's time one token of an answer takes, since many are written at once.
    pub(crate) decode_us: u64,
    /// How much faster than in the trace requests come.
    pub(crate) speed: f64,
    /// The gateway's parameters.
    pub(crate) balance: gateway::BalanceConfig,
}

/// What a way of choosing came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    /// The way.
    pub(crate) way: String,
    /// Blocks found in the caches, of all blocks.
    pub(crate) hit_rate: f64,
    /// The same over that of one cache without limit.
    pub(crate) of_infinite: f64,
    /// Busiest over mean, by tokens read anew.
    pub(crate) imbalance_prefill: f64,
    /// Busiest over mean, by time of reading and writing.
    pub(crate) imbalance_busy: f64,
    /// Mean time to the first token, in ms.
    pub(crate) ttft_ms_mean: f64,
    /// Time to the first token that one request in a hundred exceeds, in ms.
    pub(crate) ttft_ms_p99: f64,
    /// Mean time that a choice took on this machine, in µs.
    pub(crate) choice_us: f64,
}

/// Runs a trace under each way.
pub(crate) fn run(setting: &Setting, arrivals: &[Arrival], ways: &[Way]) -> Vec<Outcome> {
    let infinite = hit_rate_of_one(arrivals);
    ways.iter().map(|way| run_one(setting, arrivals, *way, infinite)).collect()
}

/// Mean time in µs that a choice takes on this machine for prompts of so many bytes, no two of them alike.
pub(crate) fn choice_us(setting: &Setting, bytes: usize) -> f64 {
    let mut chooser = Chooser::new(Way::Ours, setting);
    let blocks = Box::default();
    let arrival = Arrival { due_us: 0, prompt_tokens: 1_000, output_tokens: 100, blocks };
    let mut prompt = vec![b'a'; bytes.max(8)];
    let mut spent = Duration::ZERO;
    for number in 0..CHOICES_TIMED {
        for (to, from) in prompt.iter_mut().zip(number.to_le_bytes()) {
            *to = from;
        }
        let now_us = number.saturating_mul(1_000);
        let began = Instant::now();
        let place = chooser.choose(&arrival, &prompt, now_us);
        spent = spent.saturating_add(began.elapsed());
        chooser.sent(place, now_us, now_us.saturating_add(50_000), 100);
    }
    spent.as_secs_f64() * 1e6 / figure(Some(CHOICES_TIMED))
}

/// Blocks that one cache without limit finds, of all blocks.
pub(crate) fn hit_rate_of_one(arrivals: &[Arrival]) -> f64 {
    let mut cache = Engine::new(usize::MAX);
    let found: usize = arrivals.iter().map(|one| cache.look(one)).sum();
    share(found, n_blocks(arrivals))
}

fn run_one(setting: &Setting, arrivals: &[Arrival], way: Way, infinite: f64) -> Outcome {
    let mut chooser = Chooser::new(way, setting);
    let new = |_| Engine::new(setting.cache_blocks);
    let mut engines: Vec<Engine> = (0..setting.replicas).map(new).collect();
    let (mut found, mut spent) = (0_usize, Duration::ZERO);
    let mut waits: Vec<u64> = Vec::with_capacity(arrivals.len());
    for (number, arrival) in arrivals.iter().enumerate() {
        let now_us = scaled(arrival.due_us, setting.speed);
        let prompt = ways::prompt_of(number, arrival);
        let began = Instant::now();
        let place = chooser.choose(arrival, prompt.as_bytes(), now_us);
        spent = spent.saturating_add(began.elapsed());
        let Some(engine) = engines.get_mut(place) else { continue };
        let (blocks, first_us) = engine.read(arrival, now_us, setting);
        found = found.saturating_add(blocks);
        waits.push(first_us.saturating_sub(now_us));
        let end_us = first_us
            .saturating_add(setting.gap_us.saturating_mul(u64::from(arrival.output_tokens)));
        chooser.sent(place, first_us, end_us, arrival.output_tokens);
    }
    waits.sort_unstable();
    let hit_rate = share(found, n_blocks(arrivals));
    let of = |value: fn(&Engine) -> u64| imbalance(engines.iter().map(value));
    Outcome {
        way: way.name().to_owned(),
        hit_rate,
        of_infinite: hit_rate / infinite.max(f64::MIN_POSITIVE),
        imbalance_prefill: of(|engine| engine.prefilled_tokens),
        imbalance_busy: of(|engine| engine.busy_us),
        ttft_ms_mean: mean(&waits) / 1e3,
        ttft_ms_p99: figure(waits.get(waits.len().saturating_mul(99) / 100).copied()) / 1e3,
        choice_us: spent.as_secs_f64() * 1e6 / figure(Some(arrivals.len() as u64)).max(1.0),
    }
}

fn n_blocks(arrivals: &[Arrival]) -> usize {
    arrivals.iter().map(|one| one.blocks.len()).sum()
}

fn imbalance(values: impl Iterator<Item = u64>) -> f64 {
    let values: Vec<u64> = values.collect();
    figure(values.iter().max().copied()) / mean(&values).max(f64::MIN_POSITIVE)
}

fn mean(values: &[u64]) -> f64 {
    values.iter().map(|one| figure(Some(*one))).sum::<f64>()
        / figure(Some(values.len() as u64)).max(1.0)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
fn figure(value: Option<u64>) -> f64 {
    value.unwrap_or(0) as f64
}

#[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / (whole as f64).max(1.0)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times of a trace are positive and far below 2^52 µs"
)]
fn scaled(at_us: u64, speed: f64) -> u64 {
    (at_us as f64 / speed) as u64
}

#[cfg(test)]
mod tests;
