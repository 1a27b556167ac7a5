//! SCIM 2.0 as a directory uses it: people and groups come, change and go.

use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};

use crate::world::{Answer, CONSOLE, World, form};

struct Directory {
    world: World,
    key: String,
}

impl Directory {
    async fn open() -> Self {
        let world = World::empty().await;
        let key = world.key_of_new_organisation("acme").await;
        Self { world, key }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.ask_with(&self.key, method, path, body, &[]).await
    }

    async fn ask_with(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/scim/v2{path}"));
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = request.header(header::CONTENT_TYPE, "application/scim+json");
        self.world.ask(request.body(body).unwrap()).await
    }

    async fn ada(&self) -> Value {
        let ada = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "ada@acme.test", "externalId": "00u1", "active": true,
            "name": { "givenName": "Ada", "familyName": "Lovelace" },
            "emails": [{ "value": "ada@acme.test", "primary": true, "type": "work" }],
        });
        self.ask("POST", "/Users", ada).await.expect(201)
    }
}

fn patch(operations: Value) -> Value {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_come_change_and_go() {
    let directory = Directory::open().await;
    let ada = directory.ada().await;
    assert_eq!(ada["displayName"], "Ada Lovelace");
    assert_eq!(ada["meta"]["resourceType"], "User");
    let path = format!("/Users/{}", id(&ada));
    let got = directory.ask("GET", &path, Value::Null).await;
    assert_eq!(got.expect(200), ada);
    assert_eq!(got.header("content-type"), "application/scim+json");
    assert_eq!(got.header("etag"), ada["meta"]["version"].as_str().unwrap());
    let again = directory.ask("POST", "/Users", json!({ "userName": "ADA@acme.test" })).await;
    assert_eq!(again.expect(409)["scimType"], "uniqueness");

    for filter in [
        "userName eq \"ada@acme.test\"",
        "username EQ \"ADA@acme.test\"",
        "externalId eq \"00u1\"",
        "emails.value eq \"ada@acme.test\"",
    ] {
        let encoded: String = filter.bytes().map(|b| format!("%{b:02x}")).collect();
        let list = directory.ask("GET", &format!("/Users?filter={encoded}"), Value::Null).await;
        let list = list.expect(200);
        assert_eq!((&list["totalResults"], &list["Resources"][0]["id"]), (&json!(1), &ada["id"]));
    }
    let none =
        directory.ask("GET", "/Users?filter=userName%20eq%20%22nobody%22", Value::Null).await;
    assert_eq!(none.expect(200)["totalResults"], 0);
    let wrong = directory.ask("GET", "/Users?filter=userName%20sw%20%22a%22", Value::Null).await;
    assert_eq!(wrong.expect(400)["scimType"], "invalidFilter");
}

#[tokio::test]
async fn a_version_is_read_changed_and_gone() {
    let directory = Directory::open().await;
    let ada = directory.ada().await;
    let path = format!("/Users/{}", id(&ada));
    let version = ada["meta"]["version"].as_str().unwrap();
    let unchanged = [("if-none-match", version)];
    let key = &directory.key;
    let same = directory.ask_with(key, "GET", &path, Value::Null, &unchanged).await;
    assert_eq!((same.status, same.bytes.len()), (304, 0));
    let rename = patch(json!([{ "op": "replace", "path": "displayName", "value": "Ada King" }]));
    let seen = [("if-match", version)];
    let renamed = directory.ask_with(key, "PATCH", &path, rename.clone(), &seen).await.expect(200);
    assert_eq!(
        (&renamed["displayName"], &renamed["externalId"]),
        (&json!("Ada King"), &json!("00u1"))
    );
    let late = directory.ask_with(key, "PATCH", &path, rename, &seen).await;
    assert_eq!(late.expect(412)["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
    let put = json!({ "userName": "ada", "displayName": "Ada", "active": true });
    let put = directory.ask("PUT", &path, put).await.expect(200);
    assert!(put.get("emails").is_none() && put.get("externalId").is_none(), "{put}");

    assert_eq!(directory.ask("DELETE", &path, Value::Null).await.status, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(directory.ask(method, &path, Value::Null).await.expect(404)["status"], "404");
    }
    let list = directory.ask("GET", "/Users", Value::Null).await.expect(200);
    assert_eq!(list["totalResults"], 0);
    // The name is free again, and nothing of it is in the log.
    directory.ada().await;
    let log = directory.world.get(&directory.key, "/api/v1/events?limit=1000").await.text();
    for text in ["Lovelace", "ada@acme", "00u1", "Ada King"] {
        assert!(!log.contains(text), "{text} is in the log");
    }
    assert!(log.contains("erasure.requested"), "what was removed is asked to be erased");
}

#[tokio::test]
async fn inactive_means_out_at_once() {
    let directory = Directory::open().await;
    let ada = directory.ada().await;
    let path = format!("/Users/{}", id(&ada));
    let password = json!({ "password": "correct horse battery" });
    let set = format!("/api/v1/users/{}/password", id(&ada));
    let put = directory.world.call(&directory.key, "PUT", &set, password.clone()).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let mut sign_in = json!({ "user": "Ada@acme.test", "organisation": "acme" });
    sign_in["password"] = password["password"].clone();
    let begun = directory.world.call("", "POST", "/api/v1/sessions", sign_in.clone()).await;
    let secret = begun.expect(201)["secret"].as_str().unwrap().to_owned();
    assert_eq!(directory.world.get(&secret, "/api/v1/sessions").await.status, 200);
    // On the console as well.
    let body = "user=ada%40acme.test&organisation=acme&password=correct+horse+battery";
    let page = directory.world.ask(form("/login", body, CONSOLE)).await;
    assert_eq!(page.status, 303, "{}", page.text());
    let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();

    let out = patch(json!([{ "op": "Replace", "path": "active", "value": "False" }]));
    let out = directory.ask("PATCH", &path, out).await.expect(200);
    assert_eq!(out["active"], false);
    assert_eq!(directory.world.get(&secret, "/api/v1/sessions").await.status, 401);
    let request = Request::get("/sessions").header(header::COOKIE, &cookie).body(Body::empty());
    assert_eq!(directory.world.ask(request.unwrap()).await.status, 303);
    let refused = directory.world.call("", "POST", "/api/v1/sessions", sign_in.clone()).await;
    assert_eq!(refused.expect(401)["detail"], "the name or the password is wrong");
    let back = patch(json!([{ "op": "replace", "value": { "active": true } }]));
    assert_eq!(directory.ask("PATCH", &path, back).await.expect(200)["active"], true);
    directory.world.call("", "POST", "/api/v1/sessions", sign_in).await.expect(201);
    assert_eq!(directory.world.get(&secret, "/api/v1/sessions").await.status, 401, "over is over");
}

#[tokio::test]
async fn groups_have_the_members_that_a_directory_says() {
    let directory = Directory::open().await;
    let ada = id(&directory.ada().await);
    let new = json!({ "displayName": "Data Science", "members": [{ "value": ada }] });
    let group = directory.ask("POST", "/Groups", new.clone()).await.expect(201);
    assert_eq!(
        (&group["displayName"], &group["members"][0]["value"]),
        (&json!("data-science"), &json!(ada))
    );
    assert_eq!(directory.ask("POST", "/Groups", new).await.expect(409)["scimType"], "uniqueness");
    let path = format!("/Groups/{}", id(&group));
    let remove = patch(json!([{ "op": "remove", "path": format!("members[value eq \"{ada}\"]") }]));
    let out = directory.ask("PATCH", &path, remove).await.expect(200);
    assert_eq!(out["members"], json!([]));
    let add = patch(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    directory.ask("PATCH", &path, add).await.expect(200);
    let user = directory.ask("GET", &format!("/Users/{ada}"), Value::Null).await.expect(200);
    assert_eq!(user["groups"][0]["value"], group["id"]);
    let list =
        directory.ask("GET", "/Groups?filter=displayName%20eq%20%22Data%20Science%22", Value::Null);
    assert_eq!(list.await.expect(200)["Resources"][0]["id"], group["id"]);
    let stranger = json!([{ "op": "add", "path": "members", "value": [{ "value": "usr_x" }] }]);
    assert_eq!(
        directory.ask("PATCH", &path, patch(stranger)).await.expect(400)["scimType"],
        "invalidValue"
    );
    assert_eq!(directory.ask("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(directory.ask("GET", &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let directory = Directory::open().await;
    for n in 0..5 {
        let user = json!({ "userName": format!("user-{n}") });
        directory.ask("POST", "/Users", user).await.expect(201);
    }
    let mut seen = Vec::new();
    for start in [1, 3, 5, 7] {
        let path = format!("/Users?startIndex={start}&count=2");
        let page = directory.ask("GET", &path, Value::Null).await.expect(200);
        assert_eq!((&page["totalResults"], &page["startIndex"]), (&json!(5), &json!(start)));
        seen.extend(page["Resources"].as_array().unwrap().iter().map(id));
    }
    seen.dedup();
    assert_eq!(seen.len(), 5);
    for odd in ["startIndex=-3&count=0", "startIndex=0&count=-1", "count=99999", "startIndex=x"] {
        let page = directory.ask("GET", &format!("/Users?{odd}"), Value::Null).await;
        assert!(page.expect(200)["Resources"].as_array().unwrap().len() <= 5, "{odd}");
    }
}

#[tokio::test]
async fn one_organisation_never_sees_another() {
    let directory = Directory::open().await;
    let ada = directory.ada().await;
    let group =
        directory.ask("POST", "/Groups", json!({ "displayName": "staff" })).await.expect(201);
    let rival = directory.world.key_of_new_organisation("rival").await;
    let mine = directory
        .ask_with(&rival, "POST", "/Users", json!({ "userName": "ada@acme.test" }), &[])
        .await
        .expect(201);
    assert_ne!(mine["id"], ada["id"], "the same name elsewhere is somebody else");
    for path in [format!("/Users/{}", id(&ada)), format!("/Groups/{}", id(&group))] {
        for (method, body) in [
            ("GET", Value::Null),
            ("PUT", json!({ "userName": "x", "displayName": "staff" })),
            ("PATCH", patch(json!([{ "op": "replace", "path": "displayName", "value": "x" }]))),
            ("DELETE", Value::Null),
        ] {
            let answer = directory.ask_with(&rival, method, &path, body, &[]).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        }
    }
    let list = directory.ask_with(&rival, "GET", "/Users", Value::Null, &[]).await.expect(200);
    assert_eq!(list["totalResults"], 1);
    let member = json!({ "displayName": "spies", "members": [{ "value": ada["id"] }] });
    let refused = directory.ask_with(&rival, "POST", "/Groups", member, &[]).await;
    assert_eq!(refused.status, 400);
    // Who does not administer an organisation is no directory.
    let viewer = directory.world.key("viewer", ("organisation", "acme")).await;
    for (key, status) in [("", 401), ("cck_no", 401), (viewer.as_str(), 403)] {
        let answer = directory.ask_with(key, "GET", "/Users", Value::Null, &[]).await;
        assert_eq!(answer.expect(status)["status"], status.to_string());
    }
}

#[tokio::test]
async fn what_a_directory_may_not_send_changes_nothing() {
    let directory = Directory::open().await;
    let ada = directory.ada().await;
    let path = format!("/Users/{}", id(&ada));
    for (method, path, body, status) in [
        ("POST", "/Users", json!({}), 400),
        ("POST", "/Users", json!([]), 400),
        ("POST", "/Users", json!({ "userName": "" }), 400),
        ("POST", "/Users", json!({ "userName": "x", "active": "yes" }), 400),
        ("POST", "/Users", json!({ "userName": "x", "emails": [{ "value": "nowhere" }] }), 400),
        ("POST", "/Groups", json!({ "displayName": "///" }), 400),
        (
            "PATCH",
            path.as_str(),
            patch(json!([{ "op": "replace", "path": "roles", "value": [] }])),
            400,
        ),
        ("PATCH", path.as_str(), json!({}), 400),
        ("GET", "/Users/usr_x", Value::Null, 404),
        ("GET", "/Users/..%2f..%2fGroups", Value::Null, 404),
        ("POST", path.as_str(), json!({}), 405),
        ("DELETE", "/Users", Value::Null, 405),
        ("POST", "/Schemas", json!({}), 405),
        ("POST", "/Users", json!({ "userName": "x".repeat(300_000) }), 413),
    ] {
        let answer = directory.ask(method, path, body.clone()).await;
        assert_eq!(answer.status, status, "{method} {path} {}", answer.text());
        assert_eq!(answer.json()["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
    }
    assert_eq!(directory.ask("GET", &path, Value::Null).await.expect(200), ada);
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/ResourceTypes/User", "/Schemas"] {
        directory.ask("GET", path, Value::Null).await.expect(200);
    }
    let schema = "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group";
    assert_eq!(directory.ask("GET", schema, Value::Null).await.expect(200)["name"], "Group");
}
