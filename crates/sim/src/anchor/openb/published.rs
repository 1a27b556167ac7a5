//! The published figures, as the artifact ships them: one line for each list, policy and seed.
//!
//! Must stay what was published: nothing is corrected, and a run that is not there is not compared.

use std::collections::BTreeMap;
use std::path::Path;

use super::Error;
use super::table::{Record, Table};

/// Percent of the GPUs asked, up to which figures are published.
pub(super) const PERCENT_MAX: usize = 130;

/// Allocated GPUs by list, policy and seed; thousandths of a percent at each percent asked.
#[derive(Debug, Clone, Default)]
pub struct Published {
    runs: BTreeMap<(String, String, u32), Vec<Option<i64>>>,
}

impl Published {
    /// One run: what was allocated at each percent asked.
    #[must_use]
    pub fn run(&self, list: &str, policy: &str, seed: u32) -> Option<&[Option<i64>]> {
        self.runs.get(&(list.to_owned(), policy.to_owned(), seed)).map(Vec::as_slice)
    }

    /// How many runs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }
}

/// Reads `…_allo_discrete.csv`.
///
/// # Errors
/// [`Error`] if the file is not there or a line is not a run.
pub fn read_published(path: &Path) -> Result<Published, Error> {
    let table = Table::open(path)?;
    let columns: Vec<Option<usize>> = (0..=PERCENT_MAX)
        .map(|percent| table.fields().iter().position(|field| *field == percent.to_string()))
        .collect();
    let mut runs = BTreeMap::new();
    for record in table.records() {
        let list = record.text("workload")?;
        let list = list.strip_prefix("openb_pod_list_").unwrap_or(list).to_owned();
        let policy = record.text("sc_policy")?;
        // Written as `06-FGD`; the number only sorts.
        let policy = policy.split_once('-').map_or(policy, |(_, name)| name).to_owned();
        let cells = columns.iter().map(|column| cell(record, *column));
        let cells = cells.collect::<Result<Vec<_>, _>>()?;
        runs.insert((list, policy, record.number("seed")?), cells);
    }
    Ok(Published { runs })
}

/// A percentage with at most three decimals in thousandths; nothing for an empty cell.
fn cell(record: Record<'_>, column: Option<usize>) -> Result<Option<i64>, Error> {
    let Some(text) = column.and_then(|column| record.at(column)).filter(|text| !text.is_empty())
    else {
        return Ok(None);
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let thousandths = format!("{decimals:0<3}");
    let parsed = whole.parse::<i64>().ok().zip(thousandths.parse::<i64>().ok());
    match parsed {
        Some((whole, part)) if decimals.len() <= 3 && whole >= 0 => Ok(Some(whole * 1_000 + part)),
        _ => Err(record.bad("0 to 130", text, "must be a percentage with up to three decimals")),
    }
}
