//! Validates erasure commands: dates first, then what uses the content.

use units::{Id, UnixMicros, kinds};

use super::{
    Command, DAY, Erasure, Event, NOTICE_DAYS, Phase, RETRIEVAL_DAYS_MAX, RETRIEVAL_DAYS_MIN,
    SWITCH_NOTICE_DAYS_MAX, Switch, SwitchDays, TRANSITION_DAYS_MAX, Target, require_kept,
    require_open,
};
use crate::{
    Ctx, Reject, State,
    access::Scope,
    dataset, key, limits, project, user,
    workload::{self, Workload},
};

pub(crate) fn decide(
    state: &State,
    command: &Command,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    let event = match command {
        Command::Request { target, switch } => return request(state, *target, *switch, ctx),
        Command::Cancel { id } => {
            let erasure = get(state, *id)?;
            match (erasure.phase, erasure.target) {
                (Phase::Cancelled { .. }, _) => return Ok(Vec::new()),
                (_, Target::Versions { .. }) => {
                    return Err(wrong(*id, "the end of a retention", "take it back"));
                }
                (Phase::Waiting, _) => Event::Cancelled { id: *id },
                (Phase::Begun { .. } | Phase::Done { .. }, _) => {
                    return Err(wrong(*id, "begun", "take it back"));
                }
            }
        }
        Command::Begin { id } => return begin(state, *id, ctx),
        Command::Complete { id, destroyed, list } => {
            let erasure = get(state, *id)?;
            match erasure.phase {
                Phase::Done { .. } => return Ok(Vec::new()),
                Phase::Begun { .. } => {}
                Phase::Waiting | Phase::Cancelled { .. } => {
                    return Err(wrong(*id, "not begun", "complete it"));
                }
            }
            if in_use(state, erasure.target) {
                return Err(wrong(*id, "still in use by work that stops", "complete it"));
            }
            let target = erasure.target.unless_remembered();
            Event::Done { id: *id, destroyed: *destroyed, list: *list, target }
        }
    };
    Ok(vec![crate::Event::Erasure(event)])
}

fn request(
    state: &State,
    target: Target,
    switch: Option<SwitchDays>,
    ctx: &Ctx,
) -> Result<Vec<crate::Event>, Reject> {
    Reject::limit("erasures", state.erasures.len(), limits::ERASURES_MAX)?;
    match target {
        Target::User { id, home } => {
            let user = state.users.get(&id).filter(|user| user.home == home);
            user.ok_or_else(|| Reject::not_found("user", id))?;
            home.map_or(Ok(()), |organisation| require_open(state, organisation))?;
        }
        Target::Dataset(id) => require_kept(dataset::get(state, id)?)?,
        Target::Organisation(id) => require_open(state, id)?,
        Target::Versions { dataset, through } => require_over(state, dataset, through)?,
    }
    let mut open = state.erasures.values().filter(|erasure| erasure.is_open());
    if let Some(open) = open.find(|erasure| collide(erasure.target, target)) {
        return Err(wrong(open.id, "open for the same", "ask for another"));
    }
    let (switch, due_at) = match (target, switch) {
        (Target::Organisation(_), None) => (None, after_notice(ctx.now)),
        (Target::Organisation(_), Some(days)) => {
            let switch = dates(days, ctx.now)?;
            (Some(switch), switch.retrieval_ends_at.max(after_notice(ctx.now)))
        }
        (Target::User { .. } | Target::Dataset(_) | Target::Versions { .. }, None) => {
            (None, ctx.now)
        }
        (Target::User { .. } | Target::Dataset(_) | Target::Versions { .. }, Some(_)) => {
            return Err(Reject::invalid("switch", "only an organisation can switch: leave it out"));
        }
    };
    let event = Event::Requested { id: ctx.id(0), target, switch, due_at };
    Ok(vec![crate::Event::Erasure(event)])
}

/// Versions can go by a retention, and at least one is still there to go.
fn require_over(state: &State, id: Id<kinds::Dataset>, through: u32) -> Result<(), Reject> {
    let dataset = dataset::get(state, id)?;
    require_kept(dataset)?;
    require_open(state, project::get(state, dataset.project)?.organisation)?;
    if dataset.keep_days.is_none() {
        let message = format!("`{}` has no retention: erase all of it instead", dataset.name);
        return Err(Reject::invalid("target", message));
    }
    if dataset.kept().any(|version| version.number == through) {
        return Ok(());
    }
    let message = format!("`{}` has no version {through}: name one that is there", dataset.name);
    Err(Reject::invalid("target", message))
}

