//! What `up` says: where it listens, how to sign in, what this machine is.

use std::{io::Write as _, net::SocketAddr, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use api::engine::NodeFacts;
use server::Platform;

use super::VirtualNodes;

/// What is said at the start.
pub(super) struct Start<'a> {
    pub(super) address: SocketAddr,
    pub(super) data: &'a Path,
    pub(super) token: Option<&'a str>,
    pub(super) facts: &'a NodeFacts,
    pub(super) virtual_nodes: Option<&'a VirtualNodes>,
    pub(super) log_size: u64,
}

/// Says that the platform is ready. Standard output is data: here, the lines people copy.
pub(super) fn print(start: &Start<'_>) {
    let url = format!("http://{}", start.address);
    let mut out = std::io::stdout().lock();
    let mut lines = vec![
        format!("cocarde is ready at {url}  (console, API, /v1, /log)"),
        format!("  data     {} ({} entries in the log)", start.data.display(), start.log_size),
        format!("  machine  {}", super::describe(start.facts)),
        format!("  limits   {}; sandbox {}", start.facts.limits, start.facts.sandbox),
        format!("  energy   {}", start.facts.power),
    ];
    if let Some(plan) = start.virtual_nodes {
        let gpus = match plan.gpus {
            0 => String::new(),
            n => format!(", each with {n} virtual GPUs that nothing stands behind"),
        };
        lines.push(format!("  shown as  {} virtual nodes{gpus}", plan.count));
    }
    if let Some(token) = start.token {
        lines.push(format!("  operator token, shown once: {token}"));
        lines.push(format!("  sign in: cocarde login {url} --token {token}"));
    }
    // Whoever started it may have closed the pipe; the platform runs all the same.
    let _ = writeln!(out, "{}", lines.join("\n"));
    let _ = out.flush();
}

/// Says that a witness is ready, and the key that others need.
pub(super) fn witness(folder: &store::WitnessFolder, address: SocketAddr) {
    let mut lines = vec![
        format!("cocarde witness is ready at http://{address}"),
        format!("  key  {}", folder.public()),
    ];
    for log in folder.logs() {
        lines.push(format!("  log  {} ({} entries cosigned)", log.origin, log.size));
    }
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", lines.join("\n"));
    let _ = out.flush();
}

/// Writes the first operator's token to a file that only its owner reads, if one was named.
pub(super) fn keep_token(token: &str, path: Option<&Path>) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write the token to `{}`", path.display()))?;
    writeln!(file, "{token}").with_context(|| format!("cannot write `{}`", path.display()))
}

/// Writes the base URL, whole or not at all.
pub(crate) fn write_ready(path: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, format!("http://{address}\n"))
        .and_then(|()| std::fs::rename(&part, path))
        .with_context(|| format!("cannot write the ready file `{}`", path.display()))
}

/// Says what goes on without the platform.
pub(super) fn goodbye(platform: &Platform) {
    let running = platform.n_running();
    if running > 0 {
        let mut err = std::io::stderr().lock();
        let _ = writeln!(
            err,
            "{running} workloads keep running and are adopted at the next start; `cocarde stop ID` ends one"
        );
    }
}
