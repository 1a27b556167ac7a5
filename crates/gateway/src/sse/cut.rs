//! Events cut out of a stream where they lie.
//!
//! What engines send is `data: ` and one line, then an empty line: such events are handed on from the bytes
//! they came in, and only an event that is not all there is held. The first thing that is written in another
//! way (a carriage return, a field, a comment, a second line) goes through [`Parser`], and so does the whole
//! rest of a stream that uses carriage returns. How the bytes were cut never changes what comes out.

use memchr::{memchr, memmem};

use super::{Item, Parser, TooLong};

#[cfg(test)]
mod tests;

/// Something complete in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// An event of one line of data and nothing else.
    Data(&'a [u8]),
    /// Any other.
    Item(&'a Item),
}

/// The state between two pieces of a stream.
#[derive(Debug)]
pub(crate) struct Cutter {
    bytes_max: usize,
    /// The beginning of an event, not all there yet.
    held: Vec<u8>,
    parser: Parser,
    /// Whether everything goes through the parser.
    is_foreign: bool,
    is_begun: bool,
}

impl Cutter {
    /// A cutter that holds at most `bytes_max` bytes of one event.
    pub(crate) fn new(bytes_max: usize) -> Self {
        let (held, parser) = (Vec::new(), Parser::new(bytes_max));
        Self { bytes_max, held, parser, is_foreign: false, is_begun: false }
    }

    /// Takes the next bytes and hands on what they complete.
    ///
    /// # Errors
    /// [`TooLong`]; what was complete before the oversized event has been handed on, and the cutter must not
    /// be used further.
    pub(crate) fn push(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Piece<'_>),
    ) -> Result<(), TooLong> {
        if self.held.is_empty() {
            let left = self.cut(bytes, &mut take)?;
            self.held.extend_from_slice(left);
        } else {
            let mut held = std::mem::take(&mut self.held);
            held.extend_from_slice(bytes);
            let left = self.cut(&held, &mut take)?.len();
            held.drain(..held.len().saturating_sub(left));
            self.held = held;
        }
        Ok(())
    }

    /// Hands on all complete events; answers the beginning of the next.
    fn cut<'a>(
        &mut self,
        mut bytes: &'a [u8],
        take: &mut impl FnMut(Piece<'_>),
    ) -> Result<&'a [u8], TooLong> {
        if let (false, Some(first)) = (self.is_begun, bytes.first()) {
            self.is_begun = true;
            // A byte order mark may come before the first event, and nowhere else.
            match first {
                0xef => self.is_foreign = true,
                _ => self.parser.begun(),
            }
        }
        while !self.is_foreign {
            // An empty line where no event has begun is nothing, and counts for no event.
            while let Some((b'\n', rest)) = bytes.split_first() {
                bytes = rest;
            }
            let Some(line_end) = memchr(b'\n', bytes) else { break };
            let is_one_line = bytes.get(line_end.saturating_add(1)) == Some(&b'\n');
            let end = if is_one_line { Some(line_end) } else { memmem::find(bytes, b"\n\n") };
            let Some(end) = end else { break };
            let (event, rest) = bytes.split_at(end);
            if memchr(b'\r', event).is_some() {
                break;
            }
            match data_of(event).filter(|_| is_one_line) {
                Some(_) if event.len() > self.bytes_max => {
                    return Err(TooLong { bytes_max: self.bytes_max });
                }
                Some(data) => take(Piece::Data(data)),
                None => self.parse(bytes.get(..end.saturating_add(2)).unwrap_or_default(), take)?,
            }
            bytes = rest.get(2..).unwrap_or_default();
        }
        if self.is_foreign || memchr(b'\r', bytes).is_some() {
            self.is_foreign = true;
            self.parse(bytes, take)?;
            return Ok(&[]);
        }
        // Whether the last line's end is there says nothing of the event's length.
        if bytes.strip_suffix(b"\n").unwrap_or(bytes).len() > self.bytes_max {
            return Err(TooLong { bytes_max: self.bytes_max });
        }
        Ok(bytes)
    }

    /// The beginning of the next event.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn held(&self) -> &[u8] {
        &self.held
    }

    fn parse(&mut self, bytes: &[u8], take: &mut impl FnMut(Piece<'_>)) -> Result<(), TooLong> {
        let mut items = Vec::new();
        let pushed = self.parser.push(bytes, &mut items);
        items.iter().for_each(|item| take(Piece::Item(item)));
        pushed
    }
}

/// The value of a line of data.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    let value = line.strip_prefix(b"data:")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
