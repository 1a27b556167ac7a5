//! Carries out erasures that are due: begins them, destroys, and says so in the log.
//!
//! What is to be destroyed is written down before anything is, so that a process that dies in the
//! middle goes on with the same list. Nothing that anybody else refers to is destroyed, and nothing
//! is called done that is still in a file.

mod reach;
mod retention;

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kernel::{
    Actor, Command, Submission,
    erasure::{self, Destroyed, Erasure, Phase, Target},
};
use sha2::{Digest as _, Sha256};
use store::vault::Tenant;
use units::{Bytes, Digest, Id, UnixMicros, kinds};

use super::{Platform, capture_spool};
use reach::Reach;
use retention::Looked;
pub(crate) use retention::ask as ask_for_expired;

/// How often a far date is looked at again, and how long a failed attempt waits.
const TICK: Duration = Duration::from_secs(5);

/// Longest wait until nobody reads or adds content; those who come meanwhile wait too.
const ALONE: Duration = Duration::from_secs(2);

/// Where the lists lie while they are carried out.
const FOLDER: &str = "erasures";

/// Runs until the platform stops.
pub async fn run(platform: Arc<Platform>) {
    let mut changes = platform.watch();
    let mut looked = Looked::default();
    loop {
        looked.again(&platform).await;
        let now = platform.now();
        let mut retry = false;
        for erasure in open(&platform) {
            retry |= !step(&platform, &erasure, now).await;
        }
        let next = next(&platform, now);
        let wait = next.map_or(TICK, |at| Duration::from_micros(at.since(now).0).min(TICK));
        if retry {
            // A change of the log would not help a full disk: no busy loop.
            tokio::time::sleep(TICK).await;
            continue;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn open(platform: &Platform) -> Vec<Erasure> {
    platform.read(|state| state.erasures.values().filter(|e| e.is_open()).cloned().collect())
}

fn next(platform: &Platform, now: UnixMicros) -> Option<UnixMicros> {
    open(platform).into_iter().map(|erasure| erasure.due_at).filter(|at| *at > now).min()
}

/// Takes an erasure one step on; false if it must be tried again later.
async fn step(platform: &Arc<Platform>, erasure: &Erasure, now: UnixMicros) -> bool {
    let id = erasure.id;
    match erasure.phase {
        Phase::Waiting if now < erasure.due_at => true,
        Phase::Waiting => submit(platform, erasure::Command::Begin { id }).await,
        Phase::Begun { .. } => carry_out(platform, erasure).await,
        Phase::Done { .. } | Phase::Cancelled { .. } => true,
    }
}

async fn submit(platform: &Platform, command: erasure::Command) -> bool {
    match platform.submit(Actor::System, Submission::new(Command::Erasure(command))).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(%error, "an erasure could not go on; it is tried again");
            false
        }
    }
}

/// Destroys and reports, once the work that used the content has ended.
async fn carry_out(platform: &Arc<Platform>, erasure: &Erasure) -> bool {
    if platform.read(|state| erasure::in_use(state, erasure.target)) {
        // Its end is a change of the log, which wakes the loop.
        return true;
    }
    let alone = Arc::clone(&platform.references).write_owned();
    let Ok(alone) = tokio::time::timeout(ALONE, alone).await else {
        // An export to a slow reader may go on for hours, and whoever adds content waits behind us.
        return false;
    };
    let (here, erasure) = (Arc::clone(platform), erasure.clone());
    let id = erasure.id;
    let done = tokio::task::spawn_blocking(move || {
        // From here on nobody may begin to refer to what is about to go.
        let _alone = alone;
        destroy(&here, &erasure)
    });
    let done = done.await;
    let done = done.map_err(|error| error.to_string()).and_then(|done| done);
    match done {
        Ok((destroyed, list)) => {
            let said = submit(platform, erasure::Command::Complete { id, destroyed, list }).await;
            if said {
                // The list has served: what it names is in the log as a digest.
                let _ = fs::remove_file(list_file(platform, id));
            }
            said
        }
        Err(error) => {
            tracing::error!(%error, erasure.id = %id, "erasure {id} failed; it is tried again");
            false
        }
    }
}

fn list_file(platform: &Platform, id: Id<kinds::Erasure>) -> PathBuf {
    platform.data_dir().join(FOLDER).join(format!("{id}.list"))
}

/// Destroys what the list names, while nobody begins to refer to anything; answers how much, and the digest
/// of the list.
fn destroy(platform: &Platform, erasure: &Erasure) -> Result<(Destroyed, Digest), String> {
    let file = list_file(platform, erasure.id);
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = list(platform, erasure)?;
            let folder = file.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)
                .and_then(|()| store::replace_file(&file, text.as_bytes(), 0o600))
                .map_err(|error| format!("`{}`: {error}", file.display()))?;
            text
        }
        Err(error) => return Err(format!("`{}`: {error}", file.display())),
    };
    let mut destroyed = Destroyed::default();
    for line in text.lines() {
        one(platform, line, &mut destroyed)?;
    }
    Ok((destroyed, Digest(Sha256::digest(text.as_bytes()).into())))
}

