//! `/Groups`: groups of an organisation. What a group may do is given here and not by a directory: a
//! directory says who is in it.

use std::collections::BTreeSet;

use api::text::Timestamp;
use kernel::{Command, group};
use serde_json::{Value, json};
use units::{Id, Name, kinds};

use super::{
    Answer, Outcome, Visit,
    error::ScimError,
    filter, not_offered,
    patch::{self, Change},
    users::submit,
};

/// The schema of a group.
pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

type GroupId = Id<kinds::Group>;
type UserId = Id<kinds::User>;

pub(super) async fn serve(visit: Visit) -> Outcome {
    match (visit.method.as_str(), visit.id.is_empty()) {
        ("GET", true) => list(&visit),
        ("POST", true) => create(&visit).await,
        ("GET", false) => found(&visit).map(|group| shown(&group, 200)),
        ("PUT", false) => replace(&visit).await,
        ("PATCH", false) => change(&visit).await,
        ("DELETE", false) => {
            let group = found(&visit)?;
            visit.require_version(group.meta.version)?;
            submit(&visit, Command::Group(group::Command::Delete { id: group.id })).await?;
            Ok(Answer { status: 204, version: None, body: Value::Null })
        }
        _ => Err(not_offered(&visit.method)),
    }
}

fn found(visit: &Visit) -> Result<group::Group, ScimError> {
    let missing = || ScimError::not_found("group", &visit.id);
    let id: GroupId = visit.id.parse().map_err(|_| missing())?;
    let group = visit.app.platform.read(|state| state.groups.get(&id).cloned());
    group.filter(|group| group.home == visit.home).ok_or_else(missing)
}

fn document(group: &group::Group) -> Value {
    let members: Vec<Value> = group.members.iter().map(|id| json!({ "value": id })).collect();
    json!({
        "schemas": [SCHEMA],
        "id": group.id,
        "displayName": group.name,
        "members": members,
        "meta": {
            "resourceType": "Group",
            "created": Timestamp(group.meta.created_at),
            "lastModified": Timestamp(group.meta.updated_at),
            "location": format!("/scim/v2/Groups/{}", group.id),
            "version": format!("W/\"{}\"", group.meta.version),
        },
    })
}

fn shown(group: &group::Group, status: u16) -> Answer {
    Answer { status, version: Some(group.meta.version), body: document(group) }
}

fn answer(visit: &Visit, id: GroupId, status: u16) -> Outcome {
    let group = visit.app.platform.read(|state| state.groups.get(&id).cloned());
    group
        .map(|group| shown(&group, status))
        .ok_or_else(|| ScimError::not_found("group", &id.to_string()))
}

fn list(visit: &Visit) -> Outcome {
    let filter = visit.parameter("filter").map(|text| filter::parse(&text)).transpose()?;
    if let Some(filter) = &filter
        && !matches!(filter.attribute.as_str(), "displayname" | "id")
    {
        let text = format!("`{}` cannot be filtered by: use displayName or id", filter.attribute);
        return Err(ScimError::filter(text));
    }
    let (ids, items) = visit.app.platform.read(|state| {
        let here = state.groups.values().filter(|group| group.home == visit.home);
        let ids: Vec<GroupId> = here
            .filter(|group| {
                filter.as_ref().is_none_or(|filter| match filter.attribute.as_str() {
                    "id" => group.id.to_string() == filter.value,
                    _ => name_of(&filter.value).is_ok_and(|name| name == group.name),
                })
            })
            .map(|group| group.id)
            .collect();
        let part = visit.part(&ids);
        let items = part.iter().filter_map(|id| state.groups.get(id)).map(document).collect();
        (ids, items)
    });
    Ok(visit.page(ids.len(), items))
}

