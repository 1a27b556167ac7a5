//! `/v1/responses`, for engines that only know chat completions.
//!
//! Nothing is kept between two requests: what would need a memory (`store`, `previous_response_id`,
//! `conversation`) is refused by name, and every answer says `store: false`.

mod answer;
mod input;
mod stream;

use bytes::Bytes;

use super::{elements, text_of};
use crate::error::ApiError;
use crate::json::{Fields, quote};

pub(crate) use answer::whole;
pub(crate) use stream::Stream;

/// Fields that a response repeats, and what it says where the request said nothing.
const REPEATED: [(&str, &str); 13] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("reasoning", "{\"effort\":null,\"summary\":null}"),
    ("temperature", "null"),
    ("text", "{\"format\":{\"type\":\"text\"}}"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "null"),
    ("top_p", "null"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];
/// Fields that are translated here, or mean nothing to an engine; any other is the engine's business.
const OURS: [&str; 23] = [
    "background",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "metadata",
    "model",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "truncation",
];

/// What an answer repeats of its request, as JSON texts in the order of [`REPEATED`].
#[derive(Debug)]
pub(crate) struct Request {
    repeated: Vec<String>,
}

/// A chat completion that asks for the same.
///
/// # Errors
/// 400 with the field that cannot be honoured.
pub(super) fn to_chat(body: &[u8]) -> Result<(Bytes, Request), ApiError> {
    let fields = Fields::parse(body).map_err(|error| {
        ApiError::invalid(None, format!("the body is not a usable JSON object: {error}"))
    })?;
    refuse(&fields)?;
    let mut chat = Fields::default();
    for (theirs, ours) in
        [("model", "model"), ("max_output_tokens", "max_tokens"), ("stream", "stream")]
    {
        if let Some(raw) = fields.get(theirs) {
            chat.set(ours, raw.to_owned());
        }
    }
    chat.set("messages", input::messages(&fields)?);
    tools(&fields, &mut chat)?;
    form(&fields, &mut chat)?;
    ratings(&fields, &mut chat)?;
    if let Some(reasoning) = object(&fields, "reasoning")?
        && let Some(effort) = reasoning.get("effort")
    {
        chat.set("reasoning_effort", effort.to_owned());
    }
    for (name, value) in fields.iter().filter(|(name, _)| !OURS.contains(name)) {
        // What was asked for in a response's words is not unsaid in a chat's.
        if !chat.has(name) {
            chat.set(name, value.to_owned());
        }
    }
    let repeated =
        REPEATED.iter().map(|(name, otherwise)| fields.get(name).unwrap_or(otherwise).to_owned());
    let repeated = repeated.collect();
    Ok((Bytes::from(chat.to_json()), Request { repeated }))
}

/// What would need a memory, another service, or a choice that no engine makes.
fn refuse(fields: &Fields<'_>) -> Result<(), ApiError> {
    let not_here = |name: &str, remedy: &str| {
        Err(ApiError::invalid(Some(name), format!("`{name}` is not offered here: {remedy}")))
    };
    for name in ["store", "background"] {
        match fields.get(name) {
            None | Some("false") => {}
            Some(_) => return not_here(name, "no answer is kept; set it to false"),
        }
    }
    for name in ["previous_response_id", "conversation"] {
        if fields.get(name).is_some() {
            return not_here(name, "no answer is kept; send the whole conversation in `input`");
        }
    }
    if fields.get("prompt").is_some() {
        return not_here("prompt", "no templates are kept; write it out in `instructions`");
    }
    if fields.get("messages").is_some() {
        return not_here("messages", "write the conversation in `input`");
    }
    if fields.get("truncation").is_some_and(|how| how != "\"disabled\"") {
        return not_here("truncation", "nothing is left out silently; shorten `input`");
    }
    Ok(())
}

/// A field that must be an object when it is there.
fn object<'a>(fields: &'a Fields<'_>, name: &str) -> Result<Option<Fields<'a>>, ApiError> {
    let parsed = fields.get(name).map(|raw| Fields::parse(raw.as_bytes())).transpose();
    parsed.map_err(|_| ApiError::invalid(Some(name), format!("`{name}` must be an object")))
}

/// The functions that a model may call.
fn tools(fields: &Fields<'_>, chat: &mut Fields<'_>) -> Result<(), ApiError> {
    if let Some(raw) = fields.get("tools") {
        let listed = elements(raw)
            .ok_or_else(|| ApiError::invalid(Some("tools"), "`tools` must be an array".into()))?;
        let listed = listed.iter().enumerate().map(|(index, tool)| function(index, tool));
        let listed = listed.collect::<Result<Vec<_>, _>>()?;
        if !listed.is_empty() {
            chat.set("tools", format!("[{}]", listed.join(",")));
        }
    }
    match fields.get("tool_choice") {
        None => {}
        Some(word) if word.starts_with('"') => chat.set("tool_choice", word.to_owned()),
        Some(_) => {
            let choice = object(fields, "tool_choice")?.unwrap_or_default();
            let name = choice.get("name");
            let is_function = text_of(&choice, "type").is_some_and(|kind| kind == "function");
            let Some(name) = name.filter(|_| is_function) else {
                let message = "`tool_choice` is auto, none, required or one function by its name";
                return Err(ApiError::invalid(Some("tool_choice"), message.into()));
            };
            let chosen = format!("{{\"type\":\"function\",\"function\":{{\"name\":{name}}}}}");
            chat.set("tool_choice", chosen);
        }
    }
    Ok(())
}

