//! `policy check|test|explain|diff`: policies on trial, before anything is in force.

use std::path::{Path, PathBuf};

use api::{
    client::Options,
    endpoint::Nothing,
    nouns::{
        policy_tools::{
            PolicyCase, PolicyCheck, PolicyDiff, PolicyDiffNew, PolicyDiffed, PolicyDraft,
            PolicyExplain, PolicyExplainQuery, PolicyExplanation, PolicyImpact, PolicyTest,
            PolicyTestNew, PolicyTested,
        },
        residency::ResidencyRule,
    },
    reference::{PolicyScope, Ref},
};
use units::{DataClass, Name, kinds};

use super::{policy::POLICY_BYTES_MAX, residency};
use crate::{
    cli::{
        exit::Exit,
        failure::Failure,
        input,
        outcome::{self, WorkRef},
        session::Session,
    },
    output::table::{Table, left, right},
};

/// Largest file of cases, in bytes.
const CASES_BYTES_MAX: u64 = 16 << 20;
/// Cases of one request.
const CASES_AT_ONCE: usize = 500;

/// What `policy diff` compares.
#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// File of Cedar policies; `-` for standard input
    #[arg(required_unless_present = "rules", conflicts_with = "rules")]
    file: Option<PathBuf>,
    /// Typed rules instead of a file, as for `residency set`; may be repeated
    #[arg(long = "rule", value_name = "RULE", value_parser = residency::rule)]
    rules: Vec<ResidencyRule>,
    /// Where it would apply: `platform`, an organisation or `organisation/project`
    #[arg(long)]
    scope: PolicyScope,
    /// The policy that it would replace
    #[arg(long)]
    name: Option<Name>,
    /// Days of logged decisions to ask again
    #[arg(long, default_value_t = 7)]
    days: u32,
}

/// What `policy explain` explains.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// A workload, by id or name
    #[arg(required_unless_present = "class")]
    workload: Option<WorkRef>,
    /// Or data of this class of the project in use
    #[arg(long, conflicts_with = "workload")]
    class: Option<DataClass>,
    /// Only this site
    #[arg(long)]
    site: Option<Ref<kinds::Site>>,
}

/// Says whether a text could come into force.
pub(crate) fn check(file: &Path, session: &Session) -> Result<(), Failure> {
    let text = input::text(file, POLICY_BYTES_MAX)?;
    let found = session.client()?.call::<PolicyCheck>(
        &Nothing {},
        &Nothing {},
        &PolicyDraft { text },
        &Options::default(),
    )?;
    session.output.show(&found, || {
        let table = Table::fields()
            .field("result", if found.ok { "ok" } else { "fault" })
            .field("policies", found.policies.join(", "))
            .field_if("line", found.line);
        table.field_if("fault", found.fault.as_ref())
    })?;
    let message = || format!("`{}` could not come into force", file.display());
    if found.ok { Ok(()) } else { Err(Failure::invalid(message())) }
}

/// Asks a draft, or what is in force, about the cases of a file.
pub(crate) fn test(
    file: Option<&Path>,
    cases: &Path,
    scope: Option<PolicyScope>,
    session: &Session,
) -> Result<(), Failure> {
    let text = file.map(|file| input::text(file, POLICY_BYTES_MAX)).transpose()?;
    let cases_text = input::text(cases, CASES_BYTES_MAX)?;
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::invalid(format!("`{}` is no list of cases: {error}", cases.display()))
            .remedy("write a YAML list of `name`, `action`, `class`, `site` and `allowed`")
    };
    let list: Vec<PolicyCase> =
        serde_norway::from_str(&cases_text).map_err(|error| wrong(&error))?;
    let client = session.client()?;
    let mut whole: Option<PolicyTested> = None;
    for part in list.chunks(CASES_AT_ONCE) {
        let (text, scope, cases) = (text.clone(), scope.clone(), part.to_vec());
        let body = PolicyTestNew { text, scope, cases };
        let tested =
            client.call::<PolicyTest>(&Nothing {}, &Nothing {}, &body, &Options::default())?;
        match &mut whole {
            None => whole = Some(tested),
            Some(whole) => {
                whole.ok &= tested.ok;
                whole.results.extend(tested.results);
            }
        }
    }
    let whole = whole.ok_or_else(|| wrong(&"it is empty"))?;
    session.output.show(&whole, || {
        let mut table = Table::new(&[left("CASE"), left("RESULT"), left("ANSWER"), left("BY")]);
        for one in &whole.results {
            table.row([
                one.name.clone(),
                if one.ok { "ok" } else { "WRONG" }.to_owned(),
                if one.allowed { "yes" } else { "no" }.to_owned(),
                one.determining.join(" "),
            ]);
        }
        table.note(format!("policy set {}", whole.policy_set))
    })?;
    let n_wrong = whole.results.iter().filter(|one| !one.ok).count();
    let message = || format!("{n_wrong} of {} cases have another answer", whole.results.len());
    if whole.ok { Ok(()) } else { Err(Failure::new(Exit::Failed, message())) }
}

