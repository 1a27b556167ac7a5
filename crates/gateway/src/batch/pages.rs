//! Lists in pages: OpenAI's go on after an id, Mistral's count pages.
//!
//! Ids grow with time, so a page that goes on after an id is found although what had it is gone.

use std::str::FromStr;

use serde_json::{Value, json};

use super::id::Uuid;
use crate::error::ApiError;

/// What a client asked for; repeated names stay.
pub(super) type Query = Vec<(String, String)>;

/// How a list answers when a client does not say how long it may be, and at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    pub(super) usual: usize,
    pub(super) most: usize,
}

/// The first value of a name.
pub(super) fn get<'a>(query: &'a Query, name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// All values of a name.
pub(super) fn all<'a>(query: &'a Query, name: &str) -> Vec<&'a str> {
    query.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
}

fn number<T: FromStr>(query: &Query, name: &str, otherwise: T) -> Result<T, ApiError> {
    let Some(text) = get(query, name) else { return Ok(otherwise) };
    let invalid = |_| ApiError::invalid(Some(name), format!("`{name}` must be a whole number"));
    text.parse().map_err(invalid)
}

/// A page of what comes newest first, in OpenAI's words or, if a page is asked for by number, in Mistral's.
pub(super) fn page<T>(
    mut items: Vec<T>,
    (query, length): (&Query, Length),
    after: impl FnOnce(&str) -> Option<Uuid>,
    id: impl Fn(&T) -> Uuid,
    show: impl Fn(&T) -> Value,
) -> Result<Value, ApiError> {
    if get(query, "order") == Some("asc") {
        items.reverse();
    }
    let total = items.len();
    if get(query, "page").is_some() || get(query, "page_size").is_some() {
        let (page, size) =
            (number(query, "page", 0_usize)?, number(query, "page_size", 100_usize)?);
        let shown = items.iter().skip(page.saturating_mul(size)).take(size.min(length.most));
        let data: Vec<Value> = shown.map(show).collect();
        return Ok(json!({"object": "list", "data": data, "total": total}));
    }
    if let Some(text) = get(query, "after") {
        let invalid = || ApiError::invalid(Some("after"), "`after` must be an id".to_owned());
        let last = after(text).ok_or_else(invalid)?;
        let is_asc = get(query, "order") == Some("asc");
        items.retain(|item| if is_asc { id(item) > last } else { id(item) < last });
    }
    let limit = number(query, "limit", length.usual)?;
    if !(1..=length.most).contains(&limit) {
        let message = format!("`limit` must be from 1 to {}", length.most);
        return Err(ApiError::invalid(Some("limit"), message));
    }
    let has_more = items.len() > limit;
    let data: Vec<Value> = items.iter().take(limit).map(show).collect();
    let end = |value: Option<&Value>| value.map_or(Value::Null, |one| one["id"].clone());
    let (first_id, last_id) = (end(data.first()), end(data.last()));
    Ok(json!({
        "object": "list",
        "data": data,
        "first_id": first_id,
        "last_id": last_id,
        "has_more": has_more,
        "total": total,
    }))
}

#[cfg(test)]
mod tests;
