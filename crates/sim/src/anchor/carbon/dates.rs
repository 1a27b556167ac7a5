//! Civil dates and times as seconds since 1970, without time zones or leap seconds: lists of
//! intensities are in one zone, and what matters is the day of the week and the hour they say.

/// Seconds in a day.
pub const DAY_S: i64 = 86_400;

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar; `None` if there is no such
/// date. Years 1 to 9999.
#[must_use]
pub fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let in_month = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if !(1..=9_999).contains(&year) || !(1..=in_month).contains(&day) {
        return None;
    }
    let before_month = (1..month).map(|earlier| match earlier {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    });
    let past = year - 1;
    let before_year = past * 365 + past / 4 - past / 100 + past / 400;
    // 719,162 days lie before 1970-01-01 in this count.
    Some(before_year + before_month.sum::<i64>() + day - 1 - 719_162)
}

/// Seconds since 1970 of `2020-01-31`, `2020-01-31 13:30`, `2020-01-31T13:30:00` and the like; a
/// zone (`Z`, `+00:00`) at the end is left out.
#[must_use]
pub fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, ""));
    let mut parts = date.splitn(3, '-');
    let mut next = || parts.next()?.parse::<i64>().ok();
    let days = days(next()?, next()?, next()?)?;
    let end = time.find(['Z', '+']).unwrap_or(time.len());
    let within_s = match time.get(..end)? {
        "" => 0,
        time => time_of_day(time)?,
    };
    Some(days * DAY_S + within_s)
}

/// Seconds since midnight of `13:30` or `13:30:00`, with or without a fraction of `.0`.
#[must_use]
pub fn time_of_day(text: &str) -> Option<i64> {
    let (text, part) = text.split_once('.').unwrap_or((text, "0"));
    let fields: Vec<i64> =
        text.split(':').map(|field| field.parse().ok()).collect::<Option<_>>()?;
    let (hour, minute, second) = match fields.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    let is_whole = part.bytes().all(|digit| digit == b'0');
    (is_time && is_whole).then_some(hour * 3_600 + minute * 60 + second)
}

/// Day of the week, Monday 0 to Sunday 6.
#[must_use]
pub const fn weekday(time_s: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (time_s.div_euclid(DAY_S) + 3).rem_euclid(7)
}

/// Seconds since midnight.
#[must_use]
pub const fn second_of_day(time_s: i64) -> i64 {
    time_s.rem_euclid(DAY_S)
}

/// `2020-01-31 13:30` for messages.
#[must_use]
pub fn show(time_s: i64) -> String {
    let day = time_s.div_euclid(DAY_S);
    // The year cannot be more than this; step back until it begins on or before the day.
    let mut year = (1_970 + day / 365 + 1).clamp(1, 9_999);
    while year > 1 && days(year, 1, 1).is_some_and(|first| first > day) {
        year -= 1;
    }
    let month =
        (1..=12).rev().find(|month| days(year, *month, 1).is_some_and(|first| first <= day));
    let month = month.unwrap_or(1);
    let of_month = day - days(year, month, 1).unwrap_or(day) + 1;
    let second = second_of_day(time_s);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{of_month:02} {hour:02}:{minute:02}")
}
