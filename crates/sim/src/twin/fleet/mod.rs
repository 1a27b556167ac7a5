//! A fleet: sites, racks, nodes, GPUs, feeders, prices, failures, quotas. Four counts are kept apart,
//! because sources mix them: a *GPU*, a *superchip* (one processor with its GPUs), a *tray* (what we
//! call a node) and a *rack*.
//!
//! Built by [`parse`] only, so that every index in it is in range. Never changed by a run.

mod build;
mod file;
mod power;
mod racks;
pub(super) mod sections;
mod series;
mod shape;
mod upkeep;

pub use series::Series;
pub use shape::{
    ClassIdx, Failures, Feeder, FeederIdx, GpuClass, Kind, KindIdx, Level, Maintenance, MeanTimes,
    Node, NodeIdx, PowerEvent, Quota, Rack, RackIdx, Site, SiteIdx,
};

use serde::Serialize;

use super::{error::InputError, number};

#[cfg(test)]
mod tests;

/// Gives the text of a file that a fleet file names, such as a carbon series.
pub type Load<'a> = dyn Fn(&str) -> std::io::Result<String> + 'a;

/// Everything that can run work, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// Its name.
    pub name: String,
    /// Classes of GPU.
    pub classes: Vec<GpuClass>,
    /// Sites.
    pub sites: Vec<Site>,
    /// Kinds of node: what all nodes of one `[[racks]]` have in common.
    pub kinds: Vec<Kind>,
    /// Racks, grouped by site and row as the file has them.
    pub racks: Vec<Rack>,
    /// Nodes, rack by rack.
    pub nodes: Vec<Node>,
    /// Feeders: parents before children.
    pub feeders: Vec<Feeder>,
    /// How often things fail.
    pub failures: Failures,
    /// Limits of tenants.
    pub quotas: Vec<Quota>,
    /// Changes of allowed power, by time.
    pub power_events: Vec<PowerEvent>,
    /// Windows of maintenance, as the file has them.
    pub maintenance: Vec<Maintenance>,
}

/// What a fleet has, counted four ways.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Sites.
    pub sites: u64,
    /// Racks.
    pub racks: u64,
    /// Nodes, called trays in a rack with one NVLink domain.
    pub nodes: u64,
    /// Superchips; 0 where the file does not say how many a node has.
    pub superchips: u64,
    /// GPUs.
    pub gpus: u64,
}

/// Reads a fleet file. `file` is what errors call it; `load` gives the series that it names.
///
/// # Errors
/// [`InputError`] with line and field for anything that is not a fleet.
pub fn parse(file: &str, text: &str, load: &Load<'_>) -> Result<Fleet, InputError> {
    let parsed = file::read(file, text)?;
    build::build(file, &parsed, load)
}

impl Fleet {
    /// What it has.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let kinds = || self.nodes.iter().filter_map(|node| self.kind(node.kind));
        Counts {
            sites: number::count(self.sites.len()),
            racks: number::count(self.racks.len()),
            nodes: number::count(self.nodes.len()),
            superchips: kinds().map(|kind| u64::from(kind.superchips)).sum(),
            gpus: kinds().map(|kind| u64::from(kind.gpus)).sum(),
        }
    }

    /// A node.
    #[must_use]
    pub fn node(&self, node: NodeIdx) -> Option<&Node> {
        self.nodes.get(number::index(node.0))
    }

    /// A kind of node.
    #[must_use]
    pub fn kind(&self, kind: KindIdx) -> Option<&Kind> {
        self.kinds.get(number::index(kind.0))
    }

    /// The kind of a node.
    #[must_use]
    pub fn kind_of(&self, node: NodeIdx) -> Option<&Kind> {
        self.node(node).and_then(|node| self.kind(node.kind))
    }

    /// A rack.
    #[must_use]
    pub fn rack(&self, rack: RackIdx) -> Option<&Rack> {
        self.racks.get(number::index(rack.0))
    }

    /// A feeder.
    #[must_use]
    pub fn feeder(&self, feeder: FeederIdx) -> Option<&Feeder> {
        self.feeders.get(number::index(feeder.0))
    }

    /// The nodes of a rack.
    pub fn nodes_of(&self, rack: RackIdx) -> impl Iterator<Item = NodeIdx> + use<> {
        let (first, nodes) = self.rack(rack).map_or((0, 0), |rack| (rack.first_node.0, rack.nodes));
        (first..first.saturating_add(nodes)).map(NodeIdx)
    }

    /// The feeders above a node, from its rack to its site.
    pub fn path_of(&self, node: NodeIdx) -> impl Iterator<Item = FeederIdx> + '_ {
        let rack = self.node(node).and_then(|node| self.rack(node.rack));
        let first = rack.map(|rack| rack.feeder);
        std::iter::successors(first, |feeder| self.feeder(*feeder).and_then(|one| one.parent))
    }

    /// The nodes that a feeder feeds.
    pub fn nodes_below(&self, feeder: FeederIdx) -> impl Iterator<Item = NodeIdx> + '_ {
        let all = (0..).map(NodeIdx).zip(&self.nodes).map(|(node, _)| node);
        all.filter(move |node| self.path_of(*node).any(|above| above == feeder))
    }

    /// The feeder with a name, such as `paris/hall-1/row-3`.
    #[must_use]
    pub fn feeder_named(&self, name: &str) -> Option<FeederIdx> {
        let position = self.feeders.iter().position(|feeder| feeder.name == name)?;
        u32::try_from(position).ok().map(FeederIdx)
    }

    /// The class with a name.
    #[must_use]
    pub fn class_named(&self, name: &str) -> Option<ClassIdx> {
        let position = self.classes.iter().position(|class| class.name == name)?;
        u32::try_from(position).ok().map(ClassIdx)
    }
}
