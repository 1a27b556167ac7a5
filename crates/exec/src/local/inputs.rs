//! Read-only inputs: written once below `inputs/`, linked from the working folder.
//!
//! They are not written into the working folder itself, because a workload may write anywhere in
//! it: the sandbox gives `inputs/` for reading only, so a workload cannot change a dataset.
//! Paths come from users; nothing may be made outside the workload's own folders.

use std::{
    fs, io,
    os::unix::fs::symlink,
    path::{Component, Path, PathBuf},
};

use api::engine::Input;

use crate::engine::Artefacts;

/// Names in the working folder that the engine itself uses.
const RESERVED: [&str; 3] = ["out", "tmp", "checkpoint"];
/// Most inputs of one workload.
const N_INPUTS_MAX: usize = 256;

/// The path of a mount below the working folder.
pub(super) fn below(mount: &str) -> Result<PathBuf, String> {
    let refuse = |why: &str| Err(format!("mount path `{mount}` {why}"));
    let Some(rest) = mount.strip_prefix('/') else {
        return refuse("is not absolute: write for example `/data`");
    };
    let path = Path::new(rest.trim_end_matches('/'));
    if path.as_os_str().is_empty() || rest.contains('\0') {
        return refuse("names nothing: write for example `/data`");
    }
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return refuse("must not contain `.` or `..`");
    }
    if RESERVED.iter().any(|name| path.starts_with(name)) {
        return refuse("is used by the platform: choose another");
    }
    Ok(path.to_path_buf())
}

/// Checks all mounts of a workload against each other.
pub(super) fn check(inputs: &[Input]) -> Result<Vec<PathBuf>, String> {
    if inputs.len() > N_INPUTS_MAX {
        return Err(format!("{} inputs are more than {N_INPUTS_MAX}", inputs.len()));
    }
    let paths: Vec<PathBuf> =
        inputs.iter().map(|input| below(&input.mount)).collect::<Result<_, _>>()?;
    for (index, path) in paths.iter().enumerate() {
        let others = paths.iter().enumerate().filter(|(other, _)| *other != index);
        if let Some((_, inside)) = others.into_iter().find(|(_, other)| other.starts_with(path)) {
            return Err(format!(
                "mounts `/{}` and `/{}` overlap: give each its own folder",
                path.display(),
                inside.display()
            ));
        }
    }
    Ok(paths)
}

/// Where a workload's inputs are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// The workload's folder, for markers.
    pub(super) home: &'a Path,
    /// `inputs/`.
    pub(super) inputs: &'a Path,
    /// `work/`.
    pub(super) work: &'a Path,
}

/// Writes every input that is not there yet and links it into the working folder.
pub(super) fn materialise(
    inputs: &[Input],
    places: Places<'_>,
    artefacts: &dyn Artefacts,
) -> Result<(), String> {
    let paths = check(inputs)?;
    for (input, path) in inputs.iter().zip(paths) {
        let target = places.inputs.join(&path);
        let marker = marker(places.home, &path);
        let digest = input.manifest.to_string();
        if fs::read_to_string(&marker).is_ok_and(|text| text == digest) {
            link(places.work, &path, &target)?;
            continue;
        }
        let said = |error: io::Error| format!("cannot write `{}`: {error}", target.display());
        // What is there is partial or of another version.
        remove_if_there(&marker).map_err(said)?;
        remove_if_there(&target).map_err(said)?;
        fs::create_dir_all(&target).map_err(said)?;
        artefacts
            .materialise(input.manifest, &target)
            .map_err(|error| format!("input `{}`: {error}", input.mount))?;
        fs::create_dir_all(marker.parent().unwrap_or(places.home)).map_err(said)?;
        fs::write(&marker, digest).map_err(said)?;
        link(places.work, &path, &target)?;
    }
    Ok(())
}

/// The file that says which version is complete; its name holds the whole path.
fn marker(home: &Path, path: &Path) -> PathBuf {
    let name = path.to_string_lossy().replace('%', "%25").replace('/', "%2F");
    home.join("inputs-complete").join(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Links `work/path` to the input. An earlier attempt may have left anything there, links included,
/// so no parent may be one: the platform may be root, and the workload may not choose where it writes.
fn link(work: &Path, path: &Path, target: &Path) -> Result<(), String> {
    let place = work.join(path);
    let said = |error: io::Error| format!("cannot link `{}`: {error}", place.display());
    let mut folder = work.to_path_buf();
    for part in path.parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match fs::symlink_metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(format!(
                    "`{}` is in the way of an input: the workload has made it; remove it",
                    folder.display()
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(&folder).map_err(said)?;
            }
            Err(error) => return Err(said(error)),
        }
    }
    match fs::symlink_metadata(&place) {
        Ok(metadata) if metadata.is_symlink() => fs::remove_file(&place).map_err(said)?,
        Ok(_) => {
            return Err(format!(
                "`{}` is in the way of an input: the workload has made it; remove it",
                place.display()
            ));
        }
        Err(_) => {}
    }
    symlink(target, &place).map_err(said)
}
