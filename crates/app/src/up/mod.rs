//! `cocarde up`: wires store, server, engine and gateway into one process.
//!
//! Any task's panic ends the process, which replays at its next start. Workloads are left running
//! when the platform stops: the next start adopts them.

mod admission;
mod banner;
mod batches;
mod captures;
mod control;
mod flows;
mod gateway;
mod guardrails;
mod observers;
mod site;
mod upstreams;
mod virtual_nodes;
mod witnesses;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use api::engine::NodeFacts;
use exec::{Engine as _, LocalConfig, LocalEngine, Reconciler, ReconcilerConfig};
use server::{Platform, PlatformConfig, Topology};
use store::{WitnessFolder, witness::TrustPolicy};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    task::JoinSet,
};
use units::{Id, kinds};

use crate::kek::KekArgs;

pub(crate) use banner::write_ready;
pub(crate) use guardrails::compile as compile_guardrails;
pub(crate) use observers::{ObserverArgs, start as start_observers};
pub(crate) use site::SiteArgs;
pub(crate) use upstreams::Remotes;
pub(crate) use virtual_nodes::VirtualNodes;
pub(crate) use witnesses::start as start_witnesses;

/// How long requests in flight may take when the platform is asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// What `up` needs to know.
#[derive(Debug, Clone)]
pub(crate) struct UpConfig {
    /// The data folder; made if missing.
    pub(crate) data: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// What this machine's site is.
    pub(crate) site: SiteArgs,
    /// Where this machine stands in the network.
    pub(crate) topology: Topology,
    /// If this machine is shown as several nodes.
    pub(crate) virtual_nodes: Option<VirtualNodes>,
    /// The key that seals personal data and secrets.
    pub(crate) kek: KekArgs,
    /// The address under which people reach the console.
    pub(crate) public_url: Option<String>,
    /// A file that receives the base URL once requests are answered.
    pub(crate) ready_file: Option<PathBuf>,
    /// A file that receives the first operator's token instead of standard output; mode 0600.
    pub(crate) token_file: Option<PathBuf>,
    /// The log's witnesses with their addresses.
    pub(crate) witnesses: TrustPolicy,
    /// How long the facts of answers are kept, for receipts.
    pub(crate) answers_kept: Duration,
    /// Who looks at the gateway.
    pub(crate) observers: ObserverArgs,
    /// Authorities, besides the usual ones, whose certificates upstreams may show; in PEM, empty for none.
    pub(crate) upstream_authorities: Vec<u8>,
}

/// Runs the platform until it is asked to stop.
///
/// # Errors
/// If it cannot start, with what to do about it.
pub(crate) fn run(config: &UpConfig) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let code = runtime.block_on(serve(config));
    // Blocking work (a log being followed, an audit) must not hold the end up.
    runtime.shutdown_timeout(Duration::from_secs(2));
    code
}

/// Runs a witness until it is asked to stop.
///
/// # Errors
/// If it cannot listen.
pub(crate) fn witness(
    folder: WitnessFolder,
    listen_on: SocketAddr,
    ready_file: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let code = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let listener = bind(listen_on).await?;
        let address = listener.local_addr().context("cannot read the address listened on")?;
        banner::witness(&folder, address);
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(listen(listener, server::witness::router(folder), stopped));
        if let Some(path) = ready_file {
            banner::write_ready(path, address)?;
        }
        tokio::select! {
            _ = signals.terminate.recv() => {}
            _ = signals.interrupt.recv() => {}
        }
        let _ = stop.send(true);
        let _ = tokio::time::timeout(DRAIN, server).await;
        Ok(ExitCode::SUCCESS)
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    code
}

