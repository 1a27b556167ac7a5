//! Upstreams: register, list, get, describe anew, delete. The key is sealed beside the log before the
//! log speaks of it, and is never answered.
//!
//! Who may reach what: an upstream of reach `public` is spoken to by https at addresses of the public
//! Internet only, which the gateway looks at again with each connection; only who runs the platform may
//! register one of reach `private`, since from the gateway's place in the network that leads to what
//! nobody else can reach (the platform's own API, a cloud's metadata service, other tenants' services).

use std::sync::Arc;

use api::{
    endpoint::Nothing,
    nouns::{
        common::Page,
        upstream::{
            Upstream, UpstreamConfig, UpstreamCreate, UpstreamDelete, UpstreamGet, UpstreamList,
            UpstreamReach, UpstreamReplace, UpstreamTimeouts,
        },
    },
    text::Timestamp,
};
use kernel::{
    Command, State,
    access::{Role, Scope},
    upstream::{self as noun, Config, Probe, Reach, Timeouts},
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
    page, people, resolve,
};

type UpstreamId = Id<kinds::Upstream>;
type Owner = Option<Id<kinds::Project>>;

/// Longest key in bytes.
const KEY_BYTES_MAX: usize = 4_096;

/// `POST /api/v1/upstreams`
pub(crate) async fn create(call: Call<UpstreamCreate>) -> Result<Upstream, Fail> {
    let new = &call.body;
    let (project, site, config) = call.read(|state| {
        let project = match &new.project {
            Some(reference) => {
                Some(resolve::project(state, &call.caller, Role::Administrator, reference)?)
            }
            None => {
                let hidden = || access::needs(Role::Operator);
                access::require(state, &call.caller, Role::Operator, Scope::Platform, hidden)?;
                None
            }
        };
        let site = resolve::site(state, &new.site)?;
        Ok::<_, Fail>((project, site, config_of(state, &call.caller, &new.config)?))
    })?;
    let id = call.platform().fresh_id().map_err(|e| Fail::internal("no randomness", &e))?;
    let tenant = call.read(|state| tenant_of(state, project));
    let secret = seal(&call.app, tenant, id, new.config.key.clone()).await?;
    let name = new.name.clone();
    let command = noun::Command::Register { id, project, name, site, config, secret };
    match call.submit(Command::Upstream(command)).await {
        Ok(accepted) => answer(&call, id, accepted.seq),
        Err(fail) => {
            forget(&call.app, tenant, id).await;
            Err(fail)
        }
    }
}

/// `GET /api/v1/upstreams`
pub(crate) async fn list(call: Call<UpstreamList>) -> Result<Page<Upstream>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<UpstreamId>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let only = query.project.as_ref();
        let only = only
            .map(|project| resolve::project(state, &call.caller, Role::Viewer, project))
            .transpose()?;
        let visible = |upstream: &noun::Upstream| {
            is_visible(state, &call.caller, upstream)
                && only.is_none_or(|project| upstream.serves(project))
                && query.name.as_ref().is_none_or(|name| *name == upstream.name)
        };
        let all = state.upstreams.range(page::after(&wanted));
        let items = all.filter(|(_, upstream)| visible(upstream));
        let shown = |upstream| dto(state, &call.caller, upstream, as_of(state));
        let items = items.map(|(id, upstream)| (*id, shown(upstream)));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/upstreams/{id}`
pub(crate) async fn get(call: Call<UpstreamGet>) -> Result<Upstream, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.upstreams.get(&id);
        let found = found.filter(|upstream| is_visible(state, &call.caller, upstream));
        let upstream = found.ok_or_else(|| Fail::not_found("upstream", id))?;
        Ok(dto(state, &call.caller, upstream, as_of(state)))
    })
}

/// `PUT /api/v1/upstreams/{id}`
pub(crate) async fn replace(call: Call<UpstreamReplace>) -> Result<Upstream, Fail> {
    let id = call.path.id;
    let (config, kept, tenant) = call.read(|state| {
        let found = find(state, &call.caller, id)?;
        let config = config_of(state, &call.caller, &call.body)?;
        // A kept key goes where it was given for; whoever sends it elsewhere must know it.
        let same_place = place_of(&found.config.url) == place_of(&config.url);
        let kept = found.secret.filter(|_| same_place);
        if found.secret.is_some() && kept.is_none() && call.body.key.is_none() {
            let text = "another host needs its key: give it anew, or an empty one for none";
            return Err(Fail::field("/key", text));
        }
        Ok::<_, Fail>((config, kept, tenant_of(state, found.project)))
    })?;
    let secret = match &call.body.key {
        None => kept,
        Some(key) => seal(&call.app, tenant, id, Some(key.clone())).await?,
    };
    let command = noun::Command::Replace { id, config, secret };
    let accepted = call.submit(Command::Upstream(command)).await?;
    answer(&call, id, accepted.seq)
}

/// `DELETE /api/v1/upstreams/{id}`
pub(crate) async fn delete(call: Call<UpstreamDelete>) -> Result<Nothing, Fail> {
    let id = call.path.id;
    let tenant = call
        .read(|state| find(state, &call.caller, id).map(|found| tenant_of(state, found.project)))?;
    call.submit(Command::Upstream(noun::Command::Delete { id })).await?;
    forget(&call.app, tenant, id).await;
    Ok(Nothing {})
}

fn answer<E: api::endpoint::Endpoint>(
    call: &Call<E>,
    id: UpstreamId,
    seq: u64,
) -> Result<Upstream, Fail> {
    let found = call.read(|state| {
        state.upstreams.get(&id).map(|upstream| dto(state, &call.caller, upstream, seq))
    });
    found.ok_or_else(gone)
}

/// The upstream, to change it.
fn find<'a>(state: &'a State, caller: &Caller, id: UpstreamId) -> Result<&'a noun::Upstream, Fail> {
    let found = state.upstreams.get(&id);
    let role = match found.and_then(|upstream| upstream.project) {
        Some(_) => Role::Administrator,
        None => Role::Operator,
    };
    let is_shared = found.is_some_and(|upstream| upstream.project.is_none());
    let found = found.map(|upstream| (upstream, upstream.scope()));
    // What the platform shares is seen by everybody, so it is refused and not hidden.
    let find = if is_shared { access::find } else { access::find_hidden };
    find(state, caller, role, found, ("upstream", &id))
}

/// An upstream of the platform is known to everybody who may use it.
fn is_visible(state: &State, caller: &Caller, upstream: &noun::Upstream) -> bool {
    upstream.project.is_none() || access::allows(state, caller, Role::Viewer, upstream.scope())
}

/// The vault's part for an owner's keys.
pub(crate) fn tenant_of(state: &State, project: Owner) -> Tenant {
    let organisation = project.and_then(|id| state.projects.get(&id)).map(|one| one.organisation);
    Tenant::from(organisation)
}

fn config_of(state: &State, caller: &Caller, given: &UpstreamConfig) -> Result<Config, Fail> {
    let is_operator = access::allows(state, caller, Role::Operator, Scope::Platform);
    let reach = match given.reach {
        UpstreamReach::Public => Reach::Public,
        UpstreamReach::Private if is_operator => Reach::Private,
        UpstreamReach::Private => {
            let text = "only who runs the platform may register an address of a private network: \
                        ask them, or give a public one";
            return Err(Fail::field("/config/reach", text));
        }
    };
    let uri = given.url.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some());
    if uri.is_none() {
        let text = format!("`{}` is no address: write it as `https://host/v1`", given.url);
        return Err(Fail::field("/config/url", text));
    }
    let probe = match given.probe.as_deref() {
        Some("none") => Probe::None,
        None | Some("models") => Probe::Models,
        Some(path) => Probe::Path(path.to_owned()),
    };
    let UpstreamTimeouts { connect_ms, first_byte_ms, gap_ms, total_ms } = given.timeouts;
    Ok(Config {
        url: given.url.clone(),
        model: given.model.clone(),
        reach,
        in_flight_max: given.in_flight_max,
        timeouts: Timeouts { connect_ms, first_byte_ms, gap_ms, total_ms },
        probe,
    })
}

