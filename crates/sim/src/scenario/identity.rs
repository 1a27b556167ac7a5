//! From the words of a line to a kernel command about people, groups, accounts, roles and keys.
//!
//! A user's id comes from the name that the scenario uses; the name itself is nowhere in the log.

use kernel::{
    Actor, Command, State,
    access::{Role, Scope},
    binding::{self, Principal},
    capability, consent, group, identity_provider, key, role, service_account, user,
};
use units::{DurationMicros, Id, Name, UnixMicros, kinds};

use super::{args::Args, build::digest_of, names};

/// The verbs of this file.
pub(super) const VERBS: [&str; 24] = [
    "provider",
    "provider-replace",
    "provider-delete",
    "capability-revoke",
    "consent",
    "consent-revoke",
    "consent-use",
    "user",
    "user-suspend",
    "user-resume",
    "user-data",
    "group",
    "group-add",
    "group-remove",
    "group-delete",
    "account",
    "account-renew",
    "account-assign",
    "account-delete",
    "role",
    "role-set",
    "role-delete",
    "bind",
    "unbind",
];

/// The command of a line whose verb is one of these.
pub(super) fn command(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let kind = verb.split_once('-').map_or(verb, |(kind, _)| kind);
    Ok(match kind {
        "user" => Command::User(of_user(state, verb, args)?),
        "group" => Command::Group(of_group(state, verb, args)?),
        "account" => Command::ServiceAccount(of_account(state, verb, args)?),
        "role" => Command::Role(of_role(state, verb, args)?),
        "consent" => Command::Consent(of_consent(state, verb, args)?),
        "provider" => Command::IdentityProvider(of_provider(state, verb, args)?),
        "capability" => {
            let holder = capability::Holder::User(a_user(args)?);
            let block = digest_of(&args.word::<String>("a block")?);
            Command::Capability(capability::Command::Revoke { holder, block })
        }
        _ => Command::Binding(of_binding(state, verb, args)?),
    })
}

/// The id of the user whom a scenario calls this.
pub(super) fn user_id(name: &str) -> Id<kinds::User> {
    let [a, b, c, d, e, f, g, h, i, j, ..] = digest_of(name).0;
    Id::from_parts(1_764_000_000_000, [a, b, c, d, e, f, g, h, i, j])
}

pub(super) fn a_user(args: &mut Args<'_>) -> Result<Id<kinds::User>, String> {
    args.word::<String>("a user").map(|name| user_id(&name))
}

/// `platform`, `organisation` or `organisation/project`.
fn scope(state: &State, text: &str) -> Result<Scope, String> {
    match text {
        "platform" => Ok(Scope::Platform),
        path if path.contains('/') => names::project(state, path).map(Scope::Project),
        name => names::organisation(state, name).map(Scope::Organisation),
    }
}

fn home(state: &State, text: &str) -> Result<Option<Id<kinds::Organisation>>, String> {
    if text == "platform" { Ok(None) } else { names::organisation(state, text).map(Some) }
}

fn of_user(state: &State, verb: &str, args: &mut Args<'_>) -> Result<user::Command, String> {
    let name: String = args.word("a user")?;
    let id = user_id(&name);
    Ok(match verb {
        "user" => user::Command::Create {
            id,
            home: home(state, &args.word::<String>("an organisation or `platform`")?)?,
            commitment: digest_of(&name),
        },
        "user-suspend" => user::Command::Suspend { id },
        "user-resume" => user::Command::Resume { id },
        _ => user::Command::ReplaceData { id, commitment: digest_of(&format!("{name} anew")) },
    })
}

fn a_group(state: &State, args: &mut Args<'_>) -> Result<Id<kinds::Group>, String> {
    let name: String = args.word("a group")?;
    let found = state.groups.values().find(|group| group.name.as_str() == name);
    found.map(|group| group.id).ok_or_else(|| format!("no group `{name}`"))
}

