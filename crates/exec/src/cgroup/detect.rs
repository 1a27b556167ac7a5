//! Finding a control-group hierarchy that we may write, and saying which.
//!
//! It makes a probe group and removes it, because permission bits do not tell (delegation, seccomp,
//! read-only mounts). It may move the platform's own process into a leaf group of version 2, and
//! only if that process is alone in its group: processes and controllers cannot share one.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use units::{Bytes, MilliCpu};

use super::{Controller, Group, GroupLimits};

/// The group under which all attempts have theirs.
const PARENT: &str = "cocarde";
/// The leaf that the platform's own process moves to in version 2.
const PLATFORM_LEAF: &str = "cocarde-platform";

/// What enforces limits on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mechanism {
    /// Control groups: the folder of our own group by controller.
    Groups {
        /// True for version 2.
        unified: bool,
        /// Our own group's folder, where each controller is.
        own: BTreeMap<Controller, PathBuf>,
    },
    /// No writable control group; why not.
    Rlimits {
        /// The cause, for people.
        cause: String,
    },
}

impl Mechanism {
    /// For [`api::engine::NodeFacts::limits`]: `cgroup v2 (cpu, memory, pids)`, or `rlimits (…)`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Groups { unified, own } => {
                let names: Vec<&str> = own.keys().map(|controller| controller.name()).collect();
                format!("cgroup v{} ({})", if *unified { 2 } else { 1 }, names.join(", "))
            }
            Self::Rlimits { cause } => {
                format!("rlimits (memory only, processor not limited; {cause})")
            }
        }
    }

    /// The group for an attempt, to be created by its shim.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<Group> {
        match self {
            Self::Groups { unified, own } => Some(Group {
                unified: *unified,
                folders: own
                    .iter()
                    .map(|(controller, folder)| (*controller, folder.join(PARENT).join(name)))
                    .collect(),
            }),
            Self::Rlimits { .. } => None,
        }
    }
}

/// Where our own groups are, from the text of `/proc/self/mountinfo` and `/proc/self/cgroup`:
/// version 2 first, then version 1 by controller. Paths are not checked.
#[must_use]
pub fn locate(mountinfo: &str, own: &str) -> (Option<PathBuf>, BTreeMap<Controller, PathBuf>) {
    let mut unified = None;
    let mut separate = BTreeMap::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if controllers.is_empty() {
            unified = mounted(mountinfo, "cgroup2", None, group);
            continue;
        }
        for controller in Controller::ALL {
            if controllers.split(',').any(|name| name == controller.name())
                && let Some(folder) = mounted(mountinfo, "cgroup", Some(controller.name()), group)
            {
                separate.insert(controller, folder);
            }
        }
    }
    (unified, separate)
}

/// The folder of `group` below the mount of a file system type with an option (proc_pid_mountinfo(5)).
fn mounted(mountinfo: &str, kind: &str, option: Option<&str>, group: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, point) = (left.next()?, left.next()?);
        let mut right = right.split(' ');
        let options_match = |options: &str| {
            option.is_none_or(|option| options.split(',').any(|given| given == option))
        };
        if right.next()? != kind || !options_match(right.nth(1)?) {
            return None;
        }
        // In a container the mount shows only a part of the tree, from `root` down.
        let below = Path::new(group).strip_prefix(root).unwrap_or(Path::new(""));
        Some(Path::new(point).join(below))
    })
}

/// Finds the first mechanism that can be written, by writing to it.
#[must_use]
pub fn detect() -> Mechanism {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (unified, separate) = locate(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
    let mut cause = "no control group is mounted".to_owned();
    if let Some(own) = unified {
        match prepare_unified(&own) {
            Ok(mechanism) => return mechanism,
            Err(why) => cause = why,
        }
    }
    let mut own = BTreeMap::new();
    for (controller, folder) in separate {
        let candidate = Mechanism::Groups {
            unified: false,
            own: BTreeMap::from([(controller, folder.clone())]),
        };
        match probe(&candidate) {
            Ok(()) => {
                own.insert(controller, folder);
            }
            Err(why) => cause = why,
        }
    }
    // Accounting alone limits nothing.
    if own.contains_key(&Controller::Memory) || own.contains_key(&Controller::Cpu) {
        Mechanism::Groups { unified: false, own }
    } else {
        Mechanism::Rlimits { cause }
    }
}

/// Makes the controllers available below our own group of version 2.
fn prepare_unified(own: &Path) -> Result<Mechanism, String> {
    let own = match own.file_name() {
        // We moved ourselves there earlier: attempts belong beside that leaf.
        Some(name) if name == PLATFORM_LEAF => own.parent().unwrap_or(own),
        _ => own,
    };
    let offered = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
    let usable = [Controller::Cpu, Controller::Memory, Controller::Pids]
        .map(|controller| offered.split_whitespace().any(|name| name == controller.name()));
    if usable != [true; 3] {
        return Err("version 2 does not offer cpu, memory and pids here".to_owned());
    }
    let control = own.join("cgroup.subtree_control");
    let enable = |path: &Path| fs::write(path, "+cpu +memory +pids");
    if enable(&control).is_err() {
        leave_alone(own).map_err(|why| format!("version 2: {why}"))?;
        enable(&control).map_err(|error| format!("version 2 cannot be delegated: {error}"))?;
    }
    let parent = own.join(PARENT);
    fs::create_dir_all(&parent).map_err(|error| format!("version 2 is read-only: {error}"))?;
    enable(&parent.join("cgroup.subtree_control"))
        .map_err(|error| format!("version 2 cannot be delegated: {error}"))?;
    let folders = [Controller::Cpu, Controller::Memory, Controller::Pids];
    let mechanism = Mechanism::Groups {
        unified: true,
        own: folders.into_iter().map(|controller| (controller, own.to_path_buf())).collect(),
    };
    probe(&mechanism)?;
    // The probe's removal takes the empty parent along, whose delegation must then be made again.
    fs::create_dir_all(&parent).map_err(|error| error.to_string())?;
    enable(&parent.join("cgroup.subtree_control")).map_err(|error| error.to_string())?;
    Ok(mechanism)
}

/// Moves this process into a leaf, if it is alone in its group.
fn leave_alone(own: &Path) -> Result<(), String> {
    let here = fs::read_to_string(own.join("cgroup.procs")).unwrap_or_default();
    let mine = std::process::id().to_string();
    if here.lines().collect::<Vec<_>>() != [mine.as_str()] {
        return Err("our group holds other processes: run the platform in its own unit with \
                    `Delegate=yes`"
            .to_owned());
    }
    let leaf = own.join(PLATFORM_LEAF);
    fs::create_dir_all(&leaf)
        .and_then(|()| fs::write(leaf.join("cgroup.procs"), "0"))
        .map_err(|error| error.to_string())
}

/// Makes a group with limits and removes it.
fn probe(mechanism: &Mechanism) -> Result<(), String> {
    let name = format!("probe-{}", std::process::id());
    let Some(group) = mechanism.group(&name) else { return Err("no group".to_owned()) };
    let limits = GroupLimits { cpu: MilliCpu(1_000), memory: Bytes(64 << 20), n_processes_max: 64 };
    let made = group.create(limits).map_err(|error| error.to_string());
    let removed = group.remove();
    made.and(if removed { Ok(()) } else { Err("a probe group could not be removed".to_owned()) })
}
