//! The seeds that every change must pass, and what the harness itself owes.

use super::*;

#[test]
fn fixed_seeds_hold_under_all_faults() {
    let report = check(1..21, 300);
    assert!(report.is_good(), "{report}");
    println!("{report}");
}
