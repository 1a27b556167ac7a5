//! A container workload under the shim, through a Docker-compatible socket.

use std::time::{Duration, Instant};

use api::engine::AttemptUsage;
use bollard::{
    Docker,
    errors::Error,
    query_parameters::{
        CreateContainerOptionsBuilder, CreateImageOptionsBuilder, KillContainerOptionsBuilder,
        LogsOptionsBuilder, RemoveContainerOptionsBuilder, StatsOptionsBuilder,
    },
};
use futures_util::StreamExt as _;
use tokio::time::MissedTickBehavior;
use units::Bytes;

use super::{
    Attempt, Signals, failed, is_abandoned,
    stop::{Action, OUT_OF_MEMORY, STOPPED, Stopper},
    stop_request,
};
use crate::{
    container::{self, ContainerError, refused},
    files::{self, Durability},
    logs::RotatingLog,
    power::Meter,
    spec::{ExitRecord, LaunchSpec, UsageRecord},
};

/// A wake-up in the far future, for a select branch that has nothing to wait for.
const NEVER: Duration = Duration::from_secs(86_400);
/// How long the log may take to end after the container.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// Exit codes above this are 128 + a signal, by the shells' and runtimes' custom.
const SIGNAL_BASE: i64 = 128;

/// Runs the container to its end and removes it.
pub(super) async fn supervise(
    attempt: Attempt<'_>,
    mut stopper: Stopper,
    mut signals: Signals,
) -> ExitRecord {
    let (docker, name) = match start(&attempt).await {
        Ok(started) => started,
        Err(error) => return failed(&error.to_string()),
    };
    let log = RotatingLog::new(&attempt.dir.0, attempt.spec.log);
    let log = tokio::spawn(pump(docker.clone(), name.clone(), log));
    let mut sampler = Sampler::start(attempt.spec);
    let mut ticks =
        tokio::time::interval(Duration::from_millis(attempt.spec.sample_interval_ms.max(1_000)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut wait = Box::pin(docker.wait_container(&name, None));
    let code = loop {
        let wake = stopper.next_wake().unwrap_or_else(|| Instant::now() + NEVER);
        let action = tokio::select! {
            ended = wait.next() => break exit_code(ended),
            _ = signals.stop.recv() => stop_request(attempt.dir)
                .and_then(|stop| stopper.request(Instant::now(), STOPPED, stop.grace)),
            () = tokio::time::sleep_until(wake.into()) => stopper.tick(Instant::now()),
            _ = ticks.tick() => {
                let record = sampler.sample(&docker, &name).await;
                // Only a figure is lost if this fails; the total is in exit.json.
                let _ = files::write_json(&attempt.dir.usage(), &record, Durability::Atomic);
                is_abandoned(attempt.dir).then(|| stopper.kill(STOPPED))
            }
        };
        if let Some(action) = action {
            kill(&docker, &name, action, &attempt.spec.launch.stop_signal).await;
        }
    };
    let log_lost_bytes = match tokio::time::timeout(DRAIN_MAX, log).await {
        Ok(Ok(lost)) => lost,
        Ok(Err(_)) | Err(_) => 0,
    };
    let out_of_memory = was_out_of_memory(&docker, &name).await;
    let removed = remove(&docker, &name).await;
    let reason = stopper.reason().or(out_of_memory.then_some(OUT_OF_MEMORY)).map(str::to_owned);
    let mut end = ended(code, reason.or(removed.err().map(|error| error.to_string())));
    end.usage = sampler.finish();
    end.log_lost_bytes = log_lost_bytes;
    end
}

/// Pulls the image if it is not there, creates the container and starts it.
async fn start(attempt: &Attempt<'_>) -> Result<(Docker, String), ContainerError> {
    let spec = attempt.spec;
    let (docker, _) = container::connect(&spec.container).await?;
    let image = spec.launch.image.clone().unwrap_or_default();
    if docker.inspect_image(&image).await.is_err() {
        let options = CreateImageOptionsBuilder::new().from_image(&image).build();
        let mut pull = Box::pin(docker.create_image(Some(options), None, None));
        while let Some(step) = pull.next().await {
            step.map_err(refused("pull the image"))?;
        }
    }
    let name = container::name(spec.key);
    // One of that name can only be left over from a crash before shim.json was written.
    let _ = remove(&docker, &name).await;
    let options = CreateContainerOptionsBuilder::new().name(&name).build();
    let body = container::create_body(spec, &attempt.dir.script());
    docker.create_container(Some(options), body).await.map_err(refused("create the container"))?;
    if let Err(error) = docker.start_container(&name, None).await {
        let _ = remove(&docker, &name).await;
        return Err(refused("start the container")(error));
    }
    Ok((docker, name))
}

/// Copies the container's output into the log; returns how many bytes could not be kept.
async fn pump(docker: Docker, name: String, mut log: RotatingLog) -> u64 {
    log.write(b"cocarde: container starts; sandbox and limits: container runtime\n");
    let options = LogsOptionsBuilder::new().follow(true).stdout(true).stderr(true).build();
    let mut output = Box::pin(docker.logs(&name, Some(options)));
    while let Some(Ok(chunk)) = output.next().await {
        log.write(chunk.as_ref());
    }
    log.lost_bytes()
}

async fn kill(docker: &Docker, name: &str, action: Action, stop_signal: &str) {
    let signal = match action {
        Action::Signal => format!("SIG{stop_signal}"),
        Action::Kill => "SIGKILL".to_owned(),
    };
    let options = KillContainerOptionsBuilder::new().signal(&signal).build();
    // A container that has just ended refuses it, and then the wait tells.
    let _ = docker.kill_container(name, Some(options)).await;
}

async fn remove(docker: &Docker, name: &str) -> Result<(), ContainerError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    docker.remove_container(name, Some(options)).await.map_err(refused("remove the container"))
}

/// The exit code that a wait answered; `None` if the runtime went away.
fn exit_code(answer: Option<Result<bollard::models::ContainerWaitResponse, Error>>) -> Option<i64> {
    match answer {
        Some(Ok(response)) => Some(response.status_code),
        // The library turns codes other than zero into errors.
        Some(Err(Error::DockerContainerWaitError { code, .. })) => Some(code),
        Some(Err(_)) | None => None,
    }
}

fn ended(code: Option<i64>, reason: Option<String>) -> ExitRecord {
    let small = |value: i64| i32::try_from(value).ok();
    match code {
        None => ExitRecord {
            reason: Some("lost: the container runtime went away".to_owned()),
            ..ExitRecord::default()
        },
        Some(code) if (SIGNAL_BASE + 1..=SIGNAL_BASE + 64).contains(&code) => {
            ExitRecord { signal: small(code - SIGNAL_BASE), reason, ..ExitRecord::default() }
        }
        Some(code) => ExitRecord { code: small(code), reason, ..ExitRecord::default() },
    }
}

async fn was_out_of_memory(docker: &Docker, name: &str) -> bool {
    let Ok(inspection) = docker.inspect_container(name, None).await else { return false };
    inspection.state.and_then(|state| state.oom_killed).unwrap_or(false)
}

/// Follows a container's use; every figure only grows.
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

    async fn sample(&mut self, docker: &Docker, name: &str) -> UsageRecord {
        let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let answer = Box::pin(docker.stats(name, Some(options))).next().await;
        let stats = answer.and_then(Result::ok).unwrap_or_default();
        let nanos = stats
            .cpu_stats
            .and_then(|stats| stats.cpu_usage)
            .and_then(|usage| usage.total_usage)
            .unwrap_or(0);
        let memory = stats.memory_stats.unwrap_or_default();
        let memory_now = Bytes(memory.usage.unwrap_or(0));
        self.usage.cpu_micros = self.usage.cpu_micros.max(nanos / 1_000);
        let peak = memory.max_usage.map_or(memory_now, Bytes).max(memory_now);
        self.usage.memory_peak = self.usage.memory_peak.max(peak);
        UsageRecord { usage: self.finish(), memory_now }
    }

    /// Brings wall time and energy up to now.
    fn finish(&mut self) -> AttemptUsage {
        let wall = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.usage.wall_micros = wall;
        self.usage.gpu_micros = wall.saturating_mul(self.spec.launch.gpu_milli()) / 1_000;
        self.usage.energy = Some(self.meter.sample(self.usage.cpu_micros));
        self.usage.clone()
    }
}
