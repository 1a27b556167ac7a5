//! Somebody for whom an identity provider vouches: who that is here, and in which groups.
//!
//! Rights follow the claims at each sign-in and at no other time. A group that the provider does not
//! name any more is left; groups that no rule speaks of are not touched.

use std::{collections::BTreeSet, sync::Arc};

use api::{
    nouns::session::SessionBegun,
    nouns::sign_in::{
        DeviceBegun as BegunDto, DeviceState, SignInDeviceCreate, SignInDevicePoll, SignInProvider,
        SignInProviderList, SignInProviders,
    },
    problem::Code,
};
use kernel::{Actor, Command, Submission, group, identity_provider::IdentityProvider, user};
use units::{Id, kinds};

use super::{
    App,
    blobs::blocking_fail,
    fail::Fail,
    identity_providers,
    mount::Call,
    people::{self, Person},
    sessions,
};
use crate::sign_in::{
    oidc::{DevicePoll, Identity, OidcError},
    session::{Device, Means, Principal},
};

/// Most providers on the sign-in page.
const LISTED_MAX: usize = 256;

/// `GET /api/v1/sign-in/providers`
pub(crate) async fn providers(call: Call<SignInProviderList>) -> Result<SignInProviders, Fail> {
    Ok(SignInProviders { items: listed(&call.app) })
}

/// The providers that everybody may see, by name.
pub(crate) fn listed(app: &App) -> Vec<SignInProvider> {
    let mut items: Vec<SignInProvider> = app.platform.read(|state| {
        let listed = state.identity_providers.values().filter(|p| p.config.is_listed);
        let shown = listed.map(|provider| SignInProvider {
            id: provider.id,
            name: provider.name.clone(),
            issuer: provider.config.issuer.clone(),
        });
        shown.take(LISTED_MAX).collect()
    });
    items.sort_by(|a, b| a.name.cmp(&b.name));
    items
}

/// `POST /api/v1/sign-in/devices`
pub(crate) async fn begin_device(call: Call<SignInDeviceCreate>) -> Result<BegunDto, Fail> {
    // Who begins many sign-ins makes us ask a provider as often.
    let throttle = &call.platform().sign_in().throttle;
    throttle
        .admit(call.platform().now(), &call.source.label("device"), call.source)
        .map_err(sessions::too_often)?;
    let id = named(&call.app, &call.body.provider)?;
    let app = Arc::clone(&call.app);
    let begun = blocking_fail(move || {
        let (provider, _) = identity_providers::to_ask(&app, id)?;
        let begun = app.platform.sign_in().oidc.begin_device(app.platform.now(), &provider);
        begun.map_err(|error| refuse(&error))
    })
    .await?;
    Ok(BegunDto {
        handle: begun.handle,
        user_code: begun.user_code,
        verification_uri: begun.verification_uri,
        verification_uri_complete: begun.verification_uri_complete,
        interval_s: begun.interval_s,
        expires_in_s: begun.expires_in_s,
    })
}

/// The provider of this id, address or name; several of an address are told apart by their ids.
fn named(app: &App, text: &str) -> Result<Id<kinds::IdentityProvider>, Fail> {
    let text = text.trim();
    let found = app.platform.read(|state| {
        let all = state.identity_providers.values();
        let same = |provider: &&IdentityProvider| {
            let issuer = provider.config.issuer.trim_end_matches('/');
            provider.id.to_string() == text
                || issuer == text.trim_end_matches('/')
                || (provider.config.is_listed && provider.name.as_str() == text)
        };
        all.filter(same).map(|provider| provider.id).collect::<Vec<_>>()
    });
    let shown: String = text.chars().take(200).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(Fail::not_found("identity provider", shown).remedy(
            "see `GET /api/v1/sign-in/providers`, or ask your administrator for its address",
        )),
        several => Err(Fail::new(
            Code::NotFound,
            format!("{} identity providers have this address", several.len()),
        )
        .remedy("ask your administrator for the id of yours")),
    }
}

/// `POST /api/v1/sign-in/devices/poll`
pub(crate) async fn poll_device(call: Call<SignInDevicePoll>) -> Result<DeviceState, Fail> {
    let over = || refuse(&OidcError::Attempt("this sign-in is unknown or over"));
    let handle = call.body.handle.clone();
    let id = call.platform().sign_in().oidc.device_provider(&handle).ok_or_else(over)?;
    let app = Arc::clone(&call.app);
    let polled = blocking_fail(move || {
        let (provider, noun) = identity_providers::to_ask(&app, id)?;
        let now = app.platform.now();
        let polled = app.platform.sign_in().oidc.poll_device(now, &provider, &handle);
        polled.map(|polled| (polled, noun)).map_err(|error| refuse(&error))
    });
    let (polled, provider) = polled.await?;
    let identity = match polled {
        DevicePoll::Pending(seconds) => {
            return Ok(DeviceState { ask_again_in_s: Some(seconds), begun: None });
        }
        DevicePoll::Done(identity) => identity,
    };
    let principal = enter(&call.app, &provider, *identity).await?;
    let (throttle, label) = (&call.platform().sign_in().throttle, call.source.label("device"));
    throttle.succeeded(call.platform().now(), &label, call.source);
    let means = Means::Provider(provider.id);
    let begun = sessions::begin(&call.app, principal, means, Device::CommandLine).await?;
    let begun = SessionBegun { session: sessions::dto(&begun.0, true), secret: begun.1 };
    Ok(DeviceState { ask_again_in_s: None, begun: Some(begun) })
}

