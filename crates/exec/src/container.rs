//! Containers through a Docker-compatible socket (Docker, Podman), for workloads with an `image`.
//!
//! A container is supervised by the same shim as a process, so stops, the time limit, logs and
//! adoption are the same; only starting, waiting and signalling differ ([`crate::shim`]).
//! Networks: none, unless it is a service (its port is published on loopback) or one of several
//! ranks (the host's network, because ranks must reach each other).

use std::{collections::HashMap, env, path::PathBuf};

use bollard::{
    API_DEFAULT_VERSION, Docker,
    models::{
        ContainerCreateBody, DeviceRequest, HostConfig, Mount, MountType, PortBinding, PortMap,
    },
    query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder},
};
use serde::{Deserialize, Serialize};

use crate::{engine::AttemptKey, spec::LaunchSpec};

/// The working folder inside a container.
pub const WORK: &str = "/work";
/// The user's script inside a container.
const SCRIPT: &str = "/cocarde/script.sh";
/// Longest wait for an answer, in seconds; pulling and waiting are streams and not bound by it.
const TIMEOUT_SECS: u64 = 30;

/// How a runtime is reached, decided by the engine so that shims decide nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerPlan {
    /// Sockets to try, in order.
    pub sockets: Vec<PathBuf>,
}

impl ContainerPlan {
    /// The usual places: `DOCKER_HOST` (only `unix://`), Podman for a user and for root, Docker.
    #[must_use]
    pub fn usual() -> Self {
        Self::from_environment(env::var("DOCKER_HOST").ok(), env::var("XDG_RUNTIME_DIR").ok())
    }

    /// As [`Self::usual`] with the two variables handed in.
    #[must_use]
    pub fn from_environment(docker_host: Option<String>, runtime_dir: Option<String>) -> Self {
        if let Some(host) = docker_host.filter(|host| !host.is_empty()) {
            let path = host.strip_prefix("unix://").unwrap_or(&host);
            return Self { sockets: vec![PathBuf::from(path)] };
        }
        let mut sockets = Vec::new();
        if let Some(folder) = runtime_dir {
            sockets.push(PathBuf::from(folder).join("podman/podman.sock"));
        }
        sockets.push(PathBuf::from("/run/podman/podman.sock"));
        sockets.push(PathBuf::from("/var/run/docker.sock"));
        Self { sockets }
    }

    fn list(&self) -> String {
        let names: Vec<String> =
            self.sockets.iter().map(|socket| format!("`{}`", socket.display())).collect();
        names.join(", ")
    }
}

/// Why a container runtime did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// No socket answers.
    #[error(
        "no container runtime answers at {tried}: install podman and run `podman system service`, \
         or leave `image` out to run a plain process"
    )]
    Unreachable {
        /// Which sockets were tried.
        tried: String,
    },
    /// It answers with an error.
    #[error("the container runtime cannot {what}: {source}")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// Its answer.
        source: bollard::errors::Error,
    },
}

/// Attaches what was asked to a runtime's error.
pub(crate) fn refused(what: &'static str) -> impl Fn(bollard::errors::Error) -> ContainerError {
    move |source| ContainerError::Refused { what, source }
}

/// Connects to the first socket that answers; says which.
///
/// # Errors
/// [`ContainerError::Unreachable`].
pub async fn connect(plan: &ContainerPlan) -> Result<(Docker, String), ContainerError> {
    for socket in &plan.sockets {
        let path = socket.display().to_string();
        let Ok(docker) = Docker::connect_with_unix(&path, TIMEOUT_SECS, API_DEFAULT_VERSION) else {
            continue;
        };
        if let Ok(docker) = docker.negotiate_version().await {
            return Ok((docker, path));
        }
    }
    Err(ContainerError::Unreachable { tried: plan.list() })
}

/// The runtime that answers, for [`api::engine::NodeFacts::container`].
pub async fn facts(plan: &ContainerPlan) -> Option<String> {
    let (docker, path) = connect(plan).await.ok()?;
    let version = docker.version().await.ok()?.version.unwrap_or_default();
    Some(format!("{version} at {path}"))
}

/// The container's name, unique on the node.
#[must_use]
pub fn name(key: AttemptKey) -> String {
    format!("cocarde-{}-{}-{}", key.workload, key.rank, key.attempt)
}

