//! A tenant's own entries: exactly its own, each proven; and proof files of anything in the log.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use http_body_util::BodyExt as _;
use kernel::{Actor, Submission, usage};
use ledger::{Checkpoint, Hash, Quorum, TreeHead, leaf_hash, proof};
use serde_json::{Value, json};
use server::tenants::Census;
use store::audit;
use units::{Id, Tokens, UnixMicros};

use crate::world::{Tenant, World, request, tenant};

/// One entry as it came.
struct Shown {
    index: u64,
    leaf: Vec<u8>,
}

fn proven(entry: &Value, head: &TreeHead) -> Shown {
    let index = entry["index"].as_u64().unwrap();
    let leaf = STANDARD.decode(entry["leaf"].as_str().unwrap()).unwrap();
    let path: Vec<Hash> = serde_json::from_value(entry["proof"].clone()).unwrap();
    proof::verify_inclusion(head, index, &leaf_hash(&leaf), &path).unwrap();
    Shown { index, leaf }
}

/// All entries of a tenant, page by page, each proof checked.
async fn export(world: &World, key: &str, whose: &str, limit: u32) -> Vec<Shown> {
    let path = |more: &str| format!("/api/v1/entries?{whose}&limit={limit}{more}");
    let mut page = world.get(key, &path("")).await.expect(200);
    let note = page["checkpoint"].as_str().unwrap().to_owned();
    let verifier = world.platform.log().verifier();
    let head = Checkpoint::open(note.as_bytes(), &verifier, verifier.name()).unwrap().head();
    let mut all = Vec::new();
    loop {
        assert_eq!(page["size"].as_u64(), Some(head.size));
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= usize::try_from(limit).unwrap());
        all.extend(items.iter().map(|entry| proven(entry, &head)));
        let next = page["next_after"].as_u64().unwrap();
        if next == head.size {
            return all;
        }
        let more = format!("&after={next}&size={}", head.size);
        page = world.get(key, &path(&more)).await.expect(200);
    }
}

/// The positions that an auditor counts who has the whole log.
fn census(world: &World, id: &str) -> Vec<u64> {
    let mut census = Census::of(id).unwrap();
    let log = world.platform.log();
    log.scan(0, log.size(), |row| census.feed(&row.leaf)).unwrap();
    census.finish()
}

async fn use_endpoint(world: &World, tenant: &Tenant, sequence: u64) {
    let command = usage::Command::RecordTokens {
        gateway: Id::from_bytes([9; 16]),
        sequence,
        key: tenant.spare_key.parse().unwrap(),
        endpoint: tenant.endpoint.parse().unwrap(),
        minute: UnixMicros(60_000_000),
        requests: 3,
        errors: 0,
        tokens_in: Tokens(1_000),
        tokens_out: Tokens(500),
        estimated: false,
        answers: None,
    };
    let submission = Submission::new(kernel::Command::Usage(command));
    world.platform.submit(Actor::Gateway, submission).await.unwrap();
}

/// Two tenants with everything that a tenant can have, and what is gone again.
async fn two_tenants(world: &World) -> [Tenant; 2] {
    let tenants = [tenant(world, "acme").await, tenant(world, "rival").await];
    for (n, tenant) in (1..).zip(&tenants) {
        use_endpoint(world, tenant, n).await;
        // What is removed from the state still belongs to whoever had it.
        let paths = [
            ("POST", format!("/api/v1/reservations/{}/cancel", tenant.reservation)),
            ("DELETE", format!("/api/v1/quotas/{}", tenant.quota)),
            ("DELETE", format!("/api/v1/keys/{}", tenant.spare_key)),
        ];
        for (method, path) in paths {
            world.call(&world.operator, method, &path, Value::Null).await.expect(200);
        }
    }
    tenants
}

