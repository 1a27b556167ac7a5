//! Folds budget events.

use std::collections::BTreeMap;

use units::{Allowance, Id, UnixMicros, kinds};

use super::{ALERTS_DEFAULT, Budget, Event, Opened, Owner, Period, Terms, ledgered};
use crate::{Meta, Stamp, State, usage::month_of};

pub(crate) fn apply(state: &mut State, event: &Event, stamp: &Stamp) {
    match event {
        Event::Created { id, project, name, limit } => {
            let (limit, alerts) = (Allowance::Money(*limit), ALERTS_DEFAULT.to_vec());
            let opened = Opened {
                id: *id,
                owner: Owner::Project(*project),
                within: None,
                name: name.clone(),
                period: Period::Total,
                terms: Terms { limit, alerts, hard_stop: true },
            };
            open(state, &opened, stamp);
        }
        Event::Opened(opened) => open(state, opened, stamp),
        Event::LimitSet { id, limit } => change(state, *id, stamp, |budget| {
            budget.terms.limit = Allowance::Money(*limit);
            budget.settle();
        }),
        Event::TermsSet { id, terms } => change(state, *id, stamp, |budget| {
            budget.terms = terms.clone();
            budget.settle();
        }),
        Event::Exhausted { id, .. } | Event::UsedUp { id, .. } => {
            change(state, *id, stamp, |budget| budget.exhausted = true);
        }
        Event::Alerted { id, percent, .. } => change(state, *id, stamp, |budget| {
            budget.alerted.insert(*percent, stamp.at);
        }),
    }
}

fn open(state: &mut State, opened: &Opened, stamp: &Stamp) {
    let (measure, month) = (opened.terms.limit.measure(), month_of(stamp.at));
    let in_month = (opened.period == Period::Month).then_some(month);
    let before = ledgered(state, opened.owner, measure, in_month);
    let budget = Budget {
        id: opened.id,
        owner: opened.owner,
        within: opened.within,
        name: opened.name.clone(),
        terms: opened.terms.clone(),
        period: opened.period,
        spent: measure.amount(0),
        month,
        exhausted: false,
        alerted: BTreeMap::new(),
        before: before.filter(|_| opened.within.is_none()).unwrap_or(0),
        meta: Meta::new(stamp),
    };
    state.index.budgets.entry(budget.owner).or_default().insert(budget.id);
    state.budgets.insert(budget.id, budget);
}

fn change(state: &mut State, id: Id<kinds::Budget>, stamp: &Stamp, with: impl FnOnce(&mut Budget)) {
    if let Some(budget) = state.budgets.get_mut(&id) {
        budget.roll(stamp.at);
        with(budget);
        budget.meta.touch(stamp);
        state.note_shut(id);
    }
}

impl Budget {
    /// Begins another month, if it is monthly and one has begun.
    pub(super) fn roll(&mut self, now: UnixMicros) {
        if self.is_of_another_month(now) {
            self.spent = self.spent.measure().amount(0);
            self.exhausted = false;
            self.alerted.clear();
            self.before = 0;
            self.month = month_of(now);
        }
    }

    /// What follows from other terms: whether it is used up, and which thresholds are ahead again.
    fn settle(&mut self) {
        self.exhausted = self.terms.hard_stop && self.spent >= self.terms.limit;
        let (is, alerts) = (self.spent.percent_of(self.terms.limit), &self.terms.alerts);
        self.alerted.retain(|percent, _| u32::from(*percent) <= is && alerts.contains(percent));
    }
}

impl State {
    /// Keeps the index of budgets that are used up in step with one of them.
    pub(super) fn note_shut(&mut self, id: Id<kinds::Budget>) {
        let Some(budget) = self.budgets.get(&id) else { return };
        let shut = &mut self.index.shut_budgets;
        if budget.exhausted {
            shut.entry(budget.owner).or_default().insert(id);
        } else if let Some(ids) = shut.get_mut(&budget.owner) {
            ids.remove(&id);
            if ids.is_empty() {
                shut.remove(&budget.owner);
            }
        }
    }
}
