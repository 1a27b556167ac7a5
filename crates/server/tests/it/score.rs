//! Requirement 10 through the API: evidence, criteria and the report.

use serde_json::{Value, json};

use crate::world::{World, digest, tenant};

const CRITERION: &str = "csf.sov-1.seal-2.1";

async fn report(world: &World, key: &str) -> Value {
    world.get(key, "/api/v1/sovereignty/report").await.expect(200)
}

/// The answer to one criterion.
fn answer(report: &Value, id: &str) -> Value {
    let parts = report["frameworks"].as_array().unwrap().iter().flat_map(|f| f["parts"].as_array());
    let mut criteria = parts.flatten().flat_map(|part| part["criteria"].as_array().unwrap());
    criteria.find(|one| one["id"] == id).unwrap().clone()
}

fn claim(criterion: &str, kind: &str, issuer: &str) -> Value {
    json!({
        "criterion": criterion, "kind": kind, "issuer": issuer,
        "document": digest(b"the contract").to_string(),
    })
}

async fn assessor(world: &World) {
    let facts = json!({ "legal_name": "Prüfer GmbH", "seat": "DE" });
    world.make("/api/v1/entities", json!({ "name": "assessor", "facts": facts })).await;
}

#[tokio::test]
async fn evidence_is_recorded_once_counts_and_is_withdrawn() {
    let world = World::with_machine().await;
    let before = report(&world, &world.operator).await;
    assert_eq!(answer(&before, CRITERION)["standing"], "not_shown");
    let body = claim(CRITERION, "declared", "local-operator");
    let one = world.make("/api/v1/evidence", body.clone()).await;
    assert_eq!((&one["state"], &one["recorded_seq"]), (&json!("valid"), &one["seq"]), "{one}");
    let again = world.make("/api/v1/evidence", body).await;
    assert_eq!(again["id"], one["id"]);
    let id = one["id"].as_str().unwrap();
    // Where it says it is in the log, it is.
    let index = one["recorded_seq"].as_u64().unwrap() - 1;
    let proof = world.get(&world.operator, &format!("/log/proof/{index}")).await;
    assert_eq!(proof.status, 200);
    let events = world.get(&world.operator, &format!("/api/v1/events?after={index}")).await.json();
    assert_eq!(events["items"][0]["kind"], "evidence.recorded", "{events}");

    let shown = report(&world, &world.operator).await;
    let met = answer(&shown, CRITERION);
    assert_eq!((&met["standing"], &met["evidence"]), (&json!("met"), &json!([id])));
    assert_eq!(met["entries"], json!([one["recorded_seq"]]));
    let score = |report: &Value| report["frameworks"][0]["score_bp"].as_u64().unwrap();
    assert!(score(&shown) > score(&before));
    assert_eq!(shown["evidence"][0]["id"], one["id"]);
    let (size, root) = (shown["as_of"].as_u64().unwrap(), shown["root"].as_str().unwrap());
    assert_eq!(world.platform.log().root_at(size).unwrap().to_string(), root);

    let gone = world.make(&format!("/api/v1/evidence/{id}/withdraw"), Value::Null).await;
    assert_eq!(
        (&gone["state"], &gone["recorded_seq"]),
        (&json!("withdrawn"), &one["recorded_seq"])
    );
    let after = report(&world, &world.operator).await;
    assert_eq!(answer(&after, CRITERION)["standing"], "lapsed");
    assert_eq!(score(&after), score(&before));
    let listed = world.get(&world.operator, "/api/v1/evidence?criterion=csf.sov-1").await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    for other in ["csf.sov-2", "csf.sov"] {
        let path = format!("/api/v1/evidence?criterion={other}");
        assert_eq!(world.get(&world.operator, &path).await.json()["items"], json!([]), "{other}");
    }
}

