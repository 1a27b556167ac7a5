//! The names behind the scheduler's numbers: sites, nodes, GPU models, and where work may be.

use std::collections::{BTreeMap, BTreeSet};

use sched::{
    Amounts, ClassIdx, ClassSet, Node, NodeIdx, NodeState, Reservation, ReservationIdx, SiteIdx,
    SiteMask, mig::Geometry, share::QueueIdx,
};
use units::{Country, DataClass, Id, Name, kinds};

use crate::{
    State,
    node::{self, Capacity, Status},
    reservation::{self, Holder},
    workload::{self, Kind, Workload},
};

/// A residency question without its site; equal keys get the same answer.
type MaskKey = (Id<kinds::Project>, DataClass, Option<Vec<Country>>, bool, bool);

/// Numbers and names, as of one reading of the whole state.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    sites: Vec<Id<kinds::Site>>,
    /// GPU models that nodes have, in order.
    models: Vec<String>,
    /// Those of them that can be cut into MIG instances.
    geometries: Vec<(ClassIdx, &'static Geometry)>,
    rows: Vec<Node>,
    nodes: Vec<Id<kinds::Node>>,
    node_numbers: BTreeMap<Id<kinds::Node>, NodeIdx>,
    /// Numbers of racks and rack groups, each by site and name.
    racks: BTreeMap<(Id<kinds::Site>, Name), u32>,
    groups: BTreeMap<(Id<kinds::Site>, Name), u32>,
    queues: BTreeMap<Id<kinds::Project>, QueueIdx>,
    masks: BTreeMap<MaskKey, SiteMask>,
}

impl Names {
    pub(super) fn of(state: &State) -> Self {
        let models = state.nodes.values().filter_map(|node| node.facts.gpus.first());
        let mut models: Vec<&str> = models.map(|gpu| gpu.model.as_str()).collect();
        models.sort_unstable();
        models.dedup();
        let nodes: Vec<Id<kinds::Node>> = state.nodes.keys().copied().collect();
        let mut names = Self {
            sites: state.sites.keys().copied().collect(),
            models: models.into_iter().map(str::to_owned).collect(),
            node_numbers: nodes.iter().copied().zip((0..=u32::MAX).map(NodeIdx)).collect(),
            nodes,
            ..Self::default()
        };
        names.racks = numbered(state, |node| node.topology.rack.clone());
        names.groups = numbered(state, |node| node.topology.group.clone());
        names.geometries = names.geometries_of(state);
        names.rows = state.nodes.values().map(|node| names.row(node)).collect();
        names
    }

    /// The geometry of each model, as the first machine with it reports its memory. Machines of
    /// one model and several memories are told apart where a placement is checked.
    fn geometries_of(&self, state: &State) -> Vec<(ClassIdx, &'static Geometry)> {
        let mut found = BTreeMap::new();
        for node in state.nodes.values() {
            let model = node.facts.gpus.first().map(|gpu| &gpu.model);
            let class = model.and_then(|model| self.models.binary_search(model).ok());
            let class = class.and_then(|class| u32::try_from(class).ok()).map(ClassIdx);
            if let Some((class, geometry)) = class.zip(node.facts.geometry()) {
                found.entry(class).or_insert(geometry);
            }
        }
        found.into_iter().collect()
    }

