//! Services: a port, readiness, silence, and death.

use std::fs;

use api::engine::{DesiredProcess, Phase};
use units::DurationMicros;

use crate::harness::{Node, exited, process, python_exists};

/// Answers 200 while `sick` does not exist, 503 while it does, and ends when `die` exists.
const SERVER: &str = r#"
cat > server.py <<'EOF'
import os, http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if os.path.exists('die'):
            os._exit(9)
        self.send_response(503 if os.path.exists('sick') or self.path != '/healthz' else 200)
        self.end_headers()
http.server.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
EOF
while [ ! -e go ]; do sleep 0.02; done
exec python3 server.py
"#;

fn service() -> DesiredProcess {
    let mut asked = process(SERVER);
    asked.launch.service = true;
    asked
}

fn is_ready(phase: Option<&Phase>) -> bool {
    matches!(phase, Some(Phase::Ready { .. }))
}

#[tokio::test]
async fn a_service_becomes_ready_unready_and_dies() {
    if !python_exists() {
        eprintln!("SKIPPED: no python3 to serve with");
        return;
    }
    let mut node = Node::new();
    let asked = service();
    node.run(&asked).await.unwrap();
    node.until(&asked, |seen| seen.phase == Some(Phase::Running)).await;
    let work = node.work(&asked);
    fs::write(work.join("go"), "").unwrap();
    let ready = node.until(&asked, |seen| is_ready(seen.phase.as_ref())).await;
    node.restart();
    let adopted = node.until(&asked, |seen| is_ready(seen.phase.as_ref())).await;
    assert_eq!(adopted.phase, ready.phase, "the port stays for the attempt");
    fs::write(work.join("sick"), "").unwrap();
    node.until(&asked, |seen| seen.phase == Some(Phase::Unready)).await;
    fs::remove_file(work.join("sick")).unwrap();
    node.until(&asked, |seen| is_ready(seen.phase.as_ref())).await;
    fs::write(work.join("die"), "").unwrap();
    assert_eq!(node.end(&asked).await.phase, Some(exited(Some(9), None, None)));
}

#[tokio::test]
async fn two_services_have_two_ports() {
    let node = Node::new();
    let mut ports = Vec::new();
    for _ in 0..2 {
        let mut asked = process("echo $PORT > port; exec sleep 1000");
        asked.launch.service = true;
        node.run(&asked).await.unwrap();
        ports.push(node.file(&asked, "port").await.parse::<u16>().unwrap());
        node.stop(&asked, DurationMicros::ZERO).await;
    }
    assert!(ports.iter().all(|port| *port > 0));
}