fn of_group(state: &State, verb: &str, args: &mut Args<'_>) -> Result<group::Command, String> {
    if verb == "group" {
        let home = home(state, &args.word::<String>("an organisation or `platform`")?)?;
        return Ok(group::Command::Create { home, name: args.word("a name")? });
    }
    let id = a_group(state, args)?;
    Ok(match verb {
        "group-add" => group::Command::AddMember { id, user: a_user(args)? },
        "group-remove" => group::Command::RemoveMember { id, user: a_user(args)? },
        _ => group::Command::Delete { id },
    })
}

/// A provider whose one group of the claim `staff` is a group here.
fn of_provider(
    state: &State,
    verb: &str,
    args: &mut Args<'_>,
) -> Result<identity_provider::Command, String> {
    let name: Name = args.word("a name")?;
    let [a, b, c, d, e, f, g, h, i, j, ..] = digest_of(name.as_str()).0;
    let id = Id::from_parts(1_764_000_000_000, [a, b, c, d, e, f, g, h, i, j]);
    if verb == "provider-delete" {
        return Ok(identity_provider::Command::Delete { id });
    }
    let home = home(state, &args.word::<String>("an organisation or `platform`")?)?;
    let rule = |group| identity_provider::GroupRule { claim: "staff".to_owned(), group };
    let config = identity_provider::Config {
        issuer: format!("https://{name}.test"),
        client_id: "cocarde".to_owned(),
        scopes: vec!["email".to_owned()],
        group_claim: "groups".to_owned(),
        creates_users: true,
        is_listed: verb == "provider",
        groups: vec![rule(a_group(state, args)?)],
    };
    let secret = Some(digest_of(name.as_str()));
    Ok(match verb {
        "provider" => identity_provider::Command::Create { id, home, name, config, secret },
        _ => identity_provider::Command::Replace { id, config, secret },
    })
}

pub(super) fn an_account(
    state: &State,
    args: &mut Args<'_>,
) -> Result<Id<kinds::ServiceAccount>, String> {
    let name: String = args.word("a service account")?;
    let found = state.service_accounts.values().find(|account| account.name.as_str() == name);
    found.map(|account| account.id).ok_or_else(|| format!("no service account `{name}`"))
}

/// The end of something, from the last entry on: a scenario has no calendar.
fn end(state: &State, args: &mut Args<'_>) -> Result<Option<UnixMicros>, String> {
    Ok(args.maybe::<DurationMicros>("for")?.map(|long| state.last_at.plus(long)))
}

fn of_account(
    state: &State,
    verb: &str,
    args: &mut Args<'_>,
) -> Result<service_account::Command, String> {
    let day = state.last_at.plus(DurationMicros::from_secs(86_400));
    if verb == "account" {
        return Ok(service_account::Command::Create {
            scope: scope(state, &args.word::<String>("an organisation or project")?)?,
            name: args.word("a name")?,
            owner: a_user(args)?,
            expires_at: end(state, args)?.unwrap_or(day),
        });
    }
    let id = an_account(state, args)?;
    Ok(match verb {
        "account-renew" => {
            service_account::Command::Renew { id, expires_at: end(state, args)?.unwrap_or(day) }
        }
        "account-assign" => service_account::Command::Assign { id, owner: a_user(args)? },
        _ => service_account::Command::Delete { id },
    })
}

fn a_role(state: &State, name: &str) -> Result<Id<kinds::Role>, String> {
    let found = state.roles.values().find(|role| role.name.as_str() == name);
    found.map(|role| role.id).ok_or_else(|| format!("no role `{name}`"))
}

fn of_role(state: &State, verb: &str, args: &mut Args<'_>) -> Result<role::Command, String> {
    let mut wanted = || args.list("may").map(|list| list.unwrap_or_default().into_iter().collect());
    let permissions = wanted()?;
    if verb == "role" {
        let organisation = names::organisation(state, &args.word::<String>("an organisation")?)?;
        return Ok(role::Command::Create { organisation, name: args.word("a name")?, permissions });
    }
    let id = a_role(state, &args.word::<String>("a role")?)?;
    if verb == "role-set" {
        return Ok(role::Command::Set { id, permissions });
    }
    Ok(role::Command::Delete { id })
}

