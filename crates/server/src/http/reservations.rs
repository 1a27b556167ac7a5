//! Reservations: create, list, get, cancel.

use api::{
    nouns::{
        common::Page,
        reservation::{
            Reservation, ReservationCancel, ReservationCreate, ReservationGet, ReservationList,
            ReservationNew, ReservationState, ReservedNode,
        },
    },
    reference::Ref,
    text::Timestamp,
};
use kernel::{
    Command, State, Subject,
    access::{Role, Scope},
    reservation::{self, Block, Holder, Window},
};
use units::{Id, UnixMicros, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    gone,
    mount::{Call, as_of},
    page, quotas, require_operator, resolve, unexpected,
};

/// `POST /api/v1/reservations`
pub(crate) async fn create(call: Call<ReservationCreate>) -> Result<Reservation, Fail> {
    require_operator(&call)?;
    let new = &call.body;
    let (holder, block) = call.read(|state| {
        let holder = holder_of(state, &call.caller, new)?;
        Ok::<_, Fail>((holder, block_of(state, new)?))
    })?;
    let from = new.from.map_or_else(|| call.platform().now(), |from| from.0);
    let window = Window { from, until: new.until.0 };
    let name = new.name.clone();
    let command = reservation::Command::Create { name, holder, block, window };
    let accepted = call.submit(Command::Reservation(command)).await?;
    let Some(Subject::Reservation(id)) = accepted.subject else { return Err(unexpected()) };
    shown(&call, id, accepted.seq)
}

/// `GET /api/v1/reservations`
pub(crate) async fn list(call: Call<ReservationList>) -> Result<Page<Reservation>, Fail> {
    let (query, caller) = (&call.query, &call.caller);
    let wanted =
        page::Wanted::<Id<kinds::Reservation>>::of(query.limit, query.page_token.as_deref())?;
    let now = call.platform().now();
    call.read(|state| {
        let only = query.project.as_ref();
        let only = only.map(|p| resolve::project(state, caller, Role::Viewer, p)).transpose()?;
        let wished = |found: &reservation::Reservation| {
            query.name.as_ref().is_none_or(|name| *name == found.name)
                && query.state.is_none_or(|wanted| wanted == state_of(found, now))
                && only.is_none_or(|id| found.holder == Holder::Project(id))
                && visible(state, caller, found)
        };
        // Ids grow with time, so the newest come first from the end.
        let newest_first = state.reservations.range(page::before(&wanted)).rev();
        let found = newest_first.filter(|(_, found)| wished(found));
        let items = found.map(|(id, found)| (*id, dto(state, found, now, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/reservations/{id}`
pub(crate) async fn get(call: Call<ReservationGet>) -> Result<Reservation, Fail> {
    let (id, now) = (call.path.id, call.platform().now());
    call.read(|state| {
        let found = state.reservations.get(&id).filter(|r| visible(state, &call.caller, r));
        let found = found.ok_or_else(|| Fail::not_found("reservation", id))?;
        Ok(dto(state, found, now, as_of(state)))
    })
}

/// `POST /api/v1/reservations/{id}/cancel`
pub(crate) async fn cancel(call: Call<ReservationCancel>) -> Result<Reservation, Fail> {
    require_operator(&call)?;
    let id = call.path.id;
    let command = Command::Reservation(reservation::Command::Cancel { id });
    let accepted = call.submit(command).await?;
    shown(&call, id, accepted.seq)
}

fn shown<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    id: Id<kinds::Reservation>,
    seq: u64,
) -> Result<Reservation, Fail> {
    let now = call.platform().now();
    let found = call.read(|s| s.reservations.get(&id).map(|found| dto(s, found, now, seq)));
    found.ok_or_else(gone)
}

fn holder_of(state: &State, caller: &Caller, new: &ReservationNew) -> Result<Holder, Fail> {
    match (&new.project, new.maintenance) {
        (None, true) => Ok(Holder::Maintenance),
        (Some(project), false) => {
            resolve::project(state, caller, Role::Viewer, project).map(Holder::Project)
        }
        (Some(_), true) | (None, false) => {
            Err(Fail::field("/project", "give either `project` or `maintenance: true`"))
        }
    }
}

fn block_of(state: &State, new: &ReservationNew) -> Result<Block, Fail> {
    let site = new.site.as_ref().map(|site| resolve::site(state, site)).transpose()?;
    let Some(count) = new.count else {
        if new.rack.is_some() || new.one_rack || new.class.is_some() {
            let message = "it is missing: `rack`, `one_rack` and `class` choose among a number";
            return Err(Fail::field("/count", message));
        }
        let ids = new.nodes.iter().map(|node| node_of(state, site, node));
        return Ok(Block::Nodes(ids.collect::<Result<_, _>>()?));
    };
    if !new.nodes.is_empty() {
        return Err(Fail::field("/nodes", "give either `nodes` or `count`, not both"));
    }
    let mut sites = state.sites.keys();
    let site = match (site, sites.next(), sites.next()) {
        (Some(site), _, _) | (None, Some(&site), None) => site,
        _ => return Err(Fail::field("/site", "there is not exactly one site: name one")),
    };
    let class = new.class.as_deref().map(|text| quotas::class_of("/class", text)).transpose()?;
    Ok(Block::Count { site, count, rack: new.rack.clone(), one_rack: new.one_rack, class })
}

/// A node by id, or by a name that only one node has in the site, or in all of them.
fn node_of(
    state: &State,
    site: Option<Id<kinds::Site>>,
    reference: &Ref<kinds::Node>,
) -> Result<Id<kinds::Node>, Fail> {
    let name = match reference {
        Ref::Id(id) => return Ok(*id),
        Ref::Name(name) => name,
    };
    let here = |node: &&kernel::node::Node| site.is_none_or(|site| site == node.site);
    let mut found = state.nodes.values().filter(here).filter(|node| node.name == *name);
    match (found.next(), found.next()) {
        (None, _) => Err(Fail::not_found("node", reference)),
        (Some(node), None) => Ok(node.id),
        (Some(_), Some(_)) => {
            let message = format!("several sites have a node `{name}`: name one");
            Err(Fail::field("/site", message))
        }
    }
}

/// Maintenance is everybody's business, as nodes are; the rest that of the project.
fn visible(state: &State, caller: &Caller, found: &reservation::Reservation) -> bool {
    match found.holder {
        Holder::Maintenance => true,
        Holder::Project(id) => access::allows(state, caller, Role::Viewer, Scope::Project(id)),
    }
}

fn state_of(found: &reservation::Reservation, now: UnixMicros) -> ReservationState {
    if found.cancelled_at.is_some() {
        ReservationState::Cancelled
    } else if now < found.window.from {
        ReservationState::Booked
    } else if now < found.window.until {
        ReservationState::Active
    } else {
        ReservationState::Over
    }
}

fn dto(state: &State, found: &reservation::Reservation, now: UnixMicros, seq: u64) -> Reservation {
    let nodes = found.nodes.iter().filter_map(|id| state.nodes.get(id));
    Reservation {
        id: found.id,
        name: found.name.clone(),
        project: match found.holder {
            Holder::Project(id) => Some(id),
            Holder::Maintenance => None,
        },
        maintenance: found.holder == Holder::Maintenance,
        site: found.site,
        nodes: nodes
            .map(|node| ReservedNode {
                id: node.id,
                name: node.name.clone(),
                rack: node.topology.rack.clone(),
            })
            .collect(),
        from: Timestamp(found.window.from),
        until: Timestamp(found.window.until),
        state: state_of(found, now),
        version: found.meta.version,
        seq,
        created_at: Timestamp(found.meta.created_at),
    }
}
