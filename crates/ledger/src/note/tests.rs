//! Notes: the worked example of Go's `sumdb/note`, strictness, and raw bytes that must never panic
//! (these properties double as fuzz targets).

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::{flip, sample_key};

const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SKEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdX\
                    HKDFz";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZ\
                         SNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn example() -> String {
    format!("{TEXT}\n{SIGNATURE}")
}

fn peter() -> VerifierKey {
    VKEY.parse().unwrap()
}

#[test]
fn reads_and_verifies_the_known_note() {
    let note = SignedNote::parse(example().as_bytes()).unwrap();
    assert_eq!(note.text(), TEXT);
    assert_eq!(note.signatures()[0].key_id, 0xc74f_20a3);
    assert_eq!(note.verify(&peter()), Ok(()));
    assert_eq!(note.to_string(), example());
    let other = sample_key().verifier().clone();
    let error = NoteError::NotSignedBy { name: other.name().to_owned() };
    assert_eq!(note.verify(&other), Err(error));
}

#[test]
fn makes_the_known_note() {
    let key = SigningKey::from_secret_text(SKEY).unwrap();
    assert_eq!(key.to_secret_text(), SKEY);
    assert_eq!(key.verifier().to_string(), VKEY);
    assert_eq!(SignedNote::sign(TEXT, &key).unwrap().to_string(), example());
    let shown = format!("{key:?}");
    assert!(shown.contains("PeterNeumann") && !shown.contains("AYEKFALV"), "{shown}");
}

#[test]
fn keys_have_one_spelling() {
    for start in 0..=VKEY.len() {
        for end in start..=VKEY.len() {
            let whole = end - start == VKEY.len();
            assert_eq!(VKEY[start..end].parse::<VerifierKey>().is_ok(), whole);
        }
    }
    for bit in 0..VKEY.len() * 8 {
        let mut bytes = VKEY.as_bytes().to_vec();
        flip(&mut bytes, bit);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(text.parse::<VerifierKey>().is_err(), "{text}");
    }
    for bit in 0..SKEY.len() * 8 {
        let mut bytes = SKEY.as_bytes().to_vec();
        flip(&mut bytes, bit);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(SigningKey::from_secret_text(&text).is_err(), "bit {bit}");
    }
    // Key hashes that fit a key of the wrong length and an unknown algorithm.
    let long = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==";
    let unknown = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    for text in [long, unknown] {
        assert_eq!(text.parse::<VerifierKey>(), Err(NoteError::VerifierKey));
    }
}

#[test]
fn key_names_are_checked() {
    let long = "n".repeat(256);
    for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{2003}b", "a\0b", long.as_str()] {
        assert!(matches!(SigningKey::from_seed(name, [1; 32]), Err(NoteError::KeyName { .. })));
    }
    assert!(SigningKey::from_seed("exemple.fr/journal-é", [1; 32]).is_ok());
}

#[test]
fn refuses_every_other_form() {
    let hundred_and_one = format!("{TEXT}\n{}", SIGNATURE.repeat(101));
    let too_large = format!("{}\n\n{SIGNATURE}", "a".repeat(NOTE_BYTES_MAX));
    let cases = [
        (String::new(), NoteError::NoSignatures),
        (TEXT.to_owned(), NoteError::NoSignatures),
        (format!("{TEXT}\n"), NoteError::NoSignatures),
        (format!("{TEXT}{SIGNATURE}"), NoteError::NoSignatures),
        (format!("{TEXT}\n{SIGNATURE}\n"), NoteError::NoSignatures),
        (example().trim_end().to_owned(), NoteError::NoSignatures),
        (example().replace('\n', "\r\n"), NoteError::Text),
        (example().replace("think", "th\tnk"), NoteError::Text),
        (example().replace('—', "-"), NoteError::SignatureLine { line: 1 }),
        (example().replace("— ", "—"), NoteError::SignatureLine { line: 1 }),
        (example().replace(" x08", "  x08"), NoteError::SignatureLine { line: 1 }),
        (example().replace("PeterNeumann ", ""), NoteError::SignatureLine { line: 1 }),
        (example().replace("PeterNeumann", "Peter+Neumann"), NoteError::SignatureLine { line: 1 }),
        (example().replace("AM=", "AN="), NoteError::SignatureLine { line: 1 }),
        (format!("{TEXT}\n{SIGNATURE}— a AAAAAA==\n"), NoteError::SignatureLine { line: 2 }),
        (hundred_and_one, NoteError::TooManySignatures { count: 101 }),
        (too_large.clone(), NoteError::TooLarge { bytes: too_large.len() }),
    ];
    for (text, error) in cases {
        assert_eq!(SignedNote::parse(text.as_bytes()), Err(error), "{:.200}", text);
    }
    assert_eq!(SignedNote::parse(b"\xff\n\n"), Err(NoteError::Text));
}

