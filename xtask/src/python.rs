//! The virtual environment of the interoperability checks: pinned packages, made once.
//!
//! Must never install anything outside `.venv`.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{Failure, Outcome, root, run};

/// The environment's interpreter, installing first when the pins have changed.
pub(crate) fn environment() -> Result<PathBuf, Failure> {
    let folder = root().join(".venv");
    let pins_path = root().join("interop/requirements.txt");
    let python = folder.join("bin/python");
    let marker = folder.join("requirements.installed");
    let pins = std::fs::read_to_string(&pins_path)
        .map_err(|error| Failure::found(format!("`{}`: {error}", pins_path.display())))?;
    if std::fs::read_to_string(&marker).is_ok_and(|installed| installed == pins) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    install(&python, &pins_path)?;
    // Last, so that an interrupted installation is done again.
    std::fs::write(&marker, pins)
        .map_err(|error| Failure::found(format!("`{}`: {error}", marker.display())))?;
    Ok(python)
}

/// The pins are closed under dependency, so pip resolves nothing and fetches no CUDA libraries.
fn install(python: &PathBuf, pins: &PathBuf) -> Outcome {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(pip.args(["--no-deps", "--no-compile", "--requirement"]).arg(pins))?;
    run(Command::new(python).arg(root().join("interop/torch_without_cuda.py")))
}
