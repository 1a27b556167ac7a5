//! Identity providers: create, list, get, describe anew, delete. The client secret is sealed beside the
//! log before the log speaks of it, and is never answered.

use std::sync::Arc;

use api::{
    endpoint::Nothing,
    nouns::{
        common::Page,
        identity_provider::{
            GroupRule, IdentityProvider, IdentityProviderConfig, IdentityProviderCreate,
            IdentityProviderDelete, IdentityProviderGet, IdentityProviderList,
            IdentityProviderReplace,
        },
    },
    problem::Code,
    text::Timestamp,
};
use kernel::{
    Command, State,
    access::{Role, Scope},
    identity_provider::{self as noun, Config},
};
use store::vault::Tenant;
use units::{Digest, Id, kinds};

use super::{
    App, access,
    blobs::blocking_fail,
    caller::Caller,
    fail::Fail,
    gone,
    mount::{Call, as_of},
    page,
    people::{self, Home},
    resolve,
    visible::scope_of_home,
};
use crate::sign_in::oidc::{self, Provider};

type ProviderId = Id<kinds::IdentityProvider>;

/// `POST /api/v1/identity-providers`
pub(crate) async fn create(call: Call<IdentityProviderCreate>) -> Result<IdentityProvider, Fail> {
    let new = &call.body;
    let home = call.read(|state| match &new.organisation {
        Some(reference) => {
            resolve::organisation(state, &call.caller, Role::Administrator, reference).map(Some)
        }
        None => {
            let hidden = || access::needs(Role::Operator);
            access::require(state, &call.caller, Role::Operator, Scope::Platform, hidden)?;
            Ok(None)
        }
    })?;
    let config = config_of(&new.config, call.read(is_operator(&call.caller)))?;
    let id = call.platform().fresh_id().map_err(|e| Fail::internal("no randomness", &e))?;
    let secret = seal(&call.app, home, id, new.config.client_secret.clone()).await?;
    let name = new.name.clone();
    let command = noun::Command::Create { id, home, name, config, secret };
    match call.submit(Command::IdentityProvider(command)).await {
        Ok(accepted) => answer(&call, id, accepted.seq),
        Err(fail) => {
            forget(&call.app, home, id).await;
            Err(fail)
        }
    }
}

