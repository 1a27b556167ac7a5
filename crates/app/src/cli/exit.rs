//! Exit codes: the one place where they are defined. Scripts branch on them, so none ever changes
//! its meaning.

use std::process::ExitCode;

use api::problem::Code;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok,
    /// What was asked for happened and ended badly: a job failed, an audit found something.
    Failed,
    /// The command line is not understood.
    Usage,
    /// It does not exist.
    NotFound,
    /// A policy, a budget, a permission or a limit refuses.
    Refused,
    /// The name is taken, or the state or version is another.
    Conflict,
    /// The server cannot be reached or does not answer.
    Unreachable,
    /// An input file is not valid.
    InvalidInput,
    /// The time to wait is over; nothing is decided yet.
    NotYet,
    /// A fault of ours.
    Internal,
    /// Interrupted from the keyboard (128 + SIGINT).
    Interrupted,
    /// Asked to stop and stopped in good order, to be resumed (128 + SIGTERM).
    Stopped,
}

impl Exit {
    /// All of them, by code.
    pub(crate) const ALL: [Self; 12] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::Refused,
        Self::Conflict,
        Self::Unreachable,
        Self::InvalidInput,
        Self::NotYet,
        Self::Internal,
        Self::Interrupted,
        Self::Stopped,
    ];

    /// The code.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Conflict => 5,
            Self::Unreachable => 6,
            Self::InvalidInput => 7,
            Self::NotYet => 8,
            Self::Internal => 70,
            Self::Interrupted => 130,
            Self::Stopped => 143,
        }
    }

    /// What it means, for the help text.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Failed => "it failed: a job ended badly, an audit found something",
            Self::Usage => "the command line is not understood",
            Self::NotFound => "not found",
            Self::Refused => "refused by a policy, a budget, a permission or a limit",
            Self::Conflict => "conflict: name taken, or another state or version",
            Self::Unreachable => "the server cannot be reached or cannot answer now",
            Self::InvalidInput => "an input file or value is not valid",
            Self::NotYet => "not finished within the time to wait",
            Self::Internal => "a fault of cocarde",
            Self::Interrupted => "interrupted from the keyboard",
            Self::Stopped => "stopped on request, with a checkpoint to resume from",
        }
    }

    /// The exit code of a refusal; exhaustive, so that a new code must be given its place.
    pub(crate) const fn of(code: Code) -> Self {
        match code {
            Code::NotFound | Code::ReceiptPending => Self::NotFound,
            Code::Unauthenticated
            | Code::Forbidden
            | Code::ForbiddenByPolicy
            | Code::BudgetExhausted
            | Code::LimitReached
            | Code::RateLimited
            | Code::NoCapacity => Self::Refused,
            Code::NameTaken
            | Code::VersionConflict
            | Code::IdempotencyMismatch
            | Code::StateConflict
            | Code::ReservationConflict
            | Code::QuotaExceeded => Self::Conflict,
            Code::InvalidBody
            | Code::InvalidQuery
            | Code::InvalidField
            | Code::UnknownField
            | Code::DigestMismatch
            | Code::BlobMissing
            | Code::PayloadTooLarge
            | Code::UnsupportedMediaType => Self::InvalidInput,
            Code::ModelNotReady | Code::UpstreamFailed | Code::Unavailable => Self::Unreachable,
            Code::StorageFull | Code::LogCorrupt => Self::Failed,
            Code::MethodNotAllowed | Code::Internal => Self::Internal,
        }
    }

    /// The exit code of a refusal whose code this program does not know yet.
    pub(crate) const fn of_status(status: u16) -> Self {
        match status {
            404 | 410 => Self::NotFound,
            401..=403 | 429 => Self::Refused,
            409 | 412 => Self::Conflict,
            400..=499 => Self::InvalidInput,
            502..=504 => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table for `cocarde --help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        text.push_str(&format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_every_refusal_is_a_failure() {
        let codes: BTreeSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes.len(), Exit::ALL.len());
        for code in Code::ALL {
            assert_ne!(Exit::of(*code), Exit::Ok, "{}", code.slug());
        }
        for (status, exit) in [
            (404, Exit::NotFound),
            (403, Exit::Refused),
            (409, Exit::Conflict),
            (422, Exit::InvalidInput),
            (500, Exit::Failed),
            (503, Exit::Unreachable),
        ] {
            assert_eq!(Exit::of_status(status), exit);
        }
    }
}
