//! Tenants do not meet: every endpoint, asked by one tenant about what another has, answers byte for
//! byte as for what does not exist, and lists, events and models show nothing.
//!
//! Ids and names that were sent come back in refusals; they, and the request's id, are all that may
//! differ. Not compared: the size of the log (`as_of`), which the public checkpoint says anyway.

use std::collections::BTreeSet;

use api::nouns;
use axum::body::Body;
use http::{Request, header};
use serde_json::{Value, json};

use crate::{
    drive::{Ids, body_of, path_of},
    world::{Answer, Tenant, World, request, tenant, tenant_with},
};

/// Two tenants with one of everything; the second one asks.
struct Apart {
    world: World,
    victim: Tenant,
    own: Tenant,
    key: String,
    ids: Ids,
}

impl Apart {
    async fn new() -> Self {
        let world = World::with_machine().await;
        let mut victim = tenant_with(&world, "acme", b"secret of acme").await;
        let chief = world.key("administrator", ("organisation", "acme")).await;
        let consent = json!({
            "scope": "acme", "users": [victim.support], "level": "read", "expires_in_seconds": 60,
        });
        let consent = world.call(&chief, "POST", "/api/v1/consents", consent).await.expect(201);
        victim.consent = consent["id"].as_str().unwrap().to_owned();
        let own = tenant(&world, "rival").await;
        let key = world.key("administrator", ("organisation", "rival")).await;
        let first = |value: Value| value["items"][0]["id"].as_str().unwrap().to_owned();
        let ids = Ids {
            site: first(world.get(&world.operator, "/api/v1/sites").await.json()),
            entity: first(world.get(&world.operator, "/api/v1/entities").await.json()),
            storage: first(world.get(&world.operator, "/api/v1/storages").await.json()),
            node: first(world.get(&world.operator, "/api/v1/nodes").await.json()),
            budget: "pow_00000000000000000000000000".to_owned(),
            figures: "pow_00000000000000000000000000".to_owned(),
            evidence: "evd_00000000000000000000000000".to_owned(),
        };
        Self { world, victim, own, key, ids }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.world.ask(request(&self.key, method, path, body)).await
    }

    /// Asks about the victim's and about what does not exist; the answers must be the same.
    async fn same(&self, what: &str, method: &str, path: &str, body: Value) -> Answer {
        let real = self.ask(method, path, body.clone()).await;
        let body = serde_json::from_str(&self.to_ghost(&body.to_string())).unwrap();
        let ghost = self.ask(method, &self.to_ghost(path), body).await;
        let (shown, expected) = (plain(&real), self.to_victim(&plain(&ghost)));
        assert_eq!(shown, expected, "{what}: {method} {path}");
        self.shows_nothing(what, path, &real.text());
        real
    }

    /// Everything that names the victim, with what names nothing instead; of the same length.
    fn pairs(&self) -> Vec<(String, String)> {
        let v = &self.victim;
        let ids = [
            &v.organisation,
            &v.project,
            &v.budget,
            &v.quota,
            &v.rate_limit,
            &v.reservation,
            &v.policy,
            &v.blob,
            &v.manifest,
            &v.dataset,
            &v.model,
            &v.workload,
            &v.endpoint,
            &v.spare_key,
            &v.lasting_key,
            &v.user,
            &v.group,
            &v.service_account,
            &v.role,
            &v.binding,
            &v.consent,
            &v.course,
        ];
        let other = |id: &String| {
            let (head, tail) = id.split_at(id.len() - 6);
            let tail: String = tail.chars().map(|c| if c == '7' { '5' } else { '7' }).collect();
            (id.clone(), format!("{head}{tail}"))
        };
        let names = std::iter::once(("acme".to_owned(), "ghst".to_owned()));
        ids.into_iter().map(other).chain(names).collect()
    }

    fn to_ghost(&self, text: &str) -> String {
        self.pairs().iter().fold(text.to_owned(), |text, (real, ghost)| text.replace(real, ghost))
    }

    fn to_victim(&self, text: &str) -> String {
        self.pairs().iter().fold(text.to_owned(), |text, (real, ghost)| text.replace(ghost, real))
    }

    /// An answer may repeat what the request said, and nothing else of the victim.
    fn shows_nothing(&self, what: &str, path: &str, text: &str) {
        for (real, _) in self.pairs() {
            assert!(
                !text.contains(&real) || path.contains(&real) || is_echo(text),
                "{what}: {text}"
            );
        }
    }
}

