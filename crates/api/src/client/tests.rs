//! Checks of the client against a socket that answers what the test says.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    thread::{self, JoinHandle},
};

use units::{Digest, Id, kinds};

use super::*;
use crate::{
    nouns::{
        common::IdPath,
        node_action::NodeUncordon,
        organisation::{Currency, Organisation, OrganisationCreate, OrganisationNew},
        platform::Healthz,
        workload::WorkloadList,
        workload::{WorkloadQuery, WorkloadState},
        workload_insight::{LogsQuery, WorkloadLogs},
    },
    problem::Code,
};

/// Answers one request with these bytes and gives back what was asked: head and body.
fn answer(response: String) -> (Client, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&socket);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0);
        }
        let length = head
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        (&socket).write_all(response.as_bytes()).unwrap();
        (head.to_lowercase(), body)
    });
    (Client::new(&url, Some("secret")).unwrap(), server)
}

fn http(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const ORGANISATION: &str = r#"{"id":"org_00000000000000000000000000","name":"orange",
    "currency":"EUR","version":1,"seq":7,"created_at":"2026-03-01T08:00:00Z"}"#;

#[test]
fn a_call_sends_and_reads_json() {
    let (client, server) = answer(http(201, ORGANISATION));
    let body = OrganisationNew { name: "orange".parse().unwrap(), currency: Currency::Eur };
    let options = Options { idempotency_key: Some("k1".into()), if_match: Some(3), timeout: None };
    let made: Organisation =
        client.call::<OrganisationCreate>(&Nothing {}, &Nothing {}, &body, &options).unwrap();
    assert_eq!((made.name.as_str(), made.seq), ("orange", 7));
    let (head, sent) = server.join().unwrap();
    assert!(head.starts_with("post /api/v1/organisations http/1.1\r\n"), "{head}");
    for line in ["authorization: bearer secret", "idempotency-key: k1", "if-match: \"3\""] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
    }
    assert_eq!(sent, br#"{"name":"orange","currency":"EUR"}"#);
}

#[test]
fn parameters_are_filled_in_and_encoded() {
    let (client, server) = answer(http(200, r#"{"items":[],"as_of":0}"#));
    let query = WorkloadQuery {
        project: Some("orange/nlp".parse().unwrap()),
        state: Some(WorkloadState::Running),
        limit: Some(5),
        ..WorkloadQuery::default()
    };
    let page = client.get::<WorkloadList>(&Nothing {}, &query).unwrap();
    assert_eq!(page.items.len(), 0);
    let (head, _) = server.join().unwrap();
    let line = head.lines().next().unwrap().to_owned();
    assert!(line.contains("project=orange%2fnlp") && line.contains("state=running"), "{line}");
    assert!(line.contains("limit=5") && !line.contains("null"), "{line}");
}

#[test]
fn a_post_without_a_body_says_so() {
    let (client, server) = answer(http(500, "oops"));
    let path = IdPath { id: Id::<kinds::Node>::from_bytes([0; 16]) };
    let error = client.get::<NodeUncordon>(&path, &Nothing {}).unwrap_err();
    assert!(matches!(error, ClientError::InvalidAnswer { status: 500, .. }), "{error}");
    assert!(error.to_string().contains("`oops`"));
    let (head, _) = server.join().unwrap();
    assert!(head.contains("\r\ncontent-length: 0\r\n"), "{head}");
    assert!(head.contains("/api/v1/nodes/node_00000000000000000000000000/uncordon "), "{head}");
}

#[test]
fn a_problem_document_becomes_an_error_with_its_remedy() {
    let problem =
        Problem::new(Code::NameTaken, "the name `a` is taken").with_remedy("take another");
    let (client, server) = answer(http(409, &serde_json::to_string(&problem).unwrap()));
    let error = client.get::<Healthz>(&Nothing {}, &Nothing {}).unwrap_err();
    assert_eq!(error.code(), Some(Code::NameTaken));
    let text = error.to_string();
    assert_eq!(text, "the name is taken: the name `a` is taken\n  remedy: take another");
    server.join().unwrap();
}

#[test]
fn nobody_there_gives_a_hint() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url, None).unwrap();
    let error = client.get::<Healthz>(&Nothing {}, &Nothing {}).unwrap_err();
    assert_eq!(error, ClientError::Refused { url });
    assert!(error.to_string().contains("is `cocarde up` running?"));
}

#[test]
fn an_answer_of_someone_else_is_not_understood() {
    for response in [http(200, "<html>"), "SSH-2.0\r\n\r\n".to_owned()] {
        let (client, server) = answer(response);
        let error = client.get::<Healthz>(&Nothing {}, &Nothing {}).unwrap_err();
        assert!(
            matches!(error, ClientError::InvalidAnswer { .. } | ClientError::Unreachable { .. }),
            "{error:?}"
        );
        server.join().unwrap();
    }
    for bad in ["", "localhost:1", "ftp://a", "http://", "http://a?b=c", "a b"] {
        assert!(matches!(Client::new(bad, None), Err(ClientError::BaseUrl { .. })), "{bad}");
    }
    let client = Client::new("http://127.0.0.1:1", Some("a\nb")).unwrap();
    let error = client.get::<Healthz>(&Nothing {}, &Nothing {}).unwrap_err();
    assert!(matches!(error, ClientError::BadRequest { .. }), "{error:?}");
}

#[test]
fn logs_are_streamed() {
    let (client, server) = answer(http(200, "line 1\nline 2\n"));
    let path = IdPath { id: Id::<kinds::Workload>::from_bytes([0; 16]) };
    let query = LogsQuery { follow: Some(true), ..LogsQuery::default() };
    let mut text = String::new();
    client.stream::<WorkloadLogs>(&path, &query).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "line 1\nline 2\n");
    let (head, _) = server.join().unwrap();
    assert!(head.contains("/logs?follow=true ") && head.contains("accept: text/plain"), "{head}");
}

#[test]
fn events_are_followed() {
    let event = r#"{"seq":3,"at":"2026-03-01T08:00:00Z","kind":"k","data":{"a":1}}"#;
    let body =
        format!(": alive\n\nid: 3\nevent: k\ndata: {event}\n\ndata:{event}\r\n\r\ndata: cut");
    let (client, server) = answer(http(200, &body));
    let events = client.follow_events(&EventQuery::default()).unwrap();
    let events: Vec<_> = events.collect::<Result<_, _>>().unwrap();
    assert_eq!(events.len(), 2, "the incomplete message is dropped");
    assert_eq!((events[0].seq, &events[0].data["a"]), (3, &serde_json::json!(1)));
    let (head, _) = server.join().unwrap();
    assert!(head.contains("text/event-stream") && head.contains("follow=true"), "{head}");
}

#[test]
fn a_blob_is_sent_from_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blob");
    std::fs::write(&path, b"content").unwrap();
    let digest = Digest([7; 32]);
    let (client, server) = answer(http(200, &format!(r#"{{"digest":"{digest}","size_bytes":7}}"#)));
    let stored = client.put_blob(&DigestPath { digest }, File::open(&path).unwrap()).unwrap();
    assert_eq!(stored.size_bytes.0, 7);
    let (head, body) = server.join().unwrap();
    assert!(head.starts_with(&format!("put /api/v1/blobs/{digest} ")), "{head}");
    assert!(head.contains("content-type: application/octet-stream"), "{head}");
    assert_eq!(body, b"content");
}
