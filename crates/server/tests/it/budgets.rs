//! Budgets of every owner over the API: who may give them, who sees them, what they refuse.

use serde_json::{Value, json};

use crate::world::{Tenant, World, job, tenant};

/// A tenant, its people with a key each, and another tenant.
struct Scene {
    world: World,
    acme: Tenant,
    /// Administers the organisation.
    chief: String,
    /// Administers the project `acme/lab`.
    lead: String,
    /// Works in it.
    member: String,
    /// Administers the other tenant.
    stranger: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::with_machine().await;
        let acme = tenant(&world, "acme").await;
        tenant(&world, "rival").await;
        let new = json!({ "organisation": "acme", "name": "shop" });
        world.make("/api/v1/projects", new).await;
        let chief = world.key("administrator", ("organisation", "acme")).await;
        let lead = world.key("administrator", ("project", "acme/lab")).await;
        let member = world.key("member", ("project", "acme/lab")).await;
        let stranger = world.key("administrator", ("organisation", "rival")).await;
        Self { world, acme, chief, lead, member, stranger }
    }

    async fn create(&self, key: &str, owner: Value, limit: &str) -> (u16, Value) {
        let mut new = json!({ "name": limit.to_lowercase().replace(' ', "-"), "limit": limit });
        new.as_object_mut().unwrap().extend(owner.as_object().unwrap().clone());
        let answer = self.world.call(key, "POST", "/api/v1/budgets", new).await;
        (answer.status, answer.json())
    }

    async fn names(&self, key: &str, query: &str) -> Vec<String> {
        let page = self.world.get(key, &format!("/api/v1/budgets{query}")).await.expect(200);
        let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
        page["items"].as_array().unwrap().iter().map(name).collect()
    }
}

#[tokio::test]
async fn who_administers_gives_budgets_to_what_is_below() {
    let scene = Scene::new().await;
    let (user, spare) = (scene.acme.user.clone(), scene.acme.lasting_key.clone());
    let (chief, lead, member) = (&scene.chief, &scene.lead, &scene.member);
    let table: &[(&str, &String, Value, u16)] = &[
        ("its organisation", chief, json!({ "organisation": "acme" }), 201),
        ("a project below", chief, json!({ "project": "acme/shop" }), 201),
        ("somebody", chief, json!({ "user": user }), 201),
        ("a key", chief, json!({ "key": spare }), 201),
        ("above itself", lead, json!({ "organisation": "acme" }), 404),
        ("its project", lead, json!({ "project": "acme/lab" }), 201),
        ("a neighbour", lead, json!({ "project": "acme/shop" }), 404),
        ("somebody everywhere", lead, json!({ "user": user }), 404),
        ("somebody in its project", lead, json!({ "user": user, "project": "acme/lab" }), 201),
        ("nobody's to give", member, json!({ "project": "acme/lab" }), 403),
        ("another tenant's user", &scene.stranger, json!({ "user": user }), 404),
        ("another tenant's key", &scene.stranger, json!({ "key": spare }), 404),
        (
            "another's user in one's own",
            &scene.stranger,
            json!({ "user": user, "project": "rival/lab" }),
            404,
        ),
        ("two owners", chief, json!({ "user": user, "key": spare }), 422),
        ("no owner", chief, json!({}), 422),
    ];
    for (n, (what, key, owner, expected)) in table.iter().enumerate() {
        let (status, body) = scene.create(key, owner.clone(), &format!("{} GPUh", n + 1)).await;
        assert_eq!(status, *expected, "{what}: {body}");
    }
    assert_eq!(scene.names(&scene.stranger, "").await, ["q1"], "only one's own");
    assert!(scene.names(chief, "?organisation=acme").await.len() >= 7);
    // Ids of one millisecond have no order.
    let mut below = scene.names(lead, "?project=acme/lab").await;
    below.sort_unstable();
    assert_eq!(below, ["4-gpuh", "6-gpuh", "9-gpuh", "q1"]);
    let mine = scene.names(member, "").await;
    assert!(mine.contains(&"1-gpuh".to_owned()), "the organisation's is over a member: {mine:?}");
    assert!(!mine.contains(&"3-gpuh".to_owned()), "another's is not: {mine:?}");
}

