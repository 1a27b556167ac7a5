//! The bill again, from usage events alone: quantities added up, multiplied and rounded here, with none of
//! the code that bills. At the end every line of the state must be one of these, to the micro-euro.

use std::collections::BTreeMap;

use units::{Id, MicroEuro, PriceUnit, UnixMicros, kinds};

use crate::{Entry, Event, State};

/// What tells one line from another: project, months since January 1970, unit, price.
type Key = (Id<kinds::Project>, i32, PriceUnit, MicroEuro);

/// Quantities by line.
#[derive(Debug, Default)]
pub(super) struct Bill {
    quantities: BTreeMap<Key, u128>,
    /// Usage entries read.
    pub(super) entries: u64,
}

impl Bill {
    /// Takes an entry if it is about use; answers what that adds to the amounts, in micro-euro.
    pub(super) fn entry(&mut self, entry: &Entry) -> i128 {
        let Event::Usage(usage) = &entry.event else { return 0 };
        self.entries = self.entries.saturating_add(1);
        let month = month_of(entry.at);
        let mut added = 0_i128;
        for charge in usage.charges() {
            let key = (usage.project(), month, charge.per, charge.price);
            let quantity = self.quantities.entry(key).or_default();
            let before = amount_of(charge.price, *quantity, charge.per);
            *quantity = quantity.saturating_add(u128::from(charge.quantity_base));
            let after = amount_of(charge.price, *quantity, charge.per);
            let more = after.zip(before).map(|(a, b)| i128::from(a.0).saturating_sub(b.0.into()));
            added = added.saturating_add(more.unwrap_or(0));
        }
        added
    }

    /// Compares with the state's lines: how many there are, and what is wrong.
    pub(super) fn compare(&self, state: &State) -> (u64, Vec<String>) {
        let mut wrong = Vec::new();
        for (key, line) in &state.usage.lines {
            let quantity = self.quantities.get(&(key.project, key.month, key.per, key.price));
            let Some(quantity) = quantity else {
                wrong.push(format!("invoice line {key:?} follows from no usage entry"));
                continue;
            };
            if u128::from(line.quantity_base) != *quantity {
                let billed = line.quantity_base;
                wrong.push(format!("invoice line {key:?} bills {billed}, entries say {quantity}"));
            }
            let amount = amount_of(key.price, *quantity, key.per);
            if amount != Some(line.amount) {
                let billed = line.amount;
                wrong.push(format!("invoice line {key:?} says {billed}, entries give {amount:?}"));
            }
        }
        if self.quantities.len() > state.usage.lines.len() {
            wrong.push("some use is on no invoice line".to_owned());
        }
        (u64::try_from(state.usage.lines.len()).unwrap_or(u64::MAX), wrong)
    }
}

/// Quantity times price, rounded once, half to even.
fn amount_of(price: MicroEuro, quantity: u128, per: PriceUnit) -> Option<MicroEuro> {
    let base = per.base_per_unit();
    let product = i128::from(price.0).checked_mul(i128::try_from(quantity).ok()?)?;
    let (floor, rest) = (product.checked_div_euclid(base)?, product.checked_rem_euclid(base)?);
    let is_odd = floor.checked_rem_euclid(2)? == 1;
    let doubled = rest.checked_mul(2)?;
    let up = doubled > base || (doubled == base && is_odd);
    let rounded = floor.checked_add(i128::from(up))?;
    i64::try_from(rounded).ok().map(MicroEuro)
}

