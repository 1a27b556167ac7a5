//! What a project used and what that costs. Amounts are the ledger's own lines, so sums are exact.

use api::{
    nouns::{
        common::Basis,
        cost::{CostBy, CostGet, CostLine, Costs, InvoiceDraft, InvoiceDraftGet, InvoiceLine},
        organisation::Currency,
    },
    problem::Code,
};
use kernel::{
    State,
    access::Role,
    price,
    usage::{LineKey, Totals},
    workload::Workload,
};
use units::{Id, MicroEuro, Price, PriceUnit, kinds, rate};

use super::{
    fail::Fail,
    mount::{Call, as_of},
    resolve,
};

/// `GET /api/v1/costs`
pub(crate) async fn get(call: Call<CostGet>) -> Result<Costs, Fail> {
    let query = &call.query;
    let project =
        call.read(|state| resolve::project(state, &call.caller, Role::Viewer, &query.project))?;
    // So that the figures are of now and not of the last minute.
    call.platform().flush_usage().await;
    Ok(call.read(|state| costs(state, project, query.by.unwrap_or_default())))
}

/// The costs of a project.
pub(crate) fn costs(state: &State, project: Id<kinds::Project>, by: CostBy) -> Costs {
    let totals = state.usage.totals.get(&project).cloned().unwrap_or_default();
    let lines = match by {
        CostBy::Sku => by_sku(state, project, &totals),
        CostBy::Workload => grouped(state, project, &totals, |w| Some(w.id.to_string())),
        CostBy::Endpoint => grouped(state, project, &totals, |w| endpoint_of(state, w)),
    };
    let total = lines.iter().map(|l| l.amount_microeuro);
    let total_microeuro = total.fold(MicroEuro::ZERO, MicroEuro::saturating_add);
    let carbon_source = match totals.carbon_sources.is_empty() {
        true => "no energy was metered yet".to_owned(),
        false => totals.carbon_sources.join("; "),
    };
    Costs {
        project,
        lines,
        total_microeuro,
        energy_mj: totals.energy_measured.saturating_add(totals.energy_modelled),
        energy_basis: energy_basis(&totals),
        energy_source: energy_source(&totals),
        carbon_mg: totals.carbon.milligrams(),
        carbon_source,
        as_of: as_of(state),
    }
}

/// One line for each unit, over all months and prices.
fn by_sku(state: &State, project: Id<kinds::Project>, totals: &Totals) -> Vec<CostLine> {
    PriceUnit::ALL
        .into_iter()
        .filter_map(|per| {
            let own = state.usage.lines_of(project).filter(|(key, _)| key.per == per);
            let sums = own.fold((0_u64, MicroEuro::ZERO), |(quantity, amount), (_, line)| {
                (quantity.saturating_add(line.quantity_base), amount.saturating_add(line.amount))
            });
            (sums != (0, MicroEuro::ZERO)).then(|| cost_line(None, per, sums, totals))
        })
        .collect()
}

fn cost_line(
    group: Option<String>,
    sku: PriceUnit,
    (quantity, amount_microeuro): (u64, MicroEuro),
    totals: &Totals,
) -> CostLine {
    let (basis, source) = basis_of(sku, totals);
    let unit = unit_of(sku).to_owned();
    CostLine { group, sku, quantity, unit, amount_microeuro, basis, source }
}

/// Lines by group; what belongs to none of the groups (tokens, or work of no endpoint) has no
/// group, so that the sum is that of the ledger.
fn grouped(
    state: &State,
    project: Id<kinds::Project>,
    totals: &Totals,
    group_of: impl Fn(&Workload) -> Option<String>,
) -> Vec<CostLine> {
    let mut left: Vec<CostLine> = by_sku(state, project, totals);
    let mut lines: Vec<CostLine> = Vec::new();
    // An array's cost is that of its tasks: one line instead of thousands.
    let own = state.workloads.values().filter(|w| w.project == project && w.task.is_none());
    for workload in own {
        let Some(group) = group_of(workload) else { continue };
        for (sku, quantity, amount) in shares(state, workload) {
            take(&mut left, sku, quantity, amount);
            add(&mut lines, cost_line(Some(group.clone()), sku, (quantity, amount), totals));
        }
    }
    left.retain(|line| line.quantity > 0 || line.amount_microeuro != MicroEuro::ZERO);
    lines.extend(left);
    lines
}

