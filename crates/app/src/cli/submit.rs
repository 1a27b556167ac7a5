//! `plan` and `apply`: job files, one or many.
//!
//! Every job of every file is read and checked before the first is sent: a file with a mistake in
//! its last document submits nothing.

use std::path::{Path, PathBuf};

use api::{
    endpoint::Nothing,
    job_file::{FILE_BYTES_MAX, JobFile},
    nouns::{
        workload::{Workload, WorkloadCreate},
        workload_insight::{Plan, WorkloadPlan},
    },
};
use serde::Serialize;

use super::{
    exit::Exit,
    failure::Failure,
    input,
    outcome::{self, After},
    session::{Guard, Once, Session},
};
use crate::output::{
    Format,
    human::{carbon, energy, euro, time, word},
    table::{Table, left, state},
};

/// Say what jobs would do, without submitting them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde plan -f examples/train.yaml
  cocarde plan -f - -o json < job.yaml

Shows every default, the placement, the residency verdict of every site, and what an hour costs in
euros, kWh and gCO2e. Exit code 4 if a job would be refused.")]
pub(crate) struct PlanArgs {
    /// Job file; `-` for standard input; may be repeated
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// Submit jobs from files
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde apply -f examples/train.yaml
  cocarde apply -f jobs.yaml --wait          # several documents, separated by ---
  cat job.yaml | cocarde apply -f - --follow")]
pub(crate) struct ApplyArgs {
    /// Job file; `-` for standard input; may be repeated
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    after: After,
    #[command(flatten)]
    once: Once,
}

/// Several answers in one.
#[derive(Debug, Serialize)]
struct Items<'a, T> {
    items: &'a [T],
}

/// Plans every job.
pub(crate) fn plan(args: &PlanArgs, session: &Session) -> Result<Exit, Failure> {
    let jobs = read(&args.files, session)?;
    let client = session.client()?;
    let mut plans = Vec::with_capacity(jobs.len());
    for job in &jobs {
        let plan = client.call::<WorkloadPlan>(&Nothing {}, &Nothing {}, job, &Default::default());
        plans.push(plan?);
    }
    if session.output.format() == Format::Table {
        for plan in &plans {
            session.output.show(plan, || plan_table(plan))?;
        }
    } else {
        session.output.show(&Items { items: &plans }, || Table::new(&[]))?;
    }
    let feasible = plans.iter().all(|plan| plan.feasible);
    Ok(if feasible { Exit::Ok } else { Exit::Refused })
}

/// Submits every job, and waits for them if asked to.
pub(crate) fn apply(args: &ApplyArgs, session: &Session) -> Result<Exit, Failure> {
    let jobs = read(&args.files, session)?;
    let mut workloads = Vec::with_capacity(jobs.len());
    for (index, job) in jobs.iter().enumerate() {
        // One key for the command would make its second job a repetition of its first.
        let key = args.once.idempotency_key.as_ref().map(|key| format!("{key}-{index}"));
        let guard = Guard::once(Once { idempotency_key: key });
        match session.change::<WorkloadCreate>(&Nothing {}, job, &guard) {
            Ok(workload) => workloads.push(workload),
            Err(failure) => return Err(partial(failure, job, &workloads)),
        }
    }
    show(session, &workloads)?;
    outcome::after(session, &workloads, &args.after)
}

/// Some were submitted before one was refused: the person must know which.
fn partial(failure: Failure, job: &JobFile, submitted: &[Workload]) -> Failure {
    if submitted.is_empty() {
        return failure;
    }
    let ids: Vec<String> = submitted.iter().map(|workload| workload.id.to_string()).collect();
    let message =
        format!("`{}`: {} (submitted before it: {})", job.name, failure.message, ids.join(", "));
    Failure { message, ..failure }
}

/// Shows what was submitted.
pub(crate) fn show(session: &Session, workloads: &[Workload]) -> Result<(), Failure> {
    session.output.show(&Items { items: workloads }, || {
        let mut table = Table::new(&[left("ID"), left("NAME"), left("TYPE"), state("STATE")]);
        for one in workloads {
            let kind = one.kind.to_string();
            table.row([one.id.to_string(), one.name.to_string(), kind, word(&one.state)]);
        }
        table
    })
}

