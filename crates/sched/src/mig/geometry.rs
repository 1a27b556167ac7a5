//! The profiles of GPU models with the positions at which the hardware lets them start.
//!
//! Source: NVIDIA Multi-Instance GPU User Guide, "Supported MIG Profiles" (names, fractions and
//! numbers of instances) and "Creating GPU Instances" (`nvidia-smi mig -lgipp`, start positions):
//! `{0-6}:1`, `{0,2,4,6}:2`, `{0,2,4}:2`, `{0,4}:4`, `{0}:4`, `{0}:8`, the same on A100, H100 and
//! H200. For B200 the guide gives the same fractions and numbers of instances, and NVIDIA's own test
//! table (k8s-test-infra, `mock-nvml-config-b200.mig.yaml`) the same positions; for the A30 the
//! positions follow from the guide's figure of four slices. The `+me` profiles of the guide are in,
//! those with graphics (`+gfx`) are not.

use super::slices::Slices;

/// Position of a profile in [`Geometry::profiles`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileIdx(pub u8);

impl ProfileIdx {
    pub(super) const fn position(self) -> usize {
        self.0 as usize
    }
}

/// A size that an instance can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// NVIDIA's name, for example `3g.40gb`.
    pub name: &'static str,
    /// Compute slices it gets.
    pub compute_slices: u8,
    /// Memory slices it takes.
    pub memory_slices: u8,
    /// True if it takes the media engines, of which a GPU has one set to give.
    pub media: bool,
    /// Memory slices at which it may start, ascending.
    pub starts: &'static [u8],
}

impl Profile {
    /// What an instance takes that starts there.
    #[must_use]
    pub const fn slices(&self, start: u8) -> Slices {
        Slices::run(start, self.memory_slices, self.media)
    }

    /// The positions at which it fits beside what is taken.
    pub fn free_starts(&self, taken: Slices) -> impl Iterator<Item = u8> {
        let fits = move |start: &u8| self.slices(*start).is_disjoint(taken);
        self.starts.iter().copied().filter(fits)
    }
}

/// A GPU model by its partitions.
#[derive(Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Name of the model, for example `H100 80GB`.
    pub name: &'static str,
    /// Memory slices of the GPU.
    pub memory_slices: u8,
    /// Compute slices of the GPU.
    pub compute_slices: u8,
    /// Its profiles, from small to large.
    pub profiles: &'static [Profile],
}

impl Geometry {
    /// A profile by its position.
    #[must_use]
    pub fn profile(&self, profile: ProfileIdx) -> Option<&'static Profile> {
        self.profiles.get(profile.position())
    }

    /// A profile by its name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ProfileIdx> {
        let mut profiles = (0..=u8::MAX).zip(self.profiles);
        profiles.find(|(_, profile)| profile.name == name).map(|(index, _)| ProfileIdx(index))
    }
}

const fn profile(
    name: &'static str,
    (compute_slices, memory_slices): (u8, u8),
    media: bool,
    starts: &'static [u8],
) -> Profile {
    Profile { name, compute_slices, memory_slices, media, starts }
}

/// The profiles of every model with eight memory slices: 1g, 1g+me, 1g of double memory, 2g, 3g,
/// 4g, 7g.
const fn eight(names: [&'static str; 7]) -> [Profile; 7] {
    let [one, one_media, one_wide, two, three, four, seven] = names;
    [
        profile(one, (1, 1), false, &[0, 1, 2, 3, 4, 5, 6]),
        profile(one_media, (1, 1), true, &[0, 1, 2, 3, 4, 5, 6]),
        profile(one_wide, (1, 2), false, &[0, 2, 4, 6]),
        profile(two, (2, 2), false, &[0, 2, 4]),
        profile(three, (3, 4), false, &[0, 4]),
        profile(four, (4, 4), false, &[0]),
        profile(seven, (7, 8), true, &[0]),
    ]
}

macro_rules! eight_slices {
    ($($(#[$doc:meta])* $constant:ident: $name:literal, $names:expr;)*) => {$(
        $(#[$doc])*
        pub static $constant: Geometry = Geometry {
            name: $name,
            memory_slices: 8,
            compute_slices: 7,
            profiles: &const { eight($names) },
        };
    )*};
}

eight_slices! {
    /// A100 with 40 GB.
    A100_40GB: "A100 40GB",
        ["1g.5gb", "1g.5gb+me", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"];
    /// A100 with 80 GB.
    A100_80GB: "A100 80GB",
        ["1g.10gb", "1g.10gb+me", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"];
    /// H100 with 80 GB.
    H100_80GB: "H100 80GB",
        ["1g.10gb", "1g.10gb+me", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"];
    /// H100 with 94 GB.
    H100_94GB: "H100 94GB",
        ["1g.12gb", "1g.12gb+me", "1g.24gb", "2g.24gb", "3g.47gb", "4g.47gb", "7g.94gb"];
    /// H100 with 96 GB, as in a GH200.
    H100_96GB: "H100 96GB",
        ["1g.12gb", "1g.12gb+me", "1g.24gb", "2g.24gb", "3g.48gb", "4g.48gb", "7g.96gb"];
    /// H200 with 141 GB.
    H200_141GB: "H200 141GB",
        ["1g.18gb", "1g.18gb+me", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb"];
    /// B200 with 180 GB.
    B200_180GB: "B200 180GB",
        ["1g.23gb", "1g.23gb+me", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb"];
}

/// A30 with 24 GB.
pub static A30_24GB: Geometry = Geometry {
    name: "A30 24GB",
    memory_slices: 4,
    compute_slices: 4,
    profiles: &[
        profile("1g.6gb", (1, 1), false, &[0, 1, 2, 3]),
        profile("1g.6gb+me", (1, 1), true, &[0, 1, 2, 3]),
        profile("2g.12gb", (2, 2), false, &[0, 2]),
        profile("2g.12gb+me", (2, 2), true, &[0, 2]),
        profile("4g.24gb", (4, 4), true, &[0]),
    ],
};

/// All models that are known.
pub static GEOMETRIES: &[&Geometry] = &[
    &A30_24GB,
    &A100_40GB,
    &A100_80GB,
    &H100_80GB,
    &H100_94GB,
    &H100_96GB,
    &H200_141GB,
    &B200_180GB,
];
