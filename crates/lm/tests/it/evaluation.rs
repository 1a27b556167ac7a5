//! What evaluation tools and indexers ask: tokens, ratings of given texts, several answers, vectors.

use serde_json::{Value, json};

use crate::{
    client::{call, post},
    server::Running,
};

const PATH: &str = "/v1/completions";

#[test]
fn texts_are_cut_and_joined_again_without_loss() {
    let server = Running::trained();
    let text = "[INST]vingt et ún €[/INST]";
    let ask = json!({ "prompt": text, "add_special_tokens": false, "return_token_strs": true });
    let cut = post(server.address, "/tokenize", &ask).json();
    let tokens = cut["tokens"].as_array().unwrap();
    assert_eq!(
        (cut["count"].as_u64(), &cut["max_model_len"]),
        (Some(tokens.len() as u64), &json!(64))
    );
    let strings = cut["token_strs"].as_array().unwrap();
    assert_eq!((strings.len(), &strings[0]), (tokens.len(), &json!("[INST]")));
    assert!(strings.iter().any(|text| text.as_str().unwrap().starts_with("bytes:\\x")), "{cut}");
    let joined = post(server.address, "/detokenize", &json!({ "tokens": tokens })).json();
    assert_eq!(joined["prompt"], text);
    let with_begin = post(server.address, "/tokenize", &json!({ "prompt": text })).json();
    assert_eq!(with_begin["tokens"].as_array().unwrap()[1..], tokens[..]);
    let message = json!({ "messages": [{ "role": "user", "content": "21" }] });
    let chat = post(server.address, "/tokenize", &message).json();
    let plain = post(server.address, "/tokenize", &json!({ "prompt": "[INST]21[/INST]" })).json();
    assert_eq!(chat["tokens"], plain["tokens"]);
    let info = call(server.address, "GET", "/tokenizer_info", b"").json();
    assert_eq!((&info["eos_token"], &info["bos_token"]), (&json!("</s>"), &json!("<s>")));
    assert!(info["chat_template"].as_str().unwrap().contains("[INST]"));
    for (path, body, param) in [
        ("/tokenize", json!({}), "prompt"),
        ("/tokenize", json!({ "prompt": "a", "model": "other" }), "model"),
        ("/tokenize", json!({ "prompt": "a", "add_special_tokens": 1 }), "add_special_tokens"),
        ("/detokenize", json!({ "tokens": [999_999] }), "tokens"),
    ] {
        assert_eq!(post(server.address, path, &body).json()["error"]["param"], param, "{body}");
    }
}

/// The right continuation of a question is likelier than a wrong one: how multiple choice is scored.
#[test]
fn a_given_answer_is_rated_as_evaluation_tools_do() {
    let server = Running::trained();
    let tokens = |text: &str| {
        let ask = json!({ "prompt": text, "add_special_tokens": false });
        post(server.address, "/tokenize", &ask).json()["tokens"].as_array().unwrap().clone()
    };
    let context = tokens("<s>[INST]21[/INST]");
    let rate = |answer: &str| {
        let whole = [context.clone(), tokens(answer)].concat();
        let ask = json!({ "prompt": [whole], "max_tokens": 1, "logprobs": 1, "echo": true,
            "temperature": 0, "seed": 1234 });
        let told = post(server.address, PATH, &ask).json();
        let logprobs = &told["choices"][0]["logprobs"];
        let all = logprobs["token_logprobs"].as_array().unwrap();
        assert_eq!((all.len(), &all[0]), (whole.len() + 1, &Value::Null), "{told}");
        let last = all.len() - 1;
        let greedy = (context.len()..last).all(|place| {
            let likeliest = logprobs["top_logprobs"][place].as_object().unwrap().values();
            likeliest.filter_map(Value::as_f64).fold(f64::MIN, f64::max)
                == all[place].as_f64().unwrap()
        });
        let sum: f64 = all[context.len()..last].iter().map(|one| one.as_f64().unwrap()).sum();
        (sum, greedy)
    };
    let (right, wrong) = (rate("vingt et un"), rate("vingt-deux"));
    assert!(right.1 && !wrong.1 && right.0 > wrong.0 && right.0 < 0.0, "{right:?} {wrong:?}");
}

