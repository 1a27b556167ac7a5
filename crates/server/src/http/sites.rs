//! Sites: create, list, get. Every reader may know where machines stand.

use api::{
    nouns::{
        common::Page,
        site::{Site, SiteCreate, SiteGet, SiteList},
    },
    text::Timestamp,
};
use kernel::{Command, State, Subject, site};
use units::{Id, kinds};

use super::{
    fail::Fail,
    mount::{Call, as_of},
    page, require_operator, unexpected,
};

/// `POST /api/v1/sites`
pub(crate) async fn create(call: Call<SiteCreate>) -> Result<Site, Fail> {
    require_operator(&call)?;
    let new = call.body.clone();
    let config = site::Config {
        country: new.country,
        operator: new.operator,
        operator_country: new.operator_country,
        certifications: new.certifications,
        pue_milli: new.pue_milli,
        carbon_g_per_kwh: new.carbon_g_per_kwh,
        carbon_source: new.carbon_source,
        power_cap_w: new.power_cap_w,
    };
    let command = Command::Site(site::Command::Create { name: new.name, config });
    let accepted = call.submit(command).await?;
    let Some(Subject::Site(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.sites.get(&id).map(|site| dto(s, site, accepted.seq))).ok_or_else(unexpected)
}

/// `GET /api/v1/sites`
pub(crate) async fn list(call: Call<SiteList>) -> Result<Page<Site>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Site>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let named = |site: &site::Site| query.name.as_ref().is_none_or(|n| *n == site.name);
        let all = state.sites.range(page::after(&wanted)).filter(|(_, site)| named(site));
        let items = all.map(|(id, site)| (*id, dto(state, site, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/sites/{id}`
pub(crate) async fn get(call: Call<SiteGet>) -> Result<Site, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.sites.get(&id).map(|site| dto(state, site, as_of(state)));
        found.ok_or_else(|| Fail::not_found("site", id))
    })
}

fn dto(state: &State, site: &site::Site, seq: u64) -> Site {
    let n_nodes = state.nodes.values().filter(|node| node.site == site.id).count();
    let config = site.config.clone();
    Site {
        id: site.id,
        name: site.name.clone(),
        country: config.country,
        operator: config.operator,
        operator_country: config.operator_country,
        certifications: config.certifications,
        pue_milli: config.pue_milli,
        carbon_g_per_kwh: config.carbon_g_per_kwh,
        carbon_source: config.carbon_source,
        power_cap_w: config.power_cap_w,
        n_nodes: u32::try_from(n_nodes).unwrap_or(u32::MAX),
        version: site.meta.version,
        seq,
        created_at: Timestamp(site.meta.created_at),
    }
}
