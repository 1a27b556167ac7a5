//! Validates commands about upstreams.

use units::{Id, kinds};

use super::{Command, Config, Event, Probe, Reach, Timeouts, get};
use crate::{Ctx, Reject, State, limits, project::Guardrail};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    _ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Register { id, project, name, site, config, secret } => {
            if let Some(project) = project
                && !state.projects.contains_key(project)
            {
                return Err(Reject::not_found("project", project));
            }
            if !state.sites.contains_key(site) {
                return Err(Reject::not_found("site", site));
            }
            check(config)?;
            Reject::limit("upstreams", state.upstreams.len(), limits::UPSTREAMS_MAX)?;
            let mut siblings = state.upstreams.values().filter(|one| one.project == *project);
            let known = state.upstreams.contains_key(id);
            if known || siblings.any(|one| one.name == *name) {
                return Err(Reject::NameTaken { kind: "upstream", name: name.to_string() });
            }
            Event::Registered {
                id: *id,
                project: *project,
                name: name.clone(),
                site: *site,
                config: config.clone(),
                secret: *secret,
            }
        }
        Command::Replace { id, config, secret } => {
            let upstream = get(state, *id)?;
            check(config)?;
            if upstream.config == *config && upstream.secret == *secret {
                return Ok(Vec::new());
            }
            let (config, secret) = (config.clone(), *secret);
            Event::Replaced { id: *id, project: upstream.project, config, secret }
        }
        Command::Delete { id } => {
            let upstream = get(state, *id)?;
            require_unused(state, *id)?;
            Event::Deleted { id: *id, project: upstream.project }
        }
    };
    Ok(vec![crate::Event::Upstream(event)])
}

/// Refuses to delete what endpoints send requests to, or guardrails texts.
fn require_unused(state: &State, id: Id<kinds::Upstream>) -> Result<(), Reject> {
    let mut used = state.endpoints.values().filter(|one| one.deleted_at.is_none());
    if let Some(by) = used.find(|one| one.backends.iter().any(|b| b.upstream == id)) {
        return Err(Reject::WrongState {
            kind: "upstream",
            id: id.to_string(),
            state: format!("used by endpoint `{}`", by.name),
            action: "delete it before that endpoint lets go of it",
        });
    }
    let asks = |one: &Guardrail| one.checker().is_some_and(|asked| asked.upstream == id);
    let mut projects = state.projects.values();
    if let Some(by) = projects.find(|one| one.guardrails.iter().any(asks)) {
        return Err(Reject::WrongState {
            kind: "upstream",
            id: id.to_string(),
            state: format!("asked by a guardrail of project `{}`", by.name),
            action: "delete it before that guardrail is removed",
        });
    }
    Ok(())
}

fn check(config: &Config) -> Result<(), Reject> {
    check_url(config)?;
    let Config { url, model, reach: _, in_flight_max, timeouts, probe } = config;
    check_text("model", model)?;
    if *in_flight_max == Some(0) {
        return Err(Reject::invalid("in_flight_max", "`0` lets nothing through: give 1 or more"));
    }
    let Timeouts { connect_ms, first_byte_ms, gap_ms, total_ms } = *timeouts;
    for (field, value, max) in [
        ("timeouts.connect_ms", connect_ms, limits::UPSTREAM_CONNECT_MS_MAX),
        ("timeouts.first_byte_ms", first_byte_ms, limits::UPSTREAM_ANSWER_MS_MAX),
        ("timeouts.gap_ms", gap_ms, limits::UPSTREAM_ANSWER_MS_MAX),
        ("timeouts.total_ms", total_ms, limits::UPSTREAM_ANSWER_MS_MAX),
    ] {
        if !(1..=max).contains(&value) {
            let message = format!("`{value}` is out of range: 1 to {max} milliseconds");
            return Err(Reject::invalid(field, message));
        }
    }
    match probe {
        Probe::None | Probe::Models => Ok(()),
        Probe::Path(path) => {
            check_text("probe", path)?;
            let is_path = path.starts_with('/') && !path.contains([' ', '#', '\\']);
            let message = format!("`{path}` is no path of `{url}`: give one such as `/health`");
            if is_path { Ok(()) } else { Err(Reject::invalid("probe", message)) }
        }
    }
}

/// Scheme and host and nothing that could carry a secret into the log.
fn check_url(config: &Config) -> Result<(), Reject> {
    let url = &config.url;
    check_text("url", url)?;
    let refuse = |message: String| Err(Reject::invalid("url", message));
    let Some((scheme, rest)) = url.split_once("://") else {
        return refuse(format!("`{url}` has no scheme: write it as `https://host/v1`"));
    };
    let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.is_empty() || url.contains(['@', '?', '#', ' ', '\\']) {
        // What was given is not said again: it may hold a secret.
        let what = "must be scheme, host, port and path only: no user, query or fragment";
        return refuse(format!("the address {what}"));
    }
    match (scheme, config.reach) {
        ("https", _) | ("http", Reach::Private) => Ok(()),
        ("http", Reach::Public) => refuse(
            "across the public Internet give an `https://` address; who runs the platform may \
                 register others as private"
                .to_owned(),
        ),
        (other, _) => refuse(format!("`{other}` is no scheme for this: use https or http")),
    }
}

fn check_text(field: &'static str, text: &str) -> Result<(), Reject> {
    let plain = text.chars().all(|c| !c.is_control());
    if text.trim().is_empty() || text.len() > limits::UPSTREAM_TEXT_BYTES_MAX || !plain {
        let max = limits::UPSTREAM_TEXT_BYTES_MAX;
        return Err(Reject::invalid(field, format!("give 1 to {max} printable bytes")));
    }
    Ok(())
}
