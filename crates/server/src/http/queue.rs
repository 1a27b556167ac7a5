//! The waiting line, in the order in which it is served.

use std::{cmp::Reverse, fmt, str::FromStr};

use api::{
    nouns::{
        common::Page,
        queue::{QueueItem, QueueList},
    },
    text::Timestamp,
};
use kernel::{
    QueuedReason, State,
    access::{Role, Scope},
    workload::{Phase, Workload},
};
use units::{Id, UnixMicros, kinds};

use super::{
    access,
    fail::Fail,
    mount::{Call, as_of},
    page, resolve, wait,
};

/// A place in the line that outlives those before it: a page token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    priority: Reverse<i32>,
    submitted_seq: u64,
    id: Id<kinds::Workload>,
}

impl Place {
    const fn of(workload: &Workload) -> Self {
        let (priority, submitted_seq) = (Reverse(workload.spec.priority), workload.submitted_seq);
        Self { priority, submitted_seq, id: workload.id }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.priority.0, self.submitted_seq, self.id)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '.');
        let mut next = || parts.next().ok_or(());
        Ok(Self {
            priority: Reverse(next()?.parse().map_err(|_| ())?),
            submitted_seq: next()?.parse().map_err(|_| ())?,
            id: next()?.parse().map_err(|_| ())?,
        })
    }
}

/// `GET /api/v1/queue`
pub(crate) async fn list(call: Call<QueueList>) -> Result<Page<QueueItem>, Fail> {
    let (query, caller) = (&call.query, &call.caller);
    let wanted = page::Wanted::<Place>::of(query.limit, query.page_token.as_deref())?;
    let now = call.platform().now();
    call.read(|state| {
        let only = query.project.as_ref();
        let only = only.map(|p| resolve::project(state, caller, Role::Viewer, p)).transpose()?;
        // Places are counted among what the caller may see: the others' are none of their business.
        let seen = kernel::queue(state, now).into_iter().filter(|(workload, _)| {
            access::allows(state, caller, Role::Viewer, Scope::Project(workload.project))
        });
        let mine = (1_u64..).zip(seen).filter(|(_, (workload, _))| {
            only.is_none_or(|id| id == workload.project)
                && wanted.after.is_none_or(|after| Place::of(workload) > after)
        });
        let items = mine.map(|(position, (workload, reason))| {
            (Place::of(workload), item(state, position, (workload, &reason), now))
        });
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

fn item(
    state: &State,
    position: u64,
    (workload, reason): (&Workload, &QueuedReason),
    now: UnixMicros,
) -> QueueItem {
    let since = match &workload.phase {
        Phase::Queued { since, .. } => *since,
        Phase::Placed { .. }
        | Phase::Running { .. }
        | Phase::Stopping { .. }
        | Phase::Ended { .. } => now,
    };
    let (code, summary, start) = match reason {
        QueuedReason::AboutToStart => {
            ("about_to_start", "there is room: it starts with the next round".to_owned(), Some(now))
        }
        QueuedReason::BackingOff(time) => (
            "backing_off",
            format!("its last attempt ended; tried again at {}", Timestamp(*time)),
            Some(*time),
        ),
        QueuedReason::Waiting(waiting) => {
            (wait::why(&waiting.reason).code, wait::summary(&waiting.reason), waiting.start_at)
        }
    };
    let spec = &workload.spec;
    QueueItem {
        position,
        workload: workload.id,
        name: spec.name.clone(),
        project: workload.project,
        project_path: resolve::project_path(state, workload.project),
        priority: spec.priority,
        nodes_min: spec.nodes_min,
        nodes_max: spec.nodes_max,
        gpus_per_node: spec.per_node.gpus,
        gpu_part: gpu_part(spec),
        gpu_model: spec.gpu_model.clone().filter(|_| !spec.per_node.gpus.is_zero()),
        queued_at: Timestamp(since),
        waited_s: now.since(since).as_secs(),
        reason: code.to_owned(),
        summary,
        estimated_start_at: start.map(Timestamp),
    }
}

/// A share or a MIG profile, as the job file writes it.
fn gpu_part(spec: &kernel::workload::Spec) -> Option<String> {
    let share = Some(spec.terms.gpu_milli).filter(|milli| *milli > 0);
    let share = share.map(|milli| format!("0.{milli:03}").trim_end_matches('0').to_owned());
    spec.terms.gpu_profile.clone().or(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_its_text_says() {
        let place = Place { priority: Reverse(-3), submitted_seq: 7, id: Id::from_bytes([1; 16]) };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "1", "1.2", "1.2.x", "a.2.job_01"] {
            assert_eq!(wrong.parse::<Place>(), Err(()), "{wrong}");
        }
        let urgent = Place { priority: Reverse(1), ..place };
        assert!(urgent < place);
    }
}
