//! Sites: create, list, get. Every reader may know where machines stand.

use api::{
    nouns::{
        common::Page,
        site::{Site, SiteCreate, SiteEntitiesSet, SiteGet, SiteList},
    },
    reference::Ref,
    text::Timestamp,
};
use kernel::{Command, State, Subject, inventory, site};
use units::{Id, kinds};

use super::{
    fail::Fail,
    mount::{Call, as_of},
    page, require_operator,
    sovereign::entities,
    unexpected,
};

/// `POST /api/v1/sites`
pub(crate) async fn create(call: Call<SiteCreate>) -> Result<Site, Fail> {
    require_operator(&call)?;
    let new = call.body.clone();
    let (operator, owner) =
        call.read(|state| entities_of(state, &new.operator_entity, &new.owner_entity))?;
    let config = site::Config {
        country: new.country,
        operator: new.operator,
        operator_country: new.operator_country,
        certifications: new.certifications,
        pue_milli: new.pue_milli,
        carbon_g_per_kwh: new.carbon_g_per_kwh,
        carbon_source: new.carbon_source,
        power_cap_w: new.power_cap_w,
        operator_entity: Some(operator),
        owner_entity: Some(owner),
    };
    let command = Command::Site(site::Command::Create { name: new.name, config });
    let accepted = call.submit(command).await?;
    let Some(Subject::Site(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.sites.get(&id).map(|site| dto(s, site, accepted.seq))).ok_or_else(unexpected)
}

/// `PUT /api/v1/sites/{id}/entities`
pub(crate) async fn set_entities(call: Call<SiteEntitiesSet>) -> Result<Site, Fail> {
    require_operator(&call)?;
    let id = call.path.id;
    let config = call.read(|state| {
        let (operator, owner) =
            entities_of(state, &call.body.operator_entity, &call.body.owner_entity)?;
        let site = state.sites.get(&id).ok_or_else(|| Fail::not_found("site", id))?;
        let (operator_entity, owner_entity) = (Some(operator), Some(owner));
        Ok::<_, Fail>(site::Config { operator_entity, owner_entity, ..site.config.clone() })
    })?;
    let accepted = call.submit(Command::Site(site::Command::Update { id, config })).await?;
    call.read(|s| s.sites.get(&id).map(|site| dto(s, site, accepted.seq))).ok_or_else(unexpected)
}

fn entities_of(
    state: &State,
    operator: &Ref<kinds::Entity>,
    owner: &Ref<kinds::Entity>,
) -> Result<(Id<kinds::Entity>, Id<kinds::Entity>), Fail> {
    Ok((entities::find(state, operator)?, entities::find(state, owner)?))
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
        operator_entity: config.operator_entity,
        jurisdiction: inventory::of_site(state, site.id).and_then(|one| one.jurisdiction),
        owner_entity: config.owner_entity,
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
