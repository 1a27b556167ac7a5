//! Why a command was refused: facts, no HTTP. The server maps each variant to a problem document.

use policy::{Decision, Question, Refusal};
use serde::{Deserialize, Serialize};
use units::{Allowance, DataClass, Id, UnixMicros, kinds};

/// A placement or submission that a policy forbids; also recorded in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The project that asked.
    pub project: Id<kinds::Project>,
    /// The workload's or artefact's name as given, or the workload's id once it has one.
    pub workload: String,
    /// The class of the data in question.
    pub class: DataClass,
    /// The decision on the last site asked, with the policies that determined it.
    pub decision: Decision,
    /// The reason and the remedy, for people.
    pub refusal: Refusal,
    /// What was asked, so that it can be asked again; missing in older entries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Box<Question>>,
}

/// Why a command was not accepted. Nothing has changed, except that a policy refusal is logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// No such resource.
    #[error("{kind} `{id}` does not exist")]
    NotFound {
        /// The noun.
        kind: &'static str,
        /// What was asked for.
        id: String,
    },
    /// A name must be unique among its siblings.
    #[error("{kind} `{name}` exists already: choose another name")]
    NameTaken {
        /// The noun.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A field is out of range or contradicts another.
    #[error("field `{field}`: {message}")]
    Invalid {
        /// The field, as a dotted path.
        field: &'static str,
        /// Value and remedy.
        message: String,
    },
    /// A collection is full.
    #[error("the limit of {limit} {what} is reached")]
    LimitReached {
        /// The collection.
        what: &'static str,
        /// Its maximum.
        limit: u64,
    },
    /// `If-Match` named another version.
    #[error(
        "version {expected} was expected, but the resource is at version {current}: read it again"
    )]
    VersionConflict {
        /// What the caller had seen.
        expected: u64,
        /// What is.
        current: u64,
    },
    /// An idempotency key was used before for a different command.
    #[error("idempotency key `{key}` was used for a different command: use a fresh key")]
    IdempotencyMismatch {
        /// The key.
        key: String,
    },
    /// A policy forbids it, or no policy permits it.
    #[error("{}", .0.refusal.reason)]
    ForbiddenByPolicy(Box<Refused>),
    /// A policy forbids it to the platform itself; the decision goes on record.
    #[error("{}", .refusal.reason)]
    ForbiddenToPlatform {
        /// The decision, as it is logged.
        event: Box<crate::Event>,
        /// The reason and the remedy, for people.
        refusal: Refusal,
    },
    /// It would train on what people asked models, and their organisation has not allowed that.
    #[error(
        "it would train on what people of organisation `{organisation}` asked models, which that organisation has not allowed"
    )]
    TrainingNotAllowed {
        /// The organisation.
        organisation: String,
    },
    /// A budget over it is used up.
    #[error(
        "budget `{name}` of {owner} is used up: {spent} of {limit} spent; ask for a higher limit{}",
        if resets_at.is_some() { " or wait until next month" } else { "" }
    )]
    BudgetExhausted {
        /// The budget.
        budget: Id<kinds::Budget>,
        /// Its name.
        name: String,
        /// Whose it is, for people.
        owner: String,
        /// Its limit.
        limit: Allowance,
        /// What was spent.
        spent: Allowance,
        /// When it opens by itself, if it does.
        resets_at: Option<UnixMicros>,
    },
    /// The resource is in a state that does not allow it.
    #[error("{kind} `{id}` is {state}: cannot {action}")]
    WrongState {
        /// The noun.
        kind: &'static str,
        /// The resource.
        id: String,
        /// Its state.
        state: String,
        /// What was asked.
        action: &'static str,
    },
    /// A report or proposal about an older generation.
    #[error("generation {given} of workload `{workload}` is stale: the current one is {current}")]
    Stale {
        /// The workload.
        workload: Id<kinds::Workload>,
        /// The generation given.
        given: u64,
        /// The generation in force.
        current: u64,
    },
    /// A proposed placement does not fit.
    #[error("placement does not fit: {message}")]
    DoesNotFit {
        /// Which node lacks what.
        message: String,
    },
    /// The projects of an organisation would be promised more than the organisation is.
    #[error(
        "the projects of organisation `{organisation}` would be promised {promised_milli} thousandths of `{class}`, it has {given_milli}: raise its quota or give less"
    )]
    QuotaExceeded {
        /// The organisation.
        organisation: String,
        /// The class.
        class: String,
        /// What its projects would be promised together.
        promised_milli: u64,
        /// What the organisation is promised.
        given_milli: u64,
    },
    /// A node is reserved for another at that time.
    #[error("node `{node}` is reserved by `{name}` ({reservation}) in that window")]
    ReservationConflict {
        /// The node's name.
        node: String,
        /// The other reservation.
        reservation: Id<kinds::Reservation>,
        /// Its name.
        name: String,
        /// When it ends.
        until: UnixMicros,
    },
    /// Nobody gives more than they have.
    #[error("this gives more than the caller has here, such as {operations}: give a narrower role")]
    BeyondOwn {
        /// Some of what the caller lacks.
        operations: String,
    },
    /// The entry would exceed what the log can hold.
    #[error(
        "the entry would take {bytes} bytes, the log holds at most {limit}: pass large payloads by digest"
    )]
    EntryTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
}

impl Reject {
    /// A resource that does not exist.
    pub(crate) fn not_found(kind: &'static str, id: impl ToString) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    /// A field that cannot be accepted.
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid { field, message: message.into() }
    }

    /// Fails when a collection of `size` cannot grow.
    pub(crate) fn limit(what: &'static str, size: usize, max: usize) -> Result<(), Self> {
        if size < max {
            Ok(())
        } else {
            Err(Self::LimitReached { what, limit: u64::try_from(max).unwrap_or(u64::MAX) })
        }
    }
}
