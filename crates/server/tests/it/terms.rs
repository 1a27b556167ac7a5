//! Terms of a job through the API: arrays, waiting for work, priorities, and what is refused so far.

use serde_json::{Value, json};

use crate::world::{World, job, tenant};

async fn world() -> World {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    world
}

fn named(name: &str, changes: Value) -> Value {
    let mut new = job("acme/lab");
    new["name"] = name.into();
    for (field, value) in changes.as_object().unwrap() {
        new[field] = value.clone();
    }
    new
}

async fn refused(world: &World, changes: Value, status: u16) -> Value {
    let call = world.call(&world.operator, "POST", "/api/v1/workloads", named("odd", changes));
    call.await.expect(status)
}

fn path(workload: &Value) -> String {
    format!("/api/v1/workloads/{}", workload["id"].as_str().unwrap())
}

#[tokio::test]
async fn an_array_is_one_item_with_its_tasks_below() {
    let world = world().await;
    let new = named("sweep", json!({ "array": "1-7:2%2", "priority": "high", "outputs": null }));
    let made = world.make("/api/v1/workloads", new).await;
    let counts = json!({
        "total": 4, "queued": 4, "running": 0, "succeeded": 0, "failed": 0, "stopped": 0
    });
    assert_eq!((&made["tasks"], &made["priority"]), (&counts, &json!(100)));
    assert_eq!(made["job"]["array"], "1-7:2%2");
    let listed = world.get(&world.operator, "/api/v1/workloads?name=sweep").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let query = format!("/api/v1/workloads?array={}", made["id"].as_str().unwrap());
    let tasks = world.get(&world.operator, &query).await.expect(200);
    let indices: Vec<&Value> =
        tasks["items"].as_array().unwrap().iter().map(|one| &one["array_index"]).collect();
    assert_eq!(indices, [7, 5, 3, 1], "the newest first");
    let one = world.get(&world.operator, &format!("{query}&array_index=3")).await.expect(200);
    let task = &one["items"][0];
    assert_eq!((&task["array"], &task["state"]), (&made["id"], &json!("queued")));
    let shown = world.get(&world.operator, &path(task)).await.expect(200);
    assert!(shown["job"].get("array").is_none() && shown["queue_position"].is_u64(), "{shown}");
    let why = world.get(&world.operator, &format!("{}/explain", path(&made))).await.expect(200);
    assert_eq!(why["reason"], "array");
    let logs = world.get(&world.operator, &format!("{}/logs", path(&made))).await.expect(409);
    assert_eq!(logs["code"], "state-conflict");
    let stopped = world.make(&format!("{}/stop", path(&made)), json!({})).await;
    assert_eq!((&stopped["state"], &stopped["tasks"]["stopped"]), (&json!("stopped"), &json!(4)));
}

#[tokio::test]
async fn work_waits_for_work_by_name_or_id() {
    let world = world().await;
    let first = world.make("/api/v1/workloads", named("first", json!({}))).await;
    let next = named("next", json!({ "after": ["first"] }));
    let next = world.make("/api/v1/workloads", next).await;
    let id = first["id"].as_str().unwrap();
    assert_eq!(next["job"]["after"], json!([id]), "the id that the name meant");
    let anyhow = named("anyhow", json!({ "after": { id: "any" } }));
    let anyhow = world.make("/api/v1/workloads", anyhow).await;
    assert_eq!(anyhow["job"]["after"], json!({ id: "any" }));
    let why = world.get(&world.operator, &format!("{}/explain", path(&next))).await.expect(200);
    assert_eq!(why["reason"], "waits_for_workload");
    assert!(why["summary"].as_str().unwrap().contains("`first`"), "{why}");
    world.make(&format!("{}/stop", path(&first)), json!({})).await;
    let next = world.get(&world.operator, &path(&next)).await.expect(200);
    assert_eq!(next["state"], "stopped");
    assert_eq!(next["state_reason"], "what it waited for did not succeed");
    let why = world.get(&world.operator, &format!("{}/explain", path(&next))).await.expect(200);
    assert!(why["evidence"].to_string().contains("`first`"), "{why}");
    let why = world.get(&world.operator, &format!("{}/explain", path(&anyhow))).await.expect(200);
    assert_eq!(why["reason"], "about_to_start");
    // Neither what is not there nor what ended badly can be waited for.
    refused(&world, json!({ "after": ["nothing"] }), 404).await;
    let problem = refused(&world, json!({ "after": ["first"] }), 422).await;
    assert_eq!(problem["errors"][0]["pointer"], "/after");
}

#[tokio::test]
async fn terms_that_nothing_keeps_are_refused_by_field() {
    let world = world().await;
    for (changes, pointer) in [
        (json!({ "resources": { "gpu": "1.5" } }), "/resources/gpu"),
        (json!({ "resources": { "gpu": "H200:1g.10gb" } }), "/resources/gpu"),
        (json!({ "resources": { "gpu": ["GB200:4", "H100:8"] } }), "/resources/gpu"),
        (json!({ "deferrable": {} }), "/deferrable"),
        (json!({ "array": "5-1" }), "/array"),
    ] {
        let problem = refused(&world, changes, 422).await;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let kept = json!({
        "preemptible": false, "guaranteed": "1h", "priority": 7,
        "topology": { "within": "rack", "segment": 1, "else": "site" },
        "retry": { "on": ["node-failure"], "max": 1 },
        "power_class": "flexible", "deferrable": { "deadline": "2h", "by": "price" },
    });
    let made = world.make("/api/v1/workloads", named("kept", kept)).await;
    let shown = &made["job"];
    assert_eq!(
        (&shown["preemptible"], &shown["guaranteed"], &shown["priority"], &shown["retry"]["on"]),
        (&json!(false), &json!("3600s"), &json!(7), &json!(["node-failure"]))
    );
    assert_eq!(shown["power_class"], "flexible");
    assert_eq!(shown["deferrable"]["by"], "price");
    assert_eq!(shown["topology"], json!({ "within": "nvlink", "segment": 1, "else": "site" }));
}
