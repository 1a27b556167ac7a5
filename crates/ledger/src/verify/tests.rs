//! Verification: good logs are proven, and every tampering of the list is found and located.

use super::*;
use crate::testing::{ORIGIN, Random, SampleLog, flip, sample_entries, sample_key, sign};
use crate::tile::{MAX_ENTRY_BYTES, TileKind};
use crate::tree::Tree;

fn tree_of(entries: &[Vec<u8>]) -> Tree {
    entries.iter().map(|entry| leaf_hash(entry)).collect()
}

fn sign_at(tree: &Tree, size: u64) -> String {
    sign(TreeHead { size, root: tree.root_at(size).unwrap() })
}

fn verify(checkpoints: &[String], entries: &[Vec<u8>]) -> Report {
    let mut verifier = Verifier::new(sample_key().verifier().clone(), ORIGIN);
    for note in checkpoints {
        verifier.checkpoint(note.as_bytes());
    }
    for (index, entry) in (0..).zip(entries) {
        verifier.entry(index, entry);
    }
    verifier.finish()
}

fn check(log: &SampleLog, change: impl Fn(&Tile, &mut Vec<u8>)) -> Findings {
    check_log(&log.head, &|tile| {
        let mut bytes = log.files.get(tile)?.clone();
        change(tile, &mut bytes);
        Some(bytes)
    })
}

#[test]
fn a_good_log_is_proven() {
    let entries = sample_entries(700);
    let tree = tree_of(&entries);
    let checkpoints: Vec<String> =
        [0, 0, 1, 2, 255, 256, 257, 700].map(|size| sign_at(&tree, size)).to_vec();
    let report = verify(&checkpoints, &entries);
    assert_eq!((report.head, report.checkpoints_good), (tree.head(), 8));
    assert!(report.is_proven(), "{:?}", report.findings);
    // The same when each checkpoint comes just in time.
    let mut verifier = Verifier::new(sample_key().verifier().clone(), ORIGIN);
    for (index, entry) in (0..).zip(&entries) {
        verifier.entry(index, entry);
        verifier.checkpoint(sign_at(&tree, index + 1).as_bytes());
    }
    let report = verifier.finish();
    assert_eq!((report.checkpoints_good, report.proven_size), (700, 700));
    assert!(report.is_proven());
}

#[test]
fn every_good_size_passes_the_tile_check() {
    for count in [0, 1, 2, 255, 256, 257, 1_000] {
        let log = SampleLog::new(count);
        assert!(check(&log, |_, _| ()).is_empty());
    }
}

#[test]
fn entries_after_the_last_checkpoint_are_told_apart() {
    let entries = sample_entries(10);
    let report = verify(&[sign_at(&tree_of(&entries), 8)], &entries);
    assert!(report.findings.is_empty());
    assert_eq!((report.proven_size, report.unsigned_entries()), (8, 2));
    assert!(!report.is_proven());
    let report = verify(&[], &entries);
    assert_eq!(report.findings.as_slice(), [Finding::NothingSigned { entries: 10 }]);
    assert!(verify(&[], &[]).is_proven());
}

#[test]
fn a_changed_entry_is_located_between_two_checkpoints() {
    let mut entries = sample_entries(100);
    let tree = tree_of(&entries);
    let checkpoints = [20, 60, 100].map(|size| sign_at(&tree, size));
    entries[33][0] ^= 1;
    let report = verify(&checkpoints, &entries);
    let range = |finding: &Finding| {
        let Finding::RootMismatch { size, good_size, .. } = finding else { panic!("{finding}") };
        (*good_size, *size)
    };
    let ranges: Vec<_> = report.findings.as_slice().iter().map(range).collect();
    assert_eq!(ranges, [(20, 60), (20, 100)]);
    assert_eq!((report.checkpoints_good, report.proven_size), (1, 20));
}

#[test]
fn removed_repeated_swapped_and_added_entries_are_found() {
    let entries = sample_entries(50);
    let checkpoints = [sign_at(&tree_of(&entries), 50)];
    type Change<'a> = &'a dyn Fn(&mut Vec<Vec<u8>>);
    let changes: [Change; 5] = [
        &|entries| drop(entries.remove(10)),
        &|entries| drop(entries.pop()),
        &|entries| entries.swap(1, 2),
        &|entries| entries.insert(7, entries[7].clone()),
        &|entries| entries.clear(),
    ];
    for change in changes {
        let mut changed = entries.clone();
        change(&mut changed);
        assert!(!verify(&checkpoints, &changed).findings.is_empty());
    }
    let cut = verify(&checkpoints, &entries[..49]);
    let missing = Finding::EntriesMissing { size: 50, entries: 49 };
    assert_eq!(cut.findings.as_slice(), [missing, Finding::NothingSigned { entries: 49 }]);
}

