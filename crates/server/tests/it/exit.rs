//! Leaving with everything and arriving elsewhere with it: the round trip is equal, nobody else's data is
//! in the file, and its log entries verify with nothing but the file.

use std::{
    collections::BTreeMap,
    io::Read as _,
    time::{Duration, Instant},
};

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, header};
use kernel::{Actor, Command, Submission, user};
use ledger::{Checkpoint, Hash, VerifierKey, leaf_hash, proof};
use serde_json::{Value, json};
use store::vault::Tenant;
use units::{Id, kinds};

use crate::exit_rights::{rights, same_rights};
use crate::world::{Answer, Tenant as Made, World, tenant};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";
const NAME: &str = "Zenobie Quatrefages-Lindqvist";
const EMAIL: &str = "zenobie.quatrefages@exemple.fr";

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn unpack(tar: &[u8]) -> Files {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (path, bytes)
    });
    entries.collect()
}

/// What another installation takes in.
fn kept(files: &Files) -> Files {
    let wanted = |path: &str| {
        ["configuration/", "people/", "blobs/"].iter().any(|prefix| path.starts_with(prefix))
    };
    files.iter().filter(|(path, _)| wanted(path)).map(|(p, b)| (p.clone(), b.clone())).collect()
}

pub(crate) async fn export(world: &World, key: &str, organisation: &str) -> Answer {
    world.get(key, &format!("/api/v1/organisations/{organisation}/export")).await
}

pub(crate) async fn import(world: &World, key: &str, tar: Vec<u8>) -> Answer {
    let request = Request::post("/api/v1/organisations/import")
        .header(header::AUTHORIZATION, format!("Bearer {key}"))
        .header(header::CONTENT_TYPE, "application/x-tar")
        .body(Body::from(tar))
        .unwrap();
    world.ask(request).await
}

/// Somebody of the tenant, with personal data.
async fn somebody(world: &World, made: &Made) -> Id<kinds::User> {
    let home: Id<kinds::Organisation> = made.organisation.parse().unwrap();
    let id: Id<kinds::User> = world.platform.fresh_id().unwrap();
    let plain = json!({ "name": NAME, "email": EMAIL, "password": HASH }).to_string();
    let lookups = [("email", EMAIL)];
    let tenant = Tenant::Organisation(home);
    let vault = world.platform.vault();
    let commitment = vault.put(tenant, &id.to_string(), plain.as_bytes(), &lookups).unwrap();
    let create = user::Command::Create { id, home: Some(home), commitment };
    let create = Submission::new(Command::User(create));
    world.platform.submit(Actor::System, create).await.unwrap();
    id
}

/// A tenant with captured data, what was made from it, and consent.
async fn furnished(world: &World) -> Made {
    let acme = tenant(world, "acme").await;
    let named = "/api/v1/datasets?project=acme/lab&name=asked";
    let asked = world.get(&world.operator, named).await.json()["items"][0]["id"].clone();
    let asked = asked.as_str().unwrap().to_owned();
    let manifest = world.manifest("asked.jsonl", b"what people asked").await;
    let versions = |id: &str| format!("/api/v1/datasets/{id}/versions");
    world.make(&versions(&asked), json!({ "manifest": manifest })).await;
    // Put there by hand before it has a retention: as old there as here.
    let capture = json!({ "dataset": "asked", "permille": 50, "keep_days": 30 });
    let path = format!("/api/v1/projects/{}/capture", acme.project);
    world.call(&world.operator, "PUT", &path, capture).await.expect(200);
    let manifest = world.manifest("filtered.jsonl", b"what was left of it").await;
    let body = json!({ "manifest": manifest, "parents": ["dataset://lab/asked@v1"] });
    world.make(&versions(&acme.dataset), body).await;
    let training = format!("/api/v1/organisations/{}/training", acme.organisation);
    let allow = json!({ "allowed": true });
    world.call(&world.operator, "POST", &training, allow).await.expect(200);
    // Of the endpoint, which stays behind, and of the whole project.
    let guardrails = json!({ "guardrails": [
        { "name": "no-cards", "endpoint": acme.endpoint, "side": "both", "action": "redact", "pattern": "[0-9]{16}" },
        { "name": "short", "side": "question", "action": "refuse", "size": { "bytes_max": 4096 } },
    ]});
    let path = format!("/api/v1/projects/{}/guardrails", acme.project);
    world.call(&world.operator, "PUT", &path, guardrails).await.expect(200);
    let evaluate = format!("/api/v1/models/{}/versions/1/evaluations", acme.model);
    let result = json!({
        "metric": "exact_match", "correct": 1, "total": 2, "dataset": "lab/corpus@v1",
    });
    world.make(&evaluate, result).await;
    acme
}

