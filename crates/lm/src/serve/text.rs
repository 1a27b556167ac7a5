//! Tokens to text, piece by piece: never half a character, never the beginning of a stop sequence.

use crate::{error::Result, tokenizer::TextTokenizer};

/// The text of one answer as it grows.
#[derive(Debug)]
pub(super) struct TextStream {
    tokens: Vec<u32>,
    /// Tokens from here on are decoded together, because a token's text may depend on its neighbours.
    context: usize,
    /// Tokens before this have been turned into text.
    read: usize,
    /// Text not yet given out: it might be the beginning of a stop sequence.
    held: String,
    stops: Vec<String>,
}

/// What a token added.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// A stop sequence was found; it and what follows are not part of the text.
    pub(super) stopped: bool,
}

impl TextStream {
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { tokens: Vec::new(), context: 0, read: 0, held: String::new(), stops }
    }

    /// Adds a token and returns what can be given out.
    pub(super) fn push(&mut self, tokenizer: &TextTokenizer, token: u32) -> Result<Piece> {
        self.tokens.push(token);
        let old = tokenizer.decode(&self.tokens[self.context..self.read])?;
        let new = tokenizer.decode(&self.tokens[self.context..])?;
        // A replacement character at the end is a character whose last bytes have not come yet.
        if !new.ends_with('\u{fffd}')
            && let Some(added) = new.get(old.len()..)
        {
            self.held.push_str(added);
            self.context = self.read;
            self.read = self.tokens.len();
        }
        Ok(self.release())
    }

    /// Gives out what was held back, once no token will follow.
    pub(super) fn finish(&mut self, tokenizer: &TextTokenizer) -> Result<Piece> {
        let old = tokenizer.decode(&self.tokens[self.context..self.read])?;
        let new = tokenizer.decode(&self.tokens[self.context..])?;
        self.held.push_str(new.get(old.len()..).unwrap_or_default());
        self.read = self.tokens.len();
        self.context = self.read;
        let piece = self.release();
        let rest = if piece.stopped { String::new() } else { std::mem::take(&mut self.held) };
        Ok(Piece { text: piece.text + &rest, stopped: piece.stopped })
    }

    fn release(&mut self) -> Piece {
        let found = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min();
        if let Some(at) = found {
            self.held.truncate(at);
            return Piece { text: std::mem::take(&mut self.held), stopped: true };
        }
        let kept = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let rest = self.held.split_off(self.held.len() - kept);
        Piece { text: std::mem::replace(&mut self.held, rest), stopped: false }
    }
}

/// Bytes at the end of `text` that may be the beginning of `stop`.
fn overlap(text: &str, stop: &str) -> usize {
    let ends = stop.char_indices().map(|(at, _)| at).filter(|at| *at > 0);
    ends.filter(|at| text.ends_with(&stop[..*at])).max().unwrap_or(0)
}
