//! The texts of a question or an answer, one by one with where they stand.
//!
//! INVARIANT: a value is walked in the same order each time, so that what comes back about texts is put where
//! each came from.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::question::{NO_TEXT, is_word};

/// Members of what an engine writes that the model does not.
pub(super) const ENGINES: [&str; 8] = [
    "role",
    "type",
    "id",
    "object",
    "index",
    "finish_reason",
    // Repeats the text; taken away where something is replaced.
    "logprobs",
    "usage",
];

/// A text and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    /// A JSON pointer (RFC 6901); elements that say their `index` stand at that.
    pub(super) pointer: &'a str,
    /// The role that the nearest message gives it.
    pub(super) role: Option<&'a str>,
}

type Visit<'a> = &'a mut dyn FnMut(At<'_>, &mut String);

/// Visits every text of a value that stands at `pointer`, except in members that are `none`; of a question's,
/// only those that say a word that engines know.
pub(super) fn each(value: &mut Value, pointer: &mut String, none: &[&str], visit: Visit<'_>) {
    walk(value, (pointer, None), none, visit);
}

fn walk(
    value: &mut Value,
    (pointer, role): (&mut String, Option<&str>),
    none: &[&str],
    visit: Visit<'_>,
) {
    let here = pointer.len();
    match value {
        Value::String(text) => visit(At { pointer, role }, text),
        Value::Array(items) => {
            for (place, item) in items.iter_mut().enumerate() {
                let said = item.get("index").and_then(Value::as_u64);
                let place = said.unwrap_or(u64::try_from(place).unwrap_or(u64::MAX));
                // Writing to a String cannot fail.
                let _ = write!(pointer, "/{place}");
                walk(item, (pointer, role), none, visit);
                pointer.truncate(here);
            }
        }
        Value::Object(members) => {
            let own = role_of(members);
            let role = own.as_deref().or(role);
            for (name, member) in members.iter_mut() {
                if none.contains(&name.as_str()) && (none != NO_TEXT || is_word(name, member)) {
                    continue;
                }
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                walk(member, (pointer, role), none, visit);
                pointer.truncate(here);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn role_of(members: &Map<String, Value>) -> Option<String> {
    members.get("role").and_then(Value::as_str).map(ToOwned::to_owned)
}
