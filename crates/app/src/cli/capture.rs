//! `capture`: whether what a project's keys ask and are answered is kept, where, and for how long.

use api::{
    endpoint::Nothing,
    nouns::{
        capture::{
            Capture, CaptureClose, CaptureGet, CaptureNew, CaptureSet, CaptureStop, CaptureWaiting,
        },
        common::{IdPath, ProjectNamedQuery},
        dataset::{Dataset, DatasetCreate, DatasetList, DatasetNew, DatasetOrigin},
    },
    reference::Ref,
};
use units::{DataClass, Id, Name, kinds};

use super::{
    failure::Failure,
    project,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{size, time},
    table::Table,
};

/// Capture: keep what the project's keys ask models and are answered, as a dataset that forgets
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde capture set --dataset asked --class internal --percent 5 --keep-days 30 --project orange/nlp
  cocarde capture show
  cocarde capture close
  cocarde capture off

Nothing is kept unless an administrator of the project says so. Training on it needs the consent of
the organisation: `cocarde org training NAME --allow`.")]
pub(crate) enum Verb {
    /// Keep a part of the requests from now on
    #[command(after_help = "Examples:
  cocarde capture set --dataset asked --class internal --percent 5 --keep-days 30
  cocarde capture set --dataset asked --percent 0.1 --keep-days 7

The dataset takes no versions by hand any more, and what lies in it for longer is erased at once.")]
    Set(SetArgs),
    /// Say what is kept, for how long, what waits and what was dropped
    #[command(after_help = "Examples:
  cocarde capture show --project orange/nlp
  cocarde capture show -o json")]
    Show,
    /// Keep nothing more; what was kept goes when its time is over
    #[command(after_help = "Examples:
  cocarde capture off --project orange/nlp
  cocarde capture off && cocarde erase dataset asked     # and nothing of it stays")]
    Off {
        #[command(flatten)]
        guard: Guard,
    },
    /// Make a version of what waits, now
    #[command(after_help = "Examples:
  cocarde capture close --project orange/nlp
  cocarde capture close && cocarde dataset versions asked")]
    Close {
        #[command(flatten)]
        once: Once,
    },
}

/// What is to be kept.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// Name or id of a captured dataset of the project
    #[arg(long, value_name = "DATASET")]
    dataset: Ref<kinds::Dataset>,
    /// Make the dataset if there is none of this name, of this class: public, internal, confidential or restricted
    #[arg(long, value_name = "CLASS")]
    class: Option<DataClass>,
    /// Of a hundred requests so many, by their ids: 0.1 to 100
    #[arg(long, value_name = "PERCENT", value_parser = permille)]
    percent: Permille,
    /// Days for which a text stays: 1 to 365
    #[arg(long, value_name = "DAYS")]
    keep_days: u16,
    #[command(flatten)]
    guard: Guard,
}

/// Of a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permille(u16);