/// The labels by which a container is found again.
#[must_use]
pub fn labels(key: AttemptKey) -> HashMap<String, String> {
    HashMap::from([
        ("cocarde.workload".to_owned(), key.workload.to_string()),
        ("cocarde.attempt".to_owned(), key.attempt.to_string()),
        ("cocarde.rank".to_owned(), key.rank.to_string()),
    ])
}

/// What to ask the runtime to create.
#[must_use]
pub fn create_body(spec: &LaunchSpec, script: &std::path::Path) -> ContainerCreateBody {
    let port = spec.port.filter(|_| spec.launch.service).map(|port| format!("{port}/tcp"));
    ContainerCreateBody {
        image: spec.launch.image.clone(),
        // The image's own entry point and command are replaced by the script.
        entrypoint: Some(vec!["sh".to_owned(), "-e".to_owned(), SCRIPT.to_owned()]),
        env: Some(spec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: Some(WORK.to_owned()),
        labels: Some(labels(spec.key)),
        stop_signal: Some(format!("SIG{}", spec.launch.stop_signal)),
        exposed_ports: port.clone().map(|port| vec![port]),
        host_config: Some(host_config(spec, script, port)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(spec: &LaunchSpec, script: &std::path::Path, port: Option<String>) -> HostConfig {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let memory = signed(spec.launch.memory.0);
    let network = match (&port, spec.launch.n_ranks) {
        (_, 2..) => "host",
        (Some(_), _) => "bridge",
        (None, _) => "none",
    };
    HostConfig {
        memory: Some(memory),
        // Equal to memory means no swap.
        memory_swap: Some(memory),
        nano_cpus: Some(signed(spec.launch.cpu.0.saturating_mul(1_000_000))),
        pids_limit: Some(signed(spec.n_processes_max)),
        mounts: Some(mounts(spec, script)),
        network_mode: Some(network.to_owned()),
        port_bindings: port.filter(|_| network == "bridge").map(|port| {
            let number = port.split('/').next().map(str::to_owned);
            let binding = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: number };
            PortMap::from([(port, Some(vec![binding]))])
        }),
        device_requests: (!spec.gpus.is_empty()).then(|| {
            vec![DeviceRequest {
                driver: Some("nvidia".to_owned()),
                device_ids: Some(spec.gpus.iter().map(u32::to_string).collect()),
                capabilities: Some(vec![vec!["gpu".to_owned()]]),
                ..DeviceRequest::default()
            }]
        }),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        // Reaps what the script leaves behind.
        init: Some(true),
        ..HostConfig::default()
    }
}

fn mounts(spec: &LaunchSpec, script: &std::path::Path) -> Vec<Mount> {
    let bind = |source: String, target: String, read_only: bool| Mount {
        source: Some(source),
        target: Some(target),
        typ: Some(MountType::BIND),
        read_only: Some(read_only),
        ..Mount::default()
    };
    let mut mounts = vec![
        bind(spec.work.display().to_string(), WORK.to_owned(), false),
        bind(script.display().to_string(), SCRIPT.to_owned(), true),
    ];
    for input in &spec.launch.inputs {
        let below = input.mount.trim_start_matches('/');
        let source = spec.inputs.join(below).display().to_string();
        mounts.push(bind(source, format!("/{below}"), true));
    }
    mounts
}

/// Removes whatever containers an attempt has left, by label; used when its shim has died.
///
/// # Errors
/// See [`ContainerError`].
pub async fn remove_leftover(
    plan: &ContainerPlan,
    key: AttemptKey,
) -> Result<usize, ContainerError> {
    let (docker, _) = connect(plan).await?;
    let wanted: Vec<String> =
        labels(key).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let filters = HashMap::from([("label".to_owned(), wanted)]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let found = docker.list_containers(Some(options)).await.map_err(refused("list containers"))?;
    let ids: Vec<String> = found.into_iter().filter_map(|container| container.id).collect();
    for id in &ids {
        let force = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        docker
            .remove_container(id, Some(force))
            .await
            .map_err(refused("remove a left-over container"))?;
    }
    Ok(ids.len())
}

#[cfg(test)]
mod tests;
