//! Validates provider commands.

use units::{Id, kinds};

use super::{Command, Config, Event, get};
use crate::{Ctx, Reject, State, access, binding, group, limits, user};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { id, home, name, config, secret } => {
            user::home_exists(state, *home)?;
            check(state, *home, config, ctx)?;
            let all = state.identity_providers.values();
            let here = all.filter(|provider| provider.home == *home);
            Reject::limit(
                "identity providers of one home",
                here.clone().count(),
                limits::PROVIDERS_PER_HOME_MAX,
            )?;
            Reject::limit(
                "identity providers",
                state.identity_providers.len(),
                limits::PROVIDERS_MAX,
            )?;
            let known = state.identity_providers.contains_key(id);
            if known || here.clone().any(|provider| provider.name == *name) {
                let (kind, name) = ("identity provider", name.to_string());
                return Err(Reject::NameTaken { kind, name });
            }
            Event::Created {
                id: *id,
                home: *home,
                name: name.clone(),
                config: config.clone(),
                secret: *secret,
            }
        }
        Command::Replace { id, config, secret } => {
            let provider = get(state, *id)?;
            check(state, provider.home, config, ctx)?;
            if provider.config == *config && provider.secret == *secret {
                return Ok(Vec::new());
            }
            let (config, secret) = (config.clone(), *secret);
            Event::Replaced { id: *id, home: provider.home, config, secret }
        }
        Command::Delete { id } => Event::Deleted { id: *id, home: get(state, *id)?.home },
    };
    Ok(vec![crate::Event::IdentityProvider(event)])
}

fn check(
    state: &State,
    home: Option<Id<kinds::Organisation>>,
    config: &Config,
    ctx: &Ctx,
) -> Result<(), Reject> {
    let https = config.issuer.starts_with("https://");
    if !https && !config.issuer.starts_with("http://") {
        return Err(Reject::invalid("issuer", "give an address such as `https://sso.example.fr`"));
    }
    for (field, text) in [
        ("issuer", &config.issuer),
        ("client_id", &config.client_id),
        ("group_claim", &config.group_claim),
    ] {
        check_text(field, text)?;
    }
    Reject::limit("scopes", config.scopes.len(), limits::PROVIDER_SCOPES_MAX)?;
    for scope in &config.scopes {
        check_text("scopes", scope)?;
    }
    let rules = config.groups.len();
    Reject::limit("groups of one provider", rules.saturating_sub(1), limits::PROVIDER_GROUPS_MAX)?;
    for rule in &config.groups {
        check_text("groups", &rule.claim)?;
        let found = group::get(state, rule.group)?;
        if found.home != home {
            return Err(Reject::not_found("group", rule.group));
        }
        // Whoever says that a provider's group is one of ours gives what ours has.
        for binding in state.bindings_of(binding::Principal::Group(rule.group)) {
            let mask = binding::mask_of(state, binding.role);
            access::require_within(state, ctx, mask, binding.scope)?;
        }
    }
    Ok(())
}

fn check_text(field: &'static str, text: &str) -> Result<(), Reject> {
    let plain = text.chars().all(|c| !c.is_control());
    if text.trim().is_empty() || text.len() > limits::PROVIDER_TEXT_BYTES_MAX || !plain {
        let max = limits::PROVIDER_TEXT_BYTES_MAX;
        return Err(Reject::invalid(field, format!("give 1 to {max} printable bytes")));
    }
    Ok(())
}
