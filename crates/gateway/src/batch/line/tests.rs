//! What makes a line, and what each fault is called.

use super::{Common, Line};
use crate::batch::record::Dialect;

const OPENAI: Common<'static> =
    Common { dialect: Dialect::OpenAi, endpoint: "/v1/embeddings", model: None };
const MISTRAL: Common<'static> =
    Common { dialect: Dialect::Mistral, endpoint: "/v1/embeddings", model: Some("m\"1") };

fn check(common: Common<'_>, line: &str, wanted: Result<(&str, &str), &str>) {
    let parsed = Line::parse(common, 7, line.as_bytes());
    let found = match &parsed {
        Ok(line) => Ok((line.custom_id.as_str(), line.body.as_str())),
        Err(fault) => {
            assert_eq!(fault.line, Some(7), "{fault:?}");
            Err(fault.code.as_str())
        }
    };
    assert_eq!(found, wanted, "{line}");
}

#[test]
fn a_line_of_openais_says_everything_itself() {
    let head = r#""method":"POST","url":"/v1/embeddings""#;
    let body = r#"{"model": "m", "input":1.10, "odd":{"a":[1]}}"#;
    check(OPENAI, &format!(r#"{{"custom_id":"é\n",{head},"body":{body}}}"#), Ok(("é\n", body)));
    for (line, code) in [
        ("[]".to_owned(), "invalid_json_line"),
        (format!(r#"{{"custom_id":"a",{head},"body":{body}}} x"#), "invalid_json_line"),
        (
            format!(r#"{{"custom_id":"a","custom_id":"b",{head},"body":{body}}}"#),
            "invalid_json_line",
        ),
        (format!(r#"{{{head},"body":{body}}}"#), "invalid_custom_id"),
        (format!(r#"{{"custom_id":"",{head},"body":{body}}}"#), "invalid_custom_id"),
        (
            format!(r#"{{"custom_id":"{}",{head},"body":{body}}}"#, "a".repeat(513)),
            "invalid_custom_id",
        ),
        (format!(r#"{{"custom_id":"a","url":"/v1/embeddings","body":{body}}}"#), "invalid_method"),
        (
            format!(r#"{{"custom_id":"a","method":"POST","url":"/v1/models","body":{body}}}"#),
            "mismatched_url",
        ),
        (format!(r#"{{"custom_id":"a",{head}}}"#), "invalid_body"),
        (format!(r#"{{"custom_id":"a",{head},"body":"x"}}"#), "invalid_body"),
        (format!(r#"{{"custom_id":"a",{head},"body":{{"input":1}}}}"#), "invalid_body"),
        (
            format!(r#"{{"custom_id":"a",{head},"body":{{"model":"m","stream":true}}}}"#),
            "invalid_body",
        ),
    ] {
        check(OPENAI, &line, Err(code));
    }
}

#[test]
fn a_line_of_mistrals_leaves_things_to_its_job() {
    check(MISTRAL, r#"{"body":{"input":1}}"#, Ok(("7", r#"{"input":1,"model":"m\"1"}"#)));
    check(MISTRAL, r#"{"custom_id":null,"body":{"model":"own"}}"#, Ok(("7", r#"{"model":"own"}"#)));
    check(
        MISTRAL,
        r#"{"custom_id":"a","body":{"stream":false}}"#,
        Ok(("a", r#"{"stream":false,"model":"m\"1"}"#)),
    );
    check(MISTRAL, r#"{"custom_id":3,"body":{}}"#, Err("invalid_custom_id"));
    check(Common { model: None, ..MISTRAL }, r#"{"body":{}}"#, Err("invalid_body"));
}