/// `bind ROLE user|group|account NAME SCOPE for=1h`; `unbind` without the role.
fn of_binding(state: &State, verb: &str, args: &mut Args<'_>) -> Result<binding::Command, String> {
    let given: Option<String> = (verb == "bind").then(|| args.word("a role")).transpose()?;
    let principal = match args.word::<String>("user, group or account")?.as_str() {
        "user" => Principal::User(a_user(args)?),
        "group" => Principal::Group(a_group(state, args)?),
        _ => Principal::ServiceAccount(an_account(state, args)?),
    };
    let Some(given) = given else {
        let first = state.bindings_of(principal).next().map(|binding| binding.id);
        return Ok(binding::Command::Delete { id: first.ok_or("it was given nothing")? });
    };
    let role = match given.parse::<Role>() {
        Ok(role) => binding::Role::BuiltIn(role),
        Err(_) => binding::Role::Custom(a_role(state, &given)?),
    };
    let scope = scope(state, &args.word::<String>("a scope")?)?;
    Ok(binding::Command::Create { role, principal, scope, expires_at: end(state, args)? })
}

/// Who sends a line: `as=KEY`, `as=user:NAME`, or the platform itself.
pub(super) fn actor(state: &State, args: &mut Args<'_>) -> Result<Actor, String> {
    let Some(name) = args.maybe::<String>("as")? else { return Ok(Actor::System) };
    if let Some(user) = name.strip_prefix("user:") {
        return Ok(Actor::User(user_id(user)));
    }
    let found = state.keys.values().find(|key| key.name.as_str() == name);
    found.map(|key| Actor::Key(key.id)).ok_or_else(|| format!("no key `{name}`"))
}

/// `consent SCOPE LEVEL USER for=1h`; `consent-revoke` and `consent-use` are about the last one.
fn of_consent(state: &State, verb: &str, args: &mut Args<'_>) -> Result<consent::Command, String> {
    if verb != "consent" {
        let last = state.consents.keys().next_back().copied();
        let id = last.ok_or("there is no consent")?;
        return Ok(match verb {
            "consent-revoke" => consent::Command::Revoke { id },
            _ => consent::Command::Use {
                id,
                operation: args.word("an operation")?,
                request: args.word("a path")?,
            },
        });
    }
    let scope = scope(state, &args.word::<String>("an organisation or project")?)?;
    let level = match args.word::<String>("read or administer")?.as_str() {
        "administer" => consent::Level::Administer,
        _ => consent::Level::Read,
    };
    let users = [a_user(args)?].into();
    let until = end(state, args)?.unwrap_or(state.last_at);
    Ok(consent::Command::Grant { scope, users, level, until })
}

/// `key-issue NAME ROLE SCOPE owner=USER | account=NAME models=… countries=…` and `key-rotate NAME`.
pub(super) fn of_key(state: &State, verb: &str, args: &mut Args<'_>) -> Result<Command, String> {
    let name: Name = args.word("a name")?;
    if verb == "key-rotate" {
        let found = state.keys.values().find(|key| key.name == name);
        let id = found.map(|key| key.id).ok_or_else(|| format!("no key `{name}`"))?;
        let secret_hash = digest_of(&format!("{name} anew"));
        let overlap = args.duration("overlap")?;
        return Ok(Command::Key(key::Command::Rotate { id, secret_hash, overlap }));
    }
    let role = args.word("a role")?;
    let scope = scope(state, &args.word::<String>("a scope")?)?;
    let owner = args.maybe::<String>("owner")?.map(|name| key::Owner::User(user_id(&name)));
    let account = args.maybe::<String>("account")?.map(|name| {
        let found = state.service_accounts.values().find(|x| x.name.as_str() == name);
        found.map(|x| key::Owner::ServiceAccount(x.id)).ok_or_else(|| format!("no `{name}`"))
    });
    let owner = account.transpose()?.or(owner);
    let limits = key::Limits { models: args.list("models")?, countries: args.list("countries")? };
    let secret_hash = digest_of(name.as_str());
    let expires_at = end(state, args)?;
    let issue = key::Issue { name, scope, role, secret_hash, expires_at, owner, limits };
    Ok(Command::Key(key::Command::Issue(Box::new(issue))))
}