    pub(super) fn geometries(&self) -> &[(ClassIdx, &'static Geometry)] {
        &self.geometries
    }

    pub(super) fn rows(&self) -> &[Node] {
        &self.rows
    }

    /// The node behind a number.
    pub(super) fn node(&self, index: NodeIdx) -> Option<Id<kinds::Node>> {
        self.nodes.get(usize::try_from(index.0).ok()?).copied()
    }

    /// A node's number, and what is known of it.
    pub(super) fn node_index(&self, id: Id<kinds::Node>) -> Option<(NodeIdx, Node)> {
        let index = *self.node_numbers.get(&id)?;
        let row = self.rows.get(usize::try_from(index.0).ok()?)?;
        Some((index, *row))
    }

    pub(super) fn set_state(&mut self, index: NodeIdx, state: NodeState) {
        let row = usize::try_from(index.0).ok().and_then(|at| self.rows.get_mut(at));
        if let Some(row) = row {
            row.state = state;
        }
    }

    /// A node in plain integers.
    pub(super) fn row(&self, node: &node::Node) -> Node {
        let site = self.sites.binary_search(&node.site).ok();
        let model = node.facts.gpus.first().map(|gpu| &gpu.model);
        let class = model.and_then(|model| self.models.binary_search(model).ok());
        // Of a node that does not say where it stands nothing is assumed: it is near to nobody. A
        // rack that names no group is a group of its own.
        let alone = self.node_numbers.get(&node.id).map_or(u32::MAX, |own| own.0 | 1 << 31);
        let number = |numbers: &BTreeMap<(Id<kinds::Site>, Name), u32>, name: &Option<Name>| {
            name.clone().and_then(|name| numbers.get(&(node.site, name)).copied())
        };
        let rack = number(&self.racks, &node.topology.rack);
        let group = number(&self.groups, &node.topology.group);
        // A model that is new since the last reading is no class yet: the row differs, and
        // everything is read again.
        let index = |at: Option<usize>| at.and_then(|at| u32::try_from(at).ok());
        Node {
            site: SiteIdx(index(site).unwrap_or(u32::MAX)),
            group: group.or(rack.map(|rack| rack | 1 << 30)).unwrap_or(alone),
            rack: rack.unwrap_or(alone),
            state: match node.status {
                Status::Ready => NodeState::Ready,
                Status::Suspect => NodeState::Suspect,
                Status::Cordoned => NodeState::Cordoned,
                Status::Draining => NodeState::Draining,
                Status::Down => NodeState::Down,
            },
            class: model.map(|_| ClassIdx(index(class).unwrap_or(u32::MAX))),
            total: amounts(node.facts.capacity),
        }
    }

    /// A site's number.
    pub(super) fn site_index(&self, id: Id<kinds::Site>) -> Option<SiteIdx> {
        let at = self.sites.binary_search(&id).ok()?;
        u32::try_from(at).ok().map(SiteIdx)
    }

    /// GPU models that nodes have, in the order of their numbers.
    pub(super) fn models(&self) -> &[String] {
        &self.models
    }

    /// The queue of a project; the root, where no work runs, if it has none.
    pub(super) fn queue(&self, project: Id<kinds::Project>) -> QueueIdx {
        self.queues.get(&project).copied().unwrap_or(QueueIdx(0))
    }

    pub(super) fn set_queues(&mut self, queues: BTreeMap<Id<kinds::Project>, QueueIdx>) {
        self.queues = queues;
    }

    /// A promise of the calendar. Nodes that are gone are promised to nobody.
    pub(super) fn reservation(
        &self,
        reservation: &reservation::Reservation,
        id: ReservationIdx,
    ) -> Reservation {
        let nodes = reservation.nodes.iter().filter_map(|node| Some(self.node_index(*node)?.0));
        Reservation {
            id,
            holder: match reservation.holder {
                Holder::Project(project) => Some(self.queue(project)),
                Holder::Maintenance => None,
            },
            nodes: nodes.collect(),
            from_us: reservation.window.from.0,
            until_us: reservation.window.until.0,
        }
    }

    /// Every model that contains the wish; none if nobody has one.
    pub(super) fn classes(&self, wanted: &str) -> ClassSet {
        let models = (0..=u32::MAX).zip(&self.models);
        let fitting = models.filter(|(_, model)| model.contains(wanted));
        fitting.fold(ClassSet(0), |set, (at, _)| set.or(ClassSet::one(ClassIdx(at))))
    }

    /// Where policy allows a workload.
    pub(super) fn mask(&mut self, state: &State, workload: &Workload) -> SiteMask {
        let spec = &workload.spec;
        let service = spec.kind == Kind::Service;
        // What reads or makes nothing asks only to run.
        let n_asks = workload::asks(workload.project, spec, workload.class, no_site()).count();
        let residency = spec.residency_countries.clone();
        let key = (workload.project, workload.class, residency, service, n_asks > 1);
        if let Some(mask) = self.masks.get(&key) {
            return mask.clone();
        }
        let mask = allowed_sites(state, workload, &self.sites);
        self.masks.insert(key, mask.clone());
        mask
    }
}

/// Numbers for all names that nodes give, in order of sites and names.
fn numbered(
    state: &State,
    name: impl Fn(&node::Node) -> Option<Name>,
) -> BTreeMap<(Id<kinds::Site>, Name), u32> {
    let named = state.nodes.values().filter_map(|node| Some((node.site, name(node)?)));
    let names: BTreeSet<(Id<kinds::Site>, Name)> = named.collect();
    names.into_iter().zip(0..).collect()
}

pub(super) const fn amounts(capacity: Capacity) -> Amounts {
    Amounts { gpus: capacity.gpus.0, memory_bytes: capacity.memory.0, cpu_milli: capacity.cpu.0 }
}

fn allowed_sites(state: &State, workload: &Workload, sites: &[Id<kinds::Site>]) -> SiteMask {
    let wish = (&workload.spec, workload.class);
    let allowed =
        |site: &Id<kinds::Site>| workload::is_allowed_at(state, workload.project, wish, *site);
    let numbered = (0_u32..).zip(sites).filter(|(_, site)| allowed(site));
    numbered.fold(SiteMask::none(), |mut mask, (number, _)| {
        mask.insert(SiteIdx(number));
        mask
    })
}

/// Stands for any site where only the wish matters.
fn no_site() -> Id<kinds::Site> {
    Id::from_parts(0, [0; 10])
}
