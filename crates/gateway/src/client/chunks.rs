//! The chunked coding of a body (RFC 9112 §7.1), taken off where the bytes lie.
//!
//! Strict, since a lenient reader and another one could see different ends of the same answer: sizes are
//! hexadecimal digits only, with nothing but blanks between them and an extension; lines end with CR LF; extensions
//! and trailers are short and ignored.

/// Most bytes of a chunk's extensions, and of all trailers.
const IGNORED_BYTES_MAX: u32 = 8 << 10;
/// Most digits of a size, so that it fits 64 bits.
const DIGITS_MAX: u8 = 15;

/// What is not the chunked coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the chunked coding is malformed")]
pub(crate) struct Malformed;

/// Where in the coding a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunks {
    state: State,
    size: u64,
    digits: u8,
    ignored: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size,
    /// After blanks that follow a size.
    Blank,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    /// At the start of a line after the last chunk.
    Trailer,
    /// Within such a line.
    TrailerLine,
    TrailerLineFeed,
    LastLineFeed,
    Over,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size, size: 0, digits: 0, ignored: 0 }
    }
}

impl Chunks {
    /// Whether the last chunk and its trailers have come.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes bytes and hands their data on; answers how many bytes follow the end.
    ///
    /// # Errors
    /// [`Malformed`]; the body must not be read on.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<usize, Malformed> {
        loop {
            if self.state == State::Data {
                let count = usize::try_from(self.size).unwrap_or(usize::MAX).min(bytes.len());
                let (data, rest) = bytes.split_at(count);
                if !data.is_empty() {
                    take(data);
                }
                self.size = self.size.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
                if self.size > 0 {
                    return Ok(0);
                }
                (self.state, bytes) = (State::DataReturn, rest);
            }
            if self.state == State::Over {
                return Ok(bytes.len());
            }
            let Some((byte, rest)) = bytes.split_first() else { return Ok(0) };
            self.state = self.step(*byte)?;
            bytes = rest;
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => Ok(State::SizeLineFeed),
            (State::Size, b';') if self.digits > 0 => Ok(State::Extension),
            (State::Size, b' ' | b'\t') if self.digits > 0 => Ok(State::Blank),
            (State::Size, digit) => {
                let digit = char::from(digit).to_digit(16).ok_or(Malformed)?;
                self.digits = self.digits.saturating_add(1);
                if self.digits > DIGITS_MAX {
                    return Err(Malformed);
                }
                self.size = (self.size << 4) | u64::from(digit);
                Ok(State::Size)
            }
            (State::Blank | State::Extension, b'\r') => Ok(State::SizeLineFeed),
            (State::Blank, b';') => Ok(State::Extension),
            (State::Blank, blank @ (b' ' | b'\t')) => self.ignore(blank).map(|()| State::Blank),
            (State::Extension, other) => self.ignore(other).map(|()| State::Extension),
            (State::SizeLineFeed, b'\n') => {
                self.digits = 0;
                Ok(if self.size == 0 { State::Trailer } else { State::Data })
            }
            (State::DataReturn, b'\r') => Ok(State::DataLineFeed),
            (State::DataLineFeed, b'\n') => Ok(State::Size),
            (State::Trailer, b'\r') => Ok(State::LastLineFeed),
            (State::TrailerLine, b'\r') => Ok(State::TrailerLineFeed),
            (State::Trailer | State::TrailerLine, other) => {
                self.ignore(other).map(|()| State::TrailerLine)
            }
            (State::TrailerLineFeed, b'\n') => Ok(State::Trailer),
            (State::LastLineFeed, b'\n') => Ok(State::Over),
            (
                State::Blank
                | State::SizeLineFeed
                | State::Data
                | State::DataReturn
                | State::DataLineFeed
                | State::TrailerLineFeed
                | State::LastLineFeed
                | State::Over,
                _,
            ) => Err(Malformed),
        }
    }

    /// Counts what is passed over; a lone line feed would end a line for others.
    fn ignore(&mut self, byte: u8) -> Result<(), Malformed> {
        self.ignored = self.ignored.saturating_add(1);
        if byte == b'\n' || self.ignored > IGNORED_BYTES_MAX {
            return Err(Malformed);
        }
        Ok(())
    }
}