#[tokio::test]
async fn what_could_never_count_is_not_recorded() {
    let world = World::with_machine().await;
    let size = world.platform.read_size();
    for (body, says) in [
        (claim("csf.sov-9.seal-1.1", "declared", "local-operator"), "there is none of this id"),
        (claim("csf.sov-1.seal-3.1", "declared", "local-operator"), "the platform computes it"),
        (claim("csf.sov-7.seal-1.1", "measured", "local-operator"), "needs `certificate`"),
        (claim(CRITERION, "declared", "nobody"), "does not exist"),
    ] {
        let refused = world.call(&world.operator, "POST", "/api/v1/evidence", body).await;
        assert!(refused.status == 422 || refused.status == 404, "{}", refused.text());
        assert!(refused.text().contains(says), "{says}: {}", refused.text());
    }
    let mut past = claim(CRITERION, "declared", "local-operator");
    past["valid_until"] = json!("2020-01-01T00:00:00Z");
    let refused = world.call(&world.operator, "POST", "/api/v1/evidence", past).await;
    assert!(refused.text().contains("lies in the past"), "{}", refused.text());
    assert_eq!(world.platform.read_size(), size);
}

#[tokio::test]
async fn nobody_certifies_themselves() {
    let world = World::with_machine().await;
    assessor(&world).await;
    let criterion = "csf.sov-7.seal-1.1";
    let own =
        world.make("/api/v1/evidence", claim(criterion, "certificate", "local-operator")).await;
    assert_eq!(own["counts_as"], "declared");
    let found = report(&world, &world.operator).await;
    assert_eq!(answer(&found, criterion)["standing"], "too_weak");
    assert!(found["own_entities"].as_array().unwrap().contains(&own["issuer"]));
    world.make("/api/v1/evidence", claim(criterion, "certificate", "assessor")).await;
    let found = report(&world, &world.operator).await;
    assert_eq!(answer(&found, criterion)["standing"], "met");
}

#[tokio::test]
async fn a_fresh_platform_says_first_what_it_lacks() {
    let world = World::with_machine().await;
    let found = report(&world, &world.operator).await;
    let csf = &found["frameworks"][0];
    assert_eq!((&csf["id"], &csf["level"]), (&json!("eu-csf"), &json!(0)));
    let down = csf["kept_down_by"].as_array().unwrap();
    assert!(down.len() > 8, "{down:?}");
    // A machine's processor is of a vendor outside the Union, and is named with the machine.
    let first = down[0].as_str().unwrap();
    assert_eq!(first, "csf.sov-5.seal-4.2", "{down:?}");
    let processors = answer(&found, first);
    assert_eq!(processors["standing"], "refuted");
    assert!(
        processors["things"][0].as_str().unwrap().contains("in site `paris` on `"),
        "{processors}"
    );
    assert!(!processors["entries"].as_array().unwrap().is_empty());
    let ownership = answer(&found, "csf.sov-1.seal-4.1");
    assert!(ownership["things"][0].as_str().unwrap().contains("nobody declared who holds"));
    assert_eq!(answer(&found, "csf.sov-3.seal-1.1")["standing"], "met");
    assert_eq!(found["frameworks"][1]["level"], 0);
    let list = &found["frameworks"][2];
    let counts = ["n_met", "n_partly", "n_not_met"].map(|name| list[name].as_u64().unwrap());
    assert_eq!(counts.iter().sum::<u64>(), list["parts"].as_array().unwrap().len() as u64);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    let criteria = world.get(&world.operator, "/api/v1/sovereignty/criteria").await.json();
    let count = |value: &Value| value.to_string().matches("\"says\":").count();
    assert_eq!(count(&criteria), count(&found));
}

/// Tenants read where the platform stands, change nothing, and learn nothing of each other.
#[tokio::test]
async fn tenants_read_the_report_and_nothing_of_others_is_in_it() {
    let world = World::with_machine().await;
    world.make("/api/v1/evidence", claim(CRITERION, "declared", "local-operator")).await;
    let before = report(&world, &world.operator).await;
    let one = tenant(&world, "acme").await;
    let body = claim("csf.sov-1.seal-2.2", "declared", "local-operator");
    for role in ["viewer", "auditor", "administrator"] {
        let key = world.key(role, ("organisation", "acme")).await;
        let found = report(&world, &key).await;
        // What tenants have and do changes the size of the log and nothing else.
        for field in ["frameworks", "checks", "own_entities"] {
            assert_eq!(found[field], before[field], "{field} for {role}");
        }
        for name in ["acme", one.organisation.as_str(), one.project.as_str()] {
            assert!(!found.to_string().contains(name), "{name}");
        }
        let refused = world.call(&key, "POST", "/api/v1/evidence", body.clone()).await;
        assert_eq!(refused.status, 403, "{role}");
    }
}
