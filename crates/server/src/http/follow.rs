//! Streams of what the log gains, as server-sent events (HTML Living Standard §9.2): one loop for every
//! kind of reader.
//!
//! Nothing is sent to who was stopped, or whose session ended, since the last piece: who reads is looked
//! at anew before each.

use std::{future::Future, sync::Arc, time::Duration};

use api::problem::Code;
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, header};
use tokio::sync::watch;

use super::{
    App,
    caller::{Caller, unauthenticated},
    fail::Fail,
};
use crate::sign_in::session::Session;

/// A comment that keeps the connection open while nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a look at the log gave.
pub(crate) enum Seen {
    /// Something to send: whole messages.
    Messages(String),
    /// Nothing for this reader, and there is more to look at.
    Nothing,
    /// All that there is was looked at.
    End,
}

/// Somebody's view of the log, and how far it was read.
pub(crate) trait Reader: Send + 'static {
    /// Whether to wait for more at the end.
    fn keeps_on(&self) -> bool {
        true
    }

    /// Looks on from where it stopped.
    fn look(
        &mut self,
        app: &Arc<App>,
        caller: &Caller,
    ) -> impl Future<Output = Result<Seen, Fail>> + Send;
}

/// Whether a stream is asked for.
pub(crate) fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accept.flat_map(|line| line.split(',')).any(|media| {
        media.split(';').next().is_some_and(|m| m.trim().eq_ignore_ascii_case("text/event-stream"))
    })
}

/// The stream of a reader.
pub(crate) fn respond(
    app: Arc<App>,
    caller: Caller,
    session: Option<Session>,
    reader: impl Reader,
) -> Response {
    let changes = app.platform.watch();
    let following = Following { app, caller, session, changes, reader };
    let pieces = stream::unfold(Some(following), |state| async move {
        let mut following = state?;
        match following.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(following))),
            Ok(None) => None,
            // The connection ends; the client resumes with Last-Event-ID and is told why then.
            Err(fail) => Some((Err(std::io::Error::other(fail.0.detail.clone())), None)),
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Following<R> {
    app: Arc<App>,
    caller: Caller,
    session: Option<Session>,
    changes: watch::Receiver<u64>,
    reader: R,
}

impl<R: Reader> Following<R> {
    /// The next piece of the stream; `None` at its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Fail> {
        loop {
            // Marked before reading: what comes while reading wakes the wait below.
            self.changes.borrow_and_update();
            self.renew()?;
            match self.reader.look(&self.app, &self.caller).await? {
                Seen::Messages(text) => return Ok(Some(Bytes::from(text))),
                Seen::Nothing => continue,
                Seen::End if !self.reader.keeps_on() => return Ok(None),
                Seen::End => {}
            }
            match tokio::time::timeout(HEARTBEAT, self.changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_closed)) => return Ok(None),
                Err(_elapsed) => return Ok(Some(Bytes::from_static(b": still here\n\n"))),
            }
        }
    }

    /// Who was stopped meanwhile is sent nothing more, and who lost a right no more of that.
    fn renew(&mut self) -> Result<(), Fail> {
        let (platform, now) = (&self.app.platform, self.app.platform.now());
        if let Some(session) = &self.session
            && !platform.sign_in().sessions.is_open(now, session)
        {
            return Err(unauthenticated("the session is over"));
        }
        self.caller = platform.read(|state| self.caller.renewed(state, now))?;
        Ok(())
    }
}

/// What a client that comes back has seen: the position or number in `Last-Event-ID`.
pub(super) fn resumed(headers: &HeaderMap) -> Result<Option<u64>, Fail> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let seen = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong =
        || Fail::new(Code::InvalidQuery, "the header Last-Event-ID needs a sequence number");
    seen.map(Some).ok_or_else(wrong)
}
