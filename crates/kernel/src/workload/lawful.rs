//! What policy must allow before a workload may be at a site: that it runs there, and that what it
//! reads and makes may lie there.

use policy::{Action, Ask, Category, Decision, Question};
use units::{DataClass, Id, kinds};

use super::{Kind, Spec};
use crate::{
    State, Subject,
    decision::{self, No, Refusal},
};

/// The questions about one site, the one about running first.
pub fn asks(
    project: Id<kinds::Project>,
    spec: &Spec,
    class: DataClass,
    site: Id<kinds::Site>,
) -> impl Iterator<Item = Ask> {
    let runs = match spec.kind {
        Kind::Service => Action::Serve,
        Kind::Train | Kind::Batch | Kind::Eval | Kind::Finetune | Kind::Dev => Action::Place,
    };
    let keeps =
        !spec.inputs.is_empty() || spec.outputs.model.is_some() || spec.outputs.evaluates.is_some();
    let residency = spec.residency_countries.clone();
    [Some(runs), keeps.then_some(Action::Move)].into_iter().flatten().map(move |action| Ask {
        project: Some(project),
        action,
        class,
        category: Category::Customer,
        residency: residency.clone(),
        site,
    })
}

/// What policy says of one site: the answer about running, or the first no.
///
/// # Errors
/// The no with its question.
pub fn allowed_at(
    state: &State,
    project: Id<kinds::Project>,
    (spec, class): (&Spec, DataClass),
    site: Id<kinds::Site>,
) -> Result<(Question, Decision), Option<Box<Refusal>>> {
    let mut first = None;
    for ask in asks(project, spec, class, site) {
        let question = decision::question(state, &ask).ok_or(None)?;
        let answer = decision::answer(state, &ask).ok_or(None)?;
        if !answer.decision.allowed {
            let decision = answer.decision;
            return Err(Some(Box::new(Refusal { ask, question, decision })));
        }
        first.get_or_insert((question, answer.decision));
    }
    first.ok_or(None)
}

/// True if policy allows it at a site.
#[must_use]
pub fn is_allowed_at(
    state: &State,
    project: Id<kinds::Project>,
    (spec, class): (&Spec, DataClass),
    site: Id<kinds::Site>,
) -> bool {
    asks(project, spec, class, site)
        .all(|ask| decision::answer(state, &ask).is_some_and(|answer| answer.decision.allowed))
}

/// Positions of the decisions that allow it at a site, and the one about running; those that are not
/// on record yet join the events.
pub(super) fn require_at(
    state: &State,
    events: &mut Vec<crate::Event>,
    asks: impl Iterator<Item = Ask>,
    about: Subject,
) -> Result<(Vec<u64>, Decision), No> {
    let mut decided = Vec::new();
    let mut runs = None;
    for ask in asks {
        let (seq, decision) = decision::require(state, events, &ask, about)?;
        decided.push(seq);
        runs.get_or_insert(decision);
    }
    runs.map(|decision| (decided, decision)).ok_or(No::Unasked)
}
