//! `policy`: sovereignty policies as Cedar text.

use std::path::PathBuf;

use api::{
    endpoint::Nothing,
    nouns::{
        common::{IdPath, NamedQuery},
        policy::{Policy, PolicyGet, PolicyList, PolicyNew, PolicySet},
    },
    reference::{PolicyScope, Ref},
};
use units::{Id, Name, kinds};

use super::trial;
use crate::cli::{
    failure::Failure,
    input,
    session::{Guard, Session, id_of},
};
use crate::output::{
    human::{age, now},
    table::{Table, left, right},
};

/// Largest policy, in bytes.
pub(super) const POLICY_BYTES_MAX: u64 = 64 << 10;

/// Sovereignty policies: where work and data may be
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde policy set residency -f examples/policy.cedar --scope orange
  cocarde policy list")]
pub(crate) enum Verb {
    /// List the policies that bind the key's scope
    List {
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one policy with its text
    Get {
        /// Its name or id
        policy: Ref<kinds::Policy>,
    },
    /// Put a policy in force; it replaces the one of the same scope and name
    Set {
        /// Its name, unique in its scope
        name: Name,
        /// File of Cedar policies; `-` for standard input
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Where it applies: `platform`, an organisation or `organisation/project`
        #[arg(long)]
        scope: PolicyScope,
        #[command(flatten)]
        guard: Guard,
    },
    /// Say whether a file of policies could come into force
    #[command(after_help = "Examples:
  cocarde policy check examples/policy.cedar
  cat examples/policy.cedar | cocarde policy check -")]
    Check {
        /// File of Cedar policies; `-` for standard input
        file: PathBuf,
    },
    /// Ask a draft, or what is in force, about cases with expected answers
    #[command(after_help = "Examples:
  cocarde policy test examples/policy.cedar --cases examples/cases/policy.yaml
  cocarde policy test --scope orange/nlp --cases examples/cases/policy.yaml")]
    Test {
        /// File of Cedar policies; without it what is in force is asked
        file: Option<PathBuf>,
        /// YAML list of cases
        #[arg(long, value_name = "FILE")]
        cases: PathBuf,
        /// Whose layers come before the draft; without it the base layer alone
        #[arg(long)]
        scope: Option<PolicyScope>,
    },
    /// Say which policies decide, and what would change that
    #[command(after_help = "Examples:
  cocarde policy explain train-words
  cocarde --project orange/nlp policy explain --class restricted --site lyon")]
    Explain(trial::ExplainArgs),
    /// Say what a change would do to the fleet and to past decisions, without making it
    #[command(after_help = "Examples:
  cocarde policy diff examples/policy.cedar --scope orange --name residency --days 30
  cocarde policy diff --rule customer:process=FR --scope orange/nlp")]
    Diff(trial::DiffArgs),
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { limit } => {
            let page = session.pages::<PolicyList, _>(&Nothing {}, limit, |n, token| {
                NamedQuery { name: None, limit: Some(n), page_token: token }
            })?;
            session.output.show(&page, || {
                let columns = [left("ID"), left("SCOPE"), left("NAME"), left("SHA-256")];
                let mut table = Table::new(&[&columns[..], &[right("AGE")]].concat());
                for one in &page.items {
                    table.row([
                        one.id.to_string(),
                        one.scope.to_string(),
                        one.name.to_string(),
                        one.digest.short(),
                        age(one.created_at, now()),
                    ]);
                }
                table
            })
        }
        Verb::Get { policy } => {
            let path = IdPath { id: find(session, &policy)? };
            let policy = session.read::<PolicyGet>(&path)?;
            session.output.show(&policy, || fields(&policy).note(format!("\n{}", policy.text)))
        }
        Verb::Check { file } => trial::check(&file, session),
        Verb::Test { file, cases, scope } => trial::test(file.as_deref(), &cases, scope, session),
        Verb::Explain(args) => trial::explain(args, session),
        Verb::Diff(args) => trial::diff(args, session),
        Verb::Set { name, file, scope, guard } => {
            let text = input::text(&file, POLICY_BYTES_MAX)?;
            let body = PolicyNew { scope, name, text };
            let policy = session.change::<PolicySet>(&Nothing {}, &body, &guard)?;
            session.output.show(&policy, || fields(&policy))
        }
    }
}

fn find(session: &Session, policy: &Ref<kinds::Policy>) -> Result<Id<kinds::Policy>, Failure> {
    id_of(policy, "policy", |name| {
        let query = NamedQuery { name: Some(name.clone()), ..NamedQuery::default() };
        let page = session.client()?.get::<PolicyList>(&Nothing {}, &query)?;
        Ok(page.items.iter().map(|one| one.id).collect())
    })
}

fn fields(one: &Policy) -> Table {
    Table::fields()
        .field("id", one.id)
        .field("scope", &one.scope)
        .field("name", &one.name)
        .field("digest", one.digest)
        .field("version", one.version)
}
