//! The platform as a second process of this program, so that it can be killed for real.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use api::client::Client;
use tempfile::TempDir;

/// Longest time until the platform answers.
const READY_SECS_MAX: u64 = 30;
/// Longest time until it has stopped.
const STOP_SECS_MAX: u64 = 30;

/// A running platform; killed if it is dropped.
pub(super) struct Process {
    child: Child,
    data: PathBuf,
    url: String,
    token: String,
    ready_after: Duration,
    /// Holds the ready file, the token and what the platform prints; gone with this value.
    scratch: TempDir,
}

impl Process {
    /// Starts one on a fresh data folder and a free port.
    pub(super) fn start(data: &Path) -> anyhow::Result<Self> {
        let scratch = tempfile::Builder::new().prefix("cocarde-demo-platform-").tempdir()?;
        let token_file = scratch.path().join("operator.token");
        let (child, url, ready_after) =
            spawn(data, "127.0.0.1:0", scratch.path(), Some(&token_file))?;
        let token = std::fs::read_to_string(&token_file)
            .with_context(|| format!("cannot read `{}`", token_file.display()))?
            .trim()
            .to_owned();
        Ok(Self { child, data: data.to_owned(), url, token, ready_after, scratch })
    }

    /// The console's and API's address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The operator's token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// How long the last start took until requests were answered.
    pub(super) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// The data folder.
    pub(super) fn data(&self) -> &Path {
        &self.data
    }

    /// The process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client with the operator's token.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::new(&self.url, Some(&self.token))?)
    }

    /// Kills the platform with SIGKILL.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().context("cannot kill the platform")?;
        self.child.wait().context("cannot wait for the platform")?;
        Ok(())
    }

    /// Starts it again on the same data and address.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        let listen = self.url.trim_start_matches("http://").to_owned();
        let (child, url, ready_after) = spawn(&self.data, &listen, self.scratch.path(), None)?;
        (self.child, self.url, self.ready_after) = (child, url, ready_after);
        Ok(())
    }

    /// Asks it to stop, and waits.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .context("cannot stop the platform")?;
        let deadline = Instant::now() + Duration::from_secs(STOP_SECS_MAX);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the platform ended with {status}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the platform did not stop within {STOP_SECS_MAX} s")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After a failed step; after `stop` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(
    data: &Path,
    listen: &str,
    scratch: &Path,
    token_file: Option<&Path>,
) -> anyhow::Result<(Child, String, Duration)> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let ready_file = scratch.join("ready.url");
    let _ = std::fs::remove_file(&ready_file);
    let log_path = scratch.join("platform.log");
    let log = File::options()
        .create(true)
        .append(true)
        .open(&log_path)
        .with_context(|| format!("cannot write `{}`", log_path.display()))?;
    let mut command = Command::new(program);
    command.arg("up").arg("--data").arg(data).args(["--listen", listen]);
    command.arg("--ready-file").arg(&ready_file);
    if let Some(path) = token_file {
        command.arg("--token-file").arg(path);
    }
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start the platform")?;
    let deadline = started + Duration::from_secs(READY_SECS_MAX);
    while Instant::now() < deadline {
        if let Ok(url) = std::fs::read_to_string(&ready_file) {
            return Ok((child, url.trim().to_owned(), started.elapsed()));
        }
        if let Some(status) = child.try_wait()? {
            let said = std::fs::read_to_string(&log_path).unwrap_or_default();
            bail!("the platform ended with {status}:\n{said}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    let said = std::fs::read_to_string(&log_path).unwrap_or_default();
    bail!("the platform did not answer within {READY_SECS_MAX} s:\n{said}")
}
