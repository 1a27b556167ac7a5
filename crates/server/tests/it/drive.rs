//! How each endpoint is asked: the path, the query and the body that name what a tenant has.
//!
//! One place for the matrix of rights and for the test that tenants do not meet, so that a new
//! endpoint is in both.

use api::operation::Operation;
use serde_json::{Value, json};

use crate::world::{Tenant, in_hours, job};

/// The path of an operation on what a tenant has.
pub(crate) fn path_of(operation: &Operation, tenant: &Tenant, world: &Ids) -> String {
    let noun = operation.path.split('/').nth(3).unwrap_or_default();
    let id = match noun {
        "organisations" => &tenant.organisation,
        "projects" => &tenant.project,
        "keys" => &tenant.spare_key,
        "policies" => &tenant.policy,
        "sites" => &world.site,
        "entities" => &world.entity,
        "storages" => &world.storage,
        "nodes" => &world.node,
        "users" => &tenant.user,
        "groups" => &tenant.group,
        "service-accounts" => &tenant.service_account,
        "roles" => &tenant.role,
        "bindings" => &tenant.binding,
        "identity-providers" => &tenant.identity_provider,
        "upstreams" => &tenant.upstream,
        "consents" => &tenant.consent,
        "budgets" => &tenant.budget,
        "quotas" => &tenant.quota,
        "rate-limits" => &tenant.rate_limit,
        "erasures" => &tenant.erasure,
        "courses" => &tenant.course,
        "reservations" => &tenant.reservation,
        "power-budgets" => &world.budget,
        "power-figures" => &world.figures,
        "evidence" => &world.evidence,
        "datasets" => &tenant.dataset,
        "models" => &tenant.model,
        "endpoints" => &tenant.endpoint,
        "blobs" => &tenant.blob,
        "manifests" => &tenant.manifest,
        _ => &tenant.workload,
    };
    // A key that was revoked a moment ago gets no new secret.
    let id = if operation.id == "key_rotate" { &tenant.lasting_key } else { id };
    let path = operation.path.replace("{id}", id).replace("{digest}", id);
    let path = path.replace("{user}", &tenant.user);
    let path = path.replace("{number}", "1").replace("{slug}", "not-found");
    let path = path.replace("{measure}", "carbon");
    let path = path.replace("{*path}", "0/000.p/1");
    let path = path.replace("{index}", "0");
    match operation.id {
        "policy_explain" => format!("{path}?project={}", tenant.project),
        "residency_get" => format!("{path}?scope={}", tenant.project),
        "entry_list" => format!("{path}?project={}", tenant.project),
        "cost_get" | "invoice_draft_get" | "inference_get" | "inference_metrics_get" => {
            format!("{path}?project={}", tenant.project)
        }
        _ => path,
    }
}

/// Ids that belong to no tenant.
pub(crate) struct Ids {
    pub(crate) site: String,
    pub(crate) entity: String,
    pub(crate) storage: String,
    pub(crate) node: String,
    pub(crate) budget: String,
    pub(crate) figures: String,
    pub(crate) evidence: String,
}

/// The body of an operation on what a tenant of this name has.
pub(crate) fn body_of(operation: &Operation, tenant: &Tenant, name: &str) -> Value {
    let project = &format!("{name}/lab");
    match operation.id {
        "organisation_create" => json!({ "name": "new" }),
        "sign_in_device_create" => json!({ "provider": "https://unknown.test" }),
        "sign_in_device_poll" => json!({ "handle": "unknown" }),
        "identity_provider_create" => json!({ "organisation": name, "name": "new", "config": {
            "issuer": "https://sso.test", "client_id": "x",
        }}),
        "identity_provider_replace" => json!({ "issuer": "https://sso.test", "client_id": "y" }),
        "password_set" => json!({ "user_name": "x", "password": "fifteen characters" }),
        "capability_revoke" => json!({ "token": "ccc_x" }),
        "session_create" => json!({ "user": "nobody", "password": "wrong" }),
        "guardrails_set" => json!({ "guardrails": [] }),
        "capture_set" => json!({ "dataset": "asked", "permille": 50, "keep_days": 30 }),
        "project_create" => json!({ "organisation": name, "name": "new" }),
        "key_create" => json!({ "name": "new", "role": "viewer", "project": project }),
        "policy_set" => json!({ "scope": name, "name": "new", "text": "" }),
        "site_create" => json!({
            "name": "new", "country": "FR", "operator": "x", "operator_country": "FR",
            "pue_milli": 1_000, "carbon_g_per_kwh": 1, "carbon_source": "x",
            "operator_entity": "local-operator", "owner_entity": "local-operator",
        }),
        "node_create" => json!({
            "site": "paris", "name": "new", "cpu_milli": 1_000, "memory_bytes": 1, "gpus": 0,
        }),
        "budget_create" => json!({ "project": project, "name": "new", "limit": "1 EUR" }),
        "budget_set" => json!({ "limit": "20 EUR" }),
        "quota_set" => json!({ "project": project, "class": "H200", "nominal_milli": 2_000 }),
        "rate_limit_set" => json!({ "project": project, "requests_per_minute": 60 }),
        "reservation_create" => json!({
            "name": "new", "project": project, "site": "paris", "count": 1, "until": in_hours(1_001),
            "from": in_hours(1_000),
        }),
        "power_budget_set" => json!({ "site": "paris", "rack": "r9", "allowed_w": 90_000 }),
        "power_figures_set" => json!({
            "class": "H200", "host_idle_w": 1, "host_busy_w": 2, "gpu_peak_w": 3,
        }),
        "energy_series_set" => json!({
            "start": "2027-03-01T00:00:00Z", "step_s": 3_600, "values": [1, 2], "source": "x",
        }),
        "price_set" => json!({ "lines": [] }),
        "manifest_create" => json!({ "files": [
            { "path": "a", "digest": tenant.blob, "size_bytes": 7 }
        ] }),
        "organisation_import" => Value::Null,
        "organisation_training" => json!({ "allowed": true }),
        "erasure_create" => json!({ "target": { "dataset": tenant.dataset } }),
        "dataset_create" => json!({ "project": project, "name": "new", "class": "public" }),
        "dataset_version_create" | "model_version_create" => json!({ "manifest": tenant.manifest }),
        "model_create" => json!({ "project": project, "name": "new" }),
        "evaluation_create" => json!({
            "metric": "exact_match", "correct": 1, "total": 2, "dataset": "lab/corpus@v1",
        }),
        "workload_create" | "workload_plan" => job(project),
        "node_suspect" | "node_cordon" | "node_drain" | "workload_stop" => json!({}),
        _ => serving_body(operation, tenant, name),
    }
}

