//! `ps`, `logs`, `stop`, `wait`, `explain`: workloads that were submitted.

use std::collections::BTreeMap;

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, Page},
        workload::{
            Workload, WorkloadList, WorkloadQuery, WorkloadState, WorkloadStop, WorkloadStopReason,
        },
        workload_insight::{LogsQuery, WorkloadExplain},
    },
};
use units::{DurationMicros, Id, kinds};

use super::{
    exit::Exit,
    failure::Failure,
    interrupt,
    outcome::{self, Goal, WorkRef},
    session::{Guard, Session},
};
use crate::output::{
    human::{age, euro, now, or_dash, time, word},
    say,
    table::{Table, left, right, state},
};

/// States of work that has not ended, in the order of its life.
const ACTIVE: [WorkloadState; 5] = [
    WorkloadState::Queued,
    WorkloadState::Starting,
    WorkloadState::Running,
    WorkloadState::Ready,
    WorkloadState::Stopping,
];

/// List workloads
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde ps
  cocarde ps -a --project orange/nlp
  cocarde ps --tasks sweep
  cocarde ps -o json | jq -r '.items[].id'")]
pub(crate) struct PsArgs {
    /// Also those that have ended
    #[arg(short, long)]
    all: bool,
    /// The tasks of this array, also those that have ended
    #[arg(long, value_name = "WORKLOAD")]
    tasks: Option<WorkRef>,
    /// Most items to show
    #[arg(long, default_value_t = 200)]
    limit: u32,
}

/// Show the log of a workload
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde logs train-numbers
  cocarde logs -f train-numbers          # Ctrl-C ends it with exit code 130
  cocarde logs job_01j… --tail 20 --attempt 1
  cocarde logs 'sweep[3]'")]
pub(crate) struct LogsArgs {
    /// Its id, or a name: the newest of that name; `sweep[3]` is a task of an array
    workload: WorkRef,
    /// Show what comes, through every attempt, until it ends
    #[arg(short, long)]
    follow: bool,
    /// Only so many lines from the end
    #[arg(long, value_name = "LINES")]
    tail: Option<u32>,
    /// The attempt, from 1 [default: the newest]
    #[arg(long)]
    attempt: Option<u32>,
    /// The rank, from 0
    #[arg(long)]
    rank: Option<u32>,
}

/// Stop a workload
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde stop train-numbers
  cocarde stop job_01j… --reason 'wrong data'

Its stop signal first, SIGKILL after its grace.")]
pub(crate) struct StopArgs {
    /// Its id, or a name: the newest of that name; `sweep[3]` is a task of an array
    workload: WorkRef,
    /// Why, for those who read the log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    guard: Guard,
}

/// Wait for a workload; the exit code says how it ended
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde wait train-numbers && echo trained
  cocarde wait serve-numbers --for ready --timeout 2m

Exit code 0 if it succeeded (a service: is ready), 1 if it failed or was stopped, 8 if the time is
over first.")]
pub(crate) struct WaitArgs {
    /// Its id, or a name: the newest of that name; `sweep[3]` is a task of an array
    workload: WorkRef,
    /// What to wait for [default: ready for service and dev, else end]
    #[arg(long = "for", value_enum, value_name = "GOAL")]
    goal: Option<Goal>,
    /// Longest wait, such as `90s` or `2h`; without end if absent
    #[arg(long, value_name = "DURATION")]
    timeout: Option<DurationMicros>,
}

/// Explain why a workload is in its state, and what would change it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde explain train-numbers
  cocarde explain job_01j… -o json")]
pub(crate) struct ExplainArgs {
    /// Its id, or a name: the newest of that name; `sweep[3]` is a task of an array
    workload: WorkRef,
}

/// Lists workloads.
pub(crate) fn ps(args: &PsArgs, session: &Session) -> Result<(), Failure> {
    let tasks = args.tasks.as_ref().map(|array| outcome::find(session, array)).transpose()?;
    let page = match tasks {
        None if !args.all => active(session, args.limit)?,
        array => list(session, None, array, args.limit)?,
    };
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("TYPE"), state("STATE"), right("SINCE")];
        let more = [right("ATTEMPT"), left("NODE"), right("COST"), left("REASON")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                name(one),
                one.kind.to_string(),
                word(&one.state),
                age(one.state_since, now()),
                one.attempt.to_string(),
                nodes(one),
                euro(one.cost_microeuro),
                one.state_reason.clone().unwrap_or_default(),
            ]);
        }
        table
    })
}

/// Its name; of a task, with its number.
fn name(workload: &Workload) -> String {
    let index = workload.array_index.map_or_else(String::new, |index| format!("[{index}]"));
    format!("{}{index}", workload.name)
}

