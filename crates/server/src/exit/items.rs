//! An organisation's configuration as the events that make it anew, in an order in which they can be
//! made: what something refers to comes before it.

use kernel::{
    Event, State, budget, dataset, erasure,
    model::{self, AddVersion, Artefact},
    organisation, policy_set, project,
    quota::{self, Owner},
};
use units::{Id, UnixMicros, kinds};

use super::identities;
use crate::http::quotas;

use kernel::access::{Scope, covers};

/// The items of an organisation.
pub(super) fn items(state: &State, home: Id<kinds::Organisation>, now: UnixMicros) -> Vec<Event> {
    let mut items = terms(state, home);
    // Who may do what comes with the projects in which they may, and before what they made.
    items.extend(identities::items(state, home, now));
    items.extend(artefacts(state, home));
    items.extend(captures(state, home));
    let mut versions = versions(state, home);
    // By time: a version comes after those that it was made from.
    versions.sort_by_key(|(at, _)| *at);
    items.extend(versions.into_iter().map(|(_, event)| event));
    items.extend(evaluations(state, home));
    items
}

fn is_of(state: &State, home: Id<kinds::Organisation>, scope: Scope) -> bool {
    covers(state, Scope::Organisation(home), scope)
}

/// Projects with their guardrails, consent, policies, quotas, budgets.
fn terms(state: &State, home: Id<kinds::Organisation>) -> Vec<Event> {
    let mut items = Vec::new();
    let projects = state.projects.values().filter(|p| p.organisation == home);
    for p in projects {
        let (id, organisation, name) = (p.id, home, p.name.clone());
        items.push(Event::Project(project::Event::Created { id, organisation, name }));
        if !p.guardrails.is_empty() {
            let guardrails = p.guardrails.clone();
            items.push(Event::Project(project::Event::GuardrailsSet { id, guardrails }));
        }
    }
    if state.organisations.get(&home).is_some_and(|o| o.training_allowed) {
        let event = organisation::Event::TrainingAllowed { id: home, allowed: true };
        items.push(Event::Organisation(event));
    }
    let mut policies: Vec<_> =
        state.policy_sets.values().filter(|p| is_of(state, home, p.scope)).collect();
    // Projects' own before those of the organisation: rules that were tightened above later would
    // refuse them.
    policies.sort_by_key(|p| (matches!(p.scope, Scope::Organisation(_)), p.id));
    items.extend(policies.into_iter().map(|p| {
        let (id, scope, name, text) = (p.id, p.scope, p.name.clone(), p.text.clone());
        Event::PolicySet(match p.residency.clone() {
            Some(residency) => policy_set::Event::ResidencySet { id, scope, name, residency, text },
            None => policy_set::Event::Set { id, scope, name, text },
        })
    }));
    let mut quotas: Vec<_> =
        state.quotas.values().filter(|q| is_of(state, home, quotas::scope_of(q.owner))).collect();
    // The organisation's own before those of its projects, which share it.
    quotas.sort_by_key(|q| (matches!(q.owner, Owner::Project(_)), q.id));
    items.extend(quotas.into_iter().map(|q| {
        let (id, owner, class, terms) = (q.id, q.owner, q.class.clone(), q.terms);
        Event::Quota(quota::Event::Set { id, owner, class, terms })
    }));
    items.extend(state.budgets.values().filter_map(|b| budget_item(state, home, b)));
    items
}

/// A budget of the organisation or of a project as it stands, in money of a project as it always was
/// written. Budgets of people, programs and keys stay: who they are over there is not said here.
fn budget_item(state: &State, home: Id<kinds::Organisation>, b: &budget::Budget) -> Option<Event> {
    let scope = budget::scope_of(state, b.owner, None)?;
    if !is_of(state, home, scope) {
        return None;
    }
    let (id, name) = (b.id, b.name.clone());
    let is_plain = b.terms.hard_stop
        && b.period == budget::Period::Total
        && b.terms.alerts == budget::ALERTS_DEFAULT;
    Some(Event::Budget(match (b.owner, b.terms.limit) {
        (budget::Owner::User(_) | budget::Owner::ServiceAccount(_) | budget::Owner::Key(_), _) => {
            return None;
        }
        (budget::Owner::Project(project), units::Allowance::Money(limit)) if is_plain => {
            budget::Event::Created { id, project, name, limit }
        }
        (budget::Owner::Organisation(_) | budget::Owner::Project(_), _) => {
            budget::Event::Opened(Box::new(budget::Opened {
                id,
                owner: b.owner,
                within: b.within,
                name,
                period: b.period,
                terms: b.terms.clone(),
            }))
        }
    }))
}

