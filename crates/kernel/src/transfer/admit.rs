//! One thing from elsewhere: decided as if it were asked for here, then kept under its own id.

use units::{Id, kinds};

use super::{captured, identities};
use crate::{
    Ctx, Event, Reject, State, access,
    access::Scope,
    budget, dataset, model, organisation, policy_set, project,
    quota::{self, Owner},
};

/// The item as an entry, or none if it is here already.
pub(super) fn admit(
    state: &State,
    home: Id<kinds::Organisation>,
    item: &Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let verdict = match item {
        Event::Project(event) => of_project(state, home, event, ctx)?,
        Event::Organisation(organisation::Event::TrainingAllowed { id, allowed }) => {
            require_own(state, home, Scope::Organisation(*id))?;
            let command = organisation::Command::AllowTraining { id: *id, allowed: *allowed };
            organisation::decide(state, &command, ctx)?
        }
        Event::PolicySet(event) => of_policy(state, home, event, ctx)?,
        Event::Budget(budget::Event::Created { .. }) | Event::Quota(quota::Event::Set { .. }) => {
            of_terms(state, home, item, ctx)?
        }
        Event::Budget(budget::Event::Opened(opened)) => of_budget(state, home, opened, ctx)?,
        Event::User(_)
        | Event::Group(_)
        | Event::ServiceAccount(_)
        | Event::Role(_)
        | Event::Binding(_)
        | Event::IdentityProvider(_) => identities::admit(state, home, item, ctx)?,
        Event::Dataset(event) => of_dataset(state, home, event, ctx)?,
        Event::Model(event) => of_model(state, home, event, ctx)?,
        Event::Organisation(_)
        | Event::Key(_)
        | Event::Site(_)
        | Event::Node(_)
        | Event::Budget(_)
        | Event::Quota(_)
        | Event::RateLimit(_)
        | Event::Reservation(_)
        | Event::Price(_)
        | Event::Workload(_)
        | Event::Endpoint(_)
        | Event::Upstream(_)
        | Event::Usage(_)
        | Event::Power(_)
        | Event::Course(_)
        | Event::Consent(_)
        | Event::Erasure(_)
        | Event::Capability(_)
        | Event::Transfer(_)
        | Event::Entity(_)
        | Event::Storage(_)
        | Event::Decision(_)
        | Event::Evidence(_) => {
            return Err(foreign(item));
        }
    };
    Ok(admitted(item, verdict))
}

/// What comes in, after the decisions that allow it here: those of the platform it comes from say
/// nothing here, and their positions are of another log.
fn admitted(item: &Event, verdict: Vec<Event>) -> Vec<Event> {
    let Some((last, before)) = verdict.split_last() else { return Vec::new() };
    let mut item = item.clone();
    match (&mut item, last) {
        (
            Event::Dataset(
                dataset::Event::VersionAdded { decided, .. }
                | dataset::Event::VersionDerived { decided, .. },
            ),
            Event::Dataset(
                dataset::Event::VersionAdded { decided: here, .. }
                | dataset::Event::VersionDerived { decided: here, .. },
            ),
        )
        | (
            Event::Model(model::Event::VersionAdded { decided, .. }),
            Event::Model(model::Event::VersionAdded { decided: here, .. }),
        ) => decided.clone_from(here),
        (_, _) => {}
    }
    let made = before.iter().filter(|event| matches!(event, Event::Decision(_)));
    made.cloned().chain([item]).collect()
}

/// Policies: texts and typed rules.
fn of_policy(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &policy_set::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let (id, known, command) = match event {
        policy_set::Event::Set { id, scope, name, text } => {
            require_own(state, home, *scope)?;
            let (scope, name, text) = (*scope, name.clone(), text.clone());
            let known = state.policy_sets.get(id).map(|p| p.name == name && p.text == text);
            (id, known, policy_set::Command::Set { scope, name, text })
        }
        policy_set::Event::ResidencySet { id, scope, residency, .. } => {
            require_own(state, home, *scope)?;
            let known = state.policy_sets.get(id).map(|p| p.residency.as_ref() == Some(residency));
            let (scope, residency) = (*scope, residency.clone());
            (id, known, policy_set::Command::SetResidency { scope, residency })
        }
        policy_set::Event::Refused(_) => {
            let message = "a refusal does not come in from elsewhere";
            return Err(Reject::invalid("item", message));
        }
    };
    new(known, "policy", id, || policy_set::decide(state, &command, ctx))
}