/// A directory's name of a group as one of ours: `Data Science` is `data-science`.
fn name_of(display: &str) -> Result<Name, ScimError> {
    let mapped: String = display
        .trim()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
        .collect();
    mapped.trim_matches(['-', '.', '_']).parse().map_err(|_| {
        ScimError::value(
            "`displayName` needs 1 to 63 characters, at least one of them a letter or digit",
        )
    })
}

async fn create(visit: &Visit) -> Outcome {
    let object = visit.object()?;
    let display = object.get("displayName").and_then(Value::as_str).unwrap_or_default();
    let name = name_of(display)?;
    let members = users(visit, object.get("members").unwrap_or(&Value::Null))?;
    let home = visit.home;
    let create = group::Command::Create { home, name: name.clone() };
    submit(visit, Command::Group(create)).await?;
    let id = visit.app.platform.read(|state| state.group_by_name(home, &name));
    let id = id.ok_or_else(|| ScimError::not_found("group", display))?;
    set(visit, id, &BTreeSet::new(), &members).await?;
    answer(visit, id, 201)
}

async fn replace(visit: &Visit) -> Outcome {
    let group = found(visit)?;
    visit.require_version(group.meta.version)?;
    let object = visit.object()?;
    if let Some(display) = object.get("displayName").and_then(Value::as_str) {
        require_name(&group, display)?;
    }
    let members = users(visit, object.get("members").unwrap_or(&Value::Null))?;
    set(visit, group.id, &group.members, &members).await?;
    answer(visit, group.id, 200)
}

async fn change(visit: &Visit) -> Outcome {
    let group = found(visit)?;
    visit.require_version(group.meta.version)?;
    let mut members = group.members.clone();
    for change in patch::parse(&visit.body)? {
        match change {
            Change::AddMembers(ids) => members.extend(known(visit, &ids)?),
            Change::ReplaceMembers(ids) => members = known(visit, &ids)?,
            Change::RemoveMembers(ids) => {
                // Whoever is not in it, or is nobody, is out of it already.
                for id in ids.iter().filter_map(|id| id.parse::<UserId>().ok()) {
                    members.remove(&id);
                }
            }
            Change::Name(Some(display)) => require_name(&group, &display)?,
            Change::ExternalId(_) => {}
            Change::Name(None) | Change::UserName(_) | Change::Email(_) | Change::Active(_) => {
                return Err(ScimError::path("a group has `members` that can be changed"));
            }
        }
    }
    set(visit, group.id, &group.members, &members).await?;
    answer(visit, group.id, 200)
}

/// A group keeps its name: roles were given to it by that.
fn require_name(group: &group::Group, display: &str) -> Result<(), ScimError> {
    if name_of(display)? == group.name {
        return Ok(());
    }
    Err(ScimError::new(
        400,
        "mutability",
        "a group keeps its name: create another, delete this one",
    ))
}

fn users(visit: &Visit, list: &Value) -> Result<BTreeSet<UserId>, ScimError> {
    known(visit, &patch::members_of(list)?)
}

/// These people of this home; somebody who is not here cannot be a member.
fn known(visit: &Visit, ids: &[String]) -> Result<BTreeSet<UserId>, ScimError> {
    visit.app.platform.read(|state| {
        ids.iter()
            .map(|text| {
                let id: Option<UserId> = text.parse().ok();
                let here = |id: &UserId| state.users.get(id).is_some_and(|u| u.home == visit.home);
                let shown: String = text.chars().take(64).collect();
                id.filter(here).ok_or_else(|| {
                    ScimError::value(format!("`{shown}` is nobody of this organisation"))
                })
            })
            .collect()
    })
}

async fn set(
    visit: &Visit,
    id: GroupId,
    before: &BTreeSet<UserId>,
    after: &BTreeSet<UserId>,
) -> Result<(), ScimError> {
    for user in before.difference(after) {
        submit(visit, Command::Group(group::Command::RemoveMember { id, user: *user })).await?;
    }
    for user in after.difference(before) {
        submit(visit, Command::Group(group::Command::AddMember { id, user: *user })).await?;
    }
    Ok(())
}
