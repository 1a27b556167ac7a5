//! What clients speak that engines do not: requests are put into an engine's words, and its answers back.
//!
//! Pure functions over JSON. Nothing here sends, waits or counts; what no engine can do is refused here by the
//! name of its field, before a replica hears of it.

mod dialect;
mod fim;
pub(crate) mod paths;
mod responses;
mod tokens;

use bytes::Bytes;
use http::request::Parts;
use serde_json::value::RawValue;

use crate::call::Call;
use crate::directory::ModelCard;
use crate::error::ApiError;
use crate::json::Fields;
use crate::translate::Names;

pub(crate) use dialect::to_engine;

/// How an engine's answer becomes the client's.
#[derive(Debug)]
pub(crate) enum Shape {
    /// Under the client's names, and otherwise as it is.
    Named,
    /// As it is.
    Bare,
    /// A completion as Mistral's clients read it.
    Fim,
    /// A chat completion as a response.
    Responses(Box<responses::Request>),
}

/// A request in an engine's words.
#[derive(Debug)]
pub(crate) struct Translated {
    /// The body.
    pub(crate) body: Bytes,
    /// What becomes of the answer.
    pub(crate) shape: Shape,
}

/// Puts a request into an engine's words.
///
/// # Errors
/// 400 with the field that no engine can honour.
pub(crate) fn request(
    call: Call,
    head: &Parts,
    body: Bytes,
    models: impl FnOnce() -> Vec<ModelCard>,
) -> Result<Translated, ApiError> {
    let body = tokens::with_model(call, (head.uri.query(), &head.headers), body, models)?;
    let shape = match call {
        Call::Chat | Call::Text | Call::Embeddings => Shape::Named,
        Call::Tokenize | Call::Detokenize | Call::TokenizerInfo => Shape::Bare,
        Call::Fim => Shape::Fim,
        Call::Responses => {
            let (body, told) = responses::to_chat(&body)?;
            return Ok(Translated { body, shape: Shape::Responses(Box::new(told)) });
        }
    };
    Ok(Translated { body, shape })
}

impl Shape {
    /// The client's answer, of an engine's whole one.
    pub(crate) fn whole(&self, body: &[u8], names: &Names) -> Result<Vec<u8>, serde_json::Error> {
        match self {
            // The first is done where the answer lies, by [`crate::answer`].
            Self::Named | Self::Bare => Ok(body.to_vec()),
            Self::Fim => fim::whole(body, names),
            Self::Responses(request) => responses::whole(request, body, names),
        }
    }

    /// What turns an engine's events into the client's; `None` if they are the same.
    pub(crate) fn events(self, held_bytes_max: usize) -> Option<Reshaper> {
        match self {
            Self::Named | Self::Bare => None,
            Self::Fim => Some(Reshaper::Fim),
            Self::Responses(request) => Some(Reshaper::Responses(Box::new(
                responses::Stream::new(*request, held_bytes_max),
            ))),
        }
    }
}

/// Turns an engine's events into the client's, one after the other.
#[derive(Debug)]
pub(crate) enum Reshaper {
    /// As Mistral's clients read a completion.
    Fim,
    /// As the events of a response.
    Responses(Box<responses::Stream>),
}

/// A stream holds more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMuch;

impl Reshaper {
    /// Writes what an event becomes.
    pub(crate) fn event(
        &mut self,
        fields: &Fields<'_>,
        names: &Names,
        out: &mut Vec<u8>,
    ) -> Result<(), TooMuch> {
        match self {
            Self::Fim => fim::event(fields, names, out),
            Self::Responses(stream) => return stream.event(fields, names, out),
        }
        Ok(())
    }

    /// Writes the end.
    pub(crate) fn end(&mut self, names: &Names, out: &mut Vec<u8>) {
        match self {
            Self::Fim => out.extend_from_slice(b"data: [DONE]\n\n"),
            Self::Responses(stream) => stream.end(names, out),
        }
    }
}

/// The elements of an array, each as its text; `None` if it is no array.
fn elements(json: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// A field's text, when it is one.
fn text_of(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(|raw| serde_json::from_str(raw).ok())
}

#[cfg(test)]
mod tests;
