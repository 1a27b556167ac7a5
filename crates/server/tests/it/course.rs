//! A course over the API: a roster whose names are in no entry, each student's own work in the file at the end.

use std::io::Read as _;

use serde_json::{Value, json};

use crate::world::{World, in_hours};

const ADA: &str = "Zenobie Quatrefages";
const ADA_MAIL: &str = "zenobie@ecole-des-ponts.example";

#[tokio::test]
async fn a_course_takes_a_roster_in_and_gives_each_students_work_back() {
    let world = World::with_machine().await;
    world.make("/api/v1/organisations", json!({ "name": "ecole" })).await;
    let new = json!({
        "organisation": "ecole", "name": "nlp", "ends_at": in_hours(100), "budget": "20 EUR",
        "quota_class": "cpu", "quota_milli": 500,
    });
    let course = world.make("/api/v1/courses", new).await;
    let id = course["id"].as_str().unwrap().to_owned();
    let path = |rest: &str| format!("/api/v1/courses/{id}{rest}");
    let roster = json!({ "people": [
        { "email": ADA_MAIL, "name": ADA },
        { "email": "Bob@Ecole.example" },
        { "email": "prof@ecole.example", "part": "teacher" },
    ] });
    let call = |rest: &str, body: Value| {
        let path = path(rest);
        let world = &world;
        async move { world.call(&world.operator, "POST", &path, body).await }
    };
    let taken = call("/roster", roster.clone()).await.expect(200);
    assert_eq!((&taken["n_new_people"], &taken["n_enrolled"]), (&json!(3), &json!(3)));
    let again = call("/roster", roster).await.expect(200);
    assert_eq!((&again["n_new_people"], &again["n_enrolled"]), (&json!(0), &json!(0)));
    let odd = call("/roster", json!({ "people": [{ "email": "nobody" }] })).await;
    assert_eq!(odd.status, 422, "{}", odd.text());
    // Somebody works.
    let manifest = world.manifest("essay.txt", b"an essay on tokens").await;
    let new = json!({ "project": "ecole/nlp-001", "name": "essay", "class": "internal" });
    let dataset = world.make("/api/v1/datasets", new).await;
    let versions = format!("/api/v1/datasets/{}/versions", dataset["id"].as_str().unwrap());
    world.make(&versions, json!({ "manifest": manifest })).await;
    let report = world.get(&world.operator, &path("/report")).await.expect(200);
    let students = report["students"].as_array().unwrap();
    assert_eq!(students.len(), 2);
    let made = students.iter().find(|s| s["project_name"] == "nlp-001").unwrap();
    assert_eq!(made["n_datasets"], 1);
    let people: Vec<&str> = students.iter().filter_map(|s| s["person"].as_str()).collect();
    assert!(people.iter().any(|person| person.contains(ADA) && person.contains(ADA_MAIL)));
    let tar = world.get(&world.operator, &path("/export")).await.bytes;
    assert_eq!(file_of(&tar, "datasets/essay/v1/essay.txt"), b"an essay on tokens");
    let closed = call("/close", Value::Null).await.expect(200);
    assert!(closed["closed_at"].is_string());
    let late = call("/roster", json!({ "people": [{ "email": "late@ecole.example" }] })).await;
    assert_eq!(late.status, 409);
    let quotas = world.get(&world.operator, "/api/v1/quotas").await.text();
    assert!(!quotas.contains("\"cpu\""), "{quotas}");
    names_are_sealed(&world);
}

/// The content of the file in a tar whose path ends so.
fn file_of(tar: &[u8], end: &str) -> Vec<u8> {
    let mut archive = tar::Archive::new(tar);
    let found = archive.entries().unwrap().map(Result::unwrap);
    let mut found = found.filter(|e| e.path().unwrap().display().to_string().ends_with(end));
    let mut bytes = Vec::new();
    found.next().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Names and addresses are sealed: the log has ids.
fn names_are_sealed(world: &World) {
    let rows = world.platform.log().rows(0, 4_096).unwrap();
    let all: Vec<u8> = rows.iter().flat_map(|row| row.leaf.clone()).collect();
    let holds = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
    for seeded in [ADA, ADA_MAIL, "ecole-des-ponts", "Quatrefages", "ob@"] {
        assert!(!holds(seeded), "`{seeded}` is in the log");
    }
    assert!(holds("\"enrolled\""), "the scan finds what is there");
}
