//! Which policies decide about a workload or a wish, and what would change the answer.

use api::{
    nouns::policy_tools::{PolicyExplain, PolicyExplained, PolicyExplanation},
    problem::Code,
};
use kernel::{
    State,
    access::Role,
    decision::{self, Draft},
    site, workload,
};
use policy::{Ask, Category, Decision};
use units::{DataClass, Id, kinds};

use super::tools::shown_action;
use crate::http::{
    fail::Fail,
    mount::{Call, as_of},
    resolve, workloads,
};

/// `GET /api/v1/policies/explain`
pub(crate) async fn explain(call: Call<PolicyExplain>) -> Result<PolicyExplanation, Fail> {
    let query = &call.query;
    call.read(|state| {
        let only = query.site.as_ref().map(|site| resolve::site(state, site)).transpose()?;
        let sites = state.sites.values().filter(|site| only.is_none_or(|id| id == site.id));
        let mut answers = Vec::new();
        for site in sites {
            for ask in asks(state, &call, site.id)? {
                answers.extend(explained(state, site, &ask));
            }
        }
        Ok(PolicyExplanation { answers, as_of: as_of(state) })
    })
}

/// The questions about one site.
fn asks(
    state: &State,
    call: &Call<PolicyExplain>,
    site: Id<kinds::Site>,
) -> Result<Vec<Ask>, Fail> {
    let query = &call.query;
    match (query.workload, &query.project) {
        (Some(id), None) => {
            let found = workloads::find(state, &call.caller, Role::Viewer, id)?;
            Ok(workload::asks(found.project, &found.spec, found.class, site).collect())
        }
        (None, Some(project)) => {
            let project = resolve::project(state, &call.caller, Role::Viewer, project)?;
            let class = query.class.unwrap_or_default();
            let ask = |action| Ask {
                project: Some(project),
                action,
                class,
                category: Category::Customer,
                residency: None,
                site,
            };
            Ok(policy::Action::ALL.map(ask).to_vec())
        }
        _ => Err(Fail::new(Code::InvalidQuery, "name either `workload` or `project`")),
    }
}

fn explained(state: &State, site: &site::Site, ask: &Ask) -> Option<PolicyExplained> {
    let answer = decision::answer(state, ask)?;
    let question = decision::question(state, ask)?;
    let why = policy::explain(&question, &answer.decision);
    let mut would_change = Vec::new();
    if !answer.decision.allowed {
        would_change.push(why.remedy);
        would_change.extend(changes(state, ask, &answer.decision));
    }
    Some(PolicyExplained {
        site: site.id,
        name: site.name.clone(),
        action: shown_action(ask.action),
        allowed: answer.decision.allowed,
        determining: answer.decision.determining,
        reason: why.reason,
        would_change,
        decided: answer.seq.map(|seq| seq.saturating_add(1)),
    })
}

/// What was tried and would be allowed: other words of the same question, and one policy less.
fn changes(state: &State, ask: &Ask, decision: &Decision) -> Vec<String> {
    let mut found = Vec::new();
    let allowed =
        |ask: &Ask| decision::ask_now(state, ask).is_some_and(|(_, decision)| decision.allowed);
    if ask.residency.is_some() && allowed(&Ask { residency: None, ..ask.clone() }) {
        found.push("without the job's own residency list it would be allowed".to_owned());
    }
    for class in DataClass::ALL.into_iter().filter(|class| *class < ask.class) {
        if allowed(&Ask { class, ..ask.clone() }) {
            found.push(format!("data of class `{class}` would be allowed"));
        }
    }
    let mut policies: Vec<Id<kinds::Policy>> =
        decision.determining.iter().filter_map(|id| id.split_once('/')?.0.parse().ok()).collect();
    policies.dedup();
    for id in policies {
        let without = Draft::without(state, id).ask(ask);
        let name =
            state.policy_sets.get(&id).map_or_else(|| id.to_string(), |p| p.name.to_string());
        let answer = match without {
            Some((_, decision)) if decision.allowed => "it would be allowed",
            Some(_) | None => "it would still be refused",
        };
        found.push(format!("without policy `{name}` ({id}) {answer}"));
    }
    found
}
