//! Validates site commands.

use super::{Command, Config, Event};
use crate::{Ctx, Reject, State, limits};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Create { name, config } => {
            Reject::limit("sites", state.sites.len(), limits::SITES_MAX)?;
            if state.sites.values().any(|site| site.name == *name) {
                return Err(Reject::NameTaken { kind: "site", name: name.to_string() });
            }
            check(state, config)?;
            Event::Created { id: ctx.id(0), name: name.clone(), config: config.clone() }
        }
        Command::Update { id, config } => {
            let site = state.sites.get(id).ok_or_else(|| Reject::not_found("site", id))?;
            check(state, config)?;
            if site.config == *config {
                return Ok(Vec::new());
            }
            Event::Updated { id: *id, config: config.clone() }
        }
    };
    Ok(vec![crate::Event::Site(event)])
}

fn check(state: &State, config: &Config) -> Result<(), Reject> {
    if !(1_000..=5_000).contains(&config.pue_milli) {
        let message = format!("`{}` is out of range: 1000 (ideal) to 5000", config.pue_milli);
        return Err(Reject::invalid("pue_milli", message));
    }
    for id in [config.operator_entity, config.owner_entity].into_iter().flatten() {
        if !state.entities.contains_key(&id) {
            return Err(Reject::not_found("entity", id));
        }
    }
    if config.carbon_g_per_kwh > 5_000 {
        let message = format!("`{}` is out of range: at most 5000", config.carbon_g_per_kwh);
        return Err(Reject::invalid("carbon_g_per_kwh", message));
    }
    let texts = [&config.operator, &config.carbon_source];
    if texts.iter().any(|text| text.is_empty() || text.len() > limits::TEXT_BYTES_MAX) {
        return Err(Reject::invalid("operator", "operator and carbon_source need 1 to 1024 bytes"));
    }
    if config.certifications.len() > 32
        || config.certifications.iter().any(|text| text.len() > limits::TEXT_BYTES_MAX)
    {
        return Err(Reject::invalid("certifications", "at most 32 of at most 1024 bytes"));
    }
    Ok(())
}