#[tokio::test]
async fn a_tenant_exports_exactly_its_own_entries() {
    let world = World::with_machine().await;
    let tenants = two_tenants(&world).await;
    let mut seen: Vec<BTreeSet<u64>> = Vec::new();
    let mut keys = Vec::new();
    for (tenant, name) in tenants.iter().zip(["acme", "rival"]) {
        let key = world.key("administrator", ("organisation", name)).await;
        let whole = export(&world, &key, &format!("organisation={name}"), 500).await;
        let indices: Vec<u64> = whole.iter().map(|entry| entry.index).collect();
        // None missing and none of another: what a fold of the whole log counts.
        assert_eq!(indices, census(&world, &tenant.organisation), "{name}");
        let small = export(&world, &key, &format!("organisation={name}"), 3).await;
        assert_eq!(small.iter().map(|entry| entry.index).collect::<Vec<_>>(), indices);
        let part = export(&world, &key, &format!("project={name}/lab"), 500).await;
        let part: Vec<u64> = part.iter().map(|entry| entry.index).collect();
        assert_eq!(part, census(&world, &tenant.project), "{name}/lab");
        assert!(part.len() < indices.len() && part.len() > 10);
        let text = |entry: &Shown| String::from_utf8(entry.leaf.clone()).unwrap();
        let kinds = ["cancelled", "deleted", "revoked", "tokens", "submitted", "refused"];
        let all: String = whole.iter().map(text).collect();
        for kind in &kinds[..5] {
            assert!(all.contains(kind), "{name} has no entry `{kind}`");
        }
        seen.push(indices.into_iter().collect());
        keys.push(key);
    }
    assert!(seen[0].is_disjoint(&seen[1]));
    // No entry names an id of the other tenant.
    let pairs = [(&tenants[0], &tenants[1]), (&tenants[1], &tenants[0])];
    for ((tenant, other), key) in pairs.into_iter().zip(&keys) {
        let foreign = [
            &other.organisation,
            &other.project,
            &other.workload,
            &other.dataset,
            &other.model,
            &other.endpoint,
            &other.budget,
            &other.quota,
            &other.reservation,
            &other.spare_key,
        ];
        let project = format!("project={}", tenant.project);
        for entry in export(&world, key, &project, 500).await {
            let leaf = String::from_utf8(entry.leaf).unwrap();
            let leaked = foreign.iter().find(|id| leaf.contains(id.as_str()));
            assert_eq!(leaked, None, "entry {}: {leaf}", entry.index);
        }
    }
}

#[tokio::test]
async fn nobody_exports_what_is_anothers() {
    let world = World::with_machine().await;
    let tenants = two_tenants(&world).await;
    let stranger = world.key("administrator", ("organisation", "rival")).await;
    let viewer = world.key("viewer", ("project", "acme/lab")).await;
    for whose in ["organisation=acme", "project=acme/lab", "organisation=nobody"] {
        let path = format!("/api/v1/entries?{whose}");
        assert_eq!(world.get(&stranger, &path).await.expect(404)["code"], "not-found", "{whose}");
    }
    let ids = format!("/api/v1/entries?project={}", tenants[0].project);
    world.get(&stranger, &ids).await.expect(404);
    world.get(&viewer, "/api/v1/entries?project=acme/lab").await.expect(403);
    for wrong in [
        "",
        "?organisation=acme&project=acme/lab",
        "?project=acme/lab&limit=0",
        "?project=acme/lab&size=999999",
        "?organisation=acme&limit=501",
    ] {
        let path = format!("/api/v1/entries{wrong}");
        assert_eq!(world.get(&world.operator, &path).await.status, 400, "{wrong}");
    }
    // The proof of an entry that is another's answers as one that is not there.
    let own = census(&world, &tenants[0].project);
    for index in own.iter().take(5) {
        let path = format!("/log/proof/{index}");
        assert_eq!(world.get(&stranger, &path).await.status, 404, "{index}");
    }
    let missing = world.get(&stranger, "/log/proof/999999").await;
    let hidden = world.get(&stranger, &format!("/log/proof/{}", own[0])).await;
    assert_eq!((missing.status, hidden.status), (404, 404));
}

