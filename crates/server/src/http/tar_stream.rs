//! A tar file that is written while it is sent. It is never held whole, and a slow reader slows its
//! writer down.

use std::io;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Pieces that wait for a slow reader.
const PIECES_MAX: usize = 16;

/// Answers with what `write` writes, under this name; it runs on a thread of its own. `what` names it
/// in the message about one that broke off.
pub(crate) fn answer(
    file_name: &str,
    what: String,
    write: impl FnOnce(PieceWriter) -> io::Result<()> + Send + 'static,
) -> Response {
    let (pieces_in, pieces) = mpsc::channel::<io::Result<Bytes>>(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = write(PieceWriter { pieces: pieces_in.clone() }) {
            tracing::warn!(%error, what, "a file was not sent to its end");
            // A reader that has gone does not want to know.
            let _ = pieces_in.blocking_send(Err(error));
        }
    });
    let mut response = Response::new(Body::from_stream(ReceiverStream::new(pieces)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{file_name}.tar\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// Hands bytes to a response, and waits while its reader is slow.
pub(crate) struct PieceWriter {
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

impl io::Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.pieces.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_gone| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
