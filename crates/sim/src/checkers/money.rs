//! The bill, recomputed from the leaves: quantities times prices, rounded once per line.
//!
//! It shares neither the rating nor the calendar with the code it checks.

use std::collections::BTreeMap;

use kernel::{
    Entry, Event, State, budget, price,
    usage::{self, Charge, Counters, Event as Use},
};
use units::{Id, MicroEuro, PriceUnit, UnixMicros, kinds};

type LineKey = (Id<kinds::Project>, i32, PriceUnit, MicroEuro);

/// What the log says was used and spent.
#[derive(Debug, Default)]
pub struct Money {
    quantities: BTreeMap<LineKey, u64>,
    spent: BTreeMap<Id<kinds::Budget>, (Id<kinds::Project>, i128)>,
    prices: Vec<price::Line>,
    counters: BTreeMap<(Id<kinds::Workload>, u32, u32), Counters>,
    gateways: BTreeMap<Id<kinds::Gateway>, u64>,
}

impl Money {
    /// Follows one entry.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn entry(&mut self, entry: &Entry) -> Result<(), String> {
        match &entry.event {
            Event::Usage(Use::Attempt(metered)) => {
                self.check_counters(metered)?;
                self.charge(metered.project, entry.at, &metered.charges)
            }
            Event::Usage(Use::Egress(metered)) => {
                self.charge(metered.project, entry.at, &metered.charges)
            }
            Event::Usage(Use::Tokens(metered)) => {
                self.roll_up(metered)?;
                self.charge(metered.project, entry.at, &metered.charges)
            }
            Event::Budget(event) => {
                self.open(event);
                Ok(())
            }
            Event::Price(price::Event::Set { lines, .. }) => {
                self.prices.clone_from(lines);
                Ok(())
            }
            Event::Entity(_)
            | Event::Storage(_)
            | Event::Decision(_)
            | Event::Evidence(_)
            | Event::Quota(_)
            | Event::RateLimit(_)
            | Event::Power(_)
            | Event::Reservation(_)
            | Event::Organisation(_)
            | Event::Project(_)
            | Event::Key(_)
            | Event::User(_)
            | Event::Group(_)
            | Event::ServiceAccount(_)
            | Event::Role(_)
            | Event::Binding(_)
            | Event::IdentityProvider(_)
            | Event::Capability(_)
            | Event::Consent(_)
            | Event::PolicySet(_)
            | Event::Site(_)
            | Event::Node(_)
            | Event::Dataset(_)
            | Event::Model(_)
            | Event::Workload(_)
            | Event::Endpoint(_)
            | Event::Upstream(_)
            | Event::Erasure(_)
            | Event::Course(_)
            | Event::Transfer(_) => Ok(()),
        }
    }

    /// A gateway's minutes come once each, in order, and are charged for the tokens they tell of.
    fn roll_up(&mut self, metered: &usage::TokensMetered) -> Result<(), String> {
        let last = self.gateways.insert(metered.gateway, metered.sequence);
        if last.unwrap_or(0).saturating_add(1) != metered.sequence {
            return Err(format!("roll-up {} after {last:?}", metered.sequence));
        }
        let expected = [
            (PriceUnit::MTokensIn, metered.tokens_in.0),
            (PriceUnit::MTokensOut, metered.tokens_out.0),
        ];
        same_quantities(&expected, &metered.charges)
    }

    /// Budgets of projects in money over all time; the others are counted again by the audit at the
    /// end of a run.
    fn open(&mut self, event: &budget::Event) {
        let (id, project) = match event {
            budget::Event::Created { id, project, .. } => (*id, *project),
            budget::Event::Opened(opened) => {
                let is_plain = opened.period == budget::Period::Total
                    && opened.terms.limit.measure() == units::Measure::Money;
                let (budget::Owner::Project(project), true) = (opened.owner, is_plain) else {
                    return;
                };
                (opened.id, project)
            }
            budget::Event::LimitSet { .. }
            | budget::Event::Exhausted { .. }
            | budget::Event::TermsSet { .. }
            | budget::Event::Alerted { .. }
            | budget::Event::UsedUp { .. } => return,
        };
        self.spent.insert(id, (project, 0));
    }

    /// Compares every line and every budget with the state.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, state: &State) -> Result<(), String> {
        if self.quantities.len() != state.usage.lines.len() {
            let (a, b) = (self.quantities.len(), state.usage.lines.len());
            return Err(format!("the log gives {a} lines, the state has {b}"));
        }
        for (key, line) in &state.usage.lines {
            let own = (key.project, key.month, key.per, key.price);
            let quantity = self.quantities.get(&own).copied();
            let amount = quantity.map(|quantity| amount_of(key.price, key.per, quantity));
            let found = (Some(line.quantity_base), Some(i128::from(line.amount.0)));
            if (quantity, amount) != found {
                let expected = (quantity, amount);
                return Err(format!("line {key:?} is {found:?}, the log says {expected:?}"));
            }
        }
        for (id, (_, spent)) in &self.spent {
            let have = state.budgets.get(id).map(|budget| i128::from(budget.spent.base()));
            if have != Some(*spent) {
                return Err(format!("{id} has spent {have:?}, the log says {spent}"));
            }
        }
        Ok(())
    }

    fn check_counters(&mut self, metered: &usage::AttemptMetered) -> Result<(), String> {
        let slot = (metered.workload, metered.attempt, metered.rank);
        let before = self.counters.insert(slot, metered.total).unwrap_or_default();
        let total = metered.total;
        let grown = |after: u64, before: u64| {
            after.checked_sub(before).ok_or_else(|| "a counter went back".to_owned())
        };
        let energy = grown(total.energy.0, before.energy.0)?;
        let expected = [
            (PriceUnit::CpuHour, grown(total.cpu_micros, before.cpu_micros)?),
            (PriceUnit::GpuHour, grown(total.gpu_micros, before.gpu_micros)?),
            (PriceUnit::KilowattHour, energy),
        ];
        if metered.energy.as_ref().is_none_or(|e| e.energy.0 != energy || e.source.is_empty()) {
            return Err("energy without its figure or source".to_owned());
        }
        same_quantities(&expected, &metered.charges)
    }

    fn charge(
        &mut self,
        project: Id<kinds::Project>,
        at: UnixMicros,
        charges: &[Charge],
    ) -> Result<(), String> {
        for charge in charges {
            let listed = self.prices.iter().find(|line| line.per == charge.per);
            if listed.map_or(MicroEuro::ZERO, |line| line.amount) != charge.price {
                return Err(format!("{charge:?} is not at the price in force"));
            }
            let key = (project, month(at), charge.per, charge.price);
            let quantity = self.quantities.entry(key).or_default();
            let before = amount_of(charge.price, charge.per, *quantity);
            *quantity = quantity.saturating_add(charge.quantity_base);
            let added = amount_of(charge.price, charge.per, *quantity).saturating_sub(before);
            for (_, spent) in self.spent.values_mut().filter(|(owner, _)| *owner == project) {
                *spent = spent.saturating_add(added);
            }
        }
        Ok(())
    }
}

