//! One connection to a replica: asked one thing at a time.
//!
//! Bytes are read into a buffer that all connections of a thread share, and handed on from there: a
//! connection that waits holds no memory for what may come.

use std::cell::RefCell;
use std::io::{Error, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use super::head::{self, Answer, HEAD_BYTES_MAX, Unusable};
use super::{Target, Wire};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;

/// Largest body that is copied behind its head: below, that costs less than what the system does for two.
const COPIED_BYTES_MAX: usize = 16 << 10;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: Wire,
    /// The name of the server among connections that are kept.
    pub(super) replica: Arc<str>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The replica cannot have read a whole request.
    #[error("it closed the connection before the request was written")]
    Unwritten,
    /// It may have; nothing of an answer has come.
    #[error("it closed the connection before a byte of an answer")]
    Closed,
    /// It may have, and has begun to answer.
    #[error("it broke off before its answer's head: {0}")]
    Broken(Error),
    /// It answered something else than HTTP/1.1.
    #[error("{0}")]
    Unusable(#[from] Unusable),
}

impl Link {
    /// Connects.
    pub(super) async fn open(target: &Target<'_>, timeout: Duration) -> Result<Self, Error> {
        let replica = target.name.into();
        if let Some(dial) = target.dial {
            return Ok(Self { stream: dial.open().await?, replica });
        }
        let connecting = tokio::time::timeout(timeout, TcpStream::connect(target.host));
        let stream = connecting.await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Wire::Plain(stream), replica })
    }

    /// Sends a request and reads the head of its answer.
    pub(super) async fn ask(
        mut self,
        head: &[u8],
        body: &[u8],
    ) -> Result<(Answer, Self), Unanswered> {
        // What refuses a request by its head may answer and close before it has read all of it.
        let written = self.write(head, body).await;
        let answered = self.read_head().await;
        match (written, answered) {
            (Ok(()), Ok(answer)) => Ok((answer, self)),
            (Err(_), Ok(answer)) => Ok((Answer { is_kept: false, ..answer }, self)),
            (Err(_), Err(_)) => Err(Unanswered::Unwritten),
            (Ok(()), Err(error)) => Err(error),
        }
    }

    async fn write(&mut self, head: &[u8], body: &[u8]) -> Result<(), Error> {
        if body.len() <= COPIED_BYTES_MAX {
            self.stream.write_all(&[head, body].concat()).await?;
            return self.stream.flush().await;
        }
        let mut slices = [IoSlice::new(head), IoSlice::new(body)];
        let mut left = slices.as_mut_slice();
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let count = self.stream.write_vectored(left).await?;
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut left, count);
        }
        // What is encrypted may still be held.
        self.stream.flush().await
    }

    async fn read_head(&mut self) -> Result<Answer, Unanswered> {
        let mut held: Vec<u8> = Vec::new();
        loop {
            let read = std::future::poll_fn(|cx| {
                self.poll_read(cx, |bytes| {
                    if held.is_empty() {
                        // Nearly always the head comes whole: then it is read where it lies.
                        let parsed = head::answer(bytes);
                        if matches!(parsed, Ok(None)) {
                            held.extend_from_slice(bytes);
                        }
                        return parsed;
                    }
                    held.extend_from_slice(bytes);
                    head::answer(&held)
                })
            });
            let parsed = match read.await {
                Ok(Some(parsed)) => parsed,
                Ok(None) if held.is_empty() => return Err(Unanswered::Closed),
                Err(error) if held.is_empty() && is_end(&error) => return Err(Unanswered::Closed),
                Ok(None) => return Err(Unanswered::Broken(ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(Unanswered::Broken(error)),
            };
            if let Some(answer) = parsed? {
                return Ok(answer);
            }
            if held.len() > HEAD_BYTES_MAX {
                return Err(Unusable.into());
            }
        }
    }

    /// Reads what is there and looks at it where it lies; `None` at the connection's end.
    pub(super) fn poll_read<T>(
        &mut self,
        cx: &mut Context<'_>,
        look: impl FnOnce(&[u8]) -> T,
    ) -> Poll<Result<Option<T>, Error>> {
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.is_empty() {
                scratch.resize(READ_BYTES, 0);
            }
            let mut buffer = ReadBuf::new(scratch.as_mut_slice());
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(Ok(None)),
                Poll::Ready(Ok(())) => Poll::Ready(Ok(Some(look(buffer.filled())))),
            }
        })
    }
}

/// Whether an error says that the other end has gone; one that leaves TLS without a word is among them.
fn is_end(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
    )
}
