//! `cost`: what a project used, in euros, kilowatt-hours and grams, and how each is known.

use api::{
    endpoint::Nothing,
    nouns::cost::{CostBy, CostGet, CostQuery, Costs, InvoiceDraftGet, InvoiceDraftQuery},
};

use super::{failure::Failure, session::Session};
use crate::output::{
    human::{carbon, energy, euro, quantity, word},
    table::{Table, left, right},
};

/// What costs are grouped by.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum ByArg {
    /// What was used
    Sku,
    /// Workload
    Workload,
    /// Public model
    Endpoint,
}

/// Show what a project used and what that costs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde cost --project orange/nlp
  cocarde cost --by workload
  cocarde cost --invoice 2026-03 -o json

Every figure says whether it was measured or modelled, and its source.")]
pub(crate) struct CostArgs {
    /// How to group
    #[arg(long, value_enum, default_value = "sku")]
    by: ByArg,
    /// Show the draft of a month's invoice instead; the current month if none is named
    #[arg(long, value_name = "MONTH", num_args = 0..=1, default_missing_value = "")]
    invoice: Option<String>,
}

/// Shows costs or the draft of an invoice.
pub(crate) fn run(args: CostArgs, session: &Session) -> Result<(), Failure> {
    let project = session.project_required()?;
    let client = session.client()?;
    if let Some(month) = args.invoice {
        let month = Some(month).filter(|month| !month.is_empty());
        let query = InvoiceDraftQuery { project, month };
        let draft = client.get::<InvoiceDraftGet>(&Nothing {}, &query)?;
        return session.output.show(&draft, || {
            let columns = [left("USED"), right("QUANTITY"), right("PRICE"), right("AMOUNT")];
            let mut table = Table::new(&[&columns[..], &[left("KNOWN")]].concat());
            for line in &draft.lines {
                table.row([
                    line.sku.to_string(),
                    quantity(line.quantity, &line.unit),
                    euro(line.price_microeuro),
                    euro(line.amount_microeuro),
                    word(&line.basis),
                ]);
            }
            table.note(format!("total of {}: {}", draft.month, euro(draft.total_microeuro)))
        });
    }
    let by = match args.by {
        ByArg::Sku => CostBy::Sku,
        ByArg::Workload => CostBy::Workload,
        ByArg::Endpoint => CostBy::Endpoint,
    };
    let costs = client.get::<CostGet>(&Nothing {}, &CostQuery { project, by: Some(by) })?;
    session.output.show(&costs, || costs_table(&costs, by != CostBy::Sku))
}

fn costs_table(costs: &Costs, grouped: bool) -> Table {
    let group: &[_] = if grouped { &[left("GROUP")] } else { &[] };
    let columns = [left("USED"), right("QUANTITY"), right("AMOUNT"), left("KNOWN"), left("SOURCE")];
    let mut table = Table::new(&[group, &columns[..]].concat());
    for line in &costs.lines {
        let sku = line.sku.to_string();
        let quantity = quantity(line.quantity, &line.unit);
        let amount = euro(line.amount_microeuro);
        let (basis, source) = (word(&line.basis), line.source.clone());
        if grouped {
            let group = line.group.clone().unwrap_or_default();
            table.row([group, sku, quantity, amount, basis, source]);
        } else {
            table.row([sku, quantity, amount, basis, source]);
        }
    }
    table.note(format!(
        "total: {}\nenergy: {} ({}: {})\nemissions: {} (modelled: {})",
        euro(costs.total_microeuro),
        energy(costs.energy_mj),
        word(&costs.energy_basis),
        costs.energy_source,
        carbon(costs.carbon_mg),
        costs.carbon_source,
    ))
}

#[cfg(test)]
mod tests {
    use api::nouns::{common::Basis, cost::CostLine};
    use expect_test::expect;
    use units::{Id, MicroEuro, MilliGram, MilliJoule, PriceUnit};

    use super::*;

    #[test]
    fn every_figure_says_how_it_is_known() {
        let costs = Costs {
            project: Id::from_bytes([0; 16]),
            lines: vec![CostLine {
                group: None,
                sku: PriceUnit::CpuHour,
                quantity: 90_000_000,
                unit: "core-microseconds".into(),
                amount_microeuro: MicroEuro(1_000),
                basis: Basis::Measured,
                source: "cgroup".into(),
            }],
            total_microeuro: MicroEuro(1_000),
            energy_mj: MilliJoule(1_080_000),
            energy_basis: Basis::Modelled,
            energy_source: "12.0 W per busy core".into(),
            carbon_mg: MilliGram(6),
            carbon_source: "assumed".into(),
            as_of: 9,
        };
        expect![[r#"
            USED                       QUANTITY        AMOUNT  KNOWN     SOURCE
            cpu_hour  1m30s (core-microseconds)  0.001000 EUR  measured  cgroup
            total: 0.001000 EUR
            energy: 0.000300 kWh (modelled: 12.0 W per busy core)
            emissions: 0.006 gCO2e (modelled: assumed)
        "#]]
        .assert_eq(&costs_table(&costs, false).render(false));
    }
}
