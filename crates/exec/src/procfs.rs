//! Reading `/proc`, and signalling processes whose identity was verified.
//!
//! A process id alone is never trusted: an identity also holds the start time and the boot, and
//! signals go through a pidfd that was opened before the identity was compared.

use std::{collections::BTreeMap, fs, path::Path};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::spec::ProcessIdentity;

/// The fields of `/proc/PID/stat` that we use (proc_pid_stat(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Process id.
    pub(crate) pid: i32,
    /// `R`, `S`, `Z`, …
    pub(crate) state: char,
    /// Parent.
    pub(crate) parent: i32,
    /// Session.
    pub(crate) session: i32,
    /// Own user and system time, in clock ticks.
    pub(crate) own_ticks: u64,
    /// Time of children that were waited for, in clock ticks.
    pub(crate) children_ticks: u64,
    /// Start time in clock ticks since boot.
    pub(crate) start_ticks: u64,
    /// Resident pages.
    pub(crate) resident_pages: u64,
}

/// Parses a line of `/proc/PID/stat`; the command may hold spaces and parentheses.
pub(crate) fn parse_stat(line: &str) -> Option<Stat> {
    let (head, tail) = line.rsplit_once(')')?;
    let pid = head.split_once(' ')?.0.parse().ok()?;
    let fields: Vec<&str> = tail.split_whitespace().collect();
    // Field 3 of the manual page is index 0 here.
    let field = |number: usize| fields.get(number.checked_sub(3)?).copied();
    let ticks = |number: usize| field(number)?.parse::<u64>().ok();
    Some(Stat {
        pid,
        state: field(3)?.chars().next()?,
        parent: field(4)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        own_ticks: ticks(14)?.saturating_add(ticks(15)?),
        children_ticks: ticks(16)?.saturating_add(ticks(17)?),
        start_ticks: ticks(22)?,
        resident_pages: ticks(24)?,
    })
}

/// The stat line of a process, if it exists.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Every process that can be seen; one that ends meanwhile is left out.
pub(crate) fn all() -> Vec<Stat> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(stat)
        .collect()
}

/// Children of a process, their children, and so on; without the process itself.
pub(crate) fn descendants(root: i32, processes: &[Stat]) -> Vec<Stat> {
    let mut by_parent: BTreeMap<i32, Vec<&Stat>> = BTreeMap::new();
    for process in processes {
        by_parent.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<Stat> = Vec::new();
    let mut frontier = vec![root];
    while let Some(parent) = frontier.pop() {
        // Removing the entry makes the walk finite whatever the table says.
        for child in by_parent.remove(&parent).unwrap_or_default() {
            frontier.push(child.pid);
            found.push(child.clone());
        }
    }
    found
}

/// Clock ticks as microseconds.
pub(crate) fn ticks_to_micros(ticks: u64) -> u64 {
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    u64::try_from(u128::from(ticks) * 1_000_000 / u128::from(per_second)).unwrap_or(u64::MAX)
}

/// Pages as bytes.
pub(crate) fn pages_to_bytes(pages: u64) -> u64 {
    pages.saturating_mul(u64::try_from(rustix::param::page_size()).unwrap_or(4_096))
}

/// The identity of this boot; empty where the kernel does not tell.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// The identity of a running process.
pub(crate) fn identify(pid: i32) -> Option<ProcessIdentity> {
    Some(ProcessIdentity { pid, start_ticks: stat(pid)?.start_ticks, boot_id: boot_id() })
}

/// True if exactly this process exists and is not a zombie.
pub(crate) fn is_alive(identity: &ProcessIdentity) -> bool {
    identity.boot_id == boot_id()
        && stat(identity.pid).is_some_and(|stat| {
            stat.start_ticks == identity.start_ticks && !matches!(stat.state, 'Z' | 'X')
        })
}

/// Signals exactly this process; false if it is gone or may not be signalled.
pub(crate) fn signal(identity: &ProcessIdentity, signal: Signal) -> bool {
    let Some(pid) = Pid::from_raw(identity.pid) else { return false };
    // The descriptor pins the process, so that the comparison below holds when the signal is sent.
    let Ok(descriptor) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    is_alive(identity) && pidfd_send_signal(&descriptor, signal).is_ok()
}

/// True if a process carries both markers in its environment; false where it cannot be read.
pub(crate) fn has_environment(pid: i32, markers: &[String]) -> bool {
    let Ok(bytes) = fs::read(Path::new("/proc").join(pid.to_string()).join("environ")) else {
        return false;
    };
    markers
        .iter()
        .all(|marker| bytes.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes()))
}

#[cfg(test)]
mod tests;
