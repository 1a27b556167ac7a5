//! What the platform answers about files and batches of tenants: who may keep some, who a key is later, and what
//! seals whose.

use serde_json::Value;
use server::{CallRefused, ContentError};
use units::{DurationMicros, Id, kinds};

use crate::world::{World, tenant};

fn project(id: &str) -> Id<kinds::Project> {
    id.parse().unwrap()
}

#[tokio::test]
async fn who_may_ask_the_models_of_a_project_may_keep_its_files() {
    let world = World::with_machine().await;
    let (acme, rival) = (tenant(&world, "acme").await, tenant(&world, "rival").await);
    let (own, other) = (project(&acme.project), project(&rival.project));
    for (role, wanted) in [("inference", Ok(())), ("viewer", Err(CallRefused::Forbidden))] {
        let secret = world.key(role, ("project", &acme.project)).await;
        let key = world.platform.caller(&secret).unwrap().key;
        assert_eq!(world.platform.may_keep_content(key, own), wanted, "{role}");
        let there = world.platform.may_keep_content(key, other);
        assert_eq!(there, Err(CallRefused::Forbidden), "{role}: another's project");
    }
    // From its first administrator on a tenant is its own.
    world.key("administrator", ("organisation", "acme")).await;
    let operator = world.platform.caller(&world.operator).unwrap().key;
    let there = world.platform.may_keep_content(operator, own);
    assert_eq!(there, Err(CallRefused::Forbidden), "the platform's own staff may not");
}

#[tokio::test]
async fn a_key_is_somebody_until_it_is_revoked_or_its_time_is_over() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    let secret = world.key("inference", ("project", &acme.project)).await;
    let key = world.platform.caller(&secret).unwrap().key;
    let calling = world.platform.key_caller(key).unwrap();
    assert_eq!((calling.key, calling.project), (key, Some(project(&acme.project))));
    assert!(calling.carried.is_none());
    let administrator = world.key("administrator", ("organisation", "acme")).await;
    let path = format!("/api/v1/keys/{key}");
    world.call(&administrator, "DELETE", &path, Value::Null).await.expect(200);
    assert_eq!(world.platform.key_caller(key).unwrap_err(), CallRefused::InvalidKey);
    let body = serde_json::json!({
        "name": "short", "role": "inference", "project": acme.project,
        "expires_in_seconds": 3_600,
    });
    let made = world.make("/api/v1/keys", body).await;
    let short = world.platform.caller(made["secret"].as_str().unwrap()).unwrap().key;
    assert!(world.platform.key_caller(short).is_ok());
    world.platform.set_clock_ahead(DurationMicros(2 * 3_600 * 1_000_000));
    assert_eq!(world.platform.key_caller(short).unwrap_err(), CallRefused::InvalidKey);
}

#[tokio::test]
async fn content_opens_under_its_own_project_only() {
    let world = World::with_machine().await;
    let (acme, rival) = (tenant(&world, "acme").await, tenant(&world, "rival").await);
    let key = |id: &str| world.platform.content_key(project(id));
    let sealed = key(&acme.project).unwrap().seal("data 1 0", b"a prompt").unwrap();
    assert_eq!(key(&acme.project).unwrap().open("data 1 0", &sealed).unwrap(), b"a prompt");
    assert!(key(&rival.project).unwrap().open("data 1 0", &sealed).is_err());
    let nobody = world.platform.content_key(Id::from_bytes([7; 16]));
    assert!(matches!(nobody, Err(ContentError::Closed)), "{nobody:?}");
}
