//! Waiting for workloads and following their logs, until they end or the time is over.
//!
//! Waiting asks again and again, so that it survives a restart of the platform.

use std::{
    fmt,
    io::Read,
    str::FromStr,
    thread,
    time::{Duration, Instant},
};

use api::{
    client::{Client, ClientError},
    endpoint::Nothing,
    job_file::WorkloadKind,
    nouns::{
        common::IdPath,
        workload::{Workload, WorkloadGet, WorkloadList, WorkloadQuery, WorkloadState},
        workload_insight::{LogsQuery, WorkloadLogs},
    },
    reference::Ref,
};
use units::{DurationMicros, Id, kinds};

use super::{exit::Exit, failure::Failure, interrupt, session::Session};
use crate::output::{human::word, say, write_bytes};

/// Time between two questions.
const ASK_INTERVAL: Duration = Duration::from_millis(300);
/// How long an unreachable platform is asked again: longer than a restart takes.
const UNREACHABLE_MAX: Duration = Duration::from_secs(30);

/// What to do once workloads are submitted.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct After {
    /// Wait until it ends (a service: until it is ready); the exit code says how
    #[arg(long)]
    wait: bool,
    /// Show its log as it comes, and wait
    #[arg(long)]
    follow: bool,
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Goal {
    /// Its processes run, or it has ended
    Running,
    /// It answers, or it has ended
    Ready,
    /// It has ended
    End,
}

/// True if nothing more will happen to it.
pub(crate) const fn has_ended(state: WorkloadState) -> bool {
    match state {
        WorkloadState::Succeeded | WorkloadState::Failed | WorkloadState::Stopped => true,
        WorkloadState::Queued
        | WorkloadState::Starting
        | WorkloadState::Running
        | WorkloadState::Ready
        | WorkloadState::Stopping => false,
    }
}

impl Goal {
    /// What one waits for unless told otherwise.
    pub(crate) const fn usual(kind: WorkloadKind) -> Self {
        match kind {
            WorkloadKind::Service | WorkloadKind::Dev => Self::Ready,
            WorkloadKind::Train
            | WorkloadKind::Batch
            | WorkloadKind::Eval
            | WorkloadKind::Finetune => Self::End,
        }
    }

    /// True if it is reached, or can no longer be.
    const fn is_over(self, state: WorkloadState) -> bool {
        has_ended(state)
            || match self {
                Self::Running => matches!(state, WorkloadState::Running | WorkloadState::Ready),
                Self::Ready => matches!(state, WorkloadState::Ready),
                Self::End => false,
            }
    }
}

/// How the program ends for a workload in a state.
pub(crate) const fn exit_of(state: WorkloadState) -> Exit {
    match state {
        WorkloadState::Failed | WorkloadState::Stopped => Exit::Failed,
        WorkloadState::Queued
        | WorkloadState::Starting
        | WorkloadState::Running
        | WorkloadState::Ready
        | WorkloadState::Stopping
        | WorkloadState::Succeeded => Exit::Ok,
    }
}

/// A workload by id or name, or a task of an array: `sweep[3]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkRef {
    /// The workload; of a task, its array.
    workload: Ref<kinds::Workload>,
    /// The task's number.
    index: Option<u32>,
}

impl FromStr for WorkRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let task = text.strip_suffix(']').and_then(|text| text.split_once('['));
        let (workload, index) = match task {
            Some((workload, index)) => (workload, Some(index)),
            None => (text, None),
        };
        let wrong = |_| format!("`{text}` is not a task: write for example `sweep[3]`");
        let index = index.map(str::parse).transpose().map_err(wrong)?;
        let workload = workload.parse().map_err(|error| format!("{error}"))?;
        Ok(Self { workload, index })
    }
}

impl fmt::Display for WorkRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.workload.fmt(f)?;
        self.index.map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}

/// The id of a workload; a name means the newest of that name.
pub(crate) fn find(session: &Session, workload: &WorkRef) -> Result<Id<kinds::Workload>, Failure> {
    let id = find_whole(session, &workload.workload)?;
    let Some(index) = workload.index else { return Ok(id) };
    let query = WorkloadQuery {
        array: Some(id),
        array_index: Some(index),
        limit: Some(1),
        ..WorkloadQuery::default()
    };
    let page = session.client()?.get::<WorkloadList>(&Nothing {}, &query)?;
    page.items.first().map(|one| one.id).ok_or_else(|| {
        Failure::not_found(format!("there is no task `{workload}`"))
            .remedy(format!("list the tasks with `cocarde ps --tasks {}`", workload.workload))
    })
}

fn find_whole(
    session: &Session,
    workload: &Ref<kinds::Workload>,
) -> Result<Id<kinds::Workload>, Failure> {
    let name = match workload {
        Ref::Id(id) => return Ok(*id),
        Ref::Name(name) => name.clone(),
    };
    let project = session.project()?;
    let query =
        WorkloadQuery { project, name: Some(name), limit: Some(1), ..WorkloadQuery::default() };
    let page = session.client()?.get::<WorkloadList>(&Nothing {}, &query)?;
    page.items.first().map(|one| one.id).ok_or_else(|| {
        Failure::not_found(format!("there is no workload `{workload}`"))
            .remedy("list what there is with `cocarde ps -a`")
    })
}

