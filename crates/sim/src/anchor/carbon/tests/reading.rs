//! Lists of intensities: both forms, and what is refused.

use super::germany;
use crate::Rng;
use crate::anchor::carbon::{Forecast, Saving, dates, read_series};

#[test]
fn the_list_of_germany_is_complete() {
    let series = germany();
    assert_eq!(series.values().len(), 17_999);
    assert_eq!(dates::show(series.start_s()), "2020-01-01 00:00");
    assert_eq!(dates::show(series.end_s()), "2021-01-09 23:30");
    assert_eq!(series.step_s(), 1_800);
    // The mean of the year 2020, in grams.
    let year = series.sum(series.start_s(), dates::parse("2021-01-01").unwrap()).unwrap();
    assert_eq!(year / (366 * 86_400) / 1_000, 313);
}

#[test]
fn both_forms_give_the_same_series() {
    let long = "Time,Carbon Intensity\n2020-02-28 12:00:00,120.99546\n2020-02-29 00:00:00,7\n\
                2020-02-29 12:00:00,0.0005\n2020-03-01 00:00:00,8\n";
    let wide = "date,00:00,12:00\n# a comment\n2020-02-28,120.99546,7\n";
    let series = read_series(long, None).unwrap();
    assert_eq!(series.values(), [120_995, 7_000, 1, 8_000]);
    assert_eq!(
        (series.step_s(), dates::show(series.start_s())),
        (43_200, "2020-02-28 12:00".into())
    );
    // Days of the wide form begin at midnight; the last may be open.
    let wide = read_series(&wide.replace("120.99546,7", "1,2\n2020-02-29,3,"), None).unwrap();
    assert_eq!(wide.values(), [1_000, 2_000, 3_000]);
    let zoned = "t,a,b\n2021-01-01T00:00:00Z,1,2\n2021-01-01T00:05:00+00:00,3,4\n";
    assert_eq!(read_series(zoned, Some("b")).unwrap().values(), [2_000, 4_000]);
}

#[track_caller]
fn refused(text: &str, message: &str) {
    assert_eq!(read_series(text, None).unwrap_err().to_string(), message);
}

#[test]
fn gaps_repetitions_and_nonsense_are_refused_with_the_line() {
    let times = |rows: &str| format!("Time,g\n2020-01-01 00:00,1\n2020-01-01 00:30,2\n{rows}");
    let fill = "fill gaps, sort, and leave out what stands twice";
    refused(
        &times("2020-01-01 01:30,3\n"),
        &format!("line 4: the time is 2020-01-01 01:30, 2020-01-01 01:00 was expected: {fill}"),
    );
    refused(
        &times("2020-01-01 00:30,3\n"),
        &format!("line 4: the time is 2020-01-01 00:30, 2020-01-01 01:00 was expected: {fill}"),
    );
    let grams = "use grams of CO2e per kWh, at least 0, such as `231.5`";
    refused(&times("2020-01-01 01:00,NaN\n"), &format!("line 4: `g` is `NaN`: {grams}"));
    refused(&times("2020-01-01 01:00,-1\n"), &format!("line 4: `g` is `-1`: {grams}"));
    refused(
        &times("2020-01-01 01:00,\n"),
        "line 4: a value is missing at `g`: fill it or cut the list there",
    );
    refused(
        &times("2020-02-30 01:00,1\n"),
        "line 4: `Time` is `2020-02-30 01:00`: use a time such as `2020-01-31 13:30`",
    );
    refused(
        &times("2020-01-01 01:00,10000.5\n"),
        "the values are no series: value 10000500 of slot 2 is above 10000000 mg/kWh: check its unit",
    );
    refused("Time,g\n2020-01-01 00:00,1\n", "the list has 1 rows: give at least two");
    refused("Time\n", "the list has no column `value`: its columns are Time");
    refused(
        "date,00:00,12:00\n2020-01-01,1,\n2020-01-02,1,2\n",
        "line 2: a value is missing at `12:00`: fill it or cut the list there",
    );
    refused(
        "date,00:00,12:00\n2020-01-01 03:00,1,2\n",
        "line 2: `date` is `2020-01-01 03:00`: use a date such as `2020-01-31`",
    );
    let backwards = "t,g\n2020-01-02 00:00,1\n2020-01-01 00:00,1\n";
    assert!(
        read_series(backwards, None).unwrap_err().to_string().starts_with("line 3: the time is")
    );
}

#[test]
fn no_text_makes_the_reader_panic() {
    let mut rng = Rng::new(1);
    let pieces =
        ["date", "Time", ",", "00:00", "12:00", "\n", "2020-01-01", " ", "-", ".", "7", "\"", "T"];
    for _ in 0..5_000 {
        let text: String = (0..rng.below(25)).filter_map(|_| rng.pick(&pieces).copied()).collect();
        let _ = read_series(&text, None);
    }
}

#[test]
fn dates_come_back_as_they_were() {
    let mut rng = Rng::new(2);
    for _ in 0..5_000 {
        let days = i64::try_from(rng.below(3_000_000)).unwrap() - 719_162;
        let time_s = days * dates::DAY_S + i64::try_from(rng.below(1_440)).unwrap() * 60;
        assert_eq!(dates::parse(&dates::show(time_s)), Some(time_s));
        assert_eq!(dates::weekday(time_s), dates::weekday(time_s + 7 * dates::DAY_S));
    }
}

#[test]
fn known_days_are_where_the_calendar_has_them() {
    assert_eq!(dates::parse("1970-01-01"), Some(0));
    assert_eq!(dates::parse("2020-01-01"), Some(18_262 * dates::DAY_S));
    assert_eq!(dates::parse("2000-02-29T23:59:59.000Z"), Some(951_868_799));
    for text in ["1900-02-29", "2020-13-01", "2020-00-10", "2020-01-01 24:00", "x", "2020-01"] {
        assert_eq!(dates::parse(text), None, "{text}");
    }
    // New Year's Day of 2020 was a Wednesday, the last day before 1970 too.
    assert_eq!(dates::weekday(dates::parse("2020-01-01").unwrap()), 2);
    assert_eq!(dates::weekday(-1), 2);
}

#[test]
fn noise_has_the_spread_asked_for_and_no_bias() {
    let series = germany();
    let noisy = Forecast { error_permille: 50, seed: 7 }.of(&series).unwrap();
    let pairs = series.values().iter().zip(noisy.values());
    let errors: Vec<i64> = pairs.map(|(a, b)| i64::from(*b) - i64::from(*a)).collect();
    let n = i64::try_from(errors.len()).unwrap();
    let mean = errors.iter().sum::<i64>() / n;
    let variance = errors.iter().map(|error| error * error).sum::<i64>() / n;
    // 5 % of a mean of 316.7 g are 15.8 g.
    assert!(mean.abs() < 400, "{mean}");
    assert!((15_400..16_300).contains(&variance.isqrt()), "{}", variance.isqrt());
    assert_eq!(Forecast { error_permille: 0, seed: 7 }.of(&series).unwrap(), series);
}

#[test]
fn savings_print_in_per_cent() {
    let show = |at_once, waited| Saving { at_once, waited }.to_string();
    assert_eq!(show(10_000, 9_409), "5.91 %");
    assert_eq!(show(100_000, 94_095), "5.91 %");
    assert_eq!(show(1_000, 1_012), "-1.20 %");
    assert_eq!(show(0, 0), "0.00 %");
}
