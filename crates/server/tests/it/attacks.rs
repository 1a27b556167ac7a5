//! What somebody may try over a raw socket: smuggled requests, forged headers, guessing in disguise.
//!
//! The real server listens here, with the same stack as in production: what a library already refuses is
//! still tried, since a change of its settings would be ours.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::world::World;

/// A platform that listens on a port of its own.
struct Live {
    world: World,
    address: SocketAddr,
}

impl Live {
    async fn start() -> Self {
        let world = World::empty().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = server::router(Arc::clone(&world.platform));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { world, address }
    }

    /// Sends bytes and reads until the server closes or falls silent.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0_u8; 4_096];
        loop {
            // Silence is an answer here: the server waits for more of a request.
            let read = tokio::time::timeout(Duration::from_millis(400), stream.read(&mut buffer));
            match read.await {
                Ok(Ok(n)) if n > 0 => answer.extend_from_slice(&buffer[..n]),
                _ => break,
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// One request that closes its connection; its status and the whole answer.
    async fn ask(&self, head: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let text = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let answer = self.raw(text.as_bytes()).await;
        (status(&answer), answer)
    }
}

fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

/// A request that would be a second one if the first were read otherwise than it is meant.
const HIDDEN: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Hidden: yes\r\n\r\n";

#[tokio::test]
async fn no_request_hides_in_another() {
    let live = Live::start().await;
    let post = "POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    let length = HIDDEN.len();
    for (name, head) in [
        ("two lengths", format!("Content-Length: 2\r\nContent-Length: {length}\r\n")),
        ("a list of lengths", format!("Content-Length: 2, {length}\r\n")),
        ("a length with a sign", format!("Content-Length: +{length}\r\n")),
        ("a negative length", "Content-Length: -1\r\n".to_owned()),
        ("a length in hexadecimal", "Content-Length: 0x2\r\n".to_owned()),
        ("a coding that is not known", "Transfer-Encoding: xchunked\r\n".to_owned()),
        ("chunked, but not last", "Transfer-Encoding: chunked, identity\r\n".to_owned()),
        ("a folded line", "X-A: b\r\n c: d\r\nContent-Length: 2\r\n".to_owned()),
        ("a space before the colon", "Content-Length : 2\r\n".to_owned()),
        ("a bare carriage return", "X-A: b\rContent-Length: 2\r\n".to_owned()),
        ("a null byte", "X-A: b\0\r\nContent-Length: 2\r\n".to_owned()),
        ("a name with a space", "X A: b\r\nContent-Length: 2\r\n".to_owned()),
    ] {
        let answer = live.raw(format!("{post}{head}\r\n{{}}{HIDDEN}").as_bytes()).await;
        assert_eq!(status(&answer), 400, "{name}: {answer}");
        assert_eq!(answers(&answer), 1, "{name} was read as two requests: {answer}");
    }
}

#[tokio::test]
async fn a_length_beside_chunks_is_not_believed() {
    let live = Live::start().await;
    let head = "POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
    // By its length the body would be short and the hidden request the next; by its chunks it is one.
    let chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let both = format!("{head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
    let answer = live.raw(both.as_bytes()).await;
    assert_eq!(answers(&answer), 1, "{answer}");
    assert_eq!(status(&answer), 400, "{answer}");
}

#[tokio::test]
async fn what_headers_say_of_the_source_is_not_believed() {
    let live = Live::start().await;
    let body = json!({ "user": "ada", "password": "wrong" }).to_string();
    let mut last = 0;
    for n in 0..9 {
        let head = format!(
            "POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
             X-Forwarded-For: 198.51.100.{n}\r\nX-Real-IP: 198.51.100.{n}\r\n\
             Forwarded: for=198.51.100.{n}\r\nTrue-Client-IP: 198.51.100.{n}"
        );
        (last, _) = live.ask(&head, &body).await;
    }
    assert_eq!(last, 429, "each guess pretended to come from elsewhere");
    // Many accounts from one place: the place itself has to wait.
    let mut late = 0;
    for n in 0..40 {
        let body = json!({ "user": format!("user-{n}"), "password": "wrong" }).to_string();
        let head = "POST /api/v1/sessions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json";
        let (status, answer) = live.ask(head, &body).await;
        late += usize::from(status == 429 && answer.contains("retry-after:"));
    }
    assert!(late >= 10, "{late} of 40 were told to wait");
}

#[tokio::test]
async fn a_forged_host_leads_nobody_away() {
    let live = Live::start().await;
    for host in ["evil.test", "a\"><script>", "127.0.0.1:1", ""] {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: https"
        );
        let (status, answer) = live.ask(&head, "").await;
        assert!(status == 303 || status == 400, "{answer}");
        assert!(!answer.contains("evil.test") && !answer.contains("<script>"), "{answer}");
        if status == 303 {
            assert!(answer.contains("location: /login\r\n"), "{answer}");
        }
    }
    // A page of another site cannot sign somebody in by naming itself as the host.
    let form = format!("key={}", live.world.operator);
    let head = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Host: evil.test\r\n\
                Origin: http://evil.test\r\nContent-Type: application/x-www-form-urlencoded";
    let (status, answer) = live.ask(head, &form).await;
    assert!(status == 403 && !answer.contains("set-cookie"), "{answer}");
}

#[tokio::test]
async fn an_answer_cannot_be_split() {
    let live = Live::start().await;
    for path in
        ["/%0d%0aSet-Cookie:%20a=b", "/login?next=/%0d%0aX-Injected:%20yes", "/x%0aX-Injected:yes"]
    {
        let head = format!("GET {path} HTTP/1.1\r\nHost: a");
        let (_, answer) = live.ask(&head, "").await;
        let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
        assert!(!head.contains("x-injected") && !head.contains("set-cookie"), "{answer}");
    }
    let next = "/%0d%0aX-Injected:%20yes";
    let form = format!("key={}&next={next}", live.world.operator);
    let head = "POST /login HTTP/1.1\r\nHost: a\r\nOrigin: http://a\r\n\
                Content-Type: application/x-www-form-urlencoded";
    let (status, answer) = live.ask(head, &form).await;
    assert!(status == 303 && !answer.to_lowercase().contains("x-injected"), "{answer}");
}

#[tokio::test]
async fn cookies_and_tokens_of_the_wrong_form_open_nothing() {
    let live = Live::start().await;
    let key = &live.world.operator;
    let long = "A".repeat(20_000);
    for line in [
        format!("Cookie: cocarde_session={key}"),
        format!("Cookie: cocarde_session=\"{key}\""),
        "Cookie: cocarde_session=".to_owned(),
        "Cookie: cocarde_session=ccs_".to_owned(),
        format!("Cookie: cocarde_session=ccs_{long}"),
        "Cookie: =; ;;cocarde_session; cocarde_session=ccs_%00".to_owned(),
        format!("Authorization: Basic {key}"),
        format!("Authorization: Bearer ccc_{long}"),
        format!("Authorization: Bearer ccs_{long}"),
        format!("Authorization: Bearer {key}x"),
        format!("X-Api-Key: {key}"),
    ] {
        let (status, answer) =
            live.ask(&format!("GET /api/v1/whoami HTTP/1.1\r\nHost: a\r\n{line}"), "").await;
        assert!(matches!(status, 401 | 431), "{}: {answer}", &line[..line.len().min(60)]);
    }
    // Two headers: which one counts must not be the caller's secret.
    let two = format!(
        "GET /api/v1/whoami HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer cck_x\r\nAuthorization: Bearer {key}"
    );
    assert_eq!(live.ask(&two, "").await.0, 401);
    // A key in the address opens nothing.
    let (status, answer) = live
        .ask(&format!("GET /api/v1/organisations?token={key}&key={key} HTTP/1.1\r\nHost: a"), "")
        .await;
    assert!(status == 401 && !answer.contains(key), "{answer}");
}
