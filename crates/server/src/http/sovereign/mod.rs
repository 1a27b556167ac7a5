//! Who owns what, where data is kept, and where it may be.

mod diff;
pub(crate) mod entities;
mod evidence;
mod explain;
mod flows;
mod report;
mod residency;
pub(crate) mod sending;
mod storages;
mod tools;

use api::nouns::{
    entity::{EntityCreate, EntityGet, EntityList, EntityPut},
    evidence::{EvidenceGet, EvidenceList, EvidenceRecord, EvidenceWithdraw},
    flow::FlowList,
    policy_tools::{PolicyCheck, PolicyDiff, PolicyExplain, PolicyTest},
    residency::{ResidencyGet, ResidencySet},
    site::SiteEntitiesSet,
    sovereignty::{SovereigntyCriteriaGet, SovereigntyReportGet},
    storage::{StorageCreate, StorageGet, StorageList, StorageRetire},
};

use super::{mount::Api, sites};

/// Mounts everything of this folder, and what sites say of their entities.
pub(super) fn mount(api: Api) -> Api {
    api.mount::<EntityCreate, _>(entities::create)
        .mount::<EntityPut, _>(entities::put)
        .mount::<EntityList, _>(entities::list)
        .mount::<EntityGet, _>(entities::get)
        .mount::<SiteEntitiesSet, _>(sites::set_entities)
        .mount::<StorageCreate, _>(storages::create)
        .mount::<StorageList, _>(storages::list)
        .mount::<StorageGet, _>(storages::get)
        .mount::<StorageRetire, _>(storages::retire)
        .mount::<FlowList, _>(flows::list)
        .mount::<ResidencySet, _>(residency::set)
        .mount::<ResidencyGet, _>(residency::get)
        .mount::<PolicyCheck, _>(tools::check)
        .mount::<PolicyTest, _>(tools::test)
        .mount::<PolicyExplain, _>(explain::explain)
        .mount::<PolicyDiff, _>(diff::diff)
        .mount::<EvidenceRecord, _>(evidence::record)
        .mount::<EvidenceList, _>(evidence::list)
        .mount::<EvidenceGet, _>(evidence::get)
        .mount::<EvidenceWithdraw, _>(evidence::withdraw)
        .mount::<SovereigntyCriteriaGet, _>(report::criteria)
        .mount::<SovereigntyReportGet, _>(report::report)
}
