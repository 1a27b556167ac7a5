//! Who jobs belong to: paths `organisation/project/user`, of which the later parts may be missing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::twin::number;

/// Position in [`Tenants`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TenantIdx(pub u32);

/// All tenants of a list, in order of their first job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenants {
    paths: Vec<String>,
    by_path: BTreeMap<String, TenantIdx>,
}

/// The tenant of jobs whose list names none.
pub(crate) const NOBODY: &str = "all";

impl Tenants {
    /// The tenant with a path, made if it is new. An empty path is `all`.
    pub fn intern(&mut self, path: &str) -> TenantIdx {
        let path = path.trim().trim_matches('/');
        let path = if path.is_empty() { NOBODY } else { path };
        if let Some(known) = self.by_path.get(path) {
            return *known;
        }
        let index = TenantIdx(number::small(number::count(self.paths.len())));
        self.paths.push(path.to_owned());
        self.by_path.insert(path.to_owned(), index);
        index
    }

    /// The path of a tenant.
    #[must_use]
    pub fn path(&self, tenant: TenantIdx) -> &str {
        self.paths.get(number::index(tenant.0)).map_or(NOBODY, String::as_str)
    }

    /// All paths, by index.
    #[must_use]
    pub fn paths(&self) -> &[String] {
        &self.paths
    }
}
