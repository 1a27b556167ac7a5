//! From the bytes of a request to what the engine needs. Pure, and total on any input.
//!
//! Unknown fields are accepted, as OpenAI's clients send many; a known field of a wrong type, and a feature
//! we do not have, is refused by name.

use serde_json::{Map, Value};

use super::error::ApiError;
use crate::{
    chat::{Message, Role},
    generate::Sampling,
};

const MESSAGES_MAX: usize = 1_024;
const STOPS_MAX: usize = 16;
const STOP_BYTES_MAX: usize = 256;

/// What requests are held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) context: usize,
    pub(super) vocabulary: usize,
    pub(super) answer_tokens_default: usize,
    pub(super) prompts_max: usize,
    pub(super) temperature_default: f32,
}

/// What both kinds of request have in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Common {
    pub(super) model: Option<String>,
    pub(super) answer_tokens_max: usize,
    /// The seed is the request's own or none.
    pub(super) temperature: f32,
    pub(super) top_p: f32,
    pub(super) seed: Option<u64>,
    pub(super) stops: Vec<String>,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

impl Common {
    pub(super) fn sampling(&self, fallback_seed: u64) -> Sampling {
        let seed = self.seed.unwrap_or(fallback_seed);
        Sampling { temperature: self.temperature, top_p: self.top_p, seed }
    }
}

/// A prompt of `/v1/completions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

/// Reads a body of `/v1/chat/completions`.
pub(super) fn chat(body: &[u8], limits: &Limits) -> Result<(Common, Vec<Message>), ApiError> {
    let fields = object(body)?;
    let common = common(&fields, limits)?;
    let listed = match fields.get("messages") {
        Some(Value::Array(listed)) if !listed.is_empty() => listed,
        Some(Value::Array(_)) => {
            return Err(ApiError::field("messages", "messages must not be empty"));
        }
        Some(_) => return Err(ApiError::field("messages", "messages must be an array")),
        None => return Err(ApiError::field("messages", "messages is required")),
    };
    if listed.len() > MESSAGES_MAX {
        let text =
            format!("messages has {} entries, at most {MESSAGES_MAX} are read", listed.len());
        return Err(ApiError::field("messages", text));
    }
    let messages = listed.iter().enumerate().map(|(index, value)| message(index, value));
    Ok((common, messages.collect::<Result<_, _>>()?))
}

/// Reads a body of `/v1/completions`.
pub(super) fn completion(body: &[u8], limits: &Limits) -> Result<(Common, Vec<Prompt>), ApiError> {
    let fields = object(body)?;
    let common = common(&fields, limits)?;
    if fields.get("suffix").and_then(Value::as_str).is_some_and(|suffix| !suffix.is_empty()) {
        return Err(ApiError::field("suffix", "suffix is not supported by this model"));
    }
    let wrong = || {
        let text = "prompt must be a string, an array of strings, or token ids of this model";
        ApiError::field("prompt", text)
    };
    let prompts = match fields.get("prompt") {
        Some(Value::String(text)) => vec![Prompt::Text(text.clone())],
        Some(Value::Array(items)) if items.first().is_some_and(Value::is_number) => {
            vec![Prompt::Tokens(tokens(items, limits).ok_or_else(wrong)?)]
        }
        Some(Value::Array(items)) if !items.is_empty() => {
            let one = |item: &Value| match item {
                Value::String(text) => Ok(Prompt::Text(text.clone())),
                Value::Array(items) => tokens(items, limits).map(Prompt::Tokens).ok_or_else(wrong),
                _ => Err(wrong()),
            };
            items.iter().map(one).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(wrong()),
        None => return Err(ApiError::field("prompt", "prompt is required")),
    };
    if prompts.len() > limits.prompts_max {
        let most = limits.prompts_max;
        let text = format!("prompt has {} entries, at most {most} are read", prompts.len());
        return Err(ApiError::field("prompt", text));
    }
    Ok((common, prompts))
}

fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(ApiError::new(400, "invalid_json", "the body must be a JSON object")),
        Err(error) => {
            Err(ApiError::new(400, "invalid_json", format!("the body is not JSON: {error}")))
        }
    }
}

fn common(fields: &Map<String, Value>, limits: &Limits) -> Result<Common, ApiError> {
    refuse_what_we_lack(fields)?;
    let answer_tokens_max = match whole(fields, "max_completion_tokens")? {
        Some(most) => Some(most),
        None => whole(fields, "max_tokens")?,
    };
    let seed = match integer(fields, "seed")? {
        Some(seed) => Some(seed),
        None => integer(fields, "random_seed")?,
    };
    let options = match fields.get("stream_options") {
        None | Some(Value::Null) => &Map::new(),
        Some(Value::Object(options)) => options,
        Some(_) => {
            return Err(ApiError::field("stream_options", "stream_options must be an object"));
        }
    };
    let temperature = number(fields, "temperature", (0.0, 2.0))?;
    let top_p = number(fields, "top_p", (0.0, 1.0))?;
    Ok(Common {
        model: text(fields, "model")?,
        answer_tokens_max: answer_tokens_max.unwrap_or(limits.answer_tokens_default),
        temperature: temperature.unwrap_or(limits.temperature_default),
        top_p: top_p.unwrap_or(1.0),
        seed,
        stops: stops(fields)?,
        stream: flag(fields, "stream")?,
        include_usage: flag(options, "include_usage")?,
    })
}

