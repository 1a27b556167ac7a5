//! Upstreams: servers of models that nobody here starts, registered by their URL.
//! States: registered → (described anew)* → deleted.
//!
//! An upstream stands at a site like a node does, so a route to it is asked of policy like one to a
//! service. Its secret key is never in here, only the commitment to it.

mod apply;
mod decide;
mod event;

pub(crate) use apply::apply;
pub(crate) use decide::decide;
pub(crate) use event::version;
pub use event::{Command, Event};

use serde::{Deserialize, Serialize};
use units::{Digest, Id, Name, kinds};

use crate::{Meta, Reject, State, access::Scope};

/// A server of models elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its id.
    pub id: Id<kinds::Upstream>,
    /// The project whose endpoints may use it; `None` for one of the platform, which all may use.
    pub project: Option<Id<kinds::Project>>,
    /// Unique in the project, or among those of the platform.
    pub name: Name,
    /// Where it stands. It never moves: decisions about routes name its site.
    pub site: Id<kinds::Site>,
    /// How it is spoken to.
    pub config: Config,
    /// SHA-256 of salt and secret key, both of which are elsewhere; `None` if it needs none.
    pub secret: Option<Digest>,
    /// Version and times.
    pub meta: Meta,
}

impl Upstream {
    /// On which scope one must hold a role to act on it.
    #[must_use]
    pub fn scope(&self) -> Scope {
        scope_of(self.project)
    }

    /// True if the endpoints of a project may use it.
    #[must_use]
    pub fn serves(&self, project: Id<kinds::Project>) -> bool {
        self.project.is_none_or(|own| own == project)
    }
}

/// How an upstream is spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Its base URL, as OpenAI's clients are given it: `https://inference.example.fr/v1`.
    pub url: String,
    /// The name under which it knows the model.
    pub model: String,
    /// Which addresses its name may stand for.
    pub reach: Reach,
    /// Most requests that one gateway has there at once, if limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u32>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// How its health is found out.
    pub probe: Probe,
}

/// Which addresses a URL's name may stand for, looked at again with each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Addresses of the public Internet, spoken to by https. What a project may register.
    Public,
    /// Any address, loopback and private networks included, also by plain http: from the gateway's own
    /// place in the network these lead to what nobody else can reach, so only operators may.
    Private,
}

/// How long an upstream may take, in milliseconds each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// To take a connection.
    pub connect_ms: u32,
    /// To the first byte of an answer.
    pub first_byte_ms: u32,
    /// Between two pieces of an answer.
    pub gap_ms: u32,
    /// To the end of an answer.
    pub total_ms: u32,
}

/// How an upstream's health is found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// From how requests end, and not otherwise.
    None,
    /// `GET` of its list of models, which every OpenAI-compatible server has.
    Models,
    /// `GET` of a path of its host, such as `/health`.
    Path(String),
}

/// The upstream, or a refusal.
pub(crate) fn get(state: &State, id: Id<kinds::Upstream>) -> Result<&Upstream, Reject> {
    state.upstreams.get(&id).ok_or_else(|| Reject::not_found("upstream", id))
}

/// The scope of an upstream's owner.
#[must_use]
pub fn scope_of(project: Option<Id<kinds::Project>>) -> Scope {
    project.map_or(Scope::Platform, Scope::Project)
}
