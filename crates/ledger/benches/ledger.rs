//! Speed of the log formats: append, root, inclusion proof, verification of 100,000 leaves.
//! Run with `cargo bench -p ledger`; as a test (`cargo test --benches`) the log is tiny.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledger::{Checkpoint, Frontier, Hash, SigningKey, Tree, Verifier, leaf_hash, proof};

const ORIGIN: &str = "cocarde.example/bench";

/// 100,000 leaves when measured (cargo passes `--bench`), 100 when only run once as a test.
fn leaf_count() -> u64 {
    if std::env::args().any(|argument| argument == "--bench") { 100_000 } else { 100 }
}

fn entry(number: u64) -> Vec<u8> {
    format!("{{\"seq\":{number},\"kind\":\"bench\",\"padding\":\"{}\"}}", "x".repeat(160))
        .into_bytes()
}

fn append(criterion: &mut Criterion) {
    let count = leaf_count();
    let entries: Vec<Vec<u8>> = (0..count).map(entry).collect();
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let mut group = criterion.benchmark_group("append");
    group.sample_size(10).throughput(Throughput::Elements(count));
    group.bench_function("tree", |bencher| {
        bencher.iter(|| leaves.iter().copied().collect::<Tree>());
    });
    group.bench_function("frontier_with_leaf_hash", |bencher| {
        bencher.iter(|| {
            let mut frontier = Frontier::new();
            for entry in &entries {
                frontier.append(leaf_hash(entry));
            }
            frontier.root()
        });
    });
    group.finish();
}

fn proofs(criterion: &mut Criterion) {
    let count = leaf_count();
    let tree: Tree = (0..count).map(|number| leaf_hash(&entry(number))).collect();
    let (head, middle) = (tree.head(), count / 3);
    criterion.bench_function("root", |bencher| bencher.iter(|| black_box(&tree).root()));
    criterion.bench_function("inclusion_proof", |bencher| {
        bencher.iter(|| proof::inclusion(black_box(&tree), middle, count));
    });
    let path = proof::inclusion(&tree, middle, count).expect("the tree holds every leaf");
    let leaf = leaf_hash(&entry(middle));
    criterion.bench_function("verify_inclusion", |bencher| {
        bencher.iter(|| proof::verify_inclusion(black_box(&head), middle, &leaf, &path));
    });
}

fn verify_log(criterion: &mut Criterion) {
    let count = leaf_count();
    let entries: Vec<Vec<u8>> = (0..count).map(entry).collect();
    let tree: Tree = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let key = SigningKey::from_seed(ORIGIN, [1; 32]).expect("the origin is a key name");
    let checkpoint = Checkpoint::new(ORIGIN, tree.head()).expect("the origin is one line");
    let note = checkpoint.sign(&key).expect("a checkpoint is a note").to_string();
    let mut group = criterion.benchmark_group("verify_log");
    group.sample_size(10).throughput(Throughput::Elements(count));
    group.bench_function("entries", |bencher| {
        bencher.iter(|| {
            let mut verifier = Verifier::new(key.verifier().clone(), ORIGIN);
            verifier.checkpoint(note.as_bytes());
            for (index, entry) in (0..).zip(&entries) {
                verifier.entry(index, entry);
            }
            let report = verifier.finish();
            assert!(report.is_proven());
            report
        });
    });
    group.finish();
}

criterion_group!(ledger_benches, append, proofs, verify_log);
criterion_main!(ledger_benches);
