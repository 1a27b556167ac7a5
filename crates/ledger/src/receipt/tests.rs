//! Receipts: what they prove, what they refuse, every altered byte, and raw JSON that must never
//! panic.

use proptest::prelude::*;

use super::*;
use crate::testing::{ORIGIN, SampleLog, flip, sample_key};
use crate::tile::{Tile, TileReader};

fn receipt(log: &SampleLog, indices: &[u64]) -> Result<Receipt, ReceiptError> {
    let fetch = |tile: &Tile| log.files.get(tile).cloned();
    let reader = TileReader::new(log.head.size, &fetch);
    let leaf = |index: u64| log.entries[usize::try_from(index).unwrap()].clone();
    let entries = indices.iter().map(|index| (*index, leaf(*index))).collect();
    Receipt::build("job_01j", &log.checkpoint, entries, &reader)
}

#[test]
fn proves_entries_offline() {
    let log = SampleLog::new(1_000);
    let made = receipt(&log, &[0, 300, 999]).unwrap();
    let json = made.to_json().unwrap();
    let read = Receipt::parse(json.as_bytes()).unwrap();
    assert_eq!(read, made);
    let proven = read.verify(sample_key().verifier()).unwrap();
    assert_eq!((proven.checkpoint.head(), proven.subject.as_str()), (log.head, "job_01j"));
    let indices: Vec<u64> = proven.entries.iter().map(|entry| entry.index).collect();
    assert_eq!(indices, [0, 300, 999]);
    for (entry, place) in proven.entries.iter().zip([0, 300, 999]) {
        assert_eq!(entry.leaf, log.entries[place]);
    }
    let other = read.verify_origin(sample_key().verifier(), "other");
    assert!(matches!(other, Err(ReceiptError::Checkpoint(CheckpointError::OtherLog { .. }))));
}

#[test]
fn refuses_to_be_made_from_other_bytes_or_another_tree() {
    let log = SampleLog::new(10);
    let fetch = |tile: &Tile| log.files.get(tile).cloned();
    let reader = TileReader::new(10, &fetch);
    let build = |index, leaf: &[u8]| {
        Receipt::build("s", &log.checkpoint, vec![(index, leaf.to_vec())], &reader)
    };
    let wrong = build(3, b"other");
    assert!(matches!(wrong, Err(ReceiptError::Proof { index: 3, .. })), "{wrong:?}");
    let source = ProofError::IndexOutOfTree { index: 10, size: 10 };
    assert_eq!(build(10, b"other"), Err(ReceiptError::Proof { index: 10, source }));
    assert_eq!(receipt(&log, &[]), Err(ReceiptError::EntryCount { count: 0 }));
    assert_eq!(receipt(&log, &[2, 2]), Err(ReceiptError::Order { index: 2 }));
    assert_eq!(receipt(&log, &[2, 1]), Err(ReceiptError::Order { index: 1 }));
}

#[test]
fn refuses_other_formats_and_limits() {
    let log = SampleLog::new(10);
    let good = receipt(&log, &[4]).unwrap();
    let key = sample_key();
    let check = |change: &dyn Fn(&mut Receipt)| {
        let mut changed = good.clone();
        change(&mut changed);
        let read = Receipt::parse(changed.to_json().unwrap().as_bytes());
        assert_eq!(read.err(), changed.verify(key.verifier()).err());
        changed.verify(key.verifier()).unwrap_err()
    };
    let format = check(&|receipt| receipt.format = "cocarde-receipt/v2".to_owned());
    assert_eq!(format, ReceiptError::Format { found: "cocarde-receipt/v2".to_owned() });
    let subject = check(&|receipt| receipt.subject = "s".repeat(1_001));
    assert_eq!(subject, ReceiptError::Subject { bytes: 1_001 });
    let large = check(&|receipt| receipt.entries[0].leaf = vec![0; 65_536]);
    assert_eq!(large, ReceiptError::EntryTooLarge { index: 4, bytes: 65_536 });
    let long = check(&|receipt| receipt.entries[0].proof = vec![log.head.root; 66]);
    assert!(matches!(long, ReceiptError::Proof { index: 4, .. }));
    let unknown = good.to_json().unwrap().replace("\"subject\"", "\"more\": 1, \"subject\"");
    assert!(matches!(Receipt::parse(unknown.as_bytes()), Err(ReceiptError::Form { .. })));
}

#[test]
fn every_flipped_bit_is_found_except_in_the_label() {
    let log = SampleLog::new(9);
    let good = receipt(&log, &[5]).unwrap();
    let proven = good.verify(sample_key().verifier()).unwrap();
    let json = good.to_json().unwrap().into_bytes();
    for bit in 0..json.len() * 8 {
        let mut changed = json.clone();
        flip(&mut changed, bit);
        let verdict =
            Receipt::parse(&changed).and_then(|receipt| receipt.verify(sample_key().verifier()));
        // A flip in the label or between the JSON's tokens leaves the proven part as it was.
        if let Ok(still) = verdict {
            assert_eq!(
                (still.checkpoint, still.entries),
                (proven.checkpoint.clone(), proven.entries.clone())
            );
        }
    }
}

