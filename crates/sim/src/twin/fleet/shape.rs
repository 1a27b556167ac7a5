//! The parts of a fleet, in plain integers: power in milliwatts, money in micro-euro, sizes in bytes.

use serde::Serialize;
use units::{Bytes, Country, DurationMicros, MicroEuro, MilliCpu, MilliWatt};

use super::Series;
use crate::twin::time::Time;

macro_rules! indices {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);
    )*};
}

indices! {
    /// Position in `Fleet::classes`; below 64, so that a set of classes is one word.
    ClassIdx;
    /// Position in `Fleet::sites`.
    SiteIdx;
    /// Position in `Fleet::kinds`.
    KindIdx;
    /// Position in `Fleet::racks`.
    RackIdx;
    /// Position in `Fleet::nodes`.
    NodeIdx;
    /// Position in `Fleet::feeders`.
    FeederIdx;
}

/// A class of GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuClass {
    /// Its name, as workloads ask for it.
    pub name: String,
    /// Memory of one.
    pub memory: Bytes,
    /// Power of one without work.
    pub idle: MilliWatt,
    /// Power limit of one.
    pub tdp: MilliWatt,
    /// Power of one at work: between idle and the limit.
    pub busy: MilliWatt,
    /// Limits that one can be given, from high to low, with the work lost under each, in per mille.
    pub limits: Vec<(MilliWatt, u32)>,
    /// What a tenant pays for an hour of one; zero if the file does not say.
    pub price_hour: MicroEuro,
}

/// Where racks stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its country.
    pub country: Country,
    /// Power usage effectiveness in thousandths: facility power is machine power times this.
    pub pue_milli: u32,
    /// Price of electricity over time, in micro-euro per kilowatt-hour.
    pub price: Series,
    /// Carbon intensity over time, in milligrams per kilowatt-hour.
    pub carbon: Series,
    /// Its feeder.
    pub feeder: FeederIdx,
}

/// What nodes of one kind have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// Class of its GPUs; `None` without GPUs.
    pub class: Option<ClassIdx>,
    /// GPUs of one node.
    pub gpus: u32,
    /// Superchips of one node.
    pub superchips: u32,
    /// Processor of one node.
    pub cpu: MilliCpu,
    /// Memory of one node.
    pub memory: Bytes,
    /// Power of one node without its GPUs and without work.
    pub idle: MilliWatt,
    /// Power of one node without its GPUs at full work.
    pub busy: MilliWatt,
}

/// A node, which is a tray in a rack-scale system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its kind.
    pub kind: KindIdx,
    /// Its rack.
    pub rack: RackIdx,
    /// Its NVLink domain, numbered over the whole fleet.
    pub domain: u32,
}

/// A rack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rack {
    /// Where it stands.
    pub site: SiteIdx,
    /// The kind of its nodes.
    pub kind: KindIdx,
    /// Its first node; the others follow.
    pub first_node: NodeIdx,
    /// How many nodes it has.
    pub nodes: u32,
    /// Its feeder.
    pub feeder: FeederIdx,
    /// Power of what is in it besides nodes: switches, pumps, shelves.
    pub base: MilliWatt,
}

/// How far up a feeder or a wish for closeness is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// One NVLink domain.
    Nvlink,
    /// One rack.
    Rack,
    /// One row of racks.
    Row,
    /// One hall.
    Hall,
    /// One site.
    Site,
}

/// A feeder. A rack's, row's and hall's carry machine power; a site's carries facility power, that is
/// machine power times PUE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feeder {
    /// Its path, such as `paris/hall-1/row-3/rack-31`.
    pub name: String,
    /// How far up it is.
    pub level: Level,
    /// Its site.
    pub site: SiteIdx,
    /// The one above.
    pub parent: Option<FeederIdx>,
    /// What is contracted; `None` is without limit.
    pub contracted: Option<MilliWatt>,
    /// What is allowed at the start; at most what is contracted.
    pub allowed: Option<MilliWatt>,
}

/// Mean time between failures and to repair of one thing; no failures without the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeanTimes {
    /// Mean time between failures of one thing.
    pub between: Option<DurationMicros>,
    /// Mean time to repair it.
    pub repair: DurationMicros,
}

/// How often things fail. Times are exponential with these means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// A node.
    pub node: MeanTimes,
    /// A whole rack: power shelf, cooling.
    pub rack: MeanTimes,
    /// An NVLink domain: its nodes run, but no gang holds together on it.
    pub nvlink: MeanTimes,
    /// Nodes that never work, in thousandths.
    pub bad_nodes_milli: u32,
}

/// Most GPUs that a tenant may hold at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Organisation, `organisation/project` or `organisation/project/user`.
    pub tenant: String,
    /// GPUs.
    pub gpus: u64,
    /// Only GPUs of this class; all together without one.
    pub class: Option<ClassIdx>,
}

/// A change of the power that a feeder may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerEvent {
    /// When.
    pub at: Time,
    /// Which feeder.
    pub feeder: FeederIdx,
    /// What it may carry from then on; `None` is what is contracted.
    pub allowed: Option<MilliWatt>,
}

/// Everything that a feeder feeds is out for a time that is known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maintenance {
    /// Which feeder.
    pub feeder: FeederIdx,
    /// When it becomes known. From then on nothing starts there that would not end before.
    pub known: Time,
    /// From when its nodes are out; whoever still runs there loses them.
    pub from: Time,
    /// Until when, not included.
    pub until: Time,
}
