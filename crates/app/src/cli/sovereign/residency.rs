//! `residency`: for each category of data the countries where it may lie and be processed.

use api::{
    endpoint::Nothing,
    nouns::residency::{
        DataCategory, DataOperation, Residency, ResidencyGet, ResidencyNew, ResidencyQuery,
        ResidencyRule, ResidencySet,
    },
    reference::PolicyScope,
};
use units::Country;

use crate::cli::{
    failure::Failure,
    session::{Guard, Session},
};
use crate::output::table::{Table, left, right};

/// Residency: where each category of data may lie and be processed
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cocarde residency get --scope orange
  cocarde residency set --scope orange/nlp --rule customer:store=FR --rule customer:process=FR,DE
  cocarde policy diff --scope orange/nlp --rule customer:process=FR --days 7")]
pub(crate) enum Verb {
    /// Show the rules of a scope, and what holds there with those of wider scopes
    Get {
        /// `platform`, an organisation or `organisation/project`
        #[arg(long)]
        scope: PolicyScope,
    },
    /// Put rules in force in place of those of the same scope; they can only tighten
    Set {
        /// `platform`, an organisation or `organisation/project`
        #[arg(long)]
        scope: PolicyScope,
        /// `CATEGORY:OPERATION=COUNTRY,…`, such as `customer:store=FR,DE`; may be repeated
        #[arg(long = "rule", value_name = "RULE", value_parser = rule)]
        rules: Vec<ResidencyRule>,
        #[command(flatten)]
        guard: Guard,
    },
}

const CATEGORIES: [(&str, DataCategory); 4] = [
    ("customer", DataCategory::Customer),
    ("derived", DataCategory::Derived),
    ("account", DataCategory::Account),
    ("provider", DataCategory::Provider),
];
const OPERATIONS: [(&str, DataOperation); 2] =
    [("store", DataOperation::Store), ("process", DataOperation::Process)];

/// Reads a rule such as `customer:store=FR,DE`.
pub(in crate::cli) fn rule(text: &str) -> Result<ResidencyRule, String> {
    let wrong = || format!("`{text}` is no rule: write for example `customer:store=FR,DE`");
    let (what, countries) = text.split_once('=').ok_or_else(wrong)?;
    let (category, operation) = what.split_once(':').ok_or_else(wrong)?;
    let category = CATEGORIES.iter().find(|(word, _)| *word == category);
    let operation = OPERATIONS.iter().find(|(word, _)| *word == operation);
    let (Some((_, category)), Some((_, operation))) = (category, operation) else {
        return Err(wrong());
    };
    let countries = countries.split(',').filter(|code| !code.is_empty());
    let countries = countries.map(|code| code.parse::<Country>().map_err(|e| e.to_string()));
    Ok(ResidencyRule {
        category: *category,
        operation: *operation,
        countries: countries.collect::<Result<Vec<_>, String>>()?,
    })
}

/// Runs the verb.
pub(crate) fn run(verb: Verb, session: &Session) -> Result<(), Failure> {
    let found = match verb {
        Verb::Get { scope } => {
            session.client()?.get::<ResidencyGet>(&Nothing {}, &ResidencyQuery { scope })?
        }
        Verb::Set { scope, rules, guard } => {
            let body = ResidencyNew { scope, rules };
            session.change::<ResidencySet>(&Nothing {}, &body, &guard)?
        }
    };
    session.output.show(&found, || table(&found))
}

fn table(found: &Residency) -> Table {
    let columns = [left("CATEGORY"), left("OPERATION"), left("ALLOWED IN"), left("SET HERE")];
    let mut table = Table::new(&[&columns[..], &[right("COUNTRIES")]].concat());
    for rule in &found.effective {
        let same =
            |one: &&ResidencyRule| (one.category, one.operation) == (rule.category, rule.operation);
        let here = found.rules.iter().any(|one| same(&one));
        let codes: Vec<String> = rule.countries.iter().map(ToString::to_string).collect();
        let word = |category| CATEGORIES.iter().find(|(_, one)| *one == category);
        let verb = |operation| OPERATIONS.iter().find(|(_, one)| *one == operation);
        table.row([
            word(rule.category).map_or("", |(word, _)| word).to_owned(),
            verb(rule.operation).map_or("", |(word, _)| word).to_owned(),
            if codes.is_empty() { "nowhere".to_owned() } else { codes.join(" ") },
            if here { "yes" } else { "no" }.to_owned(),
            codes.len().to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_or_refused() {
        let read = rule("derived:process=FR,DE").unwrap();
        assert_eq!((read.category, read.countries.len()), (DataCategory::Derived, 2));
        assert!(rule("derived:process=").unwrap().countries.is_empty());
        for text in ["", "customer", "customer:store", "guest:store=FR", "customer:keep=FR"] {
            assert!(rule(text).is_err(), "{text}");
        }
        assert!(rule("customer:store=fr").is_err());
    }
}