fn of_project(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &project::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    match event {
        project::Event::Created { id, organisation, name } => {
            require_own(state, home, Scope::Organisation(*organisation))?;
            let command =
                project::Command::Create { organisation: *organisation, name: name.clone() };
            let known = state.projects.get(id).map(|p| p.organisation == home && p.name == *name);
            new(known, "project", id, || project::decide(state, &command, ctx))
        }
        project::Event::GuardrailsSet { id, guardrails } => {
            of_guardrails(state, home, (*id, guardrails), ctx)
        }
        project::Event::CaptureSet { id, capture } => {
            captured::of_project(state, home, (*id, *capture), ctx)
        }
    }
}

/// A project's guardrails, as they are: those for one endpoint name one that did not come along, and so do
/// those that ask a service.
fn of_guardrails(
    state: &State,
    home: Id<kinds::Organisation>,
    (id, guardrails): (Id<kinds::Project>, &[project::Guardrail]),
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let found = project::get(state, id)?;
    require_own(state, home, Scope::Project(id))?;
    let is_same = found.guardrails == guardrails;
    let known = (is_same || !found.guardrails.is_empty()).then_some(is_same);
    guardrails.iter().try_for_each(project::check_rule)?;
    let guardrails = guardrails.iter().map(project::Guardrail::anywhere).collect();
    let command = project::Command::SetGuardrails { id, guardrails };
    new(known, "guardrails", id, || project::decide(state, &command, ctx))
}

/// What no tenant brings along.
pub(super) fn foreign(item: &Event) -> Reject {
    Reject::invalid("item", format!("`{}` does not come in from elsewhere", item.kind()))
}

/// Budgets and quotas.
fn of_terms(
    state: &State,
    home: Id<kinds::Organisation>,
    item: &Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    if let Event::Budget(budget::Event::Created { id, project, name, limit }) = item {
        require_own(state, home, Scope::Project(*project))?;
        let (project, name, limit) = (*project, name.clone(), *limit);
        let is = units::Allowance::Money(limit);
        let known = state.budgets.get(id).map(|b| b.name == name && b.terms.limit == is);
        let command = budget::Command::Create { project, name, limit };
        return new(known, "budget", id, || budget::decide(state, &command, ctx));
    }
    let Event::Quota(quota::Event::Set { id, owner, class, terms }) = item else {
        return Ok(Vec::new());
    };
    let scope = match owner {
        Owner::Project(id) => Scope::Project(*id),
        Owner::Organisation(id) => Scope::Organisation(*id),
    };
    require_own(state, home, scope)?;
    let known = state.quotas.get(id).map(|q| q.owner == *owner && q.terms == *terms);
    let (owner, class, terms) = (*owner, class.clone(), *terms);
    let command = quota::Command::Set { owner, class, terms };
    new(known, "quota", id, || quota::decide(state, &command, ctx))
}

/// A budget of the organisation, of one of its projects, or of somebody in it; what was spent elsewhere
/// does not come along.
fn of_budget(
    state: &State,
    home: Id<kinds::Organisation>,
    opened: &budget::Opened,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    let (id, owner, within) = (opened.id, opened.owner, opened.within);
    let scope = budget::scope_of(state, owner, None);
    let scope = scope.ok_or_else(|| Reject::not_found(owner.kind(), id))?;
    require_own(state, home, scope)?;
    let (name, period, terms) = (opened.name.clone(), opened.period, opened.terms.clone());
    let known = state.budgets.get(&id);
    let known = known.map(|b| b.owner == owner && b.name == name && b.terms == terms);
    let command =
        budget::Command::Open(Box::new(budget::Open { owner, within, name, period, terms }));
    new(known, "budget", id, || budget::decide(state, &command, ctx))
}

