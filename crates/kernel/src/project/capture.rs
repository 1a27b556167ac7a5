//! Capture of payloads: whether what a project's keys ask and are answered is kept, and where. It is off
//! unless the project says so, and nothing of a text is ever in an entry.

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use super::Event;
use crate::{Reject, State, dataset, erasure};

/// Where texts are kept, and of how many requests. For how long is the dataset's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// A captured dataset of the same project.
    pub dataset: Id<kinds::Dataset>,
    /// Of a thousand requests so many are kept, which ones follows from their ids: 1 to 1000.
    pub permille: u16,
}

/// The retention first, then the setting: nothing is captured where nothing was promised.
pub(super) fn set(
    state: &State,
    id: Id<kinds::Project>,
    capture: Capture,
    keep_days: u16,
) -> Result<Vec<crate::Event>, Reject> {
    let project = super::get(state, id)?;
    erasure::require_open(state, project.organisation)?;
    if dataset::get(state, capture.dataset)?.project != id {
        // Another project's texts are none of this one's business, whoever asks.
        return Err(Reject::not_found("dataset", capture.dataset));
    }
    if !(1..=1_000).contains(&capture.permille) {
        let message = format!("is {}: give 1 to 1000", capture.permille);
        return Err(Reject::invalid("permille", message));
    }
    let mut events = Vec::new();
    events.extend(dataset::retain(state, capture.dataset, keep_days)?);
    if project.capture != Some(capture) {
        let event = Event::CaptureSet { id, capture: Some(capture) };
        events.push(crate::Event::Project(event));
    }
    Ok(events)
}
