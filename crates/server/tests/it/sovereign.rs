//! Entities, places of storage, residency, and policies on trial, through the API.

use serde_json::{Value, json};

use crate::world::{World, job, tenant};

async fn put(world: &World, path: &str, body: Value) -> Value {
    let answer = world.call(&world.operator, "PUT", path, body).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.text());
    answer.json()
}

/// Requirement 1: nothing new without an operator and an owner, and what follows is computed.
#[tokio::test]
async fn a_new_object_without_operator_or_owner_is_refused() {
    let world = World::with_machine().await;
    let site = json!({
        "name": "lyon", "country": "FR", "operator": "Exemple", "operator_country": "FR",
        "pue_milli": 1_200, "carbon_g_per_kwh": 20, "carbon_source": "a test",
        "operator_entity": "local-operator", "owner_entity": "local-operator",
    });
    for missing in ["operator_entity", "owner_entity", "country"] {
        let mut without = site.clone();
        without.as_object_mut().unwrap().remove(missing);
        let refused = world.call(&world.operator, "POST", "/api/v1/sites", without).await;
        assert_eq!(refused.status, 400, "{missing}: {}", refused.text());
    }
    let mut nobody = site.clone();
    nobody["owner_entity"] = json!("nobody");
    let refused = world.call(&world.operator, "POST", "/api/v1/sites", nobody).await;
    assert_eq!(refused.status, 404);
    let made = world.make("/api/v1/sites", site).await;
    assert_eq!(made["jurisdiction"], Value::Null, "nobody declared who holds the operator");
    let founders = json!({ "name": "founders", "facts": {
        "legal_name": "the founders", "seat": "FR", "form": "persons",
    } });
    world.make("/api/v1/entities", founders).await;
    let facts = json!({ "legal_name": "Exemple SA", "seat": "FR", "holders": [
        { "holder": "founders", "capital_bp": 7_600, "votes_bp": 7_600 },
    ] });
    let listed = world.get(&world.operator, "/api/v1/entities?name=local-operator").await.json();
    let id = listed["items"][0]["id"].as_str().unwrap();
    let known = put(&world, &format!("/api/v1/entities/{id}"), facts).await;
    assert_eq!((&known["ownership"], &known["jurisdiction"]), (&json!("met"), &json!("FR")));
    let path = format!("/api/v1/sites/{}", made["id"].as_str().unwrap());
    let site = world.get(&world.operator, &path).await.json();
    assert_eq!(site["jurisdiction"], "FR");
    let storages = world.get(&world.operator, "/api/v1/storages").await.json();
    assert_eq!(storages["items"].as_array().unwrap().len(), 6);
    let audit = world.make("/api/v1/audit/verify", Value::Null).await;
    let attributes =
        &audit["checks"].as_array().unwrap().iter().find(|c| c["name"] == "attributes");
    assert_eq!(attributes.unwrap()["checked"], 0, "{audit}");
}

#[tokio::test]
async fn a_draft_is_checked_and_asked_about_cases() {
    let world = World::with_machine().await;
    let check = |text: &str| json!({ "text": text });
    let path = "/api/v1/policies/check";
    let good = world.make(path, check("@id(\"a\") permit (principal, action, resource);")).await;
    assert_eq!((&good["ok"], &good["policies"]), (&json!(true), &json!(["a"])));
    let bad = world.make(path, check("\npermit (principal, action, resource) wen { true };")).await;
    assert_eq!((&bad["ok"], &bad["line"]), (&json!(false), &json!(2)));
    let case = |country: &str, allowed: bool| {
        json!({
            "name": country, "action": "place", "class": "restricted", "allowed": allowed,
            "site": { "name": "x", "country": country, "operator_country": "FR" },
        })
    };
    let text = "@id(\"here\") permit (principal, action, resource) \
                when { context.class == Class::\"restricted\" && resource.country == \"FR\" };";
    let body = |cases| json!({ "text": text, "scope": "platform", "cases": cases });
    let path = "/api/v1/policies/test";
    let tested = world.make(path, body(json!([case("FR", true), case("US", false)]))).await;
    assert_eq!(tested["ok"], true, "{tested}");
    assert_eq!(tested["results"][0]["determining"], json!(["draft/here"]));
    let wrong = world.make(path, body(json!([case("US", true)]))).await;
    assert_eq!((&wrong["ok"], &wrong["results"][0]["ok"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn a_change_says_what_it_would_do_and_then_does_it() {
    let world = World::with_machine().await;
    tenant(&world, "acme").await;
    let waiting = world.make("/api/v1/workloads", job("acme/lab")).await;
    let rules = json!([{ "category": "customer", "operation": "process", "countries": ["DE"] }]);
    let diff = json!({ "scope": "acme", "rules": rules, "days": 1 });
    let found = world.make("/api/v1/policies/diff", diff).await;
    let id = &waiting["id"];
    let queued = found["queued"].as_array().unwrap();
    let own = queued.iter().find(|one| one["subject"] == *id).unwrap();
    assert_eq!((&own["allowed_now"], &own["allowed_then"]), (&json!(1), &json!(0)));
    assert!(own["because"][0].as_str().unwrap().ends_with("/customer-process"), "{own}");
    assert!(found["n_flips"].as_u64().unwrap() >= 1, "{found}");
    assert_eq!(found["flips"][0]["was"], true);
    let path = format!("/api/v1/policies/explain?workload={}", id.as_str().unwrap());
    let before = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(before["answers"][0]["allowed"], true, "nothing was changed");
    put(&world, "/api/v1/residency", json!({ "scope": "acme", "rules": rules })).await;
    let after = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(after["answers"][0]["allowed"], false);
    let changes = after["answers"][0]["would_change"].to_string();
    assert!(changes.contains("without policy `data-residency`"), "{changes}");
    let none = json!({ "scope": "acme", "days": 1 });
    let refused = world.call(&world.operator, "POST", "/api/v1/policies/diff", none).await;
    assert_eq!(refused.status, 422);
}
