//! What this service offers, for directories that ask first (RFC 7643 §5 to §7).

use serde_json::{Value, json};

use super::{Answer, COUNT_MAX, Outcome, Visit, error::ScimError, groups, not_offered, users};

/// `GET /ServiceProviderConfig`
pub(super) fn config(visit: &Visit) -> Outcome {
    only_get(visit)?;
    Ok(Answer::ok(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": COUNT_MAX },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "API key", "primary": true,
            "description": "a key that administers the organisation, as a bearer token",
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": "/scim/v2/ServiceProviderConfig" },
    })))
}

/// `GET /ResourceTypes` and `GET /ResourceTypes/{id}`
pub(super) fn types(visit: &Visit) -> Outcome {
    only_get(visit)?;
    let one = |name: &str, endpoint: &str, schema: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name, "name": name, "endpoint": endpoint, "schema": schema,
            "meta": { "resourceType": "ResourceType", "location": format!("/scim/v2/ResourceTypes/{name}") },
        })
    };
    let all = vec![one("User", "/Users", users::SCHEMA), one("Group", "/Groups", groups::SCHEMA)];
    chosen(visit, all)
}

/// `GET /Schemas` and `GET /Schemas/{id}`
pub(super) fn schemas(visit: &Visit) -> Outcome {
    only_get(visit)?;
    let text = |name: &str, required: bool, unique: &str| {
        json!({
            "name": name, "type": "string", "multiValued": false, "required": required,
            "caseExact": false, "mutability": "readWrite", "returned": "default", "uniqueness": unique,
        })
    };
    let list = |name: &str, mutability: &str| {
        json!({
            "name": name, "type": "complex", "multiValued": true, "required": false,
            "mutability": mutability, "returned": "default", "uniqueness": "none",
            "subAttributes": [text("value", false, "none")],
        })
    };
    let active = json!({
        "name": "active", "type": "boolean", "multiValued": false, "required": false,
        "mutability": "readWrite", "returned": "default", "uniqueness": "none",
    });
    let of = |id: &str, name: &str, attributes: Vec<Value>| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": id, "name": name, "attributes": attributes,
            "meta": { "resourceType": "Schema", "location": format!("/scim/v2/Schemas/{id}") },
        })
    };
    let person = vec![
        text("userName", true, "server"),
        text("displayName", false, "none"),
        text("externalId", false, "none"),
        list("emails", "readWrite"),
        active,
        list("groups", "readOnly"),
    ];
    let group = vec![text("displayName", true, "server"), list("members", "readWrite")];
    chosen(visit, vec![of(users::SCHEMA, "User", person), of(groups::SCHEMA, "Group", group)])
}

fn chosen(visit: &Visit, all: Vec<Value>) -> Outcome {
    if visit.id.is_empty() {
        return Ok(visit.page(all.len(), all));
    }
    let mut all = all.into_iter();
    let found = all.find(|one| one.get("id").and_then(Value::as_str) == Some(visit.id.as_str()));
    found.map(Answer::ok).ok_or_else(|| ScimError::not_found("resource", &visit.id))
}

fn only_get(visit: &Visit) -> Result<(), ScimError> {
    if visit.method == http::Method::GET { Ok(()) } else { Err(not_offered(&visit.method)) }
}
