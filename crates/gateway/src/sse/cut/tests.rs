//! Whatever way events take, and however the bytes were cut, the same comes out as of the plain parser.

use proptest::prelude::*;

use super::{Cutter, Piece};
use crate::sse::{Item, Parser, TooLong};

/// All items of a stream that comes in these pieces.
fn cut(pieces: &[&[u8]]) -> Vec<Item> {
    let (mut cutter, mut items) = (Cutter::new(1 << 20), Vec::new());
    for piece in pieces {
        let taken = cutter.push(piece, |piece| {
            items.push(match piece {
                Piece::Data(data) => Item::Event { name: Vec::new(), data: data.to_vec() },
                Piece::Item(item) => item.clone(),
            });
        });
        taken.unwrap();
    }
    items
}

fn parsed(bytes: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    Parser::new(1 << 20).push(bytes, &mut items).unwrap();
    items
}

#[test]
fn plain_events_are_not_copied_and_others_are_parsed() {
    let mut kinds = Vec::new();
    let text = b"data: {}\n\n: ping\n\nevent: x\ndata: y\n\ndata:z\n\n";
    let mut note = |piece: Piece<'_>| kinds.push(matches!(piece, Piece::Data(_)));
    Cutter::new(100).push(text, &mut note).unwrap();
    assert_eq!(kinds, [true, false, false, true]);
}

#[test]
fn a_limit_is_for_one_event_and_holds_in_any_form() {
    let read = |text: &str, max| Cutter::new(max).push(text.as_bytes(), |_| {});
    for text in ["data: 0123456789", "data: 0123456789\n\n", "data: 012345\r\ndata: 0123456"] {
        assert_eq!(read(text, 12), Err(TooLong { bytes_max: 12 }), "{text}");
    }
    assert_eq!(read(&"data: 0123\n\n".repeat(100), 12), Ok(()));
    let mut cutter = Cutter::new(12);
    assert_eq!(cutter.push(b"data: 01", |_| {}), Ok(()));
    assert!(cutter.push(b"23456789", |_| {}).is_err(), "what is held counts");
}

#[test]
fn the_limit_is_the_same_wherever_an_event_is_cut() {
    let texts: [&[u8]; 4] = [
        b"data: 012345\n\n",
        b"\ndata: 012345\n\n",
        b":012\n:456\n:89\n\n",
        b"data\ndata\ndata\r\n\n",
    ];
    for text in texts {
        for max in 1..20 {
            let whole = Cutter::new(max).push(text, |_| {});
            let mut cutter = Cutter::new(max);
            let cut = text.chunks(1).try_for_each(|byte| cutter.push(byte, |_| {}));
            assert_eq!(cut, whole, "{max} for {}", String::from_utf8_lossy(text));
            assert_eq!(Parser::new(max).push(text, &mut Vec::new()), whole, "{max}");
        }
    }
}

#[test]
fn a_byte_order_mark_is_one_at_the_beginning_only() {
    let check = |text: &str| {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(cut(&[text.as_bytes()]), parsed(text.as_bytes()));
        assert_eq!(cut(&pieces), parsed(text.as_bytes()));
    };
    check("\u{feff}data: a\n\n");
    check("data: a\n\n\u{feff}data: b\n\n");
    check("\n\u{feff}data: b\n\n");
}

/// Streams of lines of all forms, ended so that nothing is outstanding.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => Just("data: {\"a\":\"b\"}"),
        1 => Just("data:x"),
        1 => Just(": ping"),
        1 => Just("event: e"),
        1 => Just("id: 7"),
        1 => Just("data"),
        2 => Just(""),
    ];
    let end = prop_oneof![12 => Just("\n"), 4 => Just("\n\n"), 1 => Just("\r\n"), 1 => Just("\r")];
    let mark = prop_oneof![9 => Just(""), 1 => Just("\u{feff}")];
    (mark, proptest::collection::vec((line, end), 0..12)).prop_map(|(mark, lines)| {
        let lines: String = lines.into_iter().map(|(line, end)| format!("{line}{end}")).collect();
        format!("{mark}{lines}\n\n").into_bytes()
    })
}

proptest! {
    #[test]
    fn cuts_never_matter(
        bytes in stream(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|two| &bytes[two[0]..two[1]]).collect();
        prop_assert_eq!(cut(&pieces), parsed(&bytes));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0..300_usize) {
        let (a, b) = bytes.split_at(at.min(bytes.len()));
        let _ = cut(&[a, b]);
    }
}
