//! Jobs that wait for jobs: each must exist, and none may wait for itself by any way round.

use std::collections::BTreeMap;

use crate::twin::{error::InputError, workload::Workload};

/// Most names of a circle that a message repeats.
const SHOWN_MAX: usize = 8;

/// Where a job stands in the search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Checks that every `after` can come true.
pub(super) fn check(workload: &Workload) -> Result<(), InputError> {
    let jobs = &workload.jobs;
    if jobs.iter().all(|job| job.after.is_empty()) {
        return Ok(());
    }
    let names: BTreeMap<&str, usize> =
        jobs.iter().enumerate().map(|(position, job)| (&*job.name, position)).collect();
    let mut after: Vec<Vec<usize>> = Vec::with_capacity(jobs.len());
    for job in jobs {
        let mut positions = Vec::with_capacity(job.after.len());
        for name in &job.after {
            let position = names.get(&**name).ok_or_else(|| {
                InputError::file(&workload.file, "is no job of this list")
                    .at(u64::from(job.line))
                    .field("after")
                    .value(name)
            })?;
            positions.push(*position);
        }
        after.push(positions);
    }
    match circle(&after) {
        None => Ok(()),
        Some(members) => Err(circular(workload, &members)),
    }
}

/// Jobs that wait for each other in a circle, if any do. Depth first, without recursion: a chain may
/// be as long as the list.
fn circle(after: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut marks = vec![Mark::New; after.len()];
    for start in 0..after.len() {
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((job, next)) = path.last().copied() {
            match marks.get(job).copied() {
                Some(Mark::Done) | None => {
                    path.pop();
                    continue;
                }
                Some(Mark::New | Mark::Open) => set(&mut marks, job, Mark::Open),
            }
            let Some(target) = after.get(job).and_then(|list| list.get(next)).copied() else {
                set(&mut marks, job, Mark::Done);
                path.pop();
                continue;
            };
            if let Some(last) = path.last_mut() {
                last.1 = next.saturating_add(1);
            }
            if marks.get(target) == Some(&Mark::Open) {
                let members = path.iter().map(|(job, _)| *job);
                return Some(members.skip_while(|job| *job != target).collect());
            }
            path.push((target, 0));
        }
    }
    None
}

fn set(marks: &mut [Mark], job: usize, mark: Mark) {
    if let Some(slot) = marks.get_mut(job) {
        *slot = mark;
    }
}

fn circular(workload: &Workload, members: &[usize]) -> InputError {
    let jobs: Vec<_> = members.iter().filter_map(|at| workload.jobs.get(*at)).collect();
    let shown: Vec<&str> = jobs.iter().take(SHOWN_MAX).map(|job| &*job.name).collect();
    let more = if jobs.len() > SHOWN_MAX { " → …" } else { "" };
    let first = shown.first().copied().unwrap_or_default();
    let line = jobs.first().map_or(0, |job| u64::from(job.line));
    let message = format!(
        "waits for itself: {}{more} → {first}; remove one `after` of the circle",
        shown.join(" → ")
    );
    InputError::file(&workload.file, message).at(line).field("after").value(first)
}
