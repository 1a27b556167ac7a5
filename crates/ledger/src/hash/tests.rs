//! Hashes against known values and their one text form.

use super::*;
use crate::testing::hash_of_hex;

#[test]
fn hashes_known_values() {
    assert_eq!(Hash(Sha256::digest(b"").into()), EMPTY_ROOT);
    let empty_leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(leaf_hash(b""), hash_of_hex(empty_leaf));
    let node = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125";
    assert_eq!(node_hash(&leaf_hash(b""), &leaf_hash(&[0])), hash_of_hex(node));
}

#[test]
fn a_node_never_passes_for_a_leaf() {
    let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let both = [left.0, right.0].concat();
    assert_ne!(leaf_hash(&both), node_hash(&left, &right));
}

#[test]
fn has_one_text_form() {
    let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    assert_eq!(EMPTY_ROOT.to_string(), text);
    assert_eq!(text.parse(), Ok(EMPTY_ROOT));
    let json = serde_json::to_string(&EMPTY_ROOT).unwrap();
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), EMPTY_ROOT);
    // The last character carries two unused bits: setting them is another text of the same bytes.
    for wrong in ["", "AAAA", &text[..43], &text.replace("U=", "V="), &text.replace('+', "-")] {
        assert_eq!(wrong.parse::<Hash>(), Err(HashTextError), "{wrong}");
    }
}
