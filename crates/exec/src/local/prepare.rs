//! Making an attempt's folder: everything before the first process. `launch.json` is written last
//! and is the commit point: a folder without it has never started anything.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use api::engine::DesiredProcess;

use super::{
    Inner,
    env::{Choices, environment},
    inputs::{self, Places},
    work_dir,
};
use crate::{
    container,
    engine::AttemptKey,
    files::{self, Durability},
    spec::{AttemptDir, LaunchSpec},
};

/// Signals that a workload may ask to be stopped with.
const STOP_SIGNALS: [&str; 4] = ["TERM", "INT", "USR1", "USR2"];
/// Tries to find a port that no other attempt here has.
const PORT_TRIES_MAX: u32 = 32;
/// Largest script, in bytes.
const SCRIPT_BYTES_MAX: usize = 1 << 20;

/// Writes all files of an attempt; the error is for the user.
pub(super) fn prepare(
    inner: &Inner,
    process: &DesiredProcess,
    gpus: &[u32],
) -> Result<LaunchSpec, String> {
    check(process)?;
    let key = AttemptKey::from(process);
    let config = &inner.config;
    let dir = AttemptDir::of(&config.state_dir, key);
    let home = AttemptDir::workload_dir(&config.state_dir, key);
    let work = work_dir(&config.state_dir, key);
    let inputs = home.join("inputs");
    for folder in [&dir.0, &inputs, &work.join("out"), &work.join("tmp"), &work.join("checkpoint")]
    {
        make_folder(folder)?;
    }
    let places = Places { home: &home, inputs: &inputs, work: &work };
    inputs::materialise(&process.launch.inputs, places, &*config.artefacts)?;
    let port = if process.launch.service { Some(free_port(inner)?) } else { None };
    let uuids: Vec<String> = gpus
        .iter()
        .filter_map(|index| inner.gpus.get(usize::try_from(*index).ok()?))
        .map(|gpu| gpu.uuid.clone())
        .collect();
    let choices = match process.launch.image {
        Some(_) => {
            Choices { work: Path::new(container::WORK), program_dir: None, port, gpus: &uuids }
        }
        None => Choices { work: &work, program_dir: config.program.parent(), port, gpus: &uuids },
    };
    let group = match process.launch.image {
        // The runtime makes its own.
        Some(_) => None,
        None => config.mechanism.group(&format!("{}-{}-{}", key.workload, key.rank, key.attempt)),
    };
    let spec = LaunchSpec {
        key,
        environment: environment(key, &process.launch, choices),
        launch: process.launch.clone(),
        program: config.program.clone(),
        launch_args: config.launch_args.clone(),
        work,
        inputs,
        state_dir: config.state_dir.clone(),
        port,
        gpus: gpus.to_vec(),
        group,
        read_paths: config.read_paths.clone(),
        container: config.containers.clone(),
        log: config.log,
        sample_interval_ms: config.sample_interval_ms,
        n_processes_max: config.n_processes_max,
        time_limit_grace: config.time_limit_grace,
        power: config.power,
    };
    commit(&dir, &spec).map_err(|error| format!("cannot write `{}`: {error}", dir.0.display()))?;
    Ok(spec)
}

fn commit(dir: &AttemptDir, spec: &LaunchSpec) -> io::Result<()> {
    fs::write(dir.script(), &spec.launch.script)?;
    files::write_json(&dir.launch(), spec, Durability::Synced)
}

fn check(process: &DesiredProcess) -> Result<(), String> {
    let launch = &process.launch;
    if !STOP_SIGNALS.contains(&launch.stop_signal.as_str()) {
        return Err(format!(
            "stop signal `{}` is not one of {}",
            launch.stop_signal,
            STOP_SIGNALS.join(", ")
        ));
    }
    if launch.script.len() > SCRIPT_BYTES_MAX {
        return Err(format!("the script is longer than {SCRIPT_BYTES_MAX} bytes"));
    }
    let bad = launch.environment.iter().find(|(name, value)| {
        name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
    });
    match bad {
        Some((name, _)) => Err(format!("environment variable `{name}` has a forbidden character")),
        None => Ok(()),
    }
}

/// Makes a folder that only the platform's user may enter.
fn make_folder(folder: &PathBuf) -> Result<(), String> {
    let said = |error: io::Error| format!("cannot make `{}`: {error}", folder.display());
    fs::create_dir_all(folder).map_err(said)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(said)
}

/// A loopback port that is free now and that no other attempt here was given. It is not held until
/// the workload binds it; a collision shows as a failure of the workload and is retried above.
fn free_port(inner: &Inner) -> Result<u16, String> {
    let given: Vec<u16> =
        inner.index().attempts.values().filter_map(|tracked| tracked.spec.as_ref()?.port).collect();
    for _ in 0..PORT_TRIES_MAX {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .map_err(|error| format!("no loopback port is free: {error}"))?;
        let port = listener
            .local_addr()
            .map_err(|error| format!("no loopback port is free: {error}"))?
            .port();
        if !given.contains(&port) {
            return Ok(port);
        }
    }
    Err("no loopback port is free".to_owned())
}