fn refuse_what_we_lack(fields: &Map<String, Value>) -> Result<(), ApiError> {
    for field in ["n", "best_of"] {
        if integer(fields, field)?.is_some_and(|count| count != 1) {
            let text = format!("{field} must be 1: this server gives one answer per prompt");
            return Err(ApiError::field(field, text));
        }
    }
    let asked = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    for field in ["logprobs", "top_logprobs", "echo", "tools", "functions", "audio"] {
        if fields.get(field).is_some_and(asked) {
            return Err(ApiError::field(field, format!("{field} is not supported by this server")));
        }
    }
    match fields.get("response_format").map(|format| &format["type"]) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(kind)) if kind == "text" => Ok(()),
        Some(_) => {
            Err(ApiError::field("response_format", "only response_format `text` is supported"))
        }
    }
}

fn message(index: usize, value: &Value) -> Result<Message, ApiError> {
    let wrong = |part: &str, text: &str| {
        let param = format!("messages[{index}]{part}");
        ApiError::field(&param, format!("{param} {text}"))
    };
    let Value::Object(fields) = value else { return Err(wrong("", "must be an object")) };
    let role = match fields.get("role").and_then(Value::as_str) {
        Some("system" | "developer") => Role::System,
        Some("user" | "tool" | "function") => Role::User,
        Some("assistant") => Role::Assistant,
        Some(_) | None => {
            return Err(wrong(".role", "must be system, developer, user, assistant or tool"));
        }
    };
    let content = match fields.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None if role == Role::Assistant => String::new(),
        Some(Value::Array(parts)) => {
            let text = |part: &Value| part["text"].as_str().map(str::to_owned);
            let joined: Option<Vec<String>> = parts.iter().map(text).collect();
            joined.ok_or_else(|| wrong(".content", "may only have parts of type text"))?.concat()
        }
        Some(_) | None => {
            return Err(wrong(".content", "must be a string or an array of text parts"));
        }
    };
    Ok(Message { role, content })
}

fn tokens(items: &[Value], limits: &Limits) -> Option<Vec<u32>> {
    let one = |item: &Value| {
        let token = item.as_u64().filter(|token| *token < limits.vocabulary as u64)?;
        u32::try_from(token).ok()
    };
    items.iter().map(one).collect()
}

fn stops(fields: &Map<String, Value>) -> Result<Vec<String>, ApiError> {
    let stops: Option<Vec<String>> = match fields.get("stop") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(stop)) => Some(vec![stop.clone()]),
        Some(Value::Array(stops)) => {
            stops.iter().map(|stop| stop.as_str().map(str::to_owned)).collect()
        }
        Some(_) => None,
    };
    let fits = |stop: &String| !stop.is_empty() && stop.len() <= STOP_BYTES_MAX;
    let stops = stops.filter(|stops| stops.len() <= STOPS_MAX && stops.iter().all(fits));
    stops.ok_or_else(|| {
        let text = format!(
            "stop must be a string or at most {STOPS_MAX} strings of 1 to {STOP_BYTES_MAX} bytes"
        );
        ApiError::field("stop", text)
    })
}

fn text(fields: &Map<String, Value>, field: &str) -> Result<Option<String>, ApiError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ApiError::field(field, format!("{field} must be a string"))),
    }
}

fn flag(fields: &Map<String, Value>, field: &str) -> Result<bool, ApiError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(ApiError::field(field, format!("{field} must be true or false"))),
    }
}

fn whole(fields: &Map<String, Value>, field: &str) -> Result<Option<usize>, ApiError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(count) if count > 0 => Ok(Some(usize::try_from(count).unwrap_or(usize::MAX))),
            Some(_) | None => {
                Err(ApiError::field(field, format!("{field} must be a whole number above 0")))
            }
        },
    }
}

/// A whole number of either sign; negative ones keep their bits, for they are only seeds.
fn integer(fields: &Map<String, Value>, field: &str) -> Result<Option<u64>, ApiError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match (value.as_u64(), value.as_i64()) {
            (Some(number), _) => Ok(Some(number)),
            (None, Some(number)) => Ok(Some(number as u64)),
            (None, None) => Err(ApiError::field(field, format!("{field} must be a whole number"))),
        },
    }
}

fn number(
    fields: &Map<String, Value>,
    field: &str,
    range: (f64, f64),
) -> Result<Option<f32>, ApiError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) if (range.0..=range.1).contains(&number) => Ok(Some(number as f32)),
            Some(_) | None => {
                let text = format!("{field} must be a number from {} to {}", range.0, range.1);
                Err(ApiError::field(field, text))
            }
        },
    }
}
