//! `doctor`: is this machine fit to run the platform, and does the platform answer?
//!
//! It looks and tells; it changes nothing but a file that it writes and removes in the data folder.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use api::{
    client::Client,
    endpoint::Nothing,
    nouns::{
        key::Whoami,
        node::{NodeList, NodeQuery},
        platform::{Healthz, Readyz},
    },
};
use exec::{
    cgroup::{self, Mechanism},
    container::{self, ContainerPlan},
    facts, power, sandbox,
};
use serde::Serialize;
use serde_json::json;
use store::vault::{KEK_FILE, Vault};
use units::Bytes;

use super::{
    exit::Exit,
    failure::Failure,
    session::{Session, data_dir},
};
use crate::{
    config::{self, Config},
    output::{
        human::{cores, size, word},
        table::{Table, left, state},
    },
};

/// Below this a platform with one small workload does not fit.
const MEMORY_ENOUGH: Bytes = Bytes(1 << 30);
/// Below this the demo does not fit.
const SPACE_ENOUGH: Bytes = Bytes(2 << 30);
/// Below this not even a log fits for long.
const SPACE_LEAST: Bytes = Bytes(100 << 20);
/// 2026-01-01: a clock before it is wrong, since this program is younger.
const CLOCK_LEAST_UNIX_SECS: u64 = 1_767_225_600;
/// Longest wait for a container runtime.
const CONTAINER_TIMEOUT: Duration = Duration::from_secs(3);

/// Check this machine, the data folder, the settings and the platform
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde doctor
  cocarde doctor --data /srv/cocarde --listen 0.0.0.0:7711 -o json

Exit code 1 if anything fails; a warning is none.")]
pub(crate) struct DoctorArgs {
    /// Data folder [default: $COCARDE_DATA or ~/.local/share/cocarde]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the platform would listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7711")]
    listen: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

fn ok(name: &'static str, detail: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Ok, detail: detail.into(), remedy: None }
}

fn warn(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Warn, detail: detail.into(), remedy: Some(remedy.into()) }
}

fn fail(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
    Check { name, verdict: Verdict::Fail, detail: detail.into(), remedy: Some(remedy.into()) }
}

/// Looks at everything.
pub(crate) fn run(args: DoctorArgs, session: &Session) -> Result<Exit, Failure> {
    let mut checks = machine();
    checks.push(clock(SystemTime::now()));
    let folder = data_dir(args.data)?;
    checks.extend(data(&folder));
    checks.extend(vault(&folder));
    checks.push(settings());
    checks.extend(platform(session, args.listen));
    let good = checks.iter().all(|check| check.verdict != Verdict::Fail);
    session.output.show(&json!({ "ok": good, "checks": checks }), || {
        let mut table = Table::new(&[state("RESULT"), left("WHAT"), left("FOUND")]);
        for check in &checks {
            table.row([word(&check.verdict), check.name.to_owned(), check.detail.clone()]);
            if let Some(remedy) = &check.remedy {
                table.row([String::new(), String::new(), format!("→ {remedy}")]);
            }
        }
        table
    })?;
    Ok(if good { Exit::Ok } else { Exit::Failed })
}

fn machine() -> Vec<Check> {
    let memory = facts::memory();
    let room = format!("{} available", size(memory));
    let sandbox = sandbox::facts();
    let mechanism = cgroup::detect();
    let gpus = facts::gpu::list();
    let gpu_text = match gpus.first() {
        None => "none (or no NVIDIA driver); that is no fault".to_owned(),
        Some(first) => format!("{} × {}, {}", gpus.len(), first.model, size(first.memory)),
    };
    let power = power::describe_sources(power::PowerModel::default(), !gpus.is_empty());
    vec![
        ok("machine", format!("{}, {}", facts::hostname(), facts::system())),
        ok("processor", format!("{} cores of {}", cores(facts::cpu()), facts::cpu_model())),
        if memory < MEMORY_ENOUGH {
            warn("memory", room, "free some memory: workloads that ask for 1 GiB will wait")
        } else {
            ok("memory", room)
        },
        ok("gpus", gpu_text),
        if sandbox.starts_with("none") {
            warn("sandbox", sandbox, "workloads see the files that this user sees: use containers")
        } else {
            ok("sandbox", sandbox)
        },
        match &mechanism {
            Mechanism::Groups { .. } => ok("limits", mechanism.describe()),
            Mechanism::Rlimits { .. } => warn(
                "limits",
                mechanism.describe(),
                "give this user a control group, such as by `systemd-run --user -p Delegate=yes`",
            ),
        },
        ok("energy", power),
        containers(),
    ]
}

