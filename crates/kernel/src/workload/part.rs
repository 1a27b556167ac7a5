//! Parts of GPUs: what a workload asks for, where its ranks lie, and whether that is possible.
//!
//! The one place that the proposal's check, the audit and the invariants ask. A GPU is whole, or
//! carries shares, or carries MIG instances; what lies on it never exceeds it. Numbers of GPUs are
//! the node's own: its engine binds a number to a device while somebody has a part of it.

use std::collections::BTreeMap;

use sched::{
    GPU_MILLI, Part,
    mig::{GEOMETRIES, Geometry, ProfileName, Slices},
};
use serde::{Deserialize, Serialize};
use units::{Id, kinds};

use super::{Rank, Spec};
use crate::{Reject, State, limits, node::Facts};

/// Where a rank's part of a GPU lies on its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GpuSeat {
    /// Number of the GPU on the node, from 0.
    pub gpu: u32,
    /// Memory slice at which its MIG instance starts; `None` for a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u8>,
}

impl From<sched::Seat> for GpuSeat {
    fn from(seat: sched::Seat) -> Self {
        Self { gpu: seat.gpu, start: seat.start }
    }
}

impl From<GpuSeat> for sched::Seat {
    fn from(seat: GpuSeat) -> Self {
        Self { gpu: seat.gpu, start: seat.start }
    }
}

impl Facts {
    /// How the GPUs of the machine can be cut into MIG instances.
    #[must_use]
    pub fn geometry(&self) -> Option<&'static Geometry> {
        let gpu = self.gpus.first()?;
        Geometry::of(&gpu.model, gpu.memory.0)
    }
}

impl Spec {
    /// The part of one GPU on each node that it asks for.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        let share = || Some(Part::Share { milli: self.terms.gpu_milli });
        match &self.terms.gpu_profile {
            Some(name) => ProfileName::parse(name).map(|profile| Part::Mig { profile }),
            None => share().filter(|_| self.terms.gpu_milli > 0),
        }
    }

    /// Thousandths of GPUs that each rank counts for on a machine: a MIG instance by its memory
    /// slices, as a whole GPU where the machine is not known.
    #[must_use]
    pub fn gpu_milli_on(&self, facts: Option<&Facts>) -> u64 {
        let whole = u64::from(self.per_node.gpus.0).saturating_mul(u64::from(GPU_MILLI));
        self.part().map_or(whole, |part| part.milli(facts.and_then(Facts::geometry)))
    }

    /// Refuses parts that contradict the rest of the specification, or that no GPU has. Asked at
    /// submission, and before anybody says that no node is large enough.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn check_part(&self) -> Result<(), Reject> {
        let invalid = |message: String| Err(Reject::invalid("resources.gpu", message));
        let terms = &self.terms;
        if terms.gpu_milli == 0 && terms.gpu_profile.is_none() {
            return Ok(());
        }
        if terms.gpu_milli > 999 || self.per_node.gpus.0 != 1 {
            return invalid("a share is 0.001 to 0.999 of one GPU".to_owned());
        }
        if terms.gpu_milli > 0 && terms.gpu_profile.is_some() {
            return invalid("is a share and a MIG profile: keep one".to_owned());
        }
        if terms.exclusive {
            return invalid("a part of a GPU cannot be `exclusive`: ask for whole GPUs".to_owned());
        }
        if usize::try_from(self.nodes_max).is_ok_and(|n| n > limits::NODES_BY_ID_MAX) {
            let most = limits::NODES_BY_ID_MAX;
            return invalid(format!("parts of GPUs on more than {most} nodes: ask for whole GPUs"));
        }
        let Some(name) = &terms.gpu_profile else { return Ok(()) };
        let models = std::iter::once(self.gpu_model.as_deref());
        let models = models.chain(terms.gpu_alternatives.iter().map(|c| c.model.as_deref()));
        for model in models {
            let known = known(model);
            if !known.is_empty() && known.iter().all(|geometry| geometry.find(name).is_none()) {
                let of = model.map_or_else(String::new, |model| format!(" of `{model}`"));
                let legal = names(&known).join("`, `");
                return invalid(format!("`{name}` is no MIG profile{of}: use one of `{legal}`"));
            }
        }
        Ok(())
    }
}

/// The models that a wish may mean, as far as their profiles are known; all for any.
fn known(model: Option<&str>) -> Vec<&'static Geometry> {
    let Some(model) = model else { return GEOMETRIES.to_vec() };
    if let Some(geometry) = Geometry::of(model, 0) {
        return vec![geometry];
    }
    let family = |geometry: &&&Geometry| {
        let first = geometry.name.split(' ').next().unwrap_or_default();
        model.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == first)
    };
    GEOMETRIES.iter().filter(family).copied().collect()
}

