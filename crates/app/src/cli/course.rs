//! `course`: a roster from a file, what each student gets, and an end with everything taken home.

mod roster;

use std::{fs::OpenOptions, io, os::unix::fs::OpenOptionsExt as _, path::PathBuf};

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, NamedQuery},
        course::{
            Course, CourseClose, CourseCreate, CourseEnrol, CourseExport, CourseList, CourseNew,
            CourseReport, CourseReportGet, Roster,
        },
        storage::ToQuery,
    },
    reference::Ref,
    text::{AllowanceText, EuroText, Timestamp},
};
use units::{Allowance, Id, Name, UnixMicros, kinds};

use super::{
    exit::Exit,
    failure::Failure,
    session::{Guard, Once, Session, id_of},
};
use crate::output::{
    human::euro,
    say,
    table::{Table, left, right},
};

/// Courses: a roster, a budget and a quota for each student, an end
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde course create nlp-2026 --organisation ecole --ends 2027-02-01T18:00:00Z --budget '20 EUR'
  cocarde course import nlp-2026 --file roster.csv
  cocarde course close nlp-2026 --out nlp-2026.tar")]
pub(crate) enum Verb {
    /// Create a course with a project of its name
    #[command(after_help = "Examples:
  cocarde course create nlp-2026 --organisation ecole --ends 2027-02-01T18:00:00Z
  cocarde course create nlp-2026 --organisation ecole --ends 2027-02-01T18:00:00Z --budget '20 EUR' --quota H200=0.5

Public and internal datasets of its project are read by every student, and changed by none.")]
    Create {
        /// Its name; students' projects are called NAME-001 and so on
        name: Name,
        /// The organisation
        #[arg(long, value_name = "ORG")]
        organisation: Ref<kinds::Organisation>,
        /// When it closes by itself, such as `2027-02-01T18:00:00Z`
        #[arg(long, value_name = "TIME", value_parser = super::reserve::moment)]
        ends: UnixMicros,
        /// What each student may use up, such as `20 EUR` or `10 GPUh`; may be given once for each measure
        #[arg(long, value_name = "AMOUNT")]
        budget: Vec<Allowance>,
        /// What each student is promised, such as `H200=0.5` or `cpu=4`
        #[arg(long, value_name = "CLASS=AMOUNT", value_parser = quota)]
        quota: Option<(String, u64)>,
        #[command(flatten)]
        once: Once,
    },
    /// Take the people of a CSV file in
    #[command(after_help = "Examples:
  cocarde course import nlp-2026 --file roster.csv
  cocarde course import nlp-2026 --file roster.csv -o json

The first line names the columns: `email` (needed), `name`, `role` (student or teacher; student if
absent). Names and addresses are sealed beside the log. The same file once more changes nothing.")]
    Import {
        /// Its name or id
        course: Ref<kinds::Course>,
        /// The CSV file, UTF-8, separated by commas
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Show a course with what each student did and spent; list all without a name
    #[command(after_help = "Examples:
  cocarde course status
  cocarde course status nlp-2026 -o json")]
    Status {
        /// Its name or id
        course: Option<Ref<kinds::Course>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Export each student's work, then end the course: work stops, keys, roles and quotas are taken back
    #[command(after_help = "Examples:
  cocarde course close nlp-2026 --out nlp-2026.tar
  cocarde course close nlp-2026 --out nlp-2026.tar -o json

The file holds report.json and a folder for each student. Nothing is closed unless it was written.")]
    Close {
        /// Its name or id
        course: Ref<kinds::Course>,
        /// The tar file to write; it must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The registered place of storage that the file goes to; the first one for exports if absent
        #[arg(long, value_name = "STORAGE")]
        storage: Option<Ref<kinds::Storage>>,
        #[command(flatten)]
        once: Once,
    },
}

/// `H200=0.5` as a class and thousandths.
fn quota(text: &str) -> Result<(String, u64), String> {
    let wrong = || format!("`{text}` is no promise: write for example `H200=0.5` or `cpu=4`");
    let (class, amount) = text.split_once('=').ok_or_else(wrong)?;
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if class.is_empty() || whole.is_empty() || fraction.len() > 3 {
        return Err(wrong());
    }
    let digits = format!("{whole}{fraction:0<3}");
    let milli = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    Ok((class.to_owned(), milli.ok_or_else(wrong)?))
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::Create { name, organisation, ends, budget, quota, once } => {
            let (quota_class, quota_milli) = quota.unzip();
            let money = |one: &Allowance| match one {
                Allowance::Money(amount) => Some(EuroText(*amount)),
                Allowance::GpuTime(_) | Allowance::Energy(_) | Allowance::Tokens(_) => None,
            };
            if budget.iter().filter_map(money).count() > 1 {
                return Err(Failure::usage("`--budget` gives money twice")
                    .remedy("give each of money, GPU time, energy and tokens once"));
            }
            let others = budget.iter().filter(|one| money(one).is_none());
            let body = CourseNew {
                organisation,
                name,
                ends_at: Timestamp(ends),
                budget: budget.iter().find_map(money),
                allowances: others.copied().map(AllowanceText).collect(),
                quota_class,
                quota_milli,
            };
            let guard = Guard::once(once);
            show(session, &session.change::<CourseCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::Import { course, file } => {
            let path = IdPath { id: find(session, &course)? };
            let body = Roster { people: roster::read(&file)? };
            let taken = session.client()?.call::<CourseEnrol>(
                &path,
                &Nothing {},
                &body,
                &api::client::Options::default(),
            )?;
            session.output.show(&taken, || {
                Table::fields()
                    .field("new people", taken.n_new_people)
                    .field("enrolled", taken.n_enrolled)
            })
        }
        Verb::Status { course: Some(course), .. } => {
            let path = IdPath { id: find(session, &course)? };
            report(session, &session.read::<CourseReportGet>(&path)?)
        }
        Verb::Status { course: None, limit } => list(session, limit),
        Verb::Close { course, out, storage, once } => {
            let path = IdPath { id: find(session, &course)? };
            export(session, &path, (&out, &storage))?;
            say(&format!("each student's work is in `{}`", out.display()));
            let guard = Guard::once(once);
            show(session, &session.change::<CourseClose>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn export(
    session: &Session,
    path: &IdPath<kinds::Course>,
    (out, storage): (&PathBuf, &Option<Ref<kinds::Storage>>),
) -> Result<(), Failure> {
    let query = ToQuery { storage: storage.clone() };
    let mut reader = session.client()?.stream::<CourseExport>(path, &query)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(out).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(Exit::Conflict, format!("`{}` exists already", out.display()))
                .remedy("choose another name; an export never replaces one")
        }
        _ => Failure::file("write", out, &error),
    })?;
    let copied = io::copy(&mut reader, &mut file).and_then(|_| file.sync_all());
    copied.map_err(|error| {
        // Half an export is none.
        let _ = std::fs::remove_file(out);
        let text = format!("the export to `{}` broke off: {error}", out.display());
        Failure::new(Exit::Failed, text).remedy("the course is still open: try again")
    })
}

fn find(session: &Session, course: &Ref<kinds::Course>) -> Result<Id<kinds::Course>, Failure> {
    id_of(course, "course", |name| {
        let query = NamedQuery { name: Some(name.clone()), ..NamedQuery::default() };
        let page = session.client()?.get::<CourseList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|one| one.id).collect())
    })
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.pages::<CourseList, _>(&Nothing {}, limit, |n, token| NamedQuery {
        name: None,
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let mut table = Table::new(&[
            left("ID"),
            left("NAME"),
            right("STUDENTS"),
            left("ENDS"),
            left("CLOSED"),
        ]);
        for one in &page.items {
            let closed = one.closed_at.map(|at| at.to_string()).unwrap_or_default();
            let students = one.n_students.to_string();
            let (id, name) = (one.id.to_string(), one.name.to_string());
            table.row([id, name, students, one.ends_at.to_string(), closed]);
        }
        table
    })
}

fn report(session: &Session, report: &CourseReport) -> Result<(), Failure> {
    session.output.show(report, || {
        let columns = [left("PROJECT"), left("WHO"), right("JOBS"), right("SUCCEEDED")];
        let more = [right("DATASETS"), right("MODELS"), right("SPENT")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &report.students {
            table.row([
                one.project_name.to_string(),
                one.person.clone().unwrap_or_else(|| one.user.to_string()),
                one.n_workloads.to_string(),
                one.n_succeeded.to_string(),
                one.n_datasets.to_string(),
                one.n_models.to_string(),
                euro(one.spent_microeuro),
            ]);
        }
        table
    })
}

fn show(session: &Session, one: &Course) -> Result<(), Failure> {
    session.output.show(one, || {
        let closed = one.closed_at.map_or_else(|| "no".to_owned(), |at| at.to_string());
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("project", one.project)
            .field("ends", one.ends_at)
            .field("closed", closed)
            .field("students", one.n_students)
            .field("teachers", one.n_teachers)
            .field("version", one.version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_read_to_the_thousandth() {
        assert_eq!(quota("H200=0.5"), Ok(("H200".to_owned(), 500)));
        assert_eq!(quota("cpu=4"), Ok(("cpu".to_owned(), 4_000)));
        for text in ["", "H200", "=1", "H200=", "H200=-1", "H200=0.0001", "H200=a"] {
            assert!(quota(text).is_err(), "{text}");
        }
    }
}