/// Whoever holds the file could try passwords against a hash for as long as they like.
fn carries_no_hash(files: &BTreeMap<String, Vec<u8>>) {
    let people = String::from_utf8(files["people/people.jsonl"].clone()).unwrap();
    let mut names = String::new();
    for line in people.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let data = STANDARD.decode(line["data"].as_str().unwrap()).unwrap();
        names.push_str(&String::from_utf8(data).unwrap());
    }
    assert!(names.contains(NAME) && !names.contains("argon2"), "{names}");
}

/// What must be made anew is named with the reason.
fn lists_what_stayed(taken: &Value, acme: &Made) {
    let left = taken["left_out"].to_string();
    for (id, why) in [
        (&acme.spare_key, "make a new key"),
        (&acme.course, "make it anew"),
        (&acme.identity_provider, "client secret"),
    ] {
        let all = taken["left_out"].as_array().unwrap();
        let found = all.iter().find(|one| one["id"] == json!(id));
        let reason = found.unwrap_or_else(|| panic!("{id} is not in {left}"))["reason"].as_str();
        assert!(reason.unwrap().contains(why), "{id}: {reason:?}");
    }
}

/// Its own entries, as the list of entries has them, also of what is gone from the state.
async fn exports_its_own_entries(here: &World, key: &str, acme: &Made) {
    let path = format!("/api/v1/reservations/{}/cancel", acme.reservation);
    here.call(&here.operator, "POST", &path, Value::Null).await.expect(200);
    let later = export(here, key, &acme.organisation).await.bytes;
    let later = unpack(&later);
    let exported: Vec<Value> = later["log/entries.jsonl"]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).unwrap()["index"].clone())
        .collect();
    let size = serde_json::from_slice::<Value>(&later["export.json"]).unwrap()["seq"].clone();
    let path = format!("/api/v1/entries?organisation=acme&limit=500&size={size}");
    let listed = here.get(key, &path).await.expect(200);
    let listed: Vec<Value> =
        listed["items"].as_array().unwrap().iter().map(|one| one["index"].clone()).collect();
    assert_eq!(exported, listed);
}

#[tokio::test]
async fn an_export_taken_in_elsewhere_exports_the_same() {
    let here = World::with_machine().await;
    let acme = furnished(&here).await;
    let rival = tenant(&here, "rival").await;
    let person = somebody(&here, &acme).await;
    let key = here.key("administrator", ("organisation", "acme")).await;
    let suspended = rights(&here, &acme, &key).await;
    let first = export(&here, &key, &acme.organisation).await;
    assert_eq!((first.status, first.header("content-type")), (200, "application/x-tar"));
    let files = unpack(&first.bytes);
    for id in [&rival.organisation, &rival.project, &rival.dataset, &rival.workload] {
        let leaks = |(_, bytes): (&String, &Vec<u8>)| {
            bytes.windows(id.len()).any(|part| part == id.as_bytes())
        };
        assert!(!files.iter().any(leaks), "{id} is rival's");
    }
    exports_its_own_entries(&here, &key, &acme).await;
    let there = World::with_machine().await;
    let taken = import(&there, &there.operator, first.bytes.clone()).await.expect(201);
    assert_eq!((&taken["name"], &taken["n_people"]), (&json!("acme"), &json!(3)));
    let first_key = taken["administrator_key"].as_str().unwrap();
    let refused = export(&there, &there.operator, &acme.organisation).await;
    assert_eq!(refused.status, 403, "it was shut there, and it is shut here");
    let second = export(&there, first_key, &acme.organisation).await;
    same_rights(&here, &there, &acme);
    let is_suspended = there.platform.read(|s| s.users[&suspended].status);
    assert_eq!(is_suspended, user::Status::Suspended);
    lists_what_stayed(&taken, &acme);
    let (before, after) = (kept(&files), kept(&unpack(&second.bytes)));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    carries_no_hash(&files);
    for (path, bytes) in &before {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert_eq!(text(bytes), text(&after[path]), "{path}");
    }
    assert!(before.len() >= 8, "{:?}", before.keys());
    // The person is found there, under another salt.
    let home = Tenant::Organisation(acme.organisation.parse().unwrap());
    let found = there.platform.vault().find(home, "email", EMAIL).unwrap();
    assert_eq!(found.as_deref(), Some(person.to_string().as_str()));
    let commitment = |world: &World| world.platform.read(|s| s.users[&person].commitment);
    assert_ne!(commitment(&here), commitment(&there));
    // It works there: the newest version can be read by a job of its project.
    let workload = crate::world::job("acme/lab");
    there.call(first_key, "POST", "/api/v1/workloads", workload).await.expect(201);
    let again = import(&there, &there.operator, first.bytes.clone()).await;
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(import(&here, &here.operator, first.bytes).await.status, 409, "it is here already");
}

