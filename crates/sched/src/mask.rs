//! A set of sites as bits.
//!
//! Must never grow with what is asked of it: a site beyond the limit is simply not in the set.

use serde::{Deserialize, Serialize};

use crate::problem::SiteIdx;

/// Sites a mask can hold.
pub const SITES_MAX: u32 = 65_536;

/// The sites a job may use, as policy allowed them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SiteMask(Vec<u64>);

impl SiteMask {
    /// No site.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The sites 0 to `sites` - 1, at most [`SITES_MAX`].
    #[must_use]
    pub fn all(sites: u32) -> Self {
        (0..sites.min(SITES_MAX)).map(SiteIdx).collect()
    }

    /// Adds a site; one at or beyond [`SITES_MAX`] is left out.
    pub fn insert(&mut self, site: SiteIdx) {
        if site.0 >= SITES_MAX {
            return;
        }
        let (word, bit) = position(site);
        if self.0.len() <= word {
            self.0.resize(word.saturating_add(1), 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= bit;
        }
    }

    /// True if the site is in the set.
    #[must_use]
    pub fn allows(&self, site: SiteIdx) -> bool {
        let (word, bit) = position(site);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    /// True if no site is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|bits| *bits == 0)
    }
}

impl FromIterator<SiteIdx> for SiteMask {
    fn from_iter<I: IntoIterator<Item = SiteIdx>>(sites: I) -> Self {
        let mut mask = Self::none();
        sites.into_iter().for_each(|site| mask.insert(site));
        mask
    }
}

/// Word and bit of a site.
fn position(site: SiteIdx) -> (usize, u64) {
    (usize::try_from(site.0 >> 6).unwrap_or(usize::MAX), 1 << (site.0 & 63))
}
