//! From bytes to DTOs, with errors that a person can act on: the field, the line, the nearest name.

use serde::{Deserializer, de::DeserializeOwned};
use serde_path_to_error::{Path, Segment};

use crate::problem::{Code, FieldError, Problem};

/// Most characters of an input's name or value that are repeated in a message.
const QUOTED_CHARS_MAX: usize = 200;

/// Reads a JSON body; trailing bytes are refused.
///
/// # Errors
/// A problem with code `unknown-field` or `invalid-body` that points at the field.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Box<Problem>> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = with_path(&mut reader).map_err(|failure| {
        let line = failure.inner.line();
        let position = if line == 0 {
            String::new()
        } else {
            format!(" (line {line}, column {})", failure.inner.column())
        };
        let detail = format!("{}{position}", failure.field.message);
        Box::new(Problem::new(failure.code, detail).with_errors(vec![failure.field]))
    })?;
    reader.end().map_err(|error| {
        Box::new(Problem::new(
            Code::InvalidBody,
            format!("the body goes on after its JSON value: {error}"),
        ))
    })?;
    Ok(value)
}

/// A value that could not be read.
pub(crate) struct Failure<E> {
    pub(crate) code: Code,
    pub(crate) field: FieldError,
    pub(crate) inner: E,
}

/// Reads a value, and on failure says where and what is near.
pub(crate) fn with_path<'de, D, T>(reader: D) -> Result<T, Failure<D::Error>>
where
    D: Deserializer<'de>,
    D::Error: std::fmt::Display,
    T: serde::Deserialize<'de>,
{
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let parent = pointer(error.path());
        let path = error.path().to_string();
        let inner = error.into_inner();
        let message = inner.to_string();
        // The YAML reader starts its message with the path, which is reported apart.
        let message = message.strip_prefix(&format!("{path}: ")).unwrap_or(&message);
        let (code, field) = explain(&parent, message);
        Failure { code, field, inner }
    })
}

/// RFC 6901 pointer of a path.
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.extend(part.chars().take(QUOTED_CHARS_MAX));
    }
    pointer
}

/// Turns serde's message into ours; its wording is stable enough to be read, and where it is not
/// understood it is passed on.
fn explain(parent: &str, message: &str) -> (Code, FieldError) {
    // Both formats add the position at the end; it is reported apart.
    let text = message.rfind(" at line ").and_then(|at| message.get(..at)).unwrap_or(message);
    if let Some((name, known)) = unknown(text, "unknown field `") {
        let own = format!("/{name}");
        let pointer =
            if parent.ends_with(&own) { parent.to_owned() } else { format!("{parent}{own}") };
        let message = format!("unknown field `{name}`: {}", suggestion(&name, &known));
        return (Code::UnknownField, FieldError::new(pointer, message));
    }
    if let Some((name, known)) = unknown(text, "unknown variant `") {
        let message = format!("`{name}` is not a known value: {}", suggestion(&name, &known));
        return (Code::InvalidBody, FieldError::new(parent, message));
    }
    if let Some((_, rest)) = text.split_once("duplicate field `") {
        let name = rest.trim_end_matches('`');
        let message = format!("`{name}` is given twice: keep one");
        return (Code::InvalidBody, FieldError::new(format!("{parent}/{name}"), message));
    }
    if let Some((_, rest)) = text.split_once("missing field `") {
        let name = rest.trim_end_matches('`');
        let message = format!("the field `{name}` is missing: add it");
        return (Code::InvalidBody, FieldError::new(format!("{parent}/{name}"), message));
    }
    // The YAML reader offers a tag where an enum is wanted; people write a word.
    let text = text.replace("a YAML tag starting with '!'", "one word");
    (Code::InvalidBody, FieldError::new(parent, text.chars().take(400).collect::<String>()))
}

/// Splits "unknown field `x`, expected one of `a`, `b`" into `x` and the known names.
fn unknown(text: &str, opening: &str) -> Option<(String, Vec<String>)> {
    let (_, rest) = text.split_once(opening)?;
    let (name, expected) =
        rest.rsplit_once("`, expected ").or_else(|| rest.split_once("`, there"))?;
    let known = expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((name.chars().take(QUOTED_CHARS_MAX).collect(), known))
}

/// "did you mean `b`?", or the list of what is known.
fn suggestion(name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are no fields here".to_owned(),
        None => format!("use one of `{}`", known.join("`, `")),
    }
}

/// The known name that differs least, if it is near: at most 2 edits, or a third of its length.
#[must_use]
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let near = known.iter().map(|k| (strsim::damerau_levenshtein(&lower, k), k)).min()?;
    let allowed = (near.1.chars().count() / 3).max(2);
    // A short name is not near to everything: at least one character must be right.
    (near.0 <= allowed && near.0 < near.1.chars().count()).then_some(near.1.as_str())
}
