//! The figures that the authors published, from the file that the repository keeps of them.
//!
//! Must hold no figure of its own.

use std::path::Path;

use crate::anchor::rows::{Error, Field, Row, Rows};

const FILE: &str = "fixtures/muri/published.csv";
const TEXT: &[u8] = include_bytes!("../../../../../fixtures/muri/published.csv");

/// One policy on one list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The list, such as `trace1_pr`.
    pub list: String,
    /// The policy as the authors call it.
    pub policy: String,
    /// Mean time from submission to end, in microseconds.
    pub mean_us: u64,
    /// End of the last job, in microseconds.
    pub makespan_us: u64,
}

/// All published figures.
pub(super) fn all() -> Result<Vec<Published>, Error> {
    let rows = Rows::parse(Path::new(FILE), TEXT)?;
    let (list, policy) = (rows.field("list")?, rows.field("policy")?);
    let (mean, makespan) = (rows.field("average_jct_s")?, rows.field("makespan_s")?);
    let read = |row: Row<'_>| {
        Ok(Published {
            list: row.text(list)?.to_owned(),
            policy: row.text(policy)?.to_owned(),
            mean_us: microseconds(row, mean)?,
            makespan_us: microseconds(row, makespan)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Seconds with at most six decimals.
fn microseconds(row: Row<'_>, field: Field) -> Result<u64, Error> {
    let text = row.text(field)?;
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let seconds = whole.parse::<u64>().ok();
    let digits = part.len() <= 6 && part.bytes().all(|byte| byte.is_ascii_digit());
    let part = format!("{part:0<6}").parse::<u64>().ok().filter(|_| digits);
    let both = seconds.zip(part).and_then(|(seconds, part)| {
        seconds.checked_mul(1_000_000).and_then(|seconds| seconds.checked_add(part))
    });
    both.ok_or_else(|| row.wrong(field, text, "must be seconds with at most six decimals"))
}
