//! Random commands about how many services an endpoint has, and of which version: from people, and from
//! the loop that follows the load.

use kernel::{
    Command, State,
    endpoint::{self, Observed, Scaling},
    model::Artefact,
};
use units::DurationMicros;

use super::catalogue::{any, nobody};
use crate::rng::Rng;

/// One command about some endpoint.
pub(super) fn command(rng: &mut Rng, state: &State) -> Command {
    let id = any(rng, &state.endpoints).unwrap_or(nobody());
    let command = match rng.below(10) {
        0..=1 => {
            let min = rng.between_u32(0, 2);
            let scaling = Scaling {
                target_tokens: Some(1_000),
                drain: DurationMicros::from_secs(rng.between(1, 30)),
                ..Scaling::within(min, min.saturating_add(rng.between_u32(0, 3)))
            };
            endpoint::Command::Scale { id, scaling: Box::new(scaling) }
        }
        2..=3 => {
            let observed = Observed { tokens: rng.between(0, 9_000), ..Observed::default() };
            endpoint::Command::Resize { id, replicas: rng.between_u32(0, 5), observed }
        }
        4..=6 => {
            let draining = state.endpoints.get(&id).map(|found| found.draining.keys());
            let quiet = draining.into_iter().flatten().copied();
            let quiet = quiet.filter(|_| rng.chance(50)).collect();
            endpoint::Command::Converge { id, quiet }
        }
        7 => {
            return update(rng, state)
                .unwrap_or(Command::Endpoint(endpoint::Command::Promote { id }));
        }
        8 => endpoint::Command::Promote { id },
        _ => endpoint::Command::RollBack { id },
    };
    Command::Endpoint(command)
}

/// Some endpoint to the newest version of its model.
fn update(rng: &mut Rng, state: &State) -> Option<Command> {
    let found = state.endpoints.get(&any(rng, &state.endpoints)?)?;
    let model = state.models.get(&found.model?)?;
    let newest = model.versions.last()?;
    let mut service = Box::new(found.services(state).next()?.spec.clone());
    let artefact = Artefact::Model { id: model.id, version: newest.number };
    for input in service.inputs.iter_mut().filter(|input| input.mount == "/model") {
        (input.artefact, input.manifest) = (artefact, newest.manifest);
    }
    let canary_percent = rng.chance(50).then(|| rng.between_u32(1, 99));
    Some(Command::Endpoint(endpoint::Command::Update {
        id: found.id,
        model: model.id,
        model_version: newest.number,
        service,
        canary_percent,
        promote_after: None,
    }))
}
