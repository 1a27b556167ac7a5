//! Reading every value of a job file and filling every default.
//!
//! Defaults: 1 node; 1 core, 1 GiB and no GPU on each; topology `site`; stop with TERM and 30 s of
//! grace; 24 h an attempt (none for a service); no retry (a service: 100, also after a failure);
//! no budget of its own; wherever policy allows; priority normal (0); preemptible (not so a service or
//! `dev`) and no guaranteed run time; power class standard.

mod parts;
mod reader;
mod terms;

use super::{JobFile, ResolvedJob, Scalar, WorkloadKind};
use crate::{
    problem::FieldError,
    quantity_text::{parse_cpu, parse_memory, parse_nodes},
};
use reader::Reader;

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
        let gpus = self.gpus(&mut reader);
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
        let port = self.port(&mut reader);
        let priority = self.priority(&mut reader);
        let terms = self.terms(&mut reader);
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
            gpus,
            cpu,
            memory,
            exclusive: resources.exclusive.unwrap_or(false),
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
            port,
            priority,
            terms,
        })
    }

    fn port(&self, reader: &mut Reader) -> Option<u16> {
        let port = reader.number("/port", self.port.as_ref(), (1, i64::from(u16::MAX)));
        if self.port.is_some() && self.kind != WorkloadKind::Service {
            reader.refuse("/port", "only `type: service` has a port: remove it");
        }
        port.and_then(|port| u16::try_from(port).ok())
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
}
