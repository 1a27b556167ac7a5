//! Decay against floating point.
#![expect(clippy::float_arithmetic, reason = "the reference is the formula itself")]

use proptest::prelude::*;

use super::{q, queue};
use crate::share::{Tree, Usage};

const ONE: f64 = (1_u64 << 32) as f64;

fn tree(in_use: u64) -> Tree {
    let mut tree = Tree::new(1, &[queue(None, 1, 0)]).unwrap();
    tree.charge(q(0), &[in_use]).unwrap();
    tree
}

fn average(usage: &Usage) -> f64 {
    usage.cell(q(0), 0) as f64 / ONE
}

#[test]
fn half_is_forgotten_in_a_half_life() {
    for half_life in [1, 2, 7, 100, 10_080, 604_800] {
        let mut usage = Usage::new(1, 1, half_life);
        usage.set_cell(q(0), 0, 1_000_000 << 32);
        usage.advance(&tree(0), half_life.into());
        assert!((average(&usage) - 500_000.0).abs() < 1e-3, "{half_life}: {}", average(&usage));
        usage.advance(&tree(2_000_000), half_life.into());
        assert!((average(&usage) - 1_250_000.0).abs() < 1e-3, "{half_life}: {}", average(&usage));
        assert!(usage.average(q(0), 0).abs_diff(1_250_000) <= 1);
    }
}

#[test]
fn what_never_changes_is_its_own_average() {
    let mut usage = Usage::new(1, 1, 10_080);
    let tree = tree(1_000);
    usage.advance(&tree, u64::MAX);
    assert!((average(&usage) - 1_000.0).abs() < 1e-6, "{}", average(&usage));
    for _ in 0..1_000 {
        usage.advance(&tree, 1);
    }
    assert!((average(&usage) - 1_000.0).abs() < 1e-3, "{}", average(&usage));
}

#[test]
fn rows_that_do_not_exist_are_ignored() {
    let mut usage = Usage::new(1, 1, 0);
    usage.set_cell(q(0), 1, 5);
    usage.set_cell(q(1), 0, 5);
    assert_eq!((usage.cell(q(0), 0), usage.cell(q(0), 1), usage.cell(q(1), 0)), (0, 0, 0));
    let mut none = Usage::new(0, 0, 5);
    none.advance(&tree(1), 1);
    assert_eq!(none.average(q(0), 0), 0);
}

proptest! {
    /// The documented bound, over many steps of any length.
    #[test]
    fn the_average_stays_within_its_error_bound(
        half_life in 1u32..100_000,
        steps in prop::collection::vec((0u64..1_000_000, 0u64..5_000), 1..60),
    ) {
        let mut usage = Usage::new(1, 1, half_life);
        let mut exact = 0.0_f64;
        let mut all_ticks = 0.0;
        for (in_use, ticks) in steps {
            usage.advance(&tree(in_use), ticks);
            let factor = (-(ticks as f64) / f64::from(half_life)).exp2();
            exact = in_use as f64 + (exact - in_use as f64) * factor;
            all_ticks += ticks as f64;
            // The reference itself is only good to 2⁻⁵⁰ of its largest operand a step.
            let bound = (2.0 + 3.0 * f64::from(half_life)) / ONE
                + exact.max(1_000_000.0) * (all_ticks / (1_u64 << 60) as f64 + 60.0 * 2_f64.powi(-50));
            let error = (average(&usage) - exact).abs();
            prop_assert!(error <= bound, "{} instead of {exact}, bound {bound}", average(&usage));
        }
    }
}