/// The person here, made if that is allowed, in the groups that the provider says.
///
/// # Errors
/// 403 if they are not known and may not be made, or are suspended.
pub(crate) async fn enter(
    app: &Arc<App>,
    provider: &IdentityProvider,
    identity: Identity,
) -> Result<Principal, Fail> {
    if identity.issuer != provider.config.issuer || identity.subject.is_empty() {
        return Err(refuse(&OidcError::Token("it names nobody".to_owned())));
    }
    let at = format!("{} {}", identity.issuer, identity.subject);
    let known = people::find(app, provider.home, people::purpose::IDENTITY, at).await?;
    let id = match known {
        Some(id) => id,
        None => make(app, provider, &identity).await?,
    };
    let active = app
        .platform
        .read(|state| state.users.get(&id).is_some_and(|user| user.status == user::Status::Active));
    if !active {
        return Err(Fail::new(Code::Forbidden, "this account is suspended")
            .remedy("ask an administrator of your organisation"));
    }
    join_groups(app, provider, id, &identity.groups).await?;
    Ok(Principal::User(id))
}

/// Somebody who has not been here. A person whom a directory has made is met by the verified address,
/// and only if no other identity is theirs yet.
async fn make(
    app: &Arc<App>,
    provider: &IdentityProvider,
    identity: &Identity,
) -> Result<Id<kinds::User>, Fail> {
    let home = provider.home;
    let mine = (identity.issuer.clone(), identity.subject.clone());
    if let Some(email) = &identity.email {
        let email = email.trim().to_lowercase();
        if let Some(id) = people::find(app, home, people::purpose::EMAIL, email).await? {
            let person = people::open(app, vec![(home, id)]).await?.pop().flatten();
            let person = person.filter(|person| person.identities.is_empty());
            let mut person = person.ok_or_else(|| {
                Fail::new(Code::Forbidden, "somebody else here has this address")
                    .remedy("ask an administrator of your organisation")
            })?;
            person.identities.push(mine);
            let commitment = people::seal(app, home, id, person).await?;
            submit(app, Command::User(user::Command::ReplaceData { id, commitment })).await?;
            return Ok(id);
        }
    }
    if !provider.config.creates_users {
        return Err(Fail::new(Code::Forbidden, "nobody here is known by this sign-in")
            .remedy("ask an administrator of your organisation for an account"));
    }
    let name = identity.name.clone().or_else(|| identity.email.clone());
    let name = name.unwrap_or_else(|| identity.subject.chars().take(64).collect());
    // An address that is none by our rules is left out; it is no reason to keep somebody out.
    let person = Person::new(&name, identity.email.as_deref());
    let mut person = person.or_else(|_| Person::new(&name, None))?;
    person.identities.push(mine);
    let id = app.platform.fresh_id().map_err(|e| Fail::internal("no randomness", &e))?;
    let commitment = people::seal(app, home, id, person).await?;
    let create = Command::User(user::Command::Create { id, home, commitment });
    if let Err(fail) = submit(app, create).await {
        people::forget(app, home, id).await;
        return Err(fail);
    }
    Ok(id)
}

/// Joins the groups that the claims name and leaves the other ones that the provider speaks of.
async fn join_groups(
    app: &Arc<App>,
    provider: &IdentityProvider,
    user: Id<kinds::User>,
    claims: &[String],
) -> Result<(), Fail> {
    let rules = &provider.config.groups;
    let named = rules.iter().filter(|rule| claims.contains(&rule.claim));
    let wanted: BTreeSet<Id<kinds::Group>> = named.map(|rule| rule.group).collect();
    let spoken: BTreeSet<Id<kinds::Group>> = rules.iter().map(|rule| rule.group).collect();
    let (have, exist) = app.platform.read(|state| {
        let have: BTreeSet<Id<kinds::Group>> =
            state.groups_of(user).map(|group| group.id).collect();
        let exist: BTreeSet<_> =
            spoken.iter().filter(|id| state.groups.contains_key(id)).copied().collect();
        (have, exist)
    });
    for id in exist {
        let command = match (wanted.contains(&id), have.contains(&id)) {
            (true, false) => group::Command::AddMember { id, user },
            (false, true) => group::Command::RemoveMember { id, user },
            (true, true) | (false, false) => continue,
        };
        submit(app, Command::Group(command)).await?;
    }
    Ok(())
}

async fn submit(app: &App, command: Command) -> Result<(), Fail> {
    // The platform does it, because a provider said so: nobody is signed in yet.
    app.platform.submit(Actor::System, Submission::new(command)).await?;
    Ok(())
}

/// What is told of a sign-in that did not succeed.
pub(crate) fn refuse(error: &OidcError) -> Fail {
    let text = error.to_string();
    match error {
        OidcError::Configuration(_) => Fail::new(Code::UpstreamFailed, text)
            .remedy("ask an administrator to correct the identity provider"),
        OidcError::Provider(_) => {
            Fail::new(Code::UpstreamFailed, text).remedy("try again later, or ask an administrator")
        }
        OidcError::Attempt(_) | OidcError::Token(_) => {
            Fail::new(Code::Unauthenticated, text).remedy("begin to sign in again")
        }
        OidcError::Refused(_) => Fail::new(Code::Forbidden, text).remedy("begin to sign in again"),
    }
}