/// Reads percent with at most one decimal.
fn permille(text: &str) -> Result<Permille, String> {
    let (whole, tenth) = text.split_once('.').unwrap_or((text, "0"));
    let is_plain = |part: &str, digits_max: usize| {
        (1..=digits_max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_plain = is_plain(whole, 3) && is_plain(tenth, 1);
    // As tenths of a percent, which is of a thousand: at most five digits.
    let found = is_plain.then(|| format!("{whole}{tenth}").parse::<u16>().ok()).flatten();
    let found = found.filter(|all| (1..=1_000).contains(all));
    found.map(Permille).ok_or_else(|| "give 0.1 to 100, with one decimal at most".to_owned())
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let path = IdPath { id: project::find(session, &session.project_required()?)? };
    match verb {
        Verb::Show => show(session, &session.read::<CaptureGet>(&path)?),
        Verb::Set(args) => {
            let dataset = Ref::Id(dataset_of(session, &args)?);
            let (permille, keep_days) = (args.percent.0, args.keep_days);
            let body = CaptureNew { dataset, permille, keep_days };
            show(session, &session.change::<CaptureSet>(&path, &body, &args.guard)?)
        }
        Verb::Off { guard } => {
            show(session, &session.change::<CaptureStop>(&path, &Nothing {}, &guard)?)
        }
        Verb::Close { once } => {
            let guard = Guard::once(once);
            let closed = session.change::<CaptureClose>(&path, &Nothing {}, &guard)?;
            session.output.show(&closed, || {
                let version = closed.version.map(|number| format!("v{number}"));
                Table::fields()
                    .field("version", version.as_deref().unwrap_or("none: nothing waits"))
            })
        }
    }
}

/// The dataset that is named; one that is missing is made if its class is said.
fn dataset_of(session: &Session, args: &SetArgs) -> Result<Id<kinds::Dataset>, Failure> {
    let name = match &args.dataset {
        Ref::Id(id) => return Ok(*id),
        Ref::Name(name) => name,
    };
    match (found(session, name)?, args.class) {
        (Some(known), Some(class)) if known.class != class => {
            let text = format!("dataset `{name}` is of class `{}`, not `{class}`", known.class);
            Err(Failure::usage(text).remedy("leave `--class` out, or name another dataset"))
        }
        (Some(known), _) => Ok(known.id),
        (None, None) => Err(Failure::not_found(format!("there is no dataset `{name}`")).remedy(
            format!("add `--class internal`, or another class, to make `{name}` of that class"),
        )),
        (None, Some(class)) => {
            let (project, origin) = (session.project_required()?, DatasetOrigin::Captured);
            let body = DatasetNew { project, name: name.clone(), class, origin };
            let guard = Guard::once(Once::default());
            Ok(session.change::<DatasetCreate>(&Nothing {}, &body, &guard)?.id)
        }
    }
}

fn found(session: &Session, name: &Name) -> Result<Option<Dataset>, Failure> {
    let (project, name) = (session.project()?, Some(name.clone()));
    let query = ProjectNamedQuery { project, name, ..ProjectNamedQuery::default() };
    let page = session.client()?.get::<DatasetList>(&Nothing {}, &query)?;
    Ok(page.items.into_iter().next())
}

fn show(session: &Session, one: &Capture) -> Result<(), Failure> {
    session.output.show(one, || {
        let days = one.keep_days.map(|days| match days {
            1 => "a day".to_owned(),
            _ => format!("{days} days"),
        });
        Table::fields()
            .field("project", one.project)
            .field("captured", kept(one))
            .field_if("dataset", one.reference.as_ref())
            .field_if(
                "class",
                one.class.map(|class| format!("{class}; endpoints of a higher class are left out")),
            )
            .field_if("kept for", days)
            .field("waiting", waiting(&one.waiting))
            .field("dropped", dropped(&one.waiting))
            .field("version", one.version)
    })
}

fn kept(one: &Capture) -> String {
    match (one.is_on, one.permille) {
        (true, Some(permille)) => {
            format!("{}.{} % of requests, with their answers", permille / 10, permille % 10)
        }
        (false, Some(_)) => "nothing: its dataset is erased".to_owned(),
        (_, None) => "nothing".to_owned(),
    }
}

fn waiting(waiting: &CaptureWaiting) -> String {
    match waiting.since {
        Some(since) => {
            let (records, bytes) = (waiting.n_records, size(waiting.bytes));
            format!("{records} records, {bytes}, since {}", time(since))
        }
        None => "nothing".to_owned(),
    }
}

fn dropped(waiting: &CaptureWaiting) -> String {
    match waiting.n_dropped {
        0 => "nothing".to_owned(),
        n => format!("{n} records since the gateway started"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_read_to_one_decimal() {
        for (text, expected) in [("5", 50), ("0.1", 1), ("100", 1_000), ("99.9", 999)] {
            assert_eq!(permille(text), Ok(Permille(expected)), "{text}");
        }
        for text in ["", "0", "0.0", "100.1", "0.05", "5 %", "-1", "5.", ".5", "70000", "+5"] {
            assert!(permille(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_kept_is_said_in_words() {
        let waiting = CaptureWaiting::default();
        let mut one = Capture {
            project: Id::from_bytes([1; 16]),
            is_on: true,
            dataset: Some(Id::from_bytes([2; 16])),
            reference: None,
            class: None,
            permille: Some(5),
            keep_days: Some(30),
            waiting,
            version: 1,
            seq: 1,
        };
        assert_eq!(kept(&one), "0.5 % of requests, with their answers");
        one.is_on = false;
        assert_eq!(kept(&one), "nothing: its dataset is erased");
        one.permille = None;
        assert_eq!(kept(&one), "nothing");
    }
}
