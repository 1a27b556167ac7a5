//! What is asked about a request before it is sent: whether it could be counted, what is checked of it, and what
//! limits and budgets must have room for.
//!
//! INVARIANT: a request whose checks are not known is refused; none is sent that has not passed its checks.

use std::sync::Arc;

use http::StatusCode;

use super::{Arrived, Gateway};
use crate::admission::{Ask, Tokens};
use crate::call::Call;
use crate::capture::{About, Capture};
use crate::directory::Route;
use crate::error::ApiError;
use crate::guard::{Checks, Context, Stopped};
use crate::request::Completion;

/// Tokens that a template may put around a conversation.
const TEMPLATE_TOKENS_MAX: u64 = 64;

impl Gateway {
    /// Looks at the question as the model's project wants it; gives what is to be checked of the answer, and what
    /// services that are asked about it are told.
    pub(super) async fn check(
        &self,
        arrived: &Arrived,
        route: &Route,
        asked: &mut Completion<'_>,
    ) -> Result<(Option<Arc<Checks>>, Option<Arc<Context>>), ApiError> {
        arrived.seen.routed(route.endpoint, &asked.model, asked.stream);
        let checks = self.directory.checks(route);
        let checks = checks.map_err(|refusal| self.refuse(refusal, &asked.model))?;
        let Some(checks) = checks else { return Ok((None, None)) };
        arrived.seen.checked(checks.question(asked.fields_mut()).map_err(Stopped::Refused))?;
        // What writes no text has no answer to look at.
        let is_written = arrived.call.writes();
        let asks = (checks.ask_about_questions(), is_written && checks.ask_about_answers());
        let context = (asks.0 || asks.1).then(|| self.context(arrived, route, &asked.model));
        if let Some(context) = context.as_ref().filter(|_| asks.0) {
            arrived.seen.checked(checks.ask_question(asked.fields_mut(), context).await)?;
        }
        Ok((Some(checks).filter(|_| is_written), context.filter(|_| asks.1)))
    }

    fn context(&self, arrived: &Arrived, route: &Route, model: &str) -> Arc<Context> {
        Arc::new(Context {
            directory: Arc::clone(&self.directory),
            metrics: Arc::clone(&self.metrics),
            request_id: arrived.request_id.clone(),
            endpoint: route.endpoint,
            model: model.to_owned(),
        })
    }

    /// What is kept of a request that has passed its checks. Who only cuts texts has nothing to keep.
    pub(super) fn capture(
        &self,
        arrived: &Arrived,
        route: &Route,
        model: &str,
    ) -> Option<(Capture, About)> {
        let (call, caller) = (arrived.call, &arrived.caller);
        let capture = self.directory.capture(caller, route).filter(|_| call.uses_tokens())?;
        let (project, path) = (caller.project, call.path());
        let id = arrived.answer_id.clone();
        Some((capture, About { project, id, model: model.to_owned(), path }))
    }

    /// Refuses what could not be counted.
    pub(super) fn require_room_for_usage(&self) -> Result<(), ApiError> {
        if self.meter.has_room() {
            return Ok(());
        }
        let message = "usage cannot be recorded at the moment: retry later";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut error = ApiError::new(status, "server_error", "metering_full", message.into());
        error.retry_after_s = Some(self.config.retry_after_s);
        Err(error)
    }

    /// What a request asks of limits, budgets and the line.
    pub(super) fn ask(
        &self,
        call: Call,
        route: &Route,
        (asked, body_bytes): (&Completion<'_>, usize),
    ) -> Ask {
        let endpoint = route.endpoint;
        let door = route.door(self.config.outstanding_max_per_replica);
        if !call.uses_tokens() {
            return Ask { endpoint, door, probably: 0, most: Tokens::default() };
        }
        let written = |otherwise| if call.writes() { asked.written_most(otherwise) } else { 0 };
        let guess = written(self.config.completion_tokens_guess);
        let body_bytes = u64::try_from(body_bytes).unwrap_or(u64::MAX);
        Ask {
            endpoint,
            door,
            probably: asked.prompt_tokens_estimate.saturating_add(guess),
            most: Tokens {
                // No tokenizer makes more tokens than there are bytes; a template may add a few.
                read: body_bytes.saturating_add(TEMPLATE_TOKENS_MAX),
                written: written(self.config.completion_tokens_most),
            },
        }
    }
}
