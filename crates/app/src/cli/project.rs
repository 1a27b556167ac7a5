//! `project`: the units of access, budget and billing.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        project::{Project, ProjectCreate, ProjectGet, ProjectList, ProjectNew, ProjectQuery},
    },
    reference::{ProjectRef, Ref},
};
use units::{Id, kinds};

use super::{
    failure::Failure,
    session::{Guard, Once, Session},
};
use crate::output::{
    human::{age, now},
    table::{Table, left, right},
};

/// Projects: the units of access, budget and billing
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde project create orange/nlp
  cocarde use --project orange/nlp
  cocarde project list --organisation orange")]
pub(crate) enum Verb {
    /// List the projects that the key may see
    List {
        /// Only projects of this organisation
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one project
    Get {
        /// `organisation/project` or its id
        name: ProjectRef,
    },
    /// Create a project
    Create {
        /// `organisation/project`
        #[arg(value_name = "ORGANISATION/PROJECT")]
        name: ProjectRef,
        #[command(flatten)]
        once: Once,
    },
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { organisation, limit } => list(session, organisation, limit),
        Verb::Get { name } => {
            let path = IdPath { id: find(session, &name)? };
            show(session, &session.read::<ProjectGet>(&path)?)
        }
        Verb::Create { name, once } => {
            let ProjectRef::Path { organisation, project } = name else {
                return Err(Failure::usage("an id is made by the platform")
                    .remedy("write `organisation/project`"));
            };
            let body = ProjectNew { organisation: Ref::Name(organisation), name: project };
            let guard = Guard::once(once);
            show(session, &session.change::<ProjectCreate>(&Nothing {}, &body, &guard)?)
        }
    }
}

fn list(
    session: &Session,
    organisation: Option<Ref<kinds::Organisation>>,
    limit: u32,
) -> Result<(), Failure> {
    let page = session.pages::<ProjectList, _>(&Nothing {}, limit, |n, token| ProjectQuery {
        organisation: organisation.clone(),
        name: None,
        limit: Some(n),
        page_token: token,
    })?;
    session.output.show(&page, || {
        let mut table = Table::new(&[left("ID"), left("PROJECT"), right("AGE")]);
        for one in &page.items {
            table.row([one.id.to_string(), one.path.clone(), age(one.created_at, now())]);
        }
        table
    })
}

/// The id of a project.
pub(crate) fn find(session: &Session, project: &ProjectRef) -> Result<Id<kinds::Project>, Failure> {
    let (organisation, name) = match project {
        ProjectRef::Id(id) => return Ok(*id),
        ProjectRef::Path { organisation, project } => (organisation, project),
    };
    let query = ProjectQuery {
        organisation: Some(Ref::Name(organisation.clone())),
        name: Some(name.clone()),
        ..ProjectQuery::default()
    };
    let page = session.client()?.get::<ProjectList>(&Nothing {}, &query)?;
    page.items.first().map(|one| one.id).ok_or_else(|| {
        Failure::not_found(format!("there is no project `{project}`"))
            .remedy("list what there is with `cocarde project list`")
    })
}

fn show(session: &Session, one: &Project) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("project", &one.path)
            .field("organisation", one.organisation)
            .field("created", one.created_at)
            .field("version", one.version)
    })
}
