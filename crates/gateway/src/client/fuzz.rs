//! Answers of upstreams that nobody trusts: cut anywhere they are read alike, and as hyper reads them.
//!
//! The risk is that two readers see different ends of one answer, since what is left over then begins the answer
//! to somebody else's request on the same connection.

use std::future::Future;
use std::io::Error;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::rt::{Read, ReadBufCursor, Write};

use super::head::{self, Answer, HEAD_BYTES_MAX, Unusable};
use super::inflow::End;
use crate::fuzzing::cuts;

/// What was read of a connection.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// No head that we understand.
    Unusable,
    /// The head is not all there.
    Headless,
    /// Status, headers, body, and how that ended.
    Answered(u16, Vec<(String, Vec<u8>)>, Vec<u8>, Ending),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The body ended, and so many bytes follow it; whether the connection may be asked again is the second.
    Whole(usize, bool),
    /// It ended with the connection.
    WithConnection,
    /// The connection ended too early.
    Early,
    /// It is no HTTP.
    Malformed,
}

pub(crate) fn run(bytes: &[u8]) {
    let [whole, bytewise, short, long] = cuts(bytes).map(|pieces| read(&pieces));
    assert_eq!(whole, bytewise, "byte by byte");
    assert_eq!(whole, short, "in short pieces");
    assert_eq!(whole, long, "in long pieces");
    let Told::Answered(status, _, body, ending) = whole else { return };
    match (ending, by_hyper(bytes)) {
        (Ending::Malformed, _) => {}
        (Ending::Early, told) => assert_eq!(told, None, "hyper sees an end where there is none"),
        (Ending::WithConnection, told) => {
            assert_eq!(told, Some((status, body)), "hyper reads it otherwise");
        }
        (Ending::Whole(after, is_kept), told) => {
            let (own, rest) = bytes.split_at(bytes.len() - after);
            assert!(!is_kept || rest.is_empty(), "it is kept with bytes that nobody asked for");
            let alone = read(&[own]);
            let is_same =
                matches!(&alone, Told::Answered(.., b, Ending::Whole(0, _)) if *b == body);
            assert!(is_same, "what follows an answer changes it");
            // Trailers are passed over here, and read there.
            if told.is_some() || !has_trailers(own) {
                assert_eq!(told, Some((status, body)), "hyper reads it otherwise");
            }
        }
    }
}

/// What a link and an inflow do with pieces as they are read from a connection that then ends.
fn read(pieces: &[&[u8]]) -> Told {
    let (mut held, mut rest) = (Vec::new(), pieces.iter());
    let answer = loop {
        let Some(piece) = rest.next() else { return Told::Headless };
        held.extend_from_slice(piece);
        match head::answer(&held) {
            Ok(Some(answer)) => break answer,
            Ok(None) if held.len() <= HEAD_BYTES_MAX => {}
            Ok(None) | Err(Unusable) => return Told::Unusable,
        }
    };
    let Answer { status, headers, framing, is_kept, ahead } = answer;
    let (mut end, mut body, mut after) = (End::of(framing), Vec::new(), 0);
    let mut is_well = true;
    for piece in [ahead.as_slice()].into_iter().chain(rest.copied()) {
        let fed = end.feed(piece, &mut |data| body.extend_from_slice(data));
        is_well = is_well && fed.map(|(_, left)| after += left).is_ok();
        if !is_well {
            break;
        }
    }
    let ending = match end {
        _ if !is_well => Ending::Malformed,
        End::Reached => Ending::Whole(after, is_kept && after == 0),
        End::WithConnection => {
            assert!(!is_kept, "nothing can follow on its connection");
            Ending::WithConnection
        }
        End::After(_) | End::Chunks(_) => Ending::Early,
    };
    let fields = headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Told::Answered(status.as_u16(), fields.collect(), body, ending)
}

/// Whether a chunked answer has lines after its last chunk: without the last of them it ends as well.
fn has_trailers(own: &[u8]) -> bool {
    let Some(lines) = own.strip_suffix(b"\r\n\r\n") else { return false };
    let Some(last) = lines.windows(2).rposition(|two| two == b"\r\n") else { return false };
    let shorter = [&lines[..last], b"\r\n\r\n"].concat();
    matches!(read(&[&shorter]), Told::Answered(.., Ending::Whole(0, _)))
}

/// Status and body as hyper's client reads them; `None` if it does not come to their end.
fn by_hyper(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut cx = Context::from_waker(Waker::noop());
    let connecting = hyper::client::conn::http1::handshake(Wire { bytes, at: 0, is_asked: false });
    let Poll::Ready(Ok((mut sender, connection))) = pin!(connecting).poll(&mut cx) else {
        panic!("a connection in memory is always there")
    };
    let mut connection = pin!(connection);
    let request = hyper::Request::builder().header("host", "h").body(Empty::<Bytes>::new());
    let asked = sender.send_request(request.expect("a plain request"));
    let mut collected = pin!(async move {
        let answer = asked.await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.into_body().collect().await.ok()?.to_bytes().to_vec()))
    });
    // Each turn reads, or ends; a chunk of one byte takes at least six on the wire.
    for _ in 0..bytes.len() + 8 {
        if let Poll::Ready(told) = collected.as_mut().poll(&mut cx) {
            return told;
        }
        let _ = connection.as_mut().poll(&mut cx);
    }
    None
}

/// A connection that takes any request and has these bytes for an answer, then ends.
struct Wire<'a> {
    bytes: &'a [u8],
    at: usize,
    is_asked: bool,
}

impl Read for Wire<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if !this.is_asked {
            return Poll::Pending;
        }
        let count = buffer.remaining().min(this.bytes.len() - this.at);
        buffer.put_slice(&this.bytes[this.at..this.at + count]);
        this.at += count;
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        self.get_mut().is_asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

/// The head that a replica gets; `None` if its address cannot stand in one.
pub(crate) fn written(target: &super::Target<'_>, order: &super::Order<'_>) -> Option<Vec<u8>> {
    head::request(target, order)
}
