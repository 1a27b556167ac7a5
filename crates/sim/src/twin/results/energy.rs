//! Energy, cost and carbon of every site: its modelled power integrated over its price and carbon
//! series, step by step. Exact until the end, where each sum is rounded once.

use serde::Serialize;

use crate::twin::{
    fleet::{Fleet, Site},
    number,
    power::Meter,
    time::Time,
};

/// Milliwatt-microseconds (nanojoules) in a kilowatt-hour.
const NANOJOULES_PER_KWH: u128 = 3_600_000_000_000_000;

/// Sums of one site.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    since: Time,
    power_mw: u64,
    peak_mw: u64,
    energy_nj: u128,
    /// Times micro-euro per kilowatt-hour.
    cost: u128,
    /// Times milligrams per kilowatt-hour.
    carbon: u128,
    /// Above what is allowed, in microseconds.
    over_micros: u64,
}

/// What a site used, and what that cost. Modelled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SiteEnergy {
    /// The site; empty for all together.
    pub site: String,
    /// Facility energy in thousandths of a kilowatt-hour.
    pub energy_milli_kwh: u64,
    /// What it cost, in thousandths of a euro.
    pub cost_milli_eur: u64,
    /// What it emitted, in thousandths of a gram of CO2e.
    pub carbon_milli_g: u64,
    /// Largest facility power, in milliwatts.
    pub peak_mw: u64,
    /// Mean facility power, in milliwatts.
    pub mean_mw: u64,
    /// What the site's feeder may carry at the end, in milliwatts; absent without limit.
    pub allowed_mw: Option<u64>,
    /// How long it carried more than that, in microseconds.
    pub over_allowed_micros: u64,
}

/// All sites of a fleet.
#[derive(Debug)]
pub(super) struct Energy<'a> {
    fleet: &'a Fleet,
    pub(super) meter: Meter<'a>,
    sites: Vec<Sums>,
}

impl<'a> Energy<'a> {
    pub(super) fn new(fleet: &'a Fleet) -> Self {
        let mut all = Self {
            fleet,
            meter: Meter::new(fleet),
            sites: vec![Sums::default(); fleet.sites.len()],
        };
        all.refresh();
        all
    }

    /// Accounts for the time since the last change; to be called before the meter is changed.
    pub(super) fn advance(&mut self, now: Time) {
        for (sums, site) in self.sites.iter_mut().zip(&self.fleet.sites) {
            let is_over =
                self.meter.allowed(site.feeder).is_some_and(|most| sums.power_mw > most.0);
            sums.advance(now, site, is_over);
        }
    }

    /// Reads the meter; to be called after it was changed.
    pub(super) fn refresh(&mut self) {
        for (sums, site) in self.sites.iter_mut().zip(&self.fleet.sites) {
            sums.power_mw = self.meter.power(site.feeder).0;
        }
    }

    /// Facility power of all sites.
    pub(super) fn power_mw(&self) -> u64 {
        self.sites.iter().map(|sums| sums.power_mw).sum()
    }

    /// What all sites may carry, if each has a limit.
    pub(super) fn allowed_mw(&self) -> Option<u64> {
        self.fleet.sites.iter().map(|site| self.meter.allowed(site.feeder).map(|mw| mw.0)).sum()
    }

    /// Every site's sums until the last [`advance`](Self::advance), then all together.
    pub(super) fn totals(&self) -> (Vec<SiteEnergy>, SiteEnergy) {
        let site = |(sums, site): (&Sums, &Site)| SiteEnergy {
            site: site.name.clone(),
            energy_milli_kwh: number::scale_wide(sums.energy_nj, 1_000, NANOJOULES_PER_KWH),
            cost_milli_eur: number::scale_wide(sums.cost, 1, NANOJOULES_PER_KWH * 1_000),
            carbon_milli_g: number::scale_wide(sums.carbon, 1, NANOJOULES_PER_KWH),
            peak_mw: sums.peak_mw,
            mean_mw: number::scale_wide(sums.energy_nj, 1, u128::from(sums.since.0.max(1))),
            allowed_mw: self.meter.allowed(site.feeder).map(|mw| mw.0),
            over_allowed_micros: sums.over_micros,
        };
        let sites: Vec<SiteEnergy> = self.sites.iter().zip(&self.fleet.sites).map(site).collect();
        let mut all = SiteEnergy { allowed_mw: self.allowed_mw(), ..SiteEnergy::default() };
        for one in &sites {
            all.energy_milli_kwh = all.energy_milli_kwh.saturating_add(one.energy_milli_kwh);
            all.cost_milli_eur = all.cost_milli_eur.saturating_add(one.cost_milli_eur);
            all.carbon_milli_g = all.carbon_milli_g.saturating_add(one.carbon_milli_g);
            all.peak_mw = all.peak_mw.saturating_add(one.peak_mw);
            all.mean_mw = all.mean_mw.saturating_add(one.mean_mw);
            all.over_allowed_micros =
                all.over_allowed_micros.saturating_add(one.over_allowed_micros);
        }
        (sites, all)
    }
}

impl Sums {
    fn advance(&mut self, now: Time, site: &Site, is_over: bool) {
        if now <= self.since {
            return;
        }
        self.peak_mw = self.peak_mw.max(self.power_mw);
        if is_over {
            self.over_micros = self.over_micros.saturating_add(now.since(self.since).0);
        }
        while self.since < now {
            let price = site.price.next_change(self.since);
            let carbon = site.carbon.next_change(self.since);
            let end = now.min(price).min(carbon);
            let energy = u128::from(self.power_mw) * u128::from(end.since(self.since).0);
            self.energy_nj += energy;
            self.cost += energy * u128::from(site.price.at(self.since));
            self.carbon += energy * u128::from(site.carbon.at(self.since));
            self.since = end;
        }
    }
}
