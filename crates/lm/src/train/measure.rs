//! What a run costs this machine: time on the CPU and, where the kernel shows it, energy.
//!
//! Nothing here may influence a result; what cannot be read is `None`, never a guess.

use std::{fs, path::Path, time::Instant};

const POWERCAP: &str = "/sys/class/powercap";
/// Clock ticks per second in `/proc/self/stat`: fixed by the Linux ABI on the machines we run on.
const TICKS_PER_SECOND: u64 = 100;

/// Meters started together.
#[derive(Debug)]
pub(crate) struct Meter {
    started: Instant,
    cpu_ms: Option<u64>,
    zones: Vec<Zone>,
    energy_uj: u64,
}

/// What was used since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) elapsed_ms: u64,
    /// CPU time of the whole process.
    pub(crate) cpu_ms: Option<u64>,
    /// Energy of all processor packages, other programs' share included.
    pub(crate) energy_mj: Option<u64>,
}

#[derive(Debug)]
struct Zone {
    file: std::path::PathBuf,
    last_uj: u64,
    range_uj: u64,
}

impl Meter {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            cpu_ms: process_cpu_ms(),
            zones: packages(Path::new(POWERCAP)),
            energy_uj: 0,
        }
    }

    /// Reads all meters. Must be called more often than the energy counters wrap (minutes).
    pub(crate) fn read(&mut self) -> Used {
        for zone in &mut self.zones {
            if let Some(now) = number(&zone.file) {
                let forward = now.checked_sub(zone.last_uj);
                // A counter that went backwards wrapped once at its range.
                let used = forward.unwrap_or_else(|| {
                    zone.range_uj.saturating_sub(zone.last_uj).saturating_add(now)
                });
                self.energy_uj = self.energy_uj.saturating_add(used);
                zone.last_uj = now;
            }
        }
        let cpu = self.cpu_ms.zip(process_cpu_ms()).map(|(then, now)| now.saturating_sub(then));
        Used {
            elapsed_ms: self.started.elapsed().as_millis() as u64,
            cpu_ms: cpu,
            energy_mj: (!self.zones.is_empty()).then_some(self.energy_uj / 1_000),
        }
    }
}

/// Top-level package zones (`intel-rapl:0`, also on AMD); sub-zones are parts of them.
fn packages(folder: &Path) -> Vec<Zone> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut zones = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("intel-rapl:") || name.matches(':').count() != 1 {
            continue;
        }
        let file = entry.path().join("energy_uj");
        if let Some(last_uj) = number(&file) {
            let range_uj = number(&entry.path().join("max_energy_range_uj")).unwrap_or(u64::MAX);
            zones.push(Zone { file, last_uj, range_uj });
        }
    }
    zones
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn process_cpu_ms() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name is in parentheses and may contain anything: count fields after the last one.
    let fields = text.rsplit_once(')')?.1;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system).saturating_mul(1_000 / TICKS_PER_SECOND))
}
