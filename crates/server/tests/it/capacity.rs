//! Where nodes stand, who is promised what, what is reserved, and the line of those who wait.

use serde_json::{Value, json};

use crate::world::{World, in_hours, job, tenant};

async fn node(world: &World, name: &str, rack: &str, gpus: u32) -> Value {
    let new = json!({
        "site": "paris", "name": name, "cpu_milli": 8_000, "memory_bytes": 8_u64 << 30,
        "gpus": gpus, "gpu_model": "H200", "rack": rack, "group": "g1",
    });
    world.make("/api/v1/nodes", new).await
}

fn items(page: &Value) -> &Vec<Value> {
    page["items"].as_array().unwrap()
}

fn names(page: &Value, field: &str) -> Vec<String> {
    items(page).iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

/// Of lists by id: ids of one millisecond have no order that a test could know.
fn sorted(page: &Value, field: &str) -> Vec<String> {
    let mut names = names(page, field);
    names.sort();
    names
}

#[tokio::test]
async fn a_node_says_where_it_stands_and_is_drained_with_a_grace() {
    let world = World::with_machine().await;
    let made = node(&world, "a1", "r1", 0).await;
    assert_eq!((&made["rack"], &made["group"]), (&"r1".into(), &"g1".into()));
    let other_group = json!({
        "site": "paris", "name": "a2", "cpu_milli": 1_000, "memory_bytes": 1, "gpus": 0,
        "rack": "r1", "group": "g2",
    });
    let refused = world.call(&world.operator, "POST", "/api/v1/nodes", other_group).await;
    assert_eq!(refused.expect(422)["errors"][0]["pointer"], "/group");
    let path = format!("/api/v1/nodes/{}", made["id"].as_str().unwrap());
    let doubted = json!({ "reason": "ECC errors" });
    let suspect = world.make(&format!("{path}/suspect"), doubted).await;
    assert_eq!(
        (&suspect["state"], &suspect["state_reason"]),
        (&"suspect".into(), &"ECC errors".into())
    );
    let found = world.get(&world.operator, "/api/v1/nodes?state=suspect&rack=r1").await.expect(200);
    assert_eq!(names(&found, "name"), ["a1"]);
    let drained = world.make(&format!("{path}/drain"), json!({ "grace_s": 3_600 })).await;
    assert_eq!(drained["state"], "draining");
    assert!(drained["stops_work_at"].is_string(), "{drained}");
    let long = json!({ "grace_s": 31 * 86_400 });
    let refused = world.call(&world.operator, "POST", &format!("{path}/drain"), long).await;
    assert_eq!(refused.expect(422)["errors"][0]["pointer"], "/grace");
    let hurried = world.make(&format!("{path}/drain"), json!({})).await;
    assert!(hurried["stops_work_at"].is_null(), "{hurried}");
    let ready = world.make(&format!("{path}/uncordon"), Value::Null).await;
    assert_eq!(ready["state"], "ready");
}

#[tokio::test]
async fn an_organisation_shares_its_quota_and_nobody_promises_more_to_themselves() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    tenant(&world, "rival").await;
    let administrator = world.key("administrator", ("organisation", "acme")).await;
    let of_project = world.key("administrator", ("project", "acme/lab")).await;
    let set = |project: &str, class: &str, nominal: u64| json!({ "project": project, "class": class, "nominal_milli": nominal });
    let path = "/api/v1/quotas";
    let changed = world.call(&administrator, "POST", path, set("acme/lab", "H200", 8_000)).await;
    assert_eq!(changed.expect(200)["id"], acme.quota.as_str(), "the same owner and class");
    let again = world.call(&administrator, "POST", path, set("acme/lab", "H200", 8_000)).await;
    assert_eq!(again.expect(200)["version"], 2, "what is true already changes nothing");
    let more = world.call(&administrator, "POST", path, set("acme/lab", "H200", 8_001)).await;
    let problem = more.expect(409);
    assert_eq!(problem["code"], "quota-exceeded");
    assert!(problem["detail"].as_str().unwrap().contains("8001"), "{problem}");
    // Without a promise to the organisation only the operator promises.
    let other = world.call(&administrator, "POST", path, set("acme/lab", "B200", 1)).await;
    assert_eq!(other.expect(403)["code"], "forbidden");
    let own = world.call(&of_project, "POST", path, set("acme/lab", "H200", 7_000)).await;
    assert_eq!(own.expect(403)["code"], "forbidden");
    let whole = json!({ "organisation": "acme", "class": "H200", "nominal_milli": 99_000 });
    assert_eq!(world.call(&administrator, "POST", path, whole).await.status, 403);
    for wrong in [
        json!({ "class": "H200", "nominal_milli": 1 }),
        json!({ "organisation": "acme", "project": "acme/lab", "class": "H200", "nominal_milli": 1 }),
        set("acme/lab", " ", 1),
    ] {
        let refused = world.call(&world.operator, "POST", path, wrong).await;
        assert_eq!(refused.expect(422)["code"], "invalid-field");
    }
    let lends = json!({
        "project": "acme/lab", "class": "H200", "nominal_milli": 1, "lending_milli": 2,
    });
    let refused = world.call(&world.operator, "POST", path, lends).await;
    assert_eq!(refused.expect(422)["errors"][0]["pointer"], "/lending");
    // Everybody sees their own.
    let mine = world.get(&administrator, path).await.expect(200);
    let owners = sorted(&mine, "owner");
    assert_eq!(owners, ["acme", "acme/lab"]);
    assert_eq!(items(&world.get(&of_project, path).await.expect(200)).len(), 1);
    let all = format!("{path}?class=H200");
    assert_eq!(items(&world.get(&world.operator, &all).await.expect(200)).len(), 4);
    let of_acme = format!("{path}?organisation=acme&limit=1");
    let page = world.get(&world.operator, &of_acme).await.expect(200);
    let next = format!("{of_acme}&page_token={}", page["next_page_token"].as_str().unwrap());
    let rest = world.get(&world.operator, &next).await.expect(200);
    let mut both = [names(&page, "owner"), names(&rest, "owner")].concat();
    both.sort();
    assert_eq!(both, ["acme", "acme/lab"]);
    let one = format!("{path}/{}", acme.quota);
    let gone = world.call(&administrator, "DELETE", &one, Value::Null).await;
    assert_eq!(gone.expect(200)["nominal_milli"], 8_000);
    assert_eq!(world.get(&administrator, &one).await.status, 404);
}

