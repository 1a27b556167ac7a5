//! People, groups, accounts and roles over HTTP: what is sealed, what is shown, what a key may.

use serde_json::{Value, json};

use crate::world::World;

async fn log_text(world: &World) -> String {
    let log = world.platform.log().clone();
    let rows = tokio::task::spawn_blocking(move || log.rows(0, 10_000).unwrap()).await.unwrap();
    rows.iter().map(|row| String::from_utf8_lossy(&row.leaf).into_owned()).collect()
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// A platform with `acme/lab` and its administrator's key.
async fn acme() -> (World, String) {
    let world = World::empty().await;
    world.make("/api/v1/organisations", json!({ "name": "acme" })).await;
    world.make("/api/v1/projects", json!({ "organisation": "acme", "name": "lab" })).await;
    let admin = world.key("administrator", ("organisation", "acme")).await;
    (world, admin)
}

#[tokio::test]
async fn names_and_addresses_are_sealed_and_never_in_the_log() {
    let (world, admin) = acme().await;
    let new = json!({
        "organisation": "acme", "name": "Zorblatt Quux", "email": "Zorblatt@example.org",
    });
    let made = world.call(&admin, "POST", "/api/v1/users", new.clone()).await.expect(201);
    assert_eq!(made["name"], "Zorblatt Quux");
    let shown = world.get(&admin, &format!("/api/v1/users/{}", id(&made))).await.expect(200);
    assert_eq!(
        (&shown["email"], &shown["status"]),
        (&json!("Zorblatt@example.org"), &json!("active"))
    );
    world.call(&admin, "POST", "/api/v1/users", new).await.expect(409);
    let by = "/api/v1/users?organisation=acme&email=zorblatt@EXAMPLE.org";
    let found = world.get(&admin, by).await.expect(200);
    assert_eq!(found["items"][0]["id"], made["id"]);
    let data = json!({ "name": "Zora Quux" });
    let path = format!("/api/v1/users/{}", id(&made));
    let replaced = world.call(&admin, "PUT", &path, data).await.expect(200);
    assert_eq!((&replaced["name"], replaced.get("email")), (&json!("Zora Quux"), None));
    assert_ne!(replaced["commitment"], made["commitment"]);
    let none = world.get(&admin, by).await.expect(200);
    assert_eq!(none["items"], json!([]));
    let log = log_text(&world).await;
    assert!(log.contains(&id(&made)));
    for secret in ["Zorblatt", "zorblatt", "Quux", "example.org"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    for wrong in [json!({ "name": " " }), json!({ "name": "a", "email": "nobody" })] {
        let mut body = wrong;
        body["organisation"] = json!("acme");
        world.call(&admin, "POST", "/api/v1/users", body).await.expect(422);
    }
}

#[tokio::test]
async fn a_key_of_somebody_does_what_they_may_and_stops_with_them() {
    let (world, admin) = acme().await;
    let new = json!({ "organisation": "acme", "name": "Ada" });
    let ada = id(&world.call(&admin, "POST", "/api/v1/users", new).await.expect(201));
    let give = json!({ "role": "viewer", "user": ada, "scope": "acme/lab" });
    let binding = world.call(&admin, "POST", "/api/v1/bindings", give).await.expect(201);
    let new = json!({ "name": "adas", "role": "member", "organisation": "acme", "user": ada });
    let made = world.call(&admin, "POST", "/api/v1/keys", new).await.expect(201);
    let key = made["secret"].as_str().unwrap();
    let dataset = json!({ "project": "acme/lab", "name": "d", "class": "internal" });
    world.get(key, "/api/v1/projects").await.expect(200);
    world.call(key, "POST", "/api/v1/datasets", dataset.clone()).await.expect(403);
    let me = world.get(key, "/api/v1/whoami").await.expect(200);
    assert_eq!(me["user"], ada.as_str());
    let held = me["held"][0]["operations"].as_array().unwrap();
    assert!(held.contains(&json!("project_get")) && !held.contains(&json!("dataset_create")));

    let more = json!({ "role": "member", "user": ada, "scope": "acme/lab" });
    world.call(&admin, "POST", "/api/v1/bindings", more).await.expect(201);
    world.call(key, "POST", "/api/v1/datasets", dataset).await.expect(201);
    let path = format!("/api/v1/users/{ada}/suspend");
    world.call(&admin, "POST", &path, json!({})).await.expect(200);
    world.get(key, "/api/v1/projects").await.expect(401);
    let path = format!("/api/v1/users/{ada}/resume");
    world.call(&admin, "POST", &path, json!({})).await.expect(200);
    world.get(key, "/api/v1/projects").await.expect(200);
    let path = format!("/api/v1/bindings/{}", id(&binding));
    world.call(&admin, "DELETE", &path, Value::Null).await.expect(200);
    world.call(&admin, "DELETE", &path, Value::Null).await.expect(404);
}

#[tokio::test]
async fn a_custom_role_permits_the_operations_it_names() {
    let (world, admin) = acme().await;
    let role = json!({
        "organisation": "acme", "name": "curator",
        "permissions": ["dataset_create", "dataset_get", "whoami"],
    });
    world.call(&admin, "POST", "/api/v1/roles", role).await.expect(201);
    let new = json!({ "organisation": "acme", "name": "Cy" });
    let cy = id(&world.call(&admin, "POST", "/api/v1/users", new).await.expect(201));
    let new = json!({
        "project": "acme/lab", "name": "bot", "owner": cy, "expires_in_seconds": 3_600,
    });
    let bot = id(&world.call(&admin, "POST", "/api/v1/service-accounts", new).await.expect(201));
    let give = json!({ "role": "curator", "service_account": bot, "scope": "acme/lab" });
    world.call(&admin, "POST", "/api/v1/bindings", give.clone()).await.expect(201);
    world.call(&admin, "POST", "/api/v1/bindings", give).await.expect(409);
    let new = json!({
        "name": "bots", "role": "member", "project": "acme/lab", "service_account": bot,
    });
    let made = world.call(&admin, "POST", "/api/v1/keys", new).await.expect(201);
    let key = made["secret"].as_str().unwrap();
    let dataset = json!({ "project": "acme/lab", "name": "d", "class": "internal" });
    let dataset = world.call(key, "POST", "/api/v1/datasets", dataset).await.expect(201);
    world.get(key, &format!("/api/v1/datasets/{}", id(&dataset))).await.expect(200);
    world.get(key, "/api/v1/datasets").await.expect(403);
    let model = json!({ "project": "acme/lab", "name": "m" });
    world.call(key, "POST", "/api/v1/models", model).await.expect(403);
    let wrong = json!({ "organisation": "acme", "name": "root", "permissions": ["operate"] });
    world.call(&admin, "POST", "/api/v1/roles", wrong).await.expect(422);
}

#[tokio::test]
async fn a_rotated_key_opens_with_both_secrets_until_the_overlap_ends() {
    let (world, admin) = acme().await;
    let new = json!({ "name": "ci", "role": "viewer", "project": "acme/lab" });
    let made = world.call(&admin, "POST", "/api/v1/keys", new).await.expect(201);
    let (old, path) = (made["secret"].as_str().unwrap(), "/api/v1/projects");
    let rotate = format!("/api/v1/keys/{}/rotate", id(&made["key"]));
    let late = json!({ "overlap_seconds": 8 * 86_400 });
    world.call(&admin, "POST", &rotate, late).await.expect(422);
    let overlap = json!({ "overlap_seconds": 3_600 });
    let rotated = world.call(&admin, "POST", &rotate, overlap).await.expect(200);
    let new = rotated["secret"].as_str().unwrap();
    world.get(old, path).await.expect(200);
    world.get(new, path).await.expect(200);
    let again = world.call(&admin, "POST", &rotate, json!({})).await.expect(200);
    world.get(old, path).await.expect(401);
    world.get(new, path).await.expect(401);
    world.get(again["secret"].as_str().unwrap(), path).await.expect(200);
}
