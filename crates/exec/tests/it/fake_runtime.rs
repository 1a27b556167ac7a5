//! The container path against a *fake* Docker-compatible server on a unix socket: it records what is
//! asked and answers as Docker's API does. No container runs here.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::Notify,
};
use units::DurationMicros;

use crate::harness::{Node, eventually, exited, process};

/// A fake runtime with one container.
#[derive(Default)]
struct Fake {
    requests: Mutex<Vec<String>>,
    bodies: Mutex<Vec<String>>,
    killed: Notify,
    ends_by_itself: bool,
}

impl Fake {
    fn listen(self, socket: &Path) -> Arc<Self> {
        let fake = Arc::new(self);
        let listener = UnixListener::bind(socket).unwrap();
        let serving = Arc::clone(&fake);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = Arc::clone(&serving);
                tokio::spawn(async move { fake.serve(stream).await });
            }
        });
        fake
    }

    async fn serve(&self, stream: UnixStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let mut length = 0;
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).await.ok()?;
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let request = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
        self.requests.lock().unwrap().push(request.clone());
        if !body.is_empty() {
            self.bodies.lock().unwrap().push(String::from_utf8(body).ok()?);
        }
        let (status, body) = self.answer(&request).await;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            body.len()
        );
        stream.get_mut().write_all(head.as_bytes()).await.ok()?;
        stream.get_mut().write_all(&body).await.ok()
    }

    async fn answer(&self, request: &str) -> (&'static str, Vec<u8>) {
        let json = |text: &str| ("200 OK", text.as_bytes().to_vec());
        let is = |method: &str, part: &str| request.starts_with(method) && request.contains(part);
        if is("GET", "/version") {
            json(r#"{"Version":"4.3.1","ApiVersion":"1.41"}"#)
        } else if is("GET", "/images/") {
            ("404 Not Found", br#"{"message":"no such image"}"#.to_vec())
        } else if is("POST", "/images/create") {
            json("{\"status\":\"Pulling\"}\n{\"status\":\"Done\"}\n")
        } else if is("POST", "/containers/create") {
            ("201 Created", br#"{"Id":"c1","Warnings":[]}"#.to_vec())
        } else if is("POST", "/start") {
            ("204 No Content", Vec::new())
        } else if is("GET", "/logs") {
            // One frame of the multiplexed stream: kind 1 (stdout), length 6.
            ("200 OK", [&[1, 0, 0, 0, 0, 0, 0, 6], b"hello\n".as_slice()].concat())
        } else if is("POST", "/wait") {
            if self.ends_by_itself {
                json("{\"StatusCode\":7}\n")
            } else {
                self.killed.notified().await;
                json("{\"StatusCode\":143}\n")
            }
        } else if is("POST", "/kill") {
            self.killed.notify_one();
            ("204 No Content", Vec::new())
        } else if is("GET", "/containers/json") {
            json(r#"[{"Id":"c1"}]"#)
        } else if is("GET", "/json") {
            json(r#"{"Id":"c1","State":{"OOMKilled":false}}"#)
        } else if is("GET", "/stats") {
            json(
                r#"{"cpu_stats":{"cpu_usage":{"total_usage":5000000}},"memory_stats":{"usage":4096}}"#,
            )
        } else {
            ("204 No Content", Vec::new())
        }
    }

    fn asked(&self, method: &str, part: &str) -> bool {
        let requests = self.requests.lock().unwrap();
        requests.iter().any(|request| request.starts_with(method) && request.contains(part))
    }
}

fn containers(fake: Fake) -> (Node, Arc<Fake>, api::engine::DesiredProcess) {
    let node = Node::new();
    let fake = fake.listen(&node.folder.path().join("no-runtime.sock"));
    let mut asked = process("echo hello");
    asked.launch.image = Some("registry.example/acme/train:1".to_owned());
    (node, fake, asked)
}

#[tokio::test]
async fn a_container_is_pulled_created_started_logged_and_removed() {
    let (node, fake, asked) = containers(Fake { ends_by_itself: true, ..Fake::default() });
    let seen = node.to_end(&asked).await;
    assert_eq!(seen.phase, Some(exited(Some(7), None, None)));
    assert_eq!(node.log(&asked), "hello\n");
    for (method, part) in [
        ("POST", "/images/create?fromImage=registry.example"),
        ("POST", "/containers/create?name=cocarde-job_"),
        ("POST", "/start"),
        ("DELETE", "/containers/cocarde-job_"),
    ] {
        assert!(fake.asked(method, part), "{method} {part}: {:?}", fake.requests.lock().unwrap());
    }
    let bodies = fake.bodies.lock().unwrap();
    let created: serde_json::Value = serde_json::from_str(&bodies[0]).unwrap();
    assert_eq!(created["HostConfig"]["NetworkMode"], "none");
    assert_eq!(created["WorkingDir"], "/work");
    assert_eq!(created["Labels"]["cocarde.workload"], asked.workload.to_string());
}

#[tokio::test]
async fn a_container_is_stopped_by_its_signal() {
    let (node, fake, asked) = containers(Fake::default());
    node.run(&asked).await.unwrap();
    eventually(|| fake.asked("POST", "/wait").then_some(())).await;
    node.stop(&asked, DurationMicros::from_secs(30)).await;
    let seen = node.end(&asked).await;
    assert_eq!(seen.phase, Some(exited(None, Some(15), Some("stopped"))));
    assert!(fake.asked("POST", "/kill?signal=SIGTERM"));
}

#[tokio::test]
async fn a_container_whose_supervisor_was_killed_is_removed_by_label() {
    let (node, fake, asked) = containers(Fake::default());
    node.run(&asked).await.unwrap();
    eventually(|| fake.asked("POST", "/wait").then_some(())).await;
    let text = std::fs::read_to_string(node.attempt_dir(&asked).join("shim.json")).unwrap();
    let record: exec::spec::ShimRecord = serde_json::from_str(&text).unwrap();
    let pid = rustix::process::Pid::from_raw(record.shim.pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let seen = node.end(&asked).await;
    let lost = "lost: the supervisor process died";
    assert_eq!(seen.phase, Some(exited(None, Some(9), Some(lost))));
    assert!(fake.asked("GET", "/containers/json") && fake.asked("DELETE", "/containers/c1"));
}
