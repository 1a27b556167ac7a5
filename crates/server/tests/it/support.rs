//! Support: the platform's people see what is a tenant's own only under its consent, and each request
//! is on record before it is answered.

use std::time::{Duration, Instant};

use axum::body::Body;
use serde_json::{Value, json};

use crate::world::{Tenant, World, digest, request, tenant};

/// A tenant that is its own, and somebody of support with a key.
struct Visit {
    world: World,
    acme: Tenant,
    chief: String,
    key: String,
}

impl Visit {
    async fn new() -> Self {
        let world = World::with_machine().await;
        let mut acme = tenant(&world, "acme").await;
        let chief = world.key("administrator", ("organisation", "acme")).await;
        let give = json!({ "role": "operator", "user": acme.support, "scope": "platform" });
        world.make("/api/v1/bindings", give).await;
        let new = json!({ "name": "sams", "role": "operator", "user": acme.support });
        let key = world.make("/api/v1/keys", new).await;
        let key = key["secret"].as_str().unwrap().to_owned();
        // Content that nobody of the platform has sent.
        let content = b"the tenant's own";
        acme.blob = digest(content).to_string();
        let mut put = request(&chief, "PUT", &format!("/api/v1/blobs/{}", acme.blob), Value::Null);
        *put.body_mut() = Body::from(content.to_vec());
        world.ask(put).await.expect(200);
        let file = json!({ "path": "a", "digest": acme.blob, "size_bytes": content.len() });
        let stored = json!({ "files": [file] });
        let stored = world.call(&chief, "POST", "/api/v1/manifests", stored).await.expect(201);
        acme.manifest = stored["digest"].as_str().unwrap().to_owned();
        let version = json!({ "manifest": acme.manifest });
        let path = format!("/api/v1/datasets/{}/versions", acme.dataset);
        world.call(&chief, "POST", &path, version).await.expect(201);
        Self { world, acme, chief, key }
    }

    async fn status(&self, path: &str) -> u16 {
        self.world.get(&self.key, path).await.status
    }

    async fn consent(&self, level: &str, seconds: u64) -> Value {
        let body = json!({
            "scope": "acme/lab", "users": [self.acme.support], "level": level,
            "expires_in_seconds": seconds,
        });
        self.world.call(&self.chief, "POST", "/api/v1/consents", body).await.expect(201)
    }

