//! The OpenAPI 3.1 document, from the one list of endpoints.
//!
//! Invariant: the same program gives the same bytes: everything is sorted, nothing is read from
//! outside. The routes that are no endpoints of ours (`/v1`, as OpenAI defines it) are in `by_hand`.

mod by_hand;
mod refusals;

use std::collections::BTreeMap;

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    endpoint::{Content, Permission},
    nouns,
    operation::Operation,
    problem::Problem,
};

/// The whole document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in nouns::endpoints() {
        let item = paths.entry(operation.path.replace("{*", "{")).or_default();
        let method = operation.method.as_str().to_lowercase();
        item.insert(method, operation_value(&operation, &mut generator));
    }
    // Registers the schema that every refusal refers to.
    let _ = generator.subschema_for::<Problem>();
    by_hand::add_paths(&mut paths);
    sorted(&json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Cocarde",
            "version": "1",
            "summary": "A sovereign AI cloud that you can run.",
            "description": DESCRIPTION,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "schemas": schemas(&mut generator),
            "responses": refusals::responses(),
            "parameters": parameters(),
            "securitySchemes": { "bearer": {
                "type": "http", "scheme": "bearer", "description": "An API key.",
            } },
        },
    }))
}

const DESCRIPTION: &str = "Within v1 only additions are made. Times are RFC 3339 UTC, money is in \
integer micro-euro, and every unit is in its field's name. A refusal is a problem document \
(RFC 9457) whose `code` never changes. `seq` and `as_of` are sequence numbers of the log as of \
which an answer is true. `x-permission` names the least role that may call an operation.";

fn schemas(generator: &mut SchemaGenerator) -> Map<String, Value> {
    let mut all = generator.take_definitions(true);
    by_hand::add_schemas(&mut all);
    all
}

fn operation_value(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let schemas = operation.schemas(generator);
    let mut list = field_parameters(&schemas.path, "path");
    list.extend(field_parameters(&schemas.query, "query"));
    if operation.mutates {
        list.push(json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
    }
    if operation.if_match {
        list.push(json!({ "$ref": "#/components/parameters/IfMatch" }));
    }
    let mut value = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [tag(operation.path)],
        "parameters": list,
        "responses": answers(operation, schemas.response),
        "security": security(operation.permission),
        "x-permission": operation.permission.as_str(),
    });
    if !operation.description.is_empty() {
        value["description"] = operation.description.into();
    }
    if let (Some(content), Some(schema)) = (operation.request, schemas.body) {
        value["requestBody"] = json!({ "required": true, "content": body(content, &schema) });
    }
    value
}

fn security(permission: Permission) -> Value {
    if permission == Permission::Public { json!([]) } else { json!([{ "bearer": [] }]) }
}

/// One parameter for each property of a struct's schema.
fn field_parameters(schema: &Value, place: &str) -> Vec<Value> {
    let required = schema.get("required").and_then(Value::as_array);
    let properties = schema.get("properties").and_then(Value::as_object);
    let parameter = |(name, property): (&String, &Value)| {
        let mut property = without_null(property.clone());
        let description = property.as_object_mut().and_then(|p| p.remove("description"));
        let needed = required.is_some_and(|r| r.iter().any(|n| n == name.as_str()));
        let mut value = json!({
            "name": name, "in": place, "required": needed || place == "path", "schema": property,
        });
        if let Some(description) = description {
            value["description"] = description;
        }
        value
    };
    properties.into_iter().flatten().map(parameter).collect()
}

/// A parameter is absent, never null.
fn without_null(mut schema: Value) -> Value {
    if let Some([Value::String(only), Value::String(null)]) =
        schema["type"].as_array().map(Vec::as_slice)
        && null == "null"
    {
        schema["type"] = only.clone().into();
    }
    if let Some([only, _null]) = schema["anyOf"].as_array().map(Vec::as_slice) {
        let only = only.clone();
        schema["allOf"] = json!([only]);
        schema.as_object_mut().map(|map| map.remove("anyOf"));
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    schema
}

/// Media types with the DTO's schema, or with what a raw body is.
fn body(content: Content, schema: &Value) -> Value {
    let raw = schema.as_object().is_some_and(Map::is_empty);
    let one = |media: &&str| {
        let schema = match (*media, raw) {
            ("application/json", true) => json!({ "type": "object" }),
            ("application/json", false) => schema.clone(),
            ("text/plain" | "text/event-stream", _) => json!({ "type": "string" }),
            // OpenAPI 3.1 describes octets by a media type without a schema.
            _ => return ((*media).to_owned(), json!({})),
        };
        ((*media).to_owned(), json!({ "schema": schema }))
    };
    Value::Object(content.media_types().iter().map(one).collect())
}

/// The answer of success and one for each status of refusal.
fn answers(operation: &Operation, schema: Option<Value>) -> Value {
    let mut answers = Map::new();
    let mut success = json!({ "description": "Done." });
    if let (Some(content), Some(schema)) = (operation.response, schema) {
        success["content"] = body(content, &schema);
    }
    answers.insert(operation.status.to_string(), success);
    for (status, codes) in refusals::by_status(&operation.codes) {
        let reference = format!("#/components/responses/{}", refusals::refusal_name(&codes));
        answers.insert(status.to_string(), json!({ "$ref": reference }));
    }
    Value::Object(answers)
}

fn parameters() -> Value {
    json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "The same key with the same request gets the first one's answer.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        },
        "IfMatch": {
            "name": "If-Match", "in": "header", "required": false,
            "description": "The resource's `version`; refused if it has changed since.",
            "schema": { "type": "string" },
        },
    })
}

/// The noun in a path.
fn tag(path: &str) -> &str {
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next(), parts.nth(1)) {
        (Some("api"), Some("openapi.json" | "backup")) => "platform",
        (Some("api"), Some(noun)) => noun,
        (Some("log"), _) => "log",
        _ => "platform",
    }
}

fn tags() -> Vec<Value> {
    let mut names: Vec<&str> = nouns::endpoints().iter().map(|o| tag(o.path)).collect();
    names.push(by_hand::TAG);
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

/// The same value with sorted keys, whatever order the map type keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<&String, &Value> = map.iter().collect();
            ordered.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests;
