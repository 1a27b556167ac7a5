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
/// Most answers to one prompt.
const ANSWERS_MAX: usize = 16;
/// Most alternatives that are told to a token.
const ALTERNATIVES_MAX: usize = 20;

/// What requests are held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) context: usize,
    pub(super) vocabulary: usize,
    /// Numbers in a vector of `/v1/embeddings`.
    pub(super) dimensions: usize,
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
    /// Answers to each prompt.
    pub(super) answers: usize,
    /// How many alternatives are told with each token, if tokens are rated at all.
    pub(super) alternatives: Option<usize>,
    /// Whether the answer begins with the prompt.
    pub(super) echo: bool,
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
    let mut common = common(&fields, limits)?;
    refuse(&fields, &["echo"])?;
    common.alternatives = match (flag(&fields, "logprobs")?, few(&fields, "top_logprobs")?) {
        (true, count) => Some(count.unwrap_or(0)),
        (false, None | Some(0)) => None,
        (false, Some(_)) => {
            let text = "top_logprobs needs logprobs to be true";
            return Err(ApiError::field("top_logprobs", text));
        }
    };
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
    let mut common = common(&fields, limits)?;
    common.alternatives = few(&fields, "logprobs")?;
    common.echo = flag(&fields, "echo")?;
    if fields.get("suffix").and_then(Value::as_str).is_some_and(|suffix| !suffix.is_empty()) {
        return Err(ApiError::field("suffix", "suffix is not supported by this model"));
    }
    let prompts = texts(&fields, "prompt", limits)?;
    Ok((common, prompts))
}

/// Reads a text, several, or their tokens.
pub(super) fn texts(
    fields: &Map<String, Value>,
    field: &str,
    limits: &Limits,
) -> Result<Vec<Prompt>, ApiError> {
    let wrong = || {
        let text = "must be a string, an array of strings, or token ids of this model";
        ApiError::field(field, format!("{field} {text}"))
    };
    let prompts = match fields.get(field) {
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
        None => return Err(ApiError::field(field, format!("{field} is required"))),
    };
    if prompts.len() > limits.prompts_max {
        let most = limits.prompts_max;
        let text = format!("{field} has {} entries, at most {most} are read", prompts.len());
        return Err(ApiError::field(field, text));
    }
    Ok(prompts)
}

/// The fields of a body.
pub(super) fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
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
    // Who only wants a prompt rated asks for no token; the echo is the answer then.
    let least = usize::from(fields.get("echo") != Some(&Value::Bool(true)));
    let answer_tokens_max = match whole(fields, "max_completion_tokens", least)? {
        Some(most) => Some(most),
        None => whole(fields, "max_tokens", least)?,
    };
    let answers = whole(fields, "n", 1)?.unwrap_or(1);
    if answers > ANSWERS_MAX {
        let text = format!("n is {answers}, at most {ANSWERS_MAX} answers are given");
        return Err(ApiError::field("n", text));
    }
    if whole(fields, "best_of", 1)?.is_some_and(|count| count != answers) {
        let text = "best_of must equal n: this server chooses among no answers";
        return Err(ApiError::field("best_of", text));
    }
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
        answers,
        alternatives: None,
        echo: false,
    })
}

fn refuse_what_we_lack(fields: &Map<String, Value>) -> Result<(), ApiError> {
    refuse(fields, &["tools", "functions", "audio"])?;
    match fields.get("response_format").map(|format| &format["type"]) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(kind)) if kind == "text" => Ok(()),
        Some(_) => {
            Err(ApiError::field("response_format", "only response_format `text` is supported"))
        }
    }
}

/// Refuses what is asked for and not there.
pub(super) fn refuse(fields: &Map<String, Value>, names: &[&str]) -> Result<(), ApiError> {
    let asked = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) | Value::Object(_) => true,
    };
    match names.iter().find(|name| fields.get(**name).is_some_and(asked)) {
        Some(name) => {
            let text = format!("{name} is not supported by this server: leave it out");
            Err(ApiError::field(name, text))
        }
        None => Ok(()),
    }
}

/// How many alternatives are wanted.
fn few(fields: &Map<String, Value>, field: &str) -> Result<Option<usize>, ApiError> {
    match whole(fields, field, 0)? {
        Some(count) if count > ALTERNATIVES_MAX => {
            let text = format!("{field} is {count}, at most {ALTERNATIVES_MAX} are told");
            Err(ApiError::field(field, text))
        }
        other => Ok(other),
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

/// Token ids; `None` when one is not of this model.
pub(super) fn tokens(items: &[Value], limits: &Limits) -> Option<Vec<u32>> {
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

/// A text that may be absent.
pub(super) fn text(fields: &Map<String, Value>, field: &str) -> Result<Option<String>, ApiError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ApiError::field(field, format!("{field} must be a string"))),
    }
}

/// True or false; false when absent.
pub(super) fn flag(fields: &Map<String, Value>, field: &str) -> Result<bool, ApiError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(ApiError::field(field, format!("{field} must be true or false"))),
    }
}

/// A whole number that is at least `least`.
pub(super) fn whole(
    fields: &Map<String, Value>,
    field: &str,
    least: usize,
) -> Result<Option<usize>, ApiError> {
    match fields.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let count = value.as_u64().map(|count| usize::try_from(count).unwrap_or(usize::MAX));
            count.filter(|count| *count >= least).map(Some).ok_or_else(|| {
                ApiError::field(field, format!("{field} must be a whole number, at least {least}"))
            })
        }
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
