//! Checks of the event reader, above all that cuts in the byte stream do not matter.

use proptest::prelude::*;

use super::{Item, Parser, TooLong};

fn event(name: &str, data: &str) -> Item {
    Item::Event { name: name.into(), data: data.into() }
}

fn read(pieces: &[&[u8]]) -> Vec<Item> {
    let (mut parser, mut items) = (Parser::new(1 << 20), Vec::new());
    for piece in pieces {
        parser.push(piece, &mut items).unwrap();
    }
    items
}

#[test]
fn the_forms_of_the_standard() {
    let check = |text: &str, expected: &[Item]| assert_eq!(read(&[text.as_bytes()]), expected);
    check("data: a\n\n", &[event("", "a")]);
    check("data:a\r\n\r\ndata:  b\r\r", &[event("", "a"), event("", " b")]);
    check("\u{feff}data: a\ndata: b\n\n", &[event("", "a\nb")]);
    check("event: e\nid: 1\nretry: 5\ndata\n\n", &[event("e", "")]);
    check(": ping\n\n", &[Item::Comment(b" ping".to_vec())]);
    check("event: lost\n\ndata: a\n\n", &[event("", "a")]);
    check("data: unfinished\n", &[]);
}

#[test]
fn a_return_in_data_is_written_as_the_end_of_a_line() {
    let mut written = Vec::new();
    event("e", "{\r\"a\":\r\n1}").write(&mut written);
    assert_eq!(read(&[&written]), [event("e", "{\n\"a\":\n\n1}")]);
}

#[test]
fn a_long_event_is_refused_in_any_form() {
    for text in ["data: 0123456789", "data: 0123\ndata: 0123\ndata: 0123\n"] {
        let result = Parser::new(12).push(text.as_bytes(), &mut Vec::new());
        assert_eq!(result, Err(TooLong { bytes_max: 12 }), "{text}");
    }
    let (mut parser, mut items) = (Parser::new(12), Vec::new());
    parser.push("data: 0123\n\n".repeat(100).as_bytes(), &mut items).unwrap();
    assert_eq!(items.len(), 100, "the limit is for one event, not for the stream");
}

#[test]
fn a_thousand_empty_data_lines_count_too() {
    let result = Parser::new(100).push("data\n".repeat(1_000).as_bytes(), &mut Vec::new());
    assert!(result.is_err());
}

#[test]
fn every_cut_of_a_stream_gives_the_same_events() {
    let text = "\u{feff}data: é\r\n\r\n:c\rdata: b\n\rdata: [DONE]\n\n".as_bytes();
    let whole = read(&[text]);
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            assert_eq!(read(&pieces), whole, "cut at {first} and {second}");
        }
    }
}

proptest! {
    #[test]
    fn cuts_never_matter(
        text in "(data: ?|event:|:|\r\n|\n|\r|a|\u{feff}|é|id){0,40}",
        cuts in proptest::collection::vec(0usize..200, 0..8),
    ) {
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(&pieces), read(&[bytes]));
    }

    #[test]
    fn any_bytes_are_read_and_written_forms_read_back(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let items = read(&[&bytes]);
        let mut written = Vec::new();
        for item in &items {
            item.write(&mut written);
        }
        prop_assert_eq!(read(&[&written]), items);
    }

    #[test]
    fn limits_hold_for_any_cut(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        cut in 0usize..200,
    ) {
        let cut = cut.min(bytes.len());
        let run = |pieces: &[&[u8]]| {
            let (mut parser, mut items) = (Parser::new(16), Vec::new());
            let mut ok = true;
            for piece in pieces {
                ok = ok && parser.push(piece, &mut items).is_ok();
            }
            (ok, items)
        };
        prop_assert_eq!(run(&[&bytes]), run(&[&bytes[..cut], &bytes[cut..]]));
    }
}
