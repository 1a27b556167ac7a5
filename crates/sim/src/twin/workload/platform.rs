//! The platform's own log as a list of jobs, for a what-if: what would another policy or fleet have
//! made of the same submissions? Nothing but events is read, and each leaf as it was stored.
//!
//! A job takes as long as its last attempt held its nodes. One that had not ended when the log did is
//! unstated: how long it would have run is not in the log.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Entry, Event, organisation, project, workload};
use units::{DurationMicros, Id, UnixMicros, kinds};

use super::{
    Builder, Format, Job, Shape, Work, Workload,
    source::{Lines, each_line},
};
use crate::twin::{InputError, Time};

/// Reads leaves one by one, in the order of the log.
#[derive(Debug)]
pub struct LogReader {
    file: String,
    leaves: u64,
    history: History,
}

impl LogReader {
    /// A log that errors call `file`.
    #[must_use]
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), leaves: 0, history: History::default() }
    }

    /// Reads the next leaf.
    ///
    /// # Errors
    /// [`InputError`] with the number of the leaf, from 1, as its line.
    pub fn leaf(&mut self, leaf: &[u8]) -> Result<(), InputError> {
        self.leaves = self.leaves.saturating_add(1);
        self.history.leaf(&self.file, self.leaves, leaf)
    }

    /// The list of jobs.
    ///
    /// # Errors
    /// [`InputError`] if there is none.
    pub fn finish(self) -> Result<Workload, InputError> {
        let mut builder = Builder::new(&self.file, Format::Log);
        self.history.into_rows(&mut builder)?;
        builder.finish()
    }
}

pub(super) fn read(builder: &mut Builder, lines: Lines) -> Result<(), InputError> {
    let file = builder.file.clone();
    let mut history = History::default();
    each_line(&file, lines, &mut |line, text| history.leaf(&file, line, text.as_bytes()))?;
    history.into_rows(builder)
}

/// A workload as far as the log has told.
#[derive(Debug)]
struct Told {
    line: u64,
    submitted: UnixMicros,
    project: Id<kinds::Project>,
    spec: Box<workload::Spec>,
    placed: Option<UnixMicros>,
    run: Option<DurationMicros>,
}

#[derive(Debug, Default)]
struct History {
    last: UnixMicros,
    organisations: BTreeMap<Id<kinds::Organisation>, String>,
    projects: BTreeMap<Id<kinds::Project>, String>,
    /// By position, so that rows come in the order of submission.
    workloads: Vec<Told>,
    positions: BTreeMap<Id<kinds::Workload>, usize>,
    /// Positions of those that only stand for their tasks.
    arrays: BTreeSet<usize>,
}

impl History {
    fn leaf(&mut self, file: &str, line: u64, leaf: &[u8]) -> Result<(), InputError> {
        let entry = Entry::from_leaf(leaf)
            .map_err(|error| InputError::file(file, error.to_string()).at(line))?;
        if entry.at < self.last {
            return Err(InputError::file(file, "is earlier than the entry before it")
                .at(line)
                .field("at")
                .value(&entry.at.0.to_string()));
        }
        self.last = entry.at;
        match entry.event {
            Event::Organisation(organisation::Event::Created { id, name, .. }) => {
                self.organisations.insert(id, name.to_string());
            }
            Event::Project(project::Event::Created { id, organisation, name, .. }) => {
                let organisation = self.organisations.get(&organisation);
                let organisation = organisation.map_or("unknown", String::as_str);
                self.projects.insert(id, format!("{organisation}/{name}"));
            }
            Event::Workload(event) => return self.workload(file, line, entry.at, event),
            Event::Project(
                project::Event::GuardrailsSet { .. } | project::Event::CaptureSet { .. },
            )
            | Event::Key(_)
            | Event::PolicySet(_)
            | Event::User(_)
            | Event::Group(_)
            | Event::ServiceAccount(_)
            | Event::Role(_)
            | Event::Binding(_)
            | Event::IdentityProvider(_)
            | Event::Capability(_)
            | Event::Consent(_)
            | Event::Site(_)
            | Event::Node(_)
            | Event::Budget(_)
            | Event::Price(_)
            | Event::Dataset(_)
            | Event::Model(_)
            | Event::Endpoint(_)
            | Event::Upstream(_)
            | Event::Organisation(_)
            | Event::Erasure(_)
            | Event::Course(_)
            | Event::Transfer(_)
            | Event::Usage(_)
            | Event::Quota(_)
            | Event::RateLimit(_)
            | Event::Power(_)
            | Event::Reservation(_)
            | Event::Entity(_)
            | Event::Storage(_)
            | Event::Decision(_)
            | Event::Evidence(_) => {}
        }
        Ok(())
    }

