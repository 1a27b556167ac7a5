//! What this process takes of the machine: memory and processor time, from `/proc`.

use std::{collections::BTreeMap, fs, path::Path};

/// What was taken so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// Resident memory, in bytes; 0 where the system does not say.
    pub(super) resident_bytes: u64,
    /// Processor time by name of thread, in milliseconds.
    pub(super) cpu_ms: BTreeMap<String, u64>,
}

impl Sample {
    /// Processor time since another sample, by name of thread.
    pub(super) fn cpu_since(&self, before: &Self) -> BTreeMap<String, u64> {
        let since = |(name, ms): (&String, &u64)| {
            let ms = ms.saturating_sub(before.cpu_ms.get(name).copied().unwrap_or(0));
            (name.clone(), ms)
        };
        self.cpu_ms.iter().map(since).filter(|(_, ms)| *ms > 0).collect()
    }
}

/// Processor time of the calling thread, in milliseconds.
pub(super) fn own_cpu_ms() -> u64 {
    ticks(Path::new("/proc/thread-self/stat")).saturating_mul(tick_ms())
}

/// Processor time of a process so far, in milliseconds; 0 for one that is not there.
pub(super) fn cpu_ms_of(pid: u32) -> u64 {
    ticks(Path::new(&format!("/proc/{pid}/stat"))).saturating_mul(tick_ms())
}

/// Resident memory of a process, in bytes; 0 for one that is not there.
pub(super) fn resident_bytes_of(pid: u32) -> u64 {
    resident(Path::new(&format!("/proc/{pid}/statm")))
}

fn tick_ms() -> u64 {
    1_000 / rustix::param::clock_ticks_per_second().max(1)
}

/// Looks at this process now. Of threads that have ended, `load_ms` were the load's; the rest are those
/// that made snapshots.
pub(super) fn sample(load_ms: u64) -> Sample {
    let tick_ms = tick_ms();
    let mut cpu_ms: BTreeMap<String, u64> = BTreeMap::new();
    let mut known = 0_u64;
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let folder = thread.path();
        let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
        let ms = ticks(&folder.join("stat")).saturating_mul(tick_ms);
        known = known.saturating_add(ms);
        let sum = cpu_ms.entry(group(name.trim())).or_default();
        *sum = sum.saturating_add(ms);
    }
    let all = ticks(Path::new("/proc/self/stat")).saturating_mul(tick_ms);
    let ended = all.saturating_sub(known).saturating_sub(load_ms);
    for (name, ms) in [("load", load_ms), ("snapshot", ended)] {
        let sum = cpu_ms.entry(name.to_owned()).or_default();
        *sum = sum.saturating_add(ms);
    }
    Sample { resident_bytes: resident_bytes(), cpu_ms }
}

/// Threads that do the same work are one.
fn group(name: &str) -> String {
    match name {
        "sequencer" => "sequencer",
        "load" => "load",
        name if name.starts_with("snapshot") => "snapshot",
        _ => "server",
    }
    .to_owned()
}

/// User and system time of a `stat` file, in clock ticks.
fn ticks(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    // The name in brackets may hold anything, blanks too.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let field = |at: usize| rest.split_whitespace().nth(at).and_then(|text| text.parse().ok());
    let (user, system): (Option<u64>, Option<u64>) = (field(11), field(12));
    user.unwrap_or(0).saturating_add(system.unwrap_or(0))
}

pub(super) fn resident_bytes() -> u64 {
    resident(Path::new("/proc/self/statm"))
}

fn resident(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let pages: u64 = text.split_whitespace().nth(1).and_then(|t| t.parse().ok()).unwrap_or(0);
    pages.saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4_096))
}

/// Bytes of the log's files in a data folder.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let log = files.filter(|file| file.file_name().to_string_lossy().starts_with("log.db"));
    log.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum()
}
