//! `/Users`: people of an organisation, as a directory knows them.

use api::text::Timestamp;
use kernel::{Actor, Command, Submission, erasure, user};
use serde_json::{Map, Value, json};
use units::{Id, kinds};

use super::{
    Answer, Outcome, Visit,
    error::ScimError,
    filter::{self, Filter},
    not_offered,
    patch::{self, Change},
};
use crate::http::{
    fail::Fail,
    passwords::{checked_name, end_sessions},
    people::{self, Person, purpose},
};

/// The schema of a person.
pub(super) const SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

type UserId = Id<kinds::User>;

pub(super) async fn serve(visit: Visit) -> Outcome {
    match (visit.method.as_str(), visit.id.is_empty()) {
        ("GET", true) => list(&visit).await,
        ("POST", true) => create(&visit).await,
        ("GET", false) => get(&visit).await,
        ("PUT", false) => replace(&visit).await,
        ("PATCH", false) => change(&visit).await,
        ("DELETE", false) => remove(&visit).await,
        _ => Err(not_offered(&visit.method)),
    }
}

/// The people of this home whom a directory has not removed, by id.
fn all(visit: &Visit) -> Vec<UserId> {
    visit.app.platform.read(|state| {
        let gone = removed(state);
        let here = state.users.values().filter(|user| user.home == visit.home);
        here.map(|user| user.id).filter(|id| !gone.contains(id)).collect()
    })
}

/// Whose erasure was asked for and not taken back.
fn removed(state: &kernel::State) -> std::collections::BTreeSet<UserId> {
    let open =
        state.erasures.values().filter(|e| !matches!(e.phase, erasure::Phase::Cancelled { .. }));
    open.filter_map(|erasure| match erasure.target {
        erasure::Target::User { id, .. } => Some(id),
        erasure::Target::Dataset(_)
        | erasure::Target::Organisation(_)
        | erasure::Target::Versions { .. } => None,
    })
    .collect()
}

/// The user of the path, with what is known of them.
async fn found(visit: &Visit) -> Result<(user::User, Person), ScimError> {
    let missing = || ScimError::not_found("user", &visit.id);
    let id: UserId = visit.id.parse().map_err(|_| missing())?;
    let user = visit.app.platform.read(|state| {
        let user = state.users.get(&id).filter(|user| user.home == visit.home);
        user.filter(|_| !removed(state).contains(&id)).cloned()
    });
    let user = user.ok_or_else(missing)?;
    let person = people::open_one(&visit.app, visit.home, id).await?;
    Ok((user, person.unwrap_or_default()))
}

fn document(visit: &Visit, user: &user::User, person: &Person) -> Value {
    let groups: Vec<Value> = visit.app.platform.read(|state| {
        let groups = state.groups_of(user.id);
        groups.map(|group| json!({ "value": group.id, "display": group.name })).collect()
    });
    let user_name = person.user_name.clone().or_else(|| person.email.clone());
    let mut document = json!({
        "schemas": [SCHEMA],
        "id": user.id,
        "userName": user_name.unwrap_or_else(|| user.id.to_string()),
        "displayName": person.name,
        "name": { "formatted": person.name },
        "active": user.status == user::Status::Active,
        "groups": groups,
        "meta": {
            "resourceType": "User",
            "created": Timestamp(user.meta.created_at),
            "lastModified": Timestamp(user.meta.updated_at),
            "location": format!("/scim/v2/Users/{}", user.id),
            "version": format!("W/\"{}\"", user.meta.version),
        },
    });
    if let Value::Object(object) = &mut document {
        if let Some(email) = &person.email {
            object.insert("emails".to_owned(), json!([{ "value": email, "primary": true }]));
        }
        if let Some(id) = &person.external_id {
            object.insert("externalId".to_owned(), json!(id));
        }
    }
    document
}

fn answer(visit: &Visit, id: UserId, person: &Person, status: u16) -> Outcome {
    let user = visit.app.platform.read(|state| state.users.get(&id).cloned());
    let user = user.ok_or_else(|| ScimError::not_found("user", &id.to_string()))?;
    let body = document(visit, &user, person);
    Ok(Answer { status, version: Some(user.meta.version), body })
}

