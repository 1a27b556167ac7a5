//! From an organisation to a queued job and what the log says of it.

use serde_json::{Value, json};

use crate::world::{World, job, request, tenant};

#[tokio::test]
async fn a_tenant_is_set_up_and_its_log_is_its_own() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let rival = tenant(&world, "rival").await;
    let key = world.key("member", ("project", "acme/lab")).await;

    let whoami = world.get(&key, "/api/v1/whoami").await.expect(200);
    assert_eq!(whoami["role"], "member");
    assert_eq!(whoami["project"], acme.project.as_str());

    // Lists hold what is the caller's own, of every noun.
    for noun in ["projects", "budgets", "datasets", "models", "workloads", "endpoints"] {
        let text = world.get(&key, &format!("/api/v1/{noun}")).await.text();
        assert!(text.contains(&acme.project), "{noun}: {text}");
        assert!(!text.contains(&rival.project), "{noun}: {text}");
    }
    let all = world.get(&world.operator, "/api/v1/workloads").await.expect(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 4, "a job and a service of each");

    // The log shows the tenant its own entries, without the hash of any secret.
    let events = world.get(&key, "/api/v1/events?limit=1000").await;
    let text = events.text();
    assert!(text.contains(&acme.workload) && text.contains("workload.submitted"), "{text}");
    assert!(!text.contains(&rival.project) && !text.contains("secret_hash"), "{text}");
    let operator = world.get(&world.operator, "/api/v1/events?limit=1000").await;
    assert!(operator.text().contains(&rival.workload) && !operator.text().contains("secret_hash"));
    assert_eq!(operator.json()["as_of"], operator.json()["items"].as_array().unwrap().len());

    // A hidden resource answers exactly as one that never was.
    let hidden = world.get(&key, &format!("/api/v1/datasets/{}", rival.dataset)).await.expect(404);
    let never = "ds_01jzzzzzzzzzzzzzzzzzzzzzzz";
    let missing = world.get(&key, &format!("/api/v1/datasets/{never}")).await.expect(404);
    let without = |value: &Value, id: &str| {
        let mut value = value.clone();
        value["detail"] = value["detail"].as_str().unwrap().replace(id, "ID").into();
        value["instance"] = Value::Null;
        value
    };
    assert_eq!(without(&hidden, &rival.dataset), without(&missing, never));
}

#[tokio::test]
async fn a_version_is_what_was_uploaded() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let path = format!("/api/v1/models/{}/versions/1", acme.model);
    let version = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(version["signature"], "{\"a\":1}");
    assert_eq!(version["class"], "internal", "raised to that of its data");
    assert_eq!(version["lineage"]["dataset"], "lab/corpus@v1");
    let blob = world.get(&world.operator, &format!("/api/v1/blobs/{}", acme.blob)).await;
    assert_eq!((blob.status, blob.text().as_str()), (200, "content"));
    let manifest =
        world.get(&world.operator, &format!("/api/v1/manifests/{}", acme.manifest)).await;
    assert_eq!(manifest.expect(200)["files"][0]["path"], "train.jsonl");
    // The same content again is the same version.
    let again = json!({ "manifest": acme.manifest });
    let version = world.make(&format!("/api/v1/datasets/{}/versions", acme.dataset), again).await;
    assert_eq!(version["number"], 1);

    let evaluation =
        json!({ "metric": "exact_match", "correct": 9, "total": 10, "dataset": "lab/corpus" });
    let version = world.make(&format!("{path}/evaluations"), evaluation).await;
    assert_eq!(version["evaluations"][0]["dataset"], "lab/corpus@v1");
}

#[tokio::test]
async fn a_job_is_planned_submitted_explained_and_stopped() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let plan = world.make("/api/v1/workloads/plan", job("acme/lab")).await;
    assert_eq!(plan["feasible"], true);
    assert_eq!(plan["placement"][0]["node_name"], "node-1");
    assert_eq!(plan["sites"][0]["allowed"], true);
    // One core for an hour at the default price of 0.04 EUR, and 12 W of it.
    assert_eq!(plan["cost_per_hour_microeuro"], 40_000);
    assert_eq!(plan["energy_per_hour_mj"], 43_200_000);
    assert_eq!(plan["budgets"][0]["remaining_microeuro"], 10_000_000);

    let mut new = job("acme/lab");
    new["name"] = "second".into();
    new["outputs"] = json!({ "model": "registry://lab/new-model" });
    let made = world.make("/api/v1/workloads", new.clone()).await;
    assert_eq!(made["state"], "queued");
    let models = world.get(&world.operator, "/api/v1/models?name=new-model").await.expect(200);
    assert_eq!(models["items"].as_array().unwrap().len(), 1, "the output's model was created");
    // What is shown can be submitted again.
    let mut shown = made["job"].clone();
    shown["name"] = "third".into();
    assert_eq!(world.make("/api/v1/workloads", shown).await["state"], "queued");

    let path = format!("/api/v1/workloads/{}", made["id"].as_str().unwrap());
    let why = world.get(&world.operator, &format!("{path}/explain")).await.expect(200);
    assert_eq!(why["reason"], "about_to_start");
    let stop = json!({ "reason": "no longer needed" });
    let stopped = world.make(&format!("{path}/stop"), stop).await;
    assert_eq!(
        (&stopped["state"], &stopped["state_reason"]),
        (&"stopped".into(), &"on request".into())
    );
    let again = world.call(&world.operator, "POST", &format!("{path}/stop"), json!({})).await;
    assert_eq!(again.expect(409)["code"], "state-conflict");
    let events = world.get(&world.operator, &format!("{path}/events")).await.expect(200);
    let kinds: Vec<&str> =
        events["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["workload.submitted", "workload.ended"]);
}