/// Names of profiles, each once.
fn names(geometries: &[&'static Geometry]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for profile in geometries.iter().flat_map(|geometry| geometry.profiles) {
        if !names.contains(&profile.name) {
            names.push(profile.name);
        }
    }
    names
}

/// What lies on one GPU.
#[derive(Debug, Clone, Default)]
struct Laid {
    milli: u32,
    taken: Slices,
}

/// What lies on the GPUs of one node that are not whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book(BTreeMap<u32, Laid>);

impl Book {
    /// What lies on a node now.
    pub(crate) fn of(state: &State, node: Id<kinds::Node>) -> Self {
        let mut book = Self::default();
        let geometry = state.nodes.get(&node).and_then(|node| node.facts.geometry());
        for (part, seat) in parts_on(state, node) {
            // What is there is there, also if the machine has become another one since.
            let _ = book.lay(part, seat, geometry);
        }
        book
    }

    /// GPUs that are not whole.
    pub(crate) fn n_opened(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// True if somebody has a part of the GPU.
    pub(crate) fn is_opened(&self, gpu: u32) -> bool {
        self.0.contains_key(&gpu)
    }

    /// Adds a part; it is there afterwards in any case.
    ///
    /// # Errors
    /// Why it does not lie beside what is there.
    pub(crate) fn lay(
        &mut self,
        part: Part,
        seat: GpuSeat,
        geometry: Option<&Geometry>,
    ) -> Result<(), String> {
        let laid = self.0.entry(seat.gpu).or_default();
        match part {
            Part::Share { milli } => {
                laid.milli = laid.milli.saturating_add(milli);
                if laid.taken != Slices::NONE || laid.milli > GPU_MILLI {
                    return Err(format!("GPU {} has no share of {milli}/1000 left", seat.gpu));
                }
            }
            Part::Mig { profile } => {
                let name = profile.as_str();
                let found = geometry.and_then(|one| one.profile(one.find(name)?));
                let start = seat.start.unwrap_or(u8::MAX);
                let legal = found.filter(|profile| profile.starts.contains(&start));
                let wanted = legal.map_or(Slices::run(0, 8, true), |one| one.slices(start));
                let is_free = laid.milli == 0 && laid.taken.is_disjoint(wanted);
                laid.taken = laid.taken.with(wanted);
                if legal.is_none() || !is_free {
                    return Err(format!("GPU {} has no place for `{name}` at {start}", seat.gpu));
                }
            }
        }
        Ok(())
    }
}

/// All parts of GPUs of a node that placed work has.
fn parts_on(state: &State, node: Id<kinds::Node>) -> impl Iterator<Item = (Part, GpuSeat)> + '_ {
    let here = state.index.by_node.get(&node).into_iter().flatten();
    here.filter_map(|id| state.workloads.get(id)).flat_map(move |workload| {
        let part = workload.spec.part();
        let holding = workload.attempt().filter(|_| workload.holds_nodes());
        let ranks = holding.into_iter().flat_map(|attempt| &attempt.ranks);
        let own = ranks.filter(move |rank| rank.node == node);
        own.filter_map(move |rank: &Rank| Some((part?, rank.seat?)))
    })
}

/// True if work that is placed already has a part of the GPU.
pub(super) fn is_opened(state: &State, node: Id<kinds::Node>, gpu: u32) -> bool {
    parts_on(state, node).any(|(_, seat)| seat.gpu == gpu)
}

/// Checks the seats of a placement: one for each node if a part is asked, else none; each on a GPU of
/// its node, beside what lies there, or on one that is whole.
pub(crate) fn check_seats(
    state: &State,
    spec: &Spec,
    nodes: &[Id<kinds::Node>],
    seats: &[GpuSeat],
) -> Result<(), String> {
    let Some(part) = spec.part() else {
        return if seats.is_empty() { Ok(()) } else { Err("it asks for no part of a GPU".into()) };
    };
    if seats.len() != nodes.len() {
        return Err(format!("{} seats on GPUs for {} nodes", seats.len(), nodes.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (id, seat) in nodes.iter().zip(seats) {
        let node = state.nodes.get(id).ok_or("a node does not exist")?;
        if !seen.insert(id) {
            return Err(format!("node `{}` has two of its parts of a GPU", node.name));
        }
        let mut book = Book::of(state, *id);
        let is_there = seat.gpu < node.facts.capacity.gpus.0;
        let is_free = book.is_opened(seat.gpu) || !node.free().gpus.is_zero();
        if !is_there || !is_free {
            return Err(format!("node `{}` has no GPU {} to share", node.name, seat.gpu));
        }
        let laid = book.lay(part, *seat, node.facts.geometry());
        laid.map_err(|message| format!("node `{}`: {message}", node.name))?;
    }
    Ok(())
}
