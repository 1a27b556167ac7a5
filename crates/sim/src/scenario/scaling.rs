//! From the words of a line to a kernel command about how many services an endpoint has, and of which
//! version.

use kernel::{
    Command, State,
    endpoint::{self, Observed, Scaling},
    model,
};
use units::{DurationMicros, Id, kinds};

use super::{args::Args, names};

/// The command of a line, or `None` if the verb is not one of these.
pub(super) fn command(
    state: &State,
    verb: &str,
    args: &mut Args<'_>,
) -> Result<Option<Command>, String> {
    let id = names::endpoint(state, &args.word::<String>("an endpoint")?)?;
    let command = match verb {
        "endpoint-scale" => {
            let (min, max) = (args.word("the fewest")?, args.word("the most")?);
            let usual = Scaling::within(min, max);
            let drain = args.maybe("drain")?.unwrap_or(usual.drain);
            let scaling = Scaling { target_tokens: args.maybe("tokens")?, drain, ..usual };
            endpoint::Command::Scale { id, scaling: Box::new(scaling) }
        }
        "endpoint-resize" => {
            let replicas = args.word("how many")?;
            let observed = Observed { tokens: args.option("tokens", 0)?, ..Observed::default() };
            endpoint::Command::Resize { id, replicas, observed }
        }
        "endpoint-converge" => {
            let quiet = args.option("quiet", "no".to_owned())? == "yes";
            let draining = state.endpoints.get(&id).filter(|_| quiet).map(|one| &one.draining);
            let quiet = draining.into_iter().flat_map(|draining| draining.keys().copied());
            endpoint::Command::Converge { id, quiet: quiet.collect() }
        }
        "endpoint-update" => update(state, id, args)?,
        "endpoint-promote" => endpoint::Command::Promote { id },
        "endpoint-rollback" => endpoint::Command::RollBack { id },
        _ => return Ok(None),
    };
    Ok(Some(Command::Endpoint(command)))
}

/// To the newest version of the endpoint's model, run as its services are.
fn update(
    state: &State,
    id: Id<kinds::Endpoint>,
    args: &mut Args<'_>,
) -> Result<endpoint::Command, String> {
    let found = state.endpoints.get(&id).ok_or("this endpoint does not exist")?;
    let model =
        found.model.and_then(|id| state.models.get(&id)).ok_or("its model does not exist")?;
    let newest = model.versions.last().ok_or("its model has no version")?;
    let one = found.services(state).next().ok_or("it never had a service")?;
    let mut service = Box::new(one.spec.clone());
    let artefact = model::Artefact::Model { id: model.id, version: newest.number };
    for input in service.inputs.iter_mut().filter(|input| input.mount == "/model") {
        (input.artefact, input.manifest) = (artefact, newest.manifest);
    }
    Ok(endpoint::Command::Update {
        id,
        model: model.id,
        model_version: newest.number,
        service,
        canary_percent: args.maybe("canary")?,
        promote_after: args.maybe::<DurationMicros>("promote-after")?,
    })
}