#[tokio::test]
async fn nodes_are_reserved_once_and_maintenance_is_known_to_all() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    tenant(&world, "rival").await;
    for (name, rack) in [("a1", "r1"), ("a2", "r1"), ("b1", "r2"), ("b2", "r2"), ("b3", "r2")] {
        node(&world, name, rack, 4).await;
    }
    let (from, until) = (in_hours(2_000), in_hours(2_002));
    let new = json!({
        "name": "exam-2", "project": "acme/lab", "count": 3, "one_rack": true, "class": "H200",
        "from": from, "until": until,
    });
    let path = "/api/v1/reservations";
    let made = world.make(path, new).await;
    let reserved: Vec<&str> =
        made["nodes"].as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
    assert_eq!(reserved.len(), 3);
    assert!(reserved.iter().all(|name| name.starts_with('b')), "{made}");
    assert_eq!((&made["state"], &made["maintenance"]), (&"booked".into(), &false.into()));
    let fans = |nodes: Value| json!({ "name": "fans", "maintenance": true, "nodes": nodes, "from": from, "until": until });
    let taken = world.call(&world.operator, "POST", path, fans(json!(["a1", "b1"]))).await;
    let problem = taken.expect(409);
    assert_eq!(problem["code"], "reservation-conflict");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`b1`") && detail.contains("`exam-2`"), "{detail}");
    let fans = world.make(path, fans(json!(["a1"]))).await;
    let full = json!({
        "name": "more", "project": "acme/lab", "count": 3, "class": "H200",
        "from": from, "until": until,
    });
    let refused = world.call(&world.operator, "POST", path, full).await;
    assert_eq!(refused.expect(507)["code"], "no-capacity");
    // The project sees its own and maintenance, a stranger only maintenance.
    let key = world.key("viewer", ("project", "acme/lab")).await;
    let stranger = world.key("viewer", ("project", "rival/lab")).await;
    let seen = |page: Value| sorted(&page, "name");
    let own = seen(world.get(&key, path).await.expect(200));
    assert_eq!(own, ["acme-exam", "exam-2", "fans"]);
    assert_eq!(seen(world.get(&stranger, path).await.expect(200)), ["fans", "rival-exam"]);
    let one = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(world.get(&stranger, &one).await.status, 404);
    assert_eq!(world.call(&key, "POST", &format!("{one}/cancel"), Value::Null).await.status, 403);
    let cancelled = world.make(&format!("{one}/cancel"), Value::Null).await;
    assert_eq!(cancelled["state"], "cancelled");
    let events = world.get(&stranger, "/api/v1/events?limit=1000").await.text();
    assert!(!events.contains("exam-2") && events.contains("rival-exam"), "{events}");
    assert!(fans["project"].is_null());
}

