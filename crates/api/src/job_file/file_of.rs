//! From a resolved job back to a file in which nothing is left to a default, for `plan`.

use units::DurationMicros;

use super::{
    CheckpointText, JobFile, LimitsText, OutputsText, ResidencyText, ResolvedJob, ResourcesText,
    RetryText, Scalar, TopologyText,
};
use crate::{
    quantity_text::{cpu_text, gpus_text, memory_text, nodes_text},
    reference::ArtefactRef,
};

/// A duration as job files write it: in seconds, or milliseconds if that is not whole.
fn duration_text(duration: DurationMicros) -> String {
    let seconds = duration.as_secs();
    if DurationMicros::from_secs(seconds) == duration {
        return format!("{seconds}s");
    }
    format!("{}ms", duration.0.checked_div(1_000).unwrap_or(0))
}

fn registry_text(artefact: &ArtefactRef) -> String {
    format!("registry://{artefact}")
}

impl ResolvedJob {
    /// The file that says all of this job; resolving it gives the same job.
    #[must_use]
    pub fn to_file(&self) -> JobFile {
        let environment = self.environment.iter();
        let countries = self.residency.countries.iter();
        JobFile {
            kind: self.kind,
            name: self.name.to_string(),
            project: Some(self.project.to_string()),
            image: self.image.clone(),
            nodes: Some(nodes_text(self.nodes_min, self.nodes_max).into()),
            resources: Some(ResourcesText {
                gpu: Some(gpus_text(&self.gpus).into()),
                cpu: Some(cpu_text(self.cpu).into()),
                memory: Some(memory_text(self.memory).into()),
            }),
            topology: Some(TopologyText {
                within: Some(self.topology.within),
                segment: self.topology.segment.map(|n| Scalar::Integer(i64::from(n))),
                otherwise: Some(self.topology.otherwise),
            }),
            setup: (!self.setup.is_empty()).then(|| self.setup.clone()),
            run: self.run.clone(),
            environment: environment.map(|(k, v)| (k.clone(), v.clone().into())).collect(),
            data: self.inputs.iter().map(|(mount, i)| (mount.clone(), i.to_string())).collect(),
            checkpoint: Some(CheckpointText {
                path: self.checkpoint.path.clone(),
                signal: Some(self.checkpoint.signal),
                grace: Some(duration_text(self.checkpoint.grace)),
            }),
            limits: Some(LimitsText {
                time: self.time_limit.map(duration_text),
                budget: self.budget.map(|budget| budget.to_string().into()),
            }),
            retry: Some(RetryText {
                on: Some(self.retry.on.clone()),
                max: Some(Scalar::Integer(i64::from(self.retry.max))),
            }),
            residency: Some(ResidencyText {
                countries: (!self.residency.countries.is_empty())
                    .then(|| countries.map(ToString::to_string).collect()),
                class: self.residency.class.map(|class| class.to_string()),
            }),
            outputs: Some(OutputsText {
                model: self.outputs.model.as_ref().map(registry_text),
                dataset: self.outputs.dataset.as_ref().map(registry_text),
            }),
            port: self.port.map(|port| Scalar::Integer(i64::from(port))),
            priority: Some(Scalar::Integer(i64::from(self.priority))),
        }
    }
}
