//! What leaves in one piece: where it goes is decided and logged before its first byte, and a no
//! sends nothing.

use serde_json::{Value, json};

use crate::world::{World, tenant};

async fn events(world: &World, key: &str, kind: &str) -> Vec<u64> {
    let listed = world.get(key, "/api/v1/events?limit=500").await.expect(200);
    let items = listed["items"].as_array().unwrap();
    items.iter().filter(|one| one["kind"] == kind).map(|one| one["seq"].as_u64().unwrap()).collect()
}

/// Requirements 1 and 2.
#[tokio::test]
async fn what_leaves_in_one_piece_is_decided_and_logged_before_its_first_byte() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let operator = world.operator.clone();
    let export = format!("/api/v1/organisations/{}/export", acme.organisation);
    let course = format!("/api/v1/courses/{}/export", acme.course);
    // Nobody who runs it alone needs to say where.
    for path in ["/api/v1/backup", &export, &course] {
        let answer = world.get(&operator, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-tar"));
    }
    let sent = events(&world, &operator, "storage.sent").await;
    assert_eq!(sent.len(), 3, "{sent:?}");
    let n_decided = world.platform.read(|state| state.decisions.iter().count());
    assert!(n_decided > 0);
    // A place that is not known, not for this, or gone; the message lists those that are.
    let missing = world.get(&operator, "/api/v1/backup?storage=nowhere").await;
    assert_eq!(missing.status, 404);
    assert!(missing.text().contains("`backup` (backup)"), "{}", missing.text());
    assert_eq!(world.get(&operator, "/api/v1/backup?storage=log").await.status, 422);
    // The tenant's own rules hold for its export, and for the backup that has its data too.
    let rules = json!({
        "scope": "acme",
        "rules": [
            { "category": "customer", "operation": "store", "countries": ["DE"] },
            { "category": "account", "operation": "store", "countries": ["DE"] },
        ],
    });
    let key = world.key("administrator", ("organisation", "acme")).await;
    world.call(&key, "PUT", "/api/v1/residency", rules).await.expect(200);
    for (key, path) in [(&operator, "/api/v1/backup"), (&key, export.as_str()), (&key, &course)] {
        let refused = world.get(key, path).await;
        let code = refused.json()["code"].clone();
        assert_eq!((refused.status, code), (403, json!("forbidden-by-policy")), "{path}");
    }
    assert_eq!(events(&world, &key, "policy.refused").await.len(), 3, "each no is on record");
    assert_eq!(events(&world, &key, "storage.sent").await.len(), 2, "the tenant sees its own");
    let retired = world.platform.read(|state| {
        let place = state.storages.values().find(|one| one.name.as_str() == "exports");
        place.map(|place| place.id.to_string()).unwrap()
    });
    let path = format!("/api/v1/storages/{retired}");
    world.call(&operator, "DELETE", &path, Value::Null).await.expect(200);
    let nowhere = world.get(&key, &export).await;
    assert_eq!(nowhere.status, 422);
    assert!(nowhere.text().contains("cocarde storage create"), "{}", nowhere.text());
}

/// A place where the platform may not keep something is refused, and the refusal is a decision.
#[tokio::test]
async fn a_refused_registration_of_a_place_is_on_record() {
    let world = World::with_machine().await;
    let facts = json!({ "name": "acme", "facts": { "legal_name": "Acme SA", "seat": "FR" } });
    world.make("/api/v1/entities", facts).await;
    let site = json!({
        "name": "zurich", "country": "CH", "operator": "Cocarde", "operator_country": "FR",
        "operator_entity": "acme", "owner_entity": "acme", "certifications": [],
        "pue_milli": 1_200, "carbon_g_per_kwh": 20, "carbon_source": "test figure",
    });
    world.make("/api/v1/sites", site).await;
    let before = world.platform.read(|state| (state.size, state.storages.len()));
    let new = json!({ "name": "copy", "purpose": "backup", "site": "zurich" });
    let refused = world.call(&world.operator, "POST", "/api/v1/storages", new).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let after = world.platform.read(|state| (state.size, state.storages.len()));
    assert_eq!(after, (before.0 + 1, before.1), "one entry, and no place");
    let row = &world.platform.log().rows(before.0, 1).unwrap()[0];
    assert_eq!(row.kind, "decision.made");
    let entry = kernel::Entry::from_leaf(&row.leaf).unwrap();
    let kernel::Event::Decision(kernel::decision::Event::Made(made)) = entry.event else {
        panic!("a decision")
    };
    assert!(!made.decision.allowed && !made.decision.determining.is_empty());
}
