//! A batch as it is written down: what was asked for, its state, and the one way from each state to the next.
//!
//! ```text
//! validating ─► in_progress ─► finalizing ─► completed
//!     │              ├──── the window ends ────► expired
//!     ▼              └─► cancelling ───────────► cancelled
//!   failed
//! ```
//!
//! Pure: nothing here reads a clock or a disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use super::id::Uuid;

/// Where a batch stands, in OpenAI's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// Its lines are being read.
    Validating,
    /// Its lines cannot be asked.
    Failed,
    /// Its lines are being asked.
    InProgress,
    /// All lines have an answer, and its files are being written.
    Finalizing,
    /// Its files are there.
    Completed,
    /// Its files are there, and some lines were not asked in time.
    Expired,
    /// Somebody asked it to end.
    Cancelling,
    /// It has ended early, and its files are there.
    Cancelled,
}

impl Status {
    /// Whether nothing happens to it any more.
    pub(super) const fn is_final(self) -> bool {
        match self {
            Self::Failed | Self::Completed | Self::Expired | Self::Cancelled => true,
            Self::Validating | Self::InProgress | Self::Finalizing | Self::Cancelling => false,
        }
    }

    /// OpenAI's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::Failed => "failed",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    /// Mistral's word.
    pub(super) const fn job_word(self) -> &'static str {
        match self {
            Self::Validating => "QUEUED",
            Self::Failed => "FAILED",
            Self::InProgress | Self::Finalizing => "RUNNING",
            Self::Completed => "SUCCESS",
            Self::Expired => "TIMEOUT_EXCEEDED",
            Self::Cancelling => "CANCELLATION_REQUESTED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// Whose words a batch was made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dialect {
    /// `/v1/batches`.
    OpenAi,
    /// `/v1/batch/jobs`.
    Mistral,
}

impl Dialect {
    /// What a batch is called.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::OpenAi => "batch",
            Self::Mistral => "job",
        }
    }

    /// The batch that an id names.
    pub(super) fn id(self, text: &str) -> Option<Uuid> {
        match self {
            Self::OpenAi => Uuid::from_batch_text(text),
            Self::Mistral => text.parse().ok(),
        }
    }

    /// The word for how far a batch is.
    pub(super) const fn word(self, status: Status) -> &'static str {
        match self {
            Self::OpenAi => status.word(),
            Self::Mistral => status.job_word(),
        }
    }
}

/// What is wrong with a batch as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fault {
    pub(super) code: String,
    pub(super) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) param: Option<String>,
}

/// When it came to each state, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Since {
    pub(super) in_progress: Option<i64>,
    pub(super) finalizing: Option<i64>,
    pub(super) completed: Option<i64>,
    pub(super) failed: Option<i64>,
    pub(super) expired: Option<i64>,
    pub(super) cancelling: Option<i64>,
    pub(super) cancelled: Option<i64>,
}

/// How many lines there are, and how many have ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) total: u32,
    pub(super) completed: u32,
    pub(super) failed: u32,
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: Uuid,
    pub(super) dialect: Dialect,
    pub(super) project: Id<kinds::Project>,
    /// Its lines are asked as this key.
    pub(super) key: Id<kinds::Key>,
    /// The path that its lines are asked at.
    pub(super) endpoint: String,
    pub(super) input_file: Uuid,
    /// The model of lines that name none.
    pub(super) model: Option<String>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    pub(super) created_s: i64,
    /// When its window ends.
    pub(super) expires_s: i64,
    /// How long its files are kept, from when they are written.
    pub(super) output_kept_s: i64,
    /// Until when it is shown.
    pub(super) kept_until_s: i64,
    pub(super) status: Status,
    pub(super) since: Since,
    pub(super) counts: Counts,
    pub(super) faults: Vec<Fault>,
    /// Whether its window was over before all lines were asked.
    pub(super) is_late: bool,
    /// Chosen before they are written, so that a second attempt writes the same.
    pub(super) output_file: Option<Uuid>,
    pub(super) error_file: Option<Uuid>,
}

impl Record {
    /// Takes the next state; false if there is no way to it from here, and nothing has changed then.
    pub(super) fn step(&mut self, to: Status, now_s: i64) -> bool {
        use Status::{
            Cancelled, Cancelling, Completed, Expired, Failed, Finalizing, InProgress, Validating,
        };
        let allowed = match self.status {
            Validating => matches!(to, Failed | InProgress | Cancelling),
            InProgress => matches!(to, Finalizing | Cancelling | Failed),
            // Of those that end it, the window and the last line come here.
            Finalizing => matches!(to, Completed | Expired | Failed),
            Cancelling => matches!(to, Cancelled | Failed),
            Failed | Completed | Expired | Cancelled => false,
        };
        if !allowed {
            return false;
        }
        let since = &mut self.since;
        let entered = match to {
            Validating => return false,
            InProgress => &mut since.in_progress,
            Finalizing => &mut since.finalizing,
            Completed => &mut since.completed,
            Failed => &mut since.failed,
            Expired => &mut since.expired,
            Cancelling => &mut since.cancelling,
            Cancelled => &mut since.cancelled,
        };
        *entered = Some(now_s);
        self.status = to;
        true
    }

    /// Ends it for a reason.
    pub(super) fn fail(&mut self, faults: Vec<Fault>, now_s: i64) {
        if self.step(Status::Failed, now_s) {
            self.faults = faults;
        }
    }

    /// Whether its window is over.
    pub(super) const fn is_over(&self, now_s: i64) -> bool {
        now_s >= self.expires_s
    }
}

#[cfg(test)]
pub(super) mod tests;
