//! Erasure through the API and the loop that carries it out: what is gone, what is kept, and that the
//! log verifies before and after.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use api::text::Timestamp;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use store::{
    audit,
    vault::{Tenant, VaultError},
};
use units::{DurationMicros, Id, kinds};

use crate::world::{Tenant as Made, World, digest, request, tenant};

const NAME: &str = "Zenobie Quatrefages-Lindqvist";
const EMAIL: &str = "zenobie.quatrefages@exemple.fr";
const DAY: DurationMicros = DurationMicros(86_400_000_000);

fn audit_of(world: &World) -> audit::AuditReport {
    let options = audit::Options { blobs: true, ..audit::Options::default() };
    audit::verify(world.platform.data_dir(), &options).unwrap()
}

/// Every file below a folder that holds these bytes.
fn files_with(dir: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if fs::read(&path).unwrap().windows(needle.len()).any(|part| part == needle) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Waits until an erasure is done; the loop runs beside.
async fn until_done(world: &World, id: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let erasure =
            world.get(&world.operator, &format!("/api/v1/erasures/{id}")).await.expect(200);
        if erasure["state"] == "done" {
            return erasure;
        }
        assert!(Instant::now() < deadline, "{erasure}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// Ends all work of the platform: there is no engine here that would.
async fn end_work(world: &World) {
    use kernel::{Actor, Command, Submission, workload};
    let active = world.platform.read(|s| s.active_workloads().map(|w| w.id).collect::<Vec<_>>());
    for id in active {
        let stop = Command::Workload(workload::Command::Stop { id });
        world.platform.submit(Actor::System, Submission::new(stop)).await.unwrap();
    }
}

fn organisation_of(made: &Made) -> Tenant {
    Tenant::Organisation(made.organisation.parse::<Id<kinds::Organisation>>().unwrap())
}

#[tokio::test]
async fn an_erased_dataset_is_gone_and_what_others_have_stays() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let rival = tenant(&world, "rival").await;
    end_work(&world).await;
    // One file that only acme has, in a second version; `content` is also rival's.
    let own = b"what only acme knows, and nobody shall know any more";
    let manifest = world.manifest("own.txt", own).await;
    let path = format!("/api/v1/datasets/{}/versions", acme.dataset);
    world.make(&path, json!({ "manifest": manifest })).await;
    assert!(!files_with(world.platform.data_dir(), own).is_empty());
    assert!(audit_of(&world).is_sound());
    let target = json!({ "target": { "dataset": acme.dataset } });
    let erasure = world.make("/api/v1/erasures", target.clone()).await;
    assert_eq!(erasure["derived"], json!(["lab/words@v1"]), "what was made from it is named");
    let running = tokio::spawn(server::erasures::run(Arc::clone(&world.platform)));
    let done = until_done(&world, &id_of(&erasure)).await;
    // Its file and its second manifest; the first one's file and manifest are also a model's.
    assert_eq!(done["destroyed"]["n_blobs"], 2, "{done}");
    assert_eq!(files_with(world.platform.data_dir(), own), Vec::<String>::new());
    let gone = world.get(&world.operator, &format!("/api/v1/blobs/{}", digest(own))).await;
    assert_eq!(gone.status, 404);
    for dataset in [&acme.dataset, &rival.dataset] {
        world.get(&world.operator, &format!("/api/v1/datasets/{dataset}")).await.expect(200);
    }
    let kept = world.get(&world.operator, &format!("/api/v1/blobs/{}", rival.blob)).await;
    assert_eq!((kept.status, kept.text().as_str()), (200, "content"));
    let again =
        world.call(&world.operator, "POST", &path, json!({ "manifest": rival.manifest })).await;
    assert_eq!(again.status, 409, "{}", again.text());
    let report = audit_of(&world);
    assert!(report.is_sound(), "{:?}", report.findings);
    running.abort();
    // Had something stayed, the audit would say so.
    let path = world.platform.blobs().path(manifest.parse().unwrap());
    fs::write(path, b"back again").unwrap();
    assert!(!audit_of(&world).is_sound());
}

/// A reader that takes an export slowly, or not at all, holds up what is to be destroyed and nobody else.
#[tokio::test]
async fn an_erasure_that_waits_for_a_reader_lets_others_go_on() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    end_work(&world).await;
    let versions = format!("/api/v1/datasets/{}/versions", acme.dataset);
    let large = world.manifest("large.bin", &vec![7; 4 << 20]).await;
    world.make(&versions, json!({ "manifest": large })).await;
    let path = format!("/api/v1/organisations/{}/export", acme.organisation);
    let reading = world.send(request(&world.operator, "GET", &path, Value::Null)).await;
    let mut reading = reading.into_body();
    // It has begun: from here on it keeps everything until it is read or dropped.
    reading.frame().await.unwrap().unwrap();
    let erase = json!({ "target": { "dataset": acme.dataset } });
    let erasure = id_of(&world.make("/api/v1/erasures", erase).await);
    let running = tokio::spawn(server::erasures::run(Arc::clone(&world.platform)));
    let path = format!("/api/v1/erasures/{erasure}");
    while world.get(&world.operator, &path).await.json()["state"] != "erasing" {
        tokio::task::yield_now().await;
    }
    let new = json!({ "project": "acme/lab", "name": "other", "class": "internal" });
    let other = id_of(&world.make("/api/v1/datasets", new).await);
    let versions = format!("/api/v1/datasets/{other}/versions");
    for content in 0..10_u8 {
        let manifest = world.manifest("a", &[content]).await;
        let add = world.make(&versions, json!({ "manifest": manifest }));
        tokio::time::timeout(Duration::from_secs(20), add).await.expect("it waits for the reader");
    }
    assert_eq!(world.get(&world.operator, &path).await.json()["state"], "erasing");
    drop(reading);
    until_done(&world, &erasure).await;
    running.abort();
}

#[tokio::test]
async fn erased_personal_data_is_gone_and_the_log_still_verifies() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let home = organisation_of(&acme);
    let user: Id<kinds::User> = world.platform.fresh_id().unwrap();
    let plain = format!("{{\"name\":\"{NAME}\",\"email\":\"{EMAIL}\"}}");
    let vault = world.platform.vault();
    let commitment = vault.put(home, &user.to_string(), plain.as_bytes(), &[("email", EMAIL)]);
    let commitment = commitment.unwrap();
    let organisation = acme.organisation.parse().ok();
    let create = kernel::user::Command::Create { id: user, home: organisation, commitment };
    let create = kernel::Submission::new(kernel::Command::User(create));
    world.platform.submit(kernel::Actor::System, create).await.unwrap();
    let before = audit_of(&world);
    // Nobody else's administrator may ask, nor learn that there is such a user.
    let stranger = world.key_of_new_organisation("stranger").await;
    let target = json!({ "target": { "user": user.to_string() } });
    let refused = world.call(&stranger, "POST", "/api/v1/erasures", target.clone()).await;
    assert_eq!(refused.status, 404, "{}", refused.text());
    let key = world.key("administrator", ("organisation", "acme")).await;
    let asked = world.call(&key, "POST", "/api/v1/erasures", target).await.expect(201);
    let running = tokio::spawn(server::erasures::run(Arc::clone(&world.platform)));
    let done = until_done(&world, &id_of(&asked)).await;
    running.abort();
    assert_eq!(done["destroyed"]["n_records"], 1);
    assert_eq!(vault.get(home, &user.to_string()).unwrap(), None);
    assert_eq!(vault.find(home, "email", EMAIL).unwrap(), None);
    let status = world.platform.read(|state| state.users[&user].status);
    assert_eq!(status, kernel::user::Status::Suspended);
    let after = audit_of(&world);
    assert!(before.is_sound() && after.is_sound(), "{:?}", after.findings);
    assert!(after.entries > before.entries, "the erasure is on record");
    let events = world.get(&key, "/api/v1/events?limit=1000").await.text();
    assert!(events.contains("erasure.done") && events.contains(&user.to_string()));
    for seeded in [NAME, EMAIL, "Quatrefages"] {
        assert_eq!(files_with(world.platform.data_dir(), seeded.as_bytes()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn an_organisation_ends_after_its_notice_with_everything_it_had() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let rival = tenant(&world, "rival").await;
    end_work(&world).await;
    let home = organisation_of(&acme);
    let vault = world.platform.vault();
    vault.put(home, "usr_1", NAME.as_bytes(), &[]).unwrap();
    let own = b"what only acme knows";
    let manifest = world.manifest("own.txt", own).await;
    let path = format!("/api/v1/datasets/{}/versions", acme.dataset);
    world.make(&path, json!({ "manifest": manifest })).await;
    let folder = world.platform.workload_dir(acme.workload.parse().unwrap());
    fs::create_dir_all(folder.join("work/out")).unwrap();
    fs::write(folder.join("work/out/result"), b"a result of acme's work").unwrap();
    let [kept, sealed] = [&rival, &acme].map(|made| {
        let folder = world.platform.content_folder().join(&made.project);
        fs::create_dir_all(&folder).unwrap();
        let key = world.platform.content_key(made.project.parse().unwrap()).unwrap();
        fs::write(folder.join("a.data"), key.seal("data a 0", b"a prompt").unwrap()).unwrap();
        folder
    });
    let key = world.key("administrator", ("organisation", "acme")).await;
    // Notices were given when the tenants were made: 21 whole days. Rival takes its own back.
    let cancel = format!("/api/v1/erasures/{}/cancel", rival.erasure);
    let cancelled = world.call(&world.operator, "POST", &cancel, Value::Null).await.expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    let path = format!("/api/v1/erasures/{}", acme.erasure);
    let notice = world.get(&key, &path).await.expect(200);
    assert_eq!(notice["state"], "notice");
    let due: Timestamp = serde_json::from_value(notice["due_at"].clone()).unwrap();
    let running = tokio::spawn(server::erasures::run(Arc::clone(&world.platform)));
    world.platform.set_clock_ahead(DurationMicros(21 * DAY.0));
    assert!(due.0 > world.platform.now(), "the day of the notice does not count");
    world.get(&key, &path).await.expect(200);
    world.platform.set_clock_ahead(DAY);
    let done = until_done(&world, &acme.erasure).await;
    running.abort();
    assert_eq!(
        (&done["destroyed"]["n_keys"], &done["destroyed"]["n_records"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(world.get(&key, "/api/v1/whoami").await.status, 401, "its keys are dead");
    assert_eq!(vault.get(home, "usr_1"), Ok(None));
    assert_eq!(vault.put(home, "usr_2", b"x", &[]), Err(VaultError::Destroyed { tenant: home }));
    assert!(!folder.exists());
    assert!(!sealed.exists() && kept.exists(), "its files and batches, and nobody else's");
    assert!(world.platform.content_key(acme.project.parse().unwrap()).is_err());
    for needle in [own.as_slice(), NAME.as_bytes(), b"a result of acme's work"] {
        assert_eq!(files_with(world.platform.data_dir(), needle), Vec::<String>::new());
    }
    let kept = world.get(&world.operator, &format!("/api/v1/blobs/{}", rival.blob)).await;
    assert_eq!(kept.status, 200, "what rival has as well stays");
    let report = audit_of(&world);
    assert!(report.is_sound(), "{:?}", report.findings);
}

#[tokio::test]
async fn a_list_that_was_begun_is_carried_out_by_the_next_start() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    end_work(&world).await;
    let own = b"half of it is gone when the process dies";
    let manifest = world.manifest("own.txt", own).await;
    let path = format!("/api/v1/datasets/{}/versions", acme.dataset);
    world.make(&path, json!({ "manifest": manifest })).await;
    let target = json!({ "target": { "dataset": acme.dataset } });
    let id = id_of(&world.make("/api/v1/erasures", target).await);
    // As a process leaves it that dies after the list and the manifest, before the file.
    let lines = format!("blob {} {}\nblob {manifest} 100\n", digest(own), own.len());
    let folder = world.platform.data_dir().join("erasures");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{id}.list")), &lines).unwrap();
    world.platform.blobs().remove(manifest.parse().unwrap()).unwrap();
    let running = tokio::spawn(server::erasures::run(Arc::clone(&world.platform)));
    let done = until_done(&world, &id).await;
    // The list goes after the entry that says that it was carried out, never before.
    let deadline = Instant::now() + Duration::from_secs(10);
    while fs::read_dir(&folder).unwrap().count() > 0 {
        assert!(Instant::now() < deadline, "the list has served, and is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.abort();
    assert_eq!(files_with(world.platform.data_dir(), own), Vec::<String>::new());
    assert_eq!(done["destroyed"]["list"], digest(lines.as_bytes()).to_string());
}