/// A refusal repeats what was sent.
fn is_echo(text: &str) -> bool {
    text.contains("\"status\":4")
}

/// Status, headers and body, without what differs between any two requests.
fn plain(answer: &Answer) -> String {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id" && *name != header::DATE)
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    headers.sort();
    // The log may grow between two requests, and with it its root.
    let marks = ["\"as_of\":", "\"instance\":\"req_", "\"computed_at\":\"", "\"root\":\""];
    let text = marks.iter().fold(answer.text(), |text, mark| masked(&text, mark));
    format!("{} {headers:?}\n{text}", answer.status)
}

/// The text with what follows a mark, up to the next comma, brace or quote, left out.
fn masked(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| {
        let end = part.find([',', '}', '"']).unwrap_or(part.len());
        format!("{done}{mark}{}", &part[end..])
    })
}

#[tokio::test]
async fn every_endpoint_answers_about_another_tenants_things_as_about_nothing() {
    let apart = Apart::new().await;
    let mut n_hidden = 0;
    for operation in nouns::endpoints() {
        // Sending content is the proof of having it, a token is random, and metrics count requests.
        let apart_by_nature = ["blob_put", "session_create", "capability_create", "metrics"];
        if apart_by_nature.contains(&operation.id) {
            continue;
        }
        let path = path_of(&operation, &apart.victim, &apart.ids);
        let body = body_of(&operation, &apart.victim, "acme");
        let answer = apart.same(operation.id, operation.method.as_str(), &path, body).await;
        n_hidden += u32::from(answer.status == 404);
    }
    assert!(n_hidden > 60, "only {n_hidden} endpoints hid something");
}

/// Queries that name things, with values of the victim; and those that name none.
const NAMING: [&str; 9] = [
    "project",
    "organisation",
    "user",
    "group",
    "service_account",
    "name",
    "email",
    "scope",
    "workload",
];
const HARMLESS: [&str; 21] = [
    "after",
    "array",
    "array_index",
    "attempt",
    "by",
    "class",
    "criterion",
    "follow",
    "limit",
    "month",
    "page_token",
    "rack",
    "rank",
    "site",
    "size",
    "state",
    "tail_lines",
    "wait_final",
    "state",
    "handle",
    // Places are the platform's, and everybody sees them.
    "storage",
];

#[tokio::test]
async fn every_filter_of_every_list_answers_as_for_nothing() {
    let apart = Apart::new().await;
    let openapi = apart.world.get("", "/api/v1/openapi.json").await.json();
    let mut asked = BTreeSet::new();
    for operation in nouns::endpoints() {
        let described = &openapi["paths"][operation.path.replace("{*", "{")];
        let described = &described[operation.method.as_str().to_lowercase()];
        for parameter in described["parameters"].as_array().into_iter().flatten() {
            let reference = parameter["$ref"].as_str();
            let shared =
                reference.map(|text| openapi.pointer(text.trim_start_matches('#')).unwrap());
            let parameter = shared.unwrap_or(parameter);
            if parameter["in"] != "query" {
                continue;
            }
            let name = parameter["name"].as_str().unwrap();
            assert!(
                NAMING.contains(&name) || HARMLESS.contains(&name),
                "`{name}` of {} is new: does it name something of a tenant?",
                operation.id
            );
            let v = &apart.victim;
            let values = match name {
                "project" => vec!["acme/lab".to_owned(), v.project.clone()],
                "organisation" => vec!["acme".to_owned(), v.organisation.clone()],
                "scope" => vec!["acme".to_owned(), "acme/lab".to_owned(), v.project.clone()],
                "user" => vec![v.user.clone()],
                "group" => vec![v.group.clone()],
                "workload" => vec![v.workload.clone()],
                "service_account" => vec![v.service_account.clone()],
                "name" => vec!["acme".to_owned(), "acme-words".to_owned()],
                "email" => vec!["ada@example.org&organisation=acme".to_owned()],
                _ => continue,
            };
            for value in values {
                let own = path_of(&operation, &apart.own, &apart.ids);
                let path = own.split('?').next().unwrap();
                let path = format!("{path}?{name}={value}");
                apart.same(operation.id, operation.method.as_str(), &path, Value::Null).await;
                asked.insert((operation.id, name.to_owned()));
            }
        }
    }
    assert!(asked.len() >= 40, "{asked:?}");
}

