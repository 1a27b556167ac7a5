//! Mistral's words for what engines know by OpenAI's.

use crate::call::Call;
use crate::error::ApiError;
use crate::json::Fields;

/// Renames what differs; everything else, known or not, stays as it came.
///
/// # Errors
/// 400 for a type of numbers that no engine gives.
pub(crate) fn to_engine(call: Call, fields: &mut Fields<'_>) -> Result<(), ApiError> {
    match call {
        Call::Chat | Call::Text | Call::Fim => {
            rename(fields, "random_seed", "seed");
            if fields.get("tool_choice") == Some("\"any\"") {
                fields.set("tool_choice", "\"required\"".into());
            }
        }
        Call::Embeddings => {
            rename(fields, "output_dimension", "dimensions");
            if let Some(kind) = fields.get("output_dtype")
                && kind != "\"float\""
            {
                let message = format!("`output_dtype` {kind} is not given here: leave it out");
                return Err(ApiError::invalid(Some("output_dtype"), message));
            }
            fields.remove("output_dtype");
        }
        Call::Responses | Call::Tokenize | Call::Detokenize | Call::TokenizerInfo => {}
    }
    Ok(())
}

/// The engine's name for a field, unless the client gave that too: then its own word counts.
fn rename(fields: &mut Fields<'_>, theirs: &str, ours: &str) {
    if let Some(value) = fields.get(theirs).map(str::to_owned)
        && fields.get(ours).is_none()
    {
        fields.set(ours, value);
    }
    fields.remove(theirs);
}
