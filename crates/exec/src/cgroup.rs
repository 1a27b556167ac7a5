//! Control groups, version 2 or 1, whichever the platform may write.
//!
//! Groups are made *below the platform's own group* (`…/cocarde/<attempt>`), so that limits set on
//! the platform hold for its workloads too. On hybrid machines each controller is looked up on its
//! own: `/proc/self/cgroup` says which group, `/proc/self/mountinfo` says where it is mounted.
//! The shim creates and removes a group; the launcher joins it; nothing else writes here.

mod detect;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use units::{Bytes, MilliCpu};

pub use detect::{Mechanism, detect, locate};

/// The period over which processor quotas are enforced, in microseconds (the kernel's default).
const CPU_PERIOD_MICROS: u64 = 100_000;
/// Smallest quota that the kernel takes, in microseconds.
const CPU_QUOTA_MICROS_MIN: u64 = 1_000;

/// A controller that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// Processor quota.
    Cpu,
    /// Processor accounting (version 1 only; part of `cpu` in version 2).
    Cpuacct,
    /// Memory.
    Memory,
    /// Number of processes.
    Pids,
}

impl Controller {
    /// Every controller.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Cpuacct, Self::Memory, Self::Pids];

    /// The kernel's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Memory => "memory",
            Self::Pids => "pids",
        }
    }
}

/// What a group may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimits {
    /// Processor.
    pub cpu: MilliCpu,
    /// Memory.
    pub memory: Bytes,
    /// Processes and threads.
    pub n_processes_max: u64,
}

/// One attempt's group: a folder for each controller (the same one in version 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// True for the unified hierarchy.
    pub unified: bool,
    /// Where each controller's group is.
    pub folders: BTreeMap<Controller, PathBuf>,
}

impl Group {
    /// Makes the group and sets its limits; an existing group is limited anew.
    ///
    /// # Errors
    /// The file and the operating system's refusal, in one message.
    pub fn create(&self, limits: GroupLimits) -> io::Result<()> {
        for folder in self.distinct() {
            fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
        }
        for (controller, folder) in &self.folders {
            for (file, value) in self.settings(*controller, limits) {
                let path = folder.join(file);
                fs::write(&path, value).map_err(|error| named(&path, &error))?;
            }
        }
        // Swap beyond the memory limit would hide the limit; kernels without swap accounting have
        // no such file, and then there is nothing to close.
        if let Some(folder) = self.folders.get(&Controller::Memory) {
            let (file, value) = if self.unified {
                ("memory.swap.max", "0".to_owned())
            } else {
                ("memory.memsw.limit_in_bytes", limits.memory.0.to_string())
            };
            let _ = fs::write(folder.join(file), value);
        }
        Ok(())
    }

    fn settings(&self, controller: Controller, limits: GroupLimits) -> Vec<(&'static str, String)> {
        let quota =
            limits.cpu.0.saturating_mul(CPU_PERIOD_MICROS / 1_000).max(CPU_QUOTA_MICROS_MIN);
        match (controller, self.unified) {
            (Controller::Cpu, true) => vec![("cpu.max", format!("{quota} {CPU_PERIOD_MICROS}"))],
            (Controller::Cpu, false) => vec![
                ("cpu.cfs_period_us", CPU_PERIOD_MICROS.to_string()),
                ("cpu.cfs_quota_us", quota.to_string()),
            ],
            (Controller::Cpuacct, _) => Vec::new(),
            (Controller::Memory, true) => vec![
                ("memory.max", limits.memory.0.to_string()),
                // One process over the limit ends the whole attempt, not a random part of it.
                ("memory.oom.group", "1".to_owned()),
            ],
            (Controller::Memory, false) => {
                vec![("memory.limit_in_bytes", limits.memory.0.to_string())]
            }
            (Controller::Pids, _) => vec![("pids.max", limits.n_processes_max.to_string())],
        }
    }

    /// Moves the calling process, and so all that it will start, into the group.
    ///
    /// # Errors
    /// The file and the operating system's refusal, in one message.
    pub fn join(&self) -> io::Result<()> {
        for folder in self.distinct() {
            let path = folder.join("cgroup.procs");
            fs::write(&path, "0").map_err(|error| named(&path, &error))?;
        }
        Ok(())
    }

    /// Processor time used by the group, in core-microseconds.
    #[must_use]
    pub fn cpu_micros(&self) -> Option<u64> {
        if self.unified {
            return keyed(&self.folders.get(&Controller::Cpu)?.join("cpu.stat"), "usage_usec");
        }
        let nanos = number(&self.folders.get(&Controller::Cpuacct)?.join("cpuacct.usage"))?;
        Some(nanos / 1_000)
    }

    /// Largest memory use seen by the kernel.
    #[must_use]
    pub fn memory_peak(&self) -> Option<Bytes> {
        let file = if self.unified { "memory.peak" } else { "memory.max_usage_in_bytes" };
        number(&self.folders.get(&Controller::Memory)?.join(file)).map(Bytes)
    }

    /// Memory in use.
    #[must_use]
    pub fn memory_now(&self) -> Option<Bytes> {
        let file = if self.unified { "memory.current" } else { "memory.usage_in_bytes" };
        number(&self.folders.get(&Controller::Memory)?.join(file)).map(Bytes)
    }

    /// Processes that the kernel killed for lack of memory within the group.
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        let Some(folder) = self.folders.get(&Controller::Memory) else { return 0 };
        let file = if self.unified { "memory.events" } else { "memory.oom_control" };
        keyed(&folder.join(file), "oom_kill").unwrap_or(0)
    }

    /// True if a controller is part of the group.
    #[must_use]
    pub fn has(&self, controller: Controller) -> bool {
        self.folders.contains_key(&controller)
    }

    /// Processes in the group.
    #[must_use]
    pub fn processes(&self) -> Vec<i32> {
        let mut found: Vec<i32> = self
            .distinct()
            .into_iter()
            .filter_map(|folder| fs::read_to_string(folder.join("cgroup.procs")).ok())
            .flat_map(|text| text.lines().filter_map(|line| line.parse().ok()).collect::<Vec<_>>())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Removes the group if no process is left in it; returns whether it is gone. The shared
    /// parent goes too when this was its last group.
    #[must_use]
    pub fn remove(&self) -> bool {
        let mut gone = true;
        for folder in self.distinct() {
            match fs::remove_dir(folder) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => gone = false,
            }
            if let Some(parent) = folder.parent() {
                // Fails, as it should, while other attempts have groups in it.
                let _ = fs::remove_dir(parent);
            }
        }
        gone
    }

    fn distinct(&self) -> Vec<&Path> {
        let mut folders: Vec<&Path> = self.folders.values().map(PathBuf::as_path).collect();
        folders.sort_unstable();
        folders.dedup();
        folders
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Reads `key value` lines.
fn keyed(path: &Path, key: &str) -> Option<u64> {
    fs::read_to_string(path)
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

#[cfg(test)]
mod tests;
