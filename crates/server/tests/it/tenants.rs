//! A tenant that has one of everything, for tests of what others see of it.

use serde_json::{Value, json};

use crate::world::{World, digest, in_hours, job};

/// Ids of everything that a tenant can have.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tenant {
    pub(crate) organisation: String,
    pub(crate) project: String,
    pub(crate) budget: String,
    pub(crate) quota: String,
    pub(crate) rate_limit: String,
    pub(crate) reservation: String,
    pub(crate) policy: String,
    pub(crate) blob: String,
    pub(crate) manifest: String,
    pub(crate) dataset: String,
    pub(crate) model: String,
    pub(crate) workload: String,
    pub(crate) endpoint: String,
    pub(crate) spare_key: String,
    pub(crate) course: String,
    pub(crate) lasting_key: String,
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) service_account: String,
    pub(crate) role: String,
    pub(crate) binding: String,
    pub(crate) consent: String,
    /// Somebody of the platform.
    pub(crate) support: String,
    pub(crate) erasure: String,
    pub(crate) identity_provider: String,
    pub(crate) upstream: String,
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// A tenant `name` with a project `name/lab` and one of everything.
pub(crate) async fn tenant(world: &World, name: &str) -> Tenant {
    tenant_with(world, name, b"content").await
}

/// The same with content of its own.
pub(crate) async fn tenant_with(world: &World, name: &str, content: &[u8]) -> Tenant {
    let project = format!("{name}/lab");
    let organisation = id(&world.make("/api/v1/organisations", json!({ "name": name })).await);
    let mut tenant = Tenant { organisation, ..Tenant::default() };
    let new = json!({ "organisation": name, "name": "lab" });
    tenant.project = id(&world.make("/api/v1/projects", new).await);
    let new = json!({ "project": project, "name": "q1", "limit": "10 EUR" });
    tenant.budget = id(&world.make("/api/v1/budgets", new).await);
    let new = json!({ "organisation": name, "class": "H200", "nominal_milli": 8_000 });
    world.make("/api/v1/quotas", new).await;
    let new = json!({ "project": project, "class": "H200", "nominal_milli": 6_000 });
    tenant.quota = id(&world.make("/api/v1/quotas", new).await);
    let new = json!({ "project": project, "tokens_per_minute": 100_000_000 });
    tenant.rate_limit = id(&world.make("/api/v1/rate-limits", new).await);
    window(world, name, &mut tenant).await;
    let text = "@id(\"ok\") permit (principal, action, resource) when { context.class == Class::\"public\" };";
    let new = json!({ "scope": name, "name": "house", "text": text });
    tenant.policy = id(&world.make("/api/v1/policies", new).await);
    tenant.blob = digest(content).to_string();
    tenant.manifest = world.manifest("train.jsonl", content).await;
    artefacts(world, name, &mut tenant).await;
    let new = json!({ "name": "spare", "role": "viewer", "project": project });
    tenant.spare_key = id(&world.make("/api/v1/keys", new).await["key"]);
    let new = json!({ "organisation": name, "name": "course", "ends_at": in_hours(2_000) });
    tenant.course = id(&world.make("/api/v1/courses", new).await);
    let new = json!({ "name": "lasting", "role": "viewer", "project": project });
    tenant.lasting_key = id(&world.make("/api/v1/keys", new).await["key"]);
    people(world, name, &mut tenant).await;
    // In its notice, so it changes nothing yet.
    let new = json!({ "target": { "organisation": tenant.organisation } });
    tenant.erasure = id(&world.make("/api/v1/erasures", new).await);
    tenant
}

/// A reservation, where there is a node to reserve.
async fn window(world: &World, name: &str, tenant: &mut Tenant) {
    let project = format!("{name}/lab");
    // Each tenant's window follows those before it: there may be one node only.
    let before = world.get(&world.operator, "/api/v1/reservations").await.json();
    let day = 24 * (1 + i64::try_from(before["items"].as_array().unwrap().len()).unwrap());
    let new = json!({
        "name": format!("{name}-exam"), "project": project, "count": 1,
        "from": in_hours(day), "until": in_hours(day + 4),
    });
    let nodes = world.get(&world.operator, "/api/v1/nodes").await.json();
    if !nodes["items"].as_array().unwrap().is_empty() {
        tenant.reservation = id(&world.make("/api/v1/reservations", new).await);
    }
}

/// What is made of what: data, a model of it, and those who serve it.
async fn artefacts(world: &World, name: &str, tenant: &mut Tenant) {
    let project = format!("{name}/lab");
    let new = json!({ "project": project, "name": "corpus", "class": "internal" });
    tenant.dataset = id(&world.make("/api/v1/datasets", new).await);
    let version = json!({ "manifest": tenant.manifest });
    world.make(&format!("/api/v1/datasets/{}/versions", tenant.dataset), version).await;
    let new =
        json!({ "project": project, "name": "asked", "class": "internal", "origin": "captured" });
    world.make("/api/v1/datasets", new).await;
    let new = json!({ "project": project, "name": "words" });
    tenant.model = id(&world.make("/api/v1/models", new).await);
    let version = json!({
        "manifest": tenant.manifest,
        "lineage": { "dataset": "lab/corpus@v1", "software": "test 1" },
        "signature": "{\"a\":1}",
    });
    world.make(&format!("/api/v1/models/{}/versions", tenant.model), version).await;
    tenant.workload = id(&world.make("/api/v1/workloads", job(&project)).await);
    let new =
        json!({ "project": project, "name": format!("{name}-words"), "model": "lab/words@v1" });
    tenant.endpoint = id(&world.make("/api/v1/endpoints", new).await);
    let sites = world.get(&world.operator, "/api/v1/sites").await.json();
    if !sites["items"].as_array().unwrap().is_empty() {
        let config = json!({ "url": "https://models.test/v1", "model": "m" });
        let new = json!({ "project": project, "name": "other", "site": "paris", "config": config });
        tenant.upstream = id(&world.make("/api/v1/upstreams", new).await);
    }
}

/// One of each identity.
async fn people(world: &World, name: &str, tenant: &mut Tenant) {
    let project = format!("{name}/lab");
    let new = json!({ "organisation": name, "name": "Ada", "email": "ada@example.org" });
    tenant.user = id(&world.make("/api/v1/users", new).await);
    let new = json!({ "organisation": name, "name": "staff" });
    tenant.group = id(&world.make("/api/v1/groups", new).await);
    let new = json!({
        "project": project, "name": "ci", "owner": tenant.user, "expires_in_seconds": 86_400,
    });
    tenant.service_account = id(&world.make("/api/v1/service-accounts", new).await);
    let new = json!({ "organisation": name, "name": "runner", "permissions": ["study"] });
    tenant.role = id(&world.make("/api/v1/roles", new).await);
    let new = json!({ "role": "viewer", "user": tenant.user, "scope": project });
    tenant.binding = id(&world.make("/api/v1/bindings", new).await);
    let config = json!({ "issuer": "https://sso.test", "client_id": "x" });
    let new = json!({ "organisation": name, "name": "sso", "config": config });
    tenant.identity_provider = id(&world.make("/api/v1/identity-providers", new).await);
    tenant.support = id(&world.make("/api/v1/users", json!({ "name": "Sam" })).await);
    tenant.consent = format!("cns_{}", "0".repeat(26));
}