async fn serve(config: &UpConfig) -> anyhow::Result<ExitCode> {
    // From here on a request to stop is heard, and not the death of the process.
    let signals = Signals::listen()?;
    // The port comes first: nothing is written by a start that cannot succeed.
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().context("cannot read the address listened on")?;
    let declaration = config.site.declaration()?;
    let platform = open_with(&config.data, config.kek.clone(), &config.witnesses).await?;
    tell(&platform, config);
    let engine = Arc::new(engine(&config.data, &platform)?);
    let facts = engine.facts().await;
    let operator = platform.ensure_operator().await.context("cannot make the operator's key")?;
    if let Some(token) = &operator {
        banner::keep_token(token, config.token_file.as_deref())?;
    }
    platform.ensure_prices().await.context("cannot set the prices")?;
    let site = platform
        .ensure_site(config.site.name.clone(), declaration)
        .await
        .context("cannot register the site")?;
    let nodes = register(config, &platform, site, &facts).await?;

    let ((stop, stopped), mut tasks) = (watch::channel(false), JoinSet::new());
    let remotes = upstreams::Remotes::new(&config.upstream_authorities)?;
    let meter = gateway::open(&platform, &config.data, &remotes, config.answers_kept).await?;
    start_observers(&config.observers, meter.metrics(), env!("CARGO_PKG_VERSION").to_owned())?;
    spawn_loops(&mut tasks, &platform, &engine, nodes, &stopped);
    witnesses::start(&platform, &config.witnesses)?;
    gateway::spawn(&mut tasks, &platform, &meter, &remotes);
    let (recorder, captured) = captures::keep(&mut tasks, &platform)?;
    let others = server::router(Arc::clone(&platform));
    let served = (&platform, &remotes, &meter, recorder);
    let (front, batches) = gateway::front(&mut tasks, &stopped, served, others)?;
    let server = tokio::spawn(listen_in_front(listener, front, stopped.clone()));
    banner::print(&banner::Start {
        address,
        data: &config.data,
        token: operator.as_deref().filter(|_| config.token_file.is_none()),
        facts: &facts,
        virtual_nodes: config.virtual_nodes.as_ref(),
        log_size: platform.watch().borrow().to_owned(),
    });
    if let Some(path) = &config.ready_file {
        banner::write_ready(path, address)?;
    }

    let end = wait_for_end(&mut tasks, signals).await;
    let _ = stop.send(true);
    // A client that never finishes must not hold the end up for ever.
    let _ = tokio::time::timeout(DRAIN, async { tokio::join!(server, batches) }).await;
    let _ = tokio::time::timeout(DRAIN, captured.finish()).await;
    tasks.shutdown().await;
    if let Err(error) = meter.flush().await {
        tracing::warn!(%error, "usage stays in the spool and is delivered at the next start");
    }
    platform.finality().close();
    platform.close().await;
    banner::goodbye(&platform);
    end
}

/// What the platform is told of its start, and the log is not.
fn tell(platform: &Platform, config: &UpConfig) {
    if let Some(url) = &config.public_url {
        platform.set_public_url(url);
    }
    platform.declare_flows(flows::declared(config));
}

/// Registers this machine as one node or as several; answers them, and those that an earlier start
/// has shown: what still runs there is this engine's too.
async fn register(
    config: &UpConfig,
    platform: &Platform,
    site: Id<kinds::Site>,
    facts: &NodeFacts,
) -> anyhow::Result<Vec<Id<kinds::Node>>> {
    let shown = match &config.virtual_nodes {
        Some(plan) => virtual_nodes::split(facts, plan, &config.topology)?,
        None => vec![virtual_nodes::Shown {
            name: site::node_name(&facts.hostname),
            facts: facts.clone(),
            topology: config.topology.clone(),
        }],
    };
    let mut nodes = Vec::new();
    for one in shown {
        let id = platform.register_node(site, one.name, &one.facts, one.topology).await;
        nodes.push(id.context("cannot register this machine")?);
    }
    let retired = platform.retire_other_nodes(site, &nodes).await;
    nodes.extend(retired.context("cannot give up the nodes of an earlier start")?);
    Ok(nodes)
}

/// Listens with a clear error for a port in use.
async fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(listen).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "port {} is in use: stop the other program, or choose another with `--listen {}:0`",
            listen.port(),
            listen.ip()
        ),
        Err(error) => Err(error).with_context(|| format!("cannot listen on `{listen}`")),
    }
}

/// Opens the platform of a data folder.
pub(crate) async fn open(data: &Path) -> anyhow::Result<Arc<Platform>> {
    open_with(data, KekArgs::default(), &TrustPolicy::default()).await
}

/// As [`open`], with the log's witnesses.
pub(crate) async fn open_watched(
    data: &Path,
    witnesses: &TrustPolicy,
) -> anyhow::Result<Arc<Platform>> {
    open_with(data, KekArgs::default(), witnesses).await
}

