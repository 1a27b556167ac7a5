//! The GPUs of one model with their instances, indexed by what is taken.
//!
//! INVARIANT: what is taken of a GPU is exactly what its instances take, and a GPU stands in the
//! index once, under that state, while it is in service.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use super::geometry::{Geometry, ProfileIdx};
use super::order::{Candidate, candidates};
use super::slices::{STATES, Slices};

/// GPUs in one index.
pub const GPUS_MAX: u32 = 1 << 20;

/// A position on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Number of the GPU.
    pub gpu: u32,
    /// Memory slice at which the instance starts.
    pub start: u8,
}

/// An instance on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    /// Its profile.
    pub profile: ProfileIdx,
    /// Memory slice at which it starts.
    pub start: u8,
}

/// Why something cannot be done to the partitions; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigError {
    /// More than [`GPUS_MAX`] GPUs.
    TooManyGpus {
        /// GPUs asked for.
        count: u32,
    },
    /// The weights are not one for each profile.
    Weights {
        /// Weights given.
        count: usize,
        /// Profiles of the model.
        profiles: usize,
    },
    /// The GPU does not exist.
    NoSuchGpu {
        /// Its number.
        gpu: u32,
    },
    /// The model has no such profile.
    NoSuchProfile {
        /// Its position.
        profile: ProfileIdx,
    },
    /// The hardware does not let the profile start there.
    IllegalStart {
        /// Name of the profile.
        profile: &'static str,
        /// The position asked for.
        start: u8,
        /// The positions that are legal.
        legal: &'static [u8],
    },
    /// Something is taken there already.
    Taken {
        /// Number of the GPU.
        gpu: u32,
        /// What is taken of it.
        taken: Slices,
    },
    /// The GPU takes no new instances now.
    OutOfService {
        /// Its number.
        gpu: u32,
    },
    /// No such instance is there.
    NoInstance {
        /// Where it was looked for.
        place: Place,
    },
}

impl fmt::Display for MigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyGpus { count } => {
                write!(f, "{count} GPUs, at most {GPUS_MAX}: make an index for each site")
            }
            Self::Weights { count, profiles } => {
                write!(f, "{count} weights for {profiles} profiles: give one for each")
            }
            Self::NoSuchGpu { gpu } => write!(f, "GPU {gpu} does not exist: name one of the index"),
            Self::NoSuchProfile { profile } => {
                write!(f, "profile {} does not exist: name one of the model", profile.0)
            }
            Self::IllegalStart { profile, start, legal } => {
                write!(f, "`{profile}` cannot start at slice {start}: use one of {legal:?}")
            }
            Self::Taken { gpu, taken } => {
                write!(f, "GPU {gpu} has {taken} taken: choose a place that is free")
            }
            Self::OutOfService { gpu } => {
                write!(f, "GPU {gpu} is out of service: choose another")
            }
            Self::NoInstance { place } => write!(
                f,
                "GPU {} has no such instance at slice {}: name one that was taken",
                place.gpu, place.start
            ),
        }
    }
}

impl Error for MigError {}

#[derive(Debug, Clone)]
struct Gpu {
    taken: Slices,
    instances: Vec<Instance>,
    in_service: bool,
}

/// All GPUs of one model.
#[derive(Debug, Clone)]
pub struct Partitions {
    geometry: &'static Geometry,
    gpus: Vec<Gpu>,
    /// GPUs in service by what is taken of them.
    by_state: Vec<BTreeSet<u32>>,
    /// For each profile, where to look first.
    order: Vec<Vec<Candidate>>,
}

impl Partitions {
    /// Empty GPUs, all in service. A weight for each profile says how often it is expected.
    ///
    /// # Errors
    /// [`MigError::TooManyGpus`], [`MigError::Weights`].
    pub fn new(
        geometry: &'static Geometry,
        n_gpus: u32,
        weights: &[u64],
    ) -> Result<Self, MigError> {
        if n_gpus > GPUS_MAX {
            return Err(MigError::TooManyGpus { count: n_gpus });
        }
        let mut by_state = vec![BTreeSet::new(); STATES];
        if let Some(empty) = by_state.get_mut(Slices::NONE.state()) {
            *empty = (0..n_gpus).collect();
        }
        let gpu = Gpu { taken: Slices::NONE, instances: Vec::new(), in_service: true };
        let gpus = (0..n_gpus).map(|_| gpu.clone()).collect();
        let mut partitions = Self { geometry, gpus, by_state, order: Vec::new() };
        partitions.set_weights(weights)?;
        Ok(partitions)
    }

    /// Changes how often each profile is expected; what is taken stays where it is.
    ///
    /// # Errors
    /// [`MigError::Weights`].
    pub fn set_weights(&mut self, weights: &[u64]) -> Result<(), MigError> {
        let profiles = self.geometry.profiles.len();
        if weights.len() != profiles {
            return Err(MigError::Weights { count: weights.len(), profiles });
        }
        self.order = candidates(self.geometry, weights);
        Ok(())
    }

