//! The real binary as a server, on a free port, killed when dropped.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use api::client::Client;

/// A running `cocarde up`.
pub(crate) struct Server {
    child: Child,
    /// Its address.
    pub(crate) url: String,
    /// The first operator's token.
    pub(crate) token: String,
    log: PathBuf,
}

impl Server {
    /// Starts one and waits until it answers; `scratch` keeps its ready file, token and messages.
    pub(crate) fn start(data: &Path, scratch: &Path) -> Self {
        let (ready, token, log) =
            (scratch.join("ready.url"), scratch.join("token"), scratch.join("up.log"));
        let _ = std::fs::remove_file(&ready);
        let mut child = Command::new(env!("CARGO_BIN_EXE_cocarde"))
            .args(["up", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .arg("--ready-file")
            .arg(&ready)
            .arg("--token-file")
            .arg(&token)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(url) = std::fs::read_to_string(&ready) {
                let token = std::fs::read_to_string(token).unwrap().trim().to_owned();
                return Self { child, url: url.trim().to_owned(), token, log };
            }
            let ended = child.try_wait().unwrap();
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "the platform ended: {ended:?}\n{}", said());
            assert!(Instant::now() < deadline, "the platform is not ready\n{}", said());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// A client with the operator's token.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url, Some(&self.token)).unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for its end.
    pub(crate) fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        assert!(status.success(), "{status}: {said}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
