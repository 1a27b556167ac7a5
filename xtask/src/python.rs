//! The virtual environments of the interoperability checks: pinned packages, made once.
//!
//! There are two, because clients of inference want other versions than the tools that read a model and the log.
//! Must never install anything outside `.venv` and `.venv-clients`.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Failure, Outcome, root, run};

/// The interpreter of the environment with the tools, installing first when the pins have changed.
pub(crate) fn environment() -> Result<PathBuf, Failure> {
    made(".venv", "interop/requirements.txt", |python| {
        run(Command::new(python).arg(root().join("interop/torch_without_cuda.py")))
    })
}

/// The interpreter of the environment with the clients of inference.
pub(crate) fn clients() -> Result<PathBuf, Failure> {
    made(".venv-clients", "interop/requirements-clients.txt", |_| Ok(()))
}

fn made(
    folder: &str,
    pins: &str,
    finish: impl FnOnce(&PathBuf) -> Outcome,
) -> Result<PathBuf, Failure> {
    let folder = root().join(folder);
    let pins_path = root().join(pins);
    let python = folder.join("bin/python");
    let marker = folder.join("requirements.installed");
    let pins = std::fs::read_to_string(&pins_path)
        .map_err(|error| Failure::found(format!("`{}`: {error}", pins_path.display())))?;
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == pins) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    install(&python, &pins_path)?;
    finish(&python)?;
    // Last, so that an interrupted installation is done again.
    std::fs::write(&marker, pins)
        .map_err(|error| Failure::found(format!("`{}`: {error}", marker.display())))?;
    Ok(python)
}

/// The pins are closed under what is used, so pip resolves nothing and fetches no CUDA libraries.
fn install(python: &PathBuf, pins: &PathBuf) -> Outcome {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(pip.args(["--no-deps", "--no-compile", "--requirement"]).arg(pins))
}
