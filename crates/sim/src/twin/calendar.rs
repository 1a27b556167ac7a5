//! Dates of job lists as seconds since 1970, by the proleptic Gregorian calendar. Lists give no zone,
//! or one that does not matter: only differences between dates of one list are used.

/// Seconds since 1970-01-01 of `2017-10-09 07:01:55` or `2024-01-02T03:04:05`, a fraction or a zone
/// after it ignored; `None` if it is no date of the years 1970 to 2999.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let [year, month, day] = numbers(date, '-')?;
    let clock = clock.get(..8).filter(|_| clock.is_ascii())?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let month_days =
        [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let position = usize::try_from(month.checked_sub(1)?).ok()?;
    let in_range = (1970..3_000).contains(&year)
        && (1..=*month_days.get(position)?).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !in_range {
        return None;
    }
    let before: u64 = month_days.iter().take(position).sum();
    let days = days_before(year).saturating_add(before).saturating_add(day.saturating_sub(1));
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn numbers<const N: usize>(text: &str, separator: char) -> Option<[u64; N]> {
    let mut found = [0; N];
    let mut parts = text.split(separator);
    for slot in &mut found {
        let part = parts.next()?;
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        *slot = if digits { part.parse().ok()? } else { return None };
    }
    parts.next().is_none().then_some(found)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from 1970-01-01 to the first of January of a year from 1970 on.
const fn days_before(year: u64) -> u64 {
    // Leap days before the year, less the 477 up to 1969.
    let last = year.saturating_sub(1);
    let leap = last / 4 - last / 100 + last / 400;
    year.saturating_sub(1970) * 365 + leap.saturating_sub(477)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, value) in [
            ("1970-01-01 00:00:00", Some(0)),
            ("1970-01-02", Some(86_400)),
            ("2000-02-29T00:00:00", Some(951_782_400)),
            ("2017-10-09 07:01:55", Some(1_507_532_515)),
            ("2024-12-31T23:59:59.999Z", Some(1_735_689_599)),
            ("2023-02-29 00:00:00", None),
            ("2023-13-01 00:00:00", None),
            ("2023-00-01 00:00:00", None),
            ("2023-01-01 24:00:00", None),
            ("2023-01-01 10:00", None),
            ("1969-12-31 00:00:00", None),
            ("Unknown", None),
            ("2023-1ü-01 00:00:00", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), value, "{text}");
        }
    }
}
