//! When to signal and when to kill: a small state machine without a clock of its own.
//!
//! The first cause wins, so an attempt that is stopped and then passes its time limit was stopped.
//! A later, shorter grace is honoured; a longer one is not.

use std::time::{Duration, Instant};

use units::DurationMicros;

/// The reason of an ordered stop.
pub(crate) const STOPPED: &str = "stopped";
/// The reason at the end of the time limit.
pub(crate) const TIME_LIMIT: &str = "time limit";
/// The reason for lack of memory.
pub(crate) const OUT_OF_MEMORY: &str = "out of memory";

/// What to do to the workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send the stop signal to its process group.
    Signal,
    /// Kill everything.
    Kill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    Asked { reason: &'static str, asked: Instant, kill: Instant },
    Killed { reason: &'static str },
}

/// Where an attempt is on its way to its end.
#[derive(Debug)]
pub(crate) struct Stopper {
    deadline: Option<Instant>,
    deadline_grace: Duration,
    stage: Stage,
}

impl Stopper {
    /// Starts running, with a time limit if there is one.
    pub(crate) fn new(
        start: Instant,
        time_limit: Option<DurationMicros>,
        grace: DurationMicros,
    ) -> Self {
        Self {
            // A limit too long for the clock is no limit.
            deadline: time_limit.and_then(|limit| start.checked_add(duration(limit))),
            deadline_grace: duration(grace),
            stage: Stage::Running,
        }
    }

    /// An order to end.
    pub(crate) fn request(
        &mut self,
        now: Instant,
        reason: &'static str,
        grace: DurationMicros,
    ) -> Option<Action> {
        match self.stage {
            Stage::Running => Some(self.ask(now, reason, duration(grace))),
            Stage::Asked { reason, asked, kill } => {
                let kill = asked.checked_add(duration(grace)).map_or(kill, |new| new.min(kill));
                self.stage = Stage::Asked { reason, asked, kill };
                self.tick(now)
            }
            Stage::Killed { .. } => None,
        }
    }

    /// To be called at [`Self::next_wake`] or any time.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Action> {
        match self.stage {
            Stage::Running if self.deadline.is_some_and(|deadline| deadline <= now) => {
                Some(self.ask(now, TIME_LIMIT, self.deadline_grace))
            }
            Stage::Asked { reason, kill, .. } if kill <= now => Some(self.kill(reason)),
            Stage::Running | Stage::Asked { .. } | Stage::Killed { .. } => None,
        }
    }

    /// Kills at once, for a cause that knows no grace.
    pub(crate) fn kill(&mut self, reason: &'static str) -> Action {
        let reason = self.reason().unwrap_or(reason);
        self.stage = Stage::Killed { reason };
        Action::Kill
    }

    /// When something is to be done next.
    pub(crate) fn next_wake(&self) -> Option<Instant> {
        match self.stage {
            Stage::Running => self.deadline,
            Stage::Asked { kill, .. } => Some(kill),
            Stage::Killed { .. } => None,
        }
    }

    /// Why it was ended, if it was.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Running => None,
            Stage::Asked { reason, .. } | Stage::Killed { reason } => Some(reason),
        }
    }

    fn ask(&mut self, now: Instant, reason: &'static str, grace: Duration) -> Action {
        let kill = now.checked_add(grace).unwrap_or(now);
        self.stage = Stage::Asked { reason, asked: now, kill };
        Action::Signal
    }
}

fn duration(micros: DurationMicros) -> Duration {
    Duration::from_micros(micros.0)
}

#[cfg(test)]
mod tests;
