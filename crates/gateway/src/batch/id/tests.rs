//! Ids are read back as they were written, and in no other form.

use super::Uuid;

#[test]
fn an_id_is_read_back_in_both_forms() {
    let id = Uuid::from_bytes([1, 0xab, 2, 3, 4, 5, 0x76, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
    let text = id.to_string();
    assert_eq!(text, "01ab0203-0405-7607-0809-0a0b0c0d0eff");
    assert_eq!(text.parse(), Ok(id));
    assert_eq!(id.batch_text(), "batch_01ab02030405760708090a0b0c0d0eff");
    assert_eq!(Uuid::from_batch_text(&id.batch_text()), Some(id));
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
}

#[test]
fn nothing_else_is_an_id() {
    let text = "01ab0203-0405-7607-0809-0a0b0c0d0eff";
    let upper = text.to_uppercase();
    let moved = "01ab020-30405-7607-0809-0a0b0c0d0eff";
    for wrong in [
        "",
        "../../etc/passwd",
        &text[1..],
        &text.replace('-', ""),
        &upper,
        moved,
        "01ab0203-0405-7607-0809-0a0b0c0d0e\u{e9}",
    ] {
        assert!(wrong.parse::<Uuid>().is_err(), "{wrong}");
    }
    assert_eq!(Uuid::from_batch_text(text), None);
    assert_eq!(Uuid::from_batch_text("batch_01ab0203040576070809"), None);
}
