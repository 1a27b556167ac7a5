//! The routes beside chat: what reaches an engine of each, what comes back, and what is counted.

use gateway::GatewayConfig;
use serde_json::{Value, json};

use crate::bench::{Bench, Total, read_json, rest};
use crate::upstream::Upstream;

async fn stand() -> (Upstream, Bench) {
    let engine = Upstream::start().await;
    let bench = Bench::start(&[&engine.address], GatewayConfig::default()).await;
    (engine, bench)
}

fn line(engine: &Upstream) -> String {
    engine.last().0["x-line"].to_str().unwrap().to_owned()
}

async fn counted(bench: &Bench) -> (u64, u64, u64, bool) {
    let Total { requests, prompt_tokens, completion_tokens, estimated, .. } = bench.total().await;
    (requests, prompt_tokens, completion_tokens, estimated)
}

#[tokio::test]
async fn vectors_are_named_counted_and_not_touched() {
    let (engine, bench) = stand().await;
    let body =
        r#"{"model":"pub/plain","input":[1,2],"output_dimension":2,"encoding_format":"base64"}"#;
    let (head, told) = read_json(bench.post("/v1/embeddings", body).await).await;
    assert_eq!((head.status().as_u16(), &told["model"]), (200, &json!("pub/plain")));
    assert_eq!(told["data"][0]["embedding"], json!([0.5, -1.25e-3]));
    assert!(told["id"].as_str().unwrap().starts_with("embd-"), "Mistral's client wants an id");
    assert_eq!(line(&engine), "POST /v1/embeddings");
    let sent =
        json!({"model": "plain", "input": [1, 2], "dimensions": 2, "encoding_format": "base64"});
    assert_eq!(engine.last().1, sent);
    assert_eq!(counted(&bench).await, (1, 7, 0, false));
}

#[tokio::test]
async fn tokenizers_are_asked_at_the_root_and_cost_nothing() {
    let (engine, bench) = stand().await;
    for path in ["/tokenizer_info", "/v1/tokenizer_info"] {
        let (head, told) = bench.get(&format!("{path}?model=pub/plain")).await;
        assert_eq!((head.status().as_u16(), told), (200, json!({"eos_token": "</s>"})));
        assert_eq!(line(&engine), "GET /tokenizer_info");
        let (head, told) = bench.get(path).await;
        assert_eq!((head.status().as_u16(), &told["error"]["param"]), (400, &json!("model")));
    }
    let body = r#"{"model":"pub/plain","prompt":"a","add_special_tokens":false}"#;
    let (_, told) = read_json(bench.post("/tokenize", body).await).await;
    assert_eq!(told, json!({"count": 2, "tokens": [1, 2]}));
    let sent = json!({"model": "plain", "prompt": "a", "add_special_tokens": false});
    assert_eq!((line(&engine).as_str(), engine.last().1), ("POST /tokenize", sent));
    assert_eq!(counted(&bench).await, (3, 0, 0, false));
}

#[tokio::test]
async fn the_middle_is_filled_by_a_completion() {
    let (engine, bench) = stand().await;
    let body = r#"{"model":"pub/plain","prompt":"def","suffix":"return","random_seed":7}"#;
    let (head, told) = read_json(bench.post("/v1/fim/completions", body).await).await;
    assert_eq!((head.status().as_u16(), &told["object"]), (200, &json!("chat.completion")));
    assert_eq!(told["choices"][0]["message"]["role"], "assistant");
    let sent = json!({"model": "plain", "prompt": "def", "suffix": "return", "seed": 7});
    assert_eq!((line(&engine).as_str(), engine.last().1), ("POST /v1/completions", sent));
    assert_eq!(counted(&bench).await, (1, 11, 3, false));
}

#[tokio::test]
async fn a_response_is_a_chat_whole_and_streamed() {
    let (engine, bench) = stand().await;
    let body = r#"{"model":"pub/plain","input":"hello"}"#;
    let (head, told) = read_json(bench.post("/v1/responses", body).await).await;
    assert_eq!((head.status().as_u16(), &told["object"]), (200, &json!("response")));
    assert!(told["id"].as_str().unwrap().starts_with("resp_"));
    assert_eq!(told["usage"]["total_tokens"], 14);
    let sent = json!({"model": "plain", "messages": [{"role": "user", "content": "hello"}]});
    assert_eq!((line(&engine).as_str(), engine.last().1), ("POST /v1/chat/completions", sent));
    for model in ["plain", "dribble", "abrupt"] {
        let body = format!(r#"{{"model":"pub/{model}","input":"hello","stream":true}}"#);
        let text = rest(bench.post("/v1/responses", &body).await.into_body()).await;
        let events: Vec<Value> = text
            .split_terminator("\n\n")
            .map(|event| serde_json::from_str(event.split_once("\ndata: ").unwrap().1).unwrap())
            .collect();
        let last = &events.last().unwrap()["response"];
        assert_eq!(last["output"][0]["content"][0]["text"], "abc", "{model}: {text}");
        assert_eq!(
            (&last["status"], &last["usage"]["output_tokens"]),
            (&json!("completed"), &json!(3))
        );
        assert_eq!(events.iter().filter(|e| e["type"] == "response.output_text.delta").count(), 3);
    }
    assert_eq!(counted(&bench).await, (4, 44, 12, false));
    let body = r#"{"model":"pub/plain","input":"a","previous_response_id":"resp_1"}"#;
    let (head, told) = read_json(bench.post("/v1/responses", body).await).await;
    assert_eq!(
        (head.status().as_u16(), &told["error"]["param"]),
        (400, &json!("previous_response_id"))
    );
    assert_eq!(counted(&bench).await.0, 4, "what is refused reaches no replica");
}

#[tokio::test]
async fn a_response_that_breaks_off_says_so_and_is_counted() {
    let (_engine, bench) = stand().await;
    let body = r#"{"model":"pub/cut","input":"hello","stream":true}"#;
    let text = rest(bench.post("/v1/responses", body).await.into_body()).await;
    assert!(!text.contains("response.completed"), "{text}");
    assert!(text.trim_end().rsplit("\n\n").next().unwrap().contains(r#""error""#), "{text}");
    let total = bench.total().await;
    assert_eq!((total.requests, total.errors, total.completion_tokens), (1, 1, 3));
}

#[tokio::test]
async fn what_is_not_there_is_told_in_the_envelope() {
    let (_engine, bench) = stand().await;
    for path in ["/v1/audio/speech", "/v1/assistants", "/v1/", "/v1/chat"] {
        let (head, told) = read_json(bench.post(path, "{}").await).await;
        assert_eq!(
            (head.status().as_u16(), &told["error"]["code"]),
            (404, &json!("unknown_url")),
            "{path}"
        );
        assert!(told["error"]["message"].as_str().unwrap().contains("/v1/embeddings"));
        assert!(head.headers().contains_key("x-request-id"));
    }
    for path in ["/v1/chat/completions", "/v1/embeddings", "/tokenize"] {
        let (head, told) = bench.get(path).await;
        assert_eq!(
            (head.status().as_u16(), &told["error"]["code"]),
            (405, &json!("method_not_allowed")),
            "{path}"
        );
    }
}
