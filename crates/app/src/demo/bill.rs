//! Step 9: the bill, each figure with how it is known.

use anyhow::ensure;
use api::{
    endpoint::Nothing,
    nouns::{
        common::Basis,
        cost::{CostGet, CostQuery},
    },
};
use units::MicroEuro;

use super::{Stage, project};
use crate::output::human::carbon;

impl Stage {
    /// Shows what the project used and what it costs.
    pub(super) fn show_bill(&mut self) -> anyhow::Result<()> {
        self.voice.step("the bill");
        let query = CostQuery { project: project().parse()?, by: None };
        let costs = self.client.get::<CostGet>(&Nothing {}, &query)?;
        let mut sum = MicroEuro::ZERO;
        for line in &costs.lines {
            sum = sum.saturating_add(line.amount_microeuro);
            self.voice.line(&format!(
                "{:<12} {:>14} {:<10} {:>18}  {}: {}",
                line.sku,
                line.quantity,
                line.unit,
                line.amount_microeuro,
                basis(line.basis),
                line.source
            ));
        }
        ensure!(sum == costs.total_microeuro, "the lines do not add up to the total");
        self.voice.line(&format!(
            "energy {}, {}: {}",
            costs.energy_mj.kwh_text(),
            basis(costs.energy_basis),
            costs.energy_source
        ));
        self.voice.line(&format!(
            "carbon {}, modelled: {}",
            carbon(costs.carbon_mg),
            costs.carbon_source
        ));
        self.voice.line(&format!("total  {}", costs.total_microeuro));
        ensure!(costs.energy_mj.0 > 0 && costs.total_microeuro.0 > 0, "nothing was metered");
        Ok(())
    }
}

/// How a figure is known, in a word.
const fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Measured => "measured",
        Basis::Modelled => "modelled",
    }
}