async fn list(visit: &Visit) -> Outcome {
    let mut ids = all(visit);
    if let Some(text) = visit.parameter("filter") {
        let id = by_filter(visit, &filter::parse(&text)?).await?;
        ids.retain(|known| Some(*known) == id);
    }
    let part = visit.part(&ids);
    let people =
        people::open(&visit.app, part.iter().map(|id| (visit.home, *id)).collect()).await?;
    let users: Vec<Option<user::User>> = visit
        .app
        .platform
        .read(|state| part.iter().map(|id| state.users.get(id).cloned()).collect());
    let items = users.into_iter().zip(people).filter_map(|(user, person)| {
        user.map(|user| document(visit, &user, &person.unwrap_or_default()))
    });
    Ok(visit.page(ids.len(), items.collect()))
}

async fn by_filter(visit: &Visit, filter: &Filter) -> Result<Option<UserId>, ScimError> {
    let value = filter.value.trim().to_lowercase();
    let find = |purpose, value| people::find(&visit.app, visit.home, purpose, value);
    Ok(match filter.attribute.as_str() {
        "username" => match find(purpose::USER_NAME, value.clone()).await? {
            // Who has no name of their own signs in with their address.
            None => find(purpose::EMAIL, value).await?,
            found => found,
        },
        "emails" | "emails.value" => find(purpose::EMAIL, value).await?,
        "externalid" => find(purpose::EXTERNAL_ID, filter.value.clone()).await?,
        "id" => filter.value.parse().ok(),
        other => {
            let text =
                format!("`{other}` cannot be filtered by: use userName, externalId, emails or id");
            return Err(ScimError::filter(text));
        }
    })
}

/// What a resource says; what it does not say is as after `PUT`: absent.
fn wanted(object: &Map<String, Value>) -> Result<(Person, bool), ScimError> {
    let lower: Map<String, Value> =
        object.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
    let text = |name: &str| lower.get(name).and_then(Value::as_str).map(str::trim);
    let user_name = text("username").filter(|name| !name.is_empty());
    let user_name = user_name.ok_or_else(|| ScimError::value("`userName` is needed"))?;
    let formatted =
        lower.get("name").and_then(|name| name.get("formatted")).and_then(Value::as_str);
    let part =
        |part: &str| lower.get("name").and_then(|name| name.get(part)).and_then(Value::as_str);
    let joined = [part("givenName"), part("familyName")].into_iter().flatten().collect::<Vec<_>>();
    let name = text("displayname").or(formatted).map(str::to_owned);
    let name = name.or_else(|| (!joined.is_empty()).then(|| joined.join(" ")));
    let email = match lower.get("emails") {
        Some(Value::Array(list)) => patch::email_in(list),
        Some(_) | None => None,
    };
    let mut person = Person::new(&name.unwrap_or_else(|| user_name.to_owned()), email.as_deref())?;
    person.user_name = Some(checked_name(user_name)?);
    person.external_id = text("externalid").map(str::to_owned).filter(|id| id.len() <= 256);
    let active = match lower.get("active") {
        Some(Value::Bool(active)) => *active,
        None => true,
        Some(_) => return Err(ScimError::value("`active` is true or false")),
    };
    Ok((person, active))
}

async fn create(visit: &Visit) -> Outcome {
    let (person, active) = wanted(&visit.object()?)?;
    let user_name = person.user_name.clone().unwrap_or_default().to_lowercase();
    let taken = people::find(&visit.app, visit.home, purpose::USER_NAME, user_name).await?;
    if taken.is_some() {
        return Err(ScimError::taken("somebody of this organisation has this userName"));
    }
    let id: UserId =
        visit.app.platform.fresh_id().map_err(|e| Fail::internal("no randomness", &e))?;
    let commitment = people::seal(&visit.app, visit.home, id, person.clone()).await?;
    let create = user::Command::Create { id, home: visit.home, commitment };
    if let Err(error) = submit(visit, Command::User(create)).await {
        people::forget(&visit.app, visit.home, id).await;
        return Err(error);
    }
    if !active {
        submit(visit, Command::User(user::Command::Suspend { id })).await?;
    }
    answer(visit, id, &person, 201)
}

