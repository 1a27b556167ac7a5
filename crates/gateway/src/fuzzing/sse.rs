//! Events of a stream: the plain parser and the cutter, however the bytes were cut.

use super::cuts;
use crate::sse::cut::{Cutter, Piece};
use crate::sse::{Item, Parser};

/// Small, so that limits are met.
const EVENT_BYTES_MAX: usize = 48;

/// What was read, and whether all of it was.
type Told = (Vec<Item>, bool);

pub(super) fn run(bytes: &[u8]) {
    let by_rule = by_rule(bytes);
    for pieces in cuts(bytes) {
        let parsed = parse(&pieces);
        assert_eq!(parsed.1, by_rule.1, "the limit depends on the cuts");
        assert_eq!(parsed.0, by_rule.0, "the parser reads other events");
        agree(&cut(&pieces), &parsed);
    }
    let mut written = Vec::new();
    by_rule.0.iter().for_each(|item| item.write(&mut written));
    let mut again = Vec::new();
    Parser::new(usize::MAX).push(&written, &mut again).expect("without a limit");
    assert_eq!(again, by_rule.0, "what is written does not read back");
}

/// The cutter gives the events that the parser gives. Of an event that is too long it does not hand out the
/// comments before its end.
fn agree(cut: &Told, parsed: &Told) {
    assert_eq!(cut.1, parsed.1, "the cutter has another limit");
    assert!(parsed.0.starts_with(&cut.0), "{:?} is no beginning of {:?}", cut.0, parsed.0);
    let more = parsed.0.get(cut.0.len()..).unwrap_or_default();
    let is_comment = |item: &Item| matches!(item, Item::Comment(_));
    assert!(more.iter().all(is_comment), "events are missing");
    assert!(more.is_empty() || !cut.1, "comments are missing");
}

fn parse(pieces: &[&[u8]]) -> Told {
    let (mut parser, mut items) = (Parser::new(EVENT_BYTES_MAX), Vec::new());
    let is_all = pieces.iter().all(|piece| parser.push(piece, &mut items).is_ok());
    (items, is_all)
}

fn cut(pieces: &[&[u8]]) -> Told {
    let (mut cutter, mut items) = (Cutter::new(EVENT_BYTES_MAX), Vec::new());
    let is_all = pieces.iter().all(|piece| {
        let pushed = cutter.push(piece, |piece| items.push(item_of(&piece)));
        // One line end may follow what is within the limit.
        assert!(pushed.is_err() || cutter.held().len() <= EVENT_BYTES_MAX + 1, "too much is held");
        pushed.is_ok()
    });
    // An event that is not ended is none, for the parser as well; its comments are.
    if is_all {
        let held = cutter.held().to_vec();
        let mut rest = Vec::new();
        // After an empty line nothing is a byte order mark any more.
        let _ = Parser::new(usize::MAX).push(&[b"\n", held.as_slice()].concat(), &mut rest);
        items.extend(rest.into_iter().filter(|item| matches!(item, Item::Comment(_))));
    }
    (items, is_all)
}

pub(super) fn item_of(piece: &Piece<'_>) -> Item {
    match piece {
        Piece::Data(data) => Item::Event { name: Vec::new(), data: data.to_vec() },
        Piece::Item(item) => (*item).clone(),
    }
}

/// The standard's rules, line by line over the whole text: slow, and without a state between pieces.
fn by_rule(bytes: &[u8]) -> Told {
    let (mut items, mut name, mut data) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
    let mut event_bytes = 0_usize;
    for (index, (line, is_ended)) in lines(bytes).into_iter().enumerate() {
        if !line.is_empty() && event_bytes + line.len() > EVENT_BYTES_MAX {
            return (items, false);
        }
        event_bytes += line.len() + 1;
        let line =
            if index == 0 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        if !is_ended {
            break;
        }
        if line.is_empty() {
            let name = std::mem::take(&mut name);
            items.extend(data.take().map(|data| Item::Event { name, data }));
            event_bytes = 0;
            continue;
        }
        let (field, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let trimmed = value.strip_prefix(b" ").unwrap_or(value);
        match (field, &mut data) {
            (b"", _) => items.push(Item::Comment(value.to_vec())),
            (b"data", Some(data)) => data.extend([b"\n", trimmed].concat()),
            (b"data", None) => data = Some(trimmed.to_vec()),
            (b"event", _) => name = trimmed.to_vec(),
            _ => {}
        }
    }
    (items, true)
}

/// Lines without their ends, and whether they have one.
fn lines(bytes: &[u8]) -> Vec<(&[u8], bool)> {
    let (mut lines, mut rest) = (Vec::new(), bytes);
    while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) {
        let length = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        lines.push((&rest[..end], true));
        rest = &rest[end + length..];
    }
    lines.push((rest, false));
    lines
}