/// A workload's cost by unit: rated at today's prices, and what that misses of its recorded cost
/// (rounding, or an earlier price) on its largest line, so that the workload's sum is exact.
fn shares(state: &State, workload: &Workload) -> Vec<(PriceUnit, u64, MicroEuro)> {
    let used = &workload.used;
    let quantities = [
        (PriceUnit::CpuHour, used.cpu_micros),
        (PriceUnit::GpuHour, used.gpu_micros),
        (PriceUnit::KilowattHour, used.energy.0),
    ];
    let mut shares: Vec<(PriceUnit, u64, MicroEuro)> = quantities
        .into_iter()
        .filter(|(_, quantity)| *quantity > 0)
        .map(|(per, quantity)| {
            let rated = rate(price::current(state, per), quantity);
            (per, quantity, rated.map_or(MicroEuro::ZERO, |rated| rated.amount))
        })
        .collect();
    let sum = shares.iter().fold(MicroEuro::ZERO, |sum, share| sum.saturating_add(share.2));
    let missing = workload.cost.saturating_sub(sum);
    if let Some(largest) = shares.iter_mut().max_by_key(|share| share.2) {
        largest.2 = largest.2.saturating_add(missing);
    }
    shares
}

fn take(left: &mut [CostLine], sku: PriceUnit, quantity: u64, amount: MicroEuro) {
    if let Some(line) = left.iter_mut().find(|line| line.sku == sku) {
        line.quantity = line.quantity.saturating_sub(quantity);
        line.amount_microeuro = line.amount_microeuro.saturating_sub(amount);
    }
}

fn add(lines: &mut Vec<CostLine>, line: CostLine) {
    let same = |l: &&mut CostLine| l.group == line.group && l.sku == line.sku;
    match lines.iter_mut().find(same) {
        Some(found) => {
            found.quantity = found.quantity.saturating_add(line.quantity);
            found.amount_microeuro = found.amount_microeuro.saturating_add(line.amount_microeuro);
        }
        None => lines.push(line),
    }
}

fn endpoint_of(state: &State, workload: &Workload) -> Option<String> {
    let serves = |e: &&kernel::endpoint::Endpoint| e.workloads.contains(&workload.id);
    state.endpoints.values().find(serves).map(|endpoint| endpoint.id.to_string())
}

/// `GET /api/v1/invoices/draft`
pub(crate) async fn invoice(call: Call<InvoiceDraftGet>) -> Result<InvoiceDraft, Fail> {
    let query = &call.query;
    let project =
        call.read(|state| resolve::project(state, &call.caller, Role::Viewer, &query.project))?;
    let month = match &query.month {
        Some(text) => month_of(text)?,
        None => this_month(call.platform().now()),
    };
    call.platform().flush_usage().await;
    call.read(|state| draft(state, project, month))
}

fn draft(state: &State, project: Id<kinds::Project>, month: i32) -> Result<InvoiceDraft, Fail> {
    let totals = state.usage.totals.get(&project).cloned().unwrap_or_default();
    let own = state.usage.lines_of(project).filter(|(key, _)| key.month == month);
    let lines: Vec<InvoiceLine> = own
        .map(|(key, line)| InvoiceLine {
            sku: key.per,
            quantity: line.quantity_base,
            unit: unit_of(key.per).to_owned(),
            price_microeuro: key.price,
            amount_microeuro: amount_of(key, line.quantity_base).unwrap_or(line.amount),
            basis: basis_of(key.per, &totals).0,
        })
        .collect();
    let mut total = MicroEuro::ZERO;
    for line in &lines {
        let sum = total.checked_add(line.amount_microeuro);
        total = sum.ok_or_else(|| Fail::internal("an invoice does not add up", &"overflow"))?;
    }
    let (currency, month) = (Currency::Eur, month_text(month));
    let as_of = as_of(state);
    Ok(InvoiceDraft { project, month, currency, lines, total_microeuro: total, as_of })
}

