//! The platform under load: opened as `up` opens it, with the same server, planner and loops.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use api::engine::{GpuFacts, NodeFacts};
use server::{Platform, Topology};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch, task::JoinSet};
use units::{Bytes, Id, MilliCpu, kinds};

use super::{Config, wire::Wire};
use crate::up::{self, SiteArgs};

/// Nodes that register at once: each waits for its own place in the log.
const REGISTRATIONS_MAX: usize = 512;

/// A running platform with its fleet.
pub(super) struct Stand {
    pub(super) address: SocketAddr,
    pub(super) token: String,
    pub(super) platform: Arc<Platform>,
    runtime: Runtime,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// The path of one of the projects that submit.
pub(super) fn project(number: u64) -> String {
    format!("load/project-{number}")
}

impl Stand {
    /// Starts it on a folder, with tenants and nodes.
    pub(super) fn start(folder: &Path, config: &Config) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
            .thread_name("server")
            .enable_all()
            .build()
            .context("cannot start the asynchronous runtime")?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let (platform, address, token) =
            runtime.block_on(begin(folder, config, &mut tasks, stopped))?;
        Ok(Self { address, token, platform, runtime, tasks, stop })
    }

    /// Ends it in good order, with its last snapshot.
    pub(super) fn close(mut self) {
        let _ = self.stop.send(true);
        self.runtime.block_on(async {
            self.tasks.shutdown().await;
            self.platform.close().await;
        });
        self.runtime.shutdown_timeout(Duration::from_secs(2));
    }
}

async fn begin(
    folder: &Path,
    config: &Config,
    tasks: &mut JoinSet<()>,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<(Arc<Platform>, SocketAddr, String)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("cannot listen")?;
    let address = listener.local_addr()?;
    let platform = up::open(folder).await?;
    if platform.read_size() > 0 {
        bail!("`{}` holds a platform already: choose an empty folder", folder.display());
    }
    let token = platform.ensure_operator().await.context("cannot make the operator's key")?;
    let token = token.context("the platform has an operator already: choose an empty folder")?;
    platform.ensure_prices().await.context("cannot set the prices")?;
    let site = site()?;
    let declared = site.declaration()?;
    let site = platform.ensure_site(site.name, declared).await.context("no site")?;
    register(&platform, site, config).await?;
    let router = server::router(Arc::clone(&platform));
    tasks.spawn(up::listen(listener, router, stopped));
    tasks.spawn(server::planner::run(Arc::clone(&platform)));
    tasks.spawn(server::importer::run(Arc::clone(&platform)));
    tasks.spawn(server::drains::run(Arc::clone(&platform)));
    tenants(address, &token, config.projects).await?;
    Ok((platform, address, token))
}

fn site() -> anyhow::Result<SiteArgs> {
    Ok(SiteArgs {
        name: "simulated".parse().context("cannot name the site")?,
        country: "FR".parse().context("no such country")?,
        operator: "cocarde bench".to_owned(),
        operator_country: None,
        carbon: None,
        pue_milli: 1_000,
    })
}

/// Registers the fleet through the door that engines use.
async fn register(
    platform: &Arc<Platform>,
    site: Id<kinds::Site>,
    config: &Config,
) -> anyhow::Result<()> {
    let mut waiting = JoinSet::new();
    // Whole racks first: only the last may have fewer nodes.
    let per_rack = config.nodes.div_ceil(config.racks.max(1)).max(1);
    for number in 0..config.nodes {
        let platform = Arc::clone(platform);
        let facts = facts(number, config.gpus);
        let name = facts.hostname.parse().context("cannot name a node")?;
        let rack = Some(format!("rack-{}", number / per_rack).parse().context("no rack")?);
        waiting.spawn(async move {
            let topology = Topology { group: None, rack };
            platform.register_node(site, name, &facts, topology).await
        });
        if waiting.len() >= REGISTRATIONS_MAX
            && let Some(ended) = waiting.join_next().await
        {
            ended?.context("cannot register a node")?;
        }
    }
    while let Some(ended) = waiting.join_next().await {
        ended?.context("cannot register a node")?;
    }
    Ok(())
}

/// A node with four superchips, or as many GPUs as asked; it says itself that it is simulated.
fn facts(number: u32, gpus: u32) -> NodeFacts {
    let name = format!("sim-{number}");
    let text = || "simulated".to_owned();
    let gpu = |at: u32| GpuFacts {
        model: "GB200 (virtual)".to_owned(),
        uuid: format!("virtual-{name}-{at}"),
        memory: Bytes(186 << 30),
    };
    NodeFacts {
        system: text(),
        cpu_model: text(),
        cpu: MilliCpu(u64::from(gpus.max(1)) * 36_000),
        memory: Bytes(u64::from(gpus.max(1)) * (240 << 30)),
        gpus: (0..gpus).map(gpu).collect(),
        limits: text(),
        sandbox: text(),
        power: text(),
        container: None,
        virtual_host: Some("cocarde bench".to_owned()),
        hostname: name,
    }
}

/// Makes the projects, over HTTP as anybody would.
async fn tenants(address: SocketAddr, token: &str, projects: u32) -> anyhow::Result<()> {
    let mut wire = Wire::connect(address, token).await?;
    let mut bodies = vec![("/api/v1/organisations", r#"{"name":"load"}"#.to_owned())];
    for number in 0..projects.max(1) {
        let body = format!(r#"{{"organisation":"load","name":"project-{number}"}}"#);
        bodies.push(("/api/v1/projects", body));
    }
    for (path, body) in bodies {
        let answer = wire.post(path, &body).await?;
        if answer.status >= 300 {
            let text = String::from_utf8_lossy(answer.body).into_owned();
            bail!("`POST {path}` was answered with {}: {text}", answer.status);
        }
    }
    Ok(())
}
