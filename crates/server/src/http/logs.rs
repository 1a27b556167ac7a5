//! A workload's logs and progress, read from the files of the local engine.

use std::{fs, io::Read as _, path::PathBuf, sync::Arc, time::Duration};

use api::{
    nouns::workload_insight::{Progress, WorkloadLogs, WorkloadMetrics},
    problem::Code,
};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use kernel::access::Role;
use serde_json::{Map, Value};
use units::{Id, kinds};

use super::{
    App,
    blobs::blocking_fail,
    fail::Fail,
    log_files::{LogFiles, last_lines},
    mount::{Call, as_of},
    workloads,
};

/// Time between two looks at a log that has not grown.
const POLL: Duration = Duration::from_millis(200);
/// Lines of progress that can be asked for.
const PROGRESS_LINES_MAX: u32 = 1_000;
/// Bytes of a progress file that are read, from its end.
const PROGRESS_BYTES_MAX: u64 = 1 << 20;
/// Lines of a tail; a log has no more than its rotation keeps.
const TAIL_LINES_MAX: u32 = 1_000_000;

/// `GET /api/v1/workloads/{id}/logs`
pub(crate) async fn logs(call: Call<WorkloadLogs>) -> Result<Response, Fail> {
    let (id, query) = (call.path.id, call.query.clone());
    let newest = call.read(|state| {
        let found = workloads::find(state, &call.caller, Role::Viewer, id)?;
        if found.is_array() {
            let message = format!("`{id}` is an array and writes no log: its tasks do");
            return Err(Fail::new(Code::StateConflict, message)
                .remedy("name a task, such as `cocarde logs NAME[3]`"));
        }
        Ok(found.n_attempts)
    })?;
    if query.attempt.is_some_and(|attempt| attempt == 0 || attempt > newest) {
        let attempt = query.attempt.unwrap_or(0);
        return Err(Fail::not_found("attempt", attempt)
            .remedy(format!("the newest attempt is {newest}; they count from 1")));
    }
    let rank = query.rank.unwrap_or(0);
    let attempt = query.attempt.unwrap_or(newest);
    let tail_lines = query.tail_lines.map(|n| n.min(TAIL_LINES_MAX));
    let tail_lines = tail_lines.and_then(|n| usize::try_from(n).ok());
    let app = call.app;
    let files = LogFiles::new(attempt_dir(&app, id, rank, attempt), tail_lines);
    let (fixed, keep_on) = (query.attempt.is_some(), query.follow == Some(true));
    let follower = Follower { app, id, rank, attempt, fixed, keep_on, files: Some(files) };
    let mut response = Response::new(Body::from_stream(pieces(follower)));
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

fn rank_dir(app: &App, id: Id<kinds::Workload>, rank: u32) -> PathBuf {
    let dir = app.platform.workload_dir(id);
    match rank {
        0 => dir,
        rank => dir.with_file_name(format!("{id}-rank-{rank}")),
    }
}

fn attempt_dir(app: &App, id: Id<kinds::Workload>, rank: u32, attempt: u32) -> PathBuf {
    rank_dir(app, id, rank).join(format!("attempt-{attempt}"))
}

/// The last lines of the newest attempt, for a page.
pub(crate) async fn tail_log(
    app: &App,
    id: Id<kinds::Workload>,
    attempt: u32,
    n_lines: usize,
) -> Result<String, Fail> {
    let mut files = LogFiles::new(attempt_dir(app, id, 0, attempt), Some(n_lines));
    let read = blocking_fail(move || {
        files.read_more().map_err(|error| Fail::internal("a log cannot be read", &error))
    });
    Ok(String::from_utf8_lossy(&read.await?).into_owned())
}

/// A reader of a log.
struct Follower {
    app: Arc<App>,
    id: Id<kinds::Workload>,
    rank: u32,
    attempt: u32,
    /// True if the caller named the attempt: then a later one is not shown.
    fixed: bool,
    keep_on: bool,
    files: Option<LogFiles>,
}

fn pieces(follower: Follower) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::unfold(Some(follower), |state| async move {
        let mut follower = state?;
        match follower.next().await {
            Ok(Some(piece)) => Some((Ok(piece), Some(follower))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// What the state says of the attempt that is read.
struct Standing {
    newest: u32,
    /// The attempt, or the whole workload, writes no more.
    over: bool,
}

impl Follower {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        loop {
            // Asked before reading: what was written before the end is then surely read.
            let standing = self.standing();
            let piece = self.read().await?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            if standing.newest > self.attempt && !self.fixed {
                self.attempt = standing.newest;
                let dir = attempt_dir(&self.app, self.id, self.rank, self.attempt);
                self.files = Some(LogFiles::new(dir, None));
                continue;
            }
            if !self.keep_on || standing.over {
                return Ok(None);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn standing(&self) -> Standing {
        let ended_file = self.files.as_ref().is_some_and(|f| f.folder().join("exit.json").exists());
        self.app.platform.read(|state| match state.workloads.get(&self.id) {
            None => Standing { newest: self.attempt, over: true },
            Some(workload) => Standing {
                newest: workload.n_attempts,
                over: workload.has_ended() || (self.fixed && ended_file),
            },
        })
    }

    async fn read(&mut self) -> std::io::Result<Bytes> {
        let Some(mut files) = self.files.take() else { return Ok(Bytes::new()) };
        let read = tokio::task::spawn_blocking(move || {
            let piece = files.read_more();
            (files, piece)
        });
        let (files, piece) = read.await.map_err(std::io::Error::other)?;
        self.files = Some(files);
        piece.map(Bytes::from)
    }
}

/// `GET /api/v1/workloads/{id}/metrics`
pub(crate) async fn metrics(call: Call<WorkloadMetrics>) -> Result<Progress, Fail> {
    let id = call.path.id;
    let seq = call.read(|state| {
        workloads::find(state, &call.caller, Role::Viewer, id).map(|_| as_of(state))
    })?;
    let wanted = call.query.tail_lines.unwrap_or(1).min(PROGRESS_LINES_MAX);
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let lines = progress(&call.app, id, wanted).await?;
    Ok(Progress { lines, as_of: seq })
}

/// The last lines of `metrics.jsonl` in the workload's output folder; a line that is not a JSON
/// object, such as the last one while it is being written, is left out.
async fn progress(
    app: &App,
    id: Id<kinds::Workload>,
    n_lines: usize,
) -> Result<Vec<Map<String, Value>>, Fail> {
    let path = rank_dir(app, id, 0).join("work").join("out").join("metrics.jsonl");
    let bytes = blocking_fail(move || {
        read_end(&path).map_err(|error| Fail::internal("progress cannot be read", &error))
    })
    .await?;
    let lines = last_lines(&bytes, n_lines).split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// The end of a plain file; empty if there is none. The folder is the workload's own, so links in
/// it are not followed.
fn read_end(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    let is_real = |p: &std::path::Path| {
        fs::symlink_metadata(p).is_ok_and(|meta| !meta.file_type().is_symlink())
    };
    let out = path.parent().is_some_and(is_real);
    if !out || !fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file()) {
        return Ok(Vec::new());
    }
    let mut file = fs::File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(PROGRESS_BYTES_MAX);
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(PROGRESS_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
