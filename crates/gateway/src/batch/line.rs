//! One line of a batch: its own id and the body of a request, or what is wrong with it.
//!
//! What is wrong with the form of any line fails the whole batch before one is asked, as it does elsewhere:
//! a file with a hole in it is not what somebody meant to pay for. What a model refuses concerns its line only.

use crate::json::{Fields, quote};

use super::record::{Dialect, Fault};

/// Longest id that a line gives itself, in characters.
const CUSTOM_ID_CHARS_MAX: usize = 512;

/// What all lines of a batch have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) dialect: Dialect,
    pub(super) endpoint: &'a str,
    /// The model of lines that name none.
    pub(super) model: Option<&'a str>,
}

/// A line that can be asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) custom_id: String,
    /// A JSON object.
    pub(super) body: String,
}

impl Line {
    /// Reads a line.
    pub(super) fn parse(common: Common<'_>, number: u32, bytes: &[u8]) -> Result<Self, Fault> {
        let fault = |code: &str, param: Option<&str>, message: String| Fault {
            code: code.to_owned(),
            message,
            line: Some(number),
            param: param.map(str::to_owned),
        };
        let fields = Fields::parse(bytes).map_err(|_| {
            let text = "this line is not one JSON object: write each request in a line of its own";
            fault("invalid_json_line", None, text.to_owned())
        })?;
        let custom_id = match (text(&fields, "custom_id"), common.dialect) {
            (Some(id), _) if !id.is_empty() && id.chars().count() <= CUSTOM_ID_CHARS_MAX => id,
            (None, Dialect::Mistral) if fields.get("custom_id").is_none() => number.to_string(),
            (_, Dialect::OpenAi | Dialect::Mistral) => {
                let message = format!(
                    "`custom_id` must be a text of 1 to {CUSTOM_ID_CHARS_MAX} characters: give each line one"
                );
                return Err(fault("invalid_custom_id", Some("custom_id"), message));
            }
        };
        if common.dialect == Dialect::OpenAi {
            if text(&fields, "method").as_deref() != Some("POST") {
                let message = "`method` must be `POST`".to_owned();
                return Err(fault("invalid_method", Some("method"), message));
            }
            if text(&fields, "url").as_deref() != Some(common.endpoint) {
                let message = format!("`url` must be the batch's endpoint, `{}`", common.endpoint);
                return Err(fault("mismatched_url", Some("url"), message));
            }
        }
        let body = body(&fields, common.model);
        let body = body.map_err(|message| fault("invalid_body", Some("body"), message))?;
        Ok(Self { custom_id, body })
    }
}

/// The request, with the batch's model if it names none.
fn body(fields: &Fields<'_>, model: Option<&str>) -> Result<String, String> {
    let raw = fields.get("body").unwrap_or_default();
    let Ok(mut body) = Fields::parse(raw.as_bytes()) else {
        return Err("`body` must be the JSON object of a request".to_owned());
    };
    if body.get("stream").is_some_and(|stream| stream != "false") {
        return Err("`stream` has no meaning in a batch: leave it out".to_owned());
    }
    match model {
        Some(model) if body.get("model").is_none() => {
            body.set("model", quote(model));
            Ok(body.to_json())
        }
        _ if body.get("model").is_none() => Err("`body` names no `model`: give one".to_owned()),
        _ => Ok(raw.to_owned()),
    }
}

fn text(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(|raw| serde_json::from_str(raw).ok())
}

#[cfg(test)]
mod tests;
