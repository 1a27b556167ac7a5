//! The best start over several sites.

use std::collections::BTreeMap;

use super::request::{Request, RequestError};
use super::series::Series;
use super::start::{Start, least_mean_start};
use crate::mask::SiteMask;
use crate::problem::SiteIdx;

/// The series of each site that has one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outlook(BTreeMap<SiteIdx, Series>);

/// A start at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteStart {
    /// Where.
    pub site: SiteIdx,
    /// When, against starting at once at the same site.
    pub start: Start,
}

impl Outlook {
    /// Sets the series of a site and gives back the one it had.
    pub fn set(&mut self, site: SiteIdx, series: Series) -> Option<Series> {
        self.0.insert(site, series)
    }

    /// The series of a site.
    #[must_use]
    pub fn series(&self, site: SiteIdx) -> Option<&Series> {
        self.0.get(&site)
    }

    /// The site and start of least mean intensity among the sites allowed; of several the earliest
    /// start, then the lowest site. `None` if no allowed site has a series.
    ///
    /// # Errors
    /// The first site that refuses the request, with the reason: a site without a forecast must not
    /// drop out unnoticed.
    pub fn least_mean_start(
        &self,
        allowed: &SiteMask,
        request: &Request,
    ) -> Result<Option<SiteStart>, (SiteIdx, RequestError)> {
        let mut best: Option<SiteStart> = None;
        for (site, series) in self.0.iter().filter(|(site, _)| allowed.allows(**site)) {
            let start = least_mean_start(series, request).map_err(|error| (*site, error))?;
            let key = |found: &SiteStart| (found.start.sum, found.start.start_s);
            let found = SiteStart { site: *site, start };
            if best.as_ref().is_none_or(|best| key(&found) < key(best)) {
                best = Some(found);
            }
        }
        Ok(best)
    }
}
