//! What tests of files and batches share: a gateway that keeps them, forms, and a safe that seals for one place.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway::{BatchConfig, Caller, GatewayConfig, Refusal, Safe, SafeError, Seal};
use http::{Method, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use units::{Id, kinds};

use crate::bench::{Bench, World, read_json};

/// Seals by turning bits and writing the place beside them: enough to tell whether it was asked rightly.
#[derive(Debug)]
struct Paper(u8);

impl Seal for Paper {
    fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, SafeError> {
        let head = format!("{}|{place}|", self.0);
        Ok(head.into_bytes().into_iter().chain(plain.iter().map(|byte| byte ^ 0x55)).collect())
    }

    fn open(&self, place: &str, sealed: &[u8]) -> Result<Vec<u8>, SafeError> {
        let head = format!("{}|{place}|", self.0);
        let found = sealed.strip_prefix(head.as_bytes());
        let found = found.ok_or(SafeError { detail: "another place".into() })?;
        Ok(found.iter().map(|byte| byte ^ 0x55).collect())
    }
}

impl Safe for World {
    fn may_keep(&self, caller: &Caller) -> Result<(), Refusal> {
        // The second key is one that may look and not ask.
        if caller.key == Id::from_bytes([2; 16]) { Err(Refusal::Forbidden) } else { Ok(()) }
    }

    fn holder(&self, key: Id<kinds::Key>) -> Result<Caller, Refusal> {
        self.caller(key.as_bytes()[0])
    }

    fn seal_of(&self, project: Id<kinds::Project>) -> Result<Arc<dyn Seal>, SafeError> {
        Ok(Arc::new(Paper(project.as_bytes()[0])))
    }
}

/// A gateway that keeps files and batches in front of a replica.
pub(crate) async fn start(
    replica: &str,
    adjust: impl FnOnce(&mut GatewayConfig, &mut BatchConfig),
) -> Bench {
    let world = Arc::new(World::default());
    world.replicas.lock().unwrap().push(replica.to_owned());
    resume(world, Arc::new(tempfile::tempdir().unwrap()), adjust).await
}

/// The same on what another has left.
pub(crate) async fn resume(
    world: Arc<World>,
    folder: Arc<tempfile::TempDir>,
    adjust: impl FnOnce(&mut GatewayConfig, &mut BatchConfig),
) -> Bench {
    let mut config = GatewayConfig::default();
    let mut kept = BatchConfig::new(folder.path().join("content"));
    kept.retry_min = Duration::from_millis(5);
    kept.retry_max = Duration::from_millis(50);
    kept.look_again = Duration::from_millis(50);
    adjust(&mut config, &mut kept);
    Bench::open(world, folder, config, Some(kept)).await
}

/// A form as `openai` sends it, or with its file first as `curl` may.
pub(crate) fn form(fields: &[(&str, &str)], file: Option<&[u8]>, file_first: bool) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = fields
        .iter()
        .map(|(name, value)| {
            format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .into_bytes()
        })
        .collect();
    if let Some(file) = file {
        let head = "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\
                    Content-Type: application/octet-stream\r\n\r\n";
        let part = [head.as_bytes(), file, b"\r\n"].concat();
        parts.insert(if file_first { 0 } else { parts.len() }, part);
    }
    parts.push(b"--xx--\r\n".to_vec());
    parts.concat()
}

/// Sends a form; the status and what was answered.
pub(crate) async fn send_form(bench: &Bench, key: &str, form: Vec<u8>) -> (u16, Value) {
    let request = bench
        .request(Method::POST, "/v1/files", key)
        .header("content-type", "multipart/form-data; boundary=xx")
        .body(Full::from(form))
        .unwrap();
    split(read_json(bench.send(request).await).await)
}

/// Uploads a file of requests; its id.
pub(crate) async fn upload(bench: &Bench, key: &str, content: &[u8]) -> String {
    let (status, file) =
        send_form(bench, key, form(&[("purpose", "batch")], Some(content), false)).await;
    assert_eq!(status, 200, "{file}");
    file["id"].as_str().unwrap().to_owned()
}

/// Any request with a key; the status and the JSON answered.
pub(crate) async fn ask(
    bench: &Bench,
    key: &str,
    (method, path): (Method, &str),
    body: Value,
) -> (u16, Value) {
    let body =
        if body.is_null() { Full::default() } else { Full::from(Bytes::from(body.to_string())) };
    let request = bench.request(method, path, key).body(body).unwrap();
    split(read_json(bench.send(request).await).await)
}

pub(crate) async fn get(bench: &Bench, path: &str) -> (u16, Value) {
    ask(bench, "key-1", (Method::GET, path), Value::Null).await
}

/// The bytes of a file, with their status.
pub(crate) async fn content(bench: &Bench, key: &str, id: &str) -> (u16, Vec<u8>) {
    let path = format!("/v1/files/{id}/content");
    let request = bench.request(Method::GET, &path, key).body(Full::default()).unwrap();
    let answer = bench.send(request).await;
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.unwrap().to_bytes().to_vec())
}

fn split((head, body): (Response<()>, Value)) -> (u16, Value) {
    (head.status().as_u16(), body)
}

/// A line of a batch.
pub(crate) fn line(custom_id: &str, model: &str) -> String {
    let body = json!({"model": model, "messages": [{"role": "user", "content": custom_id}]});
    let line = json!({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body});
    format!("{line}\n")
}

/// Makes a batch of these lines with the first key; its id.
pub(crate) async fn begin(bench: &Bench, lines: &str) -> String {
    let file = upload(bench, "key-1", lines.as_bytes()).await;
    let body = json!({
        "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        "metadata": {"for": "tests"},
    });
    let (status, batch) = ask(bench, "key-1", (Method::POST, "/v1/batches"), body).await;
    assert_eq!((status, &batch["status"]), (200, &json!("validating")), "{batch}");
    batch["id"].as_str().unwrap().to_owned()
}

/// Looks at something until it has this state; for ten seconds at most.
pub(crate) async fn until(bench: &Bench, path: &str, wanted: &str) -> Value {
    until_that(bench, path, |shown| shown["status"] == wanted).await
}

pub(crate) async fn until_that(bench: &Bench, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    until_as(bench, "key-1", path, holds).await
}

pub(crate) async fn until_as(
    bench: &Bench,
    key: &str,
    path: &str,
    holds: impl Fn(&Value) -> bool,
) -> Value {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let (status, shown) = ask(bench, key, (Method::GET, path), Value::Null).await;
        assert_eq!(status, 200, "{shown}");
        if holds(&shown) {
            return shown;
        }
        assert!(Instant::now() < deadline, "it never came: {shown}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The rows of a result file.
pub(crate) async fn rows(bench: &Bench, id: &Value) -> Vec<Value> {
    let (status, bytes) = content(bench, "key-1", id.as_str().unwrap()).await;
    assert_eq!(status, 200);
    let text = String::from_utf8(bytes).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What rows say their lines are called, in order.
pub(crate) fn names(rows: &[Value]) -> Vec<String> {
    let mut names: Vec<String> =
        rows.iter().map(|row| row["custom_id"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

/// Files below the folder of what is kept whose bytes hold these; and how many there are in all.
pub(crate) fn on_disk(bench: &Bench, needle: &str) -> (usize, usize) {
    let mut folders = vec![bench.folder.path().join("content")];
    let (mut with, mut all) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // It may go while it is looked at.
            let bytes = std::fs::read(path).unwrap_or_default();
            all += 1;
            with += usize::from(bytes.windows(needle.len()).any(|part| part == needle.as_bytes()));
        }
    }
    (with, all)
}
