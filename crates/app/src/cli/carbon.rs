//! `carbon`: what a kilowatt-hour costs at a site by time, in carbon and in money.

use std::path::PathBuf;

use api::{
    endpoint::Nothing,
    nouns::energy_series::{
        EnergyMeasure, EnergySeries, EnergySeriesDelete, EnergySeriesGet, EnergySeriesNew,
        EnergySeriesPath, EnergySeriesSet,
    },
    nouns::{common::NamedQuery, site::SiteList},
    reference::Ref,
    text::Timestamp,
};
use units::{Id, UnixMicros, kinds};

use super::{
    failure::Failure,
    session::{Guard, Session, id_of},
};
use crate::output::{human::time, table::Table};

/// Carbon and price of energy at sites by time: what deferrable jobs wait for
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde carbon import paris forecast.csv --start 2027-03-01T00:00:00Z --step 1h \\
      --source 'RTE eCO2mix, forecast of 28 February 2027'
  cocarde carbon import paris prices.csv --price --start 2027-03-01T00:00:00Z --step 15m \\
      --source 'EPEX day-ahead, FR'
  cocarde carbon show paris

The file holds one value on each line, the last of its columns, from the first slot on: grams of
CO2e per kWh, or EUR per MWh with `--price`, with at most three decimals. Empty lines, lines that
begin with `#`, and a first line without a number are passed over.")]
pub(crate) enum Verb {
    /// Set the series of a site from a CSV file
    Import(ImportArgs),
    /// Show the series of a site
    Show {
        /// The site's name or id
        site: Ref<kinds::Site>,
        /// The price instead of the carbon
        #[arg(long)]
        price: bool,
    },
    /// Take the series of a site out of force
    Delete {
        /// The site's name or id
        site: Ref<kinds::Site>,
        /// The price instead of the carbon
        #[arg(long)]
        price: bool,
        #[command(flatten)]
        guard: Guard,
    },
}

/// What a series is set from.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// The site's name or id
    site: Ref<kinds::Site>,
    /// The CSV file
    file: PathBuf,
    /// Prices instead of carbon
    #[arg(long)]
    price: bool,
    /// Start of the first slot
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start: UnixMicros,
    /// Length of a slot, such as `15m` or `1h`
    #[arg(long, value_name = "DURATION")]
    step: units::DurationMicros,
    /// Where the values are from: who published them, when, for what
    #[arg(long)]
    source: String,
    #[command(flatten)]
    guard: Guard,
}

/// Most bytes of a file: 4,096 lines of a few columns.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Import(args) => import(args, session),
        Verb::Show { site, price } => {
            let path = path(session, &site, price)?;
            show(session, &session.read::<EnergySeriesGet>(&path)?)
        }
        Verb::Delete { site, price, guard } => {
            let path = path(session, &site, price)?;
            show(session, &session.change::<EnergySeriesDelete>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn import(args: ImportArgs, session: &Session) -> Result<(), Failure> {
    let shown = args.file.display().to_string();
    let fail = |message: String| Failure::usage(format!("`{shown}`: {message}"));
    let size = std::fs::metadata(&args.file).map_err(|error| fail(error.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(fail(format!("{size} bytes, at most {FILE_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(&args.file).map_err(|error| fail(error.to_string()))?;
    let values = values(&text).map_err(fail)?;
    let body = EnergySeriesNew {
        start: Timestamp(args.start),
        step_s: u32::try_from(args.step.as_secs()).unwrap_or(u32::MAX),
        values,
        source: args.source,
    };
    let path = path(session, &args.site, args.price)?;
    show(session, &session.change::<EnergySeriesSet>(&path, &body, &args.guard)?)
}

/// The values in thousandths: mg per kWh, or thousandths of a euro per MWh, which is micro-euro per kWh.
fn values(text: &str) -> Result<Vec<i32>, String> {
    let mut values = Vec::new();
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let last = line.rsplit([',', ';', '\t']).next().unwrap_or(line).trim();
        match milli(last) {
            Some(value) => values.push(value),
            None if values.is_empty() && number == 1 => {}
            None => {
                return Err(format!(
                    "line {number}: `{last}` is not a number with at most three decimals"
                ));
            }
        }
    }
    Ok(values)
}

/// Thousandths of a decimal number; never rounds.
fn milli(text: &str) -> Option<i32> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 3 {
        return None;
    }
    let whole: i32 = whole.parse().ok()?;
    let decimals: i32 = format!("{decimals:0<3}").parse().ok()?;
    whole.checked_mul(1_000)?.checked_add(decimals)?.checked_mul(sign)
}

fn path(
    session: &Session,
    site: &Ref<kinds::Site>,
    price: bool,
) -> Result<EnergySeriesPath, Failure> {
    let id: Id<kinds::Site> = id_of(site, "site", |name| {
        let query = NamedQuery { name: Some(name.clone()), ..NamedQuery::default() };
        let page = session.client()?.get::<SiteList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|site| site.id).collect())
    })?;
    let measure = if price { EnergyMeasure::Price } else { EnergyMeasure::Carbon };
    Ok(EnergySeriesPath { id, measure })
}

fn show(session: &Session, one: &EnergySeries) -> Result<(), Failure> {
    let unit = match one.measure {
        EnergyMeasure::Carbon => "mg CO2e/kWh",
        EnergyMeasure::Price => "micro-euro/kWh",
    };
    let least = one.values.iter().min().copied().unwrap_or(0);
    let most = one.values.iter().max().copied().unwrap_or(0);
    session.output.show(one, || {
        Table::fields()
            .field("site", one.site)
            .field("from", time(one.start))
            .field("until", time(one.end))
            .field("step", format!("{} s", one.step_s))
            .field("values", one.values.len())
            .field("least", format!("{least} {unit}"))
            .field("most", format!("{most} {unit}"))
            .field("source", &one.source)
            .field("version", one.version)
    })
}

fn moment(text: &str) -> Result<UnixMicros, String> {
    let at: Result<jiff::Timestamp, _> = text.parse();
    at.map(|at| UnixMicros(at.as_microsecond())).map_err(|_| {
        format!("`{text}` is not a time: write RFC 3339, such as `2027-03-01T08:00:00Z`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_exact_and_lines_are_named() {
        let text = "time,g\n2027-03-01T00:00Z,56.3\n\n# a gap\n2027-03-01T01:00Z,-0.5\n7";
        assert_eq!(values(text), Ok(vec![56_300, -500, 7_000]));
        assert_eq!(
            values("1\n1.2345"),
            Err("line 2: `1.2345` is not a number with at most three decimals".to_owned())
        );
        assert!(values("1\nx").is_err() && values("99999999999").is_ok_and(|v| v.is_empty()));
    }
}
