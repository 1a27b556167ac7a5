//! `audit criteria`: what sovereignty asks for, and how each criterion can be shown.

use api::{
    endpoint::Nothing,
    nouns::sovereignty::{CriteriaFramework, Criterion, SovereigntyCriteriaGet},
};

use crate::{
    cli::{exit::Exit, failure::Failure, session::Session},
    output::{
        human::word,
        table::{Table, left, right},
    },
};

/// Which criteria.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cocarde audit criteria
  cocarde audit criteria secnumcloud
  cocarde audit criteria csf.sov-5")]
pub(crate) struct CriteriaArgs {
    /// A framework (`eu-csf`, `cada`, `secnumcloud`), or the beginning of ids such as `csf.sov-5`
    which: Option<String>,
}

/// Lists them.
pub(super) fn run(args: &CriteriaArgs, session: &Session) -> Result<Exit, Failure> {
    let mut all = session.read::<SovereigntyCriteriaGet>(&Nothing {})?;
    if let Some(which) = &args.which {
        let begins = |id: &str| {
            id.strip_prefix(which.as_str()).is_some_and(|r| r.is_empty() || r.starts_with('.'))
        };
        for framework in all.frameworks.iter_mut().filter(|one| one.id != *which) {
            for part in &mut framework.parts {
                part.criteria.retain(|one| begins(&one.id));
            }
            framework.parts.retain(|part| !part.criteria.is_empty());
        }
        all.frameworks.retain(|framework| !framework.parts.is_empty());
        if all.frameworks.is_empty() {
            return Err(Failure::not_found(format!("no criterion begins with `{which}`"))
                .remedy("see all of them: `cocarde audit criteria`"));
        }
    }
    session.output.show(&all, || table(&all.frameworks))?;
    Ok(Exit::Ok)
}

fn table(frameworks: &[CriteriaFramework]) -> Table {
    let columns = [left("CRITERION"), right("LEVEL"), left("SHOWN BY"), left("WHAT IT ASKS FOR")];
    let mut table = Table::new(&columns);
    for framework in frameworks {
        for part in &framework.parts {
            for one in &part.criteria {
                let level = if one.level == 0 { "-".to_owned() } else { one.level.to_string() };
                table.row([one.id.clone(), level, shown_by(one), one.says.clone()]);
            }
        }
        table = table.note(format!(
            "\n{} {}: {}\n{}",
            framework.title, framework.version, framework.source, framework.reading
        ));
    }
    table
}

fn shown_by(one: &Criterion) -> String {
    let own = match (&one.computed, &one.needs) {
        (Some(check), _) => format!("platform: {check}"),
        (None, Some(kind)) => format!("evidence: {}", word(kind)),
        (None, None) => "evidence".to_owned(),
    };
    if one.broken_by.is_empty() {
        own
    } else {
        format!("{own}, unless broken by {}", one.broken_by.join(", "))
    }
}
