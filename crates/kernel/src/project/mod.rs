//! Projects: the unit of access, budget and billing inside an organisation.

mod apply;
mod capture;
mod decide;
mod guardrail;

pub(crate) use apply::apply;
pub use capture::Capture;
pub(crate) use decide::decide;
pub use guardrail::{Action, CheckerRule, Guardrail, Rule, Side, SizeRule, Unanswered};
pub(crate) use guardrail::{asked_before, check_rule, require_for_endpoint};

use serde::{Deserialize, Serialize};
use units::{Id, Name, kinds};

use crate::{Meta, Reject, State, Subject};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: Id<kinds::Project>,
    /// The organisation that owns it.
    pub organisation: Id<kinds::Organisation>,
    /// Unique in the organisation.
    pub name: Name,
    /// What is checked of what its endpoints are asked and answer, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<Guardrail>,
    /// Where what its keys ask and are answered is kept, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<Capture>,
    /// Version and times.
    pub meta: Meta,
}

/// What can be asked about projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Creates one.
    Create {
        /// The organisation that will own it.
        organisation: Id<kinds::Organisation>,
        /// Unique in the organisation.
        name: Name,
    },
    /// Sets all of its guardrails.
    SetGuardrails {
        /// The project.
        id: Id<kinds::Project>,
        /// In the order in which they are asked; none for none.
        guardrails: Vec<Guardrail>,
    },
    /// Keeps what its keys ask and are answered from now on.
    SetCapture {
        /// The project.
        id: Id<kinds::Project>,
        /// Where, and how much of it.
        capture: Capture,
        /// Days for which a text stays, from 1 to [`crate::dataset::KEEP_DAYS_MAX`]; it becomes the
        /// dataset's own.
        keep_days: u16,
    },
    /// Keeps nothing more. What was kept goes when its time is over.
    StopCapture {
        /// The project.
        id: Id<kinds::Project>,
    },
}

/// What can happen to projects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// One was created.
    Created {
        /// Its id.
        id: Id<kinds::Project>,
        /// Its owner.
        organisation: Id<kinds::Organisation>,
        /// Its name.
        name: Name,
    },
    /// Its guardrails are these from now on.
    GuardrailsSet {
        /// The project.
        id: Id<kinds::Project>,
        /// In the order in which they are asked.
        guardrails: Vec<Guardrail>,
    },
    /// What its keys ask and are answered is kept so from now on; none: it is not kept.
    CaptureSet {
        /// The project.
        id: Id<kinds::Project>,
        /// Where, and how much of it.
        capture: Option<Capture>,
    },
}

impl Event {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Created { .. } => "project.created",
            Self::GuardrailsSet { .. } => "project.guardrails_set",
            Self::CaptureSet { .. } => "project.capture_set",
        }
    }

    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Created { id, .. }
            | Self::GuardrailsSet { id, .. }
            | Self::CaptureSet { id, .. } => (*id).into(),
        }
    }
}

/// The version of the project that a command changes.
pub(crate) fn version(state: &State, command: &Command) -> Option<u64> {
    match command {
        Command::Create { .. } => None,
        Command::SetGuardrails { id, .. }
        | Command::SetCapture { id, .. }
        | Command::StopCapture { id } => state.projects.get(id).map(|found| found.meta.version),
    }
}

/// The project, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Project>) -> Result<&Project, Reject> {
    state.projects.get(&id).ok_or_else(|| Reject::not_found("project", id))
}