/// Which policies decide, and what would change that.
pub(crate) fn explain(args: ExplainArgs, session: &Session) -> Result<(), Failure> {
    let mut query = PolicyExplainQuery { site: args.site, ..PolicyExplainQuery::default() };
    match args.workload {
        Some(workload) => query.workload = Some(outcome::find(session, &workload)?),
        None => {
            query.project = Some(session.project_required()?);
            query.class = args.class;
        }
    }
    let found: PolicyExplanation = session.client()?.get::<PolicyExplain>(&Nothing {}, &query)?;
    session.output.show(&found, || {
        let mut table = Table::new(&[
            left("SITE"),
            left("WHAT"),
            left("ANSWER"),
            left("BY"),
            right("DECISION"),
        ]);
        for one in &found.answers {
            table.row([
                one.name.to_string(),
                format!("{:?}", one.action).to_lowercase(),
                if one.allowed { "yes" } else { "no" }.to_owned(),
                one.determining.join(" "),
                one.decided.map_or_else(|| "-".to_owned(), |seq| seq.to_string()),
            ]);
        }
        for one in &found.answers {
            table = table.note(format!("\n{}", one.reason));
            for change in &one.would_change {
                table = table.note(format!("  - {change}"));
            }
        }
        table
    })
}

/// What a change would do.
pub(crate) fn diff(args: DiffArgs, session: &Session) -> Result<(), Failure> {
    let text = args.file.map(|file| input::text(&file, POLICY_BYTES_MAX)).transpose()?;
    let (scope, name, rules, days) = (args.scope, args.name, args.rules, args.days);
    let body = PolicyDiffNew { scope, name, text, rules, days };
    let found = session.client()?.call::<PolicyDiff>(
        &Nothing {},
        &Nothing {},
        &body,
        &Options::default(),
    )?;
    session.output.show(&found, || diffed(&found))
}

fn diffed(found: &PolicyDiffed) -> Table {
    let columns = [left("WHAT"), left("NAME"), left("ID"), right("NOW"), right("THEN")];
    let mut table = Table::new(&[&columns[..], &[left("BECAUSE OF")]].concat());
    let kinds = [
        ("running", &found.running),
        ("waiting", &found.queued),
        ("endpoint", &found.endpoints),
        ("artefact", &found.artefacts),
    ];
    for (what, impacts) in kinds {
        for one in impacts {
            table.row(row(what, one));
        }
    }
    let flips =
        format!("{} of {} logged decisions would be other ones", found.n_flips, found.asked_again);
    table = table.note(format!("\n{flips}"));
    for flip in found.flips.iter().take(20) {
        table = table.note(format!("  entry {}: {}", flip.seq, flip.question));
    }
    table
}

fn row(what: &str, one: &PolicyImpact) -> [String; 6] {
    [
        what.to_owned(),
        one.name.clone(),
        one.subject.clone(),
        one.allowed_now.to_string(),
        one.allowed_then.to_string(),
        one.because.join(" "),
    ]
}
