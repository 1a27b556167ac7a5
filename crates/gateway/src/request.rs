//! What the gateway reads of a completion request, and how it rewrites it for a replica.
//!
//! Only the fields needed for routing and metering are looked at; everything else, known or not,
//! is the engine's business and passes untouched.

use bytes::Bytes;

use crate::call::Call;
use crate::error::ApiError;
use crate::json::{Fields, quote};
use crate::surface;

#[cfg(test)]
mod tests;

/// Longest model name in characters.
const MODEL_CHARS_MAX: usize = 256;
/// Bytes of prompt text that count as one token where the engine did not tell.
const BYTES_PER_TOKEN: u64 = 4;

/// A request that has been understood.
#[derive(Debug)]
pub(crate) struct Completion<'a> {
    /// The public model name.
    pub(crate) model: String,
    /// Whether the client wants events.
    pub(crate) stream: bool,
    /// Whether the client asked for usage in its stream.
    pub(crate) include_usage: bool,
    /// The gateway's guess at the prompt, used only when the engine never tells.
    pub(crate) prompt_tokens_estimate: u64,
    /// The value of `messages` or `prompt` as it came, or nothing.
    pub(crate) prompt: &'a str,
    /// The longest answer asked for, if the client said so.
    pub(crate) completion_tokens_max: Option<u64>,
    fields: Fields<'a>,
}

impl<'a> Completion<'a> {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 in OpenAI's envelope, naming the field at fault.
    pub(crate) fn parse(
        body: &'a [u8],
        completion_tokens_max: Option<u64>,
    ) -> Result<Self, ApiError> {
        let fields = Fields::parse(body).map_err(|error| {
            ApiError::invalid(None, format!("the body is not a usable JSON object: {error}"))
        })?;
        let model: String = read(&fields, "model", "a string")?.unwrap_or_default();
        if model.is_empty() || model.chars().count() > MODEL_CHARS_MAX {
            let message = format!(
                "`model` is missing: give a model name of 1 to {MODEL_CHARS_MAX} characters"
            );
            return Err(ApiError::invalid(Some("model"), message));
        }
        let mut longest = None;
        for name in ["max_tokens", "max_completion_tokens"] {
            let asked: Option<u64> = read(&fields, name, "a whole number, 0 or more")?;
            longest = asked.or(longest);
            if let (Some(asked), Some(most)) = (asked, completion_tokens_max)
                && asked > most
            {
                let message = format!("`{name}` is {asked}, at most {most} is allowed here");
                return Err(ApiError::invalid(Some(name), message));
            }
        }
        let stream = read(&fields, "stream", "true or false")?.unwrap_or(false);
        let include_usage = match options(&fields)? {
            Some(options) => read(&options, "include_usage", "true or false")?.unwrap_or(false),
            None => false,
        };
        let prompt_tokens_estimate = estimate_prompt(&fields);
        let prompt = fields.source("messages").or_else(|| fields.source("prompt"));
        let completion_tokens_max = longest;
        Ok(Self {
            model,
            stream,
            include_usage,
            prompt_tokens_estimate,
            prompt: prompt.unwrap_or_default(),
            completion_tokens_max,
            fields,
        })
    }

    /// Puts a client's words into the engine's.
    ///
    /// # Errors
    /// 400 for what no engine can do.
    pub(crate) fn speak(&mut self, call: Call) -> Result<(), ApiError> {
        surface::to_engine(call, &mut self.fields)
    }

    /// The most tokens that may be written: as many answers as asked for, each as long as allowed.
    pub(crate) fn written_most(&self, otherwise: u64) -> u64 {
        let number = |name: &str| read::<u64>(&self.fields, name, "").ok().flatten();
        let longest = number("max_completion_tokens").or_else(|| number("max_tokens"));
        let answers = number("n").max(number("best_of")).unwrap_or(1).max(1);
        longest.unwrap_or(otherwise).saturating_mul(answers)
    }

    /// Its fields, to be looked at before it is sent.
    pub(crate) fn fields_mut(&mut self) -> &mut Fields<'a> {
        &mut self.fields
    }

    /// The body for a replica: its own model name, and usage asked for on streams.
    pub(crate) fn into_upstream(mut self, upstream_model: &str) -> Bytes {
        self.fields.set("model", quote(upstream_model));
        if self.stream {
            // Parsed without error above, so the fallback to an empty object is for absence only.
            let mut options = options(&self.fields).ok().flatten().unwrap_or_default();
            options.set("include_usage", "true".into());
            let text = options.to_json();
            self.fields.set("stream_options", text);
        }
        Bytes::from(self.fields.to_json())
    }
}

/// The stream options, when given.
fn options<'a>(fields: &'a Fields<'_>) -> Result<Option<Fields<'a>>, ApiError> {
    fields.get("stream_options").map(|raw| Fields::parse(raw.as_bytes())).transpose().map_err(
        |_| ApiError::invalid(Some("stream_options"), "`stream_options` must be an object".into()),
    )
}

/// Reads a field that may be absent or null.
fn read<T: serde::de::DeserializeOwned>(
    fields: &Fields<'_>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, ApiError> {
    fields
        .get(name)
        .map(serde_json::from_str)
        .transpose()
        .map_err(|_| ApiError::invalid(Some(name), format!("`{name}` must be {expected}")))
}

/// A quarter of the prompt's bytes, or the number of elements when it is given as token ids.
fn estimate_prompt(fields: &Fields<'_>) -> u64 {
    let Some(prompt) = ["messages", "prompt", "input"].iter().find_map(|name| fields.get(name))
    else {
        return 0;
    };
    let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    if prompt.starts_with('[') && !prompt.contains('"') {
        return count(prompt.bytes().filter(|b| *b == b',').count()).saturating_add(1);
    }
    count(prompt.len()).div_ceil(BYTES_PER_TOKEN)
}
