//! Tests of the carbon-aware starts, against a reference that tries every second.

mod refusals;

use proptest::prelude::*;

use super::{
    Outlook, Request, Series, StartTable, carbon_mg, carbon_time_start, cheapest_runs,
    least_mean_start,
};
use crate::{SiteIdx, SiteMask};

/// A series of short slots, so that every second can be tried; few different values, so that ties
/// are common.
fn series() -> impl Strategy<Value = Series> {
    (-20i64..20, 1u32..8, prop::collection::vec(0u32..6, 1..24))
        .prop_map(|(start_s, step_s, values)| Series::new(start_s, step_s, values).unwrap())
}

/// A request that the series can answer.
fn requests(series: &Series) -> impl Strategy<Value = Request> + use<> {
    let (start, end) = (series.start_s(), series.end_s());
    (start..end).prop_flat_map(move |earliest_s| {
        (1..=end - earliest_s, 0i64..30, 0i64..40).prop_map(move |(length_s, wait_s, slack_s)| {
            let done_s = earliest_s + length_s;
            Request {
                earliest_s,
                length_s: length_s.unsigned_abs(),
                finish_by_s: (done_s + slack_s).min(end),
                wait_max_s: wait_s.unsigned_abs(),
            }
        })
    })
}

fn questions() -> impl Strategy<Value = (Series, Request)> {
    series().prop_flat_map(|series| (Just(series.clone()), requests(&series)))
}

/// The value in each second, found by walking the slots.
fn second(series: &Series, time_s: i64) -> u64 {
    let slot = (time_s - series.start_s()) / i64::from(series.step_s());
    u64::from(series.values()[slot as usize])
}

fn cost(series: &Series, from_s: i64, to_s: i64) -> u64 {
    (from_s..to_s).map(|time_s| second(series, time_s)).sum()
}

/// Every start that is allowed, in order.
fn starts(request: &Request) -> impl Iterator<Item = i64> + use<> {
    let length_s = request.length_s as i64;
    let last_s =
        (request.earliest_s + request.wait_max_s as i64).min(request.finish_by_s - length_s);
    request.earliest_s..=last_s
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_least_mean_is_the_least_of_all_seconds((series, request) in questions()) {
        let length_s = request.length_s as i64;
        let costs = starts(&request).map(|start| (cost(&series, start, start + length_s), start));
        let best = costs.min().unwrap();
        let found = least_mean_start(&series, &request).unwrap();
        prop_assert_eq!((found.sum, found.start_s), best);
        let at_once = cost(&series, request.earliest_s, request.earliest_s + length_s);
        prop_assert_eq!(found.sum_at_once, at_once);
    }

    #[test]
    fn carbon_time_saves_most_for_each_hour_of_all_seconds((series, request) in questions()) {
        let length_s = request.length_s as i64;
        let at_once = cost(&series, request.earliest_s, request.earliest_s + length_s);
        // saved / hours as a fraction, the earliest of equal ones.
        let (mut best, mut best_saved, mut best_hours) = (request.earliest_s, 0_i128, 1_i128);
        for start in starts(&request) {
            let saved = i128::from(at_once) - i128::from(cost(&series, start, start + length_s));
            let hours = i128::from(start + length_s - request.earliest_s);
            if saved * best_hours > best_saved * hours {
                (best, best_saved, best_hours) = (start, saved, hours);
            }
        }
        let found = carbon_time_start(&series, &request).unwrap();
        prop_assert_eq!(found.start_s, best);
        prop_assert_eq!(found.sum, cost(&series, best, best + length_s));
    }

    #[test]
    fn interrupted_work_takes_the_cheapest_seconds((series, request) in questions()) {
        let window = request.earliest_s..request.last_end_s();
        let mut seconds: Vec<(u64, i64)> =
            window.clone().map(|time_s| (second(&series, time_s), time_s)).collect();
        seconds.sort_unstable();
        seconds.truncate(request.length_s as usize);
        let found = cheapest_runs(&series, &request).unwrap();
        let mut taken: Vec<(u64, i64)> = found
            .runs
            .iter()
            .flat_map(|(from_s, to_s)| *from_s..*to_s)
            .map(|time_s| (second(&series, time_s), time_s))
            .collect();
        taken.sort_unstable();
        prop_assert_eq!(&taken, &seconds);
        prop_assert_eq!(found.sum, seconds.iter().map(|(value, _)| *value).sum::<u64>());
        prop_assert!(found.runs.is_sorted_by(|a, b| a.1 < b.0));
        let whole = least_mean_start(&series, &request).unwrap();
        prop_assert!(found.sum <= whole.sum && whole.sum <= whole.sum_at_once);
    }

    #[test]
    fn the_table_answers_as_the_single_question(
        series in series(),
        length in 1usize..5,
        wait in 0usize..6,
    ) {
        let table = StartTable::new(&series, length, wait);
        let step = i64::from(series.step_s());
        for arrival in 0..series.values().len() + 2 {
            let earliest_s = series.start_s() + arrival as i64 * step;
            let request = Request {
                earliest_s,
                length_s: (length as i64 * step).unsigned_abs(),
                finish_by_s: i64::MAX,
                wait_max_s: (wait as i64 * step).unsigned_abs(),
            };
            let single = least_mean_start(&series, &request).ok();
            let expected = single.map(|start| ((start.start_s - series.start_s()) / step) as usize);
            prop_assert_eq!(table.start(arrival), expected, "slot {}", arrival);
        }
    }

    #[test]
    fn sums_over_any_time_are_those_of_the_seconds((series, request) in questions()) {
        let (from_s, to_s) = (request.earliest_s, request.finish_by_s);
        prop_assert_eq!(series.sum(from_s, to_s), Some(cost(&series, from_s, to_s)));
        prop_assert_eq!(series.sum(series.start_s() - 1, to_s), None);
        prop_assert_eq!(series.sum(from_s, series.end_s() + 1), None);
    }
}

