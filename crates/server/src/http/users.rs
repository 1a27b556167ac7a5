//! Users: create, list, get, replace what is known of them, suspend, resume.

use api::{
    nouns::{
        common::Page,
        user::{
            User, UserCreate, UserData, UserGet, UserList, UserReplace, UserResume, UserStatus,
            UserSuspend,
        },
    },
    reference::Ref,
    text::Timestamp,
};
use kernel::{
    Command, State,
    access::{Role, Scope},
    user,
};
use units::{Id, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page,
    people::{self, Home, Person},
    resolve, unexpected, visible,
};

/// Where people or groups belong, if the caller administers that.
pub(crate) fn home_of(
    state: &State,
    caller: &Caller,
    organisation: Option<&Ref<kinds::Organisation>>,
) -> Result<Home, Fail> {
    match organisation {
        Some(reference) => {
            resolve::organisation(state, caller, Role::Administrator, reference).map(Some)
        }
        None => {
            let hidden = || access::needs(Role::Operator);
            access::require(state, caller, Role::Administrator, Scope::Platform, hidden)?;
            Ok(None)
        }
    }
}

/// `POST /api/v1/users`
pub(crate) async fn create(call: Call<UserCreate>) -> Result<User, Fail> {
    let new = &call.body;
    let home = call.read(|state| home_of(state, &call.caller, new.organisation.as_ref()))?;
    let person = Person::new(&new.name, new.email.as_deref())?;
    let id = call.platform().fresh_id().map_err(|e| Fail::internal("no randomness", &e))?;
    // Sealed first: the log never speaks of somebody whose record could not be kept.
    let commitment = people::seal(&call.app, home, id, person.clone()).await?;
    let command = user::Command::Create { id, home, commitment };
    let accepted = match call.submit(Command::User(command)).await {
        Ok(accepted) => accepted,
        Err(fail) => {
            people::forget(&call.app, home, id).await;
            return Err(fail);
        }
    };
    let found = call.read(|s| s.users.get(&id).map(|user| dto(user, Some(person), accepted.seq)));
    found.ok_or_else(unexpected)
}

/// `GET /api/v1/users`
pub(crate) async fn list(call: Call<UserList>) -> Result<Page<User>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::User>>::of(query.limit, query.page_token.as_deref())?;
    let only = query.organisation.as_ref();
    let named = only.is_some() || query.email.is_some();
    let home = named.then(|| call.read(|state| home_of(state, &call.caller, only))).transpose()?;
    let found = match (home, &query.email) {
        (Some(home), Some(email)) => {
            let email = email.trim().to_lowercase();
            Some(people::find(&call.app, home, people::purpose::EMAIL, email).await?)
        }
        (Some(_) | None, _) => None,
    };
    let listed = call.read(|state| {
        let wished = |user: &user::User| {
            let scope = visible::scope_of_home(user.home);
            home.is_none_or(|home| home == user.home)
                && found.is_none_or(|found| found == Some(user.id))
                && access::allows(state, &call.caller, Role::Administrator, scope)
        };
        let all = state.users.range(page::after(&wanted)).filter(|(_, user)| wished(user));
        page::cut(all.map(|(id, user)| (*id, user.clone())), wanted.limit, as_of(state))
    });
    let ids = listed.items.iter().map(|user| (user.home, user.id)).collect();
    let people = people::open(&call.app, ids).await?;
    let items = listed.items.iter().zip(people);
    Ok(Page {
        items: items.map(|(user, person)| dto(user, person, listed.as_of)).collect(),
        next_page_token: listed.next_page_token,
        as_of: listed.as_of,
    })
}

/// `GET /api/v1/users/{id}`
pub(crate) async fn get(call: Call<UserGet>) -> Result<User, Fail> {
    let (user, seq) = call.read(|state| {
        let user = find(state, &call.caller, call.path.id)?;
        Ok::<_, Fail>((user.clone(), as_of(state)))
    })?;
    shown(&call, &user, seq).await
}

/// `PUT /api/v1/users/{id}`
pub(crate) async fn replace(call: Call<UserReplace>) -> Result<User, Fail> {
    let id = call.path.id;
    let home = call.read(|state| find(state, &call.caller, id).map(|user| user.home))?;
    let UserData { name, email } = &call.body;
    let new = Person::new(name, email.as_deref())?;
    let known = people::open_one(&call.app, home, id).await?;
    // How they sign in stays.
    let person = Person { name: new.name, email: new.email, ..known.unwrap_or_default() };
    let commitment = people::seal(&call.app, home, id, person.clone()).await?;
    let command = user::Command::ReplaceData { id, commitment };
    let accepted = call.submit(Command::User(command)).await?;
    let found = call.read(|s| s.users.get(&id).map(|user| dto(user, Some(person), accepted.seq)));
    found.ok_or_else(unexpected)
}

/// `POST /api/v1/users/{id}/suspend`
pub(crate) async fn suspend(call: Call<UserSuspend>) -> Result<User, Fail> {
    let id = call.path.id;
    change(&call, id, user::Command::Suspend { id }).await
}

/// `POST /api/v1/users/{id}/resume`
pub(crate) async fn resume(call: Call<UserResume>) -> Result<User, Fail> {
    let id = call.path.id;
    change(&call, id, user::Command::Resume { id }).await
}

async fn change<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    id: Id<kinds::User>,
    command: user::Command,
) -> Result<User, Fail> {
    call.read(|state| find(state, &call.caller, id).map(|_| ()))?;
    let accepted = call.submit(Command::User(command)).await?;
    let user = call.read(|s| s.users.get(&id).cloned()).ok_or_else(unexpected)?;
    shown(call, &user, accepted.seq).await
}

async fn shown<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    user: &user::User,
    seq: u64,
) -> Result<User, Fail> {
    let person = people::open_one(&call.app, user.home, user.id).await?;
    Ok(dto(user, person, seq))
}

/// A user whom the caller administers.
pub(crate) fn find<'a>(
    state: &'a State,
    caller: &Caller,
    id: Id<kinds::User>,
) -> Result<&'a user::User, Fail> {
    let found = state.users.get(&id).map(|user| (user, visible::scope_of_home(user.home)));
    access::find_hidden(state, caller, Role::Administrator, found, ("user", &id))
}

fn dto(user: &user::User, person: Option<Person>, seq: u64) -> User {
    let (name, email) = person.map(|person| (person.name, person.email)).unzip();
    User {
        id: user.id,
        organisation: user.home,
        status: match user.status {
            user::Status::Active => UserStatus::Active,
            user::Status::Suspended => UserStatus::Suspended,
        },
        name,
        email: email.flatten(),
        commitment: user.commitment,
        version: user.meta.version,
        seq,
        created_at: Timestamp(user.meta.created_at),
    }
}
