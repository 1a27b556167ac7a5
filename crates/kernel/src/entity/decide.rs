//! Validates entity commands.

use std::collections::BTreeSet;

use policy::ownership::{Facts, WHOLE_BP};
use units::{Id, kinds};

use super::{Command, Event};
use crate::{Ctx, Reject, State, limits};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Register { name, facts } => {
            Reject::limit("legal entities", state.entities.len(), limits::ENTITIES_MAX)?;
            if state.entities.values().any(|entity| entity.name == *name) {
                return Err(Reject::NameTaken { kind: "entity", name: name.to_string() });
            }
            check(state, None, facts)?;
            Event::Registered { id: ctx.id(0), name: name.clone(), facts: facts.clone() }
        }
        Command::Update { id, facts } => {
            let entity = state.entities.get(id).ok_or_else(|| Reject::not_found("entity", id))?;
            check(state, Some(*id), facts)?;
            if entity.facts == *facts {
                return Ok(Vec::new());
            }
            Event::Updated { id: *id, facts: facts.clone() }
        }
    };
    Ok(vec![crate::Event::Entity(event)])
}

fn check(state: &State, own: Option<Id<kinds::Entity>>, facts: &Facts) -> Result<(), Reject> {
    if facts.legal_name.trim().is_empty() || facts.legal_name.len() > limits::TEXT_BYTES_MAX {
        return Err(Reject::invalid("legal_name", "needs 1 to 1024 bytes"));
    }
    let most = limits::HOLDERS_MAX.saturating_add(1);
    Reject::limit("holders of one entity", facts.holders.len(), most)?;
    let mut seen = BTreeSet::new();
    let (mut capital, mut votes) = (0_u32, 0_u32);
    for one in &facts.holders {
        let holder = one.holder;
        if own == Some(holder) {
            return Err(Reject::invalid("holders", format!("`{holder}` cannot hold itself")));
        }
        if !state.entities.contains_key(&holder) {
            return Err(Reject::not_found("entity", holder));
        }
        if !seen.insert(holder) {
            let message = format!("`{holder}` is named twice: give its shares together");
            return Err(Reject::invalid("holders", message));
        }
        capital = capital.saturating_add(one.capital_bp);
        votes = votes.saturating_add(one.votes_bp);
    }
    for (what, sum) in [("capital_bp", capital), ("votes_bp", votes)] {
        if sum > WHOLE_BP {
            let message = format!("the shares add up to {sum} of {WHOLE_BP}: correct them");
            return Err(Reject::invalid(what, message));
        }
    }
    Ok(())
}