    fn workload(
        &mut self,
        file: &str,
        line: u64,
        at: UnixMicros,
        event: workload::Event,
    ) -> Result<(), InputError> {
        use workload::Event as E;
        let id = match event {
            E::Submitted { id, project, spec, .. } => {
                // An array runs as its tasks, whose ids follow from its own.
                let array = spec.terms.array;
                let tasks = array.into_iter().flat_map(|array| {
                    array.indices().filter_map(move |index| array.task(id, index))
                });
                self.arrays.extend(array.map(|_| self.workloads.len()));
                for id in std::iter::once(id).chain(tasks) {
                    self.positions.insert(id, self.workloads.len());
                    let (spec, placed, run) = (spec.clone(), None, None);
                    self.workloads.push(Told { line, submitted: at, project, spec, placed, run });
                }
                return Ok(());
            }
            E::Placed { id, .. } | E::PlacedMany { id, .. } => {
                self.told(file, line, id)?.placed = Some(at);
                return Ok(());
            }
            E::Requeued { id, .. } | E::Ended { id, .. } => id,
            E::RankChanged { .. }
            | E::StopRequested { .. }
            | E::OutputsFailed { .. }
            | E::PowerLimitSet { .. } => {
                return Ok(());
            }
        };
        let told = self.told(file, line, id)?;
        if let Some(placed) = told.placed.take() {
            told.run = Some(at.since(placed));
        }
        Ok(())
    }

    fn told(
        &mut self,
        file: &str,
        line: u64,
        id: Id<kinds::Workload>,
    ) -> Result<&mut Told, InputError> {
        let position = self.positions.get(&id).copied();
        position.and_then(|at| self.workloads.get_mut(at)).ok_or_else(|| {
            InputError::file(file, "was never submitted in this log: give it from its first entry")
                .at(line)
                .field("id")
                .value(&id.to_string())
        })
    }

    fn into_rows(self, builder: &mut Builder) -> Result<(), InputError> {
        builder.counts_from_1970();
        let mut ids: Vec<_> = self.positions.into_iter().collect();
        ids.sort_by_key(|(_, position)| *position);
        for (told, (id, position)) in self.workloads.into_iter().zip(ids) {
            if self.arrays.contains(&position) {
                continue;
            }
            let project = self.projects.get(&told.project).map_or("unknown", String::as_str);
            let tenant = builder.tenant(project);
            // Still placed at the end of the log: the last attempt is not over.
            let run = told.run.filter(|_| told.placed.is_none());
            let work = run.map_or(Work::Unstated, Work::Run);
            let submit = Time(u64::try_from(told.submitted.0).unwrap_or(0));
            let mut job = Job::plain(&id.to_string(), tenant, submit, work);
            let (spec, gpus) = (&told.spec, told.spec.per_node.gpus.0);
            let (min, max, cpu) = (spec.nodes_min, spec.nodes_max, spec.per_node.cpu);
            job.shape = Shape::Nodes { min, max, gpus, cpu };
            job.memory = spec.per_node.memory;
            job.classes = spec.gpu_model.as_deref().map(Box::from).into_iter().collect();
            job.priority = spec.priority;
            job.limit = spec.time_limit;
            builder.push(told.line, job)?;
        }
        Ok(())
    }
}
