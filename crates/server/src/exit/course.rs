//! Each student's work as plain files: the versions of their datasets and models, and what their jobs left.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use kernel::State;
use units::{Digest, Id, kinds};

use super::export::{add, append};
use crate::platform::Platform;

/// Deepest folder of a job's output that is followed.
const DEPTH_MAX: usize = 32;

/// What is to be written.
pub(crate) struct CourseWork {
    /// Folder in the file, and the manifest of what lies in it.
    versions: Vec<(String, Digest)>,
    /// Folder in the file, and the workload whose output lies in it.
    outputs: Vec<(String, Id<kinds::Workload>)>,
}

impl CourseWork {
    /// Gathers a course; `None` if there is none.
    pub(crate) fn gather(state: &State, id: Id<kinds::Course>) -> Option<Self> {
        let course = state.courses.get(&id)?;
        let mut work = Self { versions: Vec::new(), outputs: Vec::new() };
        let roots: BTreeMap<_, String> = course
            .students
            .iter()
            .map(|(user, project)| {
                let name = state.projects.get(project).map(|p| p.name.to_string());
                (*project, format!("{}-{user}", name.unwrap_or_default()))
            })
            .collect();
        // One pass over each noun, however many students there are.
        for d in state.datasets.values().filter(|d| d.erased_at.is_none()) {
            let Some(root) = roots.get(&d.project) else { continue };
            work.versions.extend(
                d.kept().map(|v| (format!("{root}/datasets/{}/v{}", d.name, v.number), v.manifest)),
            );
        }
        for m in state.models.values() {
            let Some(root) = roots.get(&m.project) else { continue };
            work.versions.extend(
                m.versions
                    .iter()
                    .map(|v| (format!("{root}/models/{}/v{}", m.name, v.number), v.manifest)),
            );
        }
        for w in state.workloads.values() {
            let Some(root) = roots.get(&w.project) else { continue };
            work.outputs.push((format!("{root}/jobs/{}-{}", w.spec.name, w.id), w.id));
        }
        Some(work)
    }

    /// Writes the tar file: `report.json`, then a folder for each student.
    pub(crate) fn write(
        &self,
        platform: &Platform,
        report: &[u8],
        out: impl Write,
    ) -> io::Result<()> {
        let mut tar = tar::Builder::new(out);
        add(&mut tar, "report.json", report)?;
        let blobs = platform.blobs();
        for (folder, manifest) in &self.versions {
            for file in blobs.manifest(*manifest).map_err(io::Error::other)?.files {
                let content = blobs.open_blob(file.digest).map_err(io::Error::other)?;
                append(&mut tar, &format!("{folder}/{}", file.path), file.size, content)?;
            }
        }
        for (folder, workload) in &self.outputs {
            let out = platform.workload_dir(*workload).join("work").join("out");
            for path in files_below(&out, 0)? {
                let Some(name) = path.strip_prefix(&out).ok().and_then(Path::to_str) else {
                    continue;
                };
                let file = fs::File::open(&path)?;
                let size = file.metadata()?.len();
                append(&mut tar, &format!("{folder}/{name}"), size, file)?;
            }
        }
        tar.finish()
    }
}

/// Plain files below a folder, in order; links are a workload's own and are not followed.
fn files_below(folder: &Path, depth: usize) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) if depth < DEPTH_MAX => entries,
        Ok(_) => return Ok(files),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        Err(error) => return Err(error),
    };
    let mut paths = entries.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let kind = fs::symlink_metadata(&path)?;
        if kind.is_dir() {
            files.extend(files_below(&path, depth.saturating_add(1))?);
        } else if kind.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}