fn containers() -> Check {
    let name = "containers";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        return warn(name, "cannot be asked", "check the limit of open files (`ulimit -n`)");
    };
    let plan = ContainerPlan::usual();
    let found = runtime
        .block_on(async { tokio::time::timeout(CONTAINER_TIMEOUT, container::facts(&plan)).await });
    match found {
        Ok(Some(found)) => ok(name, found),
        Ok(None) => ok(name, "no runtime: jobs with `image:` are refused, others run"),
        Err(_) => warn(name, "the runtime does not answer", "restart podman or docker"),
    }
}

fn clock(now: SystemTime) -> Check {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if seconds < CLOCK_LEAST_UNIX_SECS {
        let detail = format!("it says {seconds} s since 1970, which is in the past");
        return fail("clock", detail, "set it, for example with `timedatectl set-ntp true`");
    }
    let at = jiff::Timestamp::try_from(now).map(|at| at.to_string()).unwrap_or_default();
    ok("clock", at)
}

fn data(folder: &Path) -> Vec<Check> {
    let exists = folder.is_dir();
    // A folder that is still to be made is as good as the nearest one above it.
    let nearest = folder.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("."));
    let write = tempfile::Builder::new().prefix(".cocarde-doctor-").tempfile_in(nearest);
    let place = format!("`{}`{}", folder.display(), if exists { "" } else { " (to be made)" });
    let writable = match write {
        Ok(_) => ok("data folder", place),
        Err(error) => fail(
            "data folder",
            format!("{place} cannot be written: {error}"),
            "choose another with `--data DIR`, or change its owner",
        ),
    };
    vec![writable, space(nearest)]
}

/// What lies sealed in the folder, and whether its key lies beside it.
fn vault(folder: &Path) -> Option<Check> {
    let name = "vault";
    let summary = match Vault::inspect(folder) {
        Ok(summary) => summary?,
        Err(error) => {
            return Some(fail(name, error.to_string(), "restore the folder from a backup"));
        }
    };
    let key_file = folder.join(KEK_FILE);
    let mode = fs::metadata(&key_file).map(|metadata| metadata.permissions().mode()).ok();
    let text = format!(
        "{} records of {} tenants, wrapped by {}",
        summary.records,
        summary.tenants,
        if summary.key_ids.is_empty() {
            "no key yet".to_owned()
        } else {
            summary.key_ids.join(", ")
        }
    );
    Some(match mode {
        Some(mode) if mode & 0o077 != 0 => {
            let remedy = format!("chmod 600 '{}'", key_file.display());
            fail(name, format!("`{}` may be read by others", key_file.display()), remedy)
        }
        Some(_) if summary.tenants > 0 => warn(
            name,
            format!("{text}; the key lies beside it and is in no backup"),
            "keep a copy of `vault.kek` elsewhere, or name another key with `cocarde up --kek`",
        ),
        Some(_) | None => ok(name, text),
    })
}

fn space(folder: &Path) -> Check {
    let free = match rustix::fs::statvfs(folder) {
        Ok(disk) => Bytes(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => {
            return warn("free space", format!("unknown: {error}"), "check it with `df`");
        }
    };
    let text = format!("{} at `{}`", size(free), folder.display());
    if free < SPACE_LEAST {
        return fail("free space", text, "free some space, or choose another disk");
    }
    if free < SPACE_ENOUGH {
        return warn("free space", text, "the demo and larger models need more");
    }
    ok("free space", text)
}

fn settings() -> Check {
    let name = "settings";
    let path = match config::path() {
        Ok(path) => path,
        Err(failure) => return fail(name, failure.message, "set HOME"),
    };
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(failure) => return fail(name, failure.message, failure.remedy.unwrap_or_default()),
    };
    let mode = fs::metadata(&path).map(|metadata| metadata.permissions().mode()).unwrap_or(0);
    if mode & 0o077 != 0 {
        let detail = format!("`{}` holds keys and others may read it", path.display());
        return fail(name, detail, format!("chmod 600 '{}'", path.display()));
    }
    let current = config.current().map_or("none in use", |(name, _)| name);
    ok(name, format!("`{}`: {} platforms, {current}", path.display(), config.contexts.len()))
}

