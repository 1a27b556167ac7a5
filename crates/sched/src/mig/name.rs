//! Names of profiles, and which model of GPU is which geometry.
//!
//! Must never guess: a model that is not known cannot be partitioned.

use super::geometry::{GEOMETRIES, Geometry, ProfileIdx};

/// The name of a profile that some known model has, for example `1g.10gb`: small, because every job
/// carries one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName {
    /// The first model that has it.
    model: u8,
    position: u8,
}

impl ProfileName {
    /// The name, if any known model has such a profile.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (0_u8..).zip(GEOMETRIES).find_map(|(model, geometry)| {
            let ProfileIdx(position) = geometry.find(text)?;
            Some(Self { model, position })
        })
    }

    /// NVIDIA's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let geometry = GEOMETRIES.get(usize::from(self.model));
        let profile = geometry.and_then(|geometry| geometry.profile(ProfileIdx(self.position)));
        profile.map_or("", |profile| profile.name)
    }
}

impl Geometry {
    /// The geometry of a GPU by the model and memory that its driver reports. A virtual GPU reports
    /// no memory: then the model must say it (`A100 80GB`), or have one geometry only.
    #[must_use]
    pub fn of(model: &str, memory_bytes: u64) -> Option<&'static Self> {
        let words = || model.split(|c: char| !c.is_ascii_alphanumeric());
        let is_family = |family: &str| {
            // A Grace Hopper has an H100, of which its name says nothing.
            words().any(|word| word == family || (family == "H100" && word == "GH200"))
        };
        let family = GEOMETRIES.iter().copied().filter(|geometry| is_family(geometry.family()));
        let gib = memory_bytes.div_ceil(1 << 30);
        if gib == 0 {
            let all: Vec<&'static Self> = family.collect();
            let says = |geometry: &&&'static Self| {
                words().any(|word| geometry.name.split(' ').next_back() == Some(word))
            };
            let only = all.first().filter(|_| all.len() == 1);
            return all.iter().find(says).or(only).copied();
        }
        let distance = |geometry: &&Self| geometry.memory_gb().abs_diff(gib);
        let nearest = family.min_by_key(distance)?;
        // Drivers report GiB a little below the name's GB; another size is another product.
        let is_near = distance(&nearest).saturating_mul(12) <= nearest.memory_gb();
        is_near.then_some(nearest)
    }

    fn family(&self) -> &'static str {
        self.name.split_once(' ').map_or(self.name, |(family, _)| family)
    }

    fn memory_gb(&self) -> u64 {
        let size = self.name.split_once(' ').and_then(|(_, size)| size.strip_suffix("GB"));
        size.and_then(|size| size.parse().ok()).unwrap_or(0)
    }

    /// Thousandths of a GPU that an instance of the profile takes: its memory slices of all, rounded
    /// up. `None` if the model has no such profile.
    #[must_use]
    pub fn milli(&self, profile: ProfileName) -> Option<u32> {
        let profile = self.profile(self.find(profile.as_str())?)?;
        let milli = u32::from(profile.memory_slices).saturating_mul(1_000);
        Some(milli.div_ceil(u32::from(self.memory_slices).max(1)))
    }
}
