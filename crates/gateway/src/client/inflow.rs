//! The body of an answer as it comes in: handed on piece by piece, from where it was read.
//!
//! INVARIANT: a connection goes back to the pool only if its answer has ended, or its end is all that can
//! follow, and never with bytes nobody asked for. Dropping an unfinished body closes the connection, which
//! tells engines to stop generating.

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll};

use super::chunks::{Chunks, Malformed};
use super::head::Framing;
use super::link::Link;
use super::pool::Pool;

/// A body that is coming.
#[derive(Debug)]
pub(crate) struct Inflow {
    rest: Option<Rest>,
    /// What came with the head and nobody has taken.
    ahead: Vec<u8>,
    is_kept: bool,
    pool: Arc<Pool>,
}

/// A connection with what of its answer is still to come.
#[derive(Debug)]
pub(super) struct Rest {
    link: Link,
    end: End,
}

/// When the body is over.
#[derive(Debug)]
pub(super) enum End {
    After(u64),
    Chunks(Chunks),
    WithConnection,
    Reached,
}

/// The body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The connection failed or ended early.
    #[error("the connection broke: {0}")]
    Broken(#[from] Error),
    /// The body was no HTTP.
    #[error("the answer's chunks are malformed")]
    Malformed(#[from] Malformed),
}

impl Inflow {
    pub(super) fn new(
        link: Link,
        framing: Framing,
        ahead: Vec<u8>,
        is_kept: bool,
        pool: Arc<Pool>,
    ) -> Self {
        let end = End::of(framing);
        // What follows the end of an answer was not asked for.
        let is_kept = is_kept && (ahead.is_empty() || !matches!(end, End::Reached));
        Self { rest: Some(Rest { link, end }), ahead, is_kept, pool }
    }

    /// How long the body is, if its head says.
    pub(crate) fn length(&self) -> Option<u64> {
        match self.rest.as_ref().map(|rest| &rest.end)? {
            End::After(length) => Some(*length),
            End::Reached => Some(0),
            End::Chunks(_) | End::WithConnection => None,
        }
    }

    /// Hands what has come to `take`, in at least one piece; `None` at the end, after which the connection
    /// waits for its next request.
    ///
    /// # Errors
    /// [`Lost`]; nothing comes any more.
    pub(crate) fn poll_pieces(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&[u8]),
    ) -> Poll<Option<Result<(), Lost>>> {
        loop {
            let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
            if matches!(rest.end, End::Reached) {
                self.leave();
                return Poll::Ready(None);
            }
            let fed = if self.ahead.is_empty() {
                std::task::ready!(rest.poll_fill(cx, &mut take))
            } else {
                let ahead = std::mem::take(&mut self.ahead);
                rest.end.feed(&ahead, &mut take).map(Fed::of)
            };
            let fed = match fed {
                Ok(fed) => fed,
                Err(lost) => {
                    self.rest = None;
                    return Poll::Ready(Some(Err(lost)));
                }
            };
            self.is_kept &= !fed.is_over_full;
            if fed.has_data {
                return Poll::Ready(Some(Ok(())));
            }
        }
    }

    /// Gives the connection back, though the end of the answer may still be on its way: for a stream whose
    /// last event has come.
    pub(crate) fn leave(&mut self) {
        let Some(rest) = self.rest.take() else { return };
        if self.is_kept && self.ahead.is_empty() && !matches!(rest.end, End::WithConnection) {
            self.pool.put(rest);
        }
    }
}

/// What a piece of the connection held.
#[derive(Debug, Clone, Copy, Default)]
struct Fed {
    has_data: bool,
    /// Something followed the end of the body.
    is_over_full: bool,
}

impl Fed {
    fn of((has_data, left): (bool, usize)) -> Self {
        Self { has_data, is_over_full: left > 0 }
    }
}

impl Rest {
    /// Whose connection it is.
    pub(super) fn replica(&self) -> &Arc<str> {
        &self.link.replica
    }

    /// The connection, once it can be asked again.
    pub(super) fn into_link(self) -> Link {
        self.link
    }

    /// Whether it can be asked now; `Ready(false)` if never any more, `Pending` while its answer has not ended.
    pub(super) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            let is_over = matches!(self.end, End::Reached);
            match self.poll_fill(cx, &mut |_| {}) {
                // Whatever comes after the end, be it the end of the connection, was not asked for.
                Poll::Ready(_) if is_over => return Poll::Ready(false),
                Poll::Pending if is_over => return Poll::Ready(true),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Fed { is_over_full: false, .. })) => {}
                Poll::Ready(Ok(_) | Err(_)) => return Poll::Ready(false),
            }
        }
    }

    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(&[u8]),
    ) -> Poll<Result<Fed, Lost>> {
        let Self { link, end } = self;
        let read = std::task::ready!(link.poll_read(cx, |bytes| end.feed(bytes, take)))?;
        Poll::Ready(match read {
            Some(fed) => fed.map(Fed::of),
            None => end.close().map(|()| Fed::default()),
        })
    }
}

impl End {
    pub(super) fn of(framing: Framing) -> Self {
        match framing {
            Framing::Length(0) => Self::Reached,
            Framing::Length(length) => Self::After(length),
            Framing::Chunked => Self::Chunks(Chunks::default()),
            Framing::UntilClose => Self::WithConnection,
        }
    }

    /// Takes bytes of the connection; whether there was data in them, and how many are left over.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(bool, usize), Lost> {
        match self {
            Self::Reached => Ok((false, bytes.len())),
            Self::WithConnection => {
                take(bytes);
                Ok((true, 0))
            }
            Self::After(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                let (data, rest) = bytes.split_at(count);
                take(data);
                *left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                if *left == 0 {
                    *self = Self::Reached;
                }
                Ok((true, rest.len()))
            }
            Self::Chunks(chunks) => {
                let mut has_data = false;
                let left = chunks.feed(bytes, |data| {
                    has_data = true;
                    take(data);
                })?;
                if chunks.is_over() {
                    *self = Self::Reached;
                }
                Ok((has_data, left))
            }
        }
    }

    /// The connection has ended.
    pub(super) fn close(&mut self) -> Result<(), Lost> {
        match self {
            Self::WithConnection => {
                *self = Self::Reached;
                Ok(())
            }
            Self::Reached | Self::After(_) | Self::Chunks(_) => {
                Err(Error::from(ErrorKind::UnexpectedEof).into())
            }
        }
    }
}
