//! The items of `input` as messages of a chat.

use super::{elements, text_of};
use crate::error::ApiError;
use crate::json::{Fields, quote};

/// Most items that are read.
const ITEMS_MAX: usize = 4_096;

/// `instructions` and `input` as a JSON array of messages.
pub(super) fn messages(fields: &Fields<'_>) -> Result<String, ApiError> {
    let mut messages = Messages::default();
    if let Some(instructions) = fields.get("instructions") {
        messages.say("system", instructions);
    }
    let input = fields.get("input").ok_or_else(|| {
        ApiError::invalid(Some("input"), "`input` is missing: give a text or items".into())
    })?;
    if input.starts_with('"') {
        messages.say("user", input);
        return Ok(messages.into_json());
    }
    let wrong = || ApiError::invalid(Some("input"), "`input` must be a text or an array".into());
    let items = elements(input).ok_or_else(wrong)?;
    if items.len() > ITEMS_MAX {
        let message = format!("`input` has {} items, at most {ITEMS_MAX} are read", items.len());
        return Err(ApiError::invalid(Some("input"), message));
    }
    for (index, item) in items.iter().enumerate() {
        let item = Fields::parse(item.as_bytes()).map_err(|_| {
            let message = format!("`input[{index}]` must be an object");
            ApiError::invalid(Some(&format!("input[{index}]")), message)
        })?;
        messages.take(index, &item)?;
    }
    Ok(messages.into_json())
}

#[derive(Debug, Default)]
struct Messages {
    done: Vec<String>,
    /// Calls of functions that follow each other: a chat has them in one message.
    calls: Vec<String>,
}

impl Messages {
    fn say(&mut self, role: &str, content_json: &str) {
        self.flush();
        self.done.push(format!("{{\"role\":\"{role}\",\"content\":{content_json}}}"));
    }

    fn flush(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let calls = std::mem::take(&mut self.calls).join(",");
        self.done
            .push(format!("{{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{calls}]}}"));
    }

    fn into_json(mut self) -> String {
        self.flush();
        format!("[{}]", self.done.join(","))
    }

    fn take(&mut self, index: usize, item: &Fields<'_>) -> Result<(), ApiError> {
        let kind = text_of(item, "type").unwrap_or_else(|| "message".to_owned());
        let need = |name: &str| {
            item.get(name).ok_or_else(|| {
                let path = format!("input[{index}].{name}");
                let message = format!("`{path}` is missing: an item `{kind}` needs it");
                ApiError::invalid(Some(&path), message)
            })
        };
        match kind.as_str() {
            "message" => {
                let role = match text_of(item, "role").unwrap_or_default().as_str() {
                    "user" => "user",
                    "assistant" => "assistant",
                    // Templates of most models know no developer.
                    "system" | "developer" => "system",
                    _ => {
                        let path = format!("input[{index}].role");
                        let message = format!("`{path}` is user, assistant, system or developer");
                        return Err(ApiError::invalid(Some(&path), message));
                    }
                };
                self.say(role, &content(&format!("input[{index}].content"), need("content")?)?);
            }
            "function_call" => self.calls.push(format!(
                "{{\"id\":{},\"type\":\"function\",\"function\":{{\"name\":{},\"arguments\":{}}}}}",
                need("call_id")?,
                need("name")?,
                need("arguments")?
            )),
            "function_call_output" => {
                let output = content(&format!("input[{index}].output"), need("output")?)?;
                let id = need("call_id")?;
                self.flush();
                self.done.push(format!(
                    "{{\"role\":\"tool\",\"tool_call_id\":{id},\"content\":{output}}}"
                ));
            }
            // What a model thought before is not shown to it again by any engine.
            "reasoning" => {}
            _ => {
                let path = format!("input[{index}].type");
                let kind: String = kind.chars().take(64).collect();
                let message = format!(
                    "`{path}` is `{kind}`: messages, function calls and their outputs are read here"
                );
                return Err(ApiError::invalid(Some(&path), message));
            }
        }
        Ok(())
    }
}

/// A text or parts of one, as a chat has them.
fn content(path: &str, raw: &str) -> Result<String, ApiError> {
    if raw.starts_with('"') {
        return Ok(raw.to_owned());
    }
    let wrong = |message: String| ApiError::invalid(Some(path), message);
    let parts = elements(raw)
        .ok_or_else(|| wrong(format!("`{path}` must be a text or an array of parts")))?;
    let mut read = Vec::with_capacity(parts.len());
    for part in parts {
        let part = Fields::parse(part.as_bytes())
            .map_err(|_| wrong(format!("a part of `{path}` must be an object")))?;
        let kind = text_of(&part, "type").unwrap_or_default();
        let text = part.get("text").or_else(|| part.get("refusal"));
        read.push(match (kind.as_str(), text, part.get("image_url")) {
            ("input_text" | "output_text" | "text" | "refusal", Some(text), _) => {
                format!("{{\"type\":\"text\",\"text\":{text}}}")
            }
            ("input_image", _, Some(url)) => {
                let detail = part.get("detail").map_or_else(|| quote("auto"), str::to_owned);
                format!(
                    "{{\"type\":\"image_url\",\"image_url\":{{\"url\":{url},\"detail\":{detail}}}}}"
                )
            }
            _ => {
                let kind: String = kind.chars().take(64).collect();
                return Err(wrong(format!(
                    "a part of `{path}` is `{kind}`: texts and images by URL are read here"
                )));
            }
        });
    }
    Ok(format!("[{}]", read.join(",")))
}
