//! Budgets again, from entries alone: who stands over each use, what every budget has spent, and that
//! nothing was accepted or placed that a budget with a hard stop no longer let through.
//!
//! Shares no code with what charges budgets and what asks them.

use std::collections::BTreeMap;

use units::{Allowance, Id, Measure, PriceUnit, UnixMicros, kinds};

use super::bill::month_of;
use crate::{
    Actor, Entry, Event, State,
    budget::{self, Owner, Period},
    key,
    usage::{self, Charge},
};

/// One budget, as far as entries say.
#[derive(Debug)]
struct Account {
    owner: Owner,
    within: Option<Id<kinds::Project>>,
    is_monthly: bool,
    limit: Allowance,
    hard_stop: bool,
    spent: i128,
    month: i32,
}

impl Account {
    fn spent_in(&self, month: i32) -> i128 {
        if self.is_monthly && self.month != month { 0 } else { self.spent }
    }

    fn stops(&self, month: i32) -> bool {
        self.hard_stop && self.spent_in(month) >= i128::from(self.limit.base())
    }
}

/// All budgets.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    accounts: BTreeMap<Id<kinds::Budget>, Account>,
    by_owner: BTreeMap<Owner, Vec<Id<kinds::Budget>>>,
    /// Alerts that entries raised.
    pub(super) alerts: u64,
}

impl Budgets {
    /// Takes an entry, before the state does; `money` is what a use adds to its invoice lines.
    pub(super) fn entry(
        &mut self,
        state: &State,
        entry: &Entry,
        money: i128,
    ) -> Result<(), String> {
        if let Event::Budget(event) = &entry.event {
            self.budget(event, entry.at)
        } else if let Event::Workload(event) = &entry.event {
            self.work(state, entry, event)
        } else {
            if let Event::Usage(event) = &entry.event {
                self.charge(state, entry, event, money);
            }
            Ok(())
        }
    }

    fn budget(&mut self, event: &budget::Event, at: UnixMicros) -> Result<(), String> {
        let month = month_of(at);
        match event {
            budget::Event::Created { id, project, limit, .. } => {
                let (owner, limit) = (Owner::Project(*project), Allowance::Money(*limit));
                self.open(*id, (owner, None), (false, limit, true), month);
                Ok(())
            }
            budget::Event::Opened(one) => {
                let terms = (one.period == Period::Month, one.terms.limit, one.terms.hard_stop);
                self.open(one.id, (one.owner, one.within), terms, month);
                Ok(())
            }
            budget::Event::LimitSet { id, limit } => self.with(*id, |account| {
                account.limit = Allowance::Money(*limit);
                Ok(())
            }),
            budget::Event::TermsSet { id, terms } => self.with(*id, |account| {
                (account.limit, account.hard_stop) = (terms.limit, terms.hard_stop);
                Ok(())
            }),
            budget::Event::Exhausted { id, spent } => {
                self.with(*id, |account| account.used_up(Allowance::Money(*spent), month))
            }
            budget::Event::UsedUp { id, spent, .. } => {
                self.with(*id, |account| account.used_up(*spent, month))
            }
            budget::Event::Alerted { id, percent, spent, .. } => {
                self.alerts = self.alerts.saturating_add(1);
                let percent = i128::from(*percent);
                self.with(*id, |account| {
                    account.says(*spent, month)?;
                    let limit = i128::from(account.limit.base());
                    let is = account.spent_in(month).saturating_mul(100);
                    if is >= limit.saturating_mul(percent) {
                        return Ok(());
                    }
                    Err(format!("alerts of {percent} % at {spent} of {}", account.limit))
                })
            }
        }
    }

    fn open(
        &mut self,
        id: Id<kinds::Budget>,
        (owner, within): (Owner, Option<Id<kinds::Project>>),
        (is_monthly, limit, hard_stop): (bool, Allowance, bool),
        month: i32,
    ) {
        self.by_owner.entry(owner).or_default().push(id);
        let account = Account { owner, within, is_monthly, limit, hard_stop, spent: 0, month };
        self.accounts.insert(id, account);
    }

    fn with(
        &mut self,
        id: Id<kinds::Budget>,
        say: impl FnOnce(&mut Account) -> Result<(), String>,
    ) -> Result<(), String> {
        say(self.accounts.get_mut(&id).ok_or("is about a budget that does not exist")?)
    }

    fn charge(&mut self, state: &State, entry: &Entry, event: &usage::Event, money: i128) {
        let (by, charges) = match event {
            usage::Event::Attempt(one) => {
                let workload = state.workloads.get(&one.workload);
                (workload.map_or(entry.actor, |workload| workload.by), &one.charges)
            }
            usage::Event::Tokens(one) => (Actor::Key(one.key), &one.charges),
            usage::Event::Egress(one) => (entry.actor, &one.charges),
        };
        let (project, month) = (event.project(), month_of(entry.at));
        for id in self.over(state, project, by) {
            let Some(account) = self.accounts.get_mut(&id) else { continue };
            let more = added(account.limit.measure(), money, charges);
            if more != 0 {
                account.spent = account.spent_in(month).saturating_add(more);
                account.month = month;
            }
        }
    }

