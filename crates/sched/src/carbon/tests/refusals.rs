//! Series and requests that are refused, with the time or value at fault.

use crate::carbon::{
    Request, RequestError, SLOTS_MAX, STEP_S_MAX, Series, SeriesError, VALUE_MG_PER_KWH_MAX,
    least_mean_start,
};

#[track_caller]
fn refused(result: Result<Series, SeriesError>, error: &SeriesError, words: &str) {
    assert_eq!(result.unwrap_err(), *error);
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn values_beyond_the_limits_are_no_series() {
    refused(Series::new(0, 60, Vec::new()), &SeriesError::Empty, "no slots");
    refused(Series::new(0, 0, vec![1]), &SeriesError::Step { step_s: 0 }, "`step_s` is 0");
    let step_s = STEP_S_MAX + 1;
    refused(Series::new(0, step_s, vec![1]), &SeriesError::Step { step_s }, "1 to 86400");
    let value = VALUE_MG_PER_KWH_MAX + 1;
    refused(
        Series::new(0, 60, vec![1, value]),
        &SeriesError::Value { slot: 1, value },
        "check its unit",
    );
    let count = SLOTS_MAX + 1;
    refused(
        Series::new(0, 60, vec![0; count]),
        &SeriesError::TooManySlots { count },
        "longer slots",
    );
    let start_s = i64::MAX - 59;
    refused(Series::new(start_s, 60, vec![1]), &SeriesError::TooLate { start_s }, "not micros");
}

#[test]
fn the_longest_series_of_the_largest_values_does_not_overflow() {
    let series = Series::new(0, STEP_S_MAX, vec![VALUE_MG_PER_KWH_MAX; SLOTS_MAX]).unwrap();
    let each = u64::from(STEP_S_MAX) * u64::from(VALUE_MG_PER_KWH_MAX);
    assert_eq!(series.sum(0, series.end_s()), Some(each * SLOTS_MAX as u64));
}

#[test]
fn missing_repeated_and_shifted_times_are_named() {
    let points = |times: &[i64]| {
        let points: Vec<(i64, u32)> = times.iter().map(|time_s| (*time_s, 5)).collect();
        Series::from_points(30, &points)
    };
    assert_eq!(points(&[30, 60, 90]), Series::new(30, 30, vec![5; 3]));
    refused(points(&[]), &SeriesError::Empty, "no slots");
    let missing = SeriesError::Missing { time_s: 60, next_s: 120 };
    refused(points(&[0, 30, 120]), &missing, "the slot at 60 is missing, the next is at 120");
    refused(points(&[0, 30, 30]), &SeriesError::NotAscending { time_s: 30 }, "stands twice");
    refused(points(&[0, 30, 0]), &SeriesError::NotAscending { time_s: 0 }, "sort");
    refused(points(&[0, 30, 59]), &SeriesError::OffStep { time_s: 59 }, "between two slots");
    refused(points(&[0, 30, 61]), &SeriesError::OffStep { time_s: 61 }, "between two slots");
}

#[test]
fn requests_that_cannot_be_met_say_what_is_missing() {
    let series = Series::new(100, 10, vec![3; 10]).unwrap();
    let request = Request { earliest_s: 110, length_s: 20, finish_by_s: 190, wait_max_s: 60 };
    let error = |request: Request| least_mean_start(&series, &request).unwrap_err();
    assert!(least_mean_start(&series, &request).is_ok());
    assert_eq!(error(Request { length_s: 0, ..request }), RequestError::NoLength);
    assert_eq!(
        error(Request { finish_by_s: 129, ..request }),
        RequestError::DeadlineTooEarly { done_s: 130, finish_by_s: 129 }
    );
    let outside = |from_s, to_s| RequestError::OutsideSeries {
        needed_s: (from_s, to_s),
        series_s: (100, 200),
    };
    assert_eq!(error(Request { earliest_s: 99, ..request }), outside(99, 179));
    let late = Request { finish_by_s: 999, wait_max_s: 71, ..request };
    assert_eq!(error(late), outside(110, 201));
    assert!(least_mean_start(&series, &late.within(&series)).is_ok());
}