/// Reads and checks all files; the project in use is filled in where a job names none.
fn read(files: &[PathBuf], session: &Session) -> Result<Vec<JobFile>, Failure> {
    let project = session.project()?.map(|project| project.to_string());
    let mut jobs = Vec::new();
    for file in files {
        jobs.extend(parse(file, project.as_deref())?);
    }
    Ok(jobs)
}

/// Reads and checks one file.
pub(crate) fn parse(file: &Path, project: Option<&str>) -> Result<Vec<JobFile>, Failure> {
    let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
    let bytes = input::bytes(file, limit)?;
    let named = |failure: Failure| {
        let message = format!("{}: {}", file.display(), failure.message);
        Failure { message, ..failure }
    };
    let mut jobs = JobFile::parse_all(&bytes).map_err(|error| named(error.into()))?;
    for job in &mut jobs {
        check(job, project).map_err(named)?;
    }
    Ok(jobs)
}

/// Fills in the project and checks every value.
pub(crate) fn check(job: &mut JobFile, project: Option<&str>) -> Result<(), Failure> {
    if job.project.is_none() {
        job.project = project.map(str::to_owned);
    }
    job.resolve().map(drop).map_err(|fields| Failure {
        fields,
        slug: Some(api::problem::Code::InvalidField.slug().to_owned()),
        ..Failure::invalid(format!("the job `{}` is not valid", job.name))
    })
}

fn plan_table(plan: &Plan) -> Table {
    let job = plan.resolved.to_yaml().unwrap_or_default();
    let nodes: Vec<String> = plan.placement.iter().map(|one| one.node_name.to_string()).collect();
    let mut table = Table::fields()
        .field("job", &plan.resolved.name)
        .field("would be accepted", if plan.feasible { "yes" } else { "no" })
        .field_if("reason", plan.reason.as_ref())
        .field_if("nodes", (!nodes.is_empty()).then(|| nodes.join(", ")))
        .field_if("estimated start", plan.estimated_start_at.map(time))
        .field("cost of an hour", euro(plan.cost_per_hour_microeuro))
        .field(
            "energy of an hour",
            format!("{} (modelled: {})", energy(plan.energy_per_hour_mj), plan.energy_source),
        )
        .field(
            "emissions of an hour",
            format!("{} (modelled: {})", carbon(plan.carbon_per_hour_mg), plan.carbon_source),
        );
    for site in &plan.sites {
        let verdict = if site.allowed { "allowed" } else { "refused" };
        let text = format!("{verdict} ({}): {}", site.country, site.reason);
        table = table.field(&format!("site {}", site.name), text);
    }
    for budget in &plan.budgets {
        let left = budget.remaining_microeuro.map_or_else(|| budget.remaining.clone(), euro);
        let text = format!("{left} left ({})", budget.owner);
        table = table.field(&format!("budget {}", budget.name), text);
    }
    table.note(format!("\n# every default filled in\n{job}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_file(text: &str, project: Option<&str>) -> Result<Vec<JobFile>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.yaml");
        std::fs::write(&path, text).unwrap();
        parse(&path, project)
    }

    #[test]
    fn the_project_in_use_is_filled_in_but_never_replaces_one() {
        let text =
            "type: batch\nname: a\nrun: x\n---\ntype: batch\nname: b\nproject: o/p\nrun: x\n";
        let jobs = check_file(text, Some("orange/nlp")).unwrap();
        let projects: Vec<&str> = jobs.iter().filter_map(|job| job.project.as_deref()).collect();
        assert_eq!(projects, ["orange/nlp", "o/p"]);
        let failure = check_file(text, None).unwrap_err();
        assert_eq!(failure.exit, Exit::InvalidInput);
        assert_eq!(failure.fields[0].pointer, "/project");
    }

    #[test]
    fn a_mistake_names_file_line_field_and_what_is_near() {
        let failure = check_file("type: batch\nname: a\nrnu: x\n", Some("o/p")).unwrap_err();
        assert_eq!(failure.exit, Exit::InvalidInput);
        let text = failure.text();
        for part in ["job.yaml: line 3", "did you mean `run`?", "docs/problems/unknown-field"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