    /// The model.
    #[must_use]
    pub const fn geometry(&self) -> &'static Geometry {
        self.geometry
    }

    /// What is taken of a GPU; nothing of one that does not exist.
    #[must_use]
    pub fn taken(&self, gpu: u32) -> Slices {
        self.gpu(gpu).map_or(Slices::NONE, |gpu| gpu.taken)
    }

    /// The instances of a GPU, in no particular order.
    #[must_use]
    pub fn instances(&self, gpu: u32) -> &[Instance] {
        self.gpu(gpu).map_or(&[], |gpu| gpu.instances.as_slice())
    }

    /// True if any GPU in service has a place for the profile.
    #[must_use]
    pub fn fits(&self, profile: ProfileIdx) -> bool {
        self.choose(profile).is_some()
    }

    /// The positions at which the profile fits a GPU, ascending; none for one out of service.
    pub fn positions(&self, gpu: u32, profile: ProfileIdx) -> impl Iterator<Item = u8> {
        let entry = self.gpu(gpu).filter(|entry| entry.in_service);
        let starts = entry.zip(self.geometry.profile(profile));
        starts.into_iter().flat_map(|(entry, profile)| profile.free_starts(entry.taken))
    }

    /// The best place for an instance of the profile, by the fixed order of this module; `None` if
    /// there is no place at all. Costs O(states), whatever the number of GPUs.
    #[must_use]
    pub fn choose(&self, profile: ProfileIdx) -> Option<Place> {
        self.order.get(profile.position())?.iter().find_map(|candidate| {
            let gpu = self.by_state.get(candidate.taken.state())?.first()?;
            Some(Place { gpu: *gpu, start: candidate.start })
        })
    }

    /// How many more instances of the profile alone would fit, for saying why one does not.
    #[must_use]
    pub fn room(&self, profile: ProfileIdx) -> u64 {
        let Some(profile) = self.geometry.profile(profile) else { return 0 };
        let states = self.by_state.iter().filter_map(|gpus| {
            let taken = self.taken(*gpus.first()?);
            // The positions of one profile never overlap; the media engines are there once.
            let places = profile.free_starts(taken).take(if profile.media { 1 } else { STATES });
            u64::try_from(places.count().saturating_mul(gpus.len())).ok()
        });
        states.fold(0, u64::saturating_add)
    }

    /// Makes an instance.
    ///
    /// # Errors
    /// [`MigError`] if the place does not exist, is not legal, is taken or is out of service.
    pub fn take(&mut self, profile: ProfileIdx, place: Place) -> Result<(), MigError> {
        let wanted = self.slices(profile, place.start)?;
        let gpu = self.gpu(place.gpu).ok_or(MigError::NoSuchGpu { gpu: place.gpu })?;
        if !gpu.in_service {
            return Err(MigError::OutOfService { gpu: place.gpu });
        }
        if !gpu.taken.is_disjoint(wanted) {
            return Err(MigError::Taken { gpu: place.gpu, taken: gpu.taken });
        }
        self.change(place.gpu, |gpu| {
            gpu.taken = gpu.taken.with(wanted);
            gpu.instances.push(Instance { profile, start: place.start });
        });
        Ok(())
    }

    /// Removes an instance; also from a GPU out of service.
    ///
    /// # Errors
    /// [`MigError`] if there is no such instance.
    pub fn release(&mut self, profile: ProfileIdx, place: Place) -> Result<(), MigError> {
        let given = self.slices(profile, place.start)?;
        let gpu = self.gpu(place.gpu).ok_or(MigError::NoSuchGpu { gpu: place.gpu })?;
        let instance = Instance { profile, start: place.start };
        let position = gpu.instances.iter().position(|other| *other == instance);
        let position = position.ok_or(MigError::NoInstance { place })?;
        self.change(place.gpu, |gpu| {
            gpu.taken = gpu.taken.without(given);
            gpu.instances.swap_remove(position);
        });
        Ok(())
    }

    /// Takes a GPU out of service or puts it back; its instances stay.
    ///
    /// # Errors
    /// [`MigError::NoSuchGpu`].
    pub fn set_in_service(&mut self, gpu: u32, in_service: bool) -> Result<(), MigError> {
        self.gpu(gpu).ok_or(MigError::NoSuchGpu { gpu })?;
        self.change(gpu, |entry| entry.in_service = in_service);
        Ok(())
    }

    fn gpu(&self, gpu: u32) -> Option<&Gpu> {
        self.gpus.get(usize::try_from(gpu).ok()?)
    }

    fn slices(&self, index: ProfileIdx, start: u8) -> Result<Slices, MigError> {
        let profile = self.geometry.profile(index);
        let profile = profile.ok_or(MigError::NoSuchProfile { profile: index })?;
        if !profile.starts.contains(&start) {
            let (name, legal) = (profile.name, profile.starts);
            return Err(MigError::IllegalStart { profile: name, start, legal });
        }
        Ok(profile.slices(start))
    }

    /// Changes a GPU and moves it in the index.
    fn change(&mut self, gpu: u32, change: impl FnOnce(&mut Gpu)) {
        let Some(entry) = usize::try_from(gpu).ok().and_then(|gpu| self.gpus.get_mut(gpu)) else {
            return;
        };
        if let Some(gpus) = self.by_state.get_mut(entry.taken.state()) {
            gpus.remove(&gpu);
        }
        change(entry);
        if entry.in_service
            && let Some(gpus) = self.by_state.get_mut(entry.taken.state())
        {
            gpus.insert(gpu);
        }
    }
}