#[tokio::test]
async fn a_reservation_says_for_whom_and_which_nodes() {
    let world = World::with_machine().await;
    let (path, until) = ("/api/v1/reservations", in_hours(2));
    for (wrong, pointer) in [
        (json!({ "name": "x", "nodes": ["a1"], "until": until }), "/project"),
        (json!({ "name": "x", "maintenance": true, "until": until }), "/nodes"),
        (json!({ "name": "x", "maintenance": true, "rack": "r1", "until": until }), "/count"),
        (
            json!({ "name": "x", "maintenance": true, "count": 1, "until": "2000-01-01T00:00:00Z" }),
            "/until",
        ),
        (
            json!({ "name": "x", "maintenance": true, "count": 1, "nodes": ["a1"], "until": until }),
            "/nodes",
        ),
    ] {
        let refused = world.call(&world.operator, "POST", path, wrong).await.expect(422);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
}

#[tokio::test]
async fn the_line_is_in_order_and_each_sees_their_own() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    tenant(&world, "rival").await;
    let key = world.key("viewer", ("project", "acme/lab")).await;
    let all = world.get(&world.operator, "/api/v1/queue").await.expect(200);
    let positions: Vec<u64> =
        items(&all).iter().map(|item| item["position"].as_u64().unwrap()).collect();
    assert_eq!(positions, [1, 2, 3, 4], "a job and a service of each tenant");
    for item in items(&all) {
        // Work without a limit may be promised nodes, but nobody is promised any behind it.
        let start = item["estimated_start_at"].is_string();
        assert!(start || item["reason"] != "about_to_start", "{item}");
    }
    let own = world.get(&key, "/api/v1/queue").await.expect(200);
    assert!(items(&own).iter().all(|item| item["project"] == acme.project.as_str()));
    assert_eq!(items(&own).len(), 2);
    let mut collected = Vec::new();
    let mut path = "/api/v1/queue?limit=1".to_owned();
    loop {
        let page = world.get(&world.operator, &path).await.expect(200);
        collected.extend(names(&page, "workload"));
        let Some(token) = page["next_page_token"].as_str() else { break };
        path = format!("/api/v1/queue?limit=1&page_token={token}");
    }
    assert_eq!(collected, names(&all, "workload"));
    let other = world.get(&key, "/api/v1/queue?project=rival/lab").await;
    assert_eq!(other.status, 404);
    let wrong = world.get(&world.operator, "/api/v1/queue?page_token=x").await;
    assert_eq!(wrong.expect(400)["code"], "invalid-query");
}

