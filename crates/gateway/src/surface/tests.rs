//! Requests and answers put into other words: checks of whole bodies, as clients and engines see them.

use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Shape, request, to_engine, tokens};
use crate::call::Call;
use crate::directory::ModelCard;
use crate::json::Fields;
use crate::translate::Names;

fn names() -> Names {
    Names { model_json: "\"pub/m\"".into(), id_json: "\"cmpl-1\"".into() }
}

fn engine(call: Call, body: &str) -> Value {
    let mut fields = Fields::parse(body.as_bytes()).unwrap();
    to_engine(call, &mut fields).unwrap();
    serde_json::from_str(&fields.to_json()).unwrap()
}

#[test]
fn mistrals_words_become_openais_and_the_rest_stays() {
    let chat = r#"{"model":"m","random_seed":7,"tool_choice":"any","safe_prompt":true}"#;
    let expected = json!({"model": "m", "seed": 7, "tool_choice": "required", "safe_prompt": true});
    assert_eq!(engine(Call::Chat, chat), expected);
    let both = r#"{"random_seed":7,"seed":8,"tool_choice":"auto"}"#;
    assert_eq!(engine(Call::Chat, both), json!({"seed": 8, "tool_choice": "auto"}));
    assert_eq!(engine(Call::Fim, r#"{"random_seed":7}"#), json!({"seed": 7}));
    let vectors = r#"{"input":"a","output_dimension":64,"output_dtype":"float"}"#;
    assert_eq!(engine(Call::Embeddings, vectors), json!({"input": "a", "dimensions": 64}));
    let mut fields = Fields::parse(br#"{"output_dtype":"int8"}"#).unwrap();
    let refused = to_engine(Call::Embeddings, &mut fields).unwrap_err();
    assert_eq!((refused.status.as_u16(), refused.param.as_deref()), (400, Some("output_dtype")));
}

#[test]
fn a_completion_is_told_as_mistral_tells_it() {
    let body = json!({"id": "x", "object": "text_completion", "model": "m", "created": 5,
        "choices": [{"index": 0, "text": "b = 2", "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}});
    let told = Shape::Fim.whole(body.to_string().as_bytes(), &names()).unwrap();
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(
        (&told["object"], &told["id"], &told["model"]),
        (&json!("chat.completion"), &json!("cmpl-1"), &json!("pub/m"))
    );
    let message = json!({"role": "assistant", "content": "b = 2"});
    assert_eq!(
        told["choices"],
        json!([{"index": 0, "message": &message, "finish_reason": "stop"}])
    );
    assert_eq!(told["usage"], body["usage"]);
    let mut out = Vec::new();
    let mut events = Shape::Fim.events(1 << 20).unwrap();
    let chunk = body.to_string();
    events.event(&Fields::parse(chunk.as_bytes()).unwrap(), &names(), &mut out).unwrap();
    events.end(&names(), &mut out);
    let text = String::from_utf8(out).unwrap();
    let data = text.strip_prefix("data: ").unwrap();
    let (event, end) = data.split_once("\n\n").unwrap();
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["choices"][0]["delta"], message);
    assert_eq!(end, "data: [DONE]\n\n");
}

#[test]
fn a_tokenizer_is_that_of_the_model_named_or_of_the_only_one() {
    let card = |id: &str| ModelCard {
        id: id.into(),
        created_unix_s: 0,
        owned_by: String::new(),
        context_tokens_max: 1,
        fine_tuned: false,
    };
    let ask = |call, query, header: Option<&str>, body: &'static str, n_models| {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-cocarde-model", header.parse().unwrap());
        }
        let models = || ["a", "b"].iter().take(n_models).map(|id| card(id)).collect();
        tokens::with_model(call, (query, &headers), Bytes::from(body), models)
            .map(|body| serde_json::from_slice::<Value>(&body).unwrap()["model"].clone())
    };
    assert_eq!(ask(Call::Tokenize, None, None, r#"{"model":"x"}"#, 2).unwrap(), "x");
    assert_eq!(ask(Call::Tokenize, None, Some("h"), "{}", 2).unwrap(), "h");
    assert_eq!(ask(Call::Tokenize, None, None, "{}", 1).unwrap(), "a");
    assert_eq!(ask(Call::TokenizerInfo, Some("x=1&model=org%2Fm"), None, "", 2).unwrap(), "org/m");
    for n_models in [0, 2] {
        let refused = ask(Call::TokenizerInfo, None, None, "", n_models).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.param.as_deref()), (400, Some("model")));
    }
}

proptest! {
    #[test]
    fn any_body_is_put_into_other_words_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        text in r#"\{("input":|"text":|"tools":|"type":|"include":|"a"|[\[\]{}",:0-9n\\]){0,40}\}"#,
    ) {
        for body in [bytes, text.into_bytes()] {
            for call in Call::ALL {
                let (head, ()) = http::Request::new(()).into_parts();
                match request(call, &head, Bytes::from(body.clone()), Vec::new) {
                    Ok(translated) => {
                        // An engine may answer anything.
                        let _ = translated.shape.whole(&body, &names());
                        if let Some(mut events) = translated.shape.events(1 << 10) {
                            let mut out = Vec::new();
                            if let Ok(fields) = Fields::parse(&body) {
                                let _ = events.event(&fields, &names(), &mut out);
                            }
                            events.end(&names(), &mut out);
                            prop_assert!(std::str::from_utf8(&out).is_ok());
                        }
                    }
                    Err(refused) => prop_assert_eq!(refused.status.as_u16(), 400),
                }
            }
        }
    }
}
