//! The launcher: the last program of ours before the workload's own.
//!
//! The shim starts it as a child; it makes a session, joins the control group, sets limits, enters
//! the sandbox and becomes `sh -e script` by `exec`. Doing this in a program of its own, not between
//! fork and exec, needs no `unsafe`. Whatever it cannot do it writes to `launch-error` and ends:
//! a workload never runs with less protection than was found at start.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
};

use rustix::process::{Signal, getppid, set_parent_process_death_signal, setsid};

use crate::{
    cgroup::Controller,
    files, limits,
    sandbox::{self, Grants},
    spec::{AttemptDir, LaunchSpec, ShimRecord},
};

/// Becomes the workload of an attempt folder; returns only if that failed.
#[must_use]
pub fn run(folder: &Path) -> ExitCode {
    let dir = AttemptDir(folder.to_path_buf());
    // Opened before the sandbox closes the folder; it is not inherited by the workload.
    let report = File::create(dir.launch_error());
    let Err(message) = become_workload(&dir);
    if let Ok(mut report) = report {
        // If this fails too, the shim still sees that the launcher ended, with its exit code.
        let _ = report.write_all(message.as_bytes());
    }
    ExitCode::from(127)
}

/// Never returns `Ok`, because success replaces the process.
fn become_workload(dir: &AttemptDir) -> Result<std::convert::Infallible, String> {
    let spec: LaunchSpec = files::read_json(&dir.launch())
        .map_err(|error| format!("cannot read launch.json: {error}"))?
        .ok_or("launch.json is missing")?;
    follow_the_shim(dir)?;
    // A new session is a new process group too, which stop signals go to.
    setsid().map_err(|error| format!("cannot make a session: {error}"))?;
    if let Some(group) = &spec.group {
        group.join().map_err(|error| format!("cannot join the control group: {error}"))?;
    }
    let memory_by_group = spec.group.as_ref().is_some_and(|group| group.has(Controller::Memory));
    limits::restrict((!memory_by_group).then_some(spec.launch.memory), spec.n_processes_max)
        .map_err(|error| format!("cannot set resource limits: {error}"))?;
    let enforced = sandbox::restrict(&grants(dir, &spec))
        .map_err(|error| format!("cannot enter the sandbox: {error}"))?;
    let mechanism = if spec.group.is_some() { "control group" } else { "rlimits" };
    head_line(&format!(
        "cocarde: attempt {} rank {} starts; sandbox: {enforced}; limits: {mechanism}",
        spec.key.attempt, spec.key.rank
    ));
    let error = Command::new("/bin/sh")
        .arg("-e")
        .arg(dir.script())
        .current_dir(&spec.work)
        .env_clear()
        .envs(&spec.environment)
        .exec();
    Err(format!("cannot start /bin/sh in `{}`: {error}", spec.work.display()))
}

/// Dies with the shim, and makes sure that it is the shim that started us.
fn follow_the_shim(dir: &AttemptDir) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("cannot follow the supervisor: {error}"))?;
    let record: Option<ShimRecord> =
        files::read_json(&dir.shim()).map_err(|error| format!("cannot read shim.json: {error}"))?;
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get());
    // The shim may have died before the death signal was set; then nobody would supervise.
    if record.map(|record| record.shim.pid) != parent {
        return Err("the supervisor is gone".to_owned());
    }
    Ok(())
}

fn grants(dir: &AttemptDir, spec: &LaunchSpec) -> Grants {
    let mut read = vec![spec.inputs.clone(), dir.script(), spec.program.clone()];
    read.extend(spec.program.parent().map(Path::to_path_buf));
    read.extend(spec.read_paths.iter().cloned());
    Grants {
        read,
        write: vec![spec.work.clone()],
        gpus: !spec.gpus.is_empty(),
        state_dir: spec.state_dir.clone(),
    }
}

/// The first line of the log says what protects the workload.
fn head_line(text: &str) {
    // A full disk must not keep the workload from starting.
    let _ = writeln!(io::stdout().lock(), "{text}");
}