#[test]
fn gaps_order_size_and_strangers_are_reported() {
    let entries = sample_entries(4);
    let tree = tree_of(&entries);
    let mut verifier = Verifier::new(sample_key().verifier().clone(), ORIGIN);
    verifier.checkpoint(sign_at(&tree, 3).as_bytes());
    verifier.checkpoint(sign_at(&tree, 2).as_bytes());
    verifier.checkpoint(b"nonsense");
    verifier.entry(0, &entries[0]);
    verifier.entry(2, &vec![0; MAX_ENTRY_BYTES + 1]);
    verifier.checkpoint(sign_at(&tree, 1).as_bytes());
    let report = verifier.finish();
    let reason = CheckpointError::Note(crate::note::NoteError::NoSignatures);
    let expected = [
        Finding::CheckpointOrder { size: 2, previous: 3 },
        Finding::CheckpointRefused { number: 2, reason },
        Finding::IndexGap { expected: 1, found: 2 },
        Finding::EntryTooLarge { index: 2, bytes: MAX_ENTRY_BYTES + 1 },
        Finding::CheckpointOrder { size: 1, previous: 3 },
        Finding::EntriesMissing { size: 3, entries: 2 },
        Finding::NothingSigned { entries: 2 },
    ];
    assert_eq!(report.findings.as_slice(), expected);
}

#[test]
fn two_checkpoints_of_one_size_cannot_both_be_right() {
    let entries = sample_entries(5);
    let tree = tree_of(&entries);
    let forked = sign(TreeHead { size: 5, root: leaf_hash(b"fork") });
    let report = verify(&[sign_at(&tree, 5), forked], &entries);
    assert_eq!(report.checkpoints_good, 1);
    assert!(matches!(report.findings.as_slice(), [Finding::RootMismatch { size: 5, .. }]));
}

#[test]
fn findings_are_bounded() {
    let mut verifier = Verifier::new(sample_key().verifier().clone(), ORIGIN);
    for _ in 0..FINDINGS_MAX + 5 {
        verifier.entry(9, b"");
    }
    let findings = verifier.finish().findings;
    assert_eq!((findings.as_slice().len(), findings.dropped()), (FINDINGS_MAX, 6));
}

#[test]
fn a_damaged_bundle_does_not_hide_other_damage() {
    let log = SampleLog::new(1_000);
    let first = Tile::new(TileKind::Entries, 0, 256).unwrap();
    let level_1 = Tile::new(TileKind::Hashes { level: 1 }, 0, 3).unwrap();
    let findings = check(&log, |tile, bytes| {
        if *tile == first {
            bytes.pop();
        } else if *tile == level_1 {
            flip(bytes, 32 * 8);
        }
    });
    let reason = TileError::Truncated { tile: first, position: 255 };
    let expected =
        [Finding::TileUnreadable { reason }, Finding::TileMismatch { tile: level_1, position: 1 }];
    assert_eq!(findings.as_slice(), expected);
    let none = check_log(&log.head, &|_| None);
    assert_eq!(none.as_slice().len(), 2);
}

#[test]
fn of_1000_flipped_bits_1000_are_found() {
    let log = SampleLog::new(1_000);
    let files: Vec<(&Tile, &Vec<u8>)> = log.files.iter().collect();
    let key = sample_key();
    let mut random = Random(20_261_122);
    let mut found = 0;
    for _ in 0..1_000 {
        // One flip in seven is in the checkpoint; the others in a tile or bundle.
        if random.below(7) == 0 {
            let mut note = log.checkpoint.clone().into_bytes();
            let bit = random.below(note.len() * 8);
            flip(&mut note, bit);
            let opened = Checkpoint::open(&note, key.verifier(), ORIGIN);
            found += u32::from(opened.is_err());
            continue;
        }
        let (target, bytes) = files[random.below(files.len())];
        let bit = random.below(bytes.len() * 8);
        let findings = check(&log, |tile, bytes| {
            if tile == target {
                flip(bytes, bit);
            }
        });
        found += u32::from(names(&findings, target, bit / 8 / 32));
    }
    assert_eq!(found, 1_000);
}

/// Whether the findings tell where the flip was: the hash of the tile, or, for a bundle, the
/// bundle as unreadable or a leaf of the tile over it.
fn names(findings: &Findings, target: &Tile, hash: usize) -> bool {
    let of_bundle = target.kind() == TileKind::Entries;
    let leaf_kind = TileKind::Hashes { level: 0 };
    let over_bundle = Tile::new(leaf_kind, target.index(), target.width()).unwrap();
    findings.as_slice().iter().any(|finding| {
        if let Finding::TileMismatch { tile, position } = finding {
            let exact = tile == target && usize::from(*position) == hash;
            return exact || (of_bundle && *tile == over_bundle);
        }
        let Finding::TileUnreadable { reason } = finding else { return false };
        let (TileError::Truncated { tile, .. } | TileError::Trailing { tile, .. }) = reason else {
            return false;
        };
        tile == target
    })
}

#[test]
fn of_1000_flipped_bits_in_stored_entries_1000_are_found() {
    let entries = sample_entries(1_000);
    let tree = tree_of(&entries);
    let checkpoints: Vec<String> = (1..=10).map(|part| sign_at(&tree, part * 100)).collect();
    let mut random = Random(2);
    let mut found = 0;
    for _ in 0..1_000 {
        let mut changed = entries.clone();
        let index = random.below(changed.len());
        let bit = random.below(changed[index].len() * 8);
        flip(&mut changed[index], bit);
        // Only the checkpoint after the entry is needed: signatures are slow in a debug build.
        let part = index / 100;
        let report = verify(&checkpoints[part..=part], &changed[..(part + 1) * 100]);
        let size = (part as u64 + 1) * 100;
        let located = |finding: &Finding| {
            let wrong = |at: u64| at == size;
            matches!(finding, Finding::RootMismatch { size, .. } if wrong(*size))
        };
        found += u32::from(report.findings.as_slice().iter().any(located));
    }
    assert_eq!(found, 1_000);
}
