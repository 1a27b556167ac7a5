//! Validates budget commands.

use units::{Allowance, Id, MicroEuro, Name, kinds};

use super::{Budget, Change, Command, Event, Open, Opened, Owner, Terms, scope_of, spend};
use crate::{Ctx, Reject, State, access, limits, project};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    match command {
        Command::Create { project, name, limit } => {
            project::get(state, *project)?;
            check_limit(Allowance::Money(*limit))?;
            check_room(state, (Owner::Project(*project), None), name)?;
            let (id, project, name, limit) = (ctx.id(0), *project, name.clone(), *limit);
            Ok(vec![crate::Event::Budget(Event::Created { id, project, name, limit })])
        }
        Command::Open(new) => open(state, new, ctx),
        Command::SetLimit { id, limit } => {
            let budget = get(state, *id)?;
            let limit = Allowance::Money(*limit);
            check_change(budget, limit)?;
            Ok(set(state, budget, Terms { limit, ..budget.terms.clone() }, ctx))
        }
        Command::SetTerms { id, change } => {
            let budget = get(state, *id)?;
            Ok(set(state, budget, changed(budget, change)?, ctx))
        }
    }
}

fn open(state: &State, new: &Open, ctx: &Ctx) -> Result<Vec<crate::Event>, Reject> {
    require_owner(state, new)?;
    check_limit(new.terms.limit)?;
    check_alerts(&new.terms.alerts)?;
    check_room(state, (new.owner, new.within), &new.name)?;
    let opened = Opened {
        id: ctx.id(0),
        owner: new.owner,
        within: new.within,
        name: new.name.clone(),
        period: new.period,
        terms: new.terms.clone(),
    };
    Ok(vec![crate::Event::Budget(Event::Opened(Box::new(opened)))])
}

/// The owner exists, and is somebody if it is confined to a project, which may use that project.
fn require_owner(state: &State, new: &Open) -> Result<(), Reject> {
    let missing = || match new.owner {
        Owner::Organisation(id) => Reject::not_found("organisation", id),
        Owner::Project(id) => Reject::not_found("project", id),
        Owner::User(id) => Reject::not_found("user", id),
        Owner::ServiceAccount(id) => Reject::not_found("service account", id),
        Owner::Key(id) => Reject::not_found("key", id),
    };
    let scope = scope_of(state, new.owner, None).ok_or_else(missing)?;
    access::scope_exists(state, scope)?;
    let Some(project) = new.within else { return Ok(()) };
    project::get(state, project)?;
    match new.owner {
        Owner::User(_) | Owner::ServiceAccount(_) | Owner::Key(_) => {
            if access::covers(state, scope, access::Scope::Project(project)) {
                return Ok(());
            }
            Err(missing())
        }
        Owner::Organisation(_) | Owner::Project(_) => Err(Reject::invalid(
            "project",
            "only the budget of a user, a service account or a key is confined to a project",
        )),
    }
}

fn check_room(
    state: &State,
    (owner, within): (Owner, Option<Id<kinds::Project>>),
    name: &Name,
) -> Result<(), Reject> {
    let count = state.budgets_of(owner).count();
    Reject::limit("budgets of this owner", count, limits::BUDGETS_PER_OWNER_MAX)?;
    if state.budgets_of(owner).any(|one| one.name == *name && one.within == within) {
        return Err(Reject::NameTaken { kind: "budget", name: name.to_string() });
    }
    Ok(())
}

fn get(state: &State, id: Id<kinds::Budget>) -> Result<&Budget, Reject> {
    state.budgets.get(&id).ok_or_else(|| Reject::not_found("budget", id))
}

fn changed(budget: &Budget, change: &Change) -> Result<Terms, Reject> {
    let mut terms = budget.terms.clone();
    if let Some(limit) = change.limit {
        check_change(budget, limit)?;
        terms.limit = limit;
    }
    if let Some(alerts) = &change.alerts {
        check_alerts(alerts)?;
        terms.alerts.clone_from(alerts);
    }
    terms.hard_stop = change.hard_stop.unwrap_or(terms.hard_stop);
    Ok(terms)
}

/// A limit that changes stays in its measure.
fn check_change(budget: &Budget, limit: Allowance) -> Result<(), Reject> {
    check_limit(limit)?;
    let is = budget.terms.limit.measure();
    if limit.measure() == is {
        return Ok(());
    }
    let example = example(is.amount(1));
    let message =
        format!("`{limit}` is not in the measure of this budget, {is}: give such as `{example}`");
    Err(Reject::invalid("limit", message))
}

/// The terms from now on. Used up by them, it also stops the work, as if the use had come now.
fn set(state: &State, budget: &Budget, terms: Terms, ctx: &Ctx) -> Vec<crate::Event> {
    if budget.terms == terms {
        return Vec::new();
    }
    let id = budget.id;
    let is_limit_alone =
        (&terms.alerts, terms.hard_stop) == (&budget.terms.alerts, budget.terms.hard_stop);
    let event = match terms.limit {
        Allowance::Money(limit) if is_limit_alone => Event::LimitSet { id, limit },
        Allowance::Money(MicroEuro(_))
        | Allowance::GpuTime(_)
        | Allowance::Energy(_)
        | Allowance::Tokens(_) => Event::TermsSet { id, terms: terms.clone() },
    };
    let spent = budget.spent_at(ctx.now);
    let will_be = Budget { terms, ..budget.clone() };
    let limit = will_be.terms.limit;
    let alerts = spend::alerts(&will_be, (spent, budget.terms.limit), (spent, limit));
    // A limit set below what was spent uses the budget up, so it also stops the work.
    let is_used_up = will_be.terms.hard_stop && spent >= limit;
    let stops = if is_used_up { spend::stops(state, &[&will_be]) } else { Vec::new() };
    std::iter::once(crate::Event::Budget(event)).chain(alerts).chain(stops).collect()
}

fn check_limit(limit: Allowance) -> Result<(), Reject> {
    if limit.base() > 0 {
        return Ok(());
    }
    let example = example(limit);
    let message = format!("`{limit}` is not above zero: give an amount such as `{example}`");
    Err(Reject::invalid("limit", message))
}

const fn example(of: Allowance) -> &'static str {
    match of {
        Allowance::Money(_) => "10 EUR",
        Allowance::GpuTime(_) => "500 GPUh",
        Allowance::Energy(_) => "2 MWh",
        Allowance::Tokens(_) => "10 M tokens",
    }
}

fn check_alerts(alerts: &[u8]) -> Result<(), Reject> {
    let rises = alerts.iter().zip(alerts.iter().skip(1)).all(|(a, b)| a < b);
    let within = alerts.iter().all(|percent| (1..=100).contains(percent));
    if rises && within && alerts.len() <= limits::BUDGET_ALERTS_MAX {
        return Ok(());
    }
    let most = limits::BUDGET_ALERTS_MAX;
    let message =
        format!("give at most {most} whole percents from 1 to 100, rising, such as `50,80`");
    Err(Reject::invalid("alerts", message))
}