fn function(index: usize, tool: &str) -> Result<String, ApiError> {
    let wrong = |message: String| ApiError::invalid(Some(&format!("tools[{index}].type")), message);
    let tool = Fields::parse(tool.as_bytes())
        .map_err(|_| wrong(format!("`tools[{index}]` must be an object")))?;
    let kind = text_of(&tool, "type").unwrap_or_default();
    if kind != "function" {
        let kind: String = kind.chars().take(64).collect();
        return Err(wrong(format!(
            "`tools[{index}]` is `{kind}`: only functions that you run yourself are offered here"
        )));
    }
    let mut function = Fields::default();
    for name in ["name", "description", "parameters", "strict"] {
        if let Some(raw) = tool.get(name) {
            function.set(name, raw.to_owned());
        }
    }
    Ok(format!("{{\"type\":\"function\",\"function\":{}}}", function.to_json()))
}

/// The form that the answer's text must have.
fn form(fields: &Fields<'_>, chat: &mut Fields<'_>) -> Result<(), ApiError> {
    let Some(text) = object(fields, "text")? else { return Ok(()) };
    if let Some(verbosity) = text.get("verbosity") {
        chat.set("verbosity", verbosity.to_owned());
    }
    let Some(format) = object(&text, "format")? else { return Ok(()) };
    match text_of(&format, "type").unwrap_or_default().as_str() {
        "text" => {}
        "json_object" => chat.set("response_format", "{\"type\":\"json_object\"}".into()),
        "json_schema" => {
            let mut schema = Fields::default();
            for name in ["name", "description", "schema", "strict"] {
                if let Some(raw) = format.get(name) {
                    schema.set(name, raw.to_owned());
                }
            }
            let schema = schema.to_json();
            let wanted = format!("{{\"type\":\"json_schema\",\"json_schema\":{schema}}}");
            chat.set("response_format", wanted);
        }
        _ => {
            let message = "`text.format.type` is text, json_object or json_schema";
            return Err(ApiError::invalid(Some("text.format.type"), message.into()));
        }
    }
    Ok(())
}

/// Whether tokens are rated.
fn ratings(fields: &Fields<'_>, chat: &mut Fields<'_>) -> Result<(), ApiError> {
    let included = fields.get("include").and_then(elements).unwrap_or_default();
    for name in included {
        match name {
            "\"message.output_text.logprobs\"" => chat.set("logprobs", "true".into()),
            // Nothing of the kind is made here, so nothing is missing.
            "\"reasoning.encrypted_content\"" => {}
            other => {
                let other: String = other.chars().take(64).collect();
                let message = format!("`include` names {other}, which no answer here has");
                return Err(ApiError::invalid(Some("include"), message));
            }
        }
    }
    if let Some(count) = fields.get("top_logprobs")
        && count != "0"
    {
        chat.set("logprobs", "true".into());
        chat.set("top_logprobs", count.to_owned());
    }
    Ok(())
}

/// A response as it stands.
#[derive(Debug)]
struct State<'a> {
    status: &'static str,
    /// Why it is not all there.
    incomplete: Option<&'static str>,
    created: &'a str,
    /// Its items as a JSON array.
    output: String,
    /// A JSON text.
    usage: Option<String>,
}

impl Request {
    /// The response object.
    fn object(&self, names: &crate::translate::Names, state: State<'_>) -> String {
        let mut shown = Fields::default();
        shown.set("id", names.id_json.clone());
        shown.set("object", "\"response\"".into());
        shown.set("created_at", state.created.to_owned());
        shown.set("status", quote(state.status));
        for name in ["background", "store"] {
            shown.set(name, "false".into());
        }
        for name in ["error", "previous_response_id"] {
            shown.set(name, "null".into());
        }
        let incomplete = state.incomplete.map(|reason| format!("{{\"reason\":\"{reason}\"}}"));
        shown.set("incomplete_details", incomplete.unwrap_or_else(|| "null".into()));
        shown.set("model", names.model_json.clone());
        shown.set("output", state.output);
        for ((name, _), value) in REPEATED.iter().zip(&self.repeated) {
            shown.set(name, value.clone());
        }
        shown.set("usage", state.usage.unwrap_or_else(|| "null".into()));
        shown.to_json()
    }
}

/// How a response ends that a chat ended for this reason.
fn ending(reason: Option<&str>) -> (&'static str, Option<&'static str>) {
    match reason {
        Some("length") => ("incomplete", Some("max_output_tokens")),
        Some("content_filter") => ("incomplete", Some("content_filter")),
        Some(_) | None => ("completed", None),
    }
}

/// An item's id: that of the answer and its place in it.
fn item_id(prefix: &str, names: &crate::translate::Names, place: usize) -> String {
    let id: String = serde_json::from_str(&names.id_json).unwrap_or_default();
    let own = id.strip_prefix("resp_").unwrap_or(&id);
    format!("{prefix}_{own}_{place}")
}

#[cfg(test)]
mod tests;
