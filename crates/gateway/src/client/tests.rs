//! Answers of replicas, cut anywhere, and answers that could be read in two ways.

use proptest::prelude::*;

use super::chunks::{Chunks, Malformed};
use super::head::{self, Framing};

/// The data of a chunked body given in pieces, and how many bytes followed its end.
fn unchunk(pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<usize>), Malformed> {
    let (mut chunks, mut data, mut after) = (Chunks::default(), Vec::new(), None);
    for piece in pieces {
        let left = chunks.feed(piece, |bytes| data.extend_from_slice(bytes))?;
        if chunks.is_over() {
            after = Some(after.unwrap_or(0) + left);
        }
    }
    Ok((data, after))
}

#[test]
fn chunks_are_taken_off() {
    let body = b"5 \t\r\nhello\r\nA ;x=\"y\"\r\n, world!!!\r\n0\r\nt: 1\r\n\r\nnext";
    assert_eq!(unchunk(&[body]).unwrap(), (b"hello, world!!!".to_vec(), Some(4)));
    for cut in 0..=body.len() {
        let (a, b) = body.split_at(cut);
        assert_eq!(unchunk(&[a, b]).unwrap(), (b"hello, world!!!".to_vec(), Some(4)), "{cut}");
    }
}

#[test]
fn malformed_chunks_are_refused() {
    let bodies: [&[u8]; 11] = [
        b"\r\n",
        b"g\r\n",
        b"-1\r\nx",
        b"+1\r\nx\r\n",
        b"1\nx\r\n",
        b"1\r\nxy\r\n",
        b"0\r\n\rx",
        b"1111111111111111\r\n",
        b"1;\n\r\n",
        b"1 x\r\na\r\n",
        b"1 1\r\na\r\n",
    ];
    for body in bodies {
        assert_eq!(unchunk(&[body]), Err(Malformed), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn heads_say_how_their_bodies_end() {
    let read =
        |text: &str| head::answer(text.as_bytes()).map(|all| all.map(|a| (a.framing, a.is_kept)));
    let kept = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n";
    assert_eq!(read(kept).unwrap(), Some((Framing::Length(7), true)));
    let closing = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: x, Close\r\n\r\n";
    assert_eq!(read(closing).unwrap(), Some((Framing::Length(7), false)));
    let chunked =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(read(chunked).unwrap(), Some((Framing::Chunked, true)));
    assert_eq!(read("HTTP/1.1 200 OK\r\n\r\n").unwrap(), Some((Framing::UntilClose, false)));
    let old = "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n";
    assert_eq!(read(old).unwrap(), Some((Framing::Length(1), false)));
    for cut in 0..kept.len() {
        assert_eq!(read(&kept[..cut]).unwrap(), None, "{cut}");
    }
}

#[test]
fn heads_that_can_be_read_in_two_ways_are_refused() {
    for fields in [
        "content-length: 1\r\ncontent-length: 2",
        "content-length: +1",
        "content-length: 1, 1",
        "content-length: 1\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity",
    ] {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        assert!(head::answer(text.as_bytes()).is_err(), "{fields}");
    }
    assert!(head::answer(b"<html>").is_err());
    assert!(head::answer(b"HTTP/1.1 101 Switching\r\n\r\n").is_err());
}

proptest! {
    #[test]
    fn cuts_of_chunks_never_matter(
        data in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut body = Vec::new();
        for chunk in &data {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\n\r\n");
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        places.extend([0, body.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|two| &body[two[0]..two[1]]).collect();
        prop_assert_eq!(unchunk(&pieces), Ok((data.concat(), Some(0))));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = head::answer(&bytes);
        let _ = unchunk(&[&bytes]);
    }
}
