//! Checkpoints: exact text, every refusal, every flipped bit, and raw bytes that must never panic.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::hash::leaf_hash;
use crate::testing::{ORIGIN, flip, sample_key, sign};

fn head() -> TreeHead {
    TreeHead { size: 20_852_163, root: leaf_hash(b"") }
}

fn open(note: &str) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::open(note.as_bytes(), sample_key().verifier(), ORIGIN)
}

#[test]
fn is_three_lines() {
    let checkpoint = Checkpoint::new("example.com/behind-the-sofa", head()).unwrap();
    let text =
        "example.com/behind-the-sofa\n20852163\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n";
    assert_eq!(checkpoint.to_string(), text);
    assert_eq!(text.parse(), Ok(checkpoint));
}

#[test]
fn opens_what_the_key_signed_for_this_log() {
    let opened = open(&sign(head())).unwrap();
    assert_eq!((opened.origin(), opened.head()), (ORIGIN, head()));
    let other = CheckpointError::OtherLog { expected: "b".to_owned(), found: ORIGIN.to_owned() };
    let note = sign(head());
    assert_eq!(Checkpoint::open(note.as_bytes(), sample_key().verifier(), "b"), Err(other));
    let stranger = SigningKey::from_seed(ORIGIN, [8; 32]).unwrap();
    let error = NoteError::NotSignedBy { name: ORIGIN.to_owned() };
    let opened = Checkpoint::open(note.as_bytes(), stranger.verifier(), ORIGIN);
    assert_eq!(opened, Err(CheckpointError::Note(error)));
}

#[test]
fn refuses_every_other_text_even_when_signed() {
    let root = leaf_hash(b"").to_string();
    let size = |text: &str| CheckpointError::Size { text: text.to_owned() };
    let cases = [
        (String::from("\n"), CheckpointError::Lines),
        (format!("{ORIGIN}\n7\n"), CheckpointError::Lines),
        (format!("{ORIGIN}\n7\n{root}\nextension\n"), CheckpointError::Lines),
        (format!("{ORIGIN}\n07\n{root}\n"), size("07")),
        (format!("{ORIGIN}\n+7\n{root}\n"), size("+7")),
        (format!("{ORIGIN}\n-7\n{root}\n"), size("-7")),
        (format!("{ORIGIN}\n7 \n{root}\n"), size("7 ")),
        (format!("{ORIGIN}\n\n{root}\n"), size("")),
        (format!("{ORIGIN}\n18446744073709551616\n{root}\n"), size("18446744073709551616")),
        (format!("{ORIGIN}\n7\nAAAA\n"), CheckpointError::Root { text: "AAAA".to_owned() }),
        (format!("\n7\n{root}\n"), CheckpointError::Origin { origin: String::new() }),
        (format!("{ORIGIN}\n0\n{root}\n"), CheckpointError::EmptyRoot { found: leaf_hash(b"") }),
    ];
    for (text, error) in cases {
        let note = SignedNote::sign(&text, &sample_key()).unwrap().to_string();
        assert_eq!(open(&note), Err(error), "{text}");
    }
    let largest = format!("{ORIGIN}\n18446744073709551615\n{root}\n");
    assert_eq!(largest.parse::<Checkpoint>().unwrap().size(), u64::MAX);
    let origin = CheckpointError::Origin { origin: "a\nb".to_owned() };
    assert_eq!(Checkpoint::new("a\nb", head()), Err(origin));
}

#[test]
fn every_flipped_bit_is_found() {
    let bytes = sign(head()).into_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        flip(&mut changed, bit);
        let opened = Checkpoint::open(&changed, sample_key().verifier(), ORIGIN);
        assert!(opened.is_err(), "bit {bit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_bytes_never_panic_nor_open(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(Checkpoint::open(&bytes, sample_key().verifier(), ORIGIN).is_err());
    }

    #[test]
    fn what_parses_is_written_back_the_same(
        text in "[a-z]{0,3}\n[0-9+]{0,21}\n[A-Za-z0-9+/]{43}=\n|\\PC*|[a\n0]{0,9}",
    ) {
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
