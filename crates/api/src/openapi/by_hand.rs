//! Routes whose shape others define: the OpenAI-compatible data plane below `/v1`.
//!
//! Only what is served is described; unknown request fields are accepted there, as clients of that
//! API expect.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The tag of these routes.
pub(super) const TAG: &str = "inference";

fn operation(id: &str, summary: &str, request: Option<&str>, response: &str) -> Value {
    let schema =
        |name: &str| json!({ "schema": { "$ref": format!("#/components/schemas/{name}") } });
    let error = |text: &str| json!({ "description": text, "content": { "application/json": schema("OpenAiError") } });
    let mut content = json!({ "application/json": schema(response) });
    if request.is_some() {
        // With `"stream": true`: chunks as server-sent events, then `data: [DONE]`.
        content["text/event-stream"] = json!({ "schema": { "type": "string" } });
    }
    let mut value = json!({
        "operationId": id,
        "summary": summary,
        "tags": [TAG],
        "security": [{ "bearer": [] }],
        "x-permission": "inference",
        "responses": {
            "200": { "description": "Done.", "content": content },
            "4XX": error("Refused; `error.code` is a code of the problem table."),
            "5XX": error("Failed; `error.code` is a code of the problem table."),
        },
    });
    if let Some(request) = request {
        value["requestBody"] =
            json!({ "required": true, "content": { "application/json": schema(request) } });
    }
    value
}

pub(super) fn add_paths(paths: &mut BTreeMap<String, Map<String, Value>>) {
    let chat = operation(
        "chat_completion_create",
        "Answer a conversation",
        Some("ChatCompletionRequest"),
        "Completion",
    );
    let text =
        operation("completion_create", "Continue a text", Some("CompletionRequest"), "Completion");
    let models = operation(
        "openai_model_list",
        "List the models that the key may call",
        None,
        "OpenAiModels",
    );
    for (path, method, value) in [
        ("/v1/chat/completions", "post", chat),
        ("/v1/completions", "post", text),
        ("/v1/models", "get", models),
    ] {
        paths.entry(path.to_owned()).or_default().insert(method.to_owned(), value);
    }
}

/// Parameters that both kinds of completion take.
fn sampling() -> Map<String, Value> {
    let fields = json!({
        "model": { "type": "string", "description": "The name of an endpoint." },
        "stream": { "type": "boolean", "default": false },
        "stream_options": {
            "type": "object", "properties": { "include_usage": { "type": "boolean" } },
        },
        "max_tokens": { "type": "integer", "minimum": 1 },
        "temperature": { "type": "number", "minimum": 0, "maximum": 2 },
        "top_p": { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
        "seed": { "type": "integer" },
        "stop": { "oneOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" }, "maxItems": 4 },
        ] },
    });
    match fields {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn request(own: &str, schema: Value) -> Value {
    let mut properties = sampling();
    properties.insert(own.to_owned(), schema);
    json!({ "type": "object", "required": ["model", own], "properties": properties })
}

pub(super) fn add_schemas(schemas: &mut Map<String, Value>) {
    let message = json!({
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": { "type": "string", "enum": ["system", "user", "assistant"] },
            "content": { "type": "string" },
        },
    });
    let usage = json!({
        "type": "object",
        "properties": {
            "prompt_tokens": { "type": "integer" },
            "completion_tokens": { "type": "integer" },
            "total_tokens": { "type": "integer" },
        },
    });
    let error = json!({
        "type": "object",
        "required": ["error"],
        "properties": { "error": {
            "type": "object",
            "required": ["message", "type", "code"],
            "properties": {
                "message": { "type": "string" },
                "type": { "type": "string" },
                "param": { "type": ["string", "null"] },
                "code": { "type": "string" },
            },
        } },
    });
    let list = |items: Value| json!({ "type": "array", "items": items });
    let messages = request("messages", list(message));
    schemas.insert("ChatCompletionRequest".to_owned(), messages);
    schemas.insert("CompletionRequest".to_owned(), request("prompt", json!({ "type": "string" })));
    schemas.insert("OpenAiError".to_owned(), error);
    let completion = json!({
        "type": "object",
        "required": ["id", "object", "created", "model", "choices"],
        "properties": {
            "id": { "type": "string" },
            "object": { "type": "string" },
            "created": { "type": "integer", "description": "Seconds since 1970." },
            "model": { "type": "string" },
            "choices": list(json!({ "type": "object" })),
            "usage": usage,
        },
    });
    schemas.insert("Completion".to_owned(), completion);
    let models = json!({
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": { "const": "list" },
            "data": list(json!({
                "type": "object",
                "required": ["id", "object"],
                "properties": { "id": { "type": "string" }, "object": { "const": "model" } },
            })),
        },
    });
    schemas.insert("OpenAiModels".to_owned(), models);
}
