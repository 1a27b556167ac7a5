//! Running Average Power Limit counters through the kernel's powercap files
//! (Documentation/power/powercap): energy of whole processor packages in microjoules, which wrap.

use std::{
    fs,
    path::{Path, PathBuf},
};

use units::MilliJoule;

/// Packages that can be read.
#[derive(Debug)]
pub struct Rapl {
    packages: Vec<Package>,
    /// Microjoules that did not fill a millijoule yet.
    remainder: u64,
}

#[derive(Debug)]
struct Package {
    name: String,
    counter: PathBuf,
    range: u64,
    last: u64,
}

impl Rapl {
    /// Opens every package; `None` if there is none or none may be read.
    #[must_use]
    pub fn open() -> Option<Self> {
        Self::open_below(Path::new("/sys/class/powercap"))
    }

    /// As [`Self::open`], below another folder.
    pub(crate) fn open_below(root: &Path) -> Option<Self> {
        let mut packages: Vec<Package> = fs::read_dir(root)
            .ok()?
            .flatten()
            .filter_map(|entry| {
                let folder = entry.path();
                let name = fs::read_to_string(folder.join("name")).ok()?.trim().to_owned();
                // Sub-zones (core, dram) are parts of a package, or of another counter.
                if !name.starts_with("package") {
                    return None;
                }
                let counter = folder.join("energy_uj");
                let last = number(&counter)?;
                let range = number(&folder.join("max_energy_range_uj")).unwrap_or(u64::MAX);
                Some(Package { name, counter, range, last })
            })
            .collect();
        packages.sort_by(|left, right| left.name.cmp(&right.name));
        (!packages.is_empty()).then_some(Self { packages, remainder: 0 })
    }

    /// Energy of all packages since the last step, or since opening.
    pub fn step(&mut self) -> MilliJoule {
        let mut micro_joules = self.remainder;
        for package in &mut self.packages {
            let Some(now) = number(&package.counter) else { continue };
            let grown = if now >= package.last {
                now.saturating_sub(package.last)
            } else {
                package.range.saturating_sub(package.last).saturating_add(now)
            };
            package.last = now;
            micro_joules = micro_joules.saturating_add(grown);
        }
        self.remainder = micro_joules % 1_000;
        MilliJoule(micro_joules / 1_000)
    }

    /// `RAPL package-0, shared by processor time`.
    #[must_use]
    pub fn describe(&self) -> String {
        let names: Vec<&str> = self.packages.iter().map(|package| package.name.as_str()).collect();
        format!("RAPL {}, shared by processor time", names.join(" + "))
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}
