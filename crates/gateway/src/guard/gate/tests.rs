//! Streams through the gate, however they are cut: nothing is lost, doubled or overtaken.

use std::future::poll_fn;
use std::time::Duration;

use http::HeaderValue;
use proptest::prelude::*;
use serde_json::json;
use units::Id;

use super::*;
use crate::Metrics;
use crate::fuzzing::Nobody;
use crate::guard::{CheckAction, CheckKind, CheckSpec, CheckerSpec, Unanswered};

fn gate(unanswered: Unanswered, window_chars: u32) -> Box<Gate> {
    let kind = CheckKind::Checker(CheckerSpec {
        project: Id::from_bytes([9; 16]),
        upstream: Id::from_bytes([4; 16]),
        is_allowed: true,
        timeout: Duration::from_secs(1),
        unanswered,
        window_chars,
    });
    let (name, action) = ("watch".to_owned(), CheckAction::Refuse);
    let spec = CheckSpec { name, on_question: false, on_answer: true, action, kind };
    let context = Arc::new(Context {
        directory: Arc::new(Nobody),
        metrics: Arc::new(Metrics::default()),
        request_id: HeaderValue::from_static("req"),
        endpoint: Id::from_bytes([8; 16]),
        model: "m".to_owned(),
    });
    Gate::new(&Arc::new(Checks::compile(vec![spec]).unwrap()), Some(context), 1 << 16).unwrap()
}

/// Everything that goes on of a stream that comes in these pieces.
fn through(gate: &mut Gate, pieces: &[&[u8]]) -> Result<String, Stopped> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut out = Vec::new();
    let last = pieces.len();
    for (n, piece) in pieces.iter().copied().chain([&b""[..]]).enumerate() {
        gate.take(piece);
        out.extend(gate.turn(n == last));
        if gate.is_asking() {
            out.extend(runtime.block_on(poll_fn(|cx| gate.poll(cx)))?);
        }
    }
    Ok(String::from_utf8(out).unwrap())
}

fn event(text: &str) -> String {
    let data = json!({"choices": [{"delta": {"content": text}, "index": 0}]});
    format!("data: {data}\n\n")
}

proptest! {
    #[test]
    fn what_passes_is_what_came(
        texts in proptest::collection::vec("[a-z\u{e9}]{0,4}", 0..12),
        cuts in proptest::collection::vec(0_usize..400, 0..12),
        window in 1_u32..9,
    ) {
        let mut stream = String::from("data: {\"choices\":[]}\n\n: still there\n\n");
        stream.extend(texts.iter().map(|text| event(text)));
        stream.push_str("data: [DONE]\n\n");
        let bytes = stream.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|two| &bytes[two[0]..two[1]]).collect();
        let mut gate = gate(Unanswered::Pass, window);
        prop_assert_eq!(through(&mut gate, &pieces).unwrap(), stream);
        prop_assert_eq!(gate.take_unshown().0, 0);
    }
}

#[test]
fn without_an_answer_no_text_passes_and_all_that_came_is_known() {
    let mut gate = gate(Unanswered::Refuse, 100);
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n";
    let stream = event("a") + &event("b") + usage;
    let stopped = through(&mut gate, &[stream.as_bytes()]).unwrap_err();
    assert_eq!(stopped, Stopped::Unavailable("watch".to_owned()));
    let (unshown, usage) = gate.take_unshown();
    assert_eq!((unshown, usage.unwrap().completion_tokens), (2, 2));
    assert_eq!(gate.take_unshown().0, 0, "once");
}
