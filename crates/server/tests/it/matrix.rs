//! Every endpoint × every kind of caller: the status is a checked-in table.
//!
//! `UPDATE_EXPECT=1 cargo test -p server` writes it anew; a changed line is a changed right.

use std::fmt::Write as _;

use api::{nouns, operation::Operation};
use axum::body::Body;
use expect_test::expect_file;
use http::Request;
use serde_json::{Value, json};

use crate::world::{Tenant, World, digest, in_hours, job, request, tenant};

/// Who calls; `stranger` administers another organisation, `sibling` another project of this one.
const CALLERS: [&str; 9] = [
    "nobody",
    "invalid",
    "stranger",
    "sibling",
    "inference",
    "viewer",
    "member",
    "administrator",
    "operator",
];

fn path_of(operation: &Operation, tenant: &Tenant, world: &Ids) -> String {
    let noun = operation.path.split('/').nth(3).unwrap_or_default();
    let id = match noun {
        "organisations" => &tenant.organisation,
        "projects" => &tenant.project,
        "keys" => &tenant.spare_key,
        "policies" => &tenant.policy,
        "sites" => &world.site,
        "entities" => &world.entity,
        "storages" => &world.storage,
        "nodes" => &world.node,
        "budgets" => &tenant.budget,
        "quotas" => &tenant.quota,
        "reservations" => &tenant.reservation,
        "power-budgets" => &world.budget,
        "power-figures" => &world.figures,
        "datasets" => &tenant.dataset,
        "models" => &tenant.model,
        "endpoints" => &tenant.endpoint,
        "blobs" => &tenant.blob,
        "manifests" => &tenant.manifest,
        _ => &tenant.workload,
    };
    let path = operation.path.replace("{id}", id).replace("{digest}", id);
    let path = path.replace("{number}", "1").replace("{slug}", "not-found");
    let path = path.replace("{measure}", "carbon");
    let path = path.replace("{*path}", "0/000.p/1");
    match operation.id {
        "residency_get" => format!("{path}?scope=acme/lab"),
        "cost_get" | "invoice_draft_get" => format!("{path}?project={}", tenant.project),
        _ => path,
    }
}

/// Ids that belong to no tenant.
struct Ids {
    site: String,
    entity: String,
    storage: String,
    node: String,
    budget: String,
    figures: String,
}

fn body_of(operation: &Operation, tenant: &Tenant) -> Value {
    let project = "acme/lab";
    match operation.id {
        "organisation_create" => json!({ "name": "new" }),
        "project_create" => json!({ "organisation": "acme", "name": "new" }),
        "key_create" => json!({ "name": "new", "role": "viewer", "project": project }),
        "policy_set" => json!({ "scope": "acme", "name": "new", "text": "" }),
        "site_create" => json!({
            "name": "new", "country": "FR", "operator": "x", "operator_country": "FR",
            "pue_milli": 1_000, "carbon_g_per_kwh": 1, "carbon_source": "x",
            "operator_entity": "local-operator", "owner_entity": "local-operator",
        }),
        "entity_create" => json!({
            "name": "new", "facts": { "legal_name": "New SA", "seat": "FR" },
        }),
        "entity_put" => json!({ "legal_name": "New SA", "seat": "FR" }),
        "site_entities_set" => json!({
            "operator_entity": "local-operator", "owner_entity": "local-operator",
        }),
        "storage_create" => json!({ "name": "new", "purpose": "replica", "site": "paris" }),
        "residency_set" => json!({ "scope": "acme", "rules": [
            { "category": "customer", "operation": "store", "countries": ["FR"] }
        ] }),
        "node_create" => json!({
            "site": "paris", "name": "new", "cpu_milli": 1_000, "memory_bytes": 1, "gpus": 0,
        }),
        "budget_create" => json!({ "project": project, "name": "new", "limit": "1 EUR" }),
        "quota_set" => json!({ "project": project, "class": "H200", "nominal_milli": 2_000 }),
        "reservation_create" => json!({
            "name": "new", "project": project, "site": "paris", "count": 1, "until": in_hours(1_001),
            "from": in_hours(1_000),
        }),
        "power_budget_set" => json!({ "site": "paris", "rack": "r9", "allowed_w": 90_000 }),
        "power_figures_set" => json!({
            "class": "H200", "host_idle_w": 1, "host_busy_w": 2, "gpu_peak_w": 3,
        }),
        "energy_series_set" => json!({
            "start": "2027-03-01T00:00:00Z", "step_s": 3_600, "values": [1, 2], "source": "x",
        }),
        "price_set" => json!({ "lines": [] }),
        "manifest_create" => json!({ "files": [
            { "path": "a", "digest": tenant.blob, "size_bytes": 7 }
        ] }),
        "dataset_create" => json!({ "project": project, "name": "new", "class": "public" }),
        "dataset_version_create" | "model_version_create" => json!({ "manifest": tenant.manifest }),
        "model_create" => json!({ "project": project, "name": "new" }),
        "evaluation_create" => json!({
            "metric": "exact_match", "correct": 1, "total": 2, "dataset": "lab/corpus@v1",
        }),
        "workload_create" | "workload_plan" => job(project),
        "endpoint_create" => {
            json!({ "project": project, "name": "new", "model": "lab/words@v1" })
        }
        "node_suspect" | "node_cordon" | "node_drain" | "workload_stop" => json!({}),
        _ => Value::Null,
    }
}