#[test]
fn the_site_of_least_carbon_is_chosen_among_those_allowed() {
    let mut outlook = Outlook::default();
    let flat = |value| Series::new(0, 60, vec![value; 4]).unwrap();
    outlook.set(SiteIdx(0), flat(30));
    outlook.set(SiteIdx(1), Series::new(0, 60, vec![90, 90, 10, 90]).unwrap());
    outlook.set(SiteIdx(2), flat(10));
    outlook.set(SiteIdx(3), flat(10));
    let request = Request { earliest_s: 0, length_s: 60, finish_by_s: 240, wait_max_s: 180 };
    let best = |sites: &[u32]| {
        let allowed: SiteMask = sites.iter().copied().map(SiteIdx).collect();
        let best = outlook.least_mean_start(&allowed, &request).unwrap();
        best.map(|best| (best.site.0, best.start.start_s))
    };
    assert_eq!(best(&[0, 1]), Some((1, 120)));
    assert_eq!(best(&[0, 1, 2]), Some((2, 0)), "as little carbon, and earlier");
    assert_eq!(best(&[0]), Some((0, 0)));
    assert_eq!(best(&[7]), None);
    assert_eq!(best(&[2, 3]), Some((2, 0)), "of equal ones the lowest site");
    outlook.set(SiteIdx(5), Series::new(0, 60, vec![1]).unwrap());
    let allowed: SiteMask = [SiteIdx(0), SiteIdx(5)].into_iter().collect();
    let (site, error) = outlook.least_mean_start(&allowed, &request).unwrap_err();
    assert_eq!((site, error.to_string().contains("the series has 0 to 60")), (SiteIdx(5), true));
}

#[test]
fn carbon_of_a_draw_is_in_milligrams() {
    // A kilowatt for an hour at 400 g/kWh.
    assert_eq!(carbon_mg(1_000_000, 400_000 * 3_600), 400_000);
    // Half a milligram is rounded up, less is not.
    assert_eq!((carbon_mg(1, 1_800_000_000), carbon_mg(1, 1_799_999_999)), (1, 0));
    assert_eq!(carbon_mg(u64::MAX, u64::MAX), u64::MAX);
}