#[test]
fn an_echo_begins_with_its_prompt_streamed_or_not() {
    let server = Running::trained();
    let ask = json!({ "prompt": "21", "max_tokens": 3, "logprobs": 2, "echo": true });
    let whole = post(server.address, PATH, &ask).json();
    let (choice, text) = (&whole["choices"][0], whole["choices"][0]["text"].as_str().unwrap());
    assert!(text.starts_with("21") && text.len() > 2, "{whole}");
    let mut streamed = ask.clone();
    streamed["stream"] = true.into();
    let chunks = post(server.address, PATH, &streamed).chunks();
    let said: String = chunks.iter().filter_map(|c| c["choices"][0]["text"].as_str()).collect();
    assert_eq!(said, text);
    for field in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
        let parts = chunks.iter().filter_map(|c| c["choices"][0]["logprobs"][field].as_array());
        let parts: Vec<Value> = parts.flatten().cloned().collect();
        assert_eq!(Value::from(parts), choice["logprobs"][field], "{field}");
    }
    let none = json!({ "prompt": "21", "max_tokens": 0, "echo": true });
    let none = post(server.address, PATH, &none).json();
    assert_eq!(
        (&none["choices"][0]["text"], &none["usage"]["completion_tokens"]),
        (&json!("21"), &json!(0))
    );
    let refused = post(server.address, PATH, &json!({ "prompt": "21", "max_tokens": 0 }));
    assert_eq!(refused.json()["error"]["param"], "max_tokens");
}

#[test]
fn chat_tells_how_likely_its_tokens_were_and_gives_several_answers() {
    let server = Running::trained();
    let ask = json!({ "messages": [{ "role": "user", "content": "21" }], "logprobs": true,
        "top_logprobs": 2, "n": 3, "temperature": 1.5, "seed": 5 });
    let told = post(server.address, "/v1/chat/completions", &ask).json();
    let choices = told["choices"].as_array().unwrap();
    assert_eq!(choices.len(), 3);
    for (place, choice) in choices.iter().enumerate() {
        assert_eq!(choice["index"], place);
        let tokens = choice["logprobs"]["content"].as_array().unwrap();
        let text: Vec<u8> = tokens
            .iter()
            .filter(|token| token["token"] != "</s>")
            .flat_map(|token| token["bytes"].as_array().unwrap().iter())
            .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
            .collect();
        assert_eq!(String::from_utf8_lossy(&text), choice["message"]["content"].as_str().unwrap());
        assert!(tokens.iter().all(|token| token["top_logprobs"].as_array().unwrap().len() == 2));
    }
    assert_eq!(
        post(server.address, "/v1/chat/completions", &ask).json()["choices"],
        told["choices"]
    );
    let mut one = ask.clone();
    one["n"] = 1.into();
    let one = post(server.address, "/v1/chat/completions", &one).json();
    assert_eq!(one["choices"][0], told["choices"][0], "the first is what one alone would be");
    assert_eq!(one["usage"]["prompt_tokens"], told["usage"]["prompt_tokens"]);
}

#[test]
fn vectors_come_as_numbers_and_in_base_64() {
    let server = Running::trained();
    let ask = |more: Value| {
        let mut body = json!({ "input": ["vingt", "trente", "vingt"], "model": "nombres" });
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        post(server.address, "/v1/embeddings", &body)
    };
    let told = ask(json!({})).json();
    let data = told["data"].as_array().unwrap();
    assert_eq!((data.len(), &data[0]["embedding"]), (3, &data[2]["embedding"]));
    assert_ne!(data[0]["embedding"], data[1]["embedding"]);
    assert_eq!(data[0]["embedding"].as_array().unwrap().len(), 32);
    assert_eq!(told["usage"]["total_tokens"], told["usage"]["prompt_tokens"]);
    let text = ask(json!({ "encoding_format": "base64", "dimensions": 32 })).json();
    // 128 bytes: 172 letters in base 64.
    assert_eq!(text["data"][0]["embedding"].as_str().unwrap().len(), 172);
    for (more, param) in [
        (json!({ "dimensions": 8 }), "dimensions"),
        (json!({ "encoding_format": "int8" }), "encoding_format"),
        (json!({ "input": [] }), "input"),
        (json!({ "input": "x ".repeat(200) }), "input"),
    ] {
        let refused = ask(more);
        assert_eq!((refused.status, &refused.json()["error"]["param"]), (400, &json!(param)));
    }
}
