//! Server-sent events (WHATWG HTML §9.2), as far as the platform sends them.

use std::io::{BufRead, BufReader, Read};

use super::ClientError;
use crate::nouns::event::Event;

/// Longest message; a longer one ends the stream.
const MESSAGE_BYTES_MAX: u64 = 4 << 20;

/// Events as they come; ends when the connection does, and after the first error.
pub struct EventStream {
    reader: BufReader<Box<dyn Read + Send>>,
    ended: bool,
}

impl std::fmt::Debug for EventStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EventStream").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl EventStream {
    /// Reads a body of type `text/event-stream`.
    #[must_use]
    pub fn new(body: Box<dyn Read + Send>) -> Self {
        Self { reader: BufReader::new(body), ended: false }
    }

    /// The data of the next message; `None` at the end.
    fn message(&mut self) -> Result<Option<String>, ClientError> {
        let broken = |message: String| ClientError::InvalidAnswer { status: 200, message };
        let mut data = String::new();
        let mut left = MESSAGE_BYTES_MAX;
        loop {
            let mut line = Vec::new();
            let n_read = (&mut self.reader)
                .take(left)
                .read_until(b'\n', &mut line)
                .map_err(|e| broken(format!("the stream broke off: {e}")))?;
            left = left.saturating_sub(u64::try_from(n_read).unwrap_or(u64::MAX));
            if n_read == 0 && left == 0 {
                return Err(broken(format!("a message has more than {MESSAGE_BYTES_MAX} bytes")));
            }
            if n_read == 0 {
                // A message without its empty line is incomplete and dropped (§9.2.6).
                return Ok(None);
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if text.is_empty() && !data.is_empty() {
                return Ok(Some(data));
            }
            if text.is_empty() {
                // The end of a message without data, such as a comment that keeps alive.
                left = MESSAGE_BYTES_MAX;
            } else if let Some(value) = text.strip_prefix("data:") {
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(value.strip_prefix(' ').unwrap_or(value));
            }
        }
    }
}

impl Iterator for EventStream {
    type Item = Result<Event, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let event = self.message().and_then(|message| {
            let read = |text: String| {
                serde_json::from_str(&text).map_err(|e| ClientError::InvalidAnswer {
                    status: 200,
                    message: format!("an event is not understood: {e}"),
                })
            };
            message.map(read).transpose()
        });
        self.ended = !matches!(event, Ok(Some(_)));
        event.transpose()
    }
}
