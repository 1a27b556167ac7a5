//! The environment of a workload: minimal, complete, and the same on every machine.
//!
//! Nothing of the platform's own environment is passed on: it may hold secrets.

use std::{collections::BTreeMap, path::Path};

use api::engine::Launch;

use crate::engine::AttemptKey;

/// Where programs are looked for after the platform's own folder.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Ports for gangs whose platform names none: below Linux's range for outgoing connections (32,768).
const MASTER_PORT_FIRST: u64 = 20_000;
/// How many.
const N_MASTER_PORTS: u64 = 12_000;

/// What the engine has chosen for an attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choices<'a> {
    /// The working folder as the workload sees it.
    pub(super) work: &'a Path,
    /// The folder of the platform's program, for plain processes.
    pub(super) program_dir: Option<&'a Path>,
    /// The port of a service.
    pub(super) port: Option<u16>,
    /// UUIDs of the GPUs.
    pub(super) gpus: &'a [String],
}

/// The complete environment.
pub(super) fn environment(
    key: AttemptKey,
    launch: &Launch,
    choices: Choices<'_>,
) -> BTreeMap<String, String> {
    let below = |name: &str| choices.work.join(name).display().to_string();
    let path = match choices.program_dir {
        Some(folder) => format!("{}:{PATH}", folder.display()),
        None => PATH.to_owned(),
    };
    // What the workload's own environment may replace …
    let mut variables: BTreeMap<String, String> = [
        ("PATH", path),
        ("HOME", choices.work.display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TMPDIR", below("tmp")),
        ("MASTER_ADDR", "127.0.0.1".to_owned()),
        ("MASTER_PORT", master_port(key).to_string()),
        ("COCARDE_CHECKPOINT", below("checkpoint")),
        // Without GPUs, libraries are told so; the sandbox closes the devices too.
        ("CUDA_VISIBLE_DEVICES", choices.gpus.join(",")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    variables.extend(launch.environment.clone());
    // … and what it may not.
    let fixed = [
        ("NODE_RANK", key.rank.to_string()),
        ("NNODES", launch.n_ranks.to_string()),
        // One process a node starts here; it may start more and then sets these for them.
        ("WORLD_SIZE", launch.n_ranks.to_string()),
        ("LOCAL_RANK", "0".to_owned()),
        ("COCARDE_WORKLOAD", key.workload.to_string()),
        ("COCARDE_ATTEMPT", key.attempt.to_string()),
        ("COCARDE_OUT", below("out")),
    ];
    variables.extend(fixed.map(|(name, value)| (name.to_owned(), value)));
    if let Some(port) = choices.port {
        variables.insert("PORT".to_owned(), port.to_string());
    }
    variables
}

/// The variables by which a process of an attempt is recognised.
pub(super) fn markers(key: AttemptKey) -> [String; 3] {
    [
        format!("COCARDE_WORKLOAD={}", key.workload),
        format!("COCARDE_ATTEMPT={}", key.attempt),
        format!("NODE_RANK={}", key.rank),
    ]
}

/// A port that all ranks of an attempt derive alike without talking (FNV-1a of id and attempt).
fn master_port(key: AttemptKey) -> u64 {
    let bytes = key.workload.as_bytes().iter().copied().chain(key.attempt.to_be_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    MASTER_PORT_FIRST + hash % N_MASTER_PORTS
}
