//! One kept HTTP/1.1 connection: a request out, its answer in. It knows no more of HTTP than the
//! platform's own answers need, so that the load costs little beside what it loads.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A connection with who speaks on it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    host: String,
    token: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer<'a> {
    /// The status code.
    pub(super) status: u16,
    /// The body.
    pub(super) body: &'a [u8],
}

impl Wire {
    pub(super) async fn connect(address: SocketAddr, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (request, answer) = (Vec::new(), Vec::new());
        Ok(Self { stream, host: address.to_string(), token: token.to_owned(), request, answer })
    }

    /// Posts JSON and waits for the whole answer.
    pub(super) async fn post(&mut self, path: &str, body: &str) -> io::Result<Answer<'_>> {
        use io::Write as _;
        self.request.clear();
        let (host, token, length) = (&self.host, &self.token, body.len());
        write!(
            self.request,
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        let head = loop {
            if let Some(end) = find(&self.answer, b"\r\n\r\n") {
                break end.saturating_add(4);
            }
            self.more().await?;
        };
        let text = String::from_utf8_lossy(self.answer.get(..head).unwrap_or_default());
        let (status, length) = parse(&text).ok_or_else(|| odd("its head is not understood"))?;
        let whole = head.saturating_add(length);
        if whole > ANSWER_BYTES_MAX {
            return Err(odd("it is too large"));
        }
        while self.answer.len() < whole {
            self.more().await?;
        }
        Ok(Answer { status, body: self.answer.get(head..whole).unwrap_or_default() })
    }

    async fn more(&mut self) -> io::Result<()> {
        if self.answer.len() > ANSWER_BYTES_MAX {
            return Err(odd("it is too large"));
        }
        match self.stream.read_buf(&mut self.answer).await? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the platform hung up")),
            _ => Ok(()),
        }
    }
}

/// Status and length of the body.
fn parse(head: &str) -> Option<(u16, usize)> {
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let fields = lines.filter_map(|line| line.split_once(':'));
    let mut length = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Some((status, length.next()?.1.trim().parse().ok()?))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the platform's answer is odd: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_status_and_length_or_nothing() {
        let head = "HTTP/1.1 201 Created\r\nx-request-id: r\r\nContent-Length: 17\r\n\r\n";
        assert_eq!(parse(head), Some((201, 17)));
        assert_eq!(parse("HTTP/1.1 200 OK\r\n\r\n"), None);
        assert_eq!(parse("nonsense\r\n\r\n"), None);
    }
}
