//! Blobs and manifests: content by its hash, whole or not at all, and no way out of a folder.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;

use sha2::{Digest as _, Sha256};
use store::Blobs;
use store::blob::{BlobError, File, Manifest, ManifestError, Placing};
use units::Digest;

fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

fn open(scratch: &tempfile::TempDir) -> Blobs {
    Blobs::open(&scratch.path().join("blobs")).unwrap()
}

/// Files under the blob folder, temporary ones included.
fn count(scratch: &tempfile::TempDir) -> usize {
    fn walk(path: &std::path::Path) -> usize {
        let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
    }
    walk(&scratch.path().join("blobs"))
}

#[test]
fn content_is_stored_once_under_its_hash() {
    let scratch = tempfile::tempdir().unwrap();
    let blobs = open(&scratch);
    for size in [0, 1, 131_072, 300_001] {
        let content: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
        for _ in 0..2 {
            let stored = blobs.put_reader(&mut content.as_slice(), None, 1 << 20).unwrap();
            assert_eq!((stored.digest, stored.size), (digest(&content), size));
        }
        assert!(blobs.exists(digest(&content)));
        assert_eq!(blobs.read(digest(&content), 1 << 20).unwrap(), content);
        assert_eq!(blobs.verify(digest(&content)).unwrap(), size);
    }
    assert_eq!(count(&scratch), 4);
    let hex = digest(b"").hex();
    assert!(scratch.path().join("blobs/sha256").join(&hex[..2]).join(&hex[2..]).is_file());
    let missing = blobs.verify(digest(b"never stored"));
    assert!(matches!(missing, Err(BlobError::Missing { .. })));
}

#[test]
fn refused_content_leaves_nothing() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if buffer.len() % 2 == 1 {
                return Ok(0);
            }
            Err(io::Error::new(io::ErrorKind::ConnectionReset, "the sender is gone"))
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let blobs = open(&scratch);
    let content = b"twelve bytes";
    let wrong = blobs.put_reader(&mut &content[..], Some(digest(b"other")), 100);
    assert!(matches!(wrong, Err(BlobError::WrongDigest { .. })));
    let large = blobs.put_reader(&mut &content[..], None, 11);
    assert!(matches!(large, Err(BlobError::TooLarge { limit: 11 })));
    // Cut short on the way: the announced hash does not fit.
    let short = blobs.put_reader(&mut &content[..11], Some(digest(content)), 100);
    assert!(matches!(short, Err(BlobError::WrongDigest { .. })));
    let broken = blobs.put_reader(&mut (&content[..]).chain(Broken), None, 100);
    assert!(matches!(broken, Err(BlobError::Io { .. })));
    let mut writer = blobs.writer(100).unwrap();
    writer.write(content).unwrap();
    drop(writer);
    assert_eq!(count(&scratch), 0);
    blobs.put_reader(&mut &content[..], Some(digest(content)), 12).unwrap();
    assert_eq!(count(&scratch), 1);
}

#[test]
fn a_start_removes_what_a_power_cut_left() {
    let scratch = tempfile::tempdir().unwrap();
    let blobs = open(&scratch);
    let mut writer = blobs.writer(100).unwrap();
    writer.write(b"half").unwrap();
    std::mem::forget(writer);
    assert_eq!(count(&scratch), 1);
    open(&scratch);
    assert_eq!(count(&scratch), 0);
}

#[test]
fn damage_is_found_and_not_handed_out() {
    let scratch = tempfile::tempdir().unwrap();
    let blobs = open(&scratch);
    let stored = blobs.put_reader(&mut &b"precious"[..], None, 100).unwrap();
    let path = blobs.path(stored.digest);
    assert!(fs::metadata(&path).unwrap().permissions().readonly());
    fs::remove_file(&path).unwrap();
    fs::write(&path, b"Precious").unwrap();
    assert!(matches!(blobs.verify(stored.digest), Err(BlobError::Damaged { .. })));
    assert!(matches!(blobs.read(stored.digest, 100), Err(BlobError::Damaged { .. })));
    let file = File { path: "a".to_owned(), digest: stored.digest, size: 8 };
    let listed = blobs.put_manifest(Manifest::new(vec![file]).unwrap()).unwrap();
    let copied = blobs.materialise(listed.digest, &scratch.path().join("out"), Placing::Copy);
    assert!(matches!(copied, Err(BlobError::Damaged { .. })));
}

