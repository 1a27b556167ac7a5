//! Rate limits: who may set whose, and that nobody raises what was set from above.

use serde_json::{Value, json};

use crate::world::{World, tenant};

const PATH: &str = "/api/v1/rate-limits";

#[tokio::test]
async fn nobody_raises_a_limit_that_was_set_from_above() {
    let world = World::empty().await;
    let acme = tenant(&world, "acme").await;
    let admin = world.key("administrator", ("organisation", "acme")).await;
    let local = world.key("administrator", ("project", "acme/lab")).await;
    let own = |limit: u64| json!({ "organisation": "acme", "requests_per_minute": limit });
    let made = world.call(&world.operator, "POST", PATH, own(10)).await.expect(200);
    assert_eq!(made["requests_per_minute"], 10);
    assert_eq!(world.call(&admin, "POST", PATH, own(11)).await.status, 403);
    let project = |limit: u64| json!({ "project": "acme/lab", "tokens_per_minute": limit });
    let set = world.call(&admin, "POST", PATH, project(1_000)).await.expect(200);
    assert_eq!(set["id"], acme.rate_limit.as_str(), "the same owner");
    assert_eq!(world.call(&local, "POST", PATH, project(2_000)).await.status, 403);
    let one = format!("{PATH}/{}", acme.rate_limit);
    assert_eq!(world.call(&local, "DELETE", &one, Value::Null).await.status, 403);
    assert_eq!(world.get(&local, &one).await.expect(200)["tokens_per_minute"], 1_000);
    let key = json!({ "key": acme.lasting_key, "concurrent_max": 3 });
    let set = world.call(&local, "POST", PATH, key).await.expect(200);
    assert_eq!(set["key"], acme.lasting_key.as_str());
    let two = json!({ "key": acme.lasting_key, "project": "acme/lab", "concurrent_max": 3 });
    assert_eq!(world.call(&admin, "POST", PATH, two).await.status, 422);
    let listed = world.get(&local, PATH).await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "its own, not its organisation's");
    world.call(&admin, "DELETE", &one, Value::Null).await.expect(200);
    assert_eq!(world.get(&local, &one).await.status, 404);
}
