//! A process workload under the shim: start, log, sample, stop, reap, and leave nothing behind.

use std::{
    fs,
    io::{self, Read as _},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use api::engine::AttemptUsage;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, wait,
};
use tokio::{io::AsyncReadExt as _, net::unix::pipe, task::JoinHandle, time::MissedTickBehavior};
use units::Bytes;

use super::{
    Attempt, Signals, failed, is_abandoned,
    stop::{Action, OUT_OF_MEMORY, STOPPED, Stopper},
    stop_request,
};
use crate::{
    cgroup::{Controller, GroupLimits},
    files::{self, Durability},
    logs::RotatingLog,
    power::Meter,
    procfs,
    spec::{ExitRecord, LaunchSpec, UsageRecord},
};

/// Rounds of killing what is left: each kills all that is seen, so only a fork bomb needs many.
const KILL_ROUNDS_MAX: u32 = 500;
/// Time between two rounds.
const KILL_ROUND: Duration = Duration::from_millis(10);
/// How long the log may take to drain after the last process has gone.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Longest launcher message taken, in bytes.
const MESSAGE_BYTES_MAX: u64 = 4 << 10;
/// A wake-up in the far future, for a select branch that has nothing to wait for.
const NEVER: Duration = Duration::from_secs(86_400);

/// Runs the workload to its end.
pub(super) async fn supervise(
    mut attempt: Attempt<'_>,
    mut stopper: Stopper,
    mut signals: Signals,
) -> ExitRecord {
    let (main, log) = match start(&mut attempt) {
        Ok(started) => started,
        Err(message) => return failed(&message),
    };
    let mut sampler = Sampler::start(attempt.spec);
    let mut ticks =
        tokio::time::interval(Duration::from_millis(attempt.spec.sample_interval_ms.max(50)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let status = loop {
        let wake = stopper.next_wake().unwrap_or_else(|| Instant::now() + NEVER);
        let action = tokio::select! {
            _ = signals.child.recv() => match reap(main) {
                Some(status) => break status,
                None => None,
            },
            _ = signals.stop.recv() => stop_request(attempt.dir)
                .and_then(|stop| stopper.request(Instant::now(), STOPPED, stop.grace)),
            () = tokio::time::sleep_until(wake.into()) => stopper.tick(Instant::now()),
            _ = ticks.tick() => {
                let record = sampler.sample();
                // Only a figure is lost if this fails; the total is in exit.json.
                let _ = files::write_json(&attempt.dir.usage(), &record, Durability::Atomic);
                // Without a group, RLIMIT_DATA bounds each process but not their sum.
                if sampler.watches_memory() && record.memory_now > attempt.spec.launch.memory {
                    Some(stopper.kill(OUT_OF_MEMORY))
                } else {
                    is_abandoned(attempt.dir).then(|| stopper.kill(STOPPED))
                }
            }
        };
        match action {
            Some(Action::Signal) => {
                signal_group(main, named_signal(&attempt.spec.launch.stop_signal))
            }
            Some(Action::Kill) => kill_everything(attempt.spec),
            None => {}
        }
    };
    // The last sample must be taken while the group exists and before what is left is killed.
    sampler.sample();
    end_everything(attempt.spec).await;
    let log_lost_bytes = drain(log).await;
    let usage = sampler.sample().usage;
    let out_of_memory = sampler.out_of_memory(&status);
    if let Some(group) = &attempt.spec.group {
        remove_group(group).await;
    }
    ExitRecord {
        code: status.exit_status(),
        signal: status.terminating_signal(),
        reason: stopper.reason().or(out_of_memory.then_some(OUT_OF_MEMORY)).map(str::to_owned),
        launch_error: launch_error(&attempt, &status),
        usage,
        log_lost_bytes,
        ..ExitRecord::default()
    }
}

/// Starts the launcher with its output in a pipe, and records who it is.
fn start(attempt: &mut Attempt<'_>) -> Result<(Pid, JoinHandle<u64>), String> {
    let spec = attempt.spec;
    if let Some(group) = &spec.group {
        group
            .create(GroupLimits {
                cpu: spec.launch.cpu,
                memory: spec.launch.memory,
                n_processes_max: spec.n_processes_max,
            })
            .map_err(|error| format!("cannot make the control group: {error}"))?;
    }
    let (reader, writer) = io::pipe().map_err(|error| format!("cannot make a pipe: {error}"))?;
    let errors = writer.try_clone().map_err(|error| format!("cannot make a pipe: {error}"))?;
    let child = Command::new(&spec.program)
        .args(&spec.launch_args)
        .arg(&attempt.dir.0)
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(errors)
        .spawn()
        .map_err(|error| format!("cannot start `{}`: {error}", spec.program.display()))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or("no process id")?;
    attempt.record.workload = procfs::identify(pid.as_raw_nonzero().get());
    // Without it the engine still finds the workload by its group, session and environment.
    let _ = files::write_json(&attempt.dir.shim(), &attempt.record, Durability::Synced);
    let receiver = pipe::Receiver::from_owned_fd(reader.into())
        .map_err(|error| format!("cannot read the workload's output: {error}"))?;
    let log = RotatingLog::new(&attempt.dir.0, spec.log);
    Ok((pid, tokio::spawn(pump(receiver, log))))
}

/// Copies the workload's output into the log; returns how many bytes could not be kept.
async fn pump(mut output: pipe::Receiver, mut log: RotatingLog) -> u64 {
    let mut buffer = vec![0; 64 << 10];
    // Ends at the end of the pipe, that is when the last process has closed it.
    while let Ok(n_read @ 1..) = output.read(&mut buffer).await {
        log.write(buffer.get(..n_read).unwrap_or_default());
    }
    log.lost_bytes()
}

async fn drain(log: JoinHandle<u64>) -> u64 {
    // All writers have been killed; the time-out is for one that could not be (state D).
    match tokio::time::timeout(DRAIN_MAX, log).await {
        Ok(Ok(lost)) => lost,
        Ok(Err(_)) | Err(_) => 0,
    }
}

/// Reaps every child that has ended; the main process's status if it is among them.
fn reap(main: Pid) -> Option<WaitStatus> {
    let mut found = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == main {
            found = Some(status);
        }
    }
    found
}

fn signal_group(main: Pid, signal: Signal) {
    if kill_process_group(main, signal).is_err() {
        // The launcher has not made its session yet. It is our unreaped child, so the id is its own.
        let _ = kill_process(main, signal);
    }
}

/// The signal of a name that [`crate::local`] has checked.
pub(super) fn named_signal(name: &str) -> Signal {
    match name {
        "INT" => Signal::INT,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        _ => Signal::TERM,
    }
}

/// Kills every descendant of this shim and everything in the attempt's group, once.
fn kill_everything(spec: &LaunchSpec) {
    for pid in remaining(spec) {
        if let Some(identity) = procfs::identify(pid) {
            procfs::signal(&identity, Signal::KILL);
        }
    }
}

fn remaining(spec: &LaunchSpec) -> Vec<i32> {
    let own = getpid().as_raw_nonzero().get();
    let mut found: Vec<i32> = procfs::descendants(own, &procfs::all())
        .into_iter()
        .filter(|process| process.state != 'Z')
        .map(|process| process.pid)
        .collect();
    found.extend(spec.group.iter().flat_map(crate::cgroup::Group::processes));
    found
}

/// Kills and reaps until nothing is left.
async fn end_everything(spec: &LaunchSpec) {
    for _ in 0..KILL_ROUNDS_MAX {
        kill_everything(spec);
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        if remaining(spec).is_empty() {
            return;
        }
        tokio::time::sleep(KILL_ROUND).await;
    }
}

async fn remove_group(group: &crate::cgroup::Group) {
    // The kernel takes a moment to forget the last process.
    for _ in 0..KILL_ROUNDS_MAX {
        if group.remove() {
            return;
        }
        tokio::time::sleep(KILL_ROUND).await;
    }
}

/// What the launcher wrote, if the workload never began.
fn launch_error(attempt: &Attempt<'_>, status: &WaitStatus) -> Option<String> {
    let path = attempt.dir.launch_error();
    let mut text = String::new();
    if let Ok(file) = fs::File::open(&path) {
        // An unreadable message is no message.
        let _ = file.take(MESSAGE_BYTES_MAX).read_to_string(&mut text);
    }
    // An empty file only says that the launcher was here.
    let _ = fs::remove_file(path);
    (status.exit_status() == Some(127) && !text.is_empty()).then_some(text)
}

/// Follows an attempt's use; every figure only grows.
struct Sampler<'a> {
    spec: &'a LaunchSpec,
    started: Instant,
    meter: Meter,
    usage: AttemptUsage,
}