#[test]
fn a_folder_goes_in_and_comes_out_again() {
    let scratch = tempfile::tempdir().unwrap();
    let blobs = open(&scratch);
    let source = scratch.path().join("source");
    fs::create_dir_all(source.join("b/c")).unwrap();
    fs::create_dir_all(source.join("empty")).unwrap();
    for (name, content) in [("z", "last"), ("b/c/d é", "deep"), ("b.txt", ""), ("b/a", "last")] {
        fs::write(source.join(name), content).unwrap();
    }
    let imported = blobs.import_dir(&source).unwrap();
    let paths: Vec<&str> = imported.manifest.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["b.txt", "b/a", "b/c/d é", "z"]);
    assert_eq!(imported.manifest.size(), 12);
    let text = String::from_utf8(blobs.read(imported.digest, 10_000).unwrap()).unwrap();
    assert!(
        text.starts_with("{\"files\":[{\"path\":\"b.txt\",\"digest\":\"sha256:e3b0c442"),
        "{text}"
    );
    for (name, placing) in [("copy", Placing::Copy), ("link", Placing::Link)] {
        let into = scratch.path().join(name);
        let manifest = blobs.materialise(imported.digest, &into, placing).unwrap();
        assert_eq!(manifest, imported.manifest);
        assert_eq!(fs::read_to_string(into.join("b/c/d é")).unwrap(), "deep");
        assert!(fs::metadata(into.join("z")).unwrap().permissions().readonly());
        // The same content, so the same manifest.
        assert_eq!(blobs.import_dir(&into).unwrap().digest, imported.digest);
        let again = blobs.materialise(imported.digest, &into, placing);
        assert!(matches!(again, Err(BlobError::NotEmpty { .. })));
    }
}

#[test]
fn links_and_devices_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let blobs = open(&scratch);
    let (source, secret) = (scratch.path().join("source"), scratch.path().join("secret"));
    fs::create_dir(&source).unwrap();
    fs::write(&secret, "not yours").unwrap();
    symlink(&secret, source.join("a")).unwrap();
    assert!(matches!(blobs.import_dir(&source), Err(BlobError::NotAFile { .. })));
    assert!(matches!(blobs.put_file(&source.join("a")), Err(BlobError::NotAFile { .. })));
    let alias = scratch.path().join("alias");
    symlink(&source, &alias).unwrap();
    assert!(matches!(blobs.import_dir(&alias), Err(BlobError::NotAFile { .. })));
    assert_eq!(count(&scratch), 0);
    let listed = blobs.put_manifest(Manifest::default()).unwrap();
    let through = blobs.materialise(listed.digest, &alias, Placing::Copy);
    assert!(matches!(through, Err(BlobError::NotEmpty { .. })));
}

#[test]
fn paths_that_lead_astray_are_refused() {
    let file = |path: &str| File { path: path.to_owned(), digest: digest(b""), size: 0 };
    let long = "x".repeat(1_025);
    for path in [
        "",
        "/etc/passwd",
        "../up",
        "a/../../up",
        "a//b",
        "a/",
        "./a",
        "a/.",
        "..",
        "a\\b",
        "a\0b",
        "a\nb",
        &long,
    ] {
        let refused = Manifest::new(vec![file(path)]);
        assert!(matches!(refused, Err(ManifestError::Path { .. })), "{path:?}: {refused:?}");
    }
    for path in ["a", "...", "a..b/.c", "é/ü", &"x".repeat(1_024)] {
        Manifest::new(vec![file(path)]).unwrap();
    }
    let twice = Manifest::new(vec![file("a"), file("a")]);
    assert!(matches!(twice, Err(ManifestError::Order { .. })));
    let both = Manifest::new(vec![file("a"), file("a/b")]);
    assert!(matches!(both, Err(ManifestError::Path { .. })));
    let many = (0..=100_000).map(|n| file(&format!("{n:06}"))).collect();
    assert_eq!(Manifest::new(many), Err(ManifestError::TooMany));
}

#[test]
fn a_manifest_has_one_spelling() {
    let file = |path: &str| File { path: path.to_owned(), digest: digest(b""), size: 0 };
    let manifest = Manifest::new(vec![file("b"), file("a/é")]).unwrap();
    let bytes = manifest.to_bytes().unwrap();
    assert_eq!(Manifest::parse(&bytes).unwrap(), manifest);
    let text = String::from_utf8(bytes).unwrap();
    let reordered = text.replace("a/é", "c");
    for other in [
        text.replace("{\"files\"", "{ \"files\""),
        text.replace('é', "\\u00e9"),
        text.replace("\"size\":0", "\"size\":0,\"mode\":7"),
        text.clone() + "\n",
        reordered,
        String::new(),
    ] {
        assert!(Manifest::parse(other.as_bytes()).is_err(), "{other}");
    }
}
