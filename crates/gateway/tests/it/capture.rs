//! Capture over real sockets: what is kept of a call, as the engine has heard and said it.

use std::sync::Arc;

use gateway::{
    Capture, Captured, CheckAction, CheckKind, CheckSpec, Checks, GatewayConfig, Recorder,
};
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use units::Id;

use crate::bench::{Bench, next_piece, read_json, rest};
use crate::upstream::Upstream;

async fn bench(engine: &Upstream) -> (Bench, UnboundedReceiver<Captured>) {
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    let (recorder, records) = Recorder::new(1 << 20);
    let dataset = Id::from_bytes([5; 16]);
    *bench.world.capture.lock().unwrap() = Some(Capture { dataset, permille: 1_000, recorder });
    (bench, records)
}

async fn line(records: &mut UnboundedReceiver<Captured>) -> Value {
    let record = tokio::time::timeout(std::time::Duration::from_secs(20), records.recv());
    serde_json::from_slice(&record.await.unwrap().unwrap().line).unwrap()
}

#[tokio::test]
async fn both_texts_of_a_call_are_kept_under_the_id_that_its_client_knows() {
    let engine = Upstream::start().await;
    let (bench, mut records) = bench(&engine).await;
    let ask = r#"{"model":"pub/plain","messages":[{"role":"user","content":"Bonjour"}],"seed":7}"#;
    let (_, told) = bench.chat_json(ask).await;
    let kept = line(&mut records).await;
    assert_eq!((&kept["id"], &kept["model"]), (&told["id"], &json!("pub/plain")));
    assert_eq!(kept["request"]["messages"][0]["content"], "Bonjour");
    assert_eq!(kept["request"]["seed"], 7);
    assert_eq!(kept["response"]["choices"], told["choices"]);
    assert_eq!((&kept["complete"], &kept["path"]), (&json!(true), &json!("/v1/chat/completions")));
    assert_eq!(kept["tokens_out"], told["usage"]["completion_tokens"]);
    assert_eq!(kept["key"], Value::from(Id::<units::kinds::Key>::from_bytes([1; 16]).to_string()));
}

#[tokio::test]
async fn streams_are_kept_as_whole_answers_whatever_their_pieces_and_shape() {
    let engine = Upstream::start().await;
    let (bench, mut records) = bench(&engine).await;
    for (path, asked) in
        [("/v1/chat/completions", r#""messages":[]"#), ("/v1/responses", r#""input":"hello""#)]
    {
        for model in ["plain", "dribble"] {
            let body = format!(r#"{{"model":"pub/{model}","stream":true,{asked}}}"#);
            rest(bench.post(path, &body).await.into_body()).await;
            let kept = line(&mut records).await;
            assert_eq!(kept["path"], "/v1/chat/completions", "{path}");
            let choice = &kept["response"]["choices"][0];
            assert_eq!(choice["message"]["content"], "abc", "{path} {model}: {kept}");
            assert_eq!(kept["response"]["object"], "chat.completion", "{path} {model}: {kept}");
            assert_eq!((&kept["complete"], &kept["tokens_out"]), (&json!(true), &json!(3)));
        }
    }
}

#[tokio::test]
async fn what_guardrails_take_away_is_not_kept() {
    let engine = Upstream::start().await;
    let (bench, mut records) = bench(&engine).await;
    let kind = CheckKind::Pattern { pattern: "swordfish|ab".into(), window_chars: 16 };
    let (name, on_question, on_answer) = ("no-abc".to_owned(), true, true);
    let spec = CheckSpec { name, on_question, on_answer, action: CheckAction::Redact, kind };
    *bench.world.checks.lock().unwrap() =
        Checks::compile(vec![spec]).map(|checks| Ok(Arc::new(checks)));
    for stream in [false, true] {
        let ask = format!(
            r#"{{"model":"pub/plain","stream":{stream},"messages":[{{"role":"user","content":"swordfish"}}]}}"#
        );
        rest(bench.chat(&ask).await.into_body()).await;
        let kept = line(&mut records).await;
        assert_eq!(kept["request"]["messages"][0]["content"], "[redacted: no-abc]");
        let said = &kept["response"]["choices"][0]["message"]["content"];
        assert_eq!(said, "[redacted: no-abc]c", "{kept}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_kept_as_far_as_it_came() {
    let engine = Upstream::start().await;
    let (bench, mut records) = bench(&engine).await;
    let mut body = bench.chat(r#"{"model":"pub/gated","stream":true}"#).await.into_body();
    next_piece(&mut body).await;
    drop(body);
    let kept = line(&mut records).await;
    assert_eq!(kept["complete"], json!(false));
    assert_eq!(kept["response"]["choices"][0]["message"]["content"], "a", "{kept}");
}

#[tokio::test]
async fn what_was_not_answered_or_not_asked_for_is_not_kept() {
    let engine = Upstream::start().await;
    let (bench, mut records) = bench(&engine).await;
    for model in ["pub/busy", "forbidden", "pub/strict"] {
        bench.chat(&format!(r#"{{"model":"{model}"}}"#)).await;
    }
    read_json(bench.post("/tokenize", r#"{"model":"pub/plain","prompt":"x"}"#).await).await;
    *bench.world.capture.lock().unwrap() = None;
    bench.chat_json(r#"{"model":"pub/plain"}"#).await;
    drop(bench);
    assert!(records.try_recv().is_err());
}
