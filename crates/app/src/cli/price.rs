//! `price`: what a unit of use costs.

use api::{
    endpoint::Nothing,
    nouns::price::{PriceGet, PriceLineNew, PriceList, PriceListNew, PriceSet},
    text::EuroText,
};
use units::{MicroEuro, PriceUnit};

use super::{
    failure::Failure,
    session::{Guard, Session},
};
use crate::output::{
    human::euro,
    table::{Table, left, right},
};

/// Prices per unit of use
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde price set cpu_hour=0.04 kwh=0.22 mtokens_in=0.10 mtokens_out=0.30
  cocarde price get

Units: cpu_hour, gpu_hour, mtokens_in, mtokens_out (per million tokens), kwh.")]
pub(crate) enum Verb {
    /// Show the prices in force
    Get,
    /// Put prices in force for work that starts from now on; a unit that is not named is free
    Set {
        /// `UNIT=EUR`, such as `cpu_hour=0.04`
        #[arg(required = true, value_name = "UNIT=EUR", value_parser = line)]
        lines: Vec<(PriceUnit, MicroEuro)>,
        #[command(flatten)]
        guard: Guard,
    },
}

fn line(text: &str) -> Result<(PriceUnit, MicroEuro), String> {
    let (unit, amount) =
        text.split_once('=').ok_or("write `UNIT=EUR`, for example `cpu_hour=0.04`")?;
    Ok((unit.parse()?, amount.parse()?))
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Get => show(session, &session.read::<PriceGet>(&Nothing {})?),
        Verb::Set { lines, guard } => {
            let line = |(per, amount)| PriceLineNew { per, amount: EuroText(amount) };
            let body = PriceListNew { lines: lines.into_iter().map(line).collect() };
            show(session, &session.change::<PriceSet>(&Nothing {}, &body, &guard)?)
        }
    }
}

fn show(session: &Session, prices: &PriceList) -> Result<(), Failure> {
    session.output.show(prices, || {
        let mut table = Table::new(&[left("PER"), right("PRICE")]);
        for line in &prices.lines {
            table.row([line.per.to_string(), euro(line.amount_microeuro)]);
        }
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_written_as_unit_and_amount() {
        assert_eq!(line("cpu_hour=0.04"), Ok((PriceUnit::CpuHour, MicroEuro(40_000))));
        for wrong in ["cpu_hour", "cpu=1", "kwh=-1", "kwh=0.0000001"] {
            assert!(line(wrong).is_err(), "{wrong}");
        }
    }
}