#[tokio::test]
async fn a_policy_refuses_and_says_why() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let secret = json!({ "project": "acme/lab", "name": "secret", "class": "restricted" });
    let dataset = world.make("/api/v1/datasets", secret).await;
    let manifest = world.manifest("a", b"content").await;
    let path = format!("/api/v1/datasets/{}/versions", dataset["id"].as_str().unwrap());
    let version = json!({ "manifest": manifest });
    let refused = world.call(&world.operator, "POST", &path, version.clone()).await.expect(403);
    assert_eq!(refused["code"], "forbidden-by-policy", "restricted data may lie nowhere");
    let text = "permit (principal, action == Action::\"move\", resource) \
                when { context.class == Class::\"restricted\" };";
    let policy = json!({ "scope": "acme", "name": "kept-here", "text": text });
    world.make("/api/v1/policies", policy).await;
    world.make(&path, version).await;
    let mut job = job("acme/lab");
    job["data"] = json!({ "/data": "dataset://lab/secret" });
    job["outputs"] = json!({ "model": "registry://lab/never" });
    let refused = world.call(&world.operator, "POST", "/api/v1/workloads", job.clone()).await;
    let problem = refused.expect(403);
    assert_eq!(problem["code"], "forbidden-by-policy");
    assert!(problem["remedy"].as_str().unwrap().contains("policy"), "{problem}");
    let models = world.get(&world.operator, "/api/v1/models?name=never").await.expect(200);
    assert_eq!(models["items"].as_array().unwrap().len(), 0, "a refused job leaves nothing");
    let plan = world.make("/api/v1/workloads/plan", job).await;
    assert_eq!((&plan["feasible"], &plan["sites"][0]["allowed"]), (&false.into(), &false.into()));
}

#[tokio::test]
async fn what_no_node_could_hold_is_refused() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let mut job = job("acme/lab");
    job["resources"] = json!({ "cpu": 5 });
    let refused = world.call(&world.operator, "POST", "/api/v1/workloads", job.clone()).await;
    assert_eq!(refused.expect(507)["code"], "no-capacity");
    job["resources"] = json!({ "cpu": 1, "gpu": 1 });
    let refused = world.call(&world.operator, "POST", "/api/v1/workloads", job).await;
    assert_eq!(refused.expect(507)["code"], "no-capacity");
}

#[tokio::test]
async fn costs_of_nothing_are_nothing_and_the_log_is_sound() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    for by in ["sku", "workload", "endpoint"] {
        let path = format!("/api/v1/costs?project=acme/lab&by={by}");
        let costs = world.get(&world.operator, &path).await.expect(200);
        assert_eq!((&costs["total_microeuro"], &costs["lines"]), (&0.into(), &json!([])));
    }
    let path = "/api/v1/invoices/draft?project=acme/lab&month=2026-03";
    let draft = world.get(&world.operator, path).await.expect(200);
    assert_eq!((&draft["month"], &draft["total_microeuro"]), (&"2026-03".into(), &0.into()));

    let receipt = world.get(&world.operator, &format!("/api/v1/receipts/{}", acme.workload)).await;
    let key = world.get("", "/log/key").await.text();
    let parsed = ledger::Receipt::parse(&receipt.bytes).unwrap();
    let verified = parsed.verify(&key.trim().parse().unwrap()).unwrap();
    assert_eq!(verified.entries.len(), 1);
    let report = world.make("/api/v1/audit/verify", Value::Null).await;
    assert_eq!(report["ok"], true, "{report}");
}

#[tokio::test]
async fn a_digest_alone_opens_nothing() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    tenant(&world, "rival").await;
    world.make("/api/v1/projects", json!({ "organisation": "rival", "name": "other" })).await;
    // Both tenants have this content, so both may read it; this project has not.
    let stranger = world.key("member", ("project", "rival/other")).await;
    let member = world.key("member", ("project", "acme/lab")).await;
    for path in
        [format!("/api/v1/blobs/{}", acme.blob), format!("/api/v1/manifests/{}", acme.manifest)]
    {
        assert_eq!(world.get(&member, &path).await.status, 200);
        assert_eq!(world.get(&stranger, &path).await.expect(404)["code"], "not-found");
    }
    let new = json!({ "project": "rival/other", "name": "stolen", "class": "public" });
    let dataset = world.call(&stranger, "POST", "/api/v1/datasets", new).await.expect(201);
    let versions = format!("/api/v1/datasets/{}/versions", dataset["id"].as_str().unwrap());
    let version = json!({ "manifest": acme.manifest });
    let refused = world.call(&stranger, "POST", &versions, version.clone()).await;
    assert_eq!(refused.expect(422)["code"], "blob-missing");
    let files = json!({ "files": [{ "path": "a", "digest": acme.blob, "size_bytes": 7 }] });
    let refused = world.call(&stranger, "POST", "/api/v1/manifests", files.clone()).await;
    assert_eq!(refused.expect(422)["code"], "blob-missing");
    // Whoever sends the bytes has them.
    let mut put = request(&stranger, "PUT", &format!("/api/v1/blobs/{}", acme.blob), Value::Null);
    *put.body_mut() = axum::body::Body::from("content");
    world.ask(put).await.expect(200);
    world.call(&stranger, "POST", "/api/v1/manifests", files).await.expect(201);
}
