//! Tiles, proofs and receipts as others get them.

use ledger::{Checkpoint, Receipt, TreeHead, leaf_hash, proof, verify};
use store::{DataFolder, ViewError, audit};
use units::Id;

use crate::lab::{self, Lab};
use crate::support::{Random, config, flip};

fn head_of(folder: &DataFolder) -> TreeHead {
    let view = folder.view();
    let signed = view.checkpoint();
    Checkpoint::open(signed.as_bytes(), &view.verifier(), folder.origin()).unwrap().head()
}

#[test]
fn tiles_and_proofs_hold_for_a_growing_log() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let lab = lab::build(folder.handle());
    let view = folder.view();
    let mut heads = vec![head_of(&folder)];
    for n in 1..=300 {
        lab::run(folder.handle(), lab.tokens(Lab::gateway(1), n));
        heads.push(head_of(&folder));
    }
    let last = *heads.last().unwrap();
    assert!(last.size > 256, "more than one tile");
    let fetch = |tile: &ledger::Tile| view.tile(&tile.to_string()).ok();
    assert!(verify::check_log(&last, &fetch).is_empty());
    for old in heads.iter().step_by(37) {
        let path = view.consistency(old.size, last.size).unwrap();
        proof::verify_consistency(old, &last, &path).unwrap();
        let path = view.inclusion(old.size - 1, last.size).unwrap();
        let leaf = leaf_hash(&view.rows(old.size - 1, 1).unwrap()[0].leaf);
        proof::verify_inclusion(&last, old.size - 1, &leaf, &path).unwrap();
    }
    // The same tiles after a restart.
    let full = view.tile("tile/0/000").unwrap();
    let bundle = view.tile("tile/entries/000").unwrap();
    folder.close().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    assert_eq!(folder.view().tile("tile/0/000").unwrap(), full);
    assert_eq!(folder.view().tile("tile/entries/000").unwrap(), bundle);
    assert_eq!(head_of(&folder), last);
}

#[test]
fn what_is_not_there_is_not_shown() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    lab::build(folder.handle());
    let (view, size) = (folder.view(), folder.handle().size());
    for path in ["tile/0/000", "tile/entries/000", "tile/entries/001", "tile/1/000.p/1"] {
        assert!(matches!(view.tile(path), Err(ViewError::NoSuchTile { .. })), "{path}");
    }
    for path in ["tile/0/../000", "tile/0/0", "/tile/0/000", "tile/entries/000.p/0", ""] {
        assert!(matches!(view.tile(path), Err(ViewError::Path(_))), "{path}");
    }
    // Narrower partial tiles of an older size can still be fetched.
    assert_eq!(view.tile("tile/0/000.p/2").unwrap().len(), 64);
    assert!(matches!(view.inclusion(size, size), Err(ViewError::Proof(_))));
    assert!(matches!(view.consistency(1, size + 1), Err(ViewError::Proof(_))));
    assert_eq!(view.rows(size, 5).unwrap(), []);
    let nothing = view.receipt(Id::from_bytes([1; 16]));
    assert!(matches!(nothing, Err(ViewError::NothingAbout { .. })));
}

#[test]
fn a_receipt_proves_a_whole_workload_offline() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(scratch.path(), config()).unwrap();
    let lab = lab::build(folder.handle());
    let other = lab.train(folder.handle(), "somebody-elses");
    let id = lab.train(folder.handle(), "train-tiny");
    for n in 1..=20 {
        lab::run(folder.handle(), lab.tokens(Lab::gateway(1), n));
    }
    let receipt = folder.view().receipt(id).unwrap();
    let key = folder.view().verifier();
    folder.close().unwrap();
    let json = receipt.to_json().unwrap();
    let verified = audit::verify_receipt(json.as_bytes(), &key).unwrap();
    let kinds: Vec<&str> = verified
        .entries
        .iter()
        .map(|entry| kernel::Entry::from_leaf(&entry.leaf).unwrap().event.kind())
        .collect();
    assert_eq!(
        kinds,
        [
            // The decisions that allow it: made before for other work of the project, and for itself.
            "decision.made",
            "decision.made",
            "workload.submitted",
            "workload.placed",
            "usage.attempt",
            "workload.rank_changed",
            "usage.attempt",
            "workload.rank_changed",
            "workload.ended",
            "model.version_added",
        ]
    );
    assert!(!json.contains(&other.to_string()));
    // Any flipped bit, of the file's text or of a leaf behind its base64, is found, except in the
    // label for people.
    let mut random = Random(3);
    for _ in 0..300 {
        let mut bytes = json.clone().into_bytes();
        let bit = random.below(bytes.len() * 8);
        flip(&mut bytes, bit);
        let Ok(forged) = audit::verify_receipt(&bytes, &key) else { continue };
        assert_eq!(forged.entries, verified.entries, "bit {bit}");
        assert_eq!(forged.checkpoint, verified.checkpoint, "bit {bit}");
    }
    for entry in 0..receipt.entries.len() {
        let mut forged: Receipt = receipt.clone();
        let bit = random.below(forged.entries[entry].leaf.len() * 8);
        flip(&mut forged.entries[entry].leaf, bit);
        assert!(forged.verify(&key).is_err());
    }
}
