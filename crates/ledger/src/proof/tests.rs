//! Proofs: known vectors, every proof of every small tree, and every kind of alteration.

use super::*;
use crate::hash::leaf_hash;
use crate::testing::{Random, flip, hash_of_hex, sample_hashes, vector_leaves};
use crate::tree::{Tree, TreeHead};

/// Largest tree of the exhaustive tests.
const SIZE_MAX: u64 = 130;

/// Trees whose proofs are also altered in every way: the small ones and those around 64 and 128.
fn is_altered(size: u64) -> bool {
    size <= 40 || (62..=67).contains(&size) || size >= 126
}

fn head_at(tree: &Tree, size: u64) -> TreeHead {
    TreeHead { size, root: tree.root_at(size).unwrap() }
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hash_of_hex(text)).collect()
}

#[test]
fn makes_the_known_inclusion_proofs() {
    let leaves = vector_leaves();
    let tree: Tree = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    // (leaf, tree size, path), both from 0 and as in the Certificate Transparency sources.
    let known: [(usize, u64, &[&str]); 4] = [
        (
            0,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
        (
            1,
            5,
            &[
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (index, size, path) in known {
        let leaf = leaf_hash(&leaves[index]);
        assert_eq!(inclusion(&tree, index as u64, size), Ok(hashes(path)));
        let verdict = verify_inclusion(&head_at(&tree, size), index as u64, &leaf, &hashes(path));
        assert_eq!(verdict, Ok(()));
    }
}

#[test]
fn makes_the_known_consistency_proofs() {
    let tree: Tree = vector_leaves().iter().map(|leaf| leaf_hash(leaf)).collect();
    let known: [(u64, u64, &[&str]); 4] = [
        (1, 1, &[]),
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    for (old, new, path) in known {
        assert_eq!(consistency(&tree, old, new), Ok(hashes(path)));
        let (old, new) = (head_at(&tree, old), head_at(&tree, new));
        assert_eq!(verify_consistency(&old, &new, &hashes(path)), Ok(()));
    }
}

/// Every path that differs from `path` by one flipped bit per hash (seeded place; every bit when
/// `all_bits`), by a hash removed, repeated or swapped, or by one more at either end.
fn altered(path: &[Hash], random: &mut Random, all_bits: bool) -> Vec<Vec<Hash>> {
    let mut variants = Vec::new();
    for place in 0..path.len() {
        let bits = if all_bits { 0..256 } else { 0..1 };
        for bit in bits {
            let mut flipped = path.to_vec();
            flip(&mut flipped[place].0, if all_bits { bit } else { random.below(256) });
            variants.push(flipped);
        }
        let mut shorter = path.to_vec();
        let removed = shorter.remove(place);
        variants.push(shorter);
        let mut longer = path.to_vec();
        longer.insert(place, removed);
        variants.push(longer);
        if place > 0 {
            let mut swapped = path.to_vec();
            swapped.swap(place - 1, place);
            variants.push(swapped);
        }
    }
    variants.push([path, &[leaf_hash(b"extra")]].concat());
    variants.push([&[leaf_hash(b"extra")], path].concat());
    variants
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut changed = *hash;
    flip(&mut changed.0, bit);
    changed
}

#[test]
fn every_inclusion_proof_of_every_small_tree_holds_and_no_altered_one() {
    let leaves = sample_hashes(SIZE_MAX + 1);
    let tree: Tree = leaves.iter().copied().collect();
    let mut random = Random(1);
    for size in 1..=SIZE_MAX {
        let head = head_at(&tree, size);
        for index in 0..size {
            let leaf = &leaves[usize::try_from(index).unwrap()];
            let path = inclusion(&tree, index, size).unwrap();
            assert_eq!(verify_inclusion(&head, index, leaf, &path), Ok(()));
            if !is_altered(size) {
                continue;
            }
            for other in altered(&path, &mut random, size <= 9) {
                assert!(verify_inclusion(&head, index, leaf, &other).is_err());
            }
            let bit = random.below(256);
            assert!(verify_inclusion(&head, index, &flipped(leaf, bit), &path).is_err());
            let root = flipped(&head.root, bit);
            assert!(verify_inclusion(&TreeHead { size, root }, index, leaf, &path).is_err());
            // Other indices (all of them in trees up to 40); other sizes with the root they have.
            let near = if size <= 40 { size + 1 } else { 1 };
            let others = index.saturating_sub(near)..=(index + near).min(size + 1);
            for other in others.filter(|other| *other != index) {
                assert!(verify_inclusion(&head, other, leaf, &path).is_err());
            }
            for other in [size - 1, size + 1] {
                let head = head_at(&tree, other);
                assert!(verify_inclusion(&head, index, leaf, &path).is_err());
            }
        }
    }
}

#[test]
fn every_consistency_proof_of_every_small_tree_holds_and_no_altered_one() {
    let tree: Tree = sample_hashes(SIZE_MAX + 1).into_iter().collect();
    let mut random = Random(2);
    for new_size in 0..=SIZE_MAX {
        let new = head_at(&tree, new_size);
        for old_size in 0..=new_size {
            let old = head_at(&tree, old_size);
            let path = consistency(&tree, old_size, new_size).unwrap();
            assert_eq!(verify_consistency(&old, &new, &path), Ok(()), "{old_size} {new_size}");
            if !is_altered(new_size) {
                continue;
            }
            for other in altered(&path, &mut random, new_size <= 9) {
                assert!(verify_consistency(&old, &new, &other).is_err());
            }
            let bit = random.below(256);
            let changed = TreeHead { root: flipped(&old.root, bit), ..old };
            assert!(verify_consistency(&changed, &new, &path).is_err());
            let changed = TreeHead { root: flipped(&new.root, bit), ..new };
            // The empty tree says nothing about the root of what follows it.
            let verdict = verify_consistency(&old, &changed, &path);
            assert_eq!(verdict.is_ok(), old_size == 0 && new_size > 0);
            if old_size > 0 && old_size < new_size {
                assert!(verify_consistency(&head_at(&tree, old_size + 1), &new, &path).is_err());
                assert!(verify_consistency(&old, &head_at(&tree, new_size + 1), &path).is_err());
            }
            if old_size < new_size {
                let sizes = ProofError::SizesReversed { old: new_size, new: old_size };
                assert_eq!(verify_consistency(&new, &old, &path), Err(sizes));
            }
        }
    }
}

#[test]
fn refuses_what_is_not_in_the_tree() {
    let tree: Tree = sample_hashes(5).into_iter().collect();
    let outside = ProofError::IndexOutOfTree { index: 5, size: 5 };
    assert_eq!(inclusion(&tree, 5, 5), Err(outside.clone()));
    assert_eq!(verify_inclusion(&tree.head(), 5, &leaf_hash(b""), &[]), Err(outside));
    assert_eq!(inclusion(&tree, 0, 6), Err(ProofError::HashMissing { level: 1, index: 2 }));
    assert_eq!(consistency(&tree, 3, 2), Err(ProofError::SizesReversed { old: 3, new: 2 }));
    assert_eq!(root_at(&tree, 6), Err(ProofError::HashMissing { level: 1, index: 2 }));
}

#[test]
fn sizes_near_the_limit_end_with_an_error_and_not_a_panic() {
    let tree: Tree = sample_hashes(3).into_iter().collect();
    let huge = TreeHead { size: u64::MAX, root: tree.root() };
    assert!(inclusion(&tree, u64::MAX - 1, u64::MAX).is_err());
    assert!(consistency(&tree, u64::MAX - 1, u64::MAX).is_err());
    let path = vec![tree.root(); 66];
    assert!(verify_inclusion(&huge, u64::MAX - 1, &tree.root(), &path).is_err());
    assert!(verify_consistency(&tree.head(), &huge, &path).is_err());
}
