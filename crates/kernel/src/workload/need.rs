//! What a workload takes of a node: the one place that the proposal's check, the fold and the audit
//! ask, so that they cannot disagree.

use sched::{Part, mig::Geometry};
use units::GpuCount;

use super::{Kind, Rank, Spec, Workload};
use crate::node::{Capacity, Hardware, Node};

impl Spec {
    /// GPUs that will do, in order of preference, each with its position.
    fn choices(&self) -> impl Iterator<Item = (usize, Option<&str>, GpuCount)> {
        let first = (self.gpu_model.as_deref(), self.per_node.gpus);
        let others = self.terms.gpu_alternatives.iter().map(|c| (c.model.as_deref(), c.gpus));
        std::iter::once(first).chain(others).enumerate().map(|(i, (model, gpus))| (i, model, gpus))
    }

    /// True if some choice of it has a GPU or a part of one.
    #[must_use]
    pub fn may_use_gpus(&self) -> bool {
        self.part().is_some() || self.choices().any(|(_, _, gpus)| !gpus.is_zero())
    }

    /// The first choice of GPUs that a node's hardware answers, and what one rank takes of the node
    /// then; `None` if its GPUs are of other models. Whether that is free is another question.
    #[must_use]
    pub fn take_on(&self, node: &Node) -> Option<(usize, Capacity)> {
        let models = node.facts.gpus.iter().map(|gpu| gpu.model.as_str());
        self.take_of((node.facts.capacity, node.facts.geometry()), models)
    }

    /// The same of any node of this kind.
    #[must_use]
    pub fn take_on_kind(&self, kind: &Hardware) -> Option<(usize, Capacity)> {
        let models = kind.models.iter().map(String::as_str);
        self.take_of((kind.capacity, kind.geometry()), models)
    }

    /// The same of a node with this capacity and GPUs of these models, which can be cut like this.
    fn take_of<'a>(
        &self,
        (capacity, geometry): (Capacity, Option<&Geometry>),
        models: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<(usize, Capacity)> {
        // A model of GPU means nothing to work that takes no GPU; the scheduler reads it the same way.
        let suits = |model: Option<&str>, gpus: GpuCount| {
            let wanted = model.filter(|_| !gpus.is_zero());
            wanted.is_none_or(|wanted| models.clone().all(|model| model.contains(wanted)))
                && self.part().is_none_or(|part| is_cut_so(geometry, part))
        };
        let mut suiting = self.choices().filter(|(_, model, gpus)| suits(*model, *gpus));
        let large = |gpus: GpuCount| gpus <= capacity.gpus;
        let first = suiting.next()?;
        // A choice too large for the node gives way to one that is not.
        let (choice, _, gpus) =
            std::iter::once(first).chain(suiting).find(|(_, _, g)| large(*g)).unwrap_or(first);
        let asked = Capacity { gpus, ..self.per_node };
        // Taking all of a node is only worth it if that is enough.
        let whole = self.terms.exclusive && capacity.checked_sub(asked).is_some();
        Some((choice, if whole { capacity } else { asked }))
    }

    /// The same without the GPU that it has only a part of.
    pub(crate) fn beside_part(&self, taken: Capacity) -> Capacity {
        if self.part().is_some() { Capacity { gpus: GpuCount::ZERO, ..taken } } else { taken }
    }

    /// Whether it may be preempted: as it says, or what its kind implies.
    #[must_use]
    pub fn is_preemptible(&self) -> bool {
        self.terms.preemptible.unwrap_or(match self.kind {
            Kind::Train | Kind::Batch | Kind::Eval | Kind::Finetune => true,
            Kind::Dev | Kind::Service => false,
        })
    }
}

/// True if the node's GPUs have such a part.
fn is_cut_so(geometry: Option<&Geometry>, part: Part) -> bool {
    match part {
        Part::Share { .. } => true,
        Part::Mig { profile } => {
            geometry.is_some_and(|geometry| geometry.find(profile.as_str()).is_some())
        }
    }
}

impl Workload {
    /// What a rank of the attempt in progress takes of its node.
    #[must_use]
    pub fn taken_by(&self, rank: &Rank) -> Capacity {
        rank.taken.unwrap_or(self.spec.per_node)
    }
}
