//! Files and batches at a live platform: through a kill, sealed on its disk, and in none of its entries.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    platform::{PATIENCE, Platform},
    serving::{Answered, send},
};

/// What every prompt of these tests says.
const SECRET: &str = "framboise-1974";

fn ask(url: &str, secret: &str, line: &str, body: &[u8]) -> Answered {
    let head = format!("{line} HTTP/1.0\r\nauthorization: Bearer {secret}\r\n");
    let form = "content-type: multipart/form-data; boundary=xx\r\n";
    let kind = if body.starts_with(b"--xx") { form } else { "content-type: application/json\r\n" };
    send(url, &format!("{head}{kind}"), body)
}

fn upload(url: &str, secret: &str, content: &str) -> Answered {
    let form = format!(
        "--xx\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
         --xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{SECRET}.jsonl\"\r\n\r\n\
         {content}\r\n--xx--\r\n"
    );
    ask(url, secret, "POST /v1/files", form.as_bytes())
}

fn good(answered: &Answered) -> Value {
    assert_eq!(answered.status, 200, "{}", answered.text());
    answered.json()
}

fn until(platform: &Platform, secret: &str, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let batch = good(&ask(&platform.url(), secret, &format!("GET /v1/batches/{id}"), b""));
        if holds(&batch) {
            return batch;
        }
        assert!(Instant::now() < deadline, "{batch}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Files below a folder that hold these bytes.
pub(crate) fn files_with(dir: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files_with(&path, needle));
        } else if fs::read(&path)
            .unwrap_or_default()
            .windows(needle.len())
            .any(|part| part == needle.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_batch_outlives_a_killed_platform() {
    let mut platform = Platform::start();
    platform.serve(&["chat"]);
    let secret = platform.caller_key();
    let n = 60;
    let lines: String = (0..n)
        .map(|number| {
            let prompt = json!([{"role": "user", "content": format!("{SECRET} {number}")}]);
            let body = json!({"model": "chat", "max_tokens": 4, "messages": prompt});
            let url = "/v1/chat/completions";
            format!("{}\n", json!({"custom_id": format!("{number}"), "method": "POST", "url": url, "body": body}))
        })
        .collect();
    let file = good(&upload(&platform.url(), &secret, &lines));
    let wanted = json!({
        "input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h",
        "metadata": {"note": SECRET},
    });
    let made = ask(&platform.url(), &secret, "POST /v1/batches", wanted.to_string().as_bytes());
    let id = good(&made)["id"].as_str().unwrap().to_owned();
    let some = |batch: &Value| batch["request_counts"]["completed"].as_u64() >= Some(5);
    until(&platform, &secret, &id, some);
    platform.kill();
    platform.resume();
    let batch = until(&platform, &secret, &id, |batch| batch["status"] == "completed");
    assert_eq!(batch["request_counts"], json!({"total": n, "completed": n, "failed": 0}));
    let output = format!("GET /v1/files/{}/content", batch["output_file_id"].as_str().unwrap());
    let content = ask(&platform.url(), &secret, &output, b"");
    assert_eq!(content.status, 200);
    let rows: Vec<Value> =
        content.text().lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let mut names: Vec<u64> =
        rows.iter().map(|row| row["custom_id"].as_str().unwrap().parse().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, (0..n).collect::<Vec<_>>(), "each once");
    assert!(rows.iter().all(|row| row["response"]["body"]["model"] == "chat"), "{rows:?}");
    // Nothing that the tenant wrote is in an entry or lies open.
    assert!(!platform.run(&["events", "--limit", "1000", "-o", "json"]).stdout.contains(SECRET));
    assert_eq!(files_with(&platform.path("data"), SECRET), Vec::<String>::new());
    platform.run(&["audit", "verify"]).check(0, &[]);
    strangers(&platform, &secret, &output);
}

/// Who may not keep files, and who sees no others'.
fn strangers(platform: &Platform, secret: &str, output: &str) {
    let url = platform.url();
    let token = platform.good(&["--token", secret, "key", "capability"]);
    let token = token["token"].as_str().unwrap();
    let viewer = platform.good(&["key", "create", "looks", "--role", "viewer"]);
    let viewer = viewer["secret"].as_str().unwrap();
    let operator = fs::read_to_string(platform.path("token")).unwrap();
    for who in [token, viewer, operator.trim()] {
        for line in ["GET /v1/files", output, "GET /v1/batches", "GET /v1/batch/jobs"] {
            let answered = ask(&url, who, line, b"");
            assert_eq!(answered.status, 403, "{line}: {}", answered.text());
        }
    }
    platform.good(&["project", "create", "example/other"]);
    let other = platform.good(&[
        "key",
        "create",
        "other",
        "--role",
        "inference",
        "--project",
        "example/other",
    ]);
    let other = other["secret"].as_str().unwrap();
    assert_eq!(good(&ask(&url, other, "GET /v1/files", b""))["data"], json!([]));
    assert_eq!(ask(&url, other, output, b"").status, 404);
}
