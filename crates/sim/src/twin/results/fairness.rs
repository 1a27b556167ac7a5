//! Fairness between organisations and between jobs.
//!
//! - *Service* of an organisation: GPU time that it got, over GPU time that it asked for while it asked
//!   (running and waiting). Jain's index over these: 1 is the same for all, 1/n is all for one.
//! - *Finish-time fairness* of a job (Themis, NSDI 2020; Shockwave, NSDI 2023): its completion time over
//!   what it would be if it always ran at its share, that is its run time times the mean contention
//!   between its submission and its end. Contention is GPUs asked for over GPUs that work, at least 1.
//!   Above 1 is worse than a fair share.

use crate::twin::{number, time::Time};

/// GPU time asked for and got, by one organisation.
#[derive(Debug, Clone, Copy, Default)]
struct Service {
    running_milli: u64,
    waiting_milli: u64,
    since: Time,
    got: u128,
    asked: u128,
}

/// All organisations, and the contention of the whole fleet.
#[derive(Debug, Clone)]
pub(super) struct Fairness {
    services: Vec<Service>,
    asked_milli: u64,
    capacity_milli: u64,
    since: Time,
    /// Contention in thousandths times microseconds.
    contention: u128,
}

impl Fairness {
    pub(super) fn new(organisations: usize, capacity_milli: u64) -> Self {
        let services = vec![Service::default(); organisations];
        Self { services, asked_milli: 0, capacity_milli, since: Time::ZERO, contention: 0 }
    }

    /// The integral of contention until now, in thousandths times microseconds.
    pub(super) fn contention(&mut self, now: Time) -> u128 {
        let milli = number::scale(self.asked_milli, 1_000, self.capacity_milli).max(1_000);
        let elapsed = now.since(self.since).0;
        self.contention += u128::from(milli) * u128::from(elapsed);
        self.since = self.since.max(now);
        self.contention
    }

    /// GPUs that work have changed.
    pub(super) fn capacity(&mut self, now: Time, capacity_milli: u64) {
        self.contention(now);
        self.capacity_milli = capacity_milli;
    }

    /// A job of an organisation waits.
    pub(super) fn waits(&mut self, now: Time, organisation: usize, gpu_milli: u64) {
        self.contention(now);
        self.asked_milli = self.asked_milli.saturating_add(gpu_milli);
        if let Some(service) = self.at(now, organisation) {
            service.waiting_milli = service.waiting_milli.saturating_add(gpu_milli);
        }
    }

    /// A waiting job runs, on as many GPUs or on other than it asked for at least.
    pub(super) fn runs(&mut self, now: Time, organisation: usize, asked: u64, got: u64) {
        self.contention(now);
        self.asked_milli = self.asked_milli.saturating_sub(asked).saturating_add(got);
        if let Some(service) = self.at(now, organisation) {
            service.waiting_milli = service.waiting_milli.saturating_sub(asked);
            service.running_milli = service.running_milli.saturating_add(got);
        }
    }

    /// A running job runs no longer.
    pub(super) fn stops(&mut self, now: Time, organisation: usize, got: u64) {
        self.contention(now);
        self.asked_milli = self.asked_milli.saturating_sub(got);
        if let Some(service) = self.at(now, organisation) {
            service.running_milli = service.running_milli.saturating_sub(got);
        }
    }

    /// A waiting job waits no longer.
    pub(super) fn gives_up(&mut self, now: Time, organisation: usize, asked: u64) {
        self.contention(now);
        self.asked_milli = self.asked_milli.saturating_sub(asked);
        if let Some(service) = self.at(now, organisation) {
            service.waiting_milli = service.waiting_milli.saturating_sub(asked);
        }
    }

    fn at(&mut self, now: Time, organisation: usize) -> Option<&mut Service> {
        let service = self.services.get_mut(organisation)?;
        service.advance(now);
        Some(service)
    }

    /// Service of each organisation until now in millionths; `None` for one that never asked.
    pub(super) fn services_ppm(&mut self, now: Time) -> Vec<Option<u64>> {
        let service = |service: &mut Service| {
            service.advance(now);
            (service.asked > 0).then(|| number::scale_wide(service.got, 1_000_000, service.asked))
        };
        self.services.iter_mut().map(service).collect()
    }

    /// GPU time that each organisation got until now, in thousandths times microseconds.
    pub(super) fn got(&mut self, now: Time) -> Vec<u128> {
        let got = |service: &mut Service| {
            service.advance(now);
            service.got
        };
        self.services.iter_mut().map(got).collect()
    }
}

impl Service {
    fn advance(&mut self, now: Time) {
        let elapsed = u128::from(now.since(self.since).0);
        let asked = u128::from(self.running_milli.saturating_add(self.waiting_milli));
        self.got += u128::from(self.running_milli) * elapsed;
        self.asked += asked * elapsed;
        self.since = self.since.max(now);
    }
}

/// Jain's index in millionths: (Σx)² / (n Σx²); one for nobody or for nothing at all.
pub(super) fn jain_ppm(values: &[u64]) -> u64 {
    let sum: u128 = values.iter().map(|value| u128::from(*value)).sum();
    let squares: u128 = values.iter().map(|value| u128::from(*value).pow(2)).sum();
    let below = squares.saturating_mul(u128::from(number::count(values.len())));
    if below == 0 {
        return 1_000_000;
    }
    number::scale_wide(sum.saturating_mul(sum), 1_000_000, below)
}
