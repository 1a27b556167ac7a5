//! Who acts on a simulated platform: clients, engines, a gateway, an importer, the planner, and the
//! network between them and the sequencer. All of them only read the durable state and send commands.

mod capacity;
mod capture;
pub(crate) mod catalogue;
mod client;
mod endpoints;
mod engine;
mod gateway;
mod identity;
mod importer;
mod network;
mod planner;
mod power;
mod sovereign;
mod upstreams;

pub use client::Clients;
pub(crate) use client::prices;
pub use engine::{ENERGY_SOURCE, Engine};
pub use gateway::Gateway;
pub use importer::round as importer_round;
pub use network::Network;
pub use planner::round as planner_round;
