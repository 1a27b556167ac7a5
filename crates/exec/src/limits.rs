//! Resource limits of a process (setrlimit(2)), for every workload; the only memory limit where no
//! control group is writable.
//!
//! Memory uses RLIMIT_DATA (private writable memory, counted by Linux since 4.7), not RLIMIT_AS:
//! programs that reserve address space (garbage collectors, CUDA, thread sanitisers) fail under the
//! latter long before they use memory. RLIMIT_DATA is per process, so the shim also watches the sum.

use std::io;

use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use units::Bytes;

/// Open files allowed, unless the machine allows fewer.
pub const OPEN_FILES_MAX: u64 = 65_536;

/// Limits the calling process and everything it starts; `memory` only where no group limits it.
///
/// # Errors
/// The operating system's refusal.
pub fn restrict(memory: Option<Bytes>, n_processes_max: u64) -> io::Result<()> {
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, OPEN_FILES_MAX)?;
    if let Some(memory) = memory {
        lower(Resource::Data, memory.0)?;
    }
    // RLIMIT_NPROC counts all processes of a user, so for root it would stop unrelated services.
    if !geteuid().is_root() {
        lower(Resource::Nproc, user_processes().saturating_add(n_processes_max))?;
    }
    Ok(())
}

/// Lowers the soft and hard limit to `value`, or leaves a hard limit that is already lower.
fn lower(resource: Resource, value: u64) -> io::Result<()> {
    let present = getrlimit(resource);
    let hard = present.maximum.map_or(value, |maximum| maximum.min(value));
    setrlimit(resource, Rlimit { current: Some(hard), maximum: Some(hard) })?;
    Ok(())
}

/// Room for what runs already, because RLIMIT_NPROC counts the threads of the whole user: every
/// visible process with four threads, which is generous on purpose (too low a limit would make an
/// innocent workload fail to fork).
fn user_processes() -> u64 {
    u64::try_from(crate::procfs::all().len()).unwrap_or(0).saturating_mul(4)
}
