//! Power budgets, figures, series of carbon and price, and what they do to work that waits.

use serde_json::{Value, json};

use crate::world::{World, in_hours, job, tenant};

async fn explained(world: &World, made: &Value) -> Value {
    let path = format!("/api/v1/workloads/{}/explain", made["id"].as_str().unwrap());
    world.get(&world.operator, &path).await.expect(200)
}

fn named(name: &str, changes: Value) -> Value {
    let mut job = job("acme/lab");
    job["name"] = json!(name);
    for (field, value) in changes.as_object().unwrap() {
        job[field] = value.clone();
    }
    job
}

#[tokio::test]
async fn work_waits_for_power_and_says_for_whose() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let new = json!({
        "site": "paris", "name": "g1", "cpu_milli": 8_000, "memory_bytes": 8_u64 << 30,
        "gpus": 2, "gpu_model": "H200", "rack": "r1", "group": "row",
    });
    world.make("/api/v1/nodes", new).await;
    // 800 W of host and 2 × 70 W of GPUs when idle.
    let budget = json!({ "site": "paris", "rack": "r1", "allowed_w": 1_000 });
    let made = world.make("/api/v1/power-budgets", budget.clone()).await;
    assert_eq!((&made["domain"], &made["drawn_w"]), (&json!("paris/rack/r1"), &json!(940)));
    let again = world.make("/api/v1/power-budgets", budget).await;
    assert_eq!(again["version"], made["version"], "what is true already is no change");
    let both = json!({ "site": "paris", "rack": "r1", "group": "row", "allowed_w": 1 });
    let refused = world.call(&world.operator, "POST", "/api/v1/power-budgets", both).await;
    assert_eq!(refused.expect(422)["errors"][0]["pointer"], "/group");
    let gpu = named("gpu", json!({ "resources": { "gpu": "H200:1" } }));
    let made = world.make("/api/v1/workloads", gpu).await;
    let why = explained(&world, &made).await;
    assert_eq!(why["reason"], "power_capped");
    assert_eq!(why["evidence"][0], "power budget of `paris/rack/r1`");
    assert_eq!(
        why["evidence"][1],
        "1000 W are allowed, 940 W drawn, 0 W kept for others, 630 W more needed"
    );
    let page = world.get(&world.operator, "/api/v1/power-budgets").await.expect(200);
    let id = page["items"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/power-budgets/{id}");
    world.call(&world.operator, "DELETE", &path, Value::Null).await.expect(200);
    assert_eq!(explained(&world, &made).await["reason"], "about_to_start");
    let figures = world.get(&world.operator, "/api/v1/power-figures").await.expect(200);
    let shown = figures["items"].to_string();
    assert!(shown.contains("H200") && shown.contains("default"), "{shown}");
}

#[tokio::test]
async fn deferrable_work_waits_for_its_series() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let site = world.get(&world.operator, "/api/v1/sites?name=paris").await.expect(200);
    let path = format!("/api/v1/sites/{}/series/carbon", site["items"][0]["id"].as_str().unwrap());
    let deferred = json!({ "deferrable": { "deadline": "5h" }, "limits": { "time": "1h" } });
    let first = world.make("/api/v1/workloads", named("first", deferred.clone())).await;
    assert_eq!(explained(&world, &first).await["reason"], "about_to_start");
    let series = json!({
        "start": in_hours(-1), "step_s": 3_600, "source": "example",
        "values": [300_000, 300_000, 300_000, 300_000, 30_000, 300_000, 300_000],
    });
    let made = world.make(&path, series).await;
    assert_eq!(made["version"], 1);
    let why = explained(&world, &first).await;
    assert_eq!(why["reason"], "deferred");
    assert!(why["evidence"].to_string().contains("90.0 % less"), "{why}");
    world.call(&world.operator, "DELETE", &path, Value::Null).await.expect(200);
    assert_eq!(explained(&world, &first).await["reason"], "about_to_start");
    let wrong = json!({ "start": in_hours(0), "step_s": 1, "source": "x", "values": [1] });
    let refused = world.call(&world.operator, "POST", &path, wrong).await;
    assert_eq!(refused.expect(422)["errors"][0]["pointer"], "/step_s");
}