/// Scheme, host and port.
fn place_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(start..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or(url)
}

/// Seals a key under the upstream's id; nothing to seal is no key.
async fn seal(
    app: &Arc<App>,
    tenant: Tenant,
    id: UpstreamId,
    key: Option<String>,
) -> Result<Option<Digest>, Fail> {
    let Some(key) = key.filter(|key| !key.is_empty()) else { return Ok(None) };
    let is_plain = key.bytes().all(|byte| byte.is_ascii_graphic());
    if key.len() > KEY_BYTES_MAX || !is_plain {
        let text = format!("at most {KEY_BYTES_MAX} printable ASCII characters without spaces");
        return Err(Fail::field("/config/key", text));
    }
    let app = Arc::clone(app);
    blocking_fail(move || {
        let sealed = app.platform.vault().put(tenant, &id.to_string(), key.as_bytes(), &[]);
        sealed.map(Some).map_err(|error| people::vault_fail(&error))
    })
    .await
}

async fn forget(app: &Arc<App>, tenant: Tenant, id: UpstreamId) {
    let app = Arc::clone(app);
    let erased = blocking_fail(move || {
        let erased = app.platform.vault().erase(tenant, &id.to_string());
        erased.map_err(|error| people::vault_fail(&error))
    });
    if let Err(error) = erased.await {
        tracing::warn!(upstream.id = %id, code = ?error.code(), "the key of {id} is left over");
    }
}

fn dto(state: &State, caller: &Caller, upstream: &noun::Upstream, seq: u64) -> Upstream {
    let config = &upstream.config;
    let Timeouts { connect_ms, first_byte_ms, gap_ms, total_ms } = config.timeouts;
    // Addresses inside the platform's network are the business of who runs it.
    let knows_url = access::allows(state, caller, Role::Viewer, upstream.scope());
    Upstream {
        id: upstream.id,
        project: upstream.project,
        name: upstream.name.clone(),
        site: upstream.site,
        url: knows_url.then(|| config.url.clone()),
        model: config.model.clone(),
        reach: match config.reach {
            Reach::Public => UpstreamReach::Public,
            Reach::Private => UpstreamReach::Private,
        },
        in_flight_max: config.in_flight_max,
        timeouts: UpstreamTimeouts { connect_ms, first_byte_ms, gap_ms, total_ms },
        probe: match &config.probe {
            Probe::None => "none".to_owned(),
            Probe::Models => "models".to_owned(),
            Probe::Path(path) => path.clone(),
        },
        has_key: upstream.secret.is_some(),
        version: upstream.meta.version,
        seq,
        created_at: Timestamp(upstream.meta.created_at),
    }
}
