//! Capture at a live platform: nothing lies on its disk before somebody opts in, what is asked then is in the dataset
//! though the platform is killed, and is gone when the dataset is erased.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    batches::files_with,
    platform::{PATIENCE, Platform},
    serving::send,
};

/// What every prompt of this test says.
const SECRET: &str = "mirabelle-1830";

fn ask(platform: &Platform, secret: &str, stream: bool) -> String {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\n"
    );
    let body = json!({
        "model": "chat", "stream": stream, "max_tokens": 4, "temperature": 0,
        "messages": [{"role": "user", "content": SECRET}],
    });
    let answered = send(&platform.url(), &head, body.to_string().as_bytes());
    assert_eq!(answered.status, 200, "{}", answered.text());
    answered.text()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn waiting(platform: &Platform) -> Value {
    platform.good(&["capture", "show"])["waiting"]["n_records"].clone()
}

#[test]
fn what_is_asked_after_opting_in_is_a_dataset_that_can_be_erased() {
    let mut platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    ask(&platform, &secret, false);
    let on_disk = |platform: &Platform| files_with(&platform.path("data"), SECRET);
    assert_eq!(on_disk(&platform), Vec::<String>::new());
    let set =
        ["--dataset", "asked", "--class", "internal", "--percent", "100", "--keep-days", "30"];
    platform.good(&[&["capture", "set"][..], &set].concat());
    let whole: Value = serde_json::from_str(&ask(&platform, &secret, false)).unwrap();
    ask(&platform, &secret, true);
    until("both are written", || waiting(&platform) == 2);
    platform.kill();
    platform.resume();
    let n_versions = || platform.good(&["dataset", "get", "asked"])["n_versions"].clone();
    until("they are a version", || n_versions() == 1);
    platform.run(&["dataset", "download", "asked@v1", "--out", "texts"]).check(0, &[]);
    platform.run(&["dataset", "download", "asked@v2", "--out", "none"]).check(3, &["no version 2"]);
    let files: Vec<_> = fs::read_dir(platform.path("texts")).unwrap().collect();
    let [Ok(file)] = files.as_slice() else { panic!("{files:?}") };
    let text = fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&first["id"], &first["model"]), (&whole["id"], &"chat".into()));
    assert_eq!(first["response"]["choices"], whole["choices"]);
    for line in &lines {
        assert_eq!(line["request"]["messages"][0]["content"], SECRET);
        assert_eq!(line["complete"], true);
    }
    let said = |line: &Value| line["response"]["choices"][0]["message"]["content"].clone();
    assert_eq!(said(first), said(second), "a stream is the same answer");
    assert!(!platform.run(&["events", "--limit", "1000", "-o", "json"]).stdout.contains(SECRET));

    ask(&platform, &secret, false);
    until("one more is written", || waiting(&platform) == 1);
    platform.run(&["erase", "dataset", "asked"]).check(0, &[]);
    fs::remove_dir_all(platform.path("texts")).unwrap();
    until("nothing is left of it", || on_disk(&platform).is_empty());
    ask(&platform, &secret, false);
    assert_eq!(platform.good(&["capture", "show"])["is_on"], false);
    assert_eq!(on_disk(&platform), Vec::<String>::new());
    platform.run(&["audit", "verify"]).check(0, &[]);
}
