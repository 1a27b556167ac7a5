//! The open connections of the platform's processes, as Linux shows them in `/proc`: who listens at the platform's
//! address, everything below that process, and the supervisors of its work that an earlier start has left running.
//! TCP, and UDP where it is connected. Reads only.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{Observed, Seen, plain, port_of};
use crate::cli::{exit::Exit, failure::Failure};

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// The state of a TCP socket that listens (`include/net/tcp_states.h`).
const LISTEN: u8 = 0x0a;

/// One socket of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Socket {
    inode: u64,
    local: SocketAddr,
    peer: SocketAddr,
    state: u8,
    is_tcp: bool,
}

impl Socket {
    const fn listens(&self) -> bool {
        self.is_tcp && self.state == LISTEN
    }
}

/// Looks at the platform that answers at an address of this machine.
pub(super) fn look(server: &str, for_so_long: Duration) -> Result<Observed, Failure> {
    let not_here = || {
        Failure::new(Exit::NotFound, format!("no process of this machine answers at `{server}`"))
            .remedy("run this where the platform runs and as its user, or give `--observed FILE`")
    };
    let port = port_of(server).ok_or_else(not_here)?;
    let platform = who_listens(port).ok_or_else(not_here)?;
    let mut observed = Observed::default();
    let until = Instant::now() + for_so_long;
    loop {
        look_once(platform, &mut observed);
        if Instant::now() >= until {
            return Ok(observed);
        }
        thread::sleep(PAUSE);
    }
}

fn look_once(platform: i32, observed: &mut Observed) {
    let pids = family(platform);
    observed.processes = observed.processes.max(pids.len());
    let mut tables: BTreeMap<PathBuf, BTreeMap<u64, Socket>> = BTreeMap::new();
    let mut found: Vec<(i32, Socket)> = Vec::new();
    for pid in &pids {
        let own = PathBuf::from(format!("/proc/{pid}"));
        // Each network namespace has tables of its own; one that ends meanwhile has none.
        let (Some(space), Some(inodes)) = (fs::read_link(own.join("ns/net")).ok(), inodes(*pid))
        else {
            if own.join("stat").exists() && !is_gone(*pid) {
                observed.unreadable.insert(*pid);
            }
            continue;
        };
        let table = tables.entry(space).or_insert_with(|| sockets(&own.join("net")));
        found.extend(inodes.iter().filter_map(|inode| Some((*pid, *table.get(inode)?))));
    }
    let listening: BTreeSet<SocketAddr> =
        found.iter().filter(|(_, one)| one.listens()).map(|(_, one)| one.local).collect();
    for (pid, one) in found.iter().filter(|(_, one)| one.peer.port() != 0 && !one.listens()) {
        let came_in = one.is_tcp && is_listened(&listening, one.local);
        let stays_inside = one.peer.ip().is_loopback() && is_listened(&listening, one.peer);
        if !came_in && !stays_inside {
            let process = fs::read_to_string(format!("/proc/{pid}/comm")).ok();
            observed.outgoing.insert(Seen {
                destination: one.peer.to_string(),
                pid: Some(*pid),
                process: process.map(|name| name.trim().to_owned()),
            });
        }
    }
}

/// True if one of the processes listens at this address, or at its port on all addresses.
fn is_listened(listening: &BTreeSet<SocketAddr>, address: SocketAddr) -> bool {
    let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    listening.contains(&address)
        || any.iter().any(|any| listening.contains(&SocketAddr::new(*any, address.port())))
}

/// The platform's process, what is below it, and what an earlier start of it has left.
fn family(platform: i32) -> BTreeSet<i32> {
    let parents = parents();
    let run = data_folder(platform).map(|data| data.join("run"));
    let left_over = parents.keys().copied().filter(|pid| {
        let cwd = fs::read_link(format!("/proc/{pid}/cwd")).ok();
        run.is_some() && cwd == run && program(*pid) == program(platform)
    });
    let mut pids: BTreeSet<i32> = left_over.chain([platform]).collect();
    loop {
        let before = pids.len();
        let below = parents.iter().filter(|(_, parent)| pids.contains(parent));
        let below: Vec<i32> = below.map(|(pid, _)| *pid).collect();
        pids.extend(below);
        if pids.len() == before {
            return pids;
        }
    }
}

