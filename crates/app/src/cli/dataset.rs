//! `dataset`: data with a class, in numbered versions that never change.

use std::path::{Path, PathBuf};

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, PageQuery},
        dataset::{
            Dataset, DatasetCreate, DatasetGet, DatasetList, DatasetNew, DatasetOrigin,
            DatasetVersion, DatasetVersionCreate, DatasetVersionList, DatasetVersionNew,
        },
    },
    reference::{InputRef, Ref},
};
use units::{DataClass, Id, Name, kinds};

use super::{
    artefact::{self, VersionAt},
    failure::Failure,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{age, now, size, word},
    table::{Table, left, right},
};

/// Datasets: data with a class, in versions that never change
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde dataset create numbers --class restricted --project orange/nlp
  cocarde dataset add-version numbers ./data
  cocarde dataset versions numbers
  cocarde dataset download numbers@v1 --out ./numbers

A job reads a version as `dataset://nlp/numbers@v1`.")]
pub(crate) enum Verb {
    /// List datasets
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one dataset
    Get {
        /// Its name or id
        dataset: Ref<kinds::Dataset>,
    },
    /// Create a dataset without versions
    Create {
        /// Its name, unique in the project
        name: Name,
        /// How sensitive it is: public, internal, confidential or restricted
        #[arg(long, default_value = "internal")]
        class: DataClass,
        /// It holds what people asked models: no training on it unless the organisation allows that
        #[arg(long)]
        captured: bool,
        #[command(flatten)]
        once: Once,
    },
    /// Add a folder as the next version; only files that are not stored yet are sent
    AddVersion {
        /// Its name or id
        dataset: Ref<kinds::Dataset>,
        /// The folder
        folder: PathBuf,
        /// What it was made from, such as `dataset://nlp/numbers@v1`; repeat for more
        #[arg(long, value_name = "INPUT")]
        from: Vec<InputRef>,
        #[command(flatten)]
        once: Once,
    },
    /// List the versions of a dataset
    Versions {
        /// Its name or id
        dataset: Ref<kinds::Dataset>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Write the files of a version into a folder
    Download {
        /// Its name or id, with `@v2` for a version; the newest if absent
        dataset: VersionAt<kinds::Dataset>,
        /// The folder
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => list(session, limit),
        Verb::Get { dataset } => {
            let path = IdPath { id: find(session, &dataset)? };
            show(session, &session.read::<DatasetGet>(&path)?)
        }
        Verb::Create { name, class, captured, once } => {
            let origin = if captured { DatasetOrigin::Captured } else { DatasetOrigin::Given };
            let project = session.project_required()?;
            let body = DatasetNew { project, name, class, origin };
            let guard = Guard::once(once);
            show(session, &session.change::<DatasetCreate>(&Nothing {}, &body, &guard)?)
        }
        Verb::AddVersion { dataset, folder, from, once } => {
            let path = IdPath { id: find(session, &dataset)? };
            let manifest = artefact::upload(&session.client()?, &folder)?.digest;
            let body = DatasetVersionNew { manifest, parents: from };
            let guard = Guard::once(once);
            let version = session.change::<DatasetVersionCreate>(&path, &body, &guard)?;
            session.output.show(&version, || {
                Table::fields()
                    .field("version", &version.reference)
                    .field("files", version.n_files)
                    .field("size", size(version.size_bytes))
                    .field("manifest", version.manifest)
            })
        }
        Verb::Versions { dataset, limit } => versions(session, &dataset, limit),
        Verb::Download { dataset, out } => download(session, &dataset, &out),
    }
}

fn download(
    session: &Session,
    VersionAt { of, number }: &VersionAt<kinds::Dataset>,
    out: &Path,
) -> Result<(), Failure> {
    let path = IdPath { id: find(session, of)? };
    let query = |n, token| PageQuery { limit: Some(n), page_token: token };
    // The newest comes first.
    let page = session.pages::<DatasetVersionList, _>(&path, u32::MAX, query)?;
    let is_it = |one: &&DatasetVersion| number.is_none_or(|number| one.number == number);
    if let Some(version) = page.items.iter().find(is_it) {
        return artefact::download(&session.client()?, version.manifest, out);
    }
    Err(Failure::not_found(match number {
        Some(number) => format!(
            "dataset `{of}` has no version {number}: `cocarde dataset versions {of}` lists them"
        ),
        None => format!("dataset `{of}` has no version"),
    }))
}

fn list(session: &Session, limit: u32) -> Result<(), Failure> {
    let page = session.project_pages::<DatasetList, _>(limit)?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("NAME"), left("CLASS"), right("VERSIONS"), right("AGE")];
        let mut table = Table::new(&columns);
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.name.to_string(),
                one.class.to_string(),
                one.n_versions.to_string(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

fn versions(session: &Session, dataset: &Ref<kinds::Dataset>, limit: u32) -> Result<(), Failure> {
    let path = IdPath { id: find(session, dataset)? };
    let page = session.pages::<DatasetVersionList, _>(&path, limit, |n, token| PageQuery {
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let columns = [left("VERSION"), right("FILES"), right("SIZE"), left("MANIFEST")];
        let mut table = Table::new(&[&columns[..], &[right("AGE")]].concat());
        for one in &page.items {
            table.row([
                one.reference.to_string(),
                one.n_files.to_string(),
                size(one.size_bytes),
                one.manifest.short(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

fn find(session: &Session, dataset: &Ref<kinds::Dataset>) -> Result<Id<kinds::Dataset>, Failure> {
    session.find::<DatasetList, _, _>(dataset, "dataset", |one| one.id)
}

fn show(session: &Session, one: &Dataset) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("name", &one.name)
            .field("project", one.project)
            .field("class", one.class)
            .field("origin", word(&one.origin))
            .field_if("kept for", one.keep_days.map(|days| format!("{days} days")))
            .field("versions", one.n_versions)
            .field("version", one.version)
    })
}