fn serving_body(operation: &Operation, tenant: &Tenant, name: &str) -> Value {
    let project = &format!("{name}/lab");
    match operation.id {
        "upstream_create" => {
            json!({ "project": project, "name": "new", "site": "paris", "config": {
                "url": "https://models.test/v1", "model": "m",
            }})
        }
        "upstream_replace" => json!({ "url": "https://models.test/v1", "model": "n" }),
        "endpoint_route" => json!({ "backends": [{ "upstream": tenant.upstream }] }),
        "endpoint_create" => {
            json!({ "project": project, "name": "new", "model": "lab/words@v1" })
        }
        "endpoint_scale" => json!({ "replicas_min": 0, "replicas_max": 2, "target_tokens": 4_000 }),
        "endpoint_update" => json!({ "model": "lab/words@v1" }),
        _ => sovereign_body(operation, tenant, name),
    }
}

fn sovereign_body(operation: &Operation, tenant: &Tenant, name: &str) -> Value {
    match operation.id {
        "entity_create" => json!({
            "name": "new", "facts": { "legal_name": "New SA", "seat": "FR" },
        }),
        "policy_check" => json!({ "text": "" }),
        "evidence_record" => json!({
            "criterion": "csf.sov-1.seal-2.2", "kind": "declared", "issuer": "local-operator",
            "document": tenant.blob,
        }),
        "policy_test" => json!({ "scope": name, "cases": [{
            "name": "one", "action": "place", "class": "internal",
            "site": { "name": "x", "country": "FR", "operator_country": "FR" },
        }] }),
        "policy_diff" => json!({ "scope": name, "text": "" }),
        "entity_put" => json!({ "legal_name": "New SA", "seat": "FR" }),
        "site_entities_set" => json!({
            "operator_entity": "local-operator", "owner_entity": "local-operator",
        }),
        "storage_create" => json!({ "name": "new", "purpose": "replica", "site": "paris" }),
        "residency_set" => json!({ "scope": name, "rules": [
            { "category": "customer", "operation": "store", "countries": ["FR"] }
        ] }),
        _ => identity_body(operation, tenant, name),
    }
}

fn identity_body(operation: &Operation, tenant: &Tenant, name: &str) -> Value {
    let project = &format!("{name}/lab");
    match operation.id {
        "key_rotate" => json!({ "overlap_seconds": 60 }),
        "user_create" => json!({ "organisation": name, "name": "Zoë", "email": "zoe@example.org" }),
        "user_replace" => json!({ "name": "Ada B." }),
        "group_create" => json!({ "organisation": name, "name": "new" }),
        "group_member_add" => json!({ "user": tenant.user }),
        "service_account_create" => json!({
            "project": project, "name": "new", "owner": tenant.user, "expires_in_seconds": 3_600,
        }),
        "service_account_renew" => json!({ "expires_in_seconds": 7_200 }),
        "service_account_assign" => json!({ "owner": tenant.user }),
        "role_create" => {
            json!({ "organisation": name, "name": "new", "permissions": ["workload_get"] })
        }
        "role_set" => json!({ "permissions": ["read"] }),
        "binding_create" => json!({ "role": "inference", "user": tenant.user, "scope": project }),
        "user_suspend" | "user_resume" => json!({}),
        "consent_create" => json!({
            "scope": project, "users": [tenant.support], "level": "read",
            "expires_in_seconds": 3_600,
        }),
        _ => body_of_leaving(operation, tenant, name),
    }
}

/// Courses, and what leaves or must go.
fn body_of_leaving(operation: &Operation, tenant: &Tenant, name: &str) -> Value {
    match operation.id {
        "organisation_training" => json!({ "allowed": true }),
        "erasure_create" => json!({ "target": { "dataset": tenant.dataset } }),
        "course_create" => {
            json!({ "organisation": name, "name": "another", "ends_at": in_hours(2_000) })
        }
        "course_enrol" => json!({ "people": [{ "email": "new@example.org" }] }),
        _ => Value::Null,
    }
}