#[tokio::test]
async fn gpus_add_up_by_rack_and_users_are_only_named_to_those_who_may_know() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    tenant(&world, "rival").await;
    let first = node(&world, "a1", "r1", 4).await;
    let second = node(&world, "a2", "r1", 4).await;
    node(&world, "b1", "r2", 8).await;
    let mut wanted = job("acme/lab");
    wanted["name"] = "busy".into();
    wanted["resources"] = json!({ "cpu": 1, "gpu": 3 });
    let made = world.make("/api/v1/workloads", wanted).await;
    let place = kernel::workload::Place {
        workload: made["id"].as_str().unwrap().parse().unwrap(),
        generation: 1,
        nodes: vec![first["id"].as_str().unwrap().parse().unwrap()],
        seats: vec![],
    };
    let place = kernel::Command::Workload(kernel::workload::Command::Place(place));
    let submission = kernel::Submission::new(place);
    world.platform.submit(kernel::Actor::Planner, submission).await.unwrap();
    let cordon = format!("/api/v1/nodes/{}/cordon", second["id"].as_str().unwrap());
    world.make(&cordon, json!({})).await;
    let pools = world.get(&world.operator, "/api/v1/gpus").await.expect(200);
    assert_eq!(names(&pools, "rack"), ["r1", "r2"]);
    let pool = &items(&pools)[0];
    let figure = |name: &str| pool[name].as_u64().unwrap();
    assert_eq!((figure("gpus"), figure("gpus_free")), (8, 1));
    assert_eq!((figure("gpus_used"), figure("gpus_unavailable")), (3, 4));
    assert_eq!((figure("nodes_ready"), figure("nodes_cordoned")), (1, 1));
    assert_eq!(pool["users"][0]["name"], "busy");
    assert_eq!((&pool["class"], &pool["gpus_used_by_others"]), (&"H200".into(), &0.into()));
    let stranger = world.key("viewer", ("project", "rival/lab")).await;
    let hidden = world.get(&stranger, "/api/v1/gpus?rack=r1").await;
    assert!(!hidden.text().contains("busy") && !hidden.text().contains("acme"));
    assert_eq!(hidden.expect(200)["items"][0]["gpus_used_by_others"], 3);
    let page = world.get(&world.operator, "/api/v1/gpus?limit=1").await.expect(200);
    let token = page["next_page_token"].as_str().unwrap();
    let path = format!("/api/v1/gpus?limit=1&page_token={token}");
    assert_eq!(names(&world.get(&world.operator, &path).await.expect(200), "rack"), ["r2"]);
    let none = world.get(&world.operator, "/api/v1/gpus?class=TPU").await.expect(200);
    assert_eq!(items(&none).len(), 0);
}

#[tokio::test]
async fn shared_gpus_show_what_is_used_of_them() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let on = node(&world, "a1", "r1", 2).await;
    let parts =
        [json!({ "model": "H200", "share": 0.25 }), json!("0.5"), json!({ "profile": "3g.71gb" })];
    for (name, gpu) in ["quarter", "half", "instance"].into_iter().zip(parts) {
        let mut wanted = job("acme/lab");
        wanted["name"] = name.into();
        wanted["resources"] = json!({ "cpu": 1, "gpu": gpu });
        let made = world.make("/api/v1/workloads", wanted).await;
        let (gpu, start) = if name == "instance" { (1, Some(4)) } else { (0, None) };
        let place = kernel::workload::Place {
            workload: made["id"].as_str().unwrap().parse().unwrap(),
            generation: 1,
            nodes: vec![on["id"].as_str().unwrap().parse().unwrap()],
            seats: vec![kernel::workload::GpuSeat { gpu, start }],
        };
        let place = kernel::Command::Workload(kernel::workload::Command::Place(place));
        let submission = kernel::Submission::new(place);
        world.platform.submit(kernel::Actor::Planner, submission).await.unwrap();
        let path = format!("/api/v1/workloads/{}", made["id"].as_str().unwrap());
        let shown = world.get(&world.operator, &path).await.expect(200);
        let rank = &shown["placement"][0];
        assert_eq!((&rank["gpu"], &rank["mig_start"]), (&json!(gpu), &json!(start)), "{shown}");
    }
    let pools = world.get(&world.operator, "/api/v1/gpus").await.expect(200);
    let pool = &items(&pools)[0];
    let figure = |name: &str| pool[name].as_u64().unwrap();
    assert_eq!((figure("gpus"), figure("gpus_free"), figure("gpus_used")), (2, 0, 2));
    assert_eq!((figure("gpus_shared"), figure("gpus_shared_milli")), (2, 1_250));
    assert_eq!(figure("gpus_used_by_others"), 0);
    let most: Vec<u64> = pool["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["gpus_shared_milli"].as_u64().unwrap())
        .collect();
    assert_eq!(most, [500, 500, 250]);
    let wrong = json!({ "name": "wrong", "type": "batch", "run": "true", "project": "acme/lab",
        "resources": { "gpu": "H200:1g.10gb" } });
    let call = world.call(&world.operator, "POST", "/api/v1/workloads", wrong);
    let refused = call.await.expect(422);
    assert!(refused.to_string().contains("use one of `1g.18gb`"), "{refused}");
}
