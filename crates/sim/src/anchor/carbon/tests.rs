//! The studies on real and on invented intensities, and what the readers refuse.

mod awhile;
mod gaia;
mod reading;

use sched::carbon::Series;

use super::read_series;

/// Germany in 2020 and the first days of 2021, half-hourly; see fixtures/carbon.
fn germany() -> Series {
    let text = include_str!("../../../../../fixtures/carbon/de-2020.csv");
    read_series(text, None).unwrap()
}