async fn open_with(
    data: &Path,
    kek: KekArgs,
    witnesses: &TrustPolicy,
) -> anyhow::Result<Arc<Platform>> {
    let quorum = witnesses.quorum.clone();
    let config = PlatformConfig { data_dir: data.to_owned(), version: version(), quorum };
    let open = move || Platform::open_with(config, |dir| kek.open(dir));
    let opened = Arc::new(tokio::task::spawn_blocking(open).await??);
    let asked = Arc::clone(&opened);
    let keys = tokio::task::spawn_blocking(move || asked.vault().check_keys()).await?;
    if let Err(error) = keys {
        // The log and all work go on without it; whoever withholds the key wants just that.
        tracing::warn!(%error, "personal data and secrets cannot be read now");
    }
    Ok(opened)
}

/// What lineage calls this program.
fn version() -> String {
    format!("cocarde {}", env!("CARGO_PKG_VERSION"))
}

fn engine(data: &Path, platform: &Arc<Platform>) -> anyhow::Result<LocalEngine> {
    let run = data.join("run");
    std::fs::create_dir_all(&run).with_context(|| format!("cannot make `{}`", run.display()))?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let artefacts = Arc::new(control::BlobArtefacts::new(Arc::clone(platform)));
    LocalEngine::new(LocalConfig::new(run, program, artefacts)).context("cannot start the engine")
}

fn spawn_loops(
    tasks: &mut JoinSet<()>,
    platform: &Arc<Platform>,
    engine: &Arc<LocalEngine>,
    nodes: Vec<Id<kinds::Node>>,
    stopped: &watch::Receiver<bool>,
) {
    tasks.spawn(server::planner::run(Arc::clone(platform)));
    tasks.spawn(server::importer::run(Arc::clone(platform)));
    tasks.spawn(server::drains::run(Arc::clone(platform)));
    tasks.spawn(server::erasures::run(Arc::clone(platform)));
    tasks.spawn(server::courses::run(Arc::clone(platform)));
    tasks.spawn(server::scaling::run(Arc::clone(platform)));
    let control = Arc::new(control::Control::new(Arc::clone(platform), nodes));
    let reconciler = Reconciler::new(ReconcilerConfig::default());
    let mut stopped = stopped.clone();
    let engine = Arc::clone(engine);
    tasks.spawn(async move {
        let stop = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        reconciler.run(control, engine, stop).await;
    });
}

/// Serves until asked to stop, then lets requests in flight finish.
pub(crate) async fn listen(
    listener: TcpListener,
    router: axum::Router,
    mut stopped: watch::Receiver<bool>,
) {
    use axum::serve::ListenerExt as _;
    // Without this the first token of a stream waits for the next one.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
    });
    let stop = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    // Who is at the other end of the connection: attempts to sign in are counted by it.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stop).await {
        tracing::error!(%error, "the HTTP server ended");
    }
}

/// As [`listen`], with the data plane's threads.
async fn listen_in_front(
    listener: TcpListener,
    front: ::gateway::Front,
    mut stopped: watch::Receiver<bool>,
) {
    let stop = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = front.listen(listener, stop).await {
        tracing::error!(%error, "the HTTP server ended");
    }
}

/// The signals that ask the platform to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes them over; one that comes before anybody waits is kept.
    fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

/// Ends on a signal; a loop that ends or panics before is a bug and ends the process as well.
async fn wait_for_end(tasks: &mut JoinSet<()>, mut signals: Signals) -> anyhow::Result<ExitCode> {
    tokio::select! {
        _ = signals.terminate.recv() => Ok(ExitCode::SUCCESS),
        _ = signals.interrupt.recv() => Ok(ExitCode::SUCCESS),
        ended = tasks.join_next() => match ended {
            Some(Err(error)) => Err(anyhow::anyhow!("a task of the platform failed: {error}")),
            _ => Err(anyhow::anyhow!("a task of the platform ended by itself")),
        },
    }
}

/// What the machine offers, without starting anything; for `doctor` and the demo.
#[must_use]
pub(crate) fn describe(facts: &NodeFacts) -> String {
    let gpus = match facts.gpus.as_slice() {
        [] => "no GPU".to_owned(),
        [first, ..] => format!("{} × {}", facts.gpus.len(), first.model),
    };
    format!(
        "{} cores ({}), {:.1} GiB memory, {gpus}",
        facts.cpu.0 / 1_000,
        facts.cpu_model,
        gib(facts.memory.0)
    )
}

/// Bytes in GiB with enough precision for people.
#[expect(clippy::cast_precision_loss, reason = "shown to people with one decimal")]
pub(crate) fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1_u32 << 30)
}
