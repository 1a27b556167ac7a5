//! The parts that measure: gauges, histograms, fairness.

use crate::{
    Rng,
    twin::{
        Time,
        results::{fairness::jain_ppm, gauge::Gauge, histogram::Histogram},
    },
};

#[test]
fn a_gauge_keeps_its_area_and_peaks_however_coarse_it_gets() {
    let mut gauge = Gauge::new(16, 0);
    let mut rng = Rng::new(5);
    let (mut now, mut area, mut peak) = (0_u64, 0_u128, 0);
    for _ in 0..5_000 {
        let (value, length) = (rng.below(1_000), rng.between(1, 90_000_000));
        gauge.set(Time(now), value);
        area += u128::from(value) * u128::from(length);
        peak = peak.max(value);
        now += length;
    }
    gauge.advance(Time(now));
    assert_eq!((gauge.area(), gauge.peak()), (area, peak));
    let points = gauge.points();
    assert!((8..=16).contains(&points.len()), "{} points", points.len());
    let step = points[1].at.0;
    assert!((step / 1_000_000).is_power_of_two());
    // The last step is shorter than the others, and its mean is over what there is of it.
    let mean: u128 =
        points.iter().map(|point| u128::from(point.mean)).sum::<u128>() / points.len() as u128;
    assert!((400..600).contains(&mean), "{mean}");
}

#[test]
fn a_value_that_lasts_no_time_leaves_no_trace() {
    let mut gauge = Gauge::new(4, 7);
    gauge.set(Time(5), 1_000_000);
    gauge.set(Time(5), 3);
    gauge.advance(Time(10));
    assert_eq!((gauge.area(), gauge.peak()), (50, 7));
    assert_eq!(gauge.mean(), 5);
}

#[test]
fn quantiles_are_at_most_3_2_percent_above_the_exact_ones() {
    let mut rng = Rng::new(9);
    let mut histogram = Histogram::default();
    let mut values: Vec<u64> = (0..10_000).map(|_| rng.next_u64() >> rng.between(20, 63)).collect();
    for value in &values {
        histogram.add(*value);
    }
    values.sort_unstable();
    for milli in [1, 100, 500, 900, 990, 999, 1_000] {
        let exact = values[(10_000 * milli / 1_000).max(1) - 1];
        let found = histogram.quantile(milli as u64);
        assert!(found >= exact, "{milli}: {found} below {exact}");
        assert!(
            u128::from(found) * 1_000 <= u128::from(exact) * 1_032,
            "{milli}: {found} for {exact}"
        );
    }
    let distribution = histogram.distribution();
    let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
    assert_eq!(u128::from(distribution.mean), (sum + 5_000) / 10_000);
    assert_eq!((distribution.count, distribution.max), (10_000, values[9_999]));
    let cumulative = histogram.cumulative();
    assert!(cumulative.is_sorted());
    assert_eq!(cumulative.last(), Some(&(values[9_999], 10_000)));
    assert_eq!(Histogram::default().distribution().p99, 0);
}

#[test]
fn values_above_a_bound_are_counted() {
    let mut histogram = Histogram::default();
    for value in [0, 5, 31, 32, 1_000, 2_000] {
        histogram.add(value);
    }
    assert_eq!([histogram.above(0), histogram.above(31), histogram.above(1_500)], [5, 3, 1]);
}

#[test]
fn jain_is_one_for_equals_and_one_nth_for_one_that_has_all() {
    for (values, expected) in [
        (&[][..], 1_000_000),
        (&[0, 0][..], 1_000_000),
        (&[5, 5, 5][..], 1_000_000),
        (&[7, 0, 0, 0][..], 250_000),
        // (1 + 2 + 3)² / (3 × 14)
        (&[1, 2, 3][..], 857_143),
    ] {
        assert_eq!(jain_ppm(values), expected, "{values:?}");
    }
}
