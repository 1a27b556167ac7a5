//! The table of the recommendation, and the same by counting every set of broken trays.

use super::{TRAYS, usable_permille};

/// Rows: segment, then the share at 0, 0.5, 1, 2, 5 and 10 % of broken trays, in tenths of a per cent.
const TABLE: [(u32, [u32; 6]); 7] = [
    (1, [1_000, 995, 990, 980, 950, 900]),
    (2, [1_000, 990, 982, 966, 926, 873]),
    (4, [889, 889, 889, 888, 876, 829]),
    (8, [889, 889, 889, 887, 863, 771]),
    (9, [1_000, 957, 917, 848, 699, 575]),
    (16, [889, 889, 888, 884, 837, 652]),
    (18, [1_000, 914, 835, 695, 397, 150]),
];

#[test]
fn the_table_is_reproduced_to_the_printed_digit() {
    for (segment, shares) in TABLE {
        for (down, share) in [0, 50, 100, 200, 500, 1_000].into_iter().zip(shares) {
            let found = usable_permille(TRAYS, segment, down);
            assert_eq!(found, Some(share), "segments of {segment}, {down} of 10,000 down");
        }
    }
}

#[test]
fn small_racks_agree_with_counting_every_set_of_broken_trays() {
    for trays in 1..=8_u32 {
        for segment in 1..=trays {
            for down in [0, 1_000, 2_500, 5_000, 9_900, 10_000] {
                // In units of 10,000^-trays: exact.
                let mut total = 0_u128;
                for broken in 0..1_u32 << trays {
                    let n_down = broken.count_ones();
                    let weight = u128::from(down).pow(n_down)
                        * u128::from(10_000 - down).pow(trays - n_down);
                    total += weight * u128::from(segment * ((trays - n_down) / segment));
                }
                let unit = 10_000_u128.pow(trays) * u128::from(trays);
                let share = (total * 2_000 + unit) / (unit * 2);
                let found = usable_permille(trays, segment, down).map(u128::from);
                // A share that lies exactly between two digits may have no answer.
                let is_tie = (total * 2_000) % (unit * 2) == unit;
                assert!(
                    found == Some(share) || is_tie,
                    "{trays} {segment} {down}: {found:?} {share}"
                );
            }
        }
    }
}

#[test]
fn nonsense_has_no_answer() {
    for (trays, segment, down) in [(18, 0, 0), (18, 19, 0), (18, 4, 10_001), (33, 1, 0)] {
        assert_eq!(usable_permille(trays, segment, down), None);
    }
    assert_eq!(usable_permille(32, 1, 3_333), Some(667));
}
