//! Bad input to the real binary as a server: each gives a clear error that says what to do, and
//! nothing is lost.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output},
};

use crate::server::Server;

fn up(data: &Path, listen: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cocarde"))
        .args(["up", "--listen", listen, "--data"])
        .arg(data)
        .output()
        .unwrap()
}

/// The start failed with a message that names these.
fn refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(output.status.code().is_some(), "it must end by itself: {said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

/// One raw HTTP exchange, so that what no client would send can be sent.
fn raw(server: &Server, request: &[u8]) -> String {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    // A server may refuse and close before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(server: &Server, path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    raw(server, request.as_bytes())
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or(answer)
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let data = folder.path().join("data");
    refused(&up(&data, &format!("127.0.0.1:{port}")), &["in use", "--listen"]);
    assert!(!data.exists(), "a start that cannot succeed writes nothing");
}

#[test]
fn two_platforms_on_one_folder_exclude_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), folder.path());
    refused(&up(&folder.path().join("data"), "127.0.0.1:0"), &["another `cocarde`", "pid"]);
    assert!(
        raw(&server, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .contains("200")
    );
}

#[test]
fn a_folder_of_something_else_or_a_broken_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.doc"), "years of work").unwrap();
    refused(&up(folder.path(), "127.0.0.1:0"), &["thesis.doc", "choose an empty folder"]);
    let data = folder.path().join("data");
    drop(Server::start(&data, folder.path()));
    std::fs::write(data.join("format.json"), "{").unwrap();
    refused(&up(&data, "127.0.0.1:0"), &["format.json", "restore it from a backup"]);
    let missing = folder.path().join("thesis.doc").join("data");
    refused(&up(&missing, "127.0.0.1:0"), &["thesis.doc"]);
}

#[test]
fn a_corrupt_log_is_refused_and_not_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    Server::start(&data, folder.path()).stop();
    let path = data.join("log.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let text = b"\"name\":\"operator\"";
    // SQLite leaves stale copies behind when pages split: the live one is among those changed.
    let windows = bytes.windows(text.len()).enumerate();
    let places: Vec<usize> =
        windows.filter(|(_, window)| *window == text).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in &places {
        bytes[at + 10] ^= 1;
    }
    std::fs::write(&path, &bytes).unwrap();
    refused(&up(&data, "127.0.0.1:0"), &["corrupt", "restore from a backup"]);
    let after = std::fs::read(&path).unwrap();
    assert!(places.iter().all(|at| after[at + 10] == bytes[at + 10]), "nothing is repaired");
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    Server::start(&data, folder.path()).stop();
    // Files of this shell's child cannot grow beyond 64 kB: every write past that fails as on a
    // full disk, without needing one.
    let script = format!(
        "trap '' XFSZ; ulimit -f 128; exec {} up --listen 127.0.0.1:0 --data {}",
        env!("CARGO_BIN_EXE_cocarde"),
        data.display()
    );
    let limited = Command::new("timeout").args(["20", "sh", "-c", &script]).output().unwrap();
    let said = String::from_utf8_lossy(&limited.stderr).into_owned();
    // Whether it could start or not, what was there before is whole.
    let report = store::audit::verify(&data, &store::audit::Options::default()).unwrap();
    assert!(report.is_sound(), "{said}\n{:?}", report.findings);
    drop(Server::start(&data, folder.path()));
}

#[test]
fn bad_requests_get_problem_documents() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), folder.path());
    let json = "content-type: application/json\r\n";
    let token = format!("authorization: Bearer {}\r\n{json}", server.token);
    let organisations = "/api/v1/organisations";

    let answer = post(&server, organisations, json, "{}");
    assert_eq!(status(&answer), "401", "{answer}");
    let wrong = format!("authorization: Bearer cck_wrong\r\n{json}");
    assert_eq!(status(&post(&server, organisations, &wrong, "{}")), "401");
    let answer = post(&server, organisations, &token, "{ not json");
    assert_eq!(status(&answer), "400", "{answer}");
    let answer = post(&server, organisations, &token, r#"{"name":"a","nmae":"b"}"#);
    assert!(answer.contains("problem+json") && answer.contains("name"), "{answer}");
    for name in ["../../etc/passwd", "a/b", "..", "é", ""] {
        let body = format!(r#"{{"name":"{name}","currency":"EUR"}}"#);
        let answer = post(&server, organisations, &token, &body);
        assert!(matches!(status(&answer), "400" | "422"), "{name}: {answer}");
    }
    let big = format!(r#"{{"name":"{}"}}"#, "a".repeat(3 << 20));
    assert_eq!(status(&post(&server, organisations, &token, &big)), "413");
    let plain = format!("authorization: Bearer {}\r\ncontent-type: text/plain\r\n", server.token);
    assert_eq!(status(&post(&server, organisations, &plain, "{}")), "415");
    let get = format!(
        "GET /api/v1/workloads/job_00000000000000000000000000 HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        server.token
    );
    assert_eq!(status(&raw(&server, get.as_bytes())), "404");
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(status(&post(&server, organisations, &token, &deep)), "400" | "422"));
    let chat = post(&server, "/v1/chat/completions", &token, "{\"model\":");
    assert!(status(&chat) == "400" && chat.contains("\"error\""), "{chat}");
    assert!(
        raw(&server, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .contains("200")
    );
}
