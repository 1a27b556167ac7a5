//! One node: what it has, what is free, and who fits.
//!
//! Must never hold less than nothing or more than the node has: `take` and `release` refuse
//! instead.

use super::need::{Gpus, Model, Need, WHOLE_MILLI};

/// Most GPUs that one node may have.
pub const GPUS_MAX: usize = 16;

/// GPUs of one node as a set of positions, 0 to 15.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct GpuSet(u16);

impl GpuSet {
    /// The set with one more position; positions from [`GPUS_MAX`] on are not added.
    #[must_use]
    pub const fn with(self, position: usize) -> Self {
        if position < GPUS_MAX { Self(self.0 | 1 << position) } else { self }
    }

    /// Whether the position is in the set.
    #[must_use]
    pub const fn has(self, position: usize) -> bool {
        position < GPUS_MAX && self.0 >> position & 1 == 1
    }

    /// How many GPUs it has.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The positions in ascending order.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..GPUS_MAX).filter(move |&position| self.has(position))
    }
}

/// What a node has when nobody uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeSpec {
    /// Thousandths of a processor core.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// GPUs, 0 to [`GPUS_MAX`]; more count as that many.
    pub gpus: u8,
    /// Their model.
    pub model: Model,
}

/// A node and what is free on it.
#[derive(Debug, Clone)]
pub struct NodeState {
    spec: NodeSpec,
    pub(super) ready: bool,
    cpu_free_milli: u32,
    memory_free_mib: u32,
    gpu_free_milli: [u16; GPUS_MAX],
    /// Running work by kind: shares first, then by the number of whole GPUs.
    tenants: [u16; GPUS_MAX + 1],
}

impl NodeState {
    pub(super) fn new(spec: NodeSpec) -> Self {
        Self {
            spec,
            ready: true,
            cpu_free_milli: spec.cpu_milli,
            memory_free_mib: spec.memory_mib,
            gpu_free_milli: [WHOLE_MILLI; GPUS_MAX],
            tenants: [0; GPUS_MAX + 1],
        }
    }

    /// What the node has when nobody uses it.
    #[must_use]
    pub fn spec(&self) -> &NodeSpec {
        &self.spec
    }

    /// Whether it takes new work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Free thousandths of a core.
    #[must_use]
    pub fn cpu_free_milli(&self) -> u32 {
        self.cpu_free_milli
    }

    /// Free memory in MiB.
    #[must_use]
    pub fn memory_free_mib(&self) -> u32 {
        self.memory_free_mib
    }

    /// Free thousandths of each GPU.
    #[must_use]
    pub fn gpus_free_milli(&self) -> &[u16] {
        self.gpu_free_milli.get(..usize::from(self.spec.gpus).min(GPUS_MAX)).unwrap_or(&[])
    }

    /// Free thousandths over all GPUs.
    #[must_use]
    pub fn free_milli(&self) -> i64 {
        self.gpus_free_milli().iter().map(|&free| i64::from(free)).sum()
    }

    /// Whether the need fits now; readiness is not asked.
    #[must_use]
    pub fn fits(&self, need: &Need) -> bool {
        if self.cpu_free_milli < need.cpu_milli || self.memory_free_mib < need.memory_mib {
            return false;
        }
        let (count, milli) = (need.gpus.count(), need.gpus.milli_each());
        count == 0
            || (need.models.has(self.spec.model)
                && self.gpus_free_milli().iter().filter(|&&free| free >= milli).count() >= count)
    }

    /// The first fully free GPUs, so many; `None` if there are fewer.
    pub(super) fn whole(&self, count: usize) -> Option<GpuSet> {
        let free = self.gpus_free_milli().iter().enumerate();
        let free = free.filter(|(_, milli)| **milli == WHOLE_MILLI).take(count);
        let set = free.fold(GpuSet::default(), |set, (position, _)| set.with(position));
        (set.len() == count).then_some(set)
    }

