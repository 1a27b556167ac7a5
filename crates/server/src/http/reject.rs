//! The one exhaustive match from what the state machine refuses to a problem document.
//!
//! Status policy: 401 who are you, 403 known but forbidden, 404 when existence is secret, 409 state
//! or version, 422 valid JSON that a rule refuses, 402 budget, 507 no room. Nothing else in this
//! crate chooses a code for a [`Reject`].

use api::{
    problem::{Code, FieldError},
    text::Timestamp,
};
use kernel::Reject;

use super::fail::Fail;
use crate::platform::SubmitFailure;

impl From<Reject> for Fail {
    fn from(reject: Reject) -> Self {
        let text = reject.to_string();
        match reject {
            Reject::NotFound { .. } => Self::new(Code::NotFound, text),
            Reject::NameTaken { .. } => {
                Self::new(Code::NameTaken, text).remedy("choose another name, or use what exists")
            }
            Reject::Invalid { field, message } => invalid(field, message),
            Reject::LimitReached { limit, .. } => {
                let mut fail = Self::new(Code::LimitReached, text);
                fail.0.limit = Some(limit);
                fail.remedy("remove what is no longer needed, or ask the operator")
            }
            Reject::VersionConflict { current, .. } => Self::new(Code::VersionConflict, text)
                .remedy(format!("read it again; its version is `\"{current}\"` now")),
            Reject::IdempotencyMismatch { .. } => {
                Self::new(Code::IdempotencyMismatch, text).remedy("send a fresh Idempotency-Key")
            }
            Reject::ForbiddenByPolicy(refused) => {
                Self::new(Code::ForbiddenByPolicy, text).remedy(refused.refusal.remedy)
            }
            Reject::ForbiddenToPlatform { refusal, .. } => {
                Self::new(Code::ForbiddenByPolicy, text).remedy(refusal.remedy)
            }
            Reject::TrainingNotAllowed { .. } => Self::new(Code::ForbiddenByPolicy, text).remedy(
                "use other data, or ask an administrator of that organisation for `cocarde org training`",
            ),
            Reject::BudgetExhausted { budget, name, .. } => Self::new(Code::BudgetExhausted, text)
                .remedy(format!(
                    "ask an administrator to raise budget `{name}`: `cocarde budget set {budget} --limit AMOUNT`"
                )),
            Reject::WrongState { .. } => Self::new(Code::StateConflict, text),
            Reject::Stale { .. } => {
                Self::new(Code::StateConflict, text).remedy("read it again, then decide")
            }
            Reject::DoesNotFit { .. } => Self::new(Code::NoCapacity, text),
            Reject::QuotaExceeded { .. } => Self::new(Code::QuotaExceeded, text)
                .remedy("see `cocarde quota list` for what each project has"),
            Reject::ReservationConflict { until, .. } => {
                let until = Timestamp(until);
                Self::new(Code::ReservationConflict, text)
                    .remedy(format!("choose other nodes, or a window from {until} on"))
            }
            Reject::BeyondOwn { .. } => Self::new(Code::Forbidden, text)
                .remedy("give a narrower role, or ask an administrator to give this one"),
            Reject::EntryTooLarge { limit, .. } => {
                let mut fail = Self::new(Code::PayloadTooLarge, text);
                fail.0.limit = u64::try_from(limit).ok();
                fail.remedy("shorten texts, or store the content as a blob and name its digest")
            }
        }
    }
}

fn invalid(field: &'static str, message: String) -> Fail {
    let pointer = format!("/{}", field.replace('.', "/"));
    Fail::fields(vec![FieldError::new(pointer, message)])
}

impl From<SubmitFailure> for Fail {
    fn from(failure: SubmitFailure) -> Self {
        match failure {
            SubmitFailure::Reject(reject) => (*reject).into(),
            SubmitFailure::Unavailable(reason) if reason.contains("disk is full") => {
                tracing::error!(%reason, "the log's disk is full");
                Self::new(Code::StorageFull, "the disk is full; nothing was written")
                    .remedy("ask the operator to free space; then send the same request again")
            }
            SubmitFailure::Unavailable(reason) => {
                tracing::warn!(%reason, "a command could not be taken");
                Self::new(
                    Code::Unavailable,
                    "the platform cannot take commands now; nothing changed",
                )
                .remedy("send the same request again in a moment")
            }
            SubmitFailure::Unknown(reason) => {
                tracing::error!(%reason, "the outcome of a command is not known");
                Self::new(Code::Unavailable, "it is not known whether the command was stored")
                    .remedy("send the same request again with the same Idempotency-Key")
            }
        }
    }
}

#[cfg(test)]
mod tests;
