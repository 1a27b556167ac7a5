//! An incremental reader of server-sent events (WHATWG HTML, §9.2.6).
//!
//! Bytes go in as they arrive and complete events come out; how the bytes were cut never changes
//! the events. At most one unfinished event is held, and its size is limited. Unlike a browser,
//! comments are handed out too, since they keep connections alive.

pub(crate) mod cut;
#[cfg(test)]
mod tests;

/// Something complete in the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A line that began with a colon, without it.
    Comment(Vec<u8>),
    /// An event with data.
    Event {
        /// The `event` field; empty when not given.
        name: Vec<u8>,
        /// The `data` lines, joined by line feeds.
        data: Vec<u8>,
    },
}

impl Item {
    /// Appends the wire form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Comment(text) => {
                out.push(b':');
                out.extend_from_slice(text);
                out.extend_from_slice(b"\n\n");
            }
            Self::Event { name, data } => {
                if !name.is_empty() {
                    out.extend_from_slice(b"event: ");
                    out.extend_from_slice(name);
                    out.push(b'\n');
                }
                // A carriage return ends a line for who reads, as in JSON that somebody else wrote.
                for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(line);
                    out.push(b'\n');
                }
                out.push(b'\n');
            }
        }
    }
}

/// The stream holds an event larger than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is larger than {bytes_max} bytes")]
pub(crate) struct TooLong {
    /// The limit.
    pub(crate) bytes_max: usize,
}

/// The state between two pieces of a stream.
#[derive(Debug)]
pub(crate) struct Parser {
    bytes_max: usize,
    /// Bytes of the event so far, whatever is kept of them; a line's end counts as one.
    event_bytes: usize,
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_return: bool,
    first_line: bool,
}

impl Parser {
    /// A reader that holds at most `bytes_max` bytes of one event.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            event_bytes: 0,
            line: Vec::new(),
            name: Vec::new(),
            data: Vec::new(),
            has_data: false,
            after_return: false,
            first_line: true,
        }
    }

    /// Notes that the stream has begun elsewhere: what looks like a byte order mark is none any more.
    fn begun(&mut self) {
        self.first_line = false;
    }

    /// Takes the next bytes and appends what they complete.
    ///
    /// # Errors
    /// [`TooLong`]; what was complete before the oversized event has been appended, and the
    /// reader must not be used further.
    pub(crate) fn push(&mut self, mut bytes: &[u8], items: &mut Vec<Item>) -> Result<(), TooLong> {
        while let Some(first) = bytes.first() {
            // A line feed after a carriage return belongs to it, even across pieces.
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = bytes.get(1..).unwrap_or_default();
                continue;
            }
            let end = bytes.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            let event_bytes = self.event_bytes.saturating_add(part.len());
            if event_bytes > self.bytes_max && !part.is_empty() {
                return Err(TooLong { bytes_max: self.bytes_max });
            }
            self.line.extend_from_slice(part);
            self.event_bytes = event_bytes;
            if let Some((terminator, rest)) = rest.split_first() {
                self.after_return = *terminator == b'\r';
                self.event_bytes = event_bytes.saturating_add(1);
                self.end_line(items);
                bytes = rest;
            } else {
                bytes = rest;
            }
        }
        Ok(())
    }

    fn end_line(&mut self, items: &mut Vec<Item>) {
        let line = std::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if std::mem::take(&mut self.first_line) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            self.event_bytes = 0;
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            if std::mem::take(&mut self.has_data) {
                items.push(Item::Event { name, data });
            }
            return;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = line.split_at(colon);
        let value = value.strip_prefix(b":").unwrap_or(value);
        let trimmed = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"" => items.push(Item::Comment(value.to_vec())),
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(trimmed);
            }
            b"event" => self.name = trimmed.to_vec(),
            // Ids and reconnection times mean nothing to the clients of completions.
            _ => {}
        }
    }
}