fn program(pid: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The data folder of a platform: it holds the lock of its gateway's spool open.
fn data_folder(pid: i32) -> Option<PathBuf> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    let lock = targets.find(|target| target.ends_with("gateway/lock"))?;
    lock.parent()?.parent().map(Path::to_path_buf)
}

/// Each process with its parent.
fn parents() -> BTreeMap<i32, i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?.1))).collect()
}

/// State and parent of a process (proc_pid_stat(5)); its name may hold spaces and parentheses.
fn stat(pid: i32) -> Option<(char, i32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// A process that has ended and only waits to be asked how has no connections.
fn is_gone(pid: i32) -> bool {
    stat(pid).is_none_or(|(state, _)| matches!(state, 'Z' | 'X'))
}

/// The sockets that a process holds; `None` if it cannot be looked at.
fn inodes(pid: i32) -> Option<Vec<u64>> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    let inode = |target: PathBuf| {
        let text = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned();
        text.parse().ok()
    };
    Some(targets.filter_map(inode).collect())
}

/// Who listens at a port of this machine.
fn who_listens(port: u16) -> Option<i32> {
    let table = sockets(Path::new("/proc/self/net"));
    let listens = |one: &&Socket| one.listens() && one.local.port() == port;
    let wanted: Vec<u64> = table.values().filter(listens).map(|one| one.inode).collect();
    let holds =
        |pid: &i32| inodes(*pid).is_some_and(|own| own.iter().any(|inode| wanted.contains(inode)));
    parents().into_keys().find(holds)
}

/// The tables of a network namespace, by inode.
fn sockets(folder: &Path) -> BTreeMap<u64, Socket> {
    let mut all = BTreeMap::new();
    for (name, is_tcp) in [("tcp", true), ("tcp6", true), ("udp", false), ("udp6", false)] {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        all.extend(text.lines().filter_map(|line| parse(line, is_tcp)).map(|one| (one.inode, one)));
    }
    all
}

/// A line of a table: number, local, peer, state, …, inode (proc_pid_net(5)).
fn parse(line: &str, is_tcp: bool) -> Option<Socket> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, local, peer, state, _, _, _, _, _, inode, ..] = fields.as_slice() else { return None };
    Some(Socket {
        inode: inode.parse().ok()?,
        local: address(local)?,
        peer: address(peer)?,
        state: u8::from_str_radix(state, 16).ok()?,
        is_tcp,
    })
}

/// An address in hexadecimal digits: words of four bytes in this machine's order, then the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::from(word(0)?),
        32 => {
            let mut bytes = [0; 16];
            for (place, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(place * 8)?);
            }
            IpAddr::from(bytes)
        }
        _ => return None,
    };
    Some(plain(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_the_tables_are_read() {
        let line = "   0: 0100007F:1E1F 00000000:0000 0A 00000000:00000000 00:00000000 00000000  \
            1000        0 123456 1 0000000000000000 100 0 0 10 0";
        let one = parse(line, true).unwrap();
        assert!(one.listens() && one.inode == 123_456);
        assert_eq!(one.local, "127.0.0.1:7711".parse().unwrap());
        let mapped = address("0000000000000000FFFF0000070200C0:01BB").unwrap();
        assert_eq!(mapped, "192.0.2.7:443".parse().unwrap());
        let six = address("B80D0120000000000000000001000000:0050").unwrap();
        assert_eq!(six, "[2001:db8::1]:80".parse().unwrap());
        for wrong in ["", "0100007F", "0100007F:XX", "01:0050", "é100007F:0050"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
