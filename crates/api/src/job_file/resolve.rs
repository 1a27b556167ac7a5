//! Reading every value of a job file and filling every default.
//!
//! Defaults: 1 node; 1 core, 1 GiB and no GPU on each; topology `site`; stop with TERM and 30 s of
//! grace; 24 h an attempt (none for a service); no retry (a service: 100, also after a failure);
//! no budget of its own; wherever policy allows; priority 0.

use std::{collections::BTreeMap, fmt, str::FromStr};

use units::{DurationMicros, MicroEuro};

use super::{
    Checkpoint, JobFile, Outputs, Residency, ResolvedJob, Retry, RetryCause, Scalar, StopSignal,
    Topology, TopologyLevel, WorkloadKind,
};
use crate::{
    problem::FieldError,
    quantity_text::{GpuRequest, NODES_MAX, parse_cpu, parse_gpus, parse_memory, parse_nodes},
    reference::{ArtefactRef, InputRef},
};

/// Most environment variables, inputs or countries in a file.
const ENTRIES_MAX: usize = 256;
/// Longest grace and longest time limit: 365 days.
const DURATION_MAX: DurationMicros = DurationMicros::from_secs(365 * 86_400);
/// Variables that the engine sets itself.
const RESERVED: [&str; 5] = ["NODE_RANK", "NNODES", "MASTER_ADDR", "MASTER_PORT", "PORT"];

/// Collects what is wrong, so that a person sees all of it at once.
#[derive(Default)]
struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    fn refuse(&mut self, pointer: &str, message: impl fmt::Display) {
        self.errors.push(FieldError::new(pointer, message.to_string()));
    }

    /// The value read, or `None` with an error noted.
    fn take<T, E: fmt::Display>(&mut self, pointer: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.refuse(pointer, error)).ok()
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, pointer: &str, text: &str) -> Option<T> {
        self.take(pointer, text.parse())
    }

    /// A whole number within a range, or the default if absent.
    fn number(&mut self, pointer: &str, value: Option<&Scalar>, range: (i64, i64)) -> Option<i64> {
        let value = value?;
        let number = match value {
            Scalar::Integer(number) => Some(*number),
            Scalar::Text(text) => text.trim().parse().ok(),
        };
        let good = number.filter(|n| (range.0..=range.1).contains(n));
        if good.is_none() {
            let message =
                format!("`{value}` is not a whole number from {} to {}", range.0, range.1);
            self.refuse(pointer, message);
        }
        good
    }

    fn duration(&mut self, pointer: &str, text: Option<&String>) -> Option<DurationMicros> {
        let text = text?;
        let read: DurationMicros = self.parse(pointer, text)?;
        if read == DurationMicros::ZERO || read > DURATION_MAX {
            self.refuse(pointer, format!("`{text}` is not between 1ms and 365d"));
        }
        Some(read)
    }
}

impl JobFile {
    /// Reads every value and fills every default.
    ///
    /// # Errors
    /// Every field that is wrong, with its value and what to write instead.
    pub fn resolve(&self) -> Result<ResolvedJob, Vec<FieldError>> {
        let mut reader = Reader::default();
        let name = reader.parse("/name", &self.name);
        let project = match &self.project {
            Some(project) => reader.parse("/project", project),
            None => {
                let message = "the project is missing: write for example `project: orange/nlp`, \
                               or choose one with `cocarde use`";
                reader.refuse("/project", message);
                None
            }
        };
        self.check_texts(&mut reader);
        let resources = self.resources.clone().unwrap_or_default();
        let text = |value: Option<Scalar>, default: &str| {
            value.map_or_else(|| default.to_owned(), |value| value.to_string())
        };
        let nodes = reader.take("/nodes", parse_nodes(&text(self.nodes.clone(), "1")));
        let gpus = reader.take("/resources/gpu", parse_gpus(&text(resources.gpu, "0")));
        let cpu = reader.take("/resources/cpu", parse_cpu(&text(resources.cpu, "1")));
        let memory =
            reader.take("/resources/memory", parse_memory(&text(resources.memory, "1GiB")));
        let topology = self.topology(&mut reader);
        let environment = self.environment(&mut reader);
        let inputs = self.inputs(&mut reader);
        let checkpoint = self.checkpoint(&mut reader);
        let (time_limit, budget) = self.limits(&mut reader);
        let retry = self.retry(&mut reader);
        let residency = self.residency(&mut reader);
        let outputs = self.outputs(&mut reader);
        let port = reader.number("/port", self.port.as_ref(), (1, i64::from(u16::MAX)));
        if self.port.is_some() && self.kind != WorkloadKind::Service {
            reader.refuse("/port", "only `type: service` has a port: remove it");
        }
        let priority = reader.number("/priority", self.priority.as_ref(), (-1_000, 1_000));
        let (Some(name), Some(project), Some(nodes), Some(cpu), Some(memory), true) =
            (name, project, nodes, cpu, memory, reader.errors.is_empty())
        else {
            return Err(reader.errors);
        };
        Ok(ResolvedJob {
            kind: self.kind,
            name,
            project,
            image: self.image.clone(),
            nodes_min: nodes.0,
            nodes_max: nodes.1,
            gpus: gpus.unwrap_or_else(GpuRequest::default),
            cpu,
            memory,
            topology,
            setup: self.setup.clone().unwrap_or_default(),
            run: self.run.clone(),
            environment,
            inputs,
            checkpoint,
            time_limit,
            budget,
            retry,
            residency,
            outputs,
            port: port.and_then(|port| u16::try_from(port).ok()),
            priority: priority.and_then(|p| i32::try_from(p).ok()).unwrap_or(0),
        })
    }

    fn check_texts(&self, reader: &mut Reader) {
        if self.run.trim().is_empty() {
            reader.refuse("/run", "the command is empty: write for example `run: python train.py`");
        }
        let image = self.image.as_deref().unwrap_or("x");
        let visible = |c: char| c.is_ascii_graphic();
        if image.is_empty() || image.len() > 512 || !image.chars().all(visible) {
            reader.refuse(
                "/image",
                format!(
                    "`{}` is not an image: write for example `ghcr.io/acme/train:1.4`",
                    image.chars().take(80).collect::<String>()
                ),
            );
        }
        let texts = [("/run", Some(&self.run)), ("/setup", self.setup.as_ref())];
        for (pointer, text) in texts {
            if text.is_some_and(|text| text.contains('\0')) {
                reader.refuse(pointer, "a NUL character cannot be in a command: remove it");
            }
        }
    }

    fn topology(&self, reader: &mut Reader) -> Topology {
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

    fn environment(&self, reader: &mut Reader) -> BTreeMap<String, String> {
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

    fn inputs(&self, reader: &mut Reader) -> BTreeMap<String, InputRef> {
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

    fn checkpoint(&self, reader: &mut Reader) -> Checkpoint {
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

    fn limits(&self, reader: &mut Reader) -> (Option<DurationMicros>, Option<MicroEuro>) {
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

    fn retry(&self, reader: &mut Reader) -> Retry {
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

    fn residency(&self, reader: &mut Reader) -> Residency {
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

    fn outputs(&self, reader: &mut Reader) -> Outputs {
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
