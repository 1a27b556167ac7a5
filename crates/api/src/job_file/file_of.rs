//! From a resolved job back to a file in which nothing is left to a default, for `plan`.

use units::DurationMicros;

use super::{
    After, AfterText, ArrayRange, CheckpointText, DeferBy, Deferrable, DeferrableText,
    DependencyEnd, JobFile, LimitsText, OneOrMany, OutputsText, PRIORITY_CLASSES, ResidencyText,
    ResolvedJob, ResourcesText, RetryText, Scalar, TopologyText, When,
};
use crate::{
    quantity_text::{GpuRequest, cpu_text, gpus_texts, memory_text, nodes_text},
    reference::ArtefactRef,
    text::Timestamp,
};

/// A duration as job files write it: in seconds, or milliseconds if that is not whole.
fn duration_text(duration: DurationMicros) -> String {
    let seconds = duration.as_secs();
    if DurationMicros::from_secs(seconds) == duration {
        return format!("{seconds}s");
    }
    format!("{}ms", duration.0.checked_div(1_000).unwrap_or(0))
}

fn gpu_field(gpus: &GpuRequest) -> OneOrMany {
    let mut texts = gpus_texts(gpus);
    match (texts.pop(), texts.is_empty()) {
        (Some(only), true) => only.into(),
        (last, _) => OneOrMany::Many(texts.into_iter().chain(last).map(Scalar::from).collect()),
    }
}

fn priority_field(priority: i32) -> Scalar {
    let class = PRIORITY_CLASSES.iter().find(|(_, number)| *number == priority);
    class.map_or(Scalar::Integer(i64::from(priority)), |(name, _)| (*name).into())
}

fn after_field(after: &[After]) -> Option<AfterText> {
    if after.is_empty() {
        return None;
    }
    let all_well = after.iter().all(|one| one.on == DependencyEnd::Success);
    Some(if all_well {
        AfterText::Listed(after.iter().map(|one| one.workload.to_string()).collect())
    } else {
        AfterText::Mapped(after.iter().map(|one| (one.workload.to_string(), one.on)).collect())
    })
}

fn array_text(array: ArrayRange) -> String {
    let step = if array.step == 1 { String::new() } else { format!(":{}", array.step) };
    let most = array.running_max.map_or_else(String::new, |most| format!("%{most}"));
    format!("{}-{}{step}{most}", array.first, array.last)
}

fn deferrable_text(deferrable: Deferrable) -> DeferrableText {
    DeferrableText {
        until: deferrable.until.map(when_text),
        deadline: deferrable.deadline.map(when_text),
        by: (deferrable.by != DeferBy::Carbon).then_some(deferrable.by),
    }
}

fn when_text(when: When) -> String {
    match when {
        When::At(at) => Timestamp(at).to_string(),
        When::In(duration) => duration_text(duration),
    }
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
                gpu: Some(gpu_field(&self.gpus)),
                cpu: Some(cpu_text(self.cpu).into()),
                memory: Some(memory_text(self.memory).into()),
                exclusive: Some(self.exclusive),
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
            priority: Some(priority_field(self.priority)),
            preemptible: Some(self.terms.preemptible),
            guaranteed: (self.terms.guaranteed != DurationMicros::ZERO)
                .then(|| duration_text(self.terms.guaranteed)),
            after: after_field(&self.terms.after),
            array: self.terms.array.map(|array| array_text(array).into()),
            deferrable: self.terms.deferrable.map(deferrable_text),
            power_class: Some(self.terms.power_class),
        }
    }
}
