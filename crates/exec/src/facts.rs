//! What this machine is. "No GPU" is a fact, not an error; nothing here fails.

pub mod gpu;

use std::{fs, path::Path};

use rustix::thread::sched_getaffinity;
use units::{Bytes, MilliCpu};

/// Host name.
#[must_use]
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Kernel and architecture: `Linux 6.18.44 x86_64`.
#[must_use]
pub fn system() -> String {
    let uname = rustix::system::uname();
    format!(
        "{} {} {}",
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy(),
        uname.machine().to_string_lossy()
    )
}

/// Processor model, from `/proc/cpuinfo`.
#[must_use]
pub fn cpu_model() -> String {
    parse_cpu_model(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default())
}

/// x86 says `model name`; Arm says only an implementer and a part.
pub(crate) fn parse_cpu_model(cpuinfo: &str) -> String {
    let value = |key: &str| {
        cpuinfo.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == key).then(|| value.trim().to_owned())
        })
    };
    value("model name")
        .or_else(|| {
            let implementer = value("CPU implementer")?;
            let part = value("CPU part")?;
            Some(format!("Arm implementer {implementer} part {part}"))
        })
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Cores that the platform may use: affinity, then the control group's quota.
#[must_use]
pub fn cpu() -> MilliCpu {
    let by_affinity = sched_getaffinity(None).map_or(1, |set| u64::from(set.count()).max(1));
    let cores = MilliCpu(by_affinity.saturating_mul(1_000));
    own_groups(|unified, separate| {
        let quota = match (unified, separate) {
            (Some(folder), _) => parse_quota(&read(&folder.join("cpu.max"))),
            (None, Some(folder)) => parse_quota(&format!(
                "{} {}",
                read(&folder.join("cpu.cfs_quota_us")).trim(),
                read(&folder.join("cpu.cfs_period_us")).trim()
            )),
            (None, None) => None,
        };
        quota.map(|MilliCpu(quota)| quota)
    })
    .into_iter()
    .map(MilliCpu)
    .fold(cores, Ord::min)
}

/// Memory that workloads may use now: what is available, at most the control group's limit.
#[must_use]
pub fn memory() -> Bytes {
    let available = parse_meminfo(&read(Path::new("/proc/meminfo")), "MemAvailable");
    own_groups(|unified, separate| {
        let text = match (unified, separate) {
            (Some(folder), _) => read(&folder.join("memory.max")),
            (None, Some(folder)) => read(&folder.join("memory.limit_in_bytes")),
            (None, None) => return None,
        };
        text.trim().parse().ok()
    })
    .into_iter()
    .map(Bytes)
    .fold(available, Ord::min)
}

/// A line of `/proc/meminfo`, which is in kibibytes; zero if there is none.
pub(crate) fn parse_meminfo(meminfo: &str, key: &str) -> Bytes {
    let kibibytes = meminfo.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        if name != key {
            return None;
        }
        value.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    });
    Bytes(kibibytes.unwrap_or(0).saturating_mul(1_024))
}

/// `QUOTA PERIOD` in microseconds; `max` and negative quotas are none.
pub(crate) fn parse_quota(text: &str) -> Option<MilliCpu> {
    let mut parts = text.split_whitespace();
    let quota: u64 = parts.next()?.parse().ok()?;
    let period: u64 = parts.next()?.parse().ok()?;
    Some(MilliCpu(quota.saturating_mul(1_000).checked_div(period)?.max(1)))
}

/// Asks a question of our own group and all above it, in each version; keeps the answers.
fn own_groups(ask: impl Fn(Option<&Path>, Option<&Path>) -> Option<u64>) -> Vec<u64> {
    let mountinfo = read(Path::new("/proc/self/mountinfo"));
    let (unified, separate) =
        crate::cgroup::locate(&mountinfo, &read(Path::new("/proc/self/cgroup")));
    let mut answers = Vec::new();
    if let Some(folder) = unified {
        answers.extend(upwards(&folder).filter_map(|folder| ask(Some(folder), None)));
    }
    for folder in separate.values() {
        answers.extend(upwards(folder).filter_map(|folder| ask(None, Some(folder))));
    }
    answers
}

fn upwards(folder: &Path) -> impl Iterator<Item = &Path> {
    folder.ancestors().take_while(|ancestor| ancestor.starts_with("/sys/fs/cgroup"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests;
