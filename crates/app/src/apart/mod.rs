//! `cocarde gateway`: the data plane in a process of its own, which follows a control plane and serves on
//! without it.
//!
//! It says what it has in flight, for endpoints to scale by, and where its answers are that somebody wants a
//! receipt of. Guardrails are checked here as there, and an endpoint of which it was not told what to check
//! answers nothing. Capability tokens it refuses: what they have spent is counted in one place, which is the
//! platform. What is captured it hands over and does not keep. What it does not do: figures of tenants; those of `/api/v1/inference` are of the platform's own
//! gateway.

mod captured;
mod follow;
mod report;
mod view;

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context as _, bail};
use api::client::Client;
use gateway::{
    BalanceConfig, Captured, Front, GatewayConfig, Meter, MeterConfig, Metrics, Recorder, UsageSink,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::UnboundedReceiver,
};
use units::{Id, kinds};

use crate::up::{ObserverArgs, Remotes, start_observers};
use follow::{Control, Remote};

/// How long requests in flight may take when asked to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// How long the first question may take.
const FIRST: Duration = Duration::from_millis(0);

/// What a gateway apart needs to know.
#[derive(Debug, Clone)]
pub(crate) struct ApartConfig {
    /// The control plane.
    pub(crate) control: String,
    /// A key that may follow it.
    pub(crate) token: String,
    /// The data folder; made if missing.
    pub(crate) data: PathBuf,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// A file that gets the address once requests are answered.
    pub(crate) ready_file: Option<PathBuf>,
    /// Certificates in PEM of further authorities for upstreams.
    pub(crate) upstream_authorities: Vec<u8>,
    /// Longest time to serve without having heard the control plane; `None` for ever.
    pub(crate) stale_max: Option<Duration>,
    /// Who looks at the gateway.
    pub(crate) observers: ObserverArgs,
}

/// Runs the gateway until it is asked to stop.
///
/// # Errors
/// If it cannot start, with what to do about it.
pub(crate) fn run(config: &ApartConfig) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let code = runtime.block_on(serve(config));
    runtime.shutdown_timeout(Duration::from_secs(2));
    code
}

async fn serve(config: &ApartConfig) -> anyhow::Result<ExitCode> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let listener = tokio::net::TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on `{}`", config.listen))?;
    let address = listener.local_addr()?;
    std::fs::create_dir_all(&config.data)
        .with_context(|| format!("cannot make `{}`", config.data.display()))?;
    let client = Client::new(&config.control, Some(&config.token))?;
    let (recorder, records) = Recorder::new(captured::HELD_BYTES_MAX);
    let control = Arc::new(
        Control::open(
            (client, Remotes::new(&config.upstream_authorities)?),
            &config.data,
            (config.stale_max, recorder),
        )
        .context("what the control plane said last cannot be read: move `control.json` away")?,
    );
    let (meter, remote) = open(&control, config).await?;
    hear(&control, &meter, config).await?;
    let captured = speak(&control, &meter, records);
    let checker = tokio::spawn(control.remotes.clone().check());
    let deliverer = tokio::spawn({
        let meter = meter.clone();
        async move { meter.run().await }
    });
    let balance = BalanceConfig { seed: u64::from(std::process::id()), ..Default::default() };
    let gateway_config = GatewayConfig { balance, ..Default::default() };
    let others = others(&meter, &control.remotes);
    let front = Front::new(gateway_config, Arc::new(remote), meter.clone(), others);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(front.listen(listener, async move {
        // Asked to stop, or nobody is left to ask.
        let _ = stopped.await;
    }));
    if let Some(path) = &config.ready_file {
        crate::up::write_ready(path, address)?;
    }
    tracing::info!(%address, control = config.control, "gateway {} serves", meter.gateway());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    control.stop.store(true, Ordering::Relaxed);
    let _ = stop.send(());
    let is_drained = tokio::time::timeout(DRAIN, server).await.is_ok();
    checker.abort();
    deliverer.abort();
    control.is_drained.store(true, Ordering::Relaxed);
    let _ = tokio::task::spawn_blocking(move || captured.join()).await;
    match meter.flush().await {
        Ok(()) if is_drained => leave(control, meter).await,
        Ok(()) => {}
        Err(error) => {
            tracing::warn!(%error, "usage stays in the spool and is delivered at the next start");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Follows, reports and hands over what is captured, on threads of their own, which end with the process; the last
/// soon after nothing is served any more.
fn speak(
    control: &Arc<Control>,
    meter: &Meter,
    records: UnboundedReceiver<Captured>,
) -> JoinHandle<()> {
    let (followed, own) = (Arc::clone(control), meter.clone());
    drop(std::thread::spawn(move || followed.follow(&own)));
    let (told, own) = (Arc::clone(control), meter.clone());
    drop(std::thread::spawn(move || report::run(&told, &own)));
    let told = Arc::clone(control);
    std::thread::spawn(move || captured::run(&told, records))
}

/// Gives back what nobody else could use.
async fn leave(control: Arc<Control>, meter: Meter) {
    let left = tokio::task::spawn_blocking(move || control.leave(&meter)).await;
    let left = left.map_err(anyhow::Error::from).and_then(|left| left);
    if let Err(error) = left {
        tracing::warn!(%error, "shares of budgets are not given back: no other gateway can use them until the next start");
    }
}

/// Asks the control plane a first time; it may be away if it has said something before.
async fn hear(control: &Arc<Control>, meter: &Meter, config: &ApartConfig) -> anyhow::Result<()> {
    let first = tokio::task::spawn_blocking({
        let (control, meter) = (Arc::clone(control), meter.clone());
        move || control.ask(&meter, FIRST)
    });
    if let Err(error) = first.await? {
        if !control.knows_something() {
            bail!("the control plane at `{}` does not answer: {error}", config.control);
        }
        tracing::warn!(%error, "the control plane is not heard: serving from what it said last");
    }
    Ok(())
}

/// Opens the spool, and starts whoever looks on.
async fn open(control: &Arc<Control>, config: &ApartConfig) -> anyhow::Result<(Meter, Remote)> {
    let (mut salt_seed, mut id) = ([0; 32], [0; 10]);
    getrandom::fill(&mut salt_seed).context("the system has no randomness to give")?;
    getrandom::fill(&mut id).context("the system has no randomness to give")?;
    let now = gateway::Clock::system().now();
    let fresh_id = Id::<kinds::Gateway>::from_parts(now.millis(), id);
    let spool = MeterConfig::new(config.data.join("gateway"), fresh_id, salt_seed);
    let remote = Remote(Arc::clone(control));
    let (directory, sink): (_, Arc<dyn UsageSink>) = (remote.clone(), Arc::new(remote.clone()));
    let metrics = Arc::new(Metrics::default());
    let meter = tokio::task::spawn_blocking(move || Meter::open(spool, &directory, sink, metrics));
    let meter = meter.await?.context("cannot open the gateway's usage spool")?;
    start_observers(&config.observers, meter.metrics(), env!("CARGO_PKG_VERSION").to_owned())?;
    Ok((meter, remote))
}

/// What it answers beside models: whether it lives, and its counters.
fn others(meter: &Meter, remotes: &Remotes) -> axum::Router {
    let (metrics, remotes) = (Arc::clone(meter.metrics()), remotes.clone());
    let text = move || metrics.render() + &gateway::render_remotes(&remotes.all());
    axum::Router::new()
        .route("/healthz", axum::routing::get(|| async { "ok\n" }))
        .route("/metrics", axum::routing::get(move || async move { text() }))
}
