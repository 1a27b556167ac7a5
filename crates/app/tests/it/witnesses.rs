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
struct Running {
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
struct Cloud {
    home: Home,
    witnesses: Vec<Running>,
    flags: Vec<String>,
    platform: Option<Running>,
    token: String,
}

impl Cloud {
    fn new() -> Self {
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
    fn up(&mut self, data: &str) {
        self.platform = None;
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let arguments = [&["up", "--data", data][..], &flags].concat();
        self.platform = Some(start(&self.home, &arguments, "up.ready"));
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) -> Value {
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
    fn audit(&self, arguments: &[&str]) -> (i32, Value) {
        let trust = self.trust();
        let trust: Vec<&str> = trust.iter().map(String::as_str).collect();
        let ran = self.home.run(&[arguments, &trust, &["-o", "json"]].concat());
        let line = ran.stdout.trim();
        (ran.code, serde_json::from_str(line).unwrap_or(Value::String(ran.stderr)))
    }

    fn url(&self) -> &str {
        &self.platform.as_ref().unwrap().url
    }

    /// Waits until everything there is is final.
    fn settle(&self) -> u64 {
        let mut size = None;
        until("the log is final", || {
            let status = self.status();
            size = status["final_size"].as_u64();
            size == status["size"].as_u64()
        });
        size.unwrap()
    }

    fn grow(&self, name: &str) {
        self.good(&["org", "create", name]);
    }

    fn final_file(&self, data: &str) -> PathBuf {
        self.home.path(data).join("final.checkpoint")
    }
}

fn copy(from: &Path, to: &Path) {
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

#[test]
fn an_auditor_follows_the_platform_over_http_and_finds_what_was_cut_off() {
    let mut cloud = Cloud::new();
    for name in ["one", "two", "three"] {
        cloud.grow(name);
    }
    let size = cloud.settle();
    let token = cloud.token.clone();
    let verify = |cloud: &Cloud| {
        let url = cloud.url().to_owned();
        cloud.audit(&["audit", "verify", &url, "--mirror", "mirror", "--token", &token])
    };
    let (code, report) = verify(&cloud);
    assert_eq!(code, 0, "{report}");
    assert_eq!(
        (report["entries"].as_u64(), report["final_size"].as_u64()),
        (Some(size), Some(size))
    );
    assert!(report["tiles"].as_u64() > Some(0) && report["cosignatures"].as_u64() >= Some(2));
    // The mirror and the data folder say the same without the platform.
    for folder in ["mirror", "data"] {
        let (code, offline) = cloud.audit(&["audit", "verify", folder]);
        assert_eq!((code, &offline["root"]), (0, &report["root"]), "{folder}: {offline}");
    }
    // Nobody audits without saying whose log it is, nor entries without a right to them.
    let url = cloud.url().to_owned();
    cloud.home.run(&["audit", "verify", &url]).check(2, &["verifier key is not given"]);
    let refused = cloud.home.run(&["audit", "verify", &url, "--vkey", "data/log.vkey"]);
    refused.check(refused.code, &["--token"]);
    assert_ne!(refused.code, 0);

    // An old copy under the same address: the mirror has seen more.
    cloud.platform = None;
    copy(&cloud.home.path("data"), &cloud.home.path("old"));
    cloud.up("data");
    cloud.grow("four");
    cloud.settle();
    assert_eq!(verify(&cloud).0, 0);
    cloud.up("old");
    let (code, report) = verify(&cloud);
    assert_eq!(code, 1, "{report}");
    assert!(report["findings"].to_string().contains("cut short"), "{report}");
}

#[test]
fn receipts_and_exports_verify_offline_with_witnesses_and_a_census() {
    let cloud = Cloud::new();
    cloud.grow("acme");
    cloud.grow("rival");
    cloud.good(&["project", "create", "acme/lab"]);
    cloud.good(&["project", "create", "rival/lab"]);
    let project = ["--project", "acme/lab"];
    let job =
        cloud.good(&[&project[..], &["run", "--name", "job", "--wait", "--", "true"]].concat());
    let id = job["id"].as_str().unwrap_or("job").to_owned();
    let out = ["--wait-final", "--out", "receipt.json", "--tlog-proofs", "proofs"];
    let url = cloud.url().to_owned();
    let connection = ["--server", &url, "--token", &cloud.token, "--project", "acme/lab"];
    let fetch = [&["audit", "receipt", &id][..], &out, &connection].concat();
    cloud.home.run(&fetch).check(0, &["receipt of", "proofs written"]);
    let proofs: Vec<PathBuf> = fs::read_dir(cloud.home.path("proofs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(proofs.len() >= 3, "{proofs:?}");
    let export = ["events", "export", "--organisation", "acme", "--out", "export"];
    cloud.home.run(&[&export[..], &connection].concat()).check(0, &[]);
    let export = ["events", "export", "--out", "part"];
    cloud.home.run(&[&export[..], &connection].concat()).check(0, &[]);
    cloud.home.run(&[&export[..], &connection].concat()).check(5, &["not empty"]);
    let mut cloud = cloud;
    cloud.settle();
    cloud.platform = None;

    // Everything from here on is offline.
    let (code, receipt) = cloud.audit(&["audit", "verify-receipt", "receipt.json"]);
    assert_eq!(code, 0, "{receipt}");
    assert!(receipt["witnesses"].as_array().unwrap().len() >= 2, "{receipt}");
    for proof in &proofs {
        let (code, shown) = cloud.audit(&["audit", "verify-receipt", proof.to_str().unwrap()]);
        assert_eq!(code, 0, "{shown}");
    }
    let text = fs::read_to_string(&proofs[0]).unwrap();
    let bare: String = text
        .lines()
        .filter(|line| !line.contains(" witness.example/"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(cloud.home.path("bare.tlog-proof"), bare).unwrap();
    let (code, shown) = cloud.audit(&["audit", "verify-receipt", "bare.tlog-proof"]);
    assert!(code == 1 && shown.to_string().contains("0 cosignatures"), "{shown}");

    let (code, found) = cloud.audit(&["audit", "verify-events", "export", "--log", "data"]);
    assert_eq!((code, found["ok"].as_bool()), (0, Some(true)), "{found}");
    assert!(found["in_log"].as_u64() > Some(5), "{found}");
    assert_eq!(cloud.audit(&["audit", "verify-events", "part", "--log", "data"]).0, 0);
    // One line less, and the manifest says so too: only the census knows.
    let lines = fs::read_to_string(cloud.home.path("export/entries.jsonl")).unwrap();
    let fewer: String = lines.lines().skip(1).map(|line| format!("{line}\n")).collect();
    fs::write(cloud.home.path("export/entries.jsonl"), fewer).unwrap();
    let (code, found) = cloud.audit(&["audit", "verify-events", "export"]);
    assert!(code == 1 && found.to_string().contains("the files say otherwise"), "{found}");
    let manifest = fs::read_to_string(cloud.home.path("export/manifest.json")).unwrap();
    let (count, less) = (lines.lines().count(), lines.lines().count() - 1);
    let manifest = manifest.replace(&format!("\"count\": {count}"), &format!("\"count\": {less}"));
    fs::write(cloud.home.path("export/manifest.json"), manifest).unwrap();
    assert_eq!(cloud.audit(&["audit", "verify-events", "export"]).0, 0);
    let (code, found) = cloud.audit(&["audit", "verify-events", "export", "--log", "data"]);
    assert_eq!((code, found["missing"].as_array().unwrap().len()), (1, 1), "{found}");
    // A changed entry is not proven.
    let spoiled = lines.replacen("\"leaf\":\"e", "\"leaf\":\"f", 1);
    fs::write(cloud.home.path("part/entries.jsonl"), spoiled).unwrap();
    let (code, found) = cloud.audit(&["audit", "verify-events", "part"]);
    assert!(code == 1 && found.to_string().contains("is not proven"), "{found}");
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
