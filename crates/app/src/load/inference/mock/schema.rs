//! The least thing that a JSON schema allows, for a mock that must answer what it was asked for.

use serde_json::{Map, Value, json};

/// How deep a schema is followed.
const DEPTH_MAX: usize = 16;

/// An instance of a schema: the same each time.
pub(super) fn instance(schema: &Value) -> Value {
    instance_of(schema, schema, DEPTH_MAX)
}

fn instance_of(root: &Value, schema: &Value, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(path) = schema["$ref"].as_str() {
        let target = path.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return instance_of(root, target.unwrap_or(&Value::Null), depth);
    }
    if schema.get("const").is_some() {
        return schema["const"].clone();
    }
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema[choice].get(0) {
            return instance_of(root, first, depth);
        }
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => object(root, schema, depth),
        Some("array") => {
            let count = schema["minItems"].as_u64().unwrap_or(1).min(8);
            (0..count).map(|_| instance_of(root, &schema["items"], depth)).collect()
        }
        Some("integer") => json!(schema["minimum"].as_i64().unwrap_or(1)),
        Some("number") => json!(schema["minimum"].as_f64().unwrap_or(1.5)),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        Some("string") => json!("mock"),
        Some(_) | None if schema["properties"].is_object() => object(root, schema, depth),
        Some(_) | None => json!("mock"),
    }
}

fn object(root: &Value, schema: &Value, depth: usize) -> Value {
    let mut made = Map::new();
    for (name, of) in schema["properties"].as_object().into_iter().flatten() {
        made.insert(name.clone(), instance_of(root, of, depth));
    }
    Value::Object(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_what_its_schema_asks_for() {
        let schema = json!({"type": "object", "properties": {
            "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3},
            "unit": {"enum": ["C", "F"]}, "tags": {"type": "array", "items": {"$ref": "#/$defs/t"}},
            "maybe": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}},
            "$defs": {"t": {"type": "number"}}});
        let made = json!({"city": "mock", "days": 3, "unit": "C", "tags": [1.5], "maybe": true});
        assert_eq!(instance(&schema), made);
        let endless = json!({"type": "array", "items": {"$ref": "#"}});
        assert!(instance(&endless).is_array(), "a schema that names itself has an end");
    }
}