#[tokio::test]
async fn terms_are_changed_by_whoever_stands_above() {
    let scene = Scene::new().await;
    let (status, one) =
        scene.create(&scene.chief, json!({ "project": "acme/lab" }), "1 M tokens").await;
    assert_eq!(status, 201, "{one}");
    assert_eq!(
        (&one["measure"], &one["limit_base"], &one["base_unit"], &one["percent"]),
        (&json!("tokens"), &json!(1_000_000), &json!("tokens"), &json!(0))
    );
    let alerts = one["alerts"].as_array().unwrap().iter().map(|alert| &alert["percent"]);
    assert_eq!(alerts.collect::<Vec<_>>(), [50, 80, 100]);
    let path = format!("/api/v1/budgets/{}/terms", one["id"].as_str().unwrap());
    let set = |key: &str, body: Value| {
        let (world, path, key) = (&scene.world, path.clone(), key.to_owned());
        async move { world.call(&key, "POST", &path, body).await }
    };
    let raise = json!({ "limit": "2 M tokens", "hard_stop": false });
    assert_eq!(set(&scene.lead, raise.clone()).await.status, 403, "not by whom it holds");
    assert_eq!(set(&scene.stranger, raise.clone()).await.status, 404);
    let is = set(&scene.chief, raise).await.expect(200);
    assert_eq!((&is["limit"], &is["hard_stop"]), (&json!("2 M tokens"), &json!(false)));
    let refused = set(&scene.chief, json!({ "limit": "5 EUR" })).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("not in the measure of this budget"), "{}", refused.text());
    let refused = set(&scene.chief, json!({ "alerts": [80, 20] })).await;
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn a_budget_without_room_refuses_work_and_says_which() {
    let scene = Scene::new().await;
    let (status, _) =
        scene.create(&scene.chief, json!({ "organisation": "acme" }), "0.000001 EUR").await;
    assert_eq!(status, 201);
    let plan = scene.world.call(&scene.member, "POST", "/api/v1/workloads/plan", job("acme/lab"));
    let plan = plan.await.expect(200);
    let owners = plan["budgets"].as_array().unwrap().iter().map(|one| one["owner"].to_string());
    let owners: Vec<String> = owners.collect();
    assert!(owners.iter().any(|owner| owner.contains("organisation `acme`")), "{owners:?}");
    crate::bill::run_job(&scene.world, &scene.acme).await;
    let refused = scene.world.call(&scene.member, "POST", "/api/v1/workloads", job("acme/lab"));
    let refused = refused.await.expect(402);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("of organisation `acme` is used up"), "{detail}");
    assert!(refused["remedy"].as_str().unwrap().contains("cocarde budget set bud_"), "{refused}");
    let ours = scene.world.call(&scene.stranger, "POST", "/api/v1/workloads", job("rival/lab"));
    ours.await.expect(201);
}

/// Requirement of the gateway: one answer about all budgets over a key, which names the one in the way.
#[tokio::test]
async fn calls_are_refused_by_any_budget_over_the_key_and_by_no_other() {
    let scene = Scene::new().await;
    let platform = &scene.world.platform;
    let (chief, member) = (&scene.chief, &scene.member);
    let of = |secret: &str| platform.caller(secret).unwrap().key;
    let (caller, neighbour) = (of(member), of(&scene.lead));
    let name = scene.world.get(chief, "/api/v1/endpoints").await.json();
    let name = name["items"][0]["name"].as_str().unwrap().to_owned();
    let route = |key| platform.call_route(key, None, &name).unwrap_err();
    assert_eq!(route(caller), server::CallRefused::NoReplica, "it is let through");
    for (owner, limit) in [
        (json!({ "key": caller.to_string() }), "100 tokens"),
        (json!({ "organisation": "acme" }), "1 GPUh"),
    ] {
        assert_eq!(scene.create(chief, owner, limit).await.0, 201);
    }
    let usage = server::TokenUsage {
        gateway: units::Id::from_bytes([1; 16]),
        sequence: 1,
        key: caller,
        endpoint: scene.acme.endpoint.parse().unwrap(),
        minute_unix_s: 0,
        requests: 0,
        errors: 0,
        prompt_tokens: 60,
        completion_tokens: 60,
        estimated: false,
        answers: None,
    };
    platform.record_tokens(&usage).await.unwrap();
    let server::CallRefused::BudgetExhausted(text) = route(caller) else {
        panic!("{:?}", route(caller))
    };
    assert!(text.contains("`100-tokens` of key") && text.contains("120 tokens of 100"), "{text}");
    assert_eq!(route(neighbour), server::CallRefused::NoReplica, "another key goes on");
    scene.world.call(member, "POST", "/api/v1/workloads", job("acme/lab")).await.expect(201);
}
