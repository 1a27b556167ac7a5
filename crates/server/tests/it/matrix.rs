//! Every endpoint × every kind of caller: the status is a checked-in table.
//!
//! `UPDATE_EXPECT=1 cargo test -p server` writes it anew; a changed line is a changed right.

use std::fmt::Write as _;

use api::nouns;
use axum::body::Body;
use expect_test::expect_file;
use http::Request;
use serde_json::{Value, json};

use crate::{
    drive::{Ids, body_of, path_of},
    world::{World, digest, request, tenant},
};

/// A caller: who, and where they have the role.
#[derive(Debug, Clone, Copy)]
struct Column {
    who: &'static str,
    place: &'static str,
}

const fn column_of(who: &'static str, place: &'static str) -> Column {
    Column { who, place }
}

/// Roles that tenants give.
const OF_TENANTS: [&str; 8] =
    ["inference", "viewer", "member", "administrator", "auditor", "billing", "teacher", "student"];
/// Roles on the whole platform.
const OF_FLEET: [&str; 4] = ["viewer", "auditor", "billing", "operator"];

/// Who calls; `stranger` administers another organisation, `sibling` another project of this one.
fn callers() -> Vec<Column> {
    let others = [("nobody", ""), ("invalid", ""), ("stranger", "rival"), ("sibling", "other")];
    let others = others.into_iter().map(|(who, place)| column_of(who, place));
    let project = OF_TENANTS.map(|role| column_of(role, "lab"));
    let organisation = OF_TENANTS.map(|role| column_of(role, "acme"));
    let fleet = OF_FLEET.map(|role| column_of(role, "fleet"));
    // The same once the tenant has an administrator of its own.
    let shut = ["viewer", "operator"].map(|role| column_of(role, "shut"));
    others.chain(project).chain(organisation).chain(fleet).chain(shut).collect()
}

async fn key_of(world: &World, caller: Column) -> String {
    let scope = match caller.place {
        "lab" => ("project", "acme/lab"),
        "other" => ("project", "acme/other"),
        "fleet" | "shut" => ("platform", ""),
        organisation => ("organisation", organisation),
    };
    match caller.who {
        "nobody" => String::new(),
        "invalid" => format!("cck_{}", "A".repeat(43)),
        "stranger" | "sibling" => world.key("administrator", scope).await,
        role => world.key(role, scope).await,
    }
}

/// The statuses of all endpoints for one caller, each in the same fresh world.
async fn column(caller: Column) -> Vec<(String, u16)> {
    let world = World::with_machine().await;
    let tenant = tenant(&world, "acme").await;
    world.make("/api/v1/organisations", json!({ "name": "rival" })).await;
    world.make("/api/v1/projects", json!({ "organisation": "acme", "name": "other" })).await;
    if caller.place == "shut" {
        world.key("administrator", ("organisation", "acme")).await;
    }
    let key = key_of(&world, caller).await;
    let first = |value: Value| value["items"][0]["id"].as_str().unwrap().to_owned();
    let budget = json!({ "site": "paris", "allowed_w": 90_000 });
    let budget = world.make("/api/v1/power-budgets", budget).await;
    let figures = json!({ "class": "cpu", "host_idle_w": 1, "host_busy_w": 2 });
    let figures = world.make("/api/v1/power-figures", figures).await;
    let evidence = json!({
        "criterion": "csf.sov-1.seal-2.1", "kind": "declared", "issuer": "local-operator",
        "document": tenant.blob,
    });
    let evidence = world.make("/api/v1/evidence", evidence).await;
    let made = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let ids = Ids {
        budget: made(&budget),
        figures: made(&figures),
        evidence: made(&evidence),
        site: first(world.get(&world.operator, "/api/v1/sites").await.json()),
        entity: first(world.get(&world.operator, "/api/v1/entities").await.json()),
        storage: first(world.get(&world.operator, "/api/v1/storages").await.json()),
        node: first(world.get(&world.operator, "/api/v1/nodes").await.json()),
    };
    let mut statuses = Vec::new();
    for operation in nouns::endpoints() {
        let path = path_of(&operation, &tenant, &ids);
        let body = body_of(&operation, &tenant, "acme");
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
    let callers = callers();
    let mut columns = Vec::new();
    for caller in &callers {
        columns.push(column(*caller).await);
    }
    let mut table = String::new();
    for name in [|caller: &Column| caller.place, |caller: &Column| caller.who] {
        write!(table, "{:56}", "").unwrap();
        for caller in &callers {
            // Five letters tell them apart.
            write!(table, " {:>5.5}", name(caller)).unwrap();
        }
        table.push('\n');
    }
    for row in 0..columns[0].len() {
        write!(table, "{:56}", columns[0][row].0).unwrap();
        for column in &columns {
            write!(table, " {:>5}", column[row].1).unwrap();
        }
        table.push('\n');
    }
    expect_file!["./matrix.txt"].assert_eq(&table);
}
