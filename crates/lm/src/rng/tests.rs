//! The generator is deterministic, its streams differ, and its draws are in range.

use super::Rng;

#[test]
fn same_seed_and_stream_give_the_same_numbers_and_others_do_not() {
    let draw = |seed, stream| {
        let mut rng = Rng::for_stream(seed, stream);
        [rng.next_u64(), rng.next_u64(), rng.next_u64()]
    };
    assert_eq!(draw(7, "order"), draw(7, "order"));
    assert_ne!(draw(7, "order"), draw(8, "order"));
    assert_ne!(draw(7, "order"), draw(7, "weights"));
}

#[test]
fn draws_are_in_range_and_roughly_even() {
    let mut rng = Rng::for_stream(1, "range");
    let mut counts = [0_u32; 7];
    for _ in 0..7_000 {
        counts[rng.below(7)] += 1;
    }
    assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    assert!((0..1_000).all(|_| (0.0..1.0).contains(&rng.unit())));
    let normals: Vec<f64> = (0..4_000).map(|_| rng.normal()).collect();
    let mean = normals.iter().sum::<f64>() / 4_000.0;
    let variance = normals.iter().map(|value| value * value).sum::<f64>() / 4_000.0;
    assert!(mean.abs() < 0.06 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
}

#[test]
fn shuffle_is_a_permutation() {
    let mut items: Vec<usize> = (0..100).collect();
    Rng::for_stream(3, "shuffle").shuffle(&mut items);
    assert_ne!(items, (0..100).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
}
