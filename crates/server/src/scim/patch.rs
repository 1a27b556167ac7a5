//! PATCH (RFC 7644 §3.5.2) as what it asks for: changes of single attributes and of members.
//!
//! A body is read whole before anything is changed, and a path that is not known is refused, so that
//! nothing is half done or silently left.

use serde::Deserialize;
use serde_json::Value;

use super::error::ScimError;

/// Operations of one request.
const OPERATIONS_MAX: usize = 200;
/// Members named in one request.
const MEMBERS_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
struct Body {
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<Raw>,
}

#[derive(Debug, Deserialize)]
struct Raw {
    op: String,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    value: Value,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// `userName`.
    UserName(String),
    /// `displayName` or `name.formatted`; `None` removes it.
    Name(Option<String>),
    /// The address; `None` removes it.
    Email(Option<String>),
    /// `externalId`; `None` removes it.
    ExternalId(Option<String>),
    /// Whether they may act.
    Active(bool),
    /// Puts these into the group.
    AddMembers(Vec<String>),
    /// Takes these out of it.
    RemoveMembers(Vec<String>),
    /// The group has these and no others.
    ReplaceMembers(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// Reads a body.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Change>, ScimError> {
    let body: Body = serde_json::from_slice(body)
        .map_err(|error| ScimError::syntax(format!("not a patch request: {error}")))?;
    if body.operations.is_empty() || body.operations.len() > OPERATIONS_MAX {
        return Err(ScimError::value(format!("give 1 to {OPERATIONS_MAX} operations")));
    }
    let mut changes = Vec::new();
    for raw in body.operations {
        // Some directories write `Add` and `Replace`.
        let op = match raw.op.to_lowercase().as_str() {
            "add" => Op::Add,
            "replace" => Op::Replace,
            "remove" => Op::Remove,
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(ScimError::syntax(format!(
                    "`{other}` is none of add, replace, remove"
                )));
            }
        };
        match raw.path.as_deref().map(str::trim).filter(|path| !path.is_empty()) {
            Some(path) => changes.push(at(op, path, &raw.value)?),
            None => of_object(op, &raw.value, &mut changes)?,
        }
    }
    Ok(changes)
}

/// An operation without a path: its value has attributes as a resource has.
fn of_object(op: Op, value: &Value, changes: &mut Vec<Change>) -> Result<(), ScimError> {
    let object = value.as_object().filter(|_| op != Op::Remove).ok_or_else(|| {
        ScimError::new(400, "noTarget", "an operation without a path needs attributes to set")
    })?;
    for (name, value) in object {
        match (name.to_lowercase().as_str(), value) {
            ("schemas" | "id" | "meta", _) => {}
            ("name", Value::Object(parts)) => {
                if let Some(formatted) = parts.get("formatted") {
                    changes.push(at(op, "name.formatted", formatted)?);
                }
            }
            _ => changes.push(at(op, name, value)?),
        }
    }
    Ok(())
}

fn at(op: Op, path: &str, value: &Value) -> Result<Change, ScimError> {
    let bare = path.rsplit_once("2.0:User:").or_else(|| path.rsplit_once("2.0:Group:"));
    let path = bare.map_or(path, |(_, attribute)| attribute);
    let lower = path.to_lowercase();
    if let Some(filter) = lower.strip_prefix("members[") {
        return member_of(op, path, filter);
    }
    let text = |what: &str| optional_text(op, what, value);
    match lower.as_str() {
        "username" => text("userName")?
            .map(Change::UserName)
            .ok_or_else(|| ScimError::new(400, "mutability", "userName cannot be removed")),
        "displayname" | "name.formatted" => text("displayName").map(Change::Name),
        "externalid" => text("externalId").map(Change::ExternalId),
        "emails" => email_of(op, value).map(Change::Email),
        "active" => active_of(op, value).map(Change::Active),
        "members" => {
            let ids = members_of(value)?;
            Ok(match op {
                Op::Add => Change::AddMembers(ids),
                Op::Replace => Change::ReplaceMembers(ids),
                // Without a value all of them are meant.
                Op::Remove if value.is_null() => Change::ReplaceMembers(Vec::new()),
                Op::Remove => Change::RemoveMembers(ids),
            })
        }
        _ if lower.starts_with("emails[") && lower.ends_with("].value") => {
            text("emails").map(Change::Email)
        }
        _ => {
            let shown: String = path.chars().take(80).collect();
            Err(ScimError::path(format!("`{shown}` is no attribute that can be changed here")))
        }
    }
}

/// `members[value eq "usr_…"]`: one member, by the filter in the path.
fn member_of(op: Op, path: &str, filter: &str) -> Result<Change, ScimError> {
    let wrong = || ScimError::path("write `members[value eq \"usr_…\"]`");
    if op != Op::Remove || !filter.ends_with(']') {
        return Err(wrong());
    }
    let inner = path.get("members[".len()..path.len().saturating_sub(1)).ok_or_else(wrong)?;
    let filter = super::filter::parse(inner)?;
    if filter.attribute != "value" {
        return Err(wrong());
    }
    Ok(Change::RemoveMembers(vec![filter.value]))
}

fn optional_text(op: Op, what: &str, value: &Value) -> Result<Option<String>, ScimError> {
    match value {
        _ if op == Op::Remove => Ok(None),
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.trim().is_empty())),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(ScimError::value(format!("`{what}` is a text")))
        }
    }
}

fn active_of(op: Op, value: &Value) -> Result<bool, ScimError> {
    match value {
        Value::Bool(active) if op != Op::Remove => Ok(*active),
        // Some directories write the truth as a text.
        Value::String(text) if op != Op::Remove && text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if op != Op::Remove && text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(ScimError::value("`active` is true or false")),
    }
}

/// The primary address of a list, else its first.
pub(super) fn email_in(list: &[Value]) -> Option<String> {
    let primary = |item: &&Value| item.get("primary").and_then(Value::as_bool) == Some(true);
    let chosen = list.iter().find(primary).or_else(|| list.first())?;
    let text = chosen.get("value").and_then(Value::as_str)?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn email_of(op: Op, value: &Value) -> Result<Option<String>, ScimError> {
    match value {
        _ if op == Op::Remove => Ok(None),
        Value::Array(list) => Ok(email_in(list)),
        one @ Value::Object(_) => Ok(email_in(std::slice::from_ref(one))),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            Err(ScimError::value("`emails` is a list of objects with `value`"))
        }
    }
}

/// The ids in a list of members.
pub(super) fn members_of(value: &Value) -> Result<Vec<String>, ScimError> {
    let list = match value {
        Value::Null => &[],
        Value::Array(list) => list.as_slice(),
        one @ Value::Object(_) => std::slice::from_ref(one),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(ScimError::value("`members` is a list of objects with `value`"));
        }
    };
    if list.len() > MEMBERS_MAX {
        let text = format!("at most {MEMBERS_MAX} members in one request: send several");
        return Err(ScimError::new(413, "tooMany", text));
    }
    let ids = list.iter().map(|member| member.get("value").and_then(Value::as_str));
    let ids: Option<Vec<String>> = ids.map(|id| id.map(str::to_owned)).collect();
    ids.ok_or_else(|| ScimError::value("each member has a `value` with the user's id"))
}

#[cfg(test)]
mod tests;
