//! A job that runs, as an engine reports it, and the bill that follows.

use std::{sync::Arc, time::Duration};

use api::engine::{AttemptReport, AttemptUsage, Energy, Phase};
use serde_json::Value;
use server::planner;
use units::{MilliJoule, UnixMicros};

use crate::world::{Tenant, World, tenant};

/// A scheduler that has not placed a job within this time is broken.
const DEADLINE: Duration = Duration::from_secs(20);

/// Runs the tenant's job until it has used 90 core-seconds and 1 kJ, and ends well.
pub(crate) async fn run_job(world: &World, acme: &Tenant) {
    let planner = tokio::spawn(planner::run(Arc::clone(&world.platform)));
    let id = acme.workload.parse().unwrap();
    let mut changes = world.platform.watch();
    let placed = async {
        loop {
            changes.borrow_and_update();
            let generation = world.platform.read(|state| {
                let workload = &state.workloads[&id];
                workload.holds_nodes().then_some(workload.generation)
            });
            if let Some(generation) = generation {
                return generation;
            }
            changes.changed().await.unwrap();
        }
    };
    let generation = tokio::time::timeout(DEADLINE, placed).await.expect("it was not placed");
    planner.abort();
    let report = |phase, cpu_micros, millijoule| AttemptReport {
        workload: id,
        attempt: 1,
        rank: 0,
        generation,
        phase,
        usage: AttemptUsage {
            cpu_micros,
            energy: Some(Energy {
                energy: MilliJoule(millijoule),
                measured: true,
                source: "RAPL package-0".to_owned(),
            }),
            ..AttemptUsage::default()
        },
        observed_at: UnixMicros(0),
    };
    world.platform.report(&report(Phase::Running, 33_333_333, 400_000)).await.unwrap();
    let exited = Phase::Exited { code: Some(0), signal: None, reason: None };
    world.platform.report(&report(exited, 90_000_000, 1_000_000)).await.unwrap();
}

fn sum(lines: &Value) -> i64 {
    let lines = lines.as_array().unwrap().iter();
    lines.map(|line| line["amount_microeuro"].as_i64().unwrap()).sum()
}

#[tokio::test]
async fn every_view_of_the_bill_has_the_same_sum() {
    let world = World::with_machine().await;
    let acme = tenant(&world, "acme").await;
    run_job(&world, &acme).await;
    let path = format!("/api/v1/workloads/{}", acme.workload);
    let workload = world.get(&world.operator, &path).await.expect(200);
    assert_eq!((&workload["state"], &workload["exit_code"]), (&"succeeded".into(), &0.into()));
    // 90 of 3,600 core-seconds at 0.04 EUR.
    assert_eq!(workload["cost_microeuro"], 1_000);
    for by in ["sku", "workload", "endpoint"] {
        let path = format!("/api/v1/costs?project=acme/lab&by={by}");
        let costs = world.get(&world.operator, &path).await.expect(200);
        assert_eq!(costs["total_microeuro"], 1_000, "{by}: {costs}");
        assert_eq!(sum(&costs["lines"]), 1_000, "{by}: {costs}");
        assert_eq!(
            (&costs["energy_mj"], &costs["energy_basis"]),
            (&1_000_000.into(), &"measured".into())
        );
        assert_eq!(costs["energy_source"], "RAPL package-0");
    }
    let draft = world.get(&world.operator, "/api/v1/invoices/draft?project=acme/lab").await;
    let draft = draft.expect(200);
    assert_eq!((sum(&draft["lines"]), &draft["total_microeuro"]), (1_000, &1_000.into()));
    let why = world.get(&world.operator, &format!("{path}/explain")).await.expect(200);
    assert!(why["evidence"].to_string().contains("paris"), "{why}");
}