/// Datasets and models that are kept, without their versions.
fn artefacts(state: &State, home: Id<kinds::Organisation>) -> Vec<Event> {
    let datasets = kept_datasets(state, home).map(|d| {
        let (id, project, name, class) = (d.id, d.project, d.name.clone(), d.class);
        Event::Dataset(match d.origin {
            dataset::Origin::Given => dataset::Event::Created { id, project, name, class },
            dataset::Origin::Captured => {
                dataset::Event::CreatedCaptured { id, project, name, class }
            }
        })
    });
    let models = models(state, home).map(|m| {
        let (id, project, name) = (m.id, m.project, m.name.clone());
        Event::Model(model::Event::Created { id, project, name })
    });
    datasets.chain(models).collect()
}

pub(super) fn kept_datasets(
    state: &State,
    home: Id<kinds::Organisation>,
) -> impl Iterator<Item = &dataset::Dataset> {
    let own = state.datasets.values();
    own.filter(move |d| d.erased_at.is_none() && is_of(state, home, Scope::Project(d.project)))
}

pub(super) fn models(
    state: &State,
    home: Id<kinds::Organisation>,
) -> impl Iterator<Item = &model::Model> {
    state.models.values().filter(move |m| is_of(state, home, Scope::Project(m.project)))
}

/// How long captured texts stay, then which projects capture: both before the versions, which come with
/// the age of their texts.
fn captures(state: &State, home: Id<kinds::Organisation>) -> Vec<Event> {
    let retentions = kept_datasets(state, home).filter_map(|d| {
        let (id, keep_days) = (d.id, d.keep_days?);
        Some(Event::Dataset(dataset::Event::RetentionSet { id, keep_days }))
    });
    let projects = state.projects.values().filter(|p| p.organisation == home);
    let captures = projects.filter_map(|p| {
        let kept = state.datasets.get(&p.capture?.dataset)?.erased_at.is_none();
        let event = project::Event::CaptureSet { id: p.id, capture: p.capture };
        kept.then_some(Event::Project(event))
    });
    retentions.chain(captures).collect()
}

/// Versions with their times. What was made from erased data no longer names it.
fn versions(state: &State, home: Id<kinds::Organisation>) -> Vec<(UnixMicros, Event)> {
    let mut all = Vec::new();
    let kept = |from: &[Artefact]| {
        from.iter().copied().filter(|a| !erasure::is_gone(state, *a)).collect::<Vec<Artefact>>()
    };
    for dataset in kept_datasets(state, home) {
        for v in dataset.kept() {
            // What was put by hand where a retention was set later is as old as it is here.
            let since = v.since.or_else(|| dataset.keep_days.map(|_| v.created_at));
            let parents = if since.is_some() { Vec::new() } else { kept(&v.parents) };
            let (id, number) = (dataset.id, v.number);
            let (manifest, files, size, source) = (v.manifest, v.files, v.size, v.source.clone());
            // What allowed it here allows nothing elsewhere.
            let decided = Vec::new();
            let event = if parents.is_empty() {
                dataset::Event::VersionAdded {
                    id,
                    number,
                    manifest,
                    files,
                    size,
                    source,
                    decided,
                    since,
                }
            } else {
                let version = dataset::NewVersion { id, manifest, files, size, source };
                dataset::Event::VersionDerived { number, version, parents, decided }
            };
            all.push((v.created_at, Event::Dataset(event)));
        }
    }
    for model in models(state, home) {
        for v in &model.versions {
            let mut lineage = v.lineage.clone();
            lineage.inputs = kept(&lineage.inputs);
            let version = AddVersion {
                id: model.id,
                manifest: v.manifest,
                files: v.files,
                size: v.size,
                class: v.class,
                lineage,
                signature: v.signature,
            };
            let (number, decided) = (v.number, Vec::new());
            let added = model::Event::VersionAdded { number, version, decided };
            all.push((v.created_at, Event::Model(added)));
        }
    }
    all
}

/// Results, when all that they are about is there; each keeps its own time.
fn evaluations(state: &State, home: Id<kinds::Organisation>) -> Vec<Event> {
    let mut all = Vec::new();
    for model in models(state, home) {
        for v in &model.versions {
            all.extend(v.evaluations.iter().cloned().map(|mut evaluation| {
                evaluation.dataset = evaluation.dataset.filter(|a| !erasure::is_gone(state, *a));
                let (id, version) = (model.id, v.number);
                Event::Model(model::Event::Evaluated { id, version, evaluation })
            }));
        }
    }
    all
}
