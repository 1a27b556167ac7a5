//! Roots against the known vectors and against the recursive definition, for both tree forms.

use super::*;
use crate::hash::leaf_hash;
use crate::testing::{hash_of_hex, sample_hashes, vector_leaves};

/// Roots of the first 0..=8 leaves of the Certificate Transparency test vectors.
const VECTOR_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// MTH of RFC 6962 §2.1, word for word.
fn definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        more => {
            let split = more.len().next_power_of_two() / 2;
            node_hash(&definition(&more[..split]), &definition(&more[split..]))
        }
    }
}

#[test]
fn gives_the_known_roots() {
    let mut frontier = Frontier::new();
    let mut tree = Tree::new();
    assert_eq!(frontier.root(), hash_of_hex(VECTOR_ROOTS[0]));
    for (index, leaf) in vector_leaves().iter().enumerate() {
        assert_eq!(frontier.append(leaf_hash(leaf)), index as u64);
        assert_eq!(tree.append(leaf_hash(leaf)), index as u64);
        assert_eq!(frontier.root(), hash_of_hex(VECTOR_ROOTS[index + 1]));
        assert_eq!(tree.root(), frontier.root());
    }
    for (size, root) in (0..).zip(VECTOR_ROOTS) {
        assert_eq!(tree.root_at(size), Some(hash_of_hex(root)));
    }
    assert_eq!(tree.root_at(9), None);
}

#[test]
fn follows_the_definition_at_every_size() {
    let leaves = sample_hashes(600);
    let tree: Tree = leaves.iter().copied().collect();
    let mut frontier = Frontier::new();
    for size in 0..=leaves.len() {
        let root = definition(&leaves[..size]);
        assert_eq!(frontier.root(), root, "size {size}");
        assert_eq!(tree.root_at(size as u64), Some(root), "size {size}");
        if let Some(leaf) = leaves.get(size) {
            frontier.append(*leaf);
        }
    }
}

#[test]
fn keeps_about_32_bytes_per_leaf() {
    let tree: Tree = sample_hashes(70_000).into_iter().collect();
    let stored: Vec<usize> = (0..4).map(|level| tree.level(level).len()).collect();
    // The example of tlog-tiles: 273 full tiles and one of 112; 273 hashes above; one on top.
    assert_eq!(stored, [70_000, 273, 1, 0]);
}

#[test]
fn a_frontier_survives_saving() {
    let mut frontier = Frontier::new();
    for leaf in sample_hashes(77) {
        frontier.append(leaf);
        let saved = Frontier::from_peaks(frontier.size(), frontier.peaks().to_vec());
        assert_eq!(saved.as_ref(), Ok(&frontier));
    }
    let error = FrontierError { size: 79, expected: 5, found: 4 };
    assert_eq!(Frontier::from_peaks(79, frontier.peaks().to_vec()), Err(error));
}