#[tokio::test]
async fn its_log_entries_verify_with_nothing_but_the_file() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    tenant(&world, "rival").await;
    let files = unpack(&export(&world, &world.operator, &acme.organisation).await.bytes);
    let key: VerifierKey =
        String::from_utf8(files["log/key"].clone()).unwrap().trim().parse().unwrap();
    let checkpoint = Checkpoint::open(&files["log/checkpoint"], &key, key.name()).unwrap();
    let text = String::from_utf8(files["log/entries.jsonl"].clone()).unwrap();
    let mut n_entries = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
        let leaf = bytes(&line["leaf"]);
        let hash = |value: &Value| Hash(bytes(value).try_into().unwrap());
        let path: Vec<Hash> = line["proof"].as_array().unwrap().iter().map(hash).collect();
        let index = line["index"].as_u64().unwrap();
        let head = checkpoint.head();
        proof::verify_inclusion(&head, index, &leaf_hash(&leaf), &path).unwrap();
        let mut altered = leaf;
        altered[0] ^= 1;
        assert!(proof::verify_inclusion(&head, index, &leaf_hash(&altered), &path).is_err());
        n_entries += 1;
    }
    assert!((10..checkpoint.size()).contains(&n_entries), "{n_entries} of {}", checkpoint.size());
    for (path, bytes) in &files {
        assert!(!String::from_utf8_lossy(bytes).contains("secret_hash\":\""), "{path}");
    }
}

#[tokio::test]
async fn an_import_takes_nothing_on_trust() {
    let here = World::with_machine().await;
    let acme = furnished(&here).await;
    let tar = export(&here, &here.operator, &acme.organisation).await.bytes;
    let there = World::with_machine().await;
    let mine = there.key_of_new_organisation("mine").await;
    assert_eq!(import(&there, &mine, tar.clone()).await.status, 403);
    assert_eq!(import(&there, &there.operator, b"no tar".to_vec()).await.status, 400);
    // One byte of a content changed.
    let at = tar.windows(17).position(|part| part == b"what people asked").unwrap();
    let mut altered = tar.clone();
    altered[at] ^= 1;
    let refused = import(&there, &there.operator, altered).await;
    assert_eq!(refused.json()["code"], "digest-mismatch", "{}", refused.text());
    // An item of another organisation smuggled in: the name of a project changed to one of ours.
    let own = there.make("/api/v1/organisations", json!({ "name": "victim" })).await;
    let victim = own["id"].as_str().unwrap();
    let smuggled = replace(&tar, acme.organisation.as_bytes(), victim.as_bytes());
    let refused = import(&there, &there.operator, smuggled).await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    // Broken off within a content, then whole: the second goes on.
    let broken = tar[..at + 5].to_vec();
    assert_eq!(import(&there, &there.operator, broken).await.status, 422);
    import(&there, &there.operator, tar).await.expect(201);
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|part| part == from) {
        bytes[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    bytes
}

#[tokio::test]
async fn what_leaves_is_metered_by_its_purpose() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let project: Id<kinds::Project> = acme.project.parse().unwrap();
    let metered = |sku: units::PriceUnit| {
        world.platform.read(|state| {
            let lines = state.usage.lines_of(project).filter(|(key, _)| key.per == sku);
            lines.map(|(_, line)| line.quantity_base).sum::<u64>()
        })
    };
    let until = |sku| {
        let deadline = Instant::now() + Duration::from_secs(20);
        async move {
            while metered(sku) == 0 {
                assert!(Instant::now() < deadline, "{sku} was not metered");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    export(&world, &world.operator, &acme.organisation).await;
    until(units::PriceUnit::EgressParallelGib).await;
    assert_eq!(metered(units::PriceUnit::EgressSwitchGib), 0);
    let cancel = format!("/api/v1/erasures/{}/cancel", acme.erasure);
    world.call(&world.operator, "POST", &cancel, Value::Null).await.expect(200);
    let switch = json!({ "notice_days": 0, "transition_days": 30, "retrieval_days": 30 });
    let notice = json!({ "target": { "organisation": acme.organisation }, "switch": switch });
    let notice = world.make("/api/v1/erasures", notice).await;
    assert_eq!(notice["state"], "transition");
    export(&world, &world.operator, &acme.organisation).await;
    until(units::PriceUnit::EgressSwitchGib).await;
}

/// Everything that brings personal data in, then the whole log: ids and commitments only.
#[tokio::test]
async fn seeded_names_are_in_no_entry() {
    let world = World::with_machine().await;
    let acme = furnished(&world).await;
    let person = somebody(&world, &acme).await;
    let tar = export(&world, &world.operator, &acme.organisation).await.bytes;
    let there = World::with_machine().await;
    import(&there, &there.operator, tar).await.expect(201);
    for world in [&world, &there] {
        let rows = world.platform.log().rows(0, 4_096).unwrap();
        let all: Vec<u8> = rows.iter().flat_map(|row| row.leaf.clone()).collect();
        let holds = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
        for seeded in [NAME, "Zenobie", "Quatrefages", EMAIL, "exemple.fr"] {
            assert!(!holds(seeded), "`{seeded}` is in the log");
        }
        // The scan finds what is there.
        assert!(holds(&person.to_string()) && holds("corpus"));
    }
}
