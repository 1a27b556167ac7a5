//! Which devices an attempt gets: whole ones that nobody has, or the one behind a shared GPU.
//!
//! The platform's books number the GPUs of a node; a number is bound to a device while some attempt
//! has a part of it. Must never give a device to two numbers, nor a bound one as a whole.

use api::engine::Launch;

use super::Index;

/// What there is for an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Devices {
    /// These.
    Given(Vec<u32>),
    /// Nothing yet.
    Later,
    /// Nothing ever; the message is for the user.
    Never(String),
}

impl Index {
    /// Devices for an attempt, of so many that the machine has.
    pub(super) fn devices(&self, launch: &Launch, n_gpus: usize) -> Devices {
        if let Some(part) = &launch.part {
            if let Some(profile) = &part.profile {
                return Devices::Never(format!(
                    "`{profile}`: this engine cannot make MIG instances yet: ask for a share or a \
                     whole GPU"
                ));
            }
            if n_gpus == 0 {
                return Devices::Never("a share of a GPU is wanted and this node has none".into());
            }
            let device = self.bound_to(part.gpu).or_else(|| self.device_for(part.gpu, n_gpus));
            return device.map_or(Devices::Later, |device| Devices::Given(vec![device]));
        }
        let n_wanted = usize::try_from(launch.gpus.0).unwrap_or(usize::MAX);
        if n_wanted > n_gpus {
            return Devices::Never(format!(
                "{n_wanted} GPUs are wanted and this node has {n_gpus}"
            ));
        }
        let mut gpus = self.free_gpus(n_gpus);
        if gpus.len() < n_wanted {
            return Devices::Later;
        }
        gpus.truncate(n_wanted);
        Devices::Given(gpus)
    }

    /// The device behind a number, while somebody has a part of it.
    fn bound_to(&self, number: u32) -> Option<u32> {
        let mut alive = self.attempts.values().filter(|tracked| tracked.is_alive());
        alive.find(|tracked| tracked.part_of == Some(number))?.gpus.first().copied()
    }

    /// A free device for a number: the one that has that index, if it is free.
    fn device_for(&self, number: u32, n_gpus: usize) -> Option<u32> {
        let free = self.free_gpus(n_gpus);
        free.iter().find(|device| **device == number).or_else(|| free.first()).copied()
    }

    /// Devices that no attempt has anything of.
    fn free_gpus(&self, n_gpus: usize) -> Vec<u32> {
        let held: Vec<u32> = self
            .attempts
            .values()
            .filter(|tracked| tracked.is_alive())
            .flat_map(|tracked| tracked.gpus.iter().copied())
            .collect();
        (0..u32::try_from(n_gpus).unwrap_or(0)).filter(|index| !held.contains(index)).collect()
    }
}