#[tokio::test]
async fn own_entries_are_followed_with_their_proofs() {
    let world = World::with_machine().await;
    two_tenants(&world).await;
    let key = world.key("administrator", ("organisation", "acme")).await;
    let follow = |after: u64| {
        let path = format!("/api/v1/entries?project=acme/lab&after={after}");
        let mut request = request(&key, "GET", &path, Value::Null);
        request.headers_mut().insert("accept", HeaderValue::from_static("text/event-stream"));
        request
    };
    let mut body = world.send(follow(world.platform.read_size())).await.into_body();
    world.make("/api/v1/models", json!({ "project": "rival/lab", "name": "theirs" })).await;
    world.make("/api/v1/models", json!({ "project": "acme/lab", "name": "ours" })).await;
    let frame = tokio::time::timeout(Duration::from_secs(20), body.frame()).await.unwrap();
    let data = frame.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8(data.to_vec()).unwrap();
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let streamed: Value = serde_json::from_str(data).unwrap();
    let verifier = world.platform.log().verifier();
    let note = streamed["checkpoint"].as_str().unwrap();
    let head = Checkpoint::open(note.as_bytes(), &verifier, verifier.name()).unwrap().head();
    let entry = proven(&streamed["entry"], &head);
    let leaf = String::from_utf8(entry.leaf).unwrap();
    assert!(leaf.contains("ours") && !text.contains("theirs"), "{leaf}");
    assert!(text.contains(&format!("id: {}\n", entry.index)));
}

#[tokio::test]
async fn anything_in_the_log_has_a_receipt_that_verifies_offline() {
    let world = World::with_machine().await;
    let [acme, _] = two_tenants(&world).await;
    use_endpoint(&world, &acme, 3).await;
    let key = world.key("viewer", ("project", "acme/lab")).await;
    let verifier = world.platform.log().verifier();
    let verify = |bytes: &[u8]| audit::verify_proof(bytes, &verifier, &Quorum::default()).unwrap();
    let month = {
        let at = world.platform.read(|state| state.last_at);
        api::text::Timestamp(at).to_string()[..7].to_owned()
    };
    let invoice = format!("/api/v1/receipts/{}?month={month}", acme.project);
    for (path, at_least, part) in [
        (format!("/api/v1/receipts/{}", acme.workload), 1, "submitted"),
        (format!("/api/v1/receipts/{}", acme.dataset), 2, "version_added"),
        (format!("/api/v1/receipts/{}", acme.reservation), 1, "reservation"),
        (invoice, 2, "tokens_in"),
    ] {
        let proven = verify(&world.get(&key, &path).await.bytes);
        assert!(proven.entries.len() >= at_least, "{path}: {}", proven.entries.len());
        let all: Vec<u8> = proven.entries.iter().flat_map(|entry| entry.leaf.clone()).collect();
        assert!(String::from_utf8(all).unwrap().contains(part), "{path}");
    }
    // A metered minute of inference by its position, as other people's tools read it.
    let mut metered = None;
    world
        .platform
        .log()
        .scan(0, world.platform.read_size(), |row| {
            let is_own = String::from_utf8_lossy(&row.leaf).contains(&acme.project);
            if row.kind == "usage.tokens" && is_own {
                metered = Some(row.seq);
            }
        })
        .unwrap();
    let answer = world.get(&key, &format!("/log/proof/{}", metered.unwrap())).await;
    let text = answer.text();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{text}");
    let proven = verify(&answer.bytes);
    assert_eq!(proven.entries[0].index, metered.unwrap());
    // What is another's, or nothing, has none; nor is anything final without witnesses.
    let stranger = world.key("administrator", ("organisation", "rival")).await;
    for path in [
        format!("/api/v1/receipts/{}", acme.workload),
        format!("/api/v1/receipts/{}", acme.dataset),
        format!("/api/v1/receipts/{}?month={month}", acme.project),
        "/api/v1/receipts/nothing".to_owned(),
        format!("/api/v1/receipts/{}", "x".repeat(200)),
    ] {
        assert_eq!(world.get(&stranger, &path).await.status, 404, "{path}");
    }
    world.get(&key, "/log/checkpoint/final").await.expect(404);
    for path in [format!("/api/v1/receipts/{}", acme.workload), "/log/proof/1".to_owned()] {
        // Said at once: nobody is kept waiting for what cannot come.
        world.get(&world.operator, &format!("{path}?wait_final=true")).await.expect(409);
    }
    let status = world.get("", "/log/status").await.expect(200);
    assert_eq!((status["quorum"].as_u64(), status["final_size"].as_u64()), (Some(0), None));
}
