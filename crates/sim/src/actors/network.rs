//! The way from engines to the sequencer: reports arrive late, twice, in another order, or never.

use crate::{platform::Request, rng::Rng};

/// Requests on their way, with the step at which each arrives.
#[derive(Debug)]
pub struct Network {
    rng: Rng,
    on_the_way: Vec<(u64, Request)>,
}

/// Requests that fit on the way; further ones are lost, as in a full queue.
const ON_THE_WAY_MAX: usize = 10_000;

impl Network {
    /// An empty network.
    #[must_use]
    pub const fn new(rng: Rng) -> Self {
        Self { rng, on_the_way: Vec::new() }
    }

    /// Sends at a step; without `faults` it arrives at once and exactly once.
    pub fn send(&mut self, step: u64, request: Request, faults: bool) {
        if !faults {
            self.on_the_way.push((step, request));
            return;
        }
        let copies = match self.rng.below(20) {
            0 => 0,
            1..=2 => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let delay = if self.rng.chance(70) { 0 } else { self.rng.between(1, 12) };
            if self.on_the_way.len() < ON_THE_WAY_MAX {
                self.on_the_way.push((step.saturating_add(delay), request.clone()));
            }
        }
    }

    /// Everything that arrives by a step, in the order in which it was sent.
    pub fn arrived(&mut self, step: u64) -> Vec<Request> {
        let (now, later) = self.on_the_way.drain(..).partition(|(at, _)| *at <= step);
        self.on_the_way = later;
        let now: Vec<(u64, Request)> = now;
        now.into_iter().map(|(_, request)| request).collect()
    }
}