/// May the second not be asked for while the first is open? The end of a retention waits for its like and
/// for an erasure of the whole; the whole waits for nobody, since it takes what the other leaves.
fn collide(open: Target, wanted: Target) -> bool {
    match (open, wanted) {
        (
            Target::Dataset(open) | Target::Versions { dataset: open, .. },
            Target::Versions { dataset, .. },
        ) => open == dataset,
        (_, _) => open == wanted,
    }
}

/// The first moment at which all days of the notice have passed.
fn after_notice(now: UnixMicros) -> UnixMicros {
    let day = i64::try_from(DAY.0).unwrap_or(i64::MAX);
    let today = now.0.div_euclid(day);
    let first = today.saturating_add(1).saturating_add(i64::try_from(NOTICE_DAYS).unwrap_or(0));
    UnixMicros(first.saturating_mul(day))
}

fn dates(days: SwitchDays, now: UnixMicros) -> Result<Switch, Reject> {
    let within = |field, value: u64, least: u64, most: u64| {
        if (least..=most).contains(&value) {
            return Ok(units::DurationMicros(DAY.0.saturating_mul(value)));
        }
        Err(Reject::invalid(field, format!("is {value} days: give {least} to {most}")))
    };
    let notice = within("switch.notice_days", days.notice, 0, SWITCH_NOTICE_DAYS_MAX)?;
    let transition = within("switch.transition_days", days.transition, 0, TRANSITION_DAYS_MAX)?;
    let retrieval =
        within("switch.retrieval_days", days.retrieval, RETRIEVAL_DAYS_MIN, RETRIEVAL_DAYS_MAX)?;
    let transition_starts_at = now.plus(notice);
    let transition_ends_at = transition_starts_at.plus(transition);
    let retrieval_ends_at = transition_ends_at.plus(retrieval);
    Ok(Switch { transition_starts_at, transition_ends_at, retrieval_ends_at })
}

/// The beginning, the end of whatever uses the content, and of an organisation the end of its keys.
fn begin(state: &State, id: Id<kinds::Erasure>, ctx: &Ctx) -> Result<Vec<crate::Event>, Reject> {
    let erasure = get(state, id)?;
    match erasure.phase {
        Phase::Begun { .. } | Phase::Done { .. } => return Ok(Vec::new()),
        Phase::Cancelled { .. } => return Err(wrong(id, "cancelled", "begin it")),
        Phase::Waiting if ctx.now < erasure.due_at => {
            return Err(wrong(id, "in its notice", "begin it before its date"));
        }
        Phase::Waiting => {}
    }
    let target = erasure.target.unless_remembered();
    let mut events = vec![crate::Event::Erasure(Event::Begun { id, target })];
    let cause = workload::StopCause::DataWithdrawn;
    events.extend(
        users_of(state, erasure.target)
            .filter_map(|workload| workload::stop_one(state, workload.id, cause)),
    );
    if let Target::User { id, .. } = erasure.target
        && state.users.get(&id).is_some_and(|user| user.status == user::Status::Active)
    {
        // Nobody signs in whom nobody knows any more; sessions and keys end with it.
        events.push(crate::Event::User(user::Event::Suspended { id }));
    }
    if let Target::Organisation(organisation) = erasure.target {
        let own = state
            .keys
            .values()
            .filter(|key| key.revoked_at.is_none() && scope_is_of(state, key.scope, organisation));
        let people = state.users.values().filter(|user| user.home == Some(organisation));
        let active = people.filter(|user| user.status == user::Status::Active);
        events
            .extend(active.map(|user| crate::Event::User(user::Event::Suspended { id: user.id })));
        events.extend(own.map(|key| crate::Event::Key(key::Event::Revoked { id: key.id })));
    }
    Ok(events)
}

/// True while work that has not ended uses the content.
#[must_use]
pub fn in_use(state: &State, target: Target) -> bool {
    users_of(state, target).next().is_some()
}

/// Work that has not ended and uses the content.
fn users_of(state: &State, target: Target) -> impl Iterator<Item = &Workload> {
    state.active_workloads().filter(move |workload| match target {
        Target::User { .. } => false,
        Target::Dataset(_) | Target::Versions { .. } => {
            workload.spec.inputs.iter().any(|input| target.takes(input.artefact))
        }
        Target::Organisation(organisation) => {
            scope_is_of(state, Scope::Project(workload.project), organisation)
        }
    })
}

fn scope_is_of(state: &State, scope: Scope, organisation: Id<kinds::Organisation>) -> bool {
    crate::access::covers(state, Scope::Organisation(organisation), scope)
}

fn get(state: &State, id: Id<kinds::Erasure>) -> Result<&Erasure, Reject> {
    state.erasures.get(&id).ok_or_else(|| Reject::not_found("erasure", id))
}

fn wrong(id: Id<kinds::Erasure>, state: &str, action: &'static str) -> Reject {
    Reject::WrongState { kind: "erasure", id: id.to_string(), state: state.to_owned(), action }
}