fn of_dataset(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &dataset::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    match event {
        dataset::Event::Created { id, project, name, class } => {
            require_own(state, home, Scope::Project(*project))?;
            let (project, name, class) = (*project, name.clone(), *class);
            let known = state.datasets.get(id).map(|d| d.name == name && d.origin.is_given());
            let command = dataset::Command::Create { project, name, class };
            new(known, "dataset", id, || dataset::decide(state, &command, ctx))
        }
        dataset::Event::CreatedCaptured { id, project, name, class } => {
            require_own(state, home, Scope::Project(*project))?;
            let (project, name, class) = (*project, name.clone(), *class);
            let known = state.datasets.get(id).map(|d| d.name == name && !d.origin.is_given());
            let command = dataset::Command::CreateCaptured { project, name, class };
            new(known, "dataset", id, || dataset::decide(state, &command, ctx))
        }
        dataset::Event::RetentionSet { id, keep_days } => {
            captured::of_retention(state, home, *id, *keep_days)
        }
        dataset::Event::VersionAdded { since: Some(_), .. } => {
            captured::of_version(state, home, event, ctx)
        }
        dataset::Event::VersionAdded { id, number, manifest, files, size, source, .. } => {
            let dataset = dataset::get(state, *id)?;
            require_own(state, home, Scope::Project(dataset.project))?;
            let known = dataset.version(*number).map(|v| v.manifest == *manifest);
            let (id, manifest, source) = (*id, *manifest, source.clone());
            let (files, size) = (*files, *size);
            let command = dataset::Command::AddVersion { id, manifest, files, size, source };
            new(known, "dataset version", id, || {
                numbered(*number, dataset.versions.len(), dataset::decide(state, &command, ctx)?)
            })
        }
        dataset::Event::VersionDerived { number, version, parents, .. } => {
            let dataset = dataset::get(state, version.id)?;
            require_own(state, home, Scope::Project(dataset.project))?;
            let known = dataset.version(*number).map(|v| v.manifest == version.manifest);
            let (version, parents) = (version.clone(), parents.clone());
            let id = version.id;
            let command = dataset::Command::AddDerived { version, parents };
            new(known, "dataset version", id, || {
                numbered(*number, dataset.versions.len(), dataset::decide(state, &command, ctx)?)
            })
        }
    }
}

fn of_model(
    state: &State,
    home: Id<kinds::Organisation>,
    event: &model::Event,
    ctx: &Ctx,
) -> Result<Vec<Event>, Reject> {
    match event {
        model::Event::Created { id, project, name } => {
            require_own(state, home, Scope::Project(*project))?;
            let known = state.models.get(id).map(|m| m.name == *name);
            let command = model::Command::Create { project: *project, name: name.clone() };
            new(known, "model", id, || model::decide(state, &command, ctx))
        }
        model::Event::VersionAdded { number, version, .. } => {
            let model = model::get(state, version.id)?;
            require_own(state, home, Scope::Project(model.project))?;
            let known = model.version(*number).map(|v| v.manifest == version.manifest);
            // The workload that made it ran elsewhere: its id stays in the lineage, its entries do not.
            let mut checked = version.clone();
            checked.lineage.workload = None;
            let command = model::Command::AddVersion(checked);
            new(known, "model version", version.id, || {
                numbered(*number, model.versions.len(), model::decide(state, &command, ctx)?)
            })
        }
        model::Event::Evaluated { id, version, evaluation } => {
            let model = model::get(state, *id)?;
            require_own(state, home, Scope::Project(model.project))?;
            let missing = || Reject::not_found("model version", format!("{id}@v{version}"));
            let found = model.version(*version).ok_or_else(missing)?;
            let known = found.evaluations.contains(evaluation).then_some(true);
            let command = model::Command::RecordEvaluation {
                id: *id,
                version: *version,
                metric: evaluation.metric.clone(),
                correct: evaluation.correct,
                total: evaluation.total,
                workload: None,
                dataset: evaluation.dataset,
            };
            new(known, "evaluation", id, || model::decide(state, &command, ctx))
        }
    }
}

/// Decides what is not here yet; the same once more is nothing, another under its id is refused.
pub(super) fn new(
    known: Option<bool>,
    kind: &'static str,
    id: impl ToString,
    decide: impl FnOnce() -> Result<Vec<Event>, Reject>,
) -> Result<Vec<Event>, Reject> {
    match known {
        None => decide(),
        Some(true) => Ok(Vec::new()),
        Some(false) => Err(Reject::NameTaken { kind, name: id.to_string() }),
    }
}

/// Versions come in order, each with its number.
fn numbered(number: u32, n_known: usize, events: Vec<Event>) -> Result<Vec<Event>, Reject> {
    let next = u32::try_from(n_known.saturating_add(1)).unwrap_or(u32::MAX);
    if number == next && !events.is_empty() {
        return Ok(events);
    }
    Err(Reject::invalid("item", format!("version {number} does not follow {n_known} versions")))
}

/// Nothing of another organisation, nor of the platform, comes in with this one.
pub(super) fn require_own(
    state: &State,
    home: Id<kinds::Organisation>,
    scope: Scope,
) -> Result<(), Reject> {
    if access::covers(state, Scope::Organisation(home), scope) {
        Ok(())
    } else {
        Err(Reject::invalid("item", format!("it is not of organisation `{home}`")))
    }
}
