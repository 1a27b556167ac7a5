//! `events`: the log of the platform, listed or followed.

mod export;

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, PageQuery},
        event::{Event, EventList, EventQuery},
        workload_insight::WorkloadEvents,
    },
};

use super::{
    exit::Exit,
    failure::Failure,
    interrupt,
    outcome::{self, WorkRef},
    session::Session,
};
use crate::output::{
    human::{or_dash, time},
    say,
    table::{Table, left, right},
};

/// Longest line of an event's data, in characters.
const DATA_CHARS_MAX: usize = 100;
/// Most events in one answer.
const EVENTS_MAX: u32 = 1_000;

/// Show what happened, from the log of the platform
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde events --limit 20
  cocarde events -f -o json | jq -c .kind     # Ctrl-C ends it with exit code 130
  cocarde events --workload train-numbers
  cocarde events export --project example/nlp --out nlp-events     # own entries, with proofs")]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct EventsArgs {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Show what comes, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Only events after this sequence number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Most events to show, at most 1,000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Only events of this workload
    #[arg(long, value_name = "NAME|ID", conflicts_with_all = ["follow", "after"])]
    workload: Option<WorkRef>,
}

/// What else to do with events.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// Write a tenant's own entries of the log into a folder, each with its proof
    Export(export::ExportArgs),
}

/// Lists, follows or exports events.
pub(crate) fn run(args: &EventsArgs, session: &Session) -> Result<(), Failure> {
    if let Some(Verb::Export(args)) = &args.verb {
        return export::run(args, session);
    }
    if args.follow {
        return follow(args, session);
    }
    let client = session.client()?;
    let page = match &args.workload {
        Some(workload) => {
            let path = IdPath { id: outcome::find(session, workload)? };
            let query = PageQuery { limit: Some(args.limit), page_token: None };
            client.get::<WorkloadEvents>(&path, &query)?
        }
        None => {
            let limit = Some(args.limit.min(EVENTS_MAX));
            let query = EventQuery { after: args.after, limit, follow: None };
            client.get::<EventList>(&Nothing {}, &query)?
        }
    };
    session.output.show(&page, || {
        let columns = [right("SEQ"), left("AT"), left("KIND"), left("SUBJECT"), left("ACTOR")];
        let mut table = Table::new(&[&columns[..], &[left("DATA")]].concat());
        for event in &page.items {
            table.row([
                event.seq.to_string(),
                time(event.at),
                event.kind.clone(),
                or_dash(event.subject.as_ref()),
                or_dash(event.actor.as_ref()),
                short(event),
            ]);
        }
        table
    })?;
    if page.next_after < page.as_of && args.workload.is_none() && !page.items.is_empty() {
        say(&format!("there are more: `--after {}` reads on", page.next_after));
    }
    Ok(())
}

fn follow(args: &EventsArgs, session: &Session) -> Result<(), Failure> {
    interrupt::exit_on_interrupt();
    let query = EventQuery { after: args.after, limit: None, follow: None };
    let mut last = args.after;
    for event in session.client()?.follow_events(&query)? {
        let event = event?;
        last = Some(event.seq);
        session.output.stream(&event, || {
            let subject = or_dash(event.subject.as_ref());
            format!("{} {} {} {subject} {}", event.seq, time(event.at), event.kind, short(&event))
        })?;
    }
    let again = last.map_or_else(String::new, |seq| format!(" --after {seq}"));
    Err(Failure::new(Exit::Unreachable, "the platform ended the stream")
        .remedy(format!("go on with `cocarde events -f{again}`")))
}

/// The event's data on one line, cut.
fn short(event: &Event) -> String {
    let text = event.data.to_string();
    if text.chars().count() <= DATA_CHARS_MAX {
        return text;
    }
    let start: String = text.chars().take(DATA_CHARS_MAX).collect();
    format!("{start}…")
}