/// What is to be destroyed, one thing a line: `blob DIGEST BYTES`, `record TENANT SUBJECT`,
/// `key TENANT`, `folder NAME`, `sealed PROJECT`, `captured FILE`. Ids and digests only. What is sealed comes after its key, so that
/// nobody seals more of it meanwhile.
fn list(platform: &Platform, erasure: &Erasure) -> Result<String, String> {
    let reach = platform.read(|state| Reach::of(state, erasure.target));
    let mut lines = BTreeSet::new();
    for (digest, size) in reach.blobs_to_go(platform.blobs())? {
        lines.insert(format!("blob {digest} {size}"));
    }
    let mut folders = reach.folders;
    if matches!(erasure.target, Target::Versions { .. }) {
        // Those who read earlier versions were named each time before: their copies are gone.
        folders.retain(|folder| platform.data_dir().join("run").join(folder).exists());
    }
    lines.extend(folders.iter().map(|folder| format!("folder {folder}")));
    match erasure.target {
        Target::User { id, home } => {
            lines.insert(format!("record {} {id}", Tenant::from(home)));
        }
        Target::Organisation(id) => {
            lines.insert(format!("key {}", Tenant::Organisation(id)));
            let content = platform.content_folder();
            let sealed = reach.projects.iter().map(ToString::to_string);
            let sealed = sealed.filter(|project| content.join(project).exists());
            lines.extend(sealed.map(|project| format!("sealed {project}")));
        }
        Target::Dataset(id) => {
            let project = platform.read(|state| state.datasets.get(&id).map(|found| found.project));
            let content = platform.content_folder();
            let waiting = project.map(|project| capture_spool::of_dataset(&content, project, id));
            let waiting = waiting.transpose().map_err(|error| error.to_string())?;
            lines.extend(waiting.into_iter().flatten().map(|file| format!("captured {file}")));
        }
        Target::Versions { .. } => {}
    }
    Ok(lines.into_iter().map(|line| format!("{line}\n")).collect())
}

fn one(platform: &Platform, line: &str, destroyed: &mut Destroyed) -> Result<(), String> {
    let damaged = || format!("the list has a line that is not understood: `{line}`");
    let words: Vec<&str> = line.split(' ').collect();
    match *words.as_slice() {
        ["blob", digest, size] => {
            let digest: Digest = digest.parse().map_err(|_| damaged())?;
            platform.blobs().remove(digest).map_err(|error| error.to_string())?;
            let size: u64 = size.parse().map_err(|_| damaged())?;
            destroyed.blobs = destroyed.blobs.saturating_add(1);
            destroyed.bytes = Bytes(destroyed.bytes.0.saturating_add(size));
        }
        ["folder", name] => {
            remove_folder(&platform.data_dir().join("run"), name).map_err(|e| e.to_string())?;
            destroyed.folders = destroyed.folders.saturating_add(1);
        }
        ["sealed", project] => {
            remove_folder(&platform.content_folder(), project).map_err(|e| e.to_string())?;
            destroyed.folders = destroyed.folders.saturating_add(1);
        }
        ["captured", file] => {
            let path = below(&platform.content_folder(), file).map_err(|e| e.to_string())?;
            absent(fs::remove_file(path)).map_err(|error| error.to_string())?;
            destroyed.records = destroyed.records.saturating_add(1);
        }
        ["record", tenant, subject] => {
            let tenant: Tenant = tenant.parse().map_err(|_| damaged())?;
            platform.vault().erase(tenant, subject).map_err(|error| error.to_string())?;
            destroyed.records = destroyed.records.saturating_add(1);
        }
        ["key", tenant] => {
            let tenant: Tenant = tenant.parse().map_err(|_| damaged())?;
            platform.vault().destroy_tenant(tenant).map_err(|error| error.to_string())?;
            destroyed.keys = destroyed.keys.saturating_add(1);
        }
        _ => return Err(damaged()),
    }
    Ok(())
}

fn remove_folder(root: &Path, name: &str) -> io::Result<()> {
    absent(fs::remove_dir_all(below(root, name)?))
}

/// A name of a few parts, each an id or a word of ours: nothing leads out of the folder.
fn below(root: &Path, name: &str) -> io::Result<PathBuf> {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\\');
    if !name.split('/').all(plain) {
        return Err(io::Error::other(format!("`{name}` is nothing that the platform has made")));
    }
    Ok(root.join(name))
}

/// What is not there any more has been removed.
fn absent(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })
}
