//! Capture at a live platform: nothing lies on its disk before somebody opts in, what is asked then is in the dataset
//! though the platform is killed, and is gone when the dataset is erased.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    batches::files_with,
    gateway_apart::Apart,
    platform::{PATIENCE, Platform},
    serving::send,
};

/// What every prompt of this test says.
const SECRET: &str = "mirabelle-1830";

fn ask(url: &str, secret: &str, stream: bool) -> String {
    let head = format!(
        "POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\n"
    );
    let body = json!({
        "model": "chat", "stream": stream, "max_tokens": 4, "temperature": 0,
        "messages": [{"role": "user", "content": SECRET}],
    });
    let answered = send(url, &head, body.to_string().as_bytes());
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
    ask(&platform.url(), &secret, false);
    let on_disk = |platform: &Platform| files_with(&platform.path("data"), SECRET);
    assert_eq!(on_disk(&platform), Vec::<String>::new());
    let set =
        ["--dataset", "asked", "--class", "internal", "--percent", "100", "--keep-days", "30"];
    platform.good(&[&["capture", "set"][..], &set].concat());
    let whole: Value = serde_json::from_str(&ask(&platform.url(), &secret, false)).unwrap();
    ask(&platform.url(), &secret, true);
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

    ask(&platform.url(), &secret, false);
    until("one more is written", || waiting(&platform) == 1);
    platform.run(&["erase", "dataset", "asked"]).check(0, &[]);
    fs::remove_dir_all(platform.path("texts")).unwrap();
    until("nothing is left of it", || on_disk(&platform).is_empty());
    ask(&platform.url(), &secret, false);
    assert_eq!(platform.good(&["capture", "show"])["is_on"], false);
    assert_eq!(on_disk(&platform), Vec::<String>::new());
    platform.run(&["audit", "verify"]).check(0, &[]);
}

#[test]
fn a_gateway_apart_hands_over_what_it_captures_and_keeps_nothing_of_it() {
    let mut platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let set =
        ["--dataset", "asked", "--class", "internal", "--percent", "100", "--keep-days", "30"];
    platform.good(&[&["capture", "set"][..], &set].concat());
    let gateway = Apart::start(&platform, "127.0.0.1:0");
    let first: Value = serde_json::from_str(&ask(&gateway.url, &secret, false)).unwrap();
    until("it is handed over", || waiting(&platform) == 1);
    // While the platform is away it waits, in memory only.
    platform.kill();
    ask(&gateway.url, &secret, true);
    assert_eq!(files_with(&platform.path("apart"), SECRET), Vec::<String>::new());
    platform.resume();
    let n_versions = || platform.good(&["dataset", "get", "asked"])["n_versions"].clone();
    until("what the killed platform had is a version", || n_versions() == 1);
    until("the second is handed over", || waiting(&platform) == 1);
    ask(&gateway.url, &secret, false);
    gateway.stop();
    assert_eq!(waiting(&platform), 2, "it hands over what is left before it ends");
    platform.run(&["dataset", "download", "asked@v1", "--out", "texts"]).check(0, &[]);
    let file = fs::read_dir(platform.path("texts")).unwrap().next().unwrap().unwrap();
    let line: Value = serde_json::from_str(&fs::read_to_string(file.path()).unwrap()).unwrap();
    assert_eq!((&line["id"], &line["response"]["choices"]), (&first["id"], &first["choices"]));
    assert_eq!(line["request"]["messages"][0]["content"], SECRET);
}
