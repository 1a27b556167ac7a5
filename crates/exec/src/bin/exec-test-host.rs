//! A test helper that answers `__shim DIR` and `__launch DIR` as the real binary does.
//!
//! It exists because integration tests of this crate need a program to re-execute; nothing ships it.

use std::{env, path::PathBuf, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        return ExitCode::from(2);
    };
    match verb.to_str() {
        Some("__shim") => exec::shim::run(&folder),
        Some("__launch") => exec::launch::run(&folder),
        _ => ExitCode::from(2),
    }
}
