//! Tiles: names, bytes, the worked example of the specification, and raw bytes that must never
//! panic (these properties double as fuzz targets).

use proptest::prelude::*;

use super::*;
use crate::hash::leaf_hash;
use crate::proof::{HashReader, inclusion, root_at};
use crate::testing::{SampleLog, sample_hashes};
use crate::tree::Tree;

fn hash_tile(level: u8, index: u64, width: u16) -> Tile {
    Tile::new(TileKind::Hashes { level }, index, width).unwrap()
}

fn bundle(index: u64, width: u16) -> Tile {
    Tile::new(TileKind::Entries, index, width).unwrap()
}

#[test]
fn paths_are_written_and_read_back() {
    let known = [
        (hash_tile(0, 0, 256), "tile/0/000"),
        (hash_tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (hash_tile(63, 999, 1), "tile/63/999.p/1"),
        (hash_tile(2, 1_000, 255), "tile/2/x001/000.p/255"),
        (bundle(1_234_067, 256), "tile/entries/x001/x234/067"),
        (bundle(273, 112), "tile/entries/273.p/112"),
        (bundle(u64::MAX, 256), "tile/entries/x018/x446/x744/x073/x709/x551/615"),
    ];
    for (tile, path) in known {
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
    }
}

#[test]
fn paths_have_one_spelling() {
    let wrong = [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x000/001",
        "tile/0/x001/",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/00/000",
        "tile/+0/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "/tile/0/000",
        "tile/0/+12",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/",
        "tile/0/000.p/1.p/1",
        "tile/entries/x001",
        "tile/Entries/000",
        "tile/0/..",
        "tile/0/../000",
        "tile/data/000",
        "tile/0/０００",
        "tile/entries/x018/x446/x744/x073/x709/x551/616",
        "tile/0/000\n",
        " tile/0/000",
    ];
    for path in wrong {
        let error = TileError::Path { path: path.to_owned() };
        assert_eq!(path.parse::<Tile>(), Err(error));
    }
}

#[test]
fn widths_and_levels_are_bounded() {
    assert_eq!(Tile::new(TileKind::Entries, 0, 0), Err(TileError::Width { width: 0 }));
    assert_eq!(Tile::new(TileKind::Entries, 0, 257), Err(TileError::Width { width: 257 }));
    let level = TileKind::Hashes { level: 64 };
    assert_eq!(Tile::new(level, 0, 1), Err(TileError::Level { level: 64 }));
}

#[test]
fn lists_the_tiles_of_the_specifications_example() {
    let tiles: Vec<Tile> = hash_tiles(0, 70_000).collect();
    let full = tiles.iter().filter(|tile| !tile.is_partial()).count();
    assert_eq!((tiles.len(), full), (277, 274));
    assert!(tiles.contains(&hash_tile(0, 273, 112)));
    assert!(tiles.contains(&hash_tile(1, 0, 256)));
    assert!(tiles.contains(&hash_tile(1, 1, 17)));
    assert!(tiles.contains(&hash_tile(2, 0, 1)));
    let small: Vec<Tile> = hash_tiles(0, 256).collect();
    assert_eq!(small, [hash_tile(0, 0, 256), hash_tile(1, 0, 1)]);
    assert_eq!(hash_tiles(0, 0).count() + entry_bundles(0, 0).count(), 0);
    assert_eq!(entry_bundles(0, 70_000).count(), 274);
}

#[test]
fn lists_only_what_is_new() {
    let grown: Vec<Tile> = hash_tiles(255, 513).collect();
    let expected =
        [hash_tile(0, 0, 256), hash_tile(0, 1, 256), hash_tile(0, 2, 1), hash_tile(1, 0, 2)];
    assert_eq!(grown, expected);
    assert_eq!(hash_tiles(513, 513).count() + entry_bundles(513, 513).count(), 0);
    assert_eq!(entry_bundles(256, 258).collect::<Vec<_>>(), [bundle(1, 2)]);
    // A log that adds what is new at each step has, in the end, every tile of its last size.
    let mut have = std::collections::BTreeSet::new();
    for (from, to) in [(0, 1), (1, 255), (255, 256), (256, 257), (257, 66_000), (66_000, 66_001)] {
        have.extend(hash_tiles(from, to));
    }
    assert!(hash_tiles(0, 66_001).all(|tile| have.contains(&tile)));
}

#[test]
fn stream_layout_and_tree_agree() {
    for size in [0_u64, 1, 255, 256, 257, 1_000, 65_536, 66_000] {
        let leaves = sample_hashes(size);
        let tree: Tree = leaves.iter().copied().collect();
        let mut stream = TileStream::new();
        let mut made = std::collections::BTreeMap::new();
        for leaf in leaves {
            stream
                .append(leaf, |tile, hashes| assert!(made.insert(tile, hashes.to_vec()).is_none()));
        }
        let head = stream.finish(|tile, hashes| {
            assert!(made.insert(tile, hashes.to_vec()).is_none());
        });
        assert_eq!(head, tree.head());
        assert_eq!(made.keys().copied().collect::<Vec<_>>(), {
            let mut listed: Vec<Tile> = hash_tiles(0, size).collect();
            listed.sort();
            listed
        });
        assert!(made.iter().all(|(tile, hashes)| tree.tile(tile) == Some(hashes.as_slice())));
        let fetch = |tile: &Tile| made.get(tile).map(|hashes| encode_hashes(hashes));
        assert_eq!(root_from_leaf_tiles(size, &fetch), Ok(head.root));
        let reader = TileReader::new(size, &fetch);
        assert_eq!(root_at(&reader, size), Ok(head.root));
        for index in [0, size / 2, size.saturating_sub(1)].into_iter().filter(|index| *index < size)
        {
            assert_eq!(inclusion(&reader, index, size), inclusion(&tree, index, size));
        }
        assert_eq!(reader.node(0, size), None);
        assert_eq!(reader.node(200, 0), None);
    }
}

#[test]
fn bundles_keep_every_byte_and_account_for_every_byte() {
    let entries: [&[u8]; 4] = [b"", b"\x00", b"{\"a\": 1}\n", &[0xff; MAX_ENTRY_BYTES]];
    let mut writer = EntryBundle::new();
    for entry in entries {
        writer.push(entry).unwrap();
    }
    let too_large = writer.push(&[0; MAX_ENTRY_BYTES + 1]);
    assert_eq!(too_large, Err(TileError::EntryTooLarge { bytes: 65_536 }));
    assert_eq!(writer.width(), 4);
    let bytes = writer.into_bytes();
    assert_eq!(decode_bundle(&bundle(0, 4), &bytes).unwrap(), entries);
    let tile = bundle(0, 3);
    let trailing = TileError::Trailing { tile, extra: MAX_ENTRY_BYTES + 2 };
    assert_eq!(decode_bundle(&tile, &bytes), Err(trailing));
    let tile = bundle(0, 5);
    assert_eq!(decode_bundle(&tile, &bytes), Err(TileError::Truncated { tile, position: 4 }));
    let tile = bundle(0, 4);
    let cut = &bytes[..bytes.len() - 1];
    assert_eq!(decode_bundle(&tile, cut), Err(TileError::Truncated { tile, position: 3 }));
    let tile = hash_tile(0, 0, 1);
    assert_eq!(decode_bundle(&tile, &bytes), Err(TileError::Kind { tile }));
}

#[test]
fn a_bundle_ends_at_256_entries() {
    let mut writer = EntryBundle::new();
    for _ in 0..256 {
        writer.push(b"e").unwrap();
    }
    assert_eq!(writer.push(b"e"), Err(TileError::BundleFull));
}

#[test]
fn unreadable_tiles_say_which() {
    let log = SampleLog::new(300);
    let missing = hash_tile(0, 1, 44);
    let fetch = |tile: &Tile| log.files.get(tile).filter(|_| *tile != missing).cloned();
    let error = TileError::Missing { tile: missing };
    assert_eq!(root_from_leaf_tiles(300, &fetch), Err(error.clone()));
    assert_eq!(TileReader::new(300, &fetch).read(0, 1), Err(error));
    let error = TileError::Size { tile: missing, expected: 44 * 32, found: 31 };
    assert_eq!(decode_hashes(&missing, &[0; 31]), Err(error));
    let tile = bundle(0, 1);
    assert_eq!(decode_hashes(&tile, &[0; 32]), Err(TileError::Kind { tile }));
}

fn any_tile() -> impl Strategy<Value = Tile> {
    let kind = prop_oneof![
        Just(TileKind::Entries),
        (0_u8..=63).prop_map(|level| TileKind::Hashes { level })
    ];
    (kind, any::<u64>(), 1_u16..=256)
        .prop_map(|(kind, index, width)| Tile::new(kind, index, width).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tile_name_round_trips(tile in any_tile()) {
        prop_assert_eq!(tile.to_string().parse(), Ok(tile));
    }

    #[test]
    fn raw_text_is_refused_or_the_spelling(text in "tile/[0-9e]{0,3}/[x0-9./p]{0,20}|\\PC*") {
        if let Ok(tile) = text.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), text);
        }
    }

    #[test]
    fn raw_bytes_are_refused_or_fully_accounted_for(
        tile in any_tile(),
        width in 1_u16..6,
        bytes in proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..200),
    ) {
        if let Ok(hashes) = decode_hashes(&tile, &bytes) {
            prop_assert_eq!(encode_hashes(&hashes), bytes.clone());
        }
        for tile in [tile, bundle(tile.index(), width)] {
            if let Ok(entries) = decode_bundle(&tile, &bytes) {
                let mut writer = EntryBundle::new();
                for entry in entries {
                    writer.push(entry).unwrap();
                }
                prop_assert_eq!(writer.into_bytes(), bytes.clone());
            }
        }
        let fetch = |_: &Tile| Some(bytes.clone());
        let reader = TileReader::new(tile.index(), &fetch);
        let _ = (reader.node(0, 0), reader.node(9, tile.index()), root_at(&reader, 7));
        prop_assert!(root_from_leaf_tiles(7, &fetch).is_err() || bytes.len() == 7 * 32);
    }

    #[test]
    fn entries_of_any_bytes_come_back(
        entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..20),
    ) {
        let mut writer = EntryBundle::new();
        for entry in &entries {
            writer.push(entry).unwrap();
        }
        let tile = bundle(0, writer.width());
        let bytes = writer.into_bytes();
        let read = decode_bundle(&tile, &bytes).unwrap();
        prop_assert_eq!(&read, &entries);
        let hashes: Vec<_> = read.into_iter().map(leaf_hash).collect();
        let tile = hash_tile(0, 0, tile.width());
        prop_assert_eq!(decode_hashes(&tile, &encode_hashes(&hashes)), Ok(hashes));
    }
}
