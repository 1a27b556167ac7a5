//! Upstreams: their keys stay sealed, and who may register what.

use serde_json::{Value, json};

use crate::world::{World, tenant};

fn new(project: Option<&str>, config: &Value) -> Value {
    let mut new = json!({ "name": "u", "site": "paris", "config": config });
    if let Some(project) = project {
        new["project"] = json!(project);
    }
    new
}

#[tokio::test]
async fn a_key_is_sealed_and_shown_to_nobody() {
    let world = World::with_machine().await;
    let tenant = tenant(&world, "acme").await;
    let chief = world.key("administrator", ("organisation", "acme")).await;
    let config = json!({ "url": "https://u.test/v1", "model": "m", "key": "sk-very-secret" });
    let made =
        world.call(&chief, "POST", "/api/v1/upstreams", new(Some("acme/lab"), &config)).await;
    let made = made.expect(201);
    assert_eq!(made["has_key"], true);
    let path = format!("/api/v1/upstreams/{}", made["id"].as_str().unwrap());
    let shown = world.get(&chief, &path).await.text();
    let events = world.get(&world.operator, "/api/v1/events?limit=500").await.text();
    let own = world.get(&chief, "/api/v1/events?limit=500").await.text();
    assert!(own.contains("upstream.registered"), "{own}");
    for text in [made.to_string(), shown, events, own] {
        assert!(!text.contains("sk-very-secret"), "{text}");
    }
    let id = made["id"].as_str().unwrap().parse().unwrap();
    let platform = std::sync::Arc::clone(&world.platform);
    let access = tokio::task::spawn_blocking(move || platform.upstream_access(id)).await.unwrap();
    assert_eq!(access.unwrap().unwrap().key.as_deref(), Some("sk-very-secret"));

    // A kept key goes where it was given for.
    let elsewhere = json!({ "url": "https://thief.test/v1", "model": "m" });
    let refused = world.call(&chief, "PUT", &path, elsewhere).await;
    assert!(refused.status == 400 || refused.status == 422, "{}", refused.text());
    let renamed = json!({ "url": "https://u.test/v2", "model": "n" });
    assert_eq!(world.call(&chief, "PUT", &path, renamed).await.expect(200)["has_key"], true);
    let none = json!({ "url": "https://u.test/v2", "model": "n", "key": "" });
    assert_eq!(world.call(&chief, "PUT", &path, none).await.expect(200)["has_key"], false);

    let endpoint =
        json!({ "project": "acme/lab", "name": "talk", "backends": [{ "upstream": "u" }] });
    let endpoint = world.call(&chief, "POST", "/api/v1/endpoints", endpoint).await.expect(201);
    assert_eq!((&endpoint["state"], &endpoint["class"]), (&json!("ready"), &json!("internal")));
    assert_eq!(world.call(&chief, "DELETE", &path, Value::Null).await.status, 409, "it is used");
    assert!(!tenant.project.is_empty());
}

#[tokio::test]
async fn only_who_runs_the_platform_reaches_inside() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let chief = world.key("administrator", ("organisation", "acme")).await;
    let config = |url: &str, reach: &str| json!({ "url": url, "model": "m", "reach": reach });
    let inside = config("http://10.0.0.7:8000/v1", "private");
    let refused =
        world.call(&chief, "POST", "/api/v1/upstreams", new(Some("acme/lab"), &inside)).await;
    assert!(refused.text().contains("only who runs the platform"), "{}", refused.text());
    let plain = config("http://u.test/v1", "public");
    let refused =
        world.call(&chief, "POST", "/api/v1/upstreams", new(Some("acme/lab"), &plain)).await;
    assert!(refused.text().contains("https://"), "{}", refused.text());
    let made = world.make("/api/v1/upstreams", new(None, &inside)).await;
    assert_eq!(made["url"], "http://10.0.0.7:8000/v1");
    let path = format!("/api/v1/upstreams/{}", made["id"].as_str().unwrap());
    let seen = world.get(&chief, &path).await.expect(200);
    assert!(
        seen.get("url").is_none() && seen["model"] == "m",
        "usable, but not where it is: {seen}"
    );
    assert_eq!(world.call(&chief, "DELETE", &path, Value::Null).await.status, 403);
}
