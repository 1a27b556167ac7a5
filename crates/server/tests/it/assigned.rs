//! What an engine of many nodes asks for: what was assigned since it last looked.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn what_was_placed_since_is_told_and_nothing_older() {
    let world = World::with_machine().await;
    let platform = Arc::clone(&world.platform);
    world.make("/api/v1/organisations", json!({ "name": "acme" })).await;
    world.make("/api/v1/projects", json!({ "organisation": "acme", "name": "lab" })).await;
    let before = platform.read_size();
    let job = json!({
        "type": "batch", "name": "first", "project": "acme/lab", "run": "true",
        "resources": { "cpu": 0.1, "memory": "16MiB" },
    });
    let made = world.make("/api/v1/workloads", job).await;
    assert!(platform.assigned_since(before).ranks.is_empty(), "nothing is placed yet");
    let planner = tokio::spawn(server::planner::run(Arc::clone(&platform)));
    let wait = async {
        let mut changes = platform.watch();
        while platform.assigned_since(before).ranks.is_empty() {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.unwrap();
    planner.abort();
    let told = platform.assigned_since(before);
    let [rank] = told.ranks.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (rank.workload.to_string().as_str(), rank.name.as_str()),
        (made["id"].as_str().unwrap(), "first")
    );
    assert_eq!((rank.attempt, rank.rank, told.size), (1, 0, platform.read_size()));
    assert!(platform.assigned_since(told.size).ranks.is_empty(), "it was told already");
}
