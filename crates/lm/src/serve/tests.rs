//! The parser on any input, and text that never breaks a character or leaks a stop sequence.

use proptest::prelude::*;

use super::{
    error::ApiError,
    request::{self, Limits, Prompt},
    text::{Piece, TextStream},
};
use crate::{chat::Role, dataset::Sample, tokenizer::TextTokenizer};

const LIMITS: Limits = Limits {
    context: 64,
    vocabulary: 300,
    dimensions: 16,
    answer_tokens_default: 16,
    prompts_max: 4,
    temperature_default: 0.0,
};

fn refused(body: &str) -> ApiError {
    request::chat(body.as_bytes(), &LIMITS).unwrap_err()
}

#[test]
fn a_full_chat_request_is_read() {
    let body = r#"{"model":"m","messages":[{"role":"developer","content":"s"},
        {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
        {"role":"assistant","content":null}],"max_tokens":3,"max_completion_tokens":5,"temperature":0.5,
        "top_p":0.9,"seed":-1,"stop":["x","yz"],"stream":true,"stream_options":{"include_usage":true},
        "n":1,"user":"u","unknown":{"any":["thing"]},"tools":[],"response_format":{"type":"text"}}"#;
    let (common, messages) = request::chat(body.as_bytes(), &LIMITS).unwrap();
    assert_eq!((common.answer_tokens_max, common.temperature, common.top_p), (5, 0.5, 0.9));
    assert_eq!((common.seed, common.stream, common.include_usage), (Some(u64::MAX), true, true));
    assert_eq!(common.stops, ["x", "yz"]);
    let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant]);
    assert_eq!(messages[1].content, "ab");
}

#[test]
fn wrong_types_and_missing_features_name_their_field() {
    let chat = |extra: &str| format!(r#"{{"messages":[{{"role":"user","content":"a"}}]{extra}}}"#);
    assert!(request::chat(chat("").as_bytes(), &LIMITS).is_ok());
    for (extra, param) in [
        (r#","n":17"#, "n"),
        (r#","n":2,"best_of":3"#, "best_of"),
        (r#","temperature":"hot""#, "temperature"),
        (r#","temperature":3"#, "temperature"),
        (r#","max_tokens":0"#, "max_tokens"),
        (r#","max_tokens":1.5"#, "max_tokens"),
        (r#","stream":"yes""#, "stream"),
        (r#","stop":[1]"#, "stop"),
        (r#","stop":"""#, "stop"),
        (r#","seed":"a""#, "seed"),
        (r#","model":7"#, "model"),
        (r#","logprobs":1"#, "logprobs"),
        (r#","top_logprobs":2"#, "top_logprobs"),
        (r#","logprobs":true,"top_logprobs":21"#, "top_logprobs"),
        (r#","echo":true"#, "echo"),
        (r#","tools":[{"type":"function"}]"#, "tools"),
        (r#","stream_options":1"#, "stream_options"),
        (r#","response_format":{"type":"json_object"}"#, "response_format"),
    ] {
        let error = refused(&chat(extra));
        assert_eq!((error.status, error.param.as_deref()), (400, Some(param)), "{extra}");
    }
    for (body, param) in [
        ("{}", Some("messages")),
        (r#"{"messages":[]}"#, Some("messages")),
        (r#"{"messages":[{"role":"robot","content":"a"}]}"#, Some("messages[0].role")),
        (r#"{"messages":[{"role":"user","content":7}]}"#, Some("messages[0].content")),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}"#,
            Some("messages[0].content"),
        ),
        ("[]", None),
        ("{", None),
        ("", None),
    ] {
        let error = refused(body);
        assert_eq!((error.status, error.param.as_deref()), (400, param), "{body}");
    }
}

#[test]
fn prompts_come_as_text_texts_or_tokens() {
    let read = |prompt: &str| {
        request::completion(format!("{{\"prompt\":{prompt}}}").as_bytes(), &LIMITS)
            .map(|both| both.1)
    };
    let text = |text: &str| Prompt::Text(text.to_owned());
    assert_eq!(read("\"a\"").unwrap(), [text("a")]);
    assert_eq!(read("[\"a\",\"b\"]").unwrap(), [text("a"), text("b")]);
    assert_eq!(read("[1,2]").unwrap(), [Prompt::Tokens(vec![1, 2])]);
    assert_eq!(read("[[1],[2,3]]").unwrap(), [Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2, 3])]);
    for wrong in
        ["7", "[]", "[300]", "[-1]", "[1,\"a\"]", "[null]", "[1.5]", "[\"\",\"\",\"\",\"\",\"\"]"]
    {
        assert_eq!(read(wrong).unwrap_err().param.as_deref(), Some("prompt"), "{wrong}");
    }
}

proptest! {
    #[test]
    fn the_parser_is_total_on_raw_bytes(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = request::chat(&body, &LIMITS) {
            prop_assert_eq!(error.status, 400);
        }
        if let Err(error) = request::completion(&body, &LIMITS) {
            prop_assert_eq!(error.status, 400);
        }
    }

    #[test]
    fn the_parser_is_total_on_damaged_requests(at in 0_usize..120, byte in any::<u8>(), cut in 0_usize..140) {
        let mut body = br#"{"messages":[{"role":"user","content":"a"}],"n":1,"stop":["x"],"seed":7,"stream":true,"temperature":0.5,"max_tokens":9}"#.to_vec();
        let index = at.min(body.len() - 1);
        body[index] = byte;
        body.truncate(cut);
        match request::chat(&body, &LIMITS) {
            Ok((common, messages)) => {
                prop_assert!(common.answer_tokens_max > 0 && !messages.is_empty());
            }
            Err(error) => prop_assert!(error.status == 400 && !error.message.is_empty()),
        }
    }

    #[test]
    fn text_in_pieces_is_the_text_up_to_the_first_stop(
        text in "[a-cé\u{1f980} ]{0,12}",
        stop in "[a-cé]{1,3}",
    ) {
        let tokenizer = bytes_tokenizer();
        let tokens = tokenizer.encode_literal(&text).unwrap();
        let (given, stopped) = stream(&tokenizer, &tokens, vec![stop.clone()]);
        let expected = text.split_once(&stop).map_or(text.as_str(), |(before, _)| before);
        prop_assert_eq!(given, expected);
        prop_assert_eq!(stopped, text.contains(&stop));
    }
}

/// A tokenizer without merges: every byte is a token, so characters arrive in parts.
fn bytes_tokenizer() -> TextTokenizer {
    let sample = Sample { prompt: "a".to_owned(), completion: "b".to_owned() };
    TextTokenizer::learn(&[sample], 272).unwrap()
}

fn stream(tokenizer: &TextTokenizer, tokens: &[u32], stops: Vec<String>) -> (String, bool) {
    let mut stream = TextStream::new(stops);
    let mut given = String::new();
    for token in tokens {
        let Piece { text, stopped } = stream.push(tokenizer, *token).unwrap();
        given.push_str(&text);
        if stopped {
            return (given, true);
        }
    }
    let Piece { text, stopped } = stream.finish(tokenizer).unwrap();
    given.push_str(&text);
    (given, stopped)
}

#[test]
fn an_answer_cut_inside_a_character_ends_with_a_replacement() {
    let tokenizer = bytes_tokenizer();
    let tokens = tokenizer.encode_literal("aé").unwrap();
    assert_eq!(tokens.len(), 3);
    assert_eq!(stream(&tokenizer, &tokens[..2], Vec::new()), ("a\u{fffd}".to_owned(), false));
    assert_eq!(stream(&tokenizer, &tokens, Vec::new()), ("aé".to_owned(), false));
}
