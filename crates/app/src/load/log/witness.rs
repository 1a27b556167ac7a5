//! Witnesses of the load: this program again, each a process with a folder of its own.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// Longest wait until a witness answers.
const READY: Duration = Duration::from_secs(30);

/// A running witness; it is asked to end when dropped.
#[derive(Debug)]
pub(super) struct Witness {
    process: Child,
    /// Its address.
    pub(super) url: String,
    /// Its key.
    pub(super) key: String,
}

impl Witness {
    /// Starts one for a log.
    pub(super) fn start(scratch: &Path, number: u32, vkey: &str) -> anyhow::Result<Self> {
        let (dir, ready) =
            (scratch.join(format!("w{number}")), scratch.join(format!("w{number}.ready")));
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let process = Command::new(program)
            .args(["witness", "--listen", "127.0.0.1:0", "--origin", vkey])
            .args(["--name", &format!("witness.example/w{number}")])
            .arg("--dir")
            .arg(&dir)
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start a witness")?;
        let mut witness = Self { process, url: String::new(), key: String::new() };
        let end = Instant::now() + READY;
        while witness.url.is_empty() {
            if let Some(ended) = witness.process.try_wait()? {
                bail!("a witness has ended: {ended}");
            }
            ensure!(Instant::now() < end, "a witness does not answer");
            std::thread::sleep(Duration::from_millis(5));
            witness.url = fs::read_to_string(&ready).unwrap_or_default().trim().to_owned();
        }
        witness.key = fs::read_to_string(dir.join("witness.vkey"))?.trim().to_owned();
        Ok(witness)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // It may have gone already.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}