#[tokio::test]
async fn a_body_that_names_another_tenants_things_is_answered_as_one_that_names_nothing() {
    let apart = Apart::new().await;
    let v = apart.victim.clone();
    let cases = [
        ("key_create", "user", json!(v.user)),
        ("key_create", "service_account", json!(v.service_account)),
        ("group_member_add", "user", json!(v.user)),
        ("service_account_create", "owner", json!(v.user)),
        ("service_account_assign", "owner", json!(v.user)),
        ("binding_create", "user", json!(v.user)),
        ("binding_create", "role", json!(v.role)),
        ("binding_create", "scope", json!(v.project)),
        ("binding_create", "scope", json!(v.organisation)),
        ("consent_create", "users", json!([v.user])),
        ("consent_create", "scope", json!(v.organisation)),
        ("policy_set", "scope", json!("acme/lab")),
        ("policy_set", "scope", json!(v.organisation)),
        ("residency_set", "scope", json!("acme/lab")),
        ("residency_set", "scope", json!(v.organisation)),
        ("quota_set", "project", json!(v.project)),
        ("rate_limit_set", "project", json!(v.project)),
        (
            "manifest_create",
            "files",
            json!([
                { "path": "a", "digest": v.blob, "size_bytes": 14 }
            ]),
        ),
        ("dataset_version_create", "manifest", json!(v.manifest)),
        ("model_version_create", "manifest", json!(v.manifest)),
        ("model_version_create", "lineage", json!({ "workload": v.workload })),
        ("evaluation_create", "workload", json!(v.workload)),
        ("workload_create", "after", json!([v.workload])),
        ("workload_plan", "after", json!([v.workload])),
        ("workload_create", "project", json!(v.project)),
        ("endpoint_create", "project", json!(v.project)),
    ];
    let operations = nouns::endpoints();
    for (id, field, value) in cases {
        let operation = operations.iter().find(|operation| operation.id == id).unwrap();
        let path = path_of(operation, &apart.own, &apart.ids);
        let mut body = body_of(operation, &apart.own, "rival");
        body[field] = value;
        let what = format!("{id} with its `{field}`");
        let answer = apart.same(&what, operation.method.as_str(), &path, body).await;
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.text());
    }
    let binding = operations.iter().find(|operation| operation.id == "binding_create").unwrap();
    for (field, value) in [("group", v.group), ("service_account", v.service_account)] {
        let body = json!({ "role": "viewer", "scope": "rival/lab", field: value });
        let answer = apart.same(field, "POST", binding.path, body).await;
        assert_eq!(answer.status, 404, "{}", answer.text());
    }
}

#[tokio::test]
async fn lists_events_streams_and_models_show_nothing_of_another_tenant() {
    let apart = Apart::new().await;
    for operation in nouns::endpoints().iter().filter(|o| o.method.as_str() == "GET") {
        if operation.path.contains('{') || !operation.path.starts_with("/api/v1/") {
            continue;
        }
        let path = path_of(operation, &apart.own, &apart.ids);
        let answer = apart.ask("GET", &path, Value::Null).await;
        apart.shows_nothing(operation.id, "", &answer.text());
        if operation.id == "queue_list" {
            // Places in the line of the whole platform would count the others.
            let line = answer.json();
            let items = line["items"].as_array().unwrap();
            let places: Vec<u64> = items.iter().map(|i| i["position"].as_u64().unwrap()).collect();
            assert_eq!(places, (1..).take(places.len()).collect::<Vec<u64>>());
        }
    }
    let stream = Request::get("/api/v1/events?follow=false")
        .header(header::AUTHORIZATION, format!("Bearer {}", apart.key))
        .header(header::ACCEPT, "text/event-stream")
        .body(Body::empty())
        .unwrap();
    let answer = apart.world.ask(stream).await;
    assert!(answer.text().contains("event: workload.submitted"), "{}", answer.text());
    apart.shows_nothing("event_list as a stream", "", &answer.text());

    let caller = apart.world.platform.caller(&apart.key).unwrap().key;
    let models = apart.world.platform.callable_models(caller);
    assert!(models.iter().all(|model| model.name.starts_with("rival")), "{models:?}");
    let route = |model| apart.world.platform.call_route(caller, None, model).unwrap_err();
    assert_eq!(route("acme-words"), route("ghst-words"));
}