async fn key_of(world: &World, caller: &str) -> String {
    match caller {
        "nobody" => String::new(),
        "invalid" => format!("cck_{}", "A".repeat(43)),
        "stranger" => world.key("administrator", ("organisation", "rival")).await,
        "sibling" => world.key("administrator", ("project", "acme/other")).await,
        "operator" => world.operator.clone(),
        "administrator" => world.key(caller, ("organisation", "acme")).await,
        role => world.key(role, ("project", "acme/lab")).await,
    }
}

/// The statuses of all endpoints for one caller, each in the same fresh world.
async fn column(caller: &str) -> Vec<(String, u16)> {
    let world = World::with_machine().await;
    let tenant = tenant(&world, "acme").await;
    world.make("/api/v1/organisations", json!({ "name": "rival" })).await;
    world.make("/api/v1/projects", json!({ "organisation": "acme", "name": "other" })).await;
    let key = key_of(&world, caller).await;
    let first = |value: Value| value["items"][0]["id"].as_str().unwrap().to_owned();
    let budget = json!({ "site": "paris", "allowed_w": 90_000 });
    let budget = world.make("/api/v1/power-budgets", budget).await;
    let figures = json!({ "class": "cpu", "host_idle_w": 1, "host_busy_w": 2 });
    let figures = world.make("/api/v1/power-figures", figures).await;
    let made = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let ids = Ids {
        budget: made(&budget),
        figures: made(&figures),
        site: first(world.get(&world.operator, "/api/v1/sites").await.json()),
        entity: first(world.get(&world.operator, "/api/v1/entities").await.json()),
        storage: first(world.get(&world.operator, "/api/v1/storages").await.json()),
        node: first(world.get(&world.operator, "/api/v1/nodes").await.json()),
    };
    let mut statuses = Vec::new();
    for operation in nouns::endpoints() {
        let path = path_of(&operation, &tenant, &ids);
        let body = body_of(&operation, &tenant);
        let request: Request<Body> = match operation.id {
            "blob_put" => {
                let mut put = request(&key, "PUT", &path, Value::Null);
                assert_eq!(tenant.blob, digest(b"content").to_string());
                *put.body_mut() = Body::from("content");
                put
            }
            _ => request(&key, operation.method.as_str(), &path, body),
        };
        let answer = world.ask(request).await;
        statuses.push((format!("{} {}", operation.method.as_str(), operation.path), answer.status));
    }
    statuses
}

#[tokio::test]
async fn every_endpoint_answers_every_caller_as_the_table_says() {
    let mut columns = Vec::new();
    for caller in CALLERS {
        columns.push(column(caller).await);
    }
    let mut table = format!("{:56}", "");
    for caller in CALLERS {
        write!(table, " {caller:>13}").unwrap();
    }
    table.push('\n');
    for row in 0..columns[0].len() {
        write!(table, "{:56}", columns[0][row].0).unwrap();
        for column in &columns {
            write!(table, " {:>13}", column[row].1).unwrap();
        }
        table.push('\n');
    }
    expect_file!["./matrix.txt"].assert_eq(&table);
}
