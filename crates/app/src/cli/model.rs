//! `model`: models in numbered versions, with lineage, results and a signature.

use std::path::PathBuf;

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, PageQuery},
        model::{Model, ModelCreate, ModelGet, ModelList, ModelNew},
        model_version::{
            Evaluation, Lineage, ModelVersion, ModelVersionCreate, ModelVersionGet,
            ModelVersionList, ModelVersionNew, ModelVersionPath,
        },
    },
    reference::{ArtefactRef, Ref},
};
use units::{Id, Name, kinds};

use super::{
    artefact::{self, VersionAt},
    failure::Failure,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{age, now, or_dash, size},
    table::{Table, left, right},
};

/// Models: in versions, with lineage, results and a signature
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde model list
  cocarde model versions numbers
  cocarde model get numbers@v1
  cocarde model download numbers@v1 --out ./numbers
  cocarde model add-version numbers ./numbers --base nlp/numbers@v1")]
pub(crate) enum Verb {
    /// List models
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one model, or one of its versions
    Get {
        /// Its name or id, with `@v2` for a version
        model: VersionAt<kinds::Model>,
    },
    /// Create a model without versions
    Create {
        /// Its name, unique in the project
        name: Name,
        #[command(flatten)]
        once: Once,
    },
    /// Add a folder in the Hugging Face layout as the next version
    AddVersion(AddArgs),
    /// List the versions of a model
    Versions {
        /// Its name or id
        model: Ref<kinds::Model>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Write the files of a version into a folder
    Download {
        /// Its name or id, with `@v2` for a version; the newest if absent
        model: VersionAt<kinds::Model>,
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// What a version is added from.
#[derive(Debug, clap::Args)]
pub(crate) struct AddArgs {
    /// Its name or id
    model: Ref<kinds::Model>,
    /// The folder
    folder: PathBuf,
    /// The dataset that it was trained on
    #[arg(long, value_name = "PROJECT/NAME@vN")]
    dataset: Option<ArtefactRef>,
    /// The model that it was tuned from
    #[arg(long, value_name = "PROJECT/NAME@vN")]
    base: Option<ArtefactRef>,
    /// The workload that made it
    #[arg(long, value_name = "ID")]
    workload: Option<Id<kinds::Workload>>,
    /// Program and version that made it
    #[arg(long, value_name = "TEXT")]
    software: Option<String>,
    #[command(flatten)]
    once: Once,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { model: VersionAt { of: model, number: None } } => {
            let path = IdPath { id: find(session, &model)? };
            show(session, &session.read::<ModelGet>(&path)?)
        }
        Verb::Get { model: VersionAt { of: model, number: Some(number) } } => {
            let path = ModelVersionPath { id: find(session, &model)?, number };
            show_version(session, &session.read::<ModelVersionGet>(&path)?)
        }
        Verb::Create { name, once } => {
            let body = ModelNew { project: session.project_required()?, name };
            let guard = Guard::once(once);
            show(session, &session.change::<ModelCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::AddVersion(args) => add(args, session),
        Verb::Versions { model, limit } => versions(session, &model, limit),
        Verb::Download { model: VersionAt { of: model, number }, out } => {
            let id = find(session, &model)?;
            let number = match number {
                Some(number) => number,
                None => session.read::<ModelGet>(&IdPath { id })?.n_versions,
            };
            if number == 0 {
                return Err(Failure::not_found(format!("model `{model}` has no version")));
            }
            let version = session.read::<ModelVersionGet>(&ModelVersionPath { id, number })?;
            artefact::download(&session.client()?, version.manifest, &out)
        }
    }
}

fn add(args: AddArgs, session: &Session) -> Result<(), Failure> {
    let path = IdPath { id: find(session, &args.model)? };
    let manifest = artefact::upload(&session.client()?, &args.folder)?.digest;
    let lineage = Lineage {
        dataset: args.dataset,
        workload: args.workload,
        base: args.base,
        software: args.software,
    };
    let body = ModelVersionNew { manifest, lineage, signature: None };
    let guard = Guard::once(args.once);
    show_version(session, &session.change::<ModelVersionCreate>(&path, &body, &guard)?)
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.project_pages::<ModelList, _>(limit)?;
    session.output.show(&page, || {
        let mut table = Table::new(&[left("ID"), left("NAME"), right("VERSIONS"), right("AGE")]);
        for one in &page.items {
            let age = age(one.created_at, now());
            table.row([one.id.to_string(), one.name.to_string(), one.n_versions.to_string(), age]);
        }
        table
    })
}

fn versions(session: &Session, model: &Ref<kinds::Model>, limit: u32) -> Result<(), Failure> {
    let path = IdPath { id: find(session, model)? };
    let page = session.pages::<ModelVersionList, _>(&path, limit, |n, token| PageQuery {
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let columns = [left("VERSION"), left("CLASS"), right("SIZE"), left("SIGNED")];
        let more = [left("RESULT"), left("MANIFEST"), right("AGE")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.reference.to_string(),
                one.class.to_string(),
                size(one.size_bytes),
                if one.signature.is_some() { "yes" } else { "no" }.to_owned(),
                or_dash(results(one).pop()),
                one.manifest.short(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

/// Results in words, the newest last.
fn results(version: &ModelVersion) -> Vec<String> {
    let text = |e: &Evaluation| format!("{} {}/{} on {}", e.metric, e.correct, e.total, e.dataset);
    version.evaluations.iter().map(text).collect()
}

fn find(session: &Session, model: &Ref<kinds::Model>) -> Result<Id<kinds::Model>, Failure> {
    session.find::<ModelList, _, _>(model, "model", |one| one.id)
}

fn show(session: &Session, one: &Model) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("project", one.project)
            .field("versions", one.n_versions)
            .field("version", one.version)
    })
}

fn show_version(session: &Session, one: &ModelVersion) -> Result<(), Failure> {
    session.output.show(one, || {
        let lineage = &one.lineage;
        let table = Table::fields()
            .field("version", &one.reference)
            .field("class", one.class)
            .field("files", one.n_files)
            .field("size", size(one.size_bytes))
            .field("manifest", one.manifest)
            .field("signed", if one.signature.is_some() { "yes" } else { "no" })
            .field_if("dataset", lineage.dataset.as_ref())
            .field_if("workload", lineage.workload)
            .field_if("base", lineage.base.as_ref())
            .field_if("software", lineage.software.as_ref());
        results(one).iter().fold(table, |table, result| table.field("result", result))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_name_its_version() {
        let at = |text: &str| text.parse::<VersionAt<kinds::Model>>();
        assert_eq!(at("numbers").unwrap().number, None);
        assert_eq!(at("numbers@v12").unwrap().number, Some(12));
        for wrong in ["numbers@", "numbers@v0", "numbers@x", "Numbers", ""] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }
}
