//! The file-system sandbox of a process workload: Landlock (landlock(7)), where the kernel has it.
//!
//! A workload reads the operating system and its own inputs and writes only its working folder, so
//! it reads no other workload's files even under the same user. Signals and abstract sockets are
//! scoped too where the kernel can (ABI 6): it cannot signal the platform or other workloads.
//! Network is not restricted here. `/dev/shm` is shared, because data loaders need it.
//! It must never grant a folder that contains the run folder.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

/// The newest rights that we ask for; older kernels enforce what they know.
const NEWEST: ABI = ABI::V6;

/// Read and execute: the operating system and what administrators install beside it.
const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store"];
/// Read only: what the kernel tells, and the resolver's file where `/etc/resolv.conf` is a link.
const KERNEL: &[&str] = &[
    "/proc",
    "/sys/devices",
    "/sys/class",
    "/sys/bus",
    "/sys/module",
    "/sys/fs/cgroup",
    "/sys/kernel/mm",
    "/run/systemd/resolve",
];
/// Read and write: devices that any program expects.
const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/shm",
];

/// What a workload may touch besides the operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Folders and files to read and execute.
    pub read: Vec<PathBuf>,
    /// Folders to read and write.
    pub write: Vec<PathBuf>,
    /// True to open the GPU's device files.
    pub gpus: bool,
    /// The run folder, which no granted folder may contain.
    pub state_dir: PathBuf,
}

/// What this kernel can enforce: `Landlock ABI 6`, or why there is no sandbox.
#[must_use]
pub fn facts() -> String {
    // Restriction concerns the calling thread only, so a thread that ends at once can ask.
    let asked = std::thread::spawn(|| {
        Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))
            .and_then(Ruleset::create)
            .and_then(landlock::RulesetCreated::restrict_self)
            .map(|status| status.landlock)
    })
    .join();
    match asked {
        Ok(Ok(LandlockStatus::Available { effective_abi, kernel_abi })) => match kernel_abi {
            Some(newer) => format!("Landlock ABI {effective_abi} (kernel: {newer})"),
            None => format!("Landlock ABI {effective_abi}"),
        },
        Ok(Ok(LandlockStatus::NotEnabled)) => {
            "none: Landlock is not enabled (boot with `lsm=landlock,…`)".to_owned()
        }
        Ok(Ok(LandlockStatus::NotImplemented)) => {
            "none: this kernel has no Landlock (Linux 5.13 or newer has it)".to_owned()
        }
        Ok(Err(error)) => format!("none: {error}"),
        Err(_) => "none: the probe failed".to_owned(),
    }
}

/// Restricts the calling thread and all that it will start; says what is enforced.
///
/// # Errors
/// If the kernel has Landlock but refuses the rules. A kernel without it is no error.
pub fn restrict(grants: &Grants) -> Result<String, RulesetError> {
    let read_execute = AccessFs::from_read(NEWEST);
    let read = read_execute & !AccessFs::Execute;
    let all = AccessFs::from_all(NEWEST);
    let mut devices: Vec<PathBuf> = DEVICES.iter().map(PathBuf::from).collect();
    if grants.gpus {
        devices.extend(gpu_devices());
    }
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read_execute))?
        .add_rules(path_beneath_rules(KERNEL, read))?
        .add_rules(path_beneath_rules(world_readable(Path::new("/etc")), read_execute))?
        .add_rules(path_beneath_rules(devices, all))?
        .add_rules(path_beneath_rules(readable(grants), read_execute))?
        .add_rules(path_beneath_rules(&grants.write, all))?
        .restrict_self()?;
    let degree = match status.ruleset {
        RulesetStatus::FullyEnforced => "full",
        RulesetStatus::PartiallyEnforced => "partial",
        RulesetStatus::NotEnforced => return Ok("none".to_owned()),
    };
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => {
            format!("Landlock ABI {effective_abi} ({degree})")
        }
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => "none".to_owned(),
    })
}

/// The granted paths without those that contain the run folder: a rule opens all that lies below.
pub(crate) fn readable(grants: &Grants) -> Vec<PathBuf> {
    grants.read.iter().filter(|path| !grants.state_dir.starts_with(path)).cloned().collect()
}

/// Entries of a folder that every user may read. Root passes permission bits, and a workload of a
/// platform that runs as root must still not read `/etc/shadow`.
fn world_readable(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
        })
        .collect()
}

fn gpu_devices() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/dev") else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("nvidia"))
        .map(|entry| entry.path())
        .collect()
}