fn nodes(workload: &Workload) -> String {
    match workload.placement.as_slice() {
        [] => "-".to_owned(),
        [one] => one.node_name.to_string(),
        [first, rest @ ..] => format!("{} +{}", first.node_name, rest.len()),
    }
}

fn list(
    session: &Session,
    state: Option<WorkloadState>,
    array: Option<Id<kinds::Workload>>,
    limit: u32,
) -> Result<Page<Workload>, Failure> {
    let project = session.project()?;
    session.pages::<WorkloadList, _>(&Nothing {}, limit, |n, token| WorkloadQuery {
        project: project.clone(),
        state,
        name: None,
        array,
        array_index: None,
        limit: Some(n),
        page_token: token,
    })
}

/// Work that has not ended. One that moves on between two questions is met twice, never missed;
/// the later answer counts.
fn active(session: &Session, limit: u32) -> Result<Page<Workload>, Failure> {
    let mut by_id = BTreeMap::new();
    let mut as_of = u64::MAX;
    for state in ACTIVE {
        let page = list(session, Some(state), None, limit)?;
        as_of = as_of.min(page.as_of);
        by_id.extend(page.items.into_iter().map(|workload| (workload.id, workload)));
    }
    // Ids grow with time: the newest first, as the platform lists them.
    let items: Vec<Workload> = by_id.into_values().rev().collect();
    Ok(Page { items, next_page_token: None, as_of })
}

/// Shows a log.
pub(crate) fn logs(args: &LogsArgs, session: &Session) -> Result<(), Failure> {
    let query =
        LogsQuery { follow: None, tail_lines: args.tail, attempt: args.attempt, rank: args.rank };
    let id = outcome::find(session, &args.workload)?;
    let client = session.client()?;
    if args.follow {
        interrupt::exit_on_interrupt();
        let ended = outcome::follow(&client, id, &query)?;
        say(&outcome::summary(&ended));
        return Ok(());
    }
    outcome::copy(&client, id, &query)
}

/// Stops a workload.
pub(crate) fn stop(args: StopArgs, session: &Session) -> Result<(), Failure> {
    let path = IdPath { id: outcome::find(session, &args.workload)? };
    let body = WorkloadStopReason { reason: args.reason };
    let workload = session.change::<WorkloadStop>(&path, &body, &args.guard)?;
    session.output.show(&workload, || fields(&workload))
}

/// Waits for a workload.
pub(crate) fn wait(args: &WaitArgs, session: &Session) -> Result<Exit, Failure> {
    interrupt::exit_on_interrupt();
    let id = outcome::find(session, &args.workload)?;
    match outcome::wait(&session.client()?, id, args.goal, args.timeout)? {
        Some(workload) => {
            session.output.show(&workload, || fields(&workload))?;
            Ok(outcome::exit_of(workload.state))
        }
        None => {
            let message = format!("`{}` has not come so far in the time given", args.workload);
            Err(Failure::new(Exit::NotYet, message)
                .remedy(format!("ask why with `cocarde explain {}`", args.workload)))
        }
    }
}

/// Explains a state.
pub(crate) fn explain(args: &ExplainArgs, session: &Session) -> Result<(), Failure> {
    let path = IdPath { id: outcome::find(session, &args.workload)? };
    let told = session.read::<WorkloadExplain>(&path)?;
    session.output.show(&told, || {
        let mut table = Table::fields()
            .field("workload", told.workload)
            .field("state", word(&told.state))
            .field("reason", format!("{} ({})", told.summary, told.reason))
            .field_if("estimated start", told.estimated_start_at.map(time));
        for evidence in &told.evidence {
            table = table.field("evidence", evidence);
        }
        for remedy in &told.remedies {
            table = table.field("remedy", remedy);
        }
        table
    })
}

fn fields(one: &Workload) -> Table {
    Table::fields()
        .field("id", one.id)
        .field("name", name(one))
        .field("type", one.kind)
        .field("state", word(&one.state))
        .field_if("reason", one.state_reason.as_ref())
        .field_if("array", one.array)
        .field("priority", one.priority)
        .field_if("place in the queue", one.queue_position)
        .field("attempt", one.attempt)
        .field("node", nodes(one))
        .field_if("address", one.address.as_ref())
        .field_if("exit code", one.exit_code)
        .field("cost", euro(one.cost_microeuro))
        .field("output", or_dash(one.output.as_ref()))
        .field_if("started", one.started_at.map(time))
        .field_if("ended", one.ended_at.map(time))
        .field("version", one.version)
}
