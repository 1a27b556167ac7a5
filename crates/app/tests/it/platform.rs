//! The command line against a platform that runs: each test starts its own on a free port.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Home, Ran};

/// Longest wait for anything that a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A platform with the organisation `example` and the project `example/nlp` in use.
pub(crate) struct Platform {
    home: Home,
    process: Child,
}

impl Platform {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// With further flags of `up`.
    pub(crate) fn start_with(flags: &[&str]) -> Self {
        let home = Home::new();
        let up = ["up", "--data", "data", "--listen", "127.0.0.1:0"];
        let mut command = home.command(&up);
        command.args(["--ready-file", "ready", "--token-file", "token"]).args(flags);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut platform = Self { home, process };
        let url = platform.ready();
        let token = fs::read_to_string(platform.home.path("token")).unwrap();
        platform.good(&["login", &url, "--token", token.trim(), "--name", "test"]);
        platform.good(&["org", "create", "example"]);
        platform.good(&["project", "create", "example/nlp"]);
        platform.good(&["use", "--project", "example/nlp"]);
        platform
    }

    fn ready(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let url = fs::read_to_string(self.home.path("ready")).unwrap_or_default();
            if !url.trim().is_empty() {
                return url.trim().to_owned();
            }
            assert!(self.process.try_wait().unwrap().is_none(), "the platform ended");
            assert!(Instant::now() < deadline, "the platform is not ready");
            std::thread::yield_now();
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts it again at the address that it had.
    pub(crate) fn resume(&mut self) {
        let url = fs::read_to_string(self.path("ready")).unwrap();
        fs::remove_file(self.path("ready")).unwrap();
        let address = url.trim().trim_start_matches("http://");
        let mut command = self.home.command(&["up", "--data", "data", "--listen", address]);
        command.args(["--ready-file", "ready"]);
        self.process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.ready();
    }

    /// A command in its home folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Command {
        self.home.command(arguments)
    }

    /// A path in its home folder.
    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.home.path(name)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.home.run(arguments)
    }

    /// The same with something to read.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        self.home.run_with(arguments, stdin)
    }

    /// Runs what must succeed and gives its answer.
    #[track_caller]
    pub(crate) fn good(&self, arguments: &[&str]) -> Value {
        let ran = self.run(&[arguments, &["-o", "json"]].concat());
        ran.check(0, &[]);
        serde_json::from_str(&ran.stdout).unwrap_or(Value::Null)
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // A test that failed may have left either of them gone already.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

#[test]
fn a_command_runs_as_a_job_and_its_end_is_the_exit_code() {
    let platform = Platform::start();
    let ran = platform.run(&["run", "--name", "hello", "--follow", "--", "echo", "it's me"]);
    ran.check(0, &["`hello` succeeded"]);
    assert!(ran.stdout.ends_with("\nit's me\n"), "{}", ran.stdout);
    platform
        .run(&["run", "--name", "bad", "--wait", "--", "sh", "-c", "exit 3"])
        .check(1, &["`bad` failed", "3"]);
    assert!(platform.run(&["logs", "hello"]).stdout.ends_with("it's me\n"));
    let explained = platform.good(&["explain", "bad"]);
    assert_eq!(explained["state"], "failed");
    platform.run(&["wait", "bad"]).check(1, &[]);
    platform.run(&["wait", "hello"]).check(0, &[]);
    platform.run(&["wait", "nothing"]).check(3, &["cocarde ps -a"]);
    assert_eq!(platform.good(&["ps"])["items"].as_array().unwrap().len(), 0);
    let all = platform.run(&["ps", "-a"]).stdout;
    assert!(all.contains("hello") && all.contains("failed"), "{all}");
    let events = platform.good(&["events", "--workload", "hello"]);
    assert!(events["items"].as_array().unwrap().len() >= 3, "{events}");
    assert!(platform.run(&["cost"]).stdout.contains("measured"));
}

#[test]
fn ctrl_c_ends_following_with_130_and_the_job_goes_on() {
    let platform = Platform::start();
    let job = "echo started; while true; do sleep 1; done";
    platform.good(&["run", "--name", "long", "--", "sh", "-c", job]);
    platform.run(&["wait", "long", "--for", "running", "--timeout", "60s"]).check(0, &[]);
    platform.run(&["wait", "long", "--timeout", "300ms"]).check(8, &["cocarde explain long"]);
    let mut logs = platform.home.command(&["logs", "-f", "long"]);
    let mut logs = logs.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(logs.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "started"));
    kill_process(Pid::from_child(&logs), Signal::INT).unwrap();
    assert_eq!(logs.wait().unwrap().code(), Some(130));
    assert_eq!(platform.good(&["ps"])["items"][0]["state"], "running");
    platform.good(&["stop", "long", "--reason", "enough"]);
    let ran = platform.run(&["wait", "long", "--timeout", "60s", "-o", "json"]);
    ran.check(1, &[]);
    assert!(ran.stdout.contains("\"stopped\""), "{}", ran.stdout);
    platform.run(&["stop", "long"]).check(5, &["it has ended", "see: "]);
}

