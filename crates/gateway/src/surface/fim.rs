//! Mistral's fill-in-the-middle: asked as a completion with a suffix, answered in the shape of a chat.

use serde_json::{Value, json};

use super::elements;
use crate::json::Fields;
use crate::sse::Item;
use crate::translate::Names;

/// What is said in a choice: as a message, or as a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Whole,
    Part,
}

/// A whole answer.
pub(super) fn whole(body: &[u8], names: &Names) -> Result<Vec<u8>, serde_json::Error> {
    let mut fields = Fields::parse(body)?;
    rewrite(&mut fields, names, Said::Whole);
    fields.set("object", "\"chat.completion\"".into());
    Ok(fields.to_json().into_bytes())
}

/// One event.
pub(super) fn event(fields: &Fields<'_>, names: &Names, out: &mut Vec<u8>) {
    let mut fields = fields.clone();
    rewrite(&mut fields, names, Said::Part);
    fields.set("object", "\"chat.completion.chunk\"".into());
    Item::Event { name: Vec::new(), data: fields.to_json().into_bytes() }.write(out);
}

fn rewrite(fields: &mut Fields<'_>, names: &Names, said: Said) {
    let choices = fields.get("choices").and_then(elements).unwrap_or_default();
    let choices: Value = choices.iter().map(|choice| rewritten(choice, said)).collect();
    fields.set("choices", choices.to_string());
    fields.set("model", names.model_json.clone());
    fields.set("id", names.id_json.clone());
}

fn rewritten(choice: &str, said: Said) -> Value {
    let choice: Value = serde_json::from_str(choice).unwrap_or_default();
    let message = json!({ "role": "assistant", "content": choice["text"] });
    let name = match said {
        Said::Whole => "message",
        Said::Part => "delta",
    };
    json!({ "index": choice["index"], name: message, "finish_reason": choice["finish_reason"] })
}
