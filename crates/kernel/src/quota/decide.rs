//! Validates quota commands: sensible terms, and sums that hold.

use super::{Class, Command, Event, Milli, Owner, Quota, Terms, promised};
use crate::{Ctx, Reject, State, limits, project};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Set { owner, class, terms } => {
            require_owner(state, *owner)?;
            check(*terms)?;
            let known = state.quota(*owner, class);
            if known.is_some_and(|quota| quota.terms == *terms) {
                return Ok(Vec::new());
            }
            if known.is_none() {
                let count = state.quotas_of(*owner).count();
                Reject::limit("quotas of this owner", count, limits::QUOTAS_PER_OWNER_MAX)?;
            }
            check_sums(state, *owner, class, terms.nominal)?;
            let id = known.map_or_else(|| ctx.id(0), |quota| quota.id);
            Event::Set { id, owner: *owner, class: class.clone(), terms: *terms }
        }
        Command::Delete { id } => {
            let quota = state.quotas.get(id).ok_or_else(|| Reject::not_found("quota", id))?;
            Event::Deleted { id: *id, owner: quota.owner, class: quota.class.clone() }
        }
    };
    Ok(vec![crate::Event::Quota(event)])
}

/// The quota that a command would change.
pub(crate) fn existing<'a>(state: &'a State, command: &Command) -> Option<&'a Quota> {
    match command {
        Command::Set { owner, class, .. } => state.quota(*owner, class),
        Command::Delete { id } => state.quotas.get(id),
    }
}

fn require_owner(state: &State, owner: Owner) -> Result<(), Reject> {
    match owner {
        Owner::Project(id) => project::get(state, id).map(|_| ()),
        Owner::Organisation(id) if state.organisations.contains_key(&id) => Ok(()),
        Owner::Organisation(id) => Err(Reject::not_found("organisation", id)),
    }
}

fn check(terms: Terms) -> Result<(), Reject> {
    let most = limits::QUOTA_MILLI_MAX;
    let amounts = [
        ("nominal", Some(terms.nominal)),
        ("borrowing", terms.borrowing),
        ("lending", terms.lending),
    ];
    for (field, amount) in amounts {
        if let Some(Milli(amount)) = amount.filter(|Milli(amount)| *amount > most) {
            let message = format!("`{amount}` thousandths are more than {most}: give less");
            return Err(Reject::invalid(field, message));
        }
    }
    if let Some(lending) = terms.lending.filter(|lending| *lending > terms.nominal) {
        let (lending, nominal) = (lending.0, terms.nominal.0);
        let message = format!(
            "`{lending}` thousandths are more than the nominal {nominal}: lend at most what is owned"
        );
        return Err(Reject::invalid("lending", message));
    }
    if terms.weight > limits::QUOTA_WEIGHT_MAX {
        let most = limits::QUOTA_WEIGHT_MAX;
        let message = format!("`{}` is more than {most}: weights are relative", terms.weight);
        return Err(Reject::invalid("weight", message));
    }
    Ok(())
}

/// An organisation with a quota of its own shares it among its projects: their sum stays within it.
/// One without has no sum to keep.
fn check_sums(state: &State, owner: Owner, class: &Class, nominal: Milli) -> Result<(), Reject> {
    let (organisation, given, promised) = match owner {
        Owner::Organisation(id) => (id, nominal, promised(state, id, class, None)),
        Owner::Project(id) => {
            let organisation = project::get(state, id)?.organisation;
            let Some(whole) = state.quota(Owner::Organisation(organisation), class) else {
                return Ok(());
            };
            let others = promised(state, organisation, class, Some(id));
            let sum = Milli(others.0.saturating_add(nominal.0));
            (organisation, whole.terms.nominal, sum)
        }
    };
    if promised <= given {
        return Ok(());
    }
    let organisation = state.organisations.get(&organisation);
    Err(Reject::QuotaExceeded {
        organisation: organisation.map(|o| o.name.to_string()).unwrap_or_default(),
        class: class.to_string(),
        promised_milli: promised.0,
        given_milli: given.0,
    })
}
