//! The policies that can be simulated, by name. A scheduler core is joined by one line here.

mod file;

pub use file::parse;
use sched::{Settings, carbon::Measure};

use super::{backend::Backend, first_fit::FirstFit, scheduled::Scheduled};

/// Their names, the default first.
pub const NAMES: [&str; 8] = {
    let [first_fit, other_fit] = FirstFit::NAMES;
    [
        "cocarde",
        "cocarde-greedy",
        "cocarde-easy",
        "cocarde-blind",
        "cocarde-price",
        "cocarde-at-once",
        first_fit,
        other_fit,
    ]
};

/// A backend of a policy, ready for one run.
///
/// - `cocarde`: the platform's scheduler as it runs by default;
/// - `cocarde-greedy`: without promises, so that small work passes large work for ever;
/// - `cocarde-easy`: one promise, for the first that waits;
/// - `cocarde-price`: jobs with a deadline wait for cheap energy instead of clean energy;
/// - `cocarde-at-once`: jobs with a deadline start at once;
/// - `cocarde-blind`: without topology, the baseline that shows what closeness costs.
#[must_use]
pub fn named(name: &str) -> Option<Box<dyn Backend>> {
    if let Some(scheduled) = scheduled(name) {
        return Some(Box::new(scheduled));
    }
    FirstFit::named(name).map(|policy| Box::new(policy) as Box<dyn Backend>)
}

/// A policy of the platform's scheduler; `None` for the others.
#[must_use]
pub fn scheduled(name: &str) -> Option<Scheduled> {
    let with_depth = |depth| Settings { backfill_depth_max: depth, ..Settings::default() };
    Some(match name {
        "cocarde" => Scheduled::new(name, Settings::default()),
        "cocarde-greedy" => Scheduled::new(name, with_depth(0)),
        "cocarde-easy" => Scheduled::new(name, with_depth(1)),
        "cocarde-blind" => Scheduled::new(name, Settings::default()).blind(),
        "cocarde-price" => {
            Scheduled::new(name, Settings::default()).deferring(Some(Measure::Price))
        }
        "cocarde-at-once" => Scheduled::new(name, Settings::default()).deferring(None),
        _ => return None,
    })
}