#[test]
fn a_folder_becomes_a_version_and_comes_back() {
    let platform = Platform::start();
    let folder = platform.home.path("folder");
    fs::create_dir_all(folder.join("b")).unwrap();
    for (name, text) in [("a.txt", "one"), ("b/c.txt", "two"), ("b/same.txt", "one")] {
        fs::write(folder.join(name), text).unwrap();
    }
    platform.good(&["dataset", "create", "words", "--class", "public"]);
    let added = platform.run(&["dataset", "add-version", "words", "folder", "-o", "json"]);
    added.check(0, &["2 of 3 files were not stored yet"]);
    let version: Value = serde_json::from_str(&added.stdout).unwrap();
    assert_eq!((&version["reference"], &version["n_files"]), (&"nlp/words@v1".into(), &3.into()));
    let again = platform.run(&["dataset", "add-version", "words", "folder"]);
    assert!(again.code == 0 && !again.stderr.contains("were sent"), "{}", again.stderr);
    platform.good(&["model", "create", "words"]);
    let added = platform.run(&["model", "add-version", "words", "folder", "--software", "test"]);
    added.check(0, &[]);
    platform.run(&["model", "download", "words@v1", "--out", "back"]).check(0, &["3 files"]);
    for name in ["a.txt", "b/c.txt", "b/same.txt"] {
        let back = fs::read(platform.home.path("back").join(name)).unwrap();
        assert_eq!(back, fs::read(folder.join(name)).unwrap(), "{name}");
    }
    platform.run(&["model", "download", "words@v9", "--out", "x"]).check(3, &[]);
    platform.run(&["dataset", "get", "nothing"]).check(3, &["cocarde dataset list"]);
}

#[test]
fn each_refusal_has_its_code() {
    let platform = Platform::start();
    platform.run(&["org", "create", "example"]).check(5, &["error: the name is taken", "see: "]);
    platform.run(&["--token", "cck_wrong", "org", "list"]).check(4, &["unauthenticated"]);
    let viewer = platform.good(&["key", "create", "reader", "--role", "viewer"]);
    let secret = viewer["secret"].as_str().unwrap();
    platform.run(&["--token", secret, "org", "create", "b"]).check(4, &["docs/problems/forbidden"]);
    let other = ["--project", "example/none", "run", "--", "true"];
    platform.run(&other).check(3, &["docs/problems/not-found"]);
    let huge = ["run", "--cpu", "90000", "--", "true"];
    platform.run(&huge).check(4, &["docs/problems/no-capacity"]);
    fs::write(platform.home.path("bad.cedar"), "permit everything").unwrap();
    platform
        .run(&["policy", "set", "a", "-f", "bad.cedar", "--scope", "example"])
        .check(7, &["error: "]);
    let policy = fs::read(crate::repository().join("examples/policy.cedar")).unwrap();
    fs::write(platform.home.path("good.cedar"), policy).unwrap();
    platform.good(&["policy", "set", "fr", "-f", "good.cedar", "--scope", "example"]);
    let abroad = ["run", "--class", "restricted", "--country", "DE", "--", "true"];
    platform.run(&abroad).check(4, &["docs/problems/"]);
    fs::write(
        platform.home.path("job.yaml"),
        "type: batch\nname: a\nrun: x\nresidency: { class: restricted, countries: [DE] }\n",
    )
    .unwrap();
    platform.run(&["plan", "-f", "job.yaml"]).check(4, &[]);
    let plan = platform.run(&["plan", "-f", "job.yaml"]).stdout;
    assert!(plan.contains("would be accepted:") && plan.contains("# every default"), "{plan}");
}

#[test]
fn a_backup_is_audited_and_a_receipt_proves_offline() {
    let platform = Platform::start();
    platform.run(&["run", "--name", "proven", "--wait", "--", "true"]).check(0, &[]);
    platform.run(&["audit", "receipt", "proven", "--out", "receipt.json"]).check(0, &[]);
    let key = platform.home.path("data/log.vkey");
    let key = key.to_str().unwrap();
    let verify = ["audit", "receipt", "--verify", "receipt.json", "--vkey", key];
    let ran = platform.run(&verify);
    ran.check(0, &[]);
    assert!(ran.stdout.contains("ok: "), "{}", ran.stdout);
    let receipt = fs::read_to_string(platform.home.path("receipt.json")).unwrap();
    let at = receipt.find("\"leaf\"").unwrap() + 14;
    let mut bytes = receipt.into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    fs::write(platform.home.path("receipt.json"), bytes).unwrap();
    platform.run(&verify).check(1, &["proves nothing"]);
    platform.run(&["audit", "verify"]).check(0, &[]);
    for (source, file) in [(&["--data", "data"][..], "offline.tar"), (&[], "online.tar")] {
        let backup = [&["backup", "--to", file], source].concat();
        platform.run(&backup).check(0, &["written to"]);
        platform.run(&backup).check(5, &["exists already"]);
        let folder = format!("{file}.restored");
        platform.run(&["restore", "--from", file, "--data", &folder]).check(0, &["restored"]);
        let audit = ["audit", "verify", "--data", &folder, "--blobs", "-o", "json"];
        let report: Value = serde_json::from_str(&platform.run(&audit).stdout).unwrap();
        assert!(
            report["entries"].as_u64().unwrap() > 5
                && report["findings"] == Value::from(Vec::<Value>::new())
        );
    }
    let replay = |folder: &str| platform.good(&["audit", "replay", "--data", folder]);
    let restored = replay("offline.tar.restored");
    assert!(restored["state_hash"].as_str().unwrap().starts_with("sha256:"));
}