/// Waits until the goal is over; `None` if the time is over first.
pub(crate) fn wait(
    client: &Client,
    id: Id<kinds::Workload>,
    goal: Option<Goal>,
    timeout: Option<DurationMicros>,
) -> Result<Option<Workload>, Failure> {
    let deadline = timeout.map(|time| Instant::now() + Duration::from_micros(time.0));
    let mut reached = Instant::now();
    loop {
        match client.get::<WorkloadGet>(&IdPath { id }, &Nothing {}) {
            Ok(workload) => {
                reached = Instant::now();
                if goal.unwrap_or(Goal::usual(workload.kind)).is_over(workload.state) {
                    return Ok(Some(workload));
                }
            }
            Err(error) if may_come_back(&error) && reached.elapsed() < UNREACHABLE_MAX => {}
            Err(error) => return Err(error.into()),
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
        thread::sleep(ASK_INTERVAL);
    }
}

/// True for a platform that may be restarting.
fn may_come_back(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Refused { .. } | ClientError::Unreachable { .. } | ClientError::Timeout { .. }
    ) || error.code() == Some(api::problem::Code::Unavailable)
}

/// Follows the log through every attempt until the workload ends.
pub(crate) fn follow(
    client: &Client,
    id: Id<kinds::Workload>,
    query: &LogsQuery,
) -> Result<Workload, Failure> {
    let mut query = LogsQuery { follow: Some(true), ..query.clone() };
    let one_attempt = query.attempt.is_some();
    let mut seen = 0;
    loop {
        let workload = client.get::<WorkloadGet>(&IdPath { id }, &Nothing {})?;
        let ended = has_ended(workload.state);
        let started = workload.attempt > seen && workload.state != WorkloadState::Starting;
        if started || one_attempt {
            if seen > 0 {
                say(&format!("attempt {} of `{}`", workload.attempt, workload.name));
            }
            seen = workload.attempt;
            query.attempt = query.attempt.filter(|_| one_attempt).or(Some(seen));
            copy(client, id, &query)?;
            query.tail_lines = None;
            if one_attempt {
                return Ok(workload);
            }
            query.attempt = None;
        } else if ended {
            return Ok(workload);
        } else {
            thread::sleep(ASK_INTERVAL);
        }
    }
}

/// Copies a log to stdout as it comes.
pub(crate) fn copy(
    client: &Client,
    id: Id<kinds::Workload>,
    query: &LogsQuery,
) -> Result<(), Failure> {
    let mut reader = client.stream::<WorkloadLogs>(&IdPath { id }, query)?;
    let mut chunk = vec![0_u8; 64 << 10];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n_read) => write_bytes(chunk.get(..n_read).unwrap_or_default())?,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                let message = format!("the log broke off: {error}");
                return Err(Failure::new(Exit::Unreachable, message)
                    .remedy("run the command again; the log is kept"));
            }
        }
    }
}

/// Waits for what was submitted, if asked to; the worst outcome is the program's.
pub(crate) fn after(
    session: &Session,
    workloads: &[Workload],
    after: &After,
) -> Result<Exit, Failure> {
    if !after.wait && !after.follow {
        return Ok(Exit::Ok);
    }
    interrupt::exit_on_interrupt();
    let client = session.client()?;
    let mut exit = Exit::Ok;
    for workload in workloads {
        if after.follow && workload.kind != WorkloadKind::Service {
            follow(&client, workload.id, &LogsQuery::default())?;
        }
        if let Some(ended) = wait(&client, workload.id, None, None)? {
            say(&summary(&ended));
            if exit == Exit::Ok {
                exit = exit_of(ended.state);
            }
        }
    }
    Ok(exit)
}

/// One line on how a workload stands.
pub(crate) fn summary(workload: &Workload) -> String {
    let mut text = format!("{} `{}` {}", workload.id, workload.name, word(&workload.state));
    let reason = workload.state_reason.clone().unwrap_or_default();
    if let Some(code) = workload.exit_code.filter(|_| !reason.contains("exit code")) {
        text.push_str(&format!(", exit code {code}"));
    }
    if !reason.is_empty() {
        text.push_str(&format!(": {reason}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_named_by_its_number() {
        let read = |text: &str| text.parse::<WorkRef>().map(|read| read.to_string());
        assert_eq!(read("sweep[3]"), Ok("sweep[3]".to_owned()));
        assert_eq!(read("sweep"), Ok("sweep".to_owned()));
        for wrong in ["sweep[x]", "sweep[]", "[3]", "a/b"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_goal_is_over_when_it_is_reached_or_cannot_be() {
        use WorkloadState::{
            Failed, Queued, Ready, Running, Starting, Stopped, Stopping, Succeeded,
        };
        let over = |goal: Goal| -> Vec<WorkloadState> {
            [Queued, Starting, Running, Ready, Stopping, Succeeded, Failed, Stopped]
                .into_iter()
                .filter(|state| goal.is_over(*state))
                .collect()
        };
        assert_eq!(over(Goal::End), [Succeeded, Failed, Stopped]);
        assert_eq!(over(Goal::Ready), [Ready, Succeeded, Failed, Stopped]);
        assert_eq!(over(Goal::Running), [Running, Ready, Succeeded, Failed, Stopped]);
        assert_eq!(
            (exit_of(Succeeded), exit_of(Failed), exit_of(Stopped)),
            (Exit::Ok, Exit::Failed, Exit::Failed)
        );
    }
}
