//! Tenants by organisation, the first part of their path: the largest by what they ask for one by one,
//! the others together.

use std::collections::BTreeMap;

use crate::twin::{
    number,
    workload::{Prepared, TenantIdx},
};

/// Organisations that are told one by one.
const SHOWN_MAX: usize = 24;

/// Which organisation each tenant belongs to.
#[derive(Debug, Clone)]
pub(super) struct Organisations {
    /// Names, the largest first; the last one is `others` if there are more than are told.
    pub(super) names: Vec<String>,
    /// By tenant.
    of: Vec<usize>,
}

impl Organisations {
    pub(super) fn new(jobs: &Prepared) -> Self {
        let name = |path: &str| path.split('/').next().unwrap_or(path).to_owned();
        let mut asked: BTreeMap<String, u128> = BTreeMap::new();
        for request in &jobs.requests {
            let gpus = u128::from(request.gpu_milli_total().max(1));
            let total = asked.entry(name(jobs.tenants.path(request.tenant))).or_default();
            *total = total.saturating_add(gpus.saturating_mul(u128::from(request.run.0)));
        }
        let mut ranked: Vec<(String, u128)> = asked.into_iter().collect();
        ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let has_others = ranked.len() > SHOWN_MAX;
        ranked.truncate(if has_others { SHOWN_MAX.saturating_sub(1) } else { SHOWN_MAX });
        let mut names: Vec<String> = ranked.into_iter().map(|(name, _)| name).collect();
        if has_others {
            names.push("others".to_owned());
        }
        let last = names.len().saturating_sub(1);
        let rank: BTreeMap<&str, usize> =
            names.iter().enumerate().map(|(rank, name)| (name.as_str(), rank)).collect();
        let paths = jobs.tenants.paths().iter();
        let of = paths.map(|path| rank.get(name(path).as_str()).copied().unwrap_or(last)).collect();
        Self { names, of }
    }

    /// The organisation of a tenant.
    pub(super) fn of(&self, tenant: TenantIdx) -> usize {
        self.of.get(number::index(tenant.0)).copied().unwrap_or(0)
    }
}