    /// What the tenant sees of visits: the requests, in order.
    async fn visits(&self) -> Vec<String> {
        let page = self.world.get(&self.chief, "/api/v1/events?limit=1000").await.expect(200);
        let items = page["items"].as_array().unwrap().iter();
        let used = items.filter(|event| event["kind"] == "consent.used");
        used.map(|event| event["data"]["consent"]["used"]["request"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Paths that show what is the tenant's own.
    fn own(&self) -> Vec<String> {
        let t = &self.acme;
        vec![
            format!("/api/v1/workloads/{}", t.workload),
            format!("/api/v1/workloads/{}/logs", t.workload),
            format!("/api/v1/workloads/{}/events", t.workload),
            format!("/api/v1/datasets/{}", t.dataset),
            format!("/api/v1/datasets/{}/versions", t.dataset),
            format!("/api/v1/models/{}", t.model),
            format!("/api/v1/manifests/{}", t.manifest),
            format!("/api/v1/blobs/{}", t.blob),
            format!("/api/v1/receipts/{}", t.workload),
        ]
    }
}

#[tokio::test]
async fn without_a_consent_the_operator_sees_the_fleet_and_bills_and_nothing_of_the_tenants_own() {
    let visit = Visit::new().await;
    let t = &visit.acme;
    for path in visit.own() {
        let status = visit.status(&path).await;
        assert!(status == 403 || status == 404, "{path}: {status}");
    }
    for path in ["/api/v1/workloads", "/api/v1/datasets", "/api/v1/models", "/api/v1/users"] {
        let page = visit.world.get(&visit.key, path).await.expect(200);
        let shown = page.to_string();
        let secrets = [&t.workload, &t.dataset, &t.model, &t.user];
        assert!(secrets.iter().all(|id| !shown.contains(*id)), "{path}: {shown}");
    }
    let events = visit.world.get(&visit.key, "/api/v1/events?limit=1000").await.expect(200);
    let kinds: Vec<&str> = events["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"organisation.created") && kinds.contains(&"quota.set"), "{kinds:?}");
    assert!(!kinds.contains(&"workload.submitted") && !kinds.contains(&"dataset.created"));
    // What the platform needs to run and to bill.
    for path in [
        "/api/v1/nodes".to_owned(),
        "/api/v1/queue".to_owned(),
        "/api/v1/gpus".to_owned(),
        format!("/api/v1/quotas/{}", t.quota),
        format!("/api/v1/budgets/{}", t.budget),
        format!("/api/v1/costs?project={}", t.project),
        format!("/api/v1/invoices/draft?project={}", t.project),
    ] {
        assert_eq!(visit.status(&path).await, 200, "{path}");
    }
    // No way in: no key, no role, no consent in the tenant's name, no work in its project.
    let ways = [
        ("/api/v1/keys", json!({ "name": "in", "role": "viewer", "project": "acme/lab" })),
        ("/api/v1/bindings", json!({ "role": "viewer", "user": t.user, "scope": "acme/lab" })),
        (
            "/api/v1/consents",
            json!({
                "scope": "acme/lab", "users": [t.support], "level": "read", "expires_in_seconds": 60,
            }),
        ),
        ("/api/v1/workloads", crate::world::job("acme/lab")),
        ("/api/v1/policies", json!({ "scope": "acme", "name": "open", "text": "" })),
    ];
    for (path, body) in ways {
        let answer = visit.world.call(&visit.key, "POST", path, body).await;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    // Nor by a password of somebody who is in.
    let path = format!("/api/v1/users/{}/password", t.user);
    let body = json!({ "user_name": "ada", "password": "a long and good password" });
    let answer = visit.world.call(&visit.key, "PUT", &path, body).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert_eq!(visit.visits().await, Vec::<String>::new());
}

#[tokio::test]
async fn every_request_under_a_consent_is_on_record_and_can_be_gone_through_again() {
    let visit = Visit::new().await;
    let consent = visit.consent("read", 3_600).await;
    let mut asked = Vec::new();
    for path in visit.own() {
        let first = visit.world.get(&visit.key, &path).await;
        assert!(first.status == 200, "{path}: {} {}", first.status, first.text());
        asked.push(format!("GET {path}"));
        assert_eq!(visit.visits().await, asked, "{path} is on record");
    }
    // What needs no consent is no visit.
    assert_eq!(visit.status("/api/v1/nodes").await, 200);
    assert_eq!(visit.visits().await, asked);
    // Gone through again by the tenant, from the record alone.
    for request in visit.visits().await {
        let path = request.strip_prefix("GET ").unwrap();
        assert_eq!(visit.world.get(&visit.chief, path).await.status, 200, "{path}");
    }
    // Reading is not working, and not administering.
    let dataset = json!({ "project": "acme/lab", "name": "d", "class": "public" });
    let made = visit.world.call(&visit.key, "POST", "/api/v1/datasets", dataset.clone()).await;
    assert_eq!(made.status, 403, "{}", made.text());
    let path = format!("/api/v1/consents/{}", consent["id"].as_str().unwrap());
    let shown = visit.world.get(&visit.chief, &path).await.expect(200);
    assert_eq!(shown["n_used"], asked.len());
    visit.world.call(&visit.chief, "DELETE", &path, Value::Null).await.expect(200);
    for path in visit.own() {
        let status = visit.status(&path).await;
        assert!(status == 403 || status == 404, "{path} after it was revoked: {status}");
    }
    assert_eq!(visit.visits().await, asked);

    visit.consent("administer", 3_600).await;
    visit.world.call(&visit.key, "POST", "/api/v1/datasets", dataset).await.expect(201);
    assert_eq!(visit.visits().await.last().unwrap(), "POST /api/v1/datasets");
}

#[tokio::test]
async fn a_consent_that_is_over_opens_nothing() {
    let visit = Visit::new().await;
    let path = format!("/api/v1/workloads/{}", visit.acme.workload);
    visit.consent("read", 1).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    // It opens, until its second is over, and never again.
    while visit.status(&path).await == 200 {
        assert!(Instant::now() < deadline, "it does not end");
        tokio::task::yield_now().await;
    }
    assert_eq!(visit.status(&path).await, 403);
    let n_visits = visit.visits().await.len();
    assert_eq!(visit.status(&path).await, 403);
    assert_eq!(visit.visits().await.len(), n_visits);
}
