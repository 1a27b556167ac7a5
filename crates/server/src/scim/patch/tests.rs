//! Patches as directories write them, and what is refused.

use serde_json::json;

use super::*;

fn patch(operations: Value) -> Result<Vec<Change>, ScimError> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    parse(body.to_string().as_bytes())
}

#[test]
fn what_directories_send_is_understood() {
    let one = |operation: Value, expected: Change| {
        assert_eq!(patch(json!([operation])), Ok(vec![expected]));
    };
    let text = |text: &str| Some(text.to_owned());
    one(json!({ "op": "replace", "path": "active", "value": false }), Change::Active(false));
    // As Entra ID writes it.
    one(json!({ "op": "Replace", "path": "active", "value": "False" }), Change::Active(false));
    // As Okta writes it.
    one(json!({ "op": "replace", "value": { "active": false } }), Change::Active(false));
    one(json!({ "op": "add", "path": "displayName", "value": "Ada" }), Change::Name(text("Ada")));
    one(
        json!({ "op": "add", "path": "urn:ietf:params:scim:schemas:core:2.0:User:userName", "value": "a" }),
        Change::UserName("a".to_owned()),
    );
    one(
        json!({ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@b" }),
        Change::Email(text("a@b")),
    );
    one(
        json!({ "op": "add", "path": "emails", "value": [{ "value": "x" }, { "value": "y", "primary": true }] }),
        Change::Email(text("y")),
    );
    one(json!({ "op": "remove", "path": "externalId" }), Change::ExternalId(None));
    let ada = vec!["usr_a".to_owned()];
    one(
        json!({ "op": "add", "path": "members", "value": [{ "value": "usr_a" }] }),
        Change::AddMembers(ada.clone()),
    );
    one(
        json!({ "op": "remove", "path": "members[value eq \"usr_a\"]" }),
        Change::RemoveMembers(ada.clone()),
    );
    one(
        json!({ "op": "Remove", "path": "members", "value": [{ "value": "usr_a" }] }),
        Change::RemoveMembers(ada.clone()),
    );
    one(json!({ "op": "remove", "path": "members" }), Change::ReplaceMembers(vec![]));
    one(
        json!({ "op": "replace", "path": "members", "value": [{ "value": "usr_a", "display": "x" }] }),
        Change::ReplaceMembers(ada),
    );
    let both = patch(json!([
        { "op": "replace", "value": { "name": { "formatted": "Ada L" }, "externalId": "7", "id": "x" } }
    ]));
    let both = both.unwrap();
    assert_eq!(both.len(), 2);
    assert!(both.contains(&Change::ExternalId(text("7"))));
    assert!(both.contains(&Change::Name(text("Ada L"))));
}

#[test]
fn what_is_not_understood_is_refused_whole() {
    for operations in [
        json!([]),
        json!([{ "op": "move", "path": "active", "value": true }]),
        json!([{ "op": "replace", "path": "roles", "value": [] }]),
        json!([{ "op": "replace", "path": "active", "value": "maybe" }]),
        json!([{ "op": "remove", "path": "active" }]),
        json!([{ "op": "remove", "path": "userName" }]),
        json!([{ "op": "remove" }]),
        json!([{ "op": "replace", "value": 7 }]),
        json!([{ "op": "add", "path": "members", "value": "usr_a" }]),
        json!([{ "op": "add", "path": "members", "value": [{ "display": "x" }] }]),
        json!([{ "op": "add", "path": "members[value eq \"x\"]", "value": true }]),
        json!([{ "op": "remove", "path": "members[display eq \"x\"]" }]),
        json!([{ "op": "replace", "path": "active", "value": true }, { "op": "x" }]),
    ] {
        assert!(patch(operations.clone()).is_err(), "{operations}");
    }
    for body in ["", "[]", "{}", "{\"Operations\":7}", "\u{0}"] {
        assert!(parse(body.as_bytes()).is_err(), "{body}");
    }
    let many: Vec<Value> = (0..1_001).map(|n| json!({ "value": n.to_string() })).collect();
    let refused = patch(json!([{ "op": "add", "path": "members", "value": many }]));
    assert_eq!(refused.unwrap_err().status(), 413);
}
