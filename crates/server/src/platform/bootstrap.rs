//! What a fresh platform needs before anyone can use it: an operator's key, a site, prices, and
//! this machine as a node. Each step does nothing when it is already true.

use api::engine::NodeFacts;
use kernel::{
    Actor, Command, Subject, Submission,
    access::{Role, Scope},
    key,
    node::{self, Capacity, Gpu},
    price, site,
};
use units::{GpuCount, Id, MicroEuro, Name, PriceUnit, kinds};

use super::{Platform, SubmitFailure, token};

/// Prices until the operator sets others; round figures for one machine, not a market price.
const DEFAULT_PRICES: [(PriceUnit, i64); 4] = [
    (PriceUnit::CpuHour, 40_000),
    (PriceUnit::GpuHour, 2_500_000),
    (PriceUnit::MTokensIn, 200_000),
    (PriceUnit::MTokensOut, 600_000),
];

impl Platform {
    /// Makes the first operator key and answers its secret, once; `None` if there is one already.
    ///
    /// # Errors
    /// If the log cannot take it.
    pub async fn ensure_operator(&self) -> Result<Option<String>, SubmitFailure> {
        let exists = self.read(|state| {
            state.keys.values().any(|key| key.role == Role::Operator && key.revoked_at.is_none())
        });
        if exists {
            return Ok(None);
        }
        let secret =
            token::fresh().map_err(|error| SubmitFailure::Unavailable(error.to_string()))?;
        let command = key::Command::Create {
            name: name("operator")?,
            scope: Scope::Platform,
            role: Role::Operator,
            secret_hash: token::hash(&secret),
            expires_at: None,
        };
        self.submit(Actor::System, Submission::new(Command::Key(command))).await?;
        Ok(Some(secret))
    }

    /// The site of this machine: the first one registered, or a new one with this declaration.
    ///
    /// # Errors
    /// If the log cannot take it.
    pub async fn ensure_site(
        &self,
        site_name: Name,
        config: site::Config,
    ) -> Result<Id<kinds::Site>, SubmitFailure> {
        let known = self.read(|state| {
            let named = state.sites.values().find(|site| site.name == site_name);
            named.map(|site| site.id)
        });
        let id = match known {
            Some(id) => id,
            None => self.register_site(site_name, config).await?,
        };
        self.ensure_sovereignty(id).await?;
        Ok(id)
    }

    async fn register_site(
        &self,
        name: Name,
        config: site::Config,
    ) -> Result<Id<kinds::Site>, SubmitFailure> {
        let config = self.with_entities(config).await?;
        let command = site::Command::Create { name, config };
        let outcome = self.submit(Actor::System, Submission::new(Command::Site(command))).await?;
        match outcome.subject {
            Some(Subject::Site(id)) => Ok(id),
            other => Err(SubmitFailure::Unavailable(format!("a site was answered by {other:?}"))),
        }
    }

    /// Sets the default prices if none were ever set.
    ///
    /// # Errors
    /// If the log cannot take it.
    pub async fn ensure_prices(&self) -> Result<(), SubmitFailure> {
        if self.read(|state| !state.prices.is_empty()) {
            return Ok(());
        }
        let lines = DEFAULT_PRICES
            .iter()
            .map(|(per, amount)| price::Line { per: *per, amount: MicroEuro(*amount) })
            .collect();
        let command = Command::Price(price::Command::Set { lines });
        self.submit(Actor::System, Submission::new(command)).await?;
        Ok(())
    }

    /// Registers this machine, or refreshes what is known of it.
    ///
    /// # Errors
    /// If the log cannot take it.
    pub async fn register_node(
        &self,
        site: Id<kinds::Site>,
        node_name: Name,
        facts: &NodeFacts,
        topology: node::Topology,
    ) -> Result<Id<kinds::Node>, SubmitFailure> {
        let (name, facts) = (node_name.clone(), to_facts(facts));
        let register = node::Command::Register { site, name, facts, topology };
        let outcome = self.submit(Actor::Engine, Submission::new(Command::Node(register))).await?;
        if let Some(Subject::Node(id)) = outcome.subject {
            return Ok(id);
        }
        // Nothing is new about it.
        let found = self.read(|state| {
            let same = |node: &&node::Node| node.site == site && node.name == node_name;
            state.nodes.values().find(same).map(|node| node.id)
        });
        found.ok_or_else(|| SubmitFailure::Unavailable("the node was not registered".to_owned()))
    }

    /// Nodes of the site that an engine registered and that are not among those shown now: they are
    /// lost, or drained first where something still runs, and answered so that it is ended in good
    /// order.
    ///
    /// # Errors
    /// If the log cannot take it.
    pub async fn retire_other_nodes(
        &self,
        site: Id<kinds::Site>,
        shown: &[Id<kinds::Node>],
    ) -> Result<Vec<Id<kinds::Node>>, SubmitFailure> {
        let others: Vec<Id<kinds::Node>> = self.read(|state| {
            let here = state.nodes.values().filter(|node| node.site == site);
            let real = here.filter(|node| node.facts.system != crate::http::nodes::DECLARED);
            real.map(|node| node.id).filter(|id| !shown.contains(id)).collect()
        });
        for id in &others {
            let reason = "its engine shows other nodes now".to_owned();
            let runs = self.read(|state| !kernel::desired(state, *id).is_empty());
            let status = if runs { node::Status::Draining } else { node::Status::Down };
            let command = Command::Node(node::Command::SetStatus { id: *id, status, reason });
            self.submit(Actor::Engine, Submission::new(command)).await?;
        }
        Ok(others)
    }
}

pub(super) fn name(text: &str) -> Result<Name, SubmitFailure> {
    text.parse()
        .map_err(|error: units::ParseNameError| SubmitFailure::Unavailable(error.to_string()))
}

fn to_facts(facts: &NodeFacts) -> node::Facts {
    let gpu = |gpu: &api::engine::GpuFacts| Gpu {
        model: gpu.model.clone(),
        uuid: gpu.uuid.clone(),
        memory: gpu.memory,
    };
    node::Facts {
        hostname: facts.hostname.clone(),
        system: facts.system.clone(),
        cpu_model: facts.cpu_model.clone(),
        capacity: Capacity {
            cpu: facts.cpu,
            memory: facts.memory,
            gpus: GpuCount(u32::try_from(facts.gpus.len()).unwrap_or(u32::MAX)),
        },
        gpus: facts.gpus.iter().map(gpu).collect(),
        limits: facts.limits.clone(),
        sandbox: facts.sandbox.clone(),
        power: facts.power.clone(),
        virtual_host: facts.virtual_host.clone(),
    }
}
