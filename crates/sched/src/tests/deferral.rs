//! Starts that are put off for cleaner or cheaper energy.

use expect_test::expect;

use super::{job, node, problem, show};
use crate::carbon::{Deferral, Forecast, Measure};
use crate::{Job, JobIdx, SiteIdx};

const S: i64 = 1_000_000;
const HOUR: i64 = 3_600 * S;

/// One node from time 0 on, and a day of hours: dirty but for hours 6 to 8 and, cleaner, 20.
fn scheduler(jobs: Vec<Job>, has_series: bool) -> crate::Scheduler {
    let mut scheduler = crate::plan::scheduler(&problem(vec![node(0, 0, 4)], jobs, vec![]));
    let values: Vec<i64> = (0..24)
        .map(|hour| match hour {
            6..8 => 100_000,
            20 => 50_000,
            _ => 400_000,
        })
        .collect();
    if has_series {
        let forecast = Forecast::new(0, 3_600, &values).unwrap();
        scheduler.set_forecast(Measure::Carbon, SiteIdx(0), Some(forecast));
    }
    scheduler
}

fn until(end_h: i64, limit_h: u64) -> Job {
    let deferral = Deferral { end_by_us: Some(end_h * HOUR), ..Deferral::default() };
    Job { deferral: Some(deferral), limit_us: Some(limit_h * HOUR.unsigned_abs()), ..job(1, 1) }
}

fn starts_at(job: Job) -> Option<i64> {
    let mut scheduler = scheduler(vec![job], true);
    (0..24).find(|hour| !scheduler.plan(hour * HOUR).placements.is_empty())
}

#[test]
fn work_waits_for_the_cleanest_time_within_its_deadline() {
    assert_eq!(starts_at(until(24, 1)), Some(20));
    assert_eq!(starts_at(until(12, 2)), Some(6));
    // Two hours that end by seven cannot wait for two clean ones.
    assert_eq!(starts_at(until(7, 2)), Some(5));
    // Too late for anything: it starts at once.
    assert_eq!(starts_at(until(1, 2)), Some(0));
    assert_eq!(starts_at(Job { limit_us: None, ..until(24, 1) }), Some(0));
    let start_by = Deferral { start_by_us: Some(10 * HOUR), ..Deferral::default() };
    assert_eq!(starts_at(Job { deferral: Some(start_by), ..job(1, 1) }), Some(6));
}

#[test]
fn the_reason_says_what_is_saved() {
    let mut scheduler = scheduler(vec![until(12, 2)], true);
    expect![[r#"
        job 0 waits: It is put off within its deadline: 100000 mg of CO2e for each kWh then, 400000 now, which saves 75.0 %.
    "#]].assert_eq(&show(&scheduler.plan(0)));
}

#[test]
fn what_is_due_stays_due() {
    let mut scheduler = scheduler(vec![until(24, 1)], true);
    // Its time has passed; the rest of the day is no better reason to wait.
    assert_eq!(scheduler.plan(22 * HOUR).placements.len(), 1);
    // Decided anew with another series, and not at all without one.
    let late = Forecast::new(0, 3_600, &[(0..23).map(|_| 9).collect(), vec![1]].concat()).unwrap();
    scheduler.set_forecast(Measure::Carbon, SiteIdx(0), Some(late));
    assert_eq!(scheduler.plan(22 * HOUR).placements.len(), 0);
    scheduler.set_forecast(Measure::Carbon, SiteIdx(0), None);
    assert_eq!(scheduler.plan(22 * HOUR).placements.len(), 1);
}

#[test]
fn nothing_is_put_off_without_a_series_that_covers_it() {
    assert_eq!(scheduler(vec![until(24, 1)], false).plan(0).placements.len(), 1);
    let mut scheduler = scheduler(vec![until(24, 1)], false);
    let future = Forecast::new(10 * 3_600, 3_600, &[9, 9, 1, 9]).unwrap();
    scheduler.set_forecast(Measure::Carbon, SiteIdx(0), Some(future.clone()));
    assert_eq!(scheduler.plan(0).placements.len(), 1, "nobody knows what now costs");
    assert_eq!(scheduler.plan(10 * HOUR).placements.len(), 0);
    scheduler.set_forecast(Measure::Carbon, SiteIdx(0), None);
    scheduler.set_forecast(Measure::Carbon, SiteIdx(7), Some(future));
    let mut elsewhere = until(24, 1);
    elsewhere.allowed_sites = [SiteIdx(0)].into_iter().collect();
    scheduler.submit(JobIdx(0), elsewhere);
    assert_eq!(scheduler.plan(10 * HOUR).placements.len(), 1, "another site's series is nothing");
}

#[test]
fn prices_below_zero_are_prices() {
    let mut job = until(24, 1);
    job.deferral = job.deferral.map(|deferral| Deferral { by: Measure::Price, ..deferral });
    let mut scheduler = scheduler(vec![job], true);
    let values: Vec<i64> = (0..24).map(|hour| if hour == 13 { -20_000 } else { 80_000 }).collect();
    let forecast = Forecast::new(0, 3_600, &values).unwrap();
    assert_eq!(forecast.mean(12 * 3_600, 7_200), Some(30_000));
    scheduler.set_forecast(Measure::Price, SiteIdx(0), Some(forecast));
    expect![[r#"
        job 0 waits: It is put off within its deadline: -20000 micro-euro for each kWh then, 80000 now, which saves 125.0 %.
    "#]].assert_eq(&show(&scheduler.plan(0)));
    assert_eq!(scheduler.plan(13 * HOUR).placements.len(), 1);
}