#[test]
fn every_flipped_bit_of_leaf_index_and_proof_is_found() {
    let log = SampleLog::new(9);
    let good = receipt(&log, &[5]).unwrap();
    let key = sample_key();
    let fails = |change: &dyn Fn(&mut ReceiptEntry)| {
        let mut changed = good.clone();
        change(&mut changed.entries[0]);
        assert!(matches!(changed.verify(key.verifier()), Err(ReceiptError::Proof { .. })));
    };
    let entry = &good.entries[0];
    (0..entry.leaf.len() * 8).for_each(|bit| fails(&|entry| flip(&mut entry.leaf, bit)));
    (0..64).for_each(|bit| fails(&|entry| entry.index ^= 1 << bit));
    for place in 0..entry.proof.len() {
        (0..256).for_each(|bit| fails(&|entry| flip(&mut entry.proof[place].0, bit)));
    }
}

#[test]
fn exports_tlog_proofs() {
    let log = SampleLog::new(5);
    let made = receipt(&log, &[1, 4]).unwrap();
    let proof = made.tlog_proof(1).unwrap();
    let text = proof.to_string();
    // Leaf 4 of 5 has one sibling: the root of the four before it.
    let sibling = made.entries[1].proof[0];
    let leaf = STANDARD.encode(&log.entries[4]);
    let extra = format!("extra {leaf}\n");
    let rest = format!("index 4\n{sibling}\n\n{}", log.checkpoint);
    assert_eq!(text, format!("c2sp.org/tlog-proof@v1\n{extra}{rest}"));
    assert_eq!(text.parse(), Ok(proof.clone()));
    let key = sample_key();
    let (checkpoint, carried) = proof.verify_carried(key.verifier(), ORIGIN).unwrap();
    assert_eq!((checkpoint.head(), carried), (log.head, log.entries[4].as_slice()));
    // Without the entry it is a proof of one that is known from elsewhere; with another, of nothing.
    let bare: TlogProof = text.replace(&extra, "").parse().unwrap();
    assert_eq!(bare.to_string(), format!("c2sp.org/tlog-proof@v1\n{rest}"));
    assert!(bare.verify(&log.entries[4], key.verifier(), ORIGIN).is_ok());
    assert!(matches!(bare.verify_carried(key.verifier(), ORIGIN), Err(ReceiptError::Form { .. })));
    let other: TlogProof = text.replace(&extra, "extra AAAA\n").parse().unwrap();
    assert!(matches!(
        other.verify_carried(key.verifier(), ORIGIN),
        Err(ReceiptError::Proof { index: 4, .. })
    ));
    assert!(proof.verify(&log.entries[4], key.verifier(), ORIGIN).is_ok());
    assert!(proof.verify(&log.entries[3], key.verifier(), ORIGIN).is_err());
    assert_eq!(made.tlog_proof(2), None);
    let wrong = [
        text.replace("@v1", "@v2"),
        text.replace("index 4", "index 04"),
        text.replace("index 4", "index +4"),
        text.replace("index 4\n", ""),
        text.replace(&extra, "extra A\n"),
        text.replace(&extra, &extra.repeat(2)),
        text.replace("\n\n", "\n"),
        text.replace("index 4\n", "index 4\nAAAA\n"),
        text.replace("index 4\n", &format!("index 4\n{}", format!("{sibling}\n").repeat(65))),
    ];
    for text in wrong {
        assert!(text.parse::<TlogProof>().is_err(), "{text}");
    }
}

#[test]
fn a_log_of_one_entry_has_an_empty_proof() {
    let log = SampleLog::new(1);
    let made = receipt(&log, &[0]).unwrap();
    assert!(made.verify(sample_key().verifier()).is_ok());
    let proof = made.tlog_proof(0).unwrap();
    assert_eq!(proof.to_string().parse(), Ok(proof));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn raw_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Receipt::parse(&bytes).is_err());
        prop_assert!(String::from_utf8_lossy(&bytes).parse::<TlogProof>().is_err());
    }

    #[test]
    fn broken_files_never_panic_and_never_prove_anything_else(
        cut in 0_usize..900,
        insert in "[\\[\\]{}\",:0-9a-z]{0,6}",
    ) {
        let log = SampleLog::new(6);
        let good = receipt(&log, &[2]).unwrap();
        let json = good.to_json().unwrap().into_bytes();
        let (before, after) = json.split_at(cut.min(json.len()));
        let key = sample_key();
        for text in [&[before, insert.as_bytes(), after].concat(), before] {
            let read = Receipt::parse(text).and_then(|read| read.verify(key.verifier()));
            if let Ok(proven) = read {
                prop_assert_eq!(proven.entries, good.verify(key.verifier()).unwrap().entries);
            }
        }
        let proof = good.tlog_proof(0).unwrap().to_string().into_bytes();
        let text = String::from_utf8_lossy(&proof[..cut.min(proof.len())]).into_owned();
        if let Ok(read) = text.parse::<TlogProof>() {
            // What was cut off is part of the checkpoint, which then no longer opens.
            let verdict = read.verify(&log.entries[2], key.verifier(), ORIGIN);
            prop_assert_eq!(verdict.is_ok(), cut >= proof.len());
        }
    }
}
