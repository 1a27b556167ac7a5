//! Tests at the crate's border: sources in, decisions, texts and refusals out.

mod compiling;
mod deciding;
mod ownership;
mod residency;

use units::{Country, DataClass};

use crate::{
    Action, Category, CompileError, LegalFacts, Policies, PolicySource, Question, SiteFacts,
};

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn site(code: &str, operator_code: &str) -> SiteFacts {
    SiteFacts {
        id: format!("site_{}", code.to_lowercase()),
        name: format!("hall-{}", code.to_lowercase()),
        country: country(code),
        operator: "Exploitant SA".to_owned(),
        operator_country: country(operator_code),
        certifications: vec!["SecNumCloud".to_owned()],
        legal: LegalFacts::default(),
    }
}

fn question(class: DataClass, at: &str, residency: Option<&[&str]>) -> Question {
    Question {
        action: Action::Place,
        organisation: "org_bank".to_owned(),
        project: "prj_risk".to_owned(),
        class,
        category: Category::Customer,
        residency: residency.map(|list| list.iter().map(|code| country(code)).collect()),
        site: site(at, "FR"),
    }
}

fn source(id: &str, text: &str) -> PolicySource {
    PolicySource { id: id.to_owned(), text: text.to_owned() }
}

fn compile(texts: &[&str]) -> Result<Policies, CompileError> {
    let sources: Vec<PolicySource> = texts
        .iter()
        .enumerate()
        .map(|(position, text)| source(&format!("pol_{position}"), text))
        .collect();
    Policies::compile(&sources)
}