fn same_quantities(expected: &[(PriceUnit, u64)], charges: &[Charge]) -> Result<(), String> {
    let wanted: Vec<_> = expected.iter().filter(|(_, quantity)| *quantity > 0).copied().collect();
    let found: Vec<_> = charges.iter().map(|c| (c.per, c.quantity_base)).collect();
    if wanted == found {
        return Ok(());
    }
    Err(format!("charges {found:?} for a use of {wanted:?}"))
}

/// Quantity times price in micro-euro, rounded half to even.
fn amount_of(price: MicroEuro, per: PriceUnit, quantity: u64) -> i128 {
    let base: i128 = match per {
        PriceUnit::CpuHour | PriceUnit::GpuHour => 60 * 60 * 1_000_000,
        PriceUnit::MTokensIn | PriceUnit::MTokensOut => 1_000_000,
        // 1 kWh = 3.6 MJ.
        PriceUnit::KilowattHour => 3_600_000 * 1_000,
        PriceUnit::EgressSwitchGib | PriceUnit::EgressParallelGib => 1_024 * 1_024 * 1_024,
    };
    let twice = i128::from(price.0).saturating_mul(i128::from(quantity)).saturating_mul(2);
    let rounded_up = twice.saturating_add(base).div_euclid(base.saturating_mul(2));
    let tie = twice.saturating_add(base).rem_euclid(base.saturating_mul(2)) == 0;
    if tie && rounded_up.rem_euclid(2) == 1 { rounded_up.saturating_sub(1) } else { rounded_up }
}

/// Months since January 1970 in UTC, by walking the calendar.
fn month(at: UnixMicros) -> i32 {
    let mut days = at.0.div_euclid(86_400_000_000);
    let (mut year, mut months) = (1970_i64, 0_i32);
    loop {
        let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let february = if leap { 29 } else { 28 };
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if days < length {
                return months;
            }
            days = days.saturating_sub(length);
            months = months.saturating_add(1);
        }
        year = year.saturating_add(1);
    }
}