/// A platform that answers needs no free port; without one the port must be free.
fn platform(session: &Session, listen: SocketAddr) -> Vec<Check> {
    let connection = match session.connection() {
        Ok(connection) => connection,
        Err(failure) => return vec![fail("platform", failure.message, "correct the settings")],
    };
    let client = match Client::new(&connection.server, connection.token.as_deref()) {
        Ok(client) => client,
        Err(error) => return vec![fail("platform", error.to_string(), "correct `--server`")],
    };
    let health = match client.get::<Healthz>(&Nothing {}, &Nothing {}) {
        Ok(health) => health,
        Err(error) => {
            let remedy = "start it with `cocarde up`, or name another with `--server URL`";
            return vec![warn("platform", error.to_string(), remedy), port(listen)];
        }
    };
    let text = format!("{} runs version {}", connection.server, health.version);
    let own = env!("CARGO_PKG_VERSION");
    let version = if health.version == own {
        ok("platform", text)
    } else {
        warn("platform", text, format!("this program is {own}: use the same version"))
    };
    let ready = match client.get::<Readyz>(&Nothing {}, &Nothing {}) {
        Ok(ready) => ok("readiness", format!("{} at entry {}", ready.status, ready.seq)),
        Err(error) => fail("readiness", error.to_string(), "look at what it says on its stderr"),
    };
    let key = match client.get::<Whoami>(&Nothing {}, &Nothing {}) {
        Ok(who) => ok("key", who.in_words()),
        Err(error) => warn("key", error.to_string(), "run `cocarde login URL` with a valid key"),
    };
    [version, ready, key].into_iter().chain(virtual_nodes(&client)).collect()
}

/// A platform that shows one machine as several says so; whoever may not list nodes is told nothing.
fn virtual_nodes(client: &Client) -> Option<Check> {
    let query = NodeQuery { limit: Some(500), ..NodeQuery::default() };
    let page = client.get::<NodeList>(&Nothing {}, &query).ok()?;
    let facts = page.items.iter().filter_map(|node| node.facts.as_ref());
    let hosts: Vec<&String> = facts.filter_map(|facts| facts.virtual_host.as_ref()).collect();
    let host = hosts.first()?;
    let text =
        format!("{} nodes are virtual, shown by `{host}`; GPUs on them are not real", hosts.len());
    Some(warn("virtual nodes", text, "for tests and teaching only: figures say nothing of a fleet"))
}

fn port(listen: SocketAddr) -> Check {
    match TcpListener::bind(listen) {
        Ok(_) => ok("port", format!("{listen} is free")),
        Err(error) => fail(
            "port",
            format!("{listen}: {error}"),
            "stop the program that uses it, or choose another with `cocarde up --listen`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_the_past_fails() {
        assert_eq!(clock(UNIX_EPOCH).verdict, Verdict::Fail);
        let later = UNIX_EPOCH + Duration::from_secs(CLOCK_LEAST_UNIX_SECS);
        assert_eq!(clock(later).detail, "2026-01-01T00:00:00Z");
    }

    #[test]
    fn a_port_in_use_fails_and_a_free_one_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(port(address).verdict, Verdict::Fail);
        drop(listener);
        assert_eq!(port(address).verdict, Verdict::Ok);
    }

    #[test]
    fn a_folder_to_be_made_is_judged_by_the_one_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let checks = data(&folder.path().join("a/b"));
        assert!(checks[0].verdict == Verdict::Ok && checks[0].detail.ends_with("(to be made)"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
    }
}
