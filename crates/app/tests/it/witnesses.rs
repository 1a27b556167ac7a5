//! Three witnesses as processes of their own on loopback, and a platform that asks them. What somebody with
//! the data folder could try (a fork, an old copy, a shortened log) must stay without their cosignatures.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::Home;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is asked to end when the test does.
pub(crate) struct Running {
    child: Child,
    url: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed may have left it gone already.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// Starts a server and waits for its address.
fn start(home: &Home, arguments: &[&str], ready: &str) -> Running {
    let file = home.path(ready);
    let _ = fs::remove_file(&file);
    let mut command = home.command(arguments);
    command.args(["--listen", "127.0.0.1:0", "--ready-file", ready]);
    let said = fs::File::create(home.path(&format!("{ready}.log"))).unwrap();
    let child = command.stdout(Stdio::null()).stderr(said).spawn().unwrap();
    let mut running = Running { child, url: String::new() };
    until("a server is ready", || {
        assert!(running.child.try_wait().unwrap().is_none(), "`{arguments:?}` ended");
        running.url = fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
        !running.url.is_empty()
    });
    running
}

fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true() {
        assert!(Instant::now() < deadline, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A platform with three witnesses.
pub(crate) struct Cloud {
    pub(crate) home: Home,
    witnesses: Vec<Running>,
    flags: Vec<String>,
    pub(crate) platform: Option<Running>,
    pub(crate) token: String,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        let home = Home::new();
        // The log's key exists once a platform has started.
        let plain = start(&home, &["up", "--data", "data", "--token-file", "token"], "first");
        drop(plain);
        let token = fs::read_to_string(home.path("token")).unwrap().trim().to_owned();
        let vkey = fs::read_to_string(home.path("data/log.vkey")).unwrap().trim().to_owned();
        let mut witnesses = Vec::new();
        let mut flags = Vec::new();
        for n in 1..=3 {
            let (dir, ready) = (format!("w{n}"), format!("w{n}.ready"));
            let name = format!("witness.example/w{n}");
            let arguments = ["witness", "--dir", &dir, "--name", &name, "--origin", vkey.as_str()];
            let witness = start(&home, &arguments, &ready);
            let key = fs::read_to_string(home.path(&dir).join("witness.vkey")).unwrap();
            flags.push(format!("--witness={}={}", witness.url, key.trim()));
            witnesses.push(witness);
        }
        let mut cloud = Self { home, witnesses, flags, platform: None, token };
        cloud.up("data");
        cloud
    }

    /// Starts the platform on a folder, after the one that runs has ended.
    pub(crate) fn up(&mut self, data: &str) {
        self.platform = None;
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let arguments = [&["up", "--data", data][..], &flags].concat();
        self.platform = Some(start(&self.home, &arguments, "up.ready"));
    }

    #[track_caller]
    pub(crate) fn good(&self, arguments: &[&str]) -> Value {
        let url = &self.platform.as_ref().unwrap().url;
        let connection = ["--server", url, "--token", &self.token, "-o", "json"];
        let ran = self.home.run(&[&connection[..], arguments].concat());
        ran.check(0, &[]);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn status(&self) -> Value {
        self.good(&["audit", "status"])
    }

    /// The witnesses' keys as an auditor gives them, and the log's.
    fn trust(&self) -> Vec<String> {
        let key = |flag: &String| format!("--witness={}", flag.rsplit_once('=').unwrap().1);
        let mut trust: Vec<String> = self.flags.iter().map(key).collect();
        trust.push("--vkey=data/log.vkey".to_owned());
        trust
    }

    /// Runs an auditor, who has no platform but the address that is named.
    pub(crate) fn audit(&self, arguments: &[&str]) -> (i32, Value) {
        let trust = self.trust();
        let trust: Vec<&str> = trust.iter().map(String::as_str).collect();
        let ran = self.home.run(&[arguments, &trust, &["-o", "json"]].concat());
        let line = ran.stdout.trim();
        (ran.code, serde_json::from_str(line).unwrap_or(Value::String(ran.stderr)))
    }

    pub(crate) fn url(&self) -> &str {
        &self.platform.as_ref().unwrap().url
    }

    /// Waits until everything there is is final.
    pub(crate) fn settle(&self) -> u64 {
        let mut size = None;
        until("the log is final", || {
            let status = self.status();
            size = status["final_size"].as_u64();
            size == status["size"].as_u64()
        });
        size.unwrap()
    }

    pub(crate) fn grow(&self, name: &str) {
        self.good(&["org", "create", name]);
    }

    fn final_file(&self, data: &str) -> PathBuf {
        self.home.path(data).join("final.checkpoint")
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(path, to.join(name)).unwrap();
        }
    }
}

#[test]
fn checkpoints_become_final_with_two_of_three_and_an_idle_witness_does_no_harm() {
    let mut cloud = Cloud::new();
    cloud.grow("one");
    let first = cloud.settle();
    let status = cloud.status();
    assert_eq!((status["quorum"].as_u64(), first > 0), (Some(2), true), "{status}");
    until("all three have cosigned", || {
        let witnesses = cloud.status()["witnesses"].clone();
        witnesses.as_array().unwrap().iter().all(|w| w["state"] == "cosigned")
    });
    drop(cloud.witnesses.pop());
    cloud.grow("two");
    assert!(cloud.settle() > first);
    // With one left nothing new is final; with two again, after a restart, all is.
    let second = cloud.settle();
    drop(cloud.witnesses.pop());
    cloud.grow("three");
    until("the platform notices", || cloud.status()["witnesses"][1]["state"] == "unreachable");
    assert_eq!(cloud.status()["final_size"].as_u64(), Some(second));
    let vkey = fs::read_to_string(cloud.home.path("data/log.vkey")).unwrap();
    let arguments = ["witness", "--dir", "w2", "--origin", vkey.trim()];
    let again = start(&cloud.home, &arguments, "w2.ready");
    let key = fs::read_to_string(cloud.home.path("w2/witness.vkey")).unwrap();
    cloud.flags[1] = format!("--witness={}={}", again.url, key.trim());
    cloud.witnesses.push(again);
    cloud.up("data");
    assert!(cloud.settle() > second);
}

#[test]
fn a_fork_and_an_old_copy_get_no_cosignature_and_a_shortened_log_does_not_start() {
    let mut cloud = Cloud::new();
    cloud.grow("one");
    cloud.settle();
    cloud.platform = None;
    copy(&cloud.home.path("data"), &cloud.home.path("old"));
    cloud.up("data");
    cloud.grow("two");
    let size = cloud.settle();
    let newest = fs::read(cloud.final_file("data")).unwrap();

    // The old copy goes on with another history, under the same key.
    cloud.up("old");
    cloud.grow("forged");
    let refuses = |witness: &Value| witness["state"] == "refused" || witness["state"] == "ahead";
    until("all three refuse the fork", || {
        cloud.status()["witnesses"].as_array().unwrap().iter().all(refuses)
    });
    for n in 0..3 {
        cloud.grow(&format!("forged-{n}"));
    }
    until("all three refuse the longer fork", || {
        let witnesses = cloud.status()["witnesses"].clone();
        witnesses.as_array().unwrap().iter().all(|witness| witness["state"] == "refused")
    });
    let fork = cloud.status();
    assert!(
        fork["size"].as_u64() > Some(size) && fork["final_size"].as_u64() < Some(size),
        "{fork}"
    );
    let kept = fs::read_dir(cloud.home.path("w1/evidence")).unwrap().count();
    assert!(kept > 0, "what the log signed against itself is kept");

    // What witnesses have seen lies beside the log: a shortened one does not start.
    cloud.platform = None;
    fs::write(cloud.final_file("old"), &newest).unwrap();
    let ran = cloud.home.run(&["up", "--data", "old", "--listen", "127.0.0.1:0"]);
    ran.check(ran.code, &["cut short or changed", "cocarde audit verify"]);
    assert_ne!(ran.code, 0);

    // The honest log goes on.
    cloud.up("data");
    cloud.grow("three");
    assert!(cloud.settle() > size);
}

#[test]
fn a_witness_answers_as_the_specification_says() {
    let cloud = Cloud::new();
    cloud.grow("one");
    let size = cloud.settle();
    let witness = &cloud.witnesses[0].url;
    let post = |body: &str| {
        let address = witness.strip_prefix("http://").unwrap();
        crate::witnesses::post(address, body)
    };
    let note = fs::read_to_string(cloud.final_file("data")).unwrap();
    // An old checkpoint again: the answer names the size that was cosigned.
    let conflict = post(&format!("old 0\n\n{note}"));
    assert!(conflict.starts_with("HTTP/1.1 409"), "{conflict}");
    assert!(conflict.to_lowercase().contains("content-type: text/x.tlog.size"), "{conflict}");
    assert!(conflict.ends_with(&format!("\r\n\r\n{size}\n")), "{conflict}");
    // The same once more is cosigned anew.
    let again = post(&format!("old {size}\n\n{note}"));
    assert!(again.starts_with("HTTP/1.1 200") && again.contains("\u{2014} witness.example/w1 "));
    assert!(post("old 0").starts_with("HTTP/1.1 400"));
    let forged = note.replace(&format!("\n{size}\n"), &format!("\n{}\n", size + 1));
    assert!(post(&format!("old {size}\n\n{forged}")).starts_with("HTTP/1.1 403"));
    let other = note.replacen("cocarde.local/", "cocarde.other/", 1);
    assert!(post(&format!("old {size}\n\n{other}")).starts_with("HTTP/1.1 404"));
    assert!(post(&"x".repeat(100_000)).starts_with("HTTP/1.1 413"));
}

/// One request on a connection of its own.
fn post(address: &str, body: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A body that is too large is refused before it was read whole.
    let _ = stream.write_all(body.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