/// Months since January 1970 in UTC, counted year by year and month by month.
pub(super) fn month_of(at: UnixMicros) -> i32 {
    let is_leap = |year: i64| {
        year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
    };
    let mut days = at.secs().div_euclid(86_400);
    // 400 years have 146,097 days: a clock far off costs no more steps than one that is right.
    let eras = days.div_euclid(146_097);
    days = days.rem_euclid(146_097);
    let (mut year, mut months) = (1_970_i64, eras.saturating_mul(4_800));
    loop {
        for month in 1..=12 {
            let length = match month {
                2 if is_leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            if days < length {
                return i32::try_from(months).unwrap_or(i32::MAX);
            }
            days = days.saturating_sub(length);
            months = months.saturating_add(1);
        }
        year = year.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_roundings_are_those_of_the_calendar_and_of_accountants() {
        let month = |secs: i64| month_of(UnixMicros(secs * 1_000_000));
        for (secs, expected) in [
            (0, 0),
            (-1, -1),
            (31 * 86_400 - 1, 0),
            (31 * 86_400, 1),
            (951_782_400, 30 * 12 + 1),
            (951_868_800, 30 * 12 + 2),
            (1_795_305_600, 56 * 12 + 10),
            (4_107_542_400, 130 * 12 + 2),
        ] {
            assert_eq!(month(secs), expected, "{secs}");
        }
        let tokens = |price, quantity| amount_of(MicroEuro(price), quantity, PriceUnit::MTokensIn);
        // 0.5, 1.5 and 2.5 micro-euro: to the even neighbour.
        assert_eq!(tokens(1, 500_000), Some(MicroEuro(0)));
        assert_eq!(tokens(1, 1_500_000), Some(MicroEuro(2)));
        assert_eq!(tokens(1, 2_500_000), Some(MicroEuro(2)));
        assert_eq!(tokens(1, 2_500_001), Some(MicroEuro(3)));
        assert_eq!(tokens(i64::MAX, u128::MAX), None);
    }

    #[test]
    fn a_line_that_follows_from_no_entry_and_one_that_is_a_micro_euro_off_are_found() {
        use crate::usage::{Charge, Event as Usage, TokensMetered};
        let (at, project) = (UnixMicros(1_795_305_600_000_000), Id::from_bytes([1; 16]));
        let charge = |per| Charge { per, price: MicroEuro(500_000), quantity_base: 1_234_567 };
        let charges = vec![charge(PriceUnit::MTokensIn), charge(PriceUnit::MTokensOut)];
        let usage = Usage::Tokens(TokensMetered {
            gateway: Id::from_bytes([2; 16]),
            sequence: 1,
            key: Id::from_bytes([3; 16]),
            project,
            endpoint: Id::from_bytes([4; 16]),
            minute: at,
            requests: 1,
            errors: 0,
            tokens_in: units::Tokens(1_234_567),
            tokens_out: units::Tokens(1_234_567),
            estimated: false,
            charges: charges.clone(),
            decided: Vec::new(),
            answers: None,
        });
        let actor = crate::Actor::Gateway;
        let entry = Entry { at, actor, idempotency: None, event: Event::Usage(usage) };
        let (mut bill, mut state) = (Bill::default(), State::default());
        for _ in 0..3 {
            bill.entry(&entry);
            for charge in &charges {
                state.usage.add(project, at, charge);
            }
        }
        assert_eq!((bill.entries, bill.compare(&state)), (3, (2, Vec::new())));
        let check = |change: &dyn Fn(&mut crate::usage::Ledger), expected: &str| {
            let mut changed = state.clone();
            change(&mut changed.usage);
            let (_, wrong) = bill.compare(&changed);
            assert!(wrong.iter().any(|message| message.contains(expected)), "{wrong:?}");
        };
        check(&|ledger| ledger.lines.values_mut().next().unwrap().amount.0 += 1, "entries give");
        check(&|ledger| ledger.lines.values_mut().next().unwrap().quantity_base += 1, "bills");
        check(&|ledger| assert!(ledger.lines.pop_first().is_some()), "on no invoice line");
        check(
            &|ledger| {
                let (mut key, line) = ledger.lines.pop_first().unwrap();
                key.price.0 += 1;
                ledger.lines.insert(key, line);
            },
            "follows from no usage entry",
        );
    }
}
