//! `quota`: what a tenant is entitled to of a class of GPU.

use api::{
    endpoint::Nothing,
    nouns::{
        common::IdPath,
        quota::{Quota, QuotaDelete, QuotaGet, QuotaList, QuotaNew, QuotaQuery, QuotaSet},
    },
    reference::Ref,
};
use units::{Id, kinds};

use super::{
    failure::Failure,
    session::{Guard, Session},
};
use crate::output::{
    human::{age, now},
    table::{Table, left, right},
};

/// Quotas: what a project or organisation is entitled to of a class of GPU
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde quota set H200 --nominal 64 --organisation orange
  cocarde quota set H200 --nominal 16 --borrow 32 --lend 8 --project orange/nlp
  cocarde quota list --class H200")]
pub(crate) enum Verb {
    /// List quotas
    List {
        /// Only quotas of this organisation and its projects, whatever project is in use
        #[arg(long, value_name = "NAME|ID")]
        organisation: Option<Ref<kinds::Organisation>>,
        /// Only quotas of this class
        #[arg(long, value_name = "CLASS")]
        class: Option<String>,
        /// Most items to show
        #[arg(long, default_value_t = 200)]
        limit: u32,
    },
    /// Show one quota
    Get {
        /// Its id
        quota: Id<kinds::Quota>,
    },
    /// Set the quota of the project, or of an organisation, for a class
    Set(SetArgs),
    /// Take a quota out of force
    Delete {
        /// Its id
        quota: Id<kinds::Quota>,
        #[command(flatten)]
        guard: Guard,
    },
}

/// What a quota is set to.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// A model of GPU such as `H200`, or `cpu` for cores
    class: String,
    /// The owner's own share in GPUs or cores, such as `16` or `0.5`
    #[arg(long, value_name = "AMOUNT", value_parser = milli)]
    nominal: u64,
    /// Most that may be used beyond it while others leave it idle [default: no limit]
    #[arg(long, value_name = "AMOUNT", value_parser = milli)]
    borrow: Option<u64>,
    /// Most of it that others may use while it is idle [default: all of it]
    #[arg(long, value_name = "AMOUNT", value_parser = milli)]
    lend: Option<u64>,
    /// Share of what is idle, relative to others who want it
    #[arg(long, default_value_t = 1)]
    weight: u32,
    /// The organisation whose it is, instead of the project in use
    #[arg(long, value_name = "NAME|ID")]
    organisation: Option<Ref<kinds::Organisation>>,
    #[command(flatten)]
    guard: Guard,
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    match verb {
        Verb::List { organisation, class, limit } => list(session, organisation, class, limit),
        Verb::Get { quota } => show(session, &session.read::<QuotaGet>(&IdPath { id: quota })?),
        Verb::Set(args) => {
            let project = match args.organisation {
                Some(_) => None,
                None => Some(session.project_required()?),
            };
            let body = QuotaNew {
                organisation: args.organisation,
                project,
                class: args.class,
                nominal_milli: args.nominal,
                borrowing_milli: args.borrow,
                lending_milli: args.lend,
                weight: Some(args.weight),
            };
            show(session, &session.change::<QuotaSet>(&Nothing {}, &body, &args.guard)?)
        }
        Verb::Delete { quota, guard } => {
            let path = IdPath { id: quota };
            show(session, &session.change::<QuotaDelete>(&path, &Nothing {}, &guard)?)
        }
    }
}

fn list(
    session: &Session,
    organisation: Option<Ref<kinds::Organisation>>,
    class: Option<String>,
    limit: u32,
) -> Result<(), Failure> {
    let project = if organisation.is_some() { None } else { session.project()? };
    let page = session.pages::<QuotaList, _>(&Nothing {}, limit, |n, page_token| QuotaQuery {
        organisation: organisation.clone(),
        project: project.clone(),
        class: class.clone(),
        limit: Some(n),
        page_token,
    })?;
    session.output.show(&page, || {
        let columns = [left("ID"), left("OWNER"), left("CLASS"), right("NOMINAL")];
        let more = [right("BORROWS"), right("LENDS"), right("WEIGHT"), right("AGE")];
        let mut table = Table::new(&[&columns[..], &more].concat());
        for one in &page.items {
            table.row([
                one.id.to_string(),
                one.owner.clone(),
                one.class.clone(),
                amount(one.nominal_milli),
                one.borrowing_milli.map_or_else(|| "any".to_owned(), amount),
                one.lending_milli.map_or_else(|| "all".to_owned(), amount),
                one.weight.to_string(),
                age(one.created_at, now()),
            ]);
        }
        table
    })
}

fn show(session: &Session, one: &Quota) -> Result<(), Failure> {
    session.output.show(one, || {
        Table::fields()
            .field("id", one.id)
            .field("owner", &one.owner)
            .field("class", &one.class)
            .field("nominal", amount(one.nominal_milli))
            .field("borrows", one.borrowing_milli.map_or_else(|| "any".to_owned(), amount))
            .field("lends", one.lending_milli.map_or_else(|| "all".to_owned(), amount))
            .field("weight", one.weight)
            .field("version", one.version)
    })
}

/// Thousandths as people write them: `8`, `0.5`.
fn amount(milli: u64) -> String {
    let rest = format!("{:03}", milli % 1_000);
    match rest.trim_end_matches('0') {
        "" => (milli / 1_000).to_string(),
        decimals => format!("{}.{decimals}", milli / 1_000),
    }
}

/// Reads `8` or `0.5` in thousandths; never rounds.
fn milli(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not an amount: write for example `8` or `0.5`");
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if whole.is_empty() || decimals.is_empty() || decimals.len() > 3 {
        return Err(wrong());
    }
    if !digits(whole) || !digits(decimals) {
        return Err(wrong());
    }
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    let decimals: u64 = format!("{decimals:0<3}").parse().map_err(|_| wrong())?;
    whole.checked_mul(1_000).and_then(|milli| milli.checked_add(decimals)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_both_ways() {
        for (text, value) in [("8", 8_000), ("0.5", 500), ("0", 0), ("12.025", 12_025)] {
            assert_eq!(milli(text), Ok(value));
            assert_eq!(amount(value), text);
        }
        for wrong in ["", ".5", "1.", "-1", "1.0005", "x", "99999999999999999999"] {
            assert!(milli(wrong).is_err(), "{wrong}");
        }
    }
}
