//! The connections to the log's witnesses: one thread each, which sends what the store's rounds give it.
//! Nothing is decided here; what a witness answers is judged by the store.

use std::{thread, time::Duration};

use anyhow::{Context as _, ensure};
use server::Platform;
use store::{
    finality::{Ask, Next, WitnessAnswer},
    witness::{RESPONSE_BYTES_MAX, TrustPolicy},
};
use ureq::Agent;

/// Longest wait for a witness, from connecting to the last byte of its answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for something to ask before looking whether the platform ends.
const PATIENCE: Duration = Duration::from_secs(1);

/// Starts a thread for each witness that has an address; they end when finality is closed.
///
/// # Errors
/// If a witness of the quorum has no address, or a thread cannot start.
pub(crate) fn start(platform: &Platform, policy: &TrustPolicy) -> anyhow::Result<()> {
    for (place, key) in policy.quorum.witnesses().iter().enumerate() {
        let url = policy.urls.get(place).cloned().flatten();
        let url = url.with_context(|| format!("witness `{}` has no address", key.name()))?;
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        ensure!(is_http, "`{url}` is no address of a witness: begin it with `https://`");
        let finality = platform.finality().clone();
        let target = format!("{}/add-checkpoint", url.trim_end_matches('/'));
        let agent = agent(&url);
        let run = move || loop {
            match finality.next(place, PATIENCE) {
                Next::Ask(ask) => finality.take(&ask, &send(&agent, &target, &ask)),
                Next::Nothing => {}
                Next::Closed => return,
            }
        };
        thread::Builder::new()
            .name(format!("witness-{place}"))
            .spawn(run)
            .context("cannot start a witness's thread")?;
    }
    Ok(())
}

fn agent(url: &str) -> Agent {
    let mut config = api::client::outgoing().timeout_global(Some(TIMEOUT));
    if url.starts_with("http://127.") || url.starts_with("http://localhost") {
        // A proxy of the environment cannot reach this machine's own loopback.
        config = config.proxy(None);
    }
    config.build().into()
}

fn send(agent: &Agent, target: &str, ask: &Ask) -> WitnessAnswer {
    let unreachable = |reason: String| WitnessAnswer::Unreachable { reason };
    let sent = agent.post(target).content_type("text/plain; charset=utf-8").send(&ask.body);
    let mut answer = match sent {
        Ok(answer) => answer,
        Err(error) => return unreachable(error.to_string()),
    };
    let limit = u64::try_from(RESPONSE_BYTES_MAX).unwrap_or(u64::MAX);
    let status = answer.status().as_u16();
    match answer.body_mut().with_config().limit(limit).read_to_vec() {
        Ok(body) => WitnessAnswer::Status { status, body },
        Err(error) => unreachable(error.to_string()),
    }
}
