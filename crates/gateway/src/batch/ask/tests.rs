//! An answer stands in one line, whatever an engine wrote.

use super::{Unasked, one_line, unasked};
use crate::batch::id::Uuid;

#[test]
fn an_answer_stands_in_one_line() {
    for (body, wanted) in [
        ("{\n \"a\": 1.10,\r\n \"b\": \"x\\n\"\n}\n", "{  \"a\": 1.10,   \"b\": \"x\\n\" }"),
        ("<html>\n", "\"<html> \""),
        ("", "\"\""),
    ] {
        assert_eq!(one_line(body.as_bytes()).get(), wanted);
    }
    assert!(serde_json::from_str::<String>(one_line(b"\xff").get()).is_ok());
}

#[test]
fn a_line_that_was_not_asked_says_why() {
    let why = Unasked { code: "batch_expired", message: "late" };
    let row = unasked(Uuid::from_bytes([0x11; 16]), 3, "a\"b", why);
    let wanted = format!(
        r#"{{"id":"batch_req_{}_3","custom_id":"a\"b","response":null,"error":{{"code":"batch_expired","message":"late"}}}}"#,
        "11".repeat(16)
    );
    assert_eq!(row, wanted);
}
