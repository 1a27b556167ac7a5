//! What must never happen, whatever the policy: checked on the stream of events while it runs, with books
//! of its own. A finding is a defect of the backend, never a matter of taste.
//!
//! Cheap: every event costs what it touches, and nothing walks the fleet.

mod findings;
mod placement;
mod state;

pub use findings::{Finding, Findings, Rule};
pub use state::Checks;

use units::DurationMicros;

/// Bounds that are not in the fleet file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// How long a feeder may stay above what it may carry after that fell; for ever without it.
    pub power_grace: Option<DurationMicros>,
    /// How long a job may wait from when it could start; for ever without it.
    pub wait_max: Option<DurationMicros>,
    /// Passes everything through the platform's own state machine as well, which takes several times
    /// as long.
    pub through_platform: bool,
}

#[cfg(test)]
mod tests;
