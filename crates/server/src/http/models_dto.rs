//! Models and their versions as the API shows them: lineage by name, signature as text.

use api::{
    nouns::{
        model::Model,
        model_version::{Evaluation, Lineage, ModelVersion},
    },
    text::Timestamp,
};
use kernel::{
    State,
    model::{self, Artefact},
};
use store::Blobs;
use units::Digest;

use super::{blobs, resolve};

/// A model.
pub(crate) fn dto(model: &model::Model, seq: u64) -> Model {
    Model {
        id: model.id,
        project: model.project,
        name: model.name.clone(),
        n_versions: model.versions.last().map_or(0, |version| version.number),
        version: model.meta.version,
        seq,
        created_at: Timestamp(model.meta.created_at),
    }
}

/// A version whose signature is still to be read from the blobs.
#[derive(Debug, Clone)]
pub(crate) struct Unsigned {
    dto: ModelVersion,
    signature: Option<Digest>,
}

impl Unsigned {
    /// The whole; reads a small file, so never while the state is locked.
    pub(crate) fn read(self, store: &Blobs) -> ModelVersion {
        let signature = self.signature.and_then(|digest| blobs::read_text(store, digest));
        ModelVersion { signature, ..self.dto }
    }
}

/// A version; `None` only if its project is gone, which no event does.
pub(crate) fn version_dto(
    state: &State,
    model: &model::Model,
    version: &model::Version,
    seq: u64,
) -> Option<Unsigned> {
    let artefact = Artefact::Model { id: model.id, version: version.number };
    let evaluations = version.evaluations.iter();
    let dto = ModelVersion {
        model: model.id,
        number: version.number,
        reference: resolve::artefact_ref(state, artefact)?,
        manifest: version.manifest,
        n_files: u64::from(version.files),
        size_bytes: version.size,
        class: version.class,
        lineage: lineage_dto(state, &version.lineage),
        signature: None,
        evaluations: evaluations.filter_map(|e| evaluation_dto(state, e)).collect(),
        seq,
        created_at: Timestamp(version.created_at),
    };
    Some(Unsigned { dto, signature: version.signature })
}

fn lineage_dto(state: &State, lineage: &model::Lineage) -> Lineage {
    let first = |wanted: fn(&Artefact) -> bool| {
        let found = lineage.inputs.iter().copied().find(wanted);
        found.and_then(|artefact| resolve::artefact_ref(state, artefact))
    };
    Lineage {
        dataset: first(|artefact| matches!(artefact, Artefact::Dataset { .. })),
        workload: lineage.workload,
        base: first(|artefact| matches!(artefact, Artefact::Model { .. })),
        software: Some(lineage.program.clone()).filter(|program| !program.is_empty()),
    }
}

fn evaluation_dto(state: &State, evaluation: &model::Evaluation) -> Option<Evaluation> {
    Some(Evaluation {
        metric: evaluation.metric.clone(),
        correct: evaluation.correct,
        total: evaluation.total,
        // The platform records none without its data.
        dataset: resolve::artefact_ref(state, evaluation.dataset?)?,
        workload: evaluation.workload,
        recorded_at: Timestamp(evaluation.at),
    })
}