    /// The GPUs for a need when a share goes to the fullest GPU that has room for it.
    pub(super) fn tightest(&self, need: &Need) -> GpuSet {
        match need.gpus {
            Gpus::None => GpuSet::default(),
            Gpus::Whole { .. } => self.whole(need.gpus.count()).unwrap_or_default(),
            Gpus::Share { .. } => {
                let room = self.gpus_free_milli().iter().enumerate();
                let room = room.filter(|(_, free)| **free >= need.gpus.milli_each());
                let best = room.min_by_key(|(position, free)| (**free, *position));
                best.map_or(GpuSet::default(), |(at, _)| GpuSet::default().with(at))
            }
        }
    }

    /// How many pieces of work of this kind run here, and how many kinds do.
    pub(super) fn company(&self, gpus: Gpus) -> (u16, usize) {
        let same = self.tenants.get(kind(gpus)).copied().unwrap_or(0);
        (same, self.tenants.iter().filter(|&&tenants| tenants > 0).count())
    }

    /// The free GPUs once the need sits on these.
    pub(super) fn gpus_after(&self, gpus: GpuSet, milli: u16) -> [u16; GPUS_MAX] {
        let mut after = self.gpu_free_milli;
        for (position, free) in after.iter_mut().enumerate() {
            if gpus.has(position) {
                *free = free.saturating_sub(milli);
            }
        }
        after
    }

    /// Takes what the need asks, on these GPUs; false, and nothing is taken, if it does not fit.
    pub(super) fn take(&mut self, need: &Need, gpus: GpuSet) -> bool {
        let milli = need.gpus.milli_each();
        let room = |at: usize| self.gpus_free_milli().get(at).is_some_and(|&free| free >= milli);
        if !self.fits(need) || gpus.len() != need.gpus.count() || !gpus.iter().all(room) {
            return false;
        }
        self.cpu_free_milli = self.cpu_free_milli.saturating_sub(need.cpu_milli);
        self.memory_free_mib = self.memory_free_mib.saturating_sub(need.memory_mib);
        self.gpu_free_milli = self.gpus_after(gpus, milli);
        if let Some(tenants) = self.tenants.get_mut(kind(need.gpus)) {
            *tenants = tenants.saturating_add(u16::from(!gpus.is_empty()));
        }
        true
    }

    /// Gives back what the need took; false, and nothing changes, if the node never had so much.
    pub(super) fn release(&mut self, need: &Need, gpus: GpuSet) -> bool {
        let milli = need.gpus.milli_each();
        let cpu = self.cpu_free_milli.checked_add(need.cpu_milli);
        let memory = self.memory_free_mib.checked_add(need.memory_mib);
        let (Some(cpu), Some(memory)) = (cpu, memory) else { return false };
        let used = |at: usize| {
            let free = self.gpus_free_milli().get(at);
            free.is_some_and(|free| free.saturating_add(milli) <= WHOLE_MILLI)
        };
        let bad_gpus = gpus.len() != need.gpus.count() || !gpus.iter().all(used);
        if bad_gpus || cpu > self.spec.cpu_milli || memory > self.spec.memory_mib {
            return false;
        }
        self.cpu_free_milli = cpu;
        self.memory_free_mib = memory;
        for (position, free) in self.gpu_free_milli.iter_mut().enumerate() {
            if gpus.has(position) {
                *free = free.saturating_add(milli);
            }
        }
        if let Some(tenants) = self.tenants.get_mut(kind(need.gpus)) {
            *tenants = tenants.saturating_sub(u16::from(!gpus.is_empty()));
        }
        true
    }
}

/// Shares are one kind, and each number of whole GPUs is one.
fn kind(gpus: Gpus) -> usize {
    match gpus {
        Gpus::None | Gpus::Share { .. } => 0,
        Gpus::Whole { .. } => gpus.count(),
    }
}