/// The line's amount, rated again from its whole quantity: the one rounding.
fn amount_of(key: &LineKey, quantity: u64) -> Option<MicroEuro> {
    rate(Price { amount: key.price, per: key.per }, quantity).map(|rated| rated.amount)
}

/// How a quantity is known, and by what.
fn basis_of(per: PriceUnit, totals: &Totals) -> (Basis, String) {
    match per {
        PriceUnit::CpuHour => {
            (Basis::Measured, "processor time of the workload's processes".to_owned())
        }
        PriceUnit::GpuHour => (Basis::Measured, "time for which GPUs were reserved".to_owned()),
        PriceUnit::MTokensIn | PriceUnit::MTokensOut => {
            (Basis::Measured, "counted by the gateway".to_owned())
        }
        PriceUnit::EgressSwitchGib | PriceUnit::EgressParallelGib => {
            (Basis::Measured, "bytes of exports sent".to_owned())
        }
        PriceUnit::KilowattHour => (energy_basis(totals), energy_source(totals)),
    }
}

/// A sum of which any part is modelled is modelled.
fn energy_basis(totals: &Totals) -> Basis {
    match totals.energy_modelled.is_zero() && !totals.energy_measured.is_zero() {
        true => Basis::Measured,
        false => Basis::Modelled,
    }
}

fn energy_source(totals: &Totals) -> String {
    match totals.energy_sources.is_empty() {
        true => "no energy was metered yet".to_owned(),
        false => totals.energy_sources.join("; "),
    }
}

/// The base unit in which a quantity is counted.
pub(crate) const fn unit_of(per: PriceUnit) -> &'static str {
    match per {
        PriceUnit::CpuHour => "core-microseconds",
        PriceUnit::GpuHour => "GPU-microseconds",
        PriceUnit::MTokensIn | PriceUnit::MTokensOut => "tokens",
        PriceUnit::KilowattHour => "millijoules",
        PriceUnit::EgressSwitchGib | PriceUnit::EgressParallelGib => "bytes",
    }
}

/// True if a row is use of this project in this month, which its invoice is made of.
pub(crate) fn is_billed(row: &store::Row, project: Id<kinds::Project>, month: i32) -> bool {
    let Ok(entry) = kernel::Entry::from_leaf(&row.leaf) else { return false };
    let kernel::Event::Usage(metered) = &entry.event else { return false };
    metered.project() == project && this_month(entry.at) == month
}

/// Months since January 1970 of `2026-03`.
pub(crate) fn month_of(text: &str) -> Result<i32, Fail> {
    let wrong = || {
        let shown: String = text.chars().take(20).collect();
        let detail = format!("`month` is `{shown}`: write for example `2026-03`");
        Fail::new(Code::InvalidQuery, detail)
    };
    let (year, month) = text.split_once('-').ok_or_else(wrong)?;
    let digits = |part: &str, n| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(year, 4) || !digits(month, 2) {
        return Err(wrong());
    }
    let (year, month): (i32, i32) =
        (year.parse().map_err(|_| wrong())?, month.parse().map_err(|_| wrong())?);
    if !(1..=12).contains(&month) {
        return Err(wrong());
    }
    Ok(year.saturating_sub(1970).saturating_mul(12).saturating_add(month - 1))
}

fn this_month(now: units::UnixMicros) -> i32 {
    let at = jiff::Timestamp::from_microsecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let years = i32::from(date.year()).saturating_sub(1970);
    years.saturating_mul(12).saturating_add(i32::from(date.month()) - 1)
}

fn month_text(month: i32) -> String {
    let year = month.div_euclid(12).saturating_add(1970);
    format!("{year:04}-{:02}", month.rem_euclid(12) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_round_trip() {
        for text in ["1970-01", "2024-12", "2026-11"] {
            assert_eq!(month_text(month_of(text).unwrap()), text);
        }
        assert_eq!(month_text(this_month(units::UnixMicros(1_795_305_600_000_000))), "2026-11");
        for wrong in ["2026", "2026-13", "2026-00", "26-01", "+026-01", "2026-1", ""] {
            assert!(month_of(wrong).is_err(), "{wrong}");
        }
    }
}
