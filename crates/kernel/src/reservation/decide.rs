//! Validates reservation commands: a window that makes sense, and nodes that nobody else has then.

use std::collections::BTreeSet;

use units::{Id, Name, UnixMicros, kinds};

use super::{Block, Command, Event, Holder, Window, block};
use crate::{Ctx, Reject, State, limits, node, project};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { name, holder, block, window } => {
            create(state, ctx, name, (*holder, *window), block)?
        }
        Command::Cancel { id } => {
            let found = state.reservations.get(id);
            let found = found.ok_or_else(|| Reject::not_found("reservation", id))?;
            if found.cancelled_at.is_some() {
                return Ok(Vec::new());
            }
            if !found.is_open(ctx.now) {
                let (kind, state) = ("reservation", "over".to_owned());
                let action = "cancel it: its window has ended";
                return Err(Reject::WrongState { kind, id: id.to_string(), state, action });
            }
            Event::Cancelled { id: *id }
        }
    };
    Ok(vec![crate::Event::Reservation(event)])
}

fn create(
    state: &State,
    ctx: &Ctx,
    name: &Name,
    (holder, window): (Holder, Window),
    wanted: &Block,
) -> Result<Event, Reject> {
    match holder {
        Holder::Maintenance => {}
        Holder::Project(id) => project::get(state, id).map(|_| ())?,
    }
    check_window(window, ctx.now)?;
    let (site, nodes) = match wanted {
        Block::Nodes(ids) => named(state, ids, window)?,
        Block::Count { site, .. } => (*site, block::choose(state, wanted, window)?),
    };
    let open = || state.reservations_from(ctx.now);
    Reject::limit("open reservations", open().count(), limits::RESERVATIONS_MAX)?;
    if open().any(|other| other.name == *name) {
        return Err(Reject::NameTaken { kind: "reservation", name: name.to_string() });
    }
    Ok(Event::Created { id: ctx.id(0), name: name.clone(), holder, site, nodes, window })
}

fn check_window(window: Window, now: UnixMicros) -> Result<(), Reject> {
    let Window { from, until } = window;
    if until <= from {
        return Err(Reject::invalid("until", "it does not lie after `from`: give a later time"));
    }
    if until <= now {
        return Err(Reject::invalid("until", "it lies in the past: give a time to come"));
    }
    let longest = limits::RESERVATION_WINDOW_MAX;
    if until.since(from) > longest {
        return Err(Reject::invalid("until", format!("the window is longer than {longest}")));
    }
    if from > now.plus(limits::RESERVATION_AHEAD_MAX) {
        let most = limits::RESERVATION_AHEAD_MAX;
        return Err(Reject::invalid("from", format!("it lies more than {most} ahead")));
    }
    Ok(())
}

/// Nodes given one by one: each exists, all stand in one site, and none is reserved then.
fn named(
    state: &State,
    ids: &[Id<kinds::Node>],
    window: Window,
) -> Result<(Id<kinds::Site>, Vec<Id<kinds::Node>>), Reject> {
    let most = limits::RESERVATION_NODES_MAX;
    if ids.len() > most {
        let message = format!("{} nodes: at most {most} in one reservation", ids.len());
        return Err(Reject::invalid("nodes", message));
    }
    let unique: BTreeSet<Id<kinds::Node>> = ids.iter().copied().collect();
    let mut site = None;
    for id in &unique {
        let node = node::get(state, *id)?;
        if *site.get_or_insert(node.site) != node.site {
            let message = format!("node `{}` stands in another site: reserve each site", node.name);
            return Err(Reject::invalid("nodes", message));
        }
        if let Some(other) = state.reservations_of(*id).find(|r| r.window.overlaps(window)) {
            return Err(Reject::ReservationConflict {
                node: node.name.to_string(),
                reservation: other.id,
                name: other.name.to_string(),
                until: other.window.until,
            });
        }
    }
    let site = site.ok_or_else(|| {
        Reject::invalid("nodes", "no node is named: name some, or give a count and a site")
    })?;
    Ok((site, unique.into_iter().collect()))
}
