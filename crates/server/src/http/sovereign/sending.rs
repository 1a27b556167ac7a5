//! Before something leaves in one piece: where it goes, and the decisions about that on record.
//!
//! Must be called after the caller was authorised and before the first byte is read for sending.

use api::{endpoint::Endpoint, nouns::storage::ToQuery, problem::Code, reference::Ref};
use kernel::{
    Command, State,
    storage::{self, Sent},
};
use units::{Id, kinds};

use crate::http::{fail::Fail, mount::Call};

/// Decides and logs that something goes to the place that the call names.
pub(crate) async fn send<E: Endpoint<Query = ToQuery>>(
    call: &Call<E>,
    what: Sent,
) -> Result<(), Fail> {
    let id = call.read(|state| place(state, &call.query, what))?;
    let command = storage::Command::Send { id, what };
    call.submit_plain(Command::Storage(command)).await.map(|_| ())
}

/// The place that is named, else the oldest for this purpose.
fn place(state: &State, query: &ToQuery, what: Sent) -> Result<Id<kinds::Storage>, Fail> {
    let Some(given) = &query.storage else {
        let found = storage::in_use(state, what.purpose()).map(|place| place.id);
        return found.ok_or_else(|| nowhere(state, what));
    };
    let id = match given {
        Ref::Id(id) => state.storages.contains_key(id).then_some(*id),
        Ref::Name(name) => state.storages.values().find(|one| one.name == *name).map(|one| one.id),
    };
    id.ok_or_else(|| {
        Fail::not_found("storage", given).remedy(format!("use one of {}", registered(state)))
    })
}

fn nowhere(state: &State, what: Sent) -> Fail {
    let purpose = what.purpose().as_str();
    let detail =
        format!("no place of storage is registered for {purpose}, so nothing can go there");
    Fail::new(Code::InvalidField, detail).remedy(format!(
        "name one of {}, or ask the operator: `cocarde storage create NAME --purpose {purpose} --site SITE`",
        registered(state)
    ))
}

/// The places in use, for messages.
fn registered(state: &State) -> String {
    let in_use = state.storages.values().filter(|place| place.retired_at.is_none());
    let all: Vec<String> =
        in_use.map(|place| format!("`{}` ({})", place.name, place.purpose.as_str())).collect();
    if all.is_empty() { "none: no place is registered".to_owned() } else { all.join(", ") }
}