/// `GET /api/v1/identity-providers`
pub(crate) async fn list(call: Call<IdentityProviderList>) -> Result<Page<IdentityProvider>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<ProviderId>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let visible = |provider: &noun::IdentityProvider| {
            let scope = scope_of_home(provider.home);
            access::allows(state, &call.caller, Role::Administrator, scope)
                && query.name.as_ref().is_none_or(|name| *name == provider.name)
        };
        let all = state.identity_providers.range(page::after(&wanted));
        let items = all.filter(|(_, provider)| visible(provider));
        let items = items.map(|(id, provider)| (*id, dto(provider, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/identity-providers/{id}`
pub(crate) async fn get(call: Call<IdentityProviderGet>) -> Result<IdentityProvider, Fail> {
    call.read(|state| {
        find(state, &call.caller, call.path.id).map(|provider| dto(provider, as_of(state)))
    })
}

/// `PUT /api/v1/identity-providers/{id}`
pub(crate) async fn replace(call: Call<IdentityProviderReplace>) -> Result<IdentityProvider, Fail> {
    let id = call.path.id;
    let (home, kept) = call.read(|state| {
        find(state, &call.caller, id).map(|provider| (provider.home, provider.secret))
    })?;
    let config = config_of(&call.body, call.read(is_operator(&call.caller)))?;
    let fresh = seal(&call.app, home, id, call.body.client_secret.clone()).await?;
    let command = noun::Command::Replace { id, config, secret: fresh.or(kept) };
    let accepted = call.submit(Command::IdentityProvider(command)).await?;
    answer(&call, id, accepted.seq)
}

/// `DELETE /api/v1/identity-providers/{id}`
pub(crate) async fn delete(call: Call<IdentityProviderDelete>) -> Result<Nothing, Fail> {
    let id = call.path.id;
    let home = call.read(|state| find(state, &call.caller, id).map(|provider| provider.home))?;
    call.submit(Command::IdentityProvider(noun::Command::Delete { id })).await?;
    forget(&call.app, home, id).await;
    Ok(Nothing {})
}

fn answer<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    id: ProviderId,
    seq: u64,
) -> Result<IdentityProvider, Fail> {
    let found = call.read(|s| s.identity_providers.get(&id).map(|provider| dto(provider, seq)));
    found.ok_or_else(gone)
}

fn find<'a>(
    state: &'a State,
    caller: &Caller,
    id: ProviderId,
) -> Result<&'a noun::IdentityProvider, Fail> {
    let found = state.identity_providers.get(&id);
    let found = found.map(|provider| (provider, scope_of_home(provider.home)));
    access::find(state, caller, Role::Administrator, found, ("identity provider", &id))
}

fn is_operator(caller: &Caller) -> impl FnOnce(&State) -> bool {
    let caller = caller.clone();
    move |state| access::allows(state, &caller, Role::Operator, Scope::Platform)
}

/// What a body says, checked. Only those who run the platform may have it ask this very machine.
fn config_of(given: &IdentityProviderConfig, is_operator: bool) -> Result<Config, Fail> {
    let url = oidc::issuer_url(&given.issuer);
    let url = url.map_err(|error| Fail::field("/config/issuer", error.to_string()))?;
    if url.scheme() != "https" && !is_operator {
        let text = "an organisation's provider needs an https address";
        return Err(Fail::field("/config/issuer", text));
    }
    let rule = |rule: &GroupRule| noun::GroupRule { claim: rule.claim.clone(), group: rule.group };
    let usual = || vec!["profile".to_owned(), "email".to_owned()];
    Ok(Config {
        issuer: given.issuer.clone(),
        client_id: given.client_id.clone(),
        scopes: given.scopes.clone().unwrap_or_else(usual),
        group_claim: given.group_claim.clone().unwrap_or_else(|| "groups".to_owned()),
        creates_users: given.creates_users,
        is_listed: given.listed,
        groups: given.groups.iter().map(rule).collect(),
    })
}

/// Seals a client secret under the provider's id; nothing to seal is no secret.
async fn seal(
    app: &Arc<App>,
    home: Home,
    id: ProviderId,
    secret: Option<String>,
) -> Result<Option<Digest>, Fail> {
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return Ok(None) };
    if secret.len() > 1_024 {
        return Err(Fail::field("/config/client_secret", "at most 1024 bytes"));
    }
    let app = Arc::clone(app);
    blocking_fail(move || {
        let tenant = Tenant::from(home);
        let sealed = app.platform.vault().put(tenant, &id.to_string(), secret.as_bytes(), &[]);
        sealed.map(Some).map_err(|error| people::vault_fail(&error))
    })
    .await
}

async fn forget(app: &Arc<App>, home: Home, id: ProviderId) {
    let app = Arc::clone(app);
    let erased = blocking_fail(move || {
        let erased = app.platform.vault().erase(Tenant::from(home), &id.to_string());
        erased.map_err(|error| people::vault_fail(&error))
    });
    if let Err(error) = erased.await {
        tracing::warn!(provider.id = %id, code = ?error.code(), "the secret of {id} is left over");
    }
}

/// A provider with its secret, to sign somebody in; blocks.
///
/// # Errors
/// 404 if there is none, 503 if the secret cannot be read.
pub(crate) fn to_ask(
    app: &App,
    id: ProviderId,
) -> Result<(Provider, noun::IdentityProvider), Fail> {
    let found = app.platform.read(|state| state.identity_providers.get(&id).cloned());
    let found = found.ok_or_else(|| Fail::not_found("identity provider", id))?;
    let client_secret = match found.secret {
        None => None,
        Some(_) => {
            let tenant = Tenant::from(found.home);
            let opened = app.platform.vault().get(tenant, &id.to_string());
            let opened = opened.map_err(|error| people::vault_fail(&error))?;
            let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
            Some(text.ok_or_else(|| {
                Fail::new(Code::Unavailable, "the client secret of this provider is gone")
                    .remedy("ask an administrator to set it again")
            })?)
        }
    };
    let provider = Provider {
        id,
        issuer: found.config.issuer.clone(),
        client_id: found.config.client_id.clone(),
        client_secret,
        scopes: found.config.scopes.clone(),
        group_claim: found.config.group_claim.clone(),
    };
    Ok((provider, found))
}

fn dto(provider: &noun::IdentityProvider, seq: u64) -> IdentityProvider {
    let config = &provider.config;
    let rule = |rule: &noun::GroupRule| GroupRule { claim: rule.claim.clone(), group: rule.group };
    IdentityProvider {
        id: provider.id,
        organisation: provider.home,
        name: provider.name.clone(),
        issuer: config.issuer.clone(),
        client_id: config.client_id.clone(),
        has_client_secret: provider.secret.is_some(),
        scopes: config.scopes.clone(),
        group_claim: config.group_claim.clone(),
        creates_users: config.creates_users,
        listed: config.is_listed,
        groups: config.groups.iter().map(rule).collect(),
        version: provider.meta.version,
        seq,
        created_at: Timestamp(provider.meta.created_at),
    }
}
