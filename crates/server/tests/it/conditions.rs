//! `Idempotency-Key` and `If-Match`.

use axum::body::Body;
use http::{HeaderValue, Request};
use serde_json::{Value, json};

use crate::world::{World, request, tenant};

fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    request
}

#[tokio::test]
async fn a_repeated_request_answers_as_the_first_did() {
    let world = World::empty().await;
    let create = |name: &str| {
        let new =
            request(&world.operator, "POST", "/api/v1/organisations", json!({ "name": name }));
        with(new, "idempotency-key", "abc")
    };
    let first = world.ask(create("acme")).await.expect(201);
    let second = world.ask(create("acme")).await.expect(201);
    assert_eq!(first, second);
    let other = world.ask(create("other")).await;
    assert_eq!(other.expect(409)["code"], "idempotency-mismatch");
    let list = world.get(&world.operator, "/api/v1/organisations").await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_repeated_request_whose_thing_is_deleted_says_so() {
    let world = World::empty().await;
    let create = |key: &str| {
        let new = request(&world.operator, "POST", "/api/v1/groups", json!({ "name": "staff" }));
        with(new, "idempotency-key", key)
    };
    let made = world.ask(create("abc")).await.expect(201);
    let path = format!("/api/v1/groups/{}", made["id"].as_str().unwrap());
    world.ask(request(&world.operator, "DELETE", &path, Value::Null)).await.expect(200);
    let repeated = world.ask(create("abc")).await.expect(409);
    assert_eq!(repeated["code"], "state-conflict");
    assert!(repeated["remedy"].as_str().unwrap().contains("Idempotency-Key"), "{repeated}");
    world.ask(create("abd")).await.expect(201);
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let path = format!("/api/v1/workloads/{}/stop", acme.workload);
    let stop = |version: &str| {
        with(request(&world.operator, "POST", &path, json!({})), "if-match", version)
    };
    let stale = world.ask(stop("\"9\"")).await.expect(409);
    assert_eq!(stale["code"], "version-conflict");
    assert_eq!(world.ask(stop("3")).await.expect(400)["code"], "invalid-query");
    assert_eq!(world.ask(stop("W/\"1\"")).await.expect(200)["state"], "stopped");
}

#[tokio::test]
async fn pages_join() {
    let world = World::empty().await;
    for name in ["a1", "b2", "c3", "d4", "e5"] {
        world.make("/api/v1/organisations", json!({ "name": name })).await;
    }
    let mut names: Vec<String> = Vec::new();
    let mut path = "/api/v1/organisations?limit=2".to_owned();
    loop {
        let page: Value = world.get(&world.operator, &path).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(token) = page["next_page_token"].as_str() else { break };
        path = format!("/api/v1/organisations?limit=2&page_token={token}");
    }
    // Lists go by id, and ids of one millisecond have no order of their own.
    names.sort_unstable();
    assert_eq!(names, ["a1", "b2", "c3", "d4", "e5"]);
}
