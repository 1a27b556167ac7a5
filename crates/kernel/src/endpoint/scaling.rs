//! How many replicas an endpoint may have, and what decides between the least and the most.
//!
//! Only what was agreed stands here; what is observed is in [`super::load`].

use serde::{Deserialize, Serialize};
use units::DurationMicros;

use crate::{Reject, limits};

/// Bounds of an endpoint's replicas and what moves their number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaling {
    /// Fewest replicas; 0 lets the endpoint sleep.
    pub replicas_min: u32,
    /// Most replicas, 1 to [`limits::REPLICAS_MAX`].
    pub replicas_max: u32,
    /// Tokens in flight (read and to be written) that one replica is to have, if that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_tokens: Option<u64>,
    /// How long a request may wait for a replica before one is added, if that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_wait: Option<DurationMicros>,
    /// Over how long load is averaged before replicas are added, and the least time between two
    /// changes after which some are.
    pub up_after: DurationMicros,
    /// How long fewer replicas must have been enough before some are taken away, and the least time
    /// between a change and that.
    pub down_after: DurationMicros,
    /// How long nothing may have come before the last replica goes, if the fewest is 0.
    pub idle_after: DurationMicros,
    /// The longest time for which a replica that goes still answers what it has begun.
    pub drain: DurationMicros,
}

impl Scaling {
    /// Bounds with the usual times: up after 10 s, down after 2 min, asleep after 10 min, 2 min to end
    /// what was begun.
    #[must_use]
    pub const fn within(replicas_min: u32, replicas_max: u32) -> Self {
        Self {
            replicas_min,
            replicas_max,
            target_tokens: None,
            target_wait: None,
            up_after: DurationMicros::from_secs(10),
            down_after: DurationMicros::from_secs(120),
            idle_after: DurationMicros::from_secs(600),
            drain: DRAIN_DEFAULT,
        }
    }

    /// A number of replicas brought within the bounds.
    #[must_use]
    pub fn bound(&self, replicas: u32) -> u32 {
        replicas.max(self.replicas_min).min(self.replicas_max)
    }

    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), Reject> {
        let (min, max) = (self.replicas_min, self.replicas_max);
        if !(1..=limits::REPLICAS_MAX).contains(&max) {
            let message = format!("`{max}` is out of range: 1 to {}", limits::REPLICAS_MAX);
            return Err(Reject::invalid("replicas_max", message));
        }
        if min > max {
            let message = format!("`{min}` is above the most, `{max}`: swap them");
            return Err(Reject::invalid("replicas_min", message));
        }
        // Between none and one, the first request and the time without any decide.
        if min.max(1) < max && self.target_tokens.is_none() && self.target_wait.is_none() {
            let message = "nothing decides between the fewest and the most replicas: give a target, such as 4000 tokens in flight for each";
            return Err(Reject::invalid("target_tokens", message));
        }
        if self.target_tokens.is_some_and(|one| !(1..=limits::TARGET_TOKENS_MAX).contains(&one)) {
            let message = format!("is out of range: 1 to {}", limits::TARGET_TOKENS_MAX);
            return Err(Reject::invalid("target_tokens", message));
        }
        let second = DurationMicros::from_secs(1);
        let times = [
            ("target_wait", self.target_wait.unwrap_or(second), DurationMicros(1_000), WAIT_MAX),
            ("up_after", self.up_after, DurationMicros(0), WINDOW_MAX),
            ("down_after", self.down_after, second, WINDOW_MAX),
            ("idle_after", self.idle_after, second, IDLE_MAX),
            ("drain", self.drain, second, DRAIN_MAX),
        ];
        for (field, value, least, most) in times {
            if value < least || value > most {
                let message = format!("`{value}` is out of range: {least} to {most}");
                return Err(Reject::invalid(field, message));
            }
        }
        Ok(())
    }
}

/// How long a replica that goes still answers, if nothing else is said.
pub const DRAIN_DEFAULT: DurationMicros = DurationMicros::from_secs(120);
/// Longest wait that can be a target.
const WAIT_MAX: DurationMicros = DurationMicros::from_secs(600);
/// Longest time that is looked back on: a sample a second is kept of it.
pub(super) const WINDOW_MAX: DurationMicros = DurationMicros::from_secs(900);
/// Longest time without a request before the last replica goes: 30 days.
const IDLE_MAX: DurationMicros = DurationMicros::from_secs(30 * 86_400);
/// Longest time to end what was begun.
const DRAIN_MAX: DurationMicros = DurationMicros::from_secs(3_600);
