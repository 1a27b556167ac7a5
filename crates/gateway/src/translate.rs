//! What is read of a stream's events, and what the client gets to see of them.
//!
//! Events that are plainly one line of JSON are spliced where they lie; all others take the way over
//! [`Fields`], which gives the same. What cannot be read at all goes on untouched.

use std::sync::Arc;

use crate::answer;
use crate::json::{Fields, is_empty_array};
use crate::metrics::Metrics;
use crate::splice::{Change, Top};
use crate::sse::Item;
use crate::sse::cut::{Cutter, Piece};
use crate::surface::{Reshaper, TooMuch};
use crate::tally::{End, Tally};

/// By what a client knows its answer.
#[derive(Debug)]
pub(crate) struct Names {
    /// The public model name as JSON.
    pub(crate) model_json: String,
    /// The answer's id as JSON.
    pub(crate) id_json: String,
}

/// The reader of one stream's events.
#[derive(Debug)]
pub(crate) struct Translator {
    /// The count.
    pub(crate) tally: Tally,
    /// What the client knows the answer by.
    pub(crate) names: Names,
    /// Whether the client asked for usage.
    pub(crate) include_usage: bool,
    /// What makes the client's events of the engine's, if they differ.
    pub(crate) reshaper: Option<Reshaper>,
    /// Counters.
    pub(crate) metrics: Arc<Metrics>,
}

/// Whether a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// More may come.
    GoesOn,
    /// `[DONE]` was written and the count is settled.
    Done,
    /// An event is larger than the limit.
    TooLong,
}

impl Translator {
    /// Translates what a piece completes.
    pub(crate) fn digest(
        &mut self,
        cutter: &mut Cutter,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Verdict {
        let from = out.len();
        let (mut is_done, mut is_too_much) = (false, false);
        let cut = cutter.push(bytes, |piece| {
            if is_done || is_too_much {
                return;
            }
            if let Piece::Data(data) = &piece {
                self.tally.heard_event(data);
            } else if let Piece::Item(Item::Event { data, .. }) = &piece {
                self.tally.heard_event(data);
            }
            if self.reshaper.is_none() {
                is_done = self.translate(piece, out);
            } else {
                match self.reshape(piece, out) {
                    Ok(is_last) => is_done = is_last,
                    Err(TooMuch) => is_too_much = true,
                }
            }
        });
        self.tally.say(out.get(from..).unwrap_or_default());
        if is_done {
            // The record is on its way to disk before the client can see the end.
            self.tally.settle(End::Complete);
            return Verdict::Done;
        }
        if cut.is_err() || is_too_much { Verdict::TooLong } else { Verdict::GoesOn }
    }

    /// Writes the end of a stream whose engine left it out.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        match &mut self.reshaper {
            Some(reshaper) => reshaper.end(&self.names, out),
            None => out.extend_from_slice(b"data: [DONE]\n\n"),
        }
    }

    /// Writes what one item becomes in another shape; tells whether it was the last.
    fn reshape(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) -> Result<bool, TooMuch> {
        let data = match piece {
            Piece::Data(data) => data,
            Piece::Item(Item::Event { data, .. }) => data.as_slice(),
            Piece::Item(item @ Item::Comment(_)) => {
                item.write(out);
                return Ok(false);
            }
        };
        if data == b"[DONE]" {
            self.finish(out);
            return Ok(true);
        }
        // What cannot be read has no other shape.
        let Ok(fields) = Fields::parse(data) else { return Ok(false) };
        let usage = fields.get("usage").map(str::as_bytes);
        let choices = fields.get("choices").map(|choices| is_empty_array(choices.as_bytes()));
        let is_error = fields.get("error").is_some();
        self.count(usage, choices, is_error);
        match &mut self.reshaper {
            Some(reshaper) if !is_error => reshaper.event(&fields, &self.names, out)?,
            Some(_) | None => {
                Item::Event { name: Vec::new(), data: data.to_vec() }.write(out);
            }
        }
        Ok(false)
    }

    /// Writes what the client may see of one item; tells whether it was the last.
    fn translate(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) -> bool {
        match piece {
            Piece::Data(b"[DONE]") => {
                out.extend_from_slice(b"data: [DONE]\n\n");
                return true;
            }
            Piece::Data(data) => {
                let Some(top) = Top::of(data) else {
                    self.rewrite(&[], data, out);
                    return false;
                };
                self.splice(&top, data, out);
            }
            Piece::Item(item @ Item::Event { data, .. }) if data.as_slice() == b"[DONE]" => {
                item.write(out);
                return true;
            }
            Piece::Item(Item::Event { name, data }) => self.rewrite(name, data, out),
            Piece::Item(item @ Item::Comment(_)) => item.write(out),
        }
        false
    }

    /// Counts one event where it lies and writes what the client may see of it.
    fn splice(&mut self, top: &Top, data: &[u8], out: &mut Vec<u8>) {
        let usage = top.usage(data);
        let choices = top.choices(data).map(is_empty_array);
        if !self.count(usage, choices, top.has_error(data)) {
            return;
        }
        let change = Change {
            model_json: &self.names.model_json,
            id_json: &self.names.id_json,
            add_id: top.names_choices(),
            // With usage asked for, every other chunk says `"usage":null`.
            hide_usage: !self.include_usage && usage.is_none(),
        };
        out.extend_from_slice(b"data: ");
        top.write(data, change, out);
        out.extend_from_slice(b"\n\n");
    }

    /// The same by way of [`Fields`].
    fn rewrite(&mut self, name: &[u8], data: &[u8], out: &mut Vec<u8>) {
        let Ok(mut fields) = Fields::parse(data) else {
            Item::Event { name: name.to_vec(), data: data.to_vec() }.write(out);
            return;
        };
        let usage = fields.get("usage").map(str::as_bytes);
        let choices = fields.get("choices").map(|choices| is_empty_array(choices.as_bytes()));
        if !self.count(usage, choices, fields.get("error").is_some()) {
            return;
        }
        if !self.include_usage && fields.get("usage").is_none() {
            fields.remove("usage");
        }
        if fields.has("model") {
            fields.set("model", self.names.model_json.clone());
        }
        if fields.has("id") || fields.has("choices") {
            fields.set("id", self.names.id_json.clone());
        }
        Item::Event { name: name.to_vec(), data: fields.to_json().into_bytes() }.write(out);
    }

    /// Counts one event; tells whether the client may see it. `choices` says whether they are empty.
    fn count(&mut self, usage: Option<&[u8]>, choices: Option<bool>, is_error: bool) -> bool {
        if let Some(usage) = usage.and_then(answer::usage) {
            self.tally.usage(usage);
        }
        if is_error {
            self.tally.in_band_error();
        }
        if choices == Some(false) {
            self.tally.delta();
        }
        self.include_usage || choices != Some(true) || usage.is_none()
    }
}
