//! Crash safety of the real binary: seeded SIGKILLs under load. Every acknowledged command is
//! there afterwards, and the state is what a replay of the log gives.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use api::{
    client::{Client, Options},
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        dataset::{DatasetCreate, DatasetGet, DatasetNew, DatasetOrigin},
        organisation::{OrganisationCreate, OrganisationNew},
        project::{ProjectCreate, ProjectNew},
    },
};
use units::{DataClass, Id, kinds};

use crate::server::Server;

/// Kills in a usual run; `SLOW_TESTS=1` makes the 200 of the release check.
const N_KILLS: u64 = 12;
const N_KILLS_SLOW: u64 = 200;
const N_CALLERS: u64 = 8;

/// splitmix64, so that a seed names a run.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn load(
    client: &Client,
    round: u64,
    caller: u64,
    stop: &AtomicBool,
) -> Vec<(Id<kinds::Dataset>, DatasetNew)> {
    let mut acknowledged = Vec::new();
    for number in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let new = DatasetNew {
            project: "bank/risk".parse().unwrap(),
            name: format!("d-{round}-{caller}-{number}").parse().unwrap(),
            class: DataClass::Public,
            origin: DatasetOrigin::Given,
        };
        let options = Options {
            idempotency_key: Some(format!("{round}-{caller}-{number}")),
            ..Options::default()
        };
        match client.call::<DatasetCreate>(&Nothing {}, &Nothing {}, &new, &options) {
            Ok(created) => acknowledged.push((created.id, new)),
            Err(_) => break,
        }
    }
    acknowledged
}

#[test]
fn nothing_acknowledged_is_lost_over_seeded_kills() {
    let n_kills = if std::env::var_os("SLOW_TESTS").is_some() { N_KILLS_SLOW } else { N_KILLS };
    let folder = tempfile::tempdir().unwrap();
    let (data, scratch): (PathBuf, PathBuf) = (folder.path().join("data"), folder.path().join("s"));
    std::fs::create_dir_all(&scratch).unwrap();
    let mut server = Server::start(&data, &scratch);
    let client = server.client();
    let organisation =
        OrganisationNew { name: "bank".parse().unwrap(), currency: Default::default() };
    let options = Options::default();
    client.call::<OrganisationCreate>(&Nothing {}, &Nothing {}, &organisation, &options).unwrap();
    let project =
        ProjectNew { organisation: "bank".parse().unwrap(), name: "risk".parse().unwrap() };
    client.call::<ProjectCreate>(&Nothing {}, &Nothing {}, &project, &options).unwrap();

    let mut seed = 20_261_122_u64;
    let mut n_acknowledged = 0_usize;
    for round in 0..n_kills {
        let stop = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..N_CALLERS)
            .map(|caller| {
                let (client, stop) = (server.client(), Arc::clone(&stop));
                thread::spawn(move || load(&client, round, caller, &stop))
            })
            .collect();
        // The kill itself is the test: it must fall anywhere, so the time is drawn, not awaited.
        thread::sleep(Duration::from_millis(10 + next(&mut seed) % 300));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        let acknowledged: Vec<_> =
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect();
        n_acknowledged += acknowledged.len();
        server = Server::start(&data, &scratch);
        let client = server.client();
        for (id, new) in &acknowledged {
            let found = client.get::<DatasetGet>(&IdPath { id: *id }, &Nothing {});
            let found =
                found.unwrap_or_else(|error| panic!("round {round}: {id} is lost: {error}"));
            assert_eq!(found.name, new.name, "round {round}");
        }
        // A repeated command answers as the first one did, also over the restart.
        if let Some((id, new)) = acknowledged.last() {
            let key = new.name.as_str().trim_start_matches("d-").to_owned();
            let options = Options { idempotency_key: Some(key), ..Options::default() };
            let again =
                client.call::<DatasetCreate>(&Nothing {}, &Nothing {}, new, &options).unwrap();
            assert_eq!(again.id, *id, "round {round}");
        }
    }
    server.kill();
    assert!(n_acknowledged > 0, "no command was acknowledged: the load did not work");
    let report = store::audit::verify(&data, &store::audit::Options::default()).unwrap();
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!(store::audit::replay(&data).unwrap().state_hash, report.state_hash);
    println!(
        "{n_kills} kills, {n_acknowledged} acknowledged commands, all present; {} entries",
        report.entries
    );
}
