//! Load on anything that speaks OpenAI's chat completions: this platform's gateway, another's, or an engine.
//! For `cocarde bench gateway`, with a mock of an engine for `cocarde bench upstream`.
//!
//! It must never know whom it asks: what is measured of ours is measured of others by the same code.

pub(crate) mod arrivals;
pub(crate) mod cache;
mod client;
mod mock;
mod outcome;
pub(crate) mod prompt;
#[cfg(test)]
mod tests;
pub(crate) mod trace;
pub(crate) mod upstream;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use http::{HeaderValue, Uri};
use tokio::sync::mpsc;

use super::process;
use arrivals::{Arrival, Size};
use client::{READY_MAX, Run, Source, Target};
use outcome::Notes;
pub(crate) use outcome::{Figures, Objective};
pub(crate) use prompt::{BLOCK_TOKENS, Style};

/// A whole run.
#[derive(Debug)]
pub(crate) struct Config {
    /// Whom to ask, such as `http://127.0.0.1:7711/v1`.
    pub(crate) url: String,
    /// A key that may ask.
    pub(crate) key: Option<String>,
    /// How requests are written.
    pub(crate) style: Style,
    /// What is asked, and when.
    pub(crate) work: Work,
    /// HTTP connections.
    pub(crate) connections: u32,
    /// The process that is asked, to see what it takes.
    pub(crate) pid: Option<u32>,
    /// What a good answer is.
    pub(crate) objective: Objective,
}

/// What is asked, and when.
#[derive(Debug)]
pub(crate) enum Work {
    /// Each at its time, whatever becomes of earlier ones.
    Due(Vec<Arrival>),
    /// Each connection asks again as soon as it is answered.
    BackToBack {
        /// What a request is.
        size: Size,
        /// For how long.
        duration: Duration,
    },
}

/// What came of it.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Report {
    /// Whom it asked.
    pub(crate) url: String,
    /// HTTP connections.
    pub(crate) connections: u32,
    /// What counts as good.
    pub(crate) objective: Objective,
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// What the asked process took, if it was named.
    pub(crate) process: Option<Taken>,
}

/// What the asked process took.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Taken {
    /// Processor time.
    pub(crate) cpu_ms: u64,
    /// The same for each request.
    pub(crate) cpu_us_per_request: u64,
    /// Resident memory at the end.
    pub(crate) resident_bytes: u64,
}

/// Asks, and waits for all answers.
///
/// # Errors
/// If the address is not understood, or nothing listens there.
pub(crate) fn run(config: Config, stop: &Arc<AtomicBool>) -> anyhow::Result<Report> {
    let target = target(&config)?;
    // Says in words what would otherwise be the failure of each request.
    std::net::TcpStream::connect_timeout(&target.address, Duration::from_secs(5))
        .with_context(|| format!("nothing answers at `{}`", config.url))?;
    let before_ms = config.pid.map(process::cpu_ms_of);
    let notes = asked(&config, target, stop)?;
    let figures = Figures::of(notes, config.objective);
    let taken = config.pid.zip(before_ms).map(|(pid, before_ms)| {
        let cpu_ms = process::cpu_ms_of(pid).saturating_sub(before_ms);
        let cpu_us_per_request =
            cpu_ms.saturating_mul(1_000).checked_div(figures.requests).unwrap_or(0);
        Taken { cpu_ms, cpu_us_per_request, resident_bytes: process::resident_bytes_of(pid) }
    });
    let (url, connections, objective) = (config.url, config.connections, config.objective);
    Ok(Report { url, connections, objective, figures, process: taken })
}

/// The run itself, on a thread that does nothing else; its pacer has another.
fn asked(config: &Config, target: Target, stop: &Arc<AtomicBool>) -> anyhow::Result<Notes> {
    let begun = Instant::now();
    let (sender, receiver) = mpsc::channel(READY_MAX);
    let source = match &config.work {
        Work::Due(_) => Source::Due(tokio::sync::Mutex::new(receiver)),
        Work::BackToBack { size, duration } => {
            Source::BackToBack { arrival: size.at(0), asked: AtomicUsize::new(0), end: *duration }
        }
    };
    let run = Arc::new(Run { target, source, stop: Arc::clone(stop), begun });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::scope(|scope| {
        if let Work::Due(arrivals) = &config.work {
            // The sender is the thread's own: its end ends the connections.
            scope.spawn(move || client::pace(begun, arrivals, &config.style, &sender, stop));
        }
        runtime.block_on(async {
            let connections =
                (0..config.connections).map(|_| tokio::spawn(client::work(Arc::clone(&run))));
            let connections: Vec<_> = connections.collect();
            let mut notes = Notes::default();
            for connection in connections {
                notes.add(connection.await?);
            }
            // Lets a pacer go that still has something for nobody.
            if let Source::Due(receiver) = &run.source {
                receiver.lock().await.close();
            }
            Ok(notes)
        })
    })
}

fn target(config: &Config) -> anyhow::Result<Target> {
    let url = &config.url;
    let understood: Uri = url.parse().with_context(|| format!("`{url}` is not a URL"))?;
    anyhow::ensure!(
        understood.scheme_str() == Some("http"),
        "`{url}` does not start with `http://`: TLS would be measured too"
    );
    let host = understood.authority().with_context(|| format!("`{url}` names no host"))?;
    let port = host.port_u16().unwrap_or(80);
    let address: SocketAddr = std::net::ToSocketAddrs::to_socket_addrs(&(host.host(), port))
        .with_context(|| format!("`{}` is not found", host.host()))?
        .next()
        .with_context(|| format!("`{}` has no address", host.host()))?;
    let key = config.key.as_ref().map(|key| HeaderValue::from_str(&format!("Bearer {key}")));
    let mut key = key.transpose().context("the key is no key: it holds other than letters")?;
    if let Some(key) = &mut key {
        key.set_sensitive(true);
    }
    let path = format!("{}/chat/completions", understood.path().trim_end_matches('/'));
    Ok(Target { address, host: host.to_string(), path, key, style: config.style.clone() })
}