impl<'a> Sampler<'a> {
    fn start(spec: &'a LaunchSpec) -> Self {
        let meter = super::meter(spec);
        Self { spec, started: Instant::now(), meter, usage: AttemptUsage::default() }
    }

    /// True where no group limits the sum of all processes' memory.
    fn watches_memory(&self) -> bool {
        !self.spec.group.as_ref().is_some_and(|group| group.has(Controller::Memory))
    }

    fn sample(&mut self) -> UsageRecord {
        let group = self.spec.group.as_ref();
        let by_group = (
            group.and_then(crate::cgroup::Group::cpu_micros),
            group.and_then(crate::cgroup::Group::memory_now),
        );
        let (cpu, memory_now) = match by_group {
            (Some(cpu), Some(memory)) => (cpu, memory),
            (cpu, memory) => {
                let (by_table, resident) = from_process_table();
                (cpu.unwrap_or(by_table), memory.unwrap_or(resident))
            }
        };
        let peak = group.and_then(crate::cgroup::Group::memory_peak).unwrap_or(memory_now);
        let wall = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.usage.cpu_micros = self.usage.cpu_micros.max(cpu);
        self.usage.wall_micros = wall;
        self.usage.gpu_micros = wall.saturating_mul(self.spec.launch.gpu_milli()) / 1_000;
        self.usage.memory_peak = self.usage.memory_peak.max(peak);
        self.usage.energy = Some(self.meter.sample(self.usage.cpu_micros));
        UsageRecord { usage: self.usage.clone(), memory_now }
    }

    /// True if the kernel killed for memory within the group and the workload failed.
    fn out_of_memory(&self, status: &WaitStatus) -> bool {
        let n_kills = self.spec.group.as_ref().map_or(0, crate::cgroup::Group::oom_kills);
        n_kills > 0 && status.exit_status() != Some(0)
    }
}

/// Processor time and resident memory of all descendants; what has been reaped is in our own line.
fn from_process_table() -> (u64, Bytes) {
    let own = getpid().as_raw_nonzero().get();
    let reaped = procfs::stat(own).map_or(0, |stat| stat.children_ticks);
    let alive = procfs::descendants(own, &procfs::all());
    let ticks = alive.iter().fold(reaped, |sum, process| {
        sum.saturating_add(process.own_ticks).saturating_add(process.children_ticks)
    });
    let pages = alive.iter().fold(0_u64, |sum, process| sum.saturating_add(process.resident_pages));
    (procfs::ticks_to_micros(ticks), Bytes(procfs::pages_to_bytes(pages)))
}