    /// Nothing is accepted or placed that would spend what is used up.
    fn work(
        &self,
        state: &State,
        entry: &Entry,
        event: &crate::workload::Event,
    ) -> Result<(), String> {
        use crate::workload::Event as Change;
        let (project, by, spec) = match event {
            Change::Submitted { project, spec, .. } => (*project, entry.actor, &**spec),
            Change::Placed { id, .. } | Change::PlacedMany { id, .. } => {
                let Some(workload) = state.workloads.get(id) else { return Ok(()) };
                (workload.project, workload.by, &workload.spec)
            }
            Change::RankChanged { .. }
            | Change::StopRequested { .. }
            | Change::Requeued { .. }
            | Change::Ended { .. }
            | Change::OutputsFailed { .. }
            | Change::PowerLimitSet { .. } => return Ok(()),
        };
        let month = month_of(entry.at);
        for id in self.over(state, project, by) {
            let shut = self.accounts.get(&id).filter(|account| account.stops(month));
            let spends = |account: &Account| match account.limit.measure() {
                Measure::Money | Measure::Energy => true,
                Measure::GpuTime => spec.may_use_gpus(),
                Measure::Tokens => false,
            };
            if let Some(account) = shut.filter(|account| spends(account)) {
                let (owner, limit) = (account.owner.kind(), account.limit);
                return Err(format!("budget {id} of its {owner}, {limit}, was used up before"));
            }
        }
        Ok(())
    }

    /// Budgets that count what somebody uses in a project.
    fn over(
        &self,
        state: &State,
        project: Id<kinds::Project>,
        by: Actor,
    ) -> Vec<Id<kinds::Budget>> {
        let mut owners = vec![Owner::Project(project)];
        owners.extend(state.projects.get(&project).map(|p| Owner::Organisation(p.organisation)));
        match by {
            Actor::Key(id) => {
                owners.push(Owner::Key(id));
                match state.keys.get(&id).and_then(|key| key.owner) {
                    Some(key::Owner::User(user)) => owners.push(Owner::User(user)),
                    Some(key::Owner::ServiceAccount(one)) => {
                        owners.push(Owner::ServiceAccount(one))
                    }
                    None => {}
                }
            }
            Actor::User(id) => owners.push(Owner::User(id)),
            Actor::ServiceAccount(id) => owners.push(Owner::ServiceAccount(id)),
            Actor::System | Actor::Planner | Actor::Engine | Actor::Gateway => {}
        }
        let ids = owners.iter().filter_map(|owner| self.by_owner.get(owner)).flatten();
        let here = |id: &&Id<kinds::Budget>| {
            let within = self.accounts.get(*id).and_then(|account| account.within);
            within.is_none_or(|within| within == project)
        };
        ids.filter(here).copied().collect()
    }

    /// Compares with the state's budgets: what is wrong.
    pub(super) fn compare(&self, state: &State) -> Vec<String> {
        let mut wrong = Vec::new();
        for (id, budget) in &state.budgets {
            let spent = self.accounts.get(id).map(|account| account.spent_in(budget.month));
            if spent != Some(i128::from(budget.spent.base())) {
                let kept = budget.spent;
                wrong.push(format!("budget {id} has spent {kept}, entries give {spent:?}"));
            }
        }
        if self.accounts.len() != state.budgets.len() {
            wrong.push("some budget is in no entry, or in no state".to_owned());
        }
        wrong
    }
}

impl Account {
    fn says(&self, spent: Allowance, month: i32) -> Result<(), String> {
        if i128::from(spent.base()) == self.spent_in(month) {
            return Ok(());
        }
        Err(format!("says {spent} of a budget that has spent {}", self.spent_in(month)))
    }

    fn used_up(&self, spent: Allowance, month: i32) -> Result<(), String> {
        self.says(spent, month)?;
        if self.stops(month) {
            return Ok(());
        }
        Err(format!("ends a budget at {spent} of {}", self.limit))
    }
}

/// How much of a measure a use adds.
fn added(measure: Measure, money: i128, charges: &[Charge]) -> i128 {
    let of = |charge: &&Charge| match charge.per {
        PriceUnit::GpuHour => measure == Measure::GpuTime,
        PriceUnit::KilowattHour => measure == Measure::Energy,
        PriceUnit::MTokensIn | PriceUnit::MTokensOut => measure == Measure::Tokens,
        PriceUnit::CpuHour | PriceUnit::EgressSwitchGib | PriceUnit::EgressParallelGib => false,
    };
    if measure == Measure::Money {
        return money;
    }
    charges
        .iter()
        .filter(of)
        .fold(0, |sum, charge| sum.saturating_add(i128::from(charge.quantity_base)))
}
