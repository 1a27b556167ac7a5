//! Reading carbon intensities from CSV, in grams of CO2e for each kilowatt-hour.
//!
//! Two forms are read. *Long*: a time and a value in each row, as the study publishes them and as
//! most sources give them. *Wide*: a date in each row and a column `HH:MM` for each slot of the day.
//! A list with a gap, a repetition or a value that is no number is refused with the line; nothing is
//! filled in.

use csv::StringRecord;
use sched::carbon::Series;

use super::dates::{self, DAY_S};
use super::decimal::scaled;
use super::error::CarbonError;

const TIME: &str = "a time such as `2020-01-31 13:30`";
const GRAMS: &str = "grams of CO2e per kWh, at least 0, such as `231.5`";

/// Reads a list. `column` names the values of a long list; without it the second column is taken.
///
/// # Errors
/// [`CarbonError`] with the line and the column.
pub fn read_series(text: &str, column: Option<&str>) -> Result<Series, CarbonError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers()?.clone();
    let is_wide = header.len() > 2 && header.iter().skip(1).all(|name| slot(name).is_some());
    let mut slots = Slots::default();
    if is_wide {
        for record in reader.records() {
            slots.add_day(&header, &record?)?;
        }
    } else {
        let position = match column {
            Some(column) => header.iter().position(|name| name == column),
            None => (header.len() > 1).then_some(1),
        };
        let position = position.ok_or_else(|| CarbonError::Column {
            column: column.unwrap_or("value").to_owned(),
            found: header.iter().collect::<Vec<_>>().join(", "),
        })?;
        for record in reader.records() {
            slots.add_row(&header, position, &record?)?;
        }
    }
    slots.finish()
}

fn slot(name: &str) -> Option<i64> {
    dates::time_of_day(name)
}

/// The slots read so far; the first two tell the step.
#[derive(Debug, Default)]
struct Slots {
    first_s: Option<i64>,
    step_s: Option<i64>,
    last_s: i64,
    values: Vec<u32>,
    /// Line and column of the first slot without a value: nothing may follow it.
    ended: Option<(u64, String)>,
}

impl Slots {
    fn add_row(
        &mut self,
        header: &StringRecord,
        position: usize,
        record: &StringRecord,
    ) -> Result<(), CarbonError> {
        let line = line(record);
        let name = |column: usize| header.get(column).unwrap_or("").to_owned();
        let time = record.get(0).unwrap_or("");
        let time_s = dates::parse(time).ok_or_else(|| CarbonError::Field {
            line,
            column: name(0),
            value: time.to_owned(),
            wanted: TIME,
        })?;
        let value = record.get(position).unwrap_or("");
        if value.is_empty() {
            return Err(CarbonError::Gap { line, column: name(position) });
        }
        self.add(line, time_s, &name(position), value)
    }

    fn add_day(&mut self, header: &StringRecord, record: &StringRecord) -> Result<(), CarbonError> {
        let line = line(record);
        let date = record.get(0).unwrap_or("");
        let day_s = dates::parse(date).filter(|day_s| dates::second_of_day(*day_s) == 0);
        let day_s = day_s.ok_or_else(|| CarbonError::Field {
            line,
            column: header.get(0).unwrap_or("").to_owned(),
            value: date.to_owned(),
            wanted: "a date such as `2020-01-31`",
        })?;
        for (position, name) in header.iter().enumerate().skip(1) {
            let value = record.get(position).unwrap_or("");
            if value.is_empty() {
                self.ended.get_or_insert_with(|| (line, name.to_owned()));
                continue;
            }
            // Only the very end of a list may be open.
            if let Some((line, column)) = &self.ended {
                return Err(CarbonError::Gap { line: *line, column: column.clone() });
            }
            self.add(line, day_s + slot(name).unwrap_or(DAY_S), name, value)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        line: u64,
        time_s: i64,
        column: &str,
        value: &str,
    ) -> Result<(), CarbonError> {
        let grams = scaled(value, 3).and_then(|value| u32::try_from(value).ok());
        let milligrams = grams.ok_or_else(|| CarbonError::Field {
            line,
            column: column.to_owned(),
            value: value.to_owned(),
            wanted: GRAMS,
        })?;
        if self.first_s.is_none() {
            self.first_s = Some(time_s);
        } else {
            let step_s = *self.step_s.get_or_insert(time_s - self.last_s);
            let expected_s = self.last_s + step_s.max(1);
            if time_s != expected_s {
                let (found, expected) = (dates::show(time_s), dates::show(expected_s));
                return Err(CarbonError::Time { line, found, expected });
            }
        }
        self.last_s = time_s;
        self.values.push(milligrams);
        Ok(())
    }

    fn finish(self) -> Result<Series, CarbonError> {
        let rows = self.values.len();
        let (Some(first_s), Some(step_s)) = (self.first_s, self.step_s) else {
            return Err(CarbonError::TooShort { rows });
        };
        let step_s = u32::try_from(step_s).unwrap_or(u32::MAX);
        Ok(Series::new(first_s, step_s, self.values)?)
    }
}

pub(super) fn line(record: &StringRecord) -> u64 {
    record.position().map_or(0, csv::Position::line)
}
