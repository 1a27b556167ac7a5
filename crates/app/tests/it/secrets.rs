//! What is secret is in nothing that the platform writes, wherever a caller puts it: not in its messages at their most
//! talkative, not in events, not in error answers, not in metrics.

use std::{fs, process::Stdio, time::Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Home, platform::PATIENCE, serving::send};

/// A key as ours look, that opens nothing; what is searched for is its end.
const KEY: &str = "cck_0MARKEDkey7fVq3nJ9xTt2";
/// The same for tokens, sessions, and for somebody else's secret.
const TOKEN: &str = "ccc_0MARKEDtoken5Zq1Wm8Rb4";
const SESSION: &str = "ccs_0MARKEDsession6Yp2Lk";
const PASSWORD: &str = "0MARKEDpassword3Hd8Ws";
/// All of them have this.
const MARK: &str = "0MARKED";

/// Paths of each part of the surface.
const PATHS: [&str; 14] = [
    "/",
    "/healthz",
    "/metrics",
    "/console/sign-in",
    "/console/workloads",
    "/api/v1/workloads",
    "/api/v1/keys",
    "/api/v1/receipts",
    "/api/v1/sessions",
    "/api/v1/capabilities",
    "/v1/models",
    "/v1/chat/completions",
    "/scim/v2/Users",
    "/log/checkpoint",
];

/// Heads and bodies with secrets in every place.
fn requests(path: &str) -> Vec<(String, String)> {
    let query = format!("{path}?token={KEY}&api_key={TOKEN}&access_token={PASSWORD}&limit={KEY}");
    let below = format!("{path}/{KEY}");
    let json = "content-type: application/json\r\n";
    let bodies = [
        format!(r#"{{"token":"{KEY}","password":"{PASSWORD}","model":"{TOKEN}","name":"{KEY}"}}"#),
        format!(r#"{{"secret":{{"{KEY}":["{SESSION}"]}},"{TOKEN}":1}}"#),
        format!(r#"{{"token":"{KEY}","password":"{PASSWORD}"#),
        format!("token={KEY}&password={PASSWORD}&state={TOKEN}"),
        format!(r#"["{KEY}"]"#),
    ];
    let heads = [
        format!("authorization: Bearer {KEY}\r\n"),
        format!("authorization: Bearer {TOKEN}\r\n"),
        format!("authorization: Basic {PASSWORD}\r\n"),
        format!("authorization: {PASSWORD}\r\n"),
        format!("cookie: cocarde_session={SESSION}; other={PASSWORD}\r\n"),
        format!(
            "x-api-key: {KEY}\r\nidempotency-key: {KEY}\r\nif-match: {KEY}\r\nreferer: /{KEY}\r\n"
        ),
    ];
    let mut made = Vec::new();
    for place in [path, &query, &below] {
        for head in &heads {
            made.push((format!("GET {place} HTTP/1.0\r\n{head}"), String::new()));
        }
        for body in &bodies {
            for media in [json, "content-type: application/x-www-form-urlencoded\r\n"] {
                let head = format!("POST {place} HTTP/1.0\r\n{media}{}", heads[0]);
                made.push((head, body.clone()));
            }
        }
    }
    made
}

#[test]
fn secrets_are_in_nothing_that_the_platform_writes() {
    let home = Home::new();
    let said = fs::File::create(home.path("said")).unwrap();
    let up = ["up", "--data", "data", "--listen", "127.0.0.1:0", "--ready-file", "ready"];
    let mut command = home.command(&up);
    command.args(["--token-file", "token"]).env("COCARDE_LOG", "trace");
    command.stdout(Stdio::from(said.try_clone().unwrap())).stderr(Stdio::from(said));
    let mut process = command.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let url = loop {
        let ready = fs::read_to_string(home.path("ready")).unwrap_or_default();
        if !ready.trim().is_empty() {
            break ready.trim().to_owned();
        }
        assert!(Instant::now() < deadline && process.try_wait().unwrap().is_none());
        std::thread::yield_now();
    };
    let operator = fs::read_to_string(home.path("token")).unwrap().trim().to_owned();
    let (mut answers, mut refused) = (0, 0);
    for path in PATHS {
        for (head, body) in requests(path) {
            // As nobody, and as somebody whose requests go on to be read.
            let known = head.replace(&format!("Bearer {KEY}"), &format!("Bearer {operator}"));
            for head in [&head, &known] {
                let answered = send(&url, head, body.as_bytes());
                answers += 1;
                refused += u32::from(answered.status >= 400);
                assert!(answered.status < 500, "{head}{body}\n{}", answered.text());
                let shown = format!("{}\n{}", answered.headers, answered.text());
                assert!(!shown.contains(MARK), "{head}{body}\n\n{shown}");
            }
        }
    }
    assert!(refused > 500, "{refused} of {answers} were refused");
    let bearer = format!("authorization: Bearer {operator}\r\n");
    for path in ["/metrics", "/api/v1/events?limit=500"] {
        let shown = send(&url, &format!("GET {path} HTTP/1.0\r\n{bearer}"), b"");
        assert_eq!(shown.status, 200, "{}", shown.text());
        assert!(!shown.text().contains(MARK) && !shown.text().contains(&operator), "{path}");
    }
    kill_process(Pid::from_child(&process), Signal::TERM).unwrap();
    process.wait().unwrap();
    let said = fs::read_to_string(home.path("said")).unwrap();
    assert!(said.contains(" INFO "), "it says something: {said}");
    for secret in [MARK, operator.as_str()] {
        let line = said.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "of {answers} answers");
    }
}
