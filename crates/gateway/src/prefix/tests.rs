//! Checks matches, forgetting, and that memory and work are bounded.

use std::time::Duration;

use super::{BYTES_MAX, Chain, SETS_PER_SHARD, Table, WAYS};

const NOW: Duration = Duration::from_secs(100);

fn table() -> Table {
    Table::new(1 << 14, Duration::from_secs(60))
}

fn prompt(length: usize, salt: u8) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap() ^ salt).collect()
}

#[test]
fn each_replica_is_matched_as_far_as_it_has_read() {
    let table = table();
    let text = prompt(9_000, 0);
    table.note(&Chain::of(1, &text[..1_024]), 3, NOW);
    table.note(&Chain::of(1, &text[..700]), 5, NOW);
    table.note(&Chain::of(1, &text), 63, NOW);
    let found = table.look_up(&Chain::of(1, &text), NOW);
    // Whole blocks of 256, then of 2,048 from 4,096 on.
    assert_eq!(
        [3, 5, 63, 0, 64, 99].map(|slot| found.bytes_of(slot)),
        [1_024, 512, 8_192, 0, 0, 0]
    );
    let mut other = text.clone();
    other[600] ^= 1;
    let found = table.look_up(&Chain::of(1, &other), NOW);
    assert_eq!([3, 5, 63].map(|slot| found.bytes_of(slot)), [512, 512, 512]);
    assert_eq!(table.look_up(&Chain::of(2, &text), NOW).bytes_of(3), 0, "another endpoint's");
}

#[test]
fn what_is_old_is_forgotten_and_what_is_used_is_not() {
    let (table, chain) = (table(), Chain::of(1, &prompt(2_000, 0)));
    table.note(&chain, 1, NOW);
    assert!(table.look_up(&chain, NOW + Duration::from_secs(59)).bytes_of(1) > 0);
    table.note(&chain, 2, NOW + Duration::from_secs(59));
    let later = table.look_up(&chain, NOW + Duration::from_secs(110));
    assert!(later.bytes_of(1) > 0 && later.bytes_of(2) > 0);
    table.note(&chain, 4, NOW + Duration::from_secs(300));
    let later = table.look_up(&chain, NOW + Duration::from_secs(300));
    assert_eq!([1, 2].map(|slot| later.bytes_of(slot)), [0, 0], "forgotten before");
    assert!(later.bytes_of(4) > 0);
}

#[test]
fn memory_is_bounded_and_the_oldest_give_way() {
    let table = Table::new(WAYS * SETS_PER_SHARD, Duration::from_secs(3_600));
    let chains: Vec<Chain> = (0..40_u64).map(|n| Chain::of(n, &prompt(65_536, 0))).collect();
    for (n, chain) in (0..).zip(&chains) {
        table.note(chain, 1, NOW + Duration::from_secs(n));
    }
    let held: usize = table.shards.iter().map(|shard| shard.lock().unwrap().len() * WAYS).sum();
    assert_eq!(held, WAYS * SETS_PER_SHARD);
    let now = NOW + Duration::from_secs(40);
    assert!(table.look_up(&chains[39], now).bytes_of(1) > 0);
    assert!(table.look_up(&chains[0], now).bytes_of(1) < 65_536);
}

#[test]
fn a_long_prompt_is_looked_at_as_far_as_the_limit() {
    let (mut one, mut other) = (prompt(1 << 20, 0), prompt(1 << 20, 0));
    one[BYTES_MAX + 1] = 0;
    other[BYTES_MAX + 1] = 1;
    assert_eq!(Chain::of(1, &one), Chain::of(1, &other));
    let (_, covered) = Chain::of(1, &one).blocks().last().unwrap();
    assert_eq!(covered, BYTES_MAX);
    assert_eq!(Chain::of(1, b"short").blocks().count(), 0);
}

#[test]
fn hashes_spread() {
    let mut seen: Vec<u64> = (0..10_000_u64).map(|n| super::hash_of(7, &n.to_le_bytes())).collect();
    let mut shards = [0_u32; 16];
    for hash in &seen {
        shards[usize::try_from(hash >> 60).unwrap()] += 1;
    }
    assert!(shards.iter().all(|count| (500..750).contains(count)), "{shards:?}");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 10_000);
}
