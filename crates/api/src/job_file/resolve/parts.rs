//! The parts of a job file that are maps or lists, each with its defaults.

use std::collections::BTreeMap;

use units::{DurationMicros, MicroEuro};

use super::Reader;
use crate::{
    job_file::{
        Checkpoint, JobFile, Outputs, Residency, Retry, RetryCause, StopSignal, Topology,
        TopologyLevel, WorkloadKind,
    },
    quantity_text::NODES_MAX,
    reference::{ArtefactRef, InputRef},
};

/// Most environment variables, inputs or countries in a file.
const ENTRIES_MAX: usize = 256;
/// Variables that the engine sets itself.
const RESERVED: [&str; 7] =
    ["NODE_RANK", "NNODES", "MASTER_ADDR", "MASTER_PORT", "PORT", "ARRAY_INDEX", "ARRAY_JOB"];

impl JobFile {
    pub(super) fn topology(&self, reader: &mut Reader) -> Topology {
        let text = self.topology.clone().unwrap_or_default();
        let within = text.within.unwrap_or(TopologyLevel::Site);
        let otherwise = text.otherwise.unwrap_or(within);
        if otherwise < within {
            let message =
                format!("`{otherwise}` is closer than `{within}`: swap them or remove `else`");
            reader.refuse("/topology/else", message);
        }
        let range = (1, i64::from(NODES_MAX));
        let segment = reader.number("/topology/segment", text.segment.as_ref(), range);
        Topology { within, segment: segment.and_then(|s| u32::try_from(s).ok()), otherwise }
    }

    pub(super) fn environment(&self, reader: &mut Reader) -> BTreeMap<String, String> {
        if self.environment.len() > ENTRIES_MAX {
            reader
                .refuse("/environment", format!("more than {ENTRIES_MAX} variables: remove some"));
        }
        for (name, value) in &self.environment {
            let start = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
            let good = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let pointer = format!("/environment/{}", name.replace('~', "~0").replace('/', "~1"));
            if !start || !good {
                let message =
                    "a variable's name has letters, digits and `_`, and starts with no digit";
                reader.refuse(&pointer, format!("`{name}`: {message}"));
            } else if RESERVED.contains(&name.as_str()) {
                reader.refuse(&pointer, format!("`{name}` is set by the platform: remove it"));
            } else if value.to_string().contains('\0') {
                reader.refuse(&pointer, "a NUL character cannot be in a variable: remove it");
            }
        }
        self.environment.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
    }

    pub(super) fn inputs(&self, reader: &mut Reader) -> BTreeMap<String, InputRef> {
        if self.data.len() > ENTRIES_MAX {
            reader.refuse("/data", format!("more than {ENTRIES_MAX} inputs: remove some"));
        }
        let mut inputs = BTreeMap::new();
        for (mount, reference) in &self.data {
            let pointer = format!("/data/{}", mount.replace('~', "~0").replace('/', "~1"));
            if !is_clean_path(mount) {
                let message = "is not a mount path: write for example `/data`, without `..`";
                reader.refuse(&pointer, format!("`{mount}` {message}"));
            }
            if let Some(input) = reader.parse(&pointer, reference) {
                inputs.insert(mount.clone(), input);
            }
        }
        inputs
    }

    pub(super) fn checkpoint(&self, reader: &mut Reader) -> Checkpoint {
        let text = self.checkpoint.clone().unwrap_or_default();
        if let Some(path) = text.path.as_ref().filter(|path| !is_clean_path(path)) {
            let message = "is not an absolute path: write for example `/ckpt`, without `..`";
            reader.refuse("/checkpoint/path", format!("`{path}` {message}"));
        }
        let grace = reader.duration("/checkpoint/grace", text.grace.as_ref());
        Checkpoint {
            path: text.path,
            signal: text.signal.unwrap_or(StopSignal::Term),
            grace: grace.unwrap_or(DurationMicros::from_secs(30)),
        }
    }

    pub(super) fn limits(
        &self,
        reader: &mut Reader,
    ) -> (Option<DurationMicros>, Option<MicroEuro>) {
        let text = self.limits.clone().unwrap_or_default();
        let default = match self.kind {
            WorkloadKind::Service => None,
            WorkloadKind::Train
            | WorkloadKind::Batch
            | WorkloadKind::Eval
            | WorkloadKind::Finetune
            | WorkloadKind::Dev => Some(DurationMicros::from_secs(86_400)),
        };
        let time = reader.duration("/limits/time", text.time.as_ref()).or(default);
        let budget = text.budget.map(|budget| budget.to_string());
        (time, budget.and_then(|budget| reader.parse("/limits/budget", &budget)))
    }

    pub(super) fn retry(&self, reader: &mut Reader) -> Retry {
        let text = self.retry.clone().unwrap_or_default();
        let service = self.kind == WorkloadKind::Service;
        let mut on = text.on.unwrap_or_else(|| {
            let all = RetryCause::ALL.iter().copied();
            all.filter(|cause| service || *cause != RetryCause::Failure).collect()
        });
        on.sort_unstable();
        on.dedup();
        let max = reader.number("/retry/max", text.max.as_ref(), (0, 1_000));
        let default = if service { 100 } else { 0 };
        Retry { on, max: max.and_then(|max| u32::try_from(max).ok()).unwrap_or(default) }
    }

    pub(super) fn residency(&self, reader: &mut Reader) -> Residency {
        let text = self.residency.clone().unwrap_or_default();
        let written = text.countries.unwrap_or_default();
        if written.len() > ENTRIES_MAX {
            reader.refuse("/residency/countries", format!("more than {ENTRIES_MAX} countries"));
        }
        let mut countries = Vec::new();
        for (position, country) in written.iter().take(ENTRIES_MAX).enumerate() {
            let pointer = format!("/residency/countries/{position}");
            countries.extend(reader.parse::<units::Country>(&pointer, country));
        }
        countries.sort_unstable();
        countries.dedup();
        let class = text.class.and_then(|class| reader.parse("/residency/class", &class));
        Residency { countries, class }
    }

    pub(super) fn outputs(&self, reader: &mut Reader) -> Outputs {
        let text = self.outputs.clone().unwrap_or_default();
        let mut read = |pointer: &str, value: Option<String>| {
            let value = value?;
            let path = value.strip_prefix("registry://").and_then(|path| path.parse().ok());
            let good = path.filter(|path: &ArtefactRef| path.artefact_version.is_none());
            if good.is_none() {
                let message =
                    "is not an output: write `registry://project/name`, without a version";
                reader.refuse(pointer, format!("`{value}` {message}"));
            }
            good
        };
        Outputs {
            model: read("/outputs/model", text.model),
            dataset: read("/outputs/dataset", text.dataset),
        }
    }
}

/// True for an absolute path below the root, without empty parts, `.` or `..`.
fn is_clean_path(path: &str) -> bool {
    path.len() <= 512
        && !path.contains('\0')
        && path.strip_prefix('/').is_some_and(|rest| {
            rest.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        })
}
