//! The simulated importer: registers what succeeded workloads made, or says why it cannot.

use kernel::{Actor, Command, State, model, workload};
use units::{Bytes, DataClass};

use crate::{platform::Request, rng::Rng};

/// One round over everything that waits to be registered.
pub fn round(rng: &mut Rng, state: &State) -> Vec<Request> {
    let pending: Vec<_> = state.outputs_pending().collect();
    pending.into_iter().map(|done| Request::new(Actor::System, command(rng, done))).collect()
}

fn command(rng: &mut Rng, done: &workload::Workload) -> Command {
    let outputs = &done.spec.outputs;
    if rng.chance(15) {
        let message = "its output folder is empty (simulated)".to_owned();
        return Command::Workload(workload::Command::FailOutputs { id: done.id, message });
    }
    match (outputs.model, outputs.evaluates) {
        (Some(id), _) => Command::Model(model::Command::AddVersion(model::AddVersion {
            id,
            manifest: rng.digest(),
            files: 5,
            size: Bytes(rng.below(1_000_000)),
            class: DataClass::Public,
            lineage: model::Lineage {
                workload: Some(done.id),
                inputs: done.spec.inputs.iter().map(|input| input.artefact).collect(),
                program: "simulated".to_owned(),
                training_flop: Some(rng.below(1_000_000)),
            },
            signature: None,
        })),
        (None, Some(model::Artefact::Model { id, version })) => {
            Command::Model(model::Command::RecordEvaluation {
                id,
                version,
                metric: "exact_match".to_owned(),
                correct: rng.below(11),
                total: 10,
                workload: Some(done.id),
                dataset: None,
            })
        }
        (None, _) => {
            let message = "nothing to register (simulated)".to_owned();
            Command::Workload(workload::Command::FailOutputs { id: done.id, message })
        }
    }
}
