//! What would happen to a job: a dry run of the same `decide` and the same scheduler.
//!
//! Nothing here submits anything.

use std::collections::BTreeMap;

use api::problem::Code;
use kernel::{
    Command, Ctx, Entry, Event, State, Submission, node,
    workload::{self, Spec},
};
use units::{DataClass, Id, UnixMicros, kinds};

use super::{caller::Caller, fail::Fail, job::Prepared};
use crate::platform::Platform;

/// Refuses a job that no allowed node could ever hold; one that only waits is accepted.
///
/// # Errors
/// 507 with what the largest node has.
pub(crate) fn require_possible(state: &State, prepared: &Prepared) -> Result<(), Fail> {
    let (spec, class) = (&prepared.spec, class_of(state, &prepared.spec));
    let mut fitting: BTreeMap<Id<kinds::Site>, u32> = BTreeMap::new();
    let mut any_node = false;
    for site in state.sites.values() {
        if !workload::is_allowed_at(state, prepared.project, (spec, class), site.id) {
            continue;
        }
        for (kind, n_nodes) in state.hardware().filter(|(kind, _)| kind.site == site.id) {
            any_node = true;
            if could_hold(kind, spec) {
                let count = fitting.entry(site.id).or_default();
                *count = count.saturating_add(n_nodes);
            }
        }
    }
    let best = fitting.values().copied().max().unwrap_or(0);
    // Without any node, or refused by policy everywhere, waiting or the refusal of `decide` is right.
    if !any_node || best >= spec.nodes_min {
        return Ok(());
    }
    Err(no_capacity(state, spec, best))
}

fn could_hold(kind: &node::Hardware, spec: &Spec) -> bool {
    let taken = spec.take_on_kind(kind);
    taken.is_some_and(|(_, taken)| kind.capacity.checked_sub(taken).is_some())
}

fn no_capacity(state: &State, spec: &Spec, best: u32) -> Fail {
    let need = spec.per_node;
    let largest = state.hardware().map(|(kind, _)| kind.capacity);
    let (cpu, memory, gpus) = largest.fold((0, 0, 0), |(cpu, memory, gpus), capacity| {
        (cpu.max(capacity.cpu.0), memory.max(capacity.memory.0), gpus.max(capacity.gpus.0))
    });
    let model = spec.gpu_model.as_deref().map_or(String::new(), |model| format!(" ({model})"));
    let part = spec.part().map_or(String::new(), |part| format!(", of which {part},"));
    let detail = format!(
        "the job needs {} node(s) of one site with {} milli-cores, {} bytes of memory and {} \
         GPUs{model}{part} each, and {best} could ever hold it; the largest nodes have {cpu} \
         milli-cores, {memory} bytes and {gpus} GPUs",
        spec.nodes_min, need.cpu.0, need.memory.0, need.gpus.0
    );
    Fail::new(Code::NoCapacity, detail).remedy("ask for less on each node, or for fewer nodes")
}

/// The class of a job's data: the highest of what it says and of its inputs.
pub(crate) fn class_of(state: &State, spec: &Spec) -> DataClass {
    let of_input = |input: &workload::Input| match input.artefact {
        kernel::model::Artefact::Dataset { id, .. } => state.datasets.get(&id).map(|d| d.class),
        kernel::model::Artefact::Model { id, version } => {
            state.models.get(&id).and_then(|m| m.version(version)).map(|v| v.class)
        }
    };
    spec.inputs.iter().filter_map(of_input).fold(spec.class, DataClass::max)
}

/// What `decide` would say now.
///
/// # Errors
/// The refusal as a problem.
pub(crate) fn dry_run(
    platform: &Platform,
    state: &State,
    caller: &Caller,
    prepared: &Prepared,
) -> Result<Vec<Event>, Fail> {
    let spec = Box::new(prepared.spec.clone());
    let submit = workload::Command::Submit { project: prepared.project, spec };
    let submission = Submission::new(Command::Workload(submit));
    let now = after(state, platform.now());
    let ctx = Ctx { now, actor: caller.actor()?, random: [0xff; 10] };
    Ok(kernel::decide(state, &submission, &ctx)?)
}

/// What the scheduler would do with the job if it were submitted now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// It would be placed on these nodes.
    Now(Vec<Id<kinds::Node>>),
    /// It would wait.
    Waits(kernel::Waiting),
}

/// Applies the events to a copy of the state and lets the scheduler plan.
pub(crate) fn start(
    mut copy: State,
    now: UnixMicros,
    caller: &Caller,
    events: Vec<Event>,
) -> Result<Option<Start>, Fail> {
    let at = after(&copy, now);
    let mut id = None;
    for event in events {
        if let Event::Workload(workload::Event::Submitted { id: new, spec, .. }) = &event {
            // An array starts with its first task.
            let array = spec.terms.array;
            id = array.and_then(|array| array.task(*new, array.first)).or(Some(*new));
        }
        copy.apply(&Entry { at, actor: caller.actor()?, idempotency: None, event });
    }
    let Some(id) = id else { return Ok(None) };
    let mut planner = kernel::Planner::of(&copy, at);
    let plan = planner.plan(at);
    let placed = planner.placement(&plan, id).map(Start::Now);
    Ok(placed.or_else(|| planner.waiting(&plan, id).map(Start::Waits)))
}

/// The sequencer's time never goes back, so neither does that of a dry run.
fn after(state: &State, now: UnixMicros) -> UnixMicros {
    now.max(UnixMicros(state.last_at.0.saturating_add(1)))
}
