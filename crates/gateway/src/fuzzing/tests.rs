//! Every file of the corpora, and every input that once broke something, through its target.

use std::path::Path;

use super::TARGETS;

#[test]
fn the_corpora_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, run) in TARGETS {
        let mut files = 0;
        for entry in std::fs::read_dir(root.join(name)).expect(name) {
            let path = entry.unwrap().path();
            // The name of the file that fails is what a reader needs first.
            println!("{}", path.display());
            run(&std::fs::read(&path).unwrap());
            files += 1;
        }
        assert!(files > 0, "`fuzz/corpus/{name}` has no file");
    }
    let folders = std::fs::read_dir(&root).unwrap().count();
    assert_eq!(folders, TARGETS.len(), "a folder of `fuzz/corpus` has no target");
}

#[test]
fn cuts_lose_nothing() {
    for text in ["", "a", "a longer text that is cut into some pieces, at random"] {
        for pieces in super::cuts(text.as_bytes()) {
            assert_eq!(pieces.concat(), text.as_bytes());
        }
    }
}
