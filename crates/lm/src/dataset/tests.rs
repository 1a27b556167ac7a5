//! Spelling of every number below a thousand, disjointness of the split, determinism of the bytes.

use std::collections::BTreeSet;

use super::{Settings, generate, number_words, read, write};

fn words(number: u32) -> String {
    number_words(number).unwrap()
}

#[test]
fn spelling_of_the_hard_cases() {
    for (number, expected) in [
        (0, "zéro"),
        (1, "un"),
        (16, "seize"),
        (17, "dix-sept"),
        (20, "vingt"),
        (21, "vingt et un"),
        (22, "vingt-deux"),
        (31, "trente et un"),
        (61, "soixante et un"),
        (70, "soixante-dix"),
        (71, "soixante et onze"),
        (72, "soixante-douze"),
        (77, "soixante-dix-sept"),
        (80, "quatre-vingts"),
        (81, "quatre-vingt-un"),
        (90, "quatre-vingt-dix"),
        (91, "quatre-vingt-onze"),
        (97, "quatre-vingt-dix-sept"),
        (100, "cent"),
        (101, "cent un"),
        (121, "cent vingt et un"),
        (180, "cent quatre-vingts"),
        (200, "deux cents"),
        (203, "deux cent trois"),
        (280, "deux cent quatre-vingts"),
        (999, "neuf cent quatre-vingt-dix-neuf"),
        (1_000, "mille"),
        (1_001, "mille un"),
        (2_000, "deux mille"),
        (2_345, "deux mille trois cent quarante-cinq"),
        (7_600, "sept mille six cents"),
        (80_000, "quatre-vingt mille"),
        (200_000, "deux cent mille"),
        (999_999, "neuf cent quatre-vingt-dix-neuf mille neuf cent quatre-vingt-dix-neuf"),
    ] {
        assert_eq!(words(number), expected, "{number}");
    }
    assert_eq!(number_words(1_000_000), None);
}

/// Reads a name back by the value of its words, independently of how it was built.
fn value_of(name: &str) -> u32 {
    let (mut total, mut group) = (0, 0);
    for word in name.split([' ', '-']) {
        let value = match word {
            "zéro" | "et" => 0,
            "un" => 1,
            "deux" => 2,
            "trois" => 3,
            "quatre" => 4,
            "cinq" => 5,
            "six" => 6,
            "sept" => 7,
            "huit" => 8,
            "neuf" => 9,
            "dix" => 10,
            "onze" => 11,
            "douze" => 12,
            "treize" => 13,
            "quatorze" => 14,
            "quinze" => 15,
            "seize" => 16,
            "vingt" | "vingts" if group % 10 == 4 && group % 100 == 4 => {
                group += 76;
                continue;
            }
            "vingt" => 20,
            "trente" => 30,
            "quarante" => 40,
            "cinquante" => 50,
            "soixante" => 60,
            "cent" | "cents" => {
                group = group.max(1) * 100;
                continue;
            }
            "mille" => {
                total += group.max(1) * 1_000;
                group = 0;
                continue;
            }
            other => panic!("`{other}` is not a number word"),
        };
        group += value;
    }
    total + group
}

#[test]
fn every_name_below_ten_thousand_reads_back_and_is_unique() {
    let names: BTreeSet<String> = (0..10_000).map(words).collect();
    assert_eq!(names.len(), 10_000);
    for number in 0..10_000 {
        let name = words(number);
        assert_eq!(value_of(&name), number, "{name}");
        let plural = name.contains("cents") || name.contains("vingts");
        assert!(!plural || name.ends_with('s'), "{name}");
        assert_eq!(name.contains(" et "), matches!(number % 100, 21 | 31 | 41 | 51 | 61 | 71));
    }
}

#[test]
fn training_and_heldout_share_no_item_in_any_direction_or_order() {
    let dataset = generate(&Settings::default()).unwrap();
    let items = |samples: &[super::Sample]| -> BTreeSet<(u32, u32, bool)> {
        samples
            .iter()
            .map(|sample| {
                if let Some((a, b)) = sample.prompt.trim_end_matches('=').split_once('+') {
                    let (a, b): (u32, u32) = (a.parse().unwrap(), b.parse().unwrap());
                    assert_eq!(sample.completion, (a + b).to_string());
                    return (a.min(b), a.max(b), true);
                }
                let (digits, name) = if sample.prompt.parse::<u32>().is_ok() {
                    (&sample.prompt, &sample.completion)
                } else {
                    (&sample.completion, &sample.prompt)
                };
                let number = digits.parse().unwrap();
                assert_eq!(&words(number), name);
                (number, 0, false)
            })
            .collect()
    };
    let (train, heldout) = (items(&dataset.train), items(&dataset.heldout));
    assert_eq!(train.intersection(&heldout).count(), 0);
    assert_eq!(train.len() + heldout.len(), 2_000 + 100 * 101 / 2);
    assert!(heldout.len() >= 350, "{}", heldout.len());
}

#[test]
fn same_seed_same_bytes_and_files_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { number_max: 99, summand_max: 9, ..Settings::default() };
    let card = write(&settings, folder.path()).unwrap();
    assert_eq!(write(&settings, folder.path()).unwrap(), card);
    let other = Settings { seed: 2, ..settings.clone() };
    assert_ne!(write(&other, folder.path()).unwrap().train_sha256, card.train_sha256);
    let train = read(&folder.path().join("train.jsonl")).unwrap();
    assert_eq!(train, generate(&other).unwrap().train);
    let readme = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(readme.contains("cc0-1.0") && readme.contains("0 to 99"));
}

#[test]
fn settings_out_of_range_and_broken_files_are_named() {
    let settings = Settings { heldout_per_mille: 501, ..Settings::default() };
    let error = generate(&settings).unwrap_err().to_string();
    assert_eq!(error, "setting `heldout_per_mille`: 501 is not in 1..=500");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    std::fs::write(&path, "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":1}\n").unwrap();
    assert!(read(&path).unwrap_err().to_string().contains("line 2"));
}