#[test]
fn a_text_may_have_empty_lines() {
    let key = sample_key();
    for text in ["\n", "a\n\nb\n", "a\n\n", "\n\n\n", "è\n"] {
        let note = SignedNote::sign(text, &key).unwrap().to_string();
        let note = SignedNote::parse(note.as_bytes()).unwrap();
        assert_eq!((note.text(), note.verify(key.verifier())), (text, Ok(())));
    }
    for text in ["", "a", "a\tb\n", "a\r\n", "\0\n"] {
        assert_eq!(SignedNote::sign(text, &key), Err(NoteError::Text));
    }
}

#[test]
fn others_may_sign_too_but_no_bad_line_of_ours_passes() {
    let mut note = SignedNote::parse(example().as_bytes()).unwrap();
    let witness = sample_key();
    let by_witness = SignedNote::sign(TEXT, &witness).unwrap().signatures()[0].clone();
    note.add_signature(by_witness).unwrap();
    let mut unknown = note.signatures()[0].clone();
    unknown.key_id ^= 1;
    note.add_signature(unknown).unwrap();
    let mut note = SignedNote::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(note.verify(&peter()), Ok(()));
    assert_eq!(note.verify(witness.verifier()), Ok(()));
    let mut wrong = note.signatures()[0].clone();
    wrong.signature[5] ^= 1;
    note.add_signature(wrong).unwrap();
    let error = NoteError::BadSignature { name: "PeterNeumann".to_owned() };
    assert_eq!(note.verify(&peter()), Err(error));
    let empty = NoteSignature { key_name: "a".to_owned(), key_id: 1, signature: vec![] };
    assert_eq!(note.add_signature(empty), Err(NoteError::SignatureLine { line: 5 }));
}

#[test]
fn every_flipped_bit_is_found() {
    let bytes = example().into_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        flip(&mut changed, bit);
        let verdict = SignedNote::parse(&changed).and_then(|note| note.verify(&peter()));
        assert!(verdict.is_err(), "bit {bit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_bytes_never_panic_nor_verify(bytes in vec(any::<u8>(), 0..300)) {
        if let Ok(note) = SignedNote::parse(&bytes) {
            prop_assert!(note.verify(&peter()).is_err());
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn what_parses_is_written_back_the_same(
        lines in vec("[a—b\n]{0,9}|— [a-z+]{0,3} [A-Za-z/=]{0,12}", 0..8),
    ) {
        let text = format!("{}\n", lines.join("\n"));
        if let Ok(note) = SignedNote::parse(text.as_bytes()) {
            prop_assert_eq!(note.to_string(), text);
        }
    }

    #[test]
    fn raw_keys_never_panic(text in "[a-z]{0,3}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]{44}|\\PC{0,99}") {
        if let Ok(key) = text.parse::<VerifierKey>() {
            prop_assert_eq!(key.to_string(), text.clone());
        }
        let _ = SigningKey::from_secret_text(&format!("PRIVATE+KEY+{text}"));
    }
}