async fn get(visit: &Visit) -> Outcome {
    let (user, person) = found(visit).await?;
    let body = document(visit, &user, &person);
    Ok(Answer { status: 200, version: Some(user.meta.version), body })
}

async fn replace(visit: &Visit) -> Outcome {
    let (user, known) = found(visit).await?;
    visit.require_version(user.meta.version)?;
    let (new, active) = wanted(&visit.object()?)?;
    // How they sign in is not the directory's to forget.
    let (password, identities) = (known.password.clone(), known.identities.clone());
    let person = Person { password, identities, ..new };
    keep(visit, &user, (&known, person), active).await
}

async fn change(visit: &Visit) -> Outcome {
    let (user, known) = found(visit).await?;
    visit.require_version(user.meta.version)?;
    let mut person = known.clone();
    let mut active = user.status == user::Status::Active;
    for change in patch::parse(&visit.body)? {
        match change {
            Change::UserName(name) => person.user_name = Some(checked_name(&name)?),
            Change::Name(name) => {
                let name = name.unwrap_or_else(|| person.user_name.clone().unwrap_or_default());
                person.name = Person::new(&name, None)?.name;
            }
            Change::Email(email) => {
                person.email = Person::new(&person.name, email.as_deref())?.email;
            }
            Change::ExternalId(id) => person.external_id = id.filter(|id| id.len() <= 256),
            Change::Active(wanted) => active = wanted,
            Change::AddMembers(_) | Change::RemoveMembers(_) | Change::ReplaceMembers(_) => {
                return Err(ScimError::path("a user has no members"));
            }
        }
    }
    keep(visit, &user, (&known, person), active).await
}

/// Seals what is new, and lets somebody act or not.
async fn keep(
    visit: &Visit,
    user: &user::User,
    (known, person): (&Person, Person),
    active: bool,
) -> Outcome {
    let id = user.id;
    if *known != person {
        let commitment = people::seal(&visit.app, visit.home, id, person.clone()).await?;
        submit(visit, Command::User(user::Command::ReplaceData { id, commitment })).await?;
    }
    let command = if active { user::Command::Resume { id } } else { user::Command::Suspend { id } };
    submit(visit, Command::User(command)).await?;
    if !active {
        end_sessions(&visit.app, id).await?;
    }
    answer(visit, id, &person, 200)
}

/// Suspended at once, out of all groups, and their data is asked to be erased.
async fn remove(visit: &Visit) -> Outcome {
    let (user, _) = found(visit).await?;
    visit.require_version(user.meta.version)?;
    let id = user.id;
    submit(visit, Command::User(user::Command::Suspend { id })).await?;
    end_sessions(&visit.app, id).await?;
    let groups: Vec<Id<kinds::Group>> =
        visit.app.platform.read(|state| state.groups_of(id).map(|group| group.id).collect());
    for group in groups {
        let command = kernel::group::Command::RemoveMember { id: group, user: id };
        submit(visit, Command::Group(command)).await?;
    }
    let target = erasure::Target::User { id, home: visit.home };
    let request = erasure::Command::Request { target, switch: None };
    submit(visit, Command::Erasure(request)).await?;
    // Their name is free from now on; the erasure takes what is left.
    people::forget(&visit.app, visit.home, id).await;
    Ok(Answer { status: 204, version: None, body: Value::Null })
}

pub(super) async fn submit(visit: &Visit, command: Command) -> Result<(), ScimError> {
    let actor: Actor = visit.caller.actor()?;
    let done = visit.app.platform.submit(actor, Submission::new(command)).await;
    done.map(|_| ()).map_err(|failure| ScimError::from(Fail::from(failure)))
}
