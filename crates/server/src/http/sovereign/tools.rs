//! Policies on trial: a draft is checked, asked about cases, and forgotten.

use api::{
    nouns::policy_tools::{
        PolicyAction, PolicyCase, PolicyCaseResult, PolicyCheck, PolicyChecked, PolicyTest,
        PolicyTested, SiteDraft,
    },
    problem::Code,
};
use kernel::{access::Role, policy_set};
use policy::{
    Action, LegalFacts, Policies, PolicySource, Question, SiteFacts, ownership::UNKNOWN_COUNTRY,
};

use super::residency::category;
use crate::http::{fail::Fail, mount::Call, resolve};

/// The name that a draft has among the sources: no policy's id looks like it.
const DRAFT: &str = "draft";
/// Cases of one test.
const CASES_MAX: usize = 1_000;

/// `POST /api/v1/policies/check`
pub(crate) async fn check(call: Call<PolicyCheck>) -> Result<PolicyChecked, Fail> {
    let text = call.body.text.clone();
    Ok(match Policies::compile(&[PolicySource { id: DRAFT.to_owned(), text }]) {
        Ok(policies) => PolicyChecked {
            ok: true,
            fault: None,
            line: None,
            policies: own(policies.ids()).collect(),
        },
        Err(error) => PolicyChecked {
            ok: false,
            fault: Some(format!("{}; {}", error.fault, error.fault.remedy())),
            line: error.line,
            policies: Vec::new(),
        },
    })
}

/// `POST /api/v1/policies/test`
pub(crate) async fn test(call: Call<PolicyTest>) -> Result<PolicyTested, Fail> {
    let new = &call.body;
    if new.cases.len() > CASES_MAX {
        let detail = format!("{} cases: at most {CASES_MAX} at a time", new.cases.len());
        return Err(Fail::new(Code::InvalidField, detail).remedy("ask in parts"));
    }
    let mut sources = match &new.scope {
        None => Vec::new(),
        Some(scope) => call.read(|state| {
            let scope = resolve::policy_scope(state, &call.caller, Role::Viewer, scope)?;
            Ok::<_, Fail>(policy_set::sources(state, scope))
        })?,
    };
    sources.extend(new.text.iter().map(|text| {
        let (id, text) = (DRAFT.to_owned(), text.clone());
        PolicySource { id, text }
    }));
    let policies = Policies::compile(&sources).map_err(|error| {
        Fail::new(Code::InvalidField, error.to_string())
            .remedy("correct the text: `cocarde policy check FILE` says the same without cases")
    })?;
    let results: Vec<PolicyCaseResult> =
        new.cases.iter().map(|case| answer(&policies, case)).collect();
    let ok = results.iter().all(|result| result.ok);
    Ok(PolicyTested { ok, policy_set: policies.hash(), results })
}

/// Ids of the draft's policies, without the draft's name.
fn own(ids: &[String]) -> impl Iterator<Item = String> + '_ {
    ids.iter().filter_map(|id| id.strip_prefix(DRAFT)?.strip_prefix('/')).map(str::to_owned)
}

fn answer(policies: &Policies, case: &PolicyCase) -> PolicyCaseResult {
    let decision = policies.decide(&question(case));
    let expected = case.allowed.is_none_or(|allowed| allowed == decision.allowed);
    let named = case.by.as_ref().is_none_or(|by| {
        let mut found: Vec<&str> = decision
            .determining
            .iter()
            .map(|id| id.split_once('/').map_or(id.as_str(), |(_, own)| own))
            .collect();
        let mut by: Vec<&str> = by.iter().map(String::as_str).collect();
        found.sort_unstable();
        by.sort_unstable();
        found == by
    });
    PolicyCaseResult {
        name: case.name.clone(),
        ok: expected && named,
        allowed: decision.allowed,
        determining: decision.determining,
        errors: decision.errors,
    }
}

fn question(case: &PolicyCase) -> Question {
    Question {
        action: action(case.action),
        organisation: case.organisation.clone(),
        project: case.project.clone(),
        class: case.class,
        category: category(case.category),
        residency: case.residency.clone(),
        site: facts(&case.site),
    }
}

fn facts(site: &SiteDraft) -> SiteFacts {
    let known = |code: &String| {
        if code.is_empty() { UNKNOWN_COUNTRY.to_owned() } else { code.clone() }
    };
    SiteFacts {
        id: format!("site:{}", site.name),
        name: site.name.clone(),
        country: site.country,
        operator: site.operator.clone(),
        operator_country: site.operator_country,
        certifications: site.certifications.clone(),
        legal: LegalFacts {
            operator_jurisdiction: known(&site.operator_jurisdiction),
            owner_jurisdiction: known(&site.owner_jurisdiction),
            ownership_met: site.ownership_met,
            ..LegalFacts::default()
        },
    }
}

pub(super) const fn action(given: PolicyAction) -> Action {
    match given {
        PolicyAction::Place => Action::Place,
        PolicyAction::Move => Action::Move,
        PolicyAction::Serve => Action::Serve,
    }
}

pub(super) const fn shown_action(action: Action) -> PolicyAction {
    match action {
        Action::Place => PolicyAction::Place,
        Action::Move => PolicyAction::Move,
        Action::Serve => PolicyAction::Serve,
    }
}
