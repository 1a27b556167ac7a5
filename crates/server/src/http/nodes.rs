//! Nodes: declare, list, get, suspect, cordon, uncordon, drain.

use api::{
    endpoint::Endpoint,
    nouns::{
        common::{IdPath, Page},
        node::{Node, NodeCreate, NodeFacts, NodeGet, NodeList, NodeNew, NodeState},
        node_action::{NodeCordon, NodeDrain, NodeSuspect, NodeUncordon},
    },
    text::Timestamp,
};
use kernel::{
    Command, Subject,
    node::{self, Capacity, Facts, Gpu, Status, Topology},
};
use units::{Bytes, DurationMicros, Id, kinds};

use super::{
    fail::Fail,
    mount::{Call, as_of},
    page, require_operator, resolve, unexpected,
};

/// What stands in the facts of a node that no engine registered.
pub(crate) const DECLARED: &str = "declared";

/// `POST /api/v1/nodes`
pub(crate) async fn create(call: Call<NodeCreate>) -> Result<Node, Fail> {
    require_operator(&call)?;
    let new = &call.body;
    let site = call.read(|state| resolve::site(state, &new.site))?;
    let taken = call.read(|s| s.nodes.values().any(|n| n.site == site && n.name == new.name));
    if taken {
        let name = new.name.to_string();
        return Err(kernel::Reject::NameTaken { kind: "node", name }.into());
    }
    let facts = declared_facts(new)?;
    let topology = Topology { group: new.group.clone(), rack: new.rack.clone() };
    let name = new.name.clone();
    let command = Command::Node(node::Command::Register { site, name, facts, topology });
    let accepted = call.submit(command).await?;
    let Some(Subject::Node(id)) = accepted.subject else { return Err(unexpected()) };
    call.read(|s| s.nodes.get(&id).map(|node| dto(node, accepted.seq))).ok_or_else(unexpected)
}

fn declared_facts(new: &NodeNew) -> Result<Facts, Fail> {
    let n_gpus_max = u32::try_from(kernel::limits::GPUS_PER_NODE_MAX).unwrap_or(u32::MAX);
    if new.gpus.0 > n_gpus_max {
        return Err(Fail::field("/gpus", format!("`{}` is more than {n_gpus_max}", new.gpus.0)));
    }
    if new.gpus.0 > 0 && new.gpu_model.is_none() {
        return Err(Fail::field(
            "/gpu_model",
            "the GPUs' model is missing: write for example `GB200`",
        ));
    }
    let model = new.gpu_model.clone().unwrap_or_default();
    let gpu = |number: u32| Gpu {
        model: model.clone(),
        uuid: format!("{DECLARED}-{number}"),
        memory: Bytes(0),
    };
    let declared = || DECLARED.to_owned();
    Ok(Facts {
        hostname: new.name.to_string(),
        system: declared(),
        cpu_model: declared(),
        capacity: Capacity { cpu: new.cpu_milli, memory: new.memory_bytes, gpus: new.gpus },
        gpus: (0..new.gpus.0).map(gpu).collect(),
        limits: declared(),
        sandbox: declared(),
        power: declared(),
        virtual_host: None,
    })
}

/// `GET /api/v1/nodes`
pub(crate) async fn list(call: Call<NodeList>) -> Result<Page<Node>, Fail> {
    let query = &call.query;
    let wanted = page::Wanted::<Id<kinds::Node>>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let only = query.site.as_ref().map(|site| resolve::site(state, site)).transpose()?;
        let wished = |node: &node::Node| {
            query.name.as_ref().is_none_or(|name| *name == node.name)
                && (query.rack.is_none() || query.rack == node.topology.rack)
                && query.state.is_none_or(|state| state == state_of(node.status))
                && only.is_none_or(|site| site == node.site)
        };
        let all = state.nodes.range(page::after(&wanted)).filter(|(_, node)| wished(node));
        let items = all.map(|(id, node)| (*id, dto(node, as_of(state))));
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

/// `GET /api/v1/nodes/{id}`
pub(crate) async fn get(call: Call<NodeGet>) -> Result<Node, Fail> {
    let id = call.path.id;
    call.read(|state| {
        let found = state.nodes.get(&id).map(|node| dto(node, as_of(state)));
        found.ok_or_else(|| Fail::not_found("node", id))
    })
}

/// `POST /api/v1/nodes/{id}/suspect`
pub(crate) async fn suspect(call: Call<NodeSuspect>) -> Result<Node, Fail> {
    let id = call.path.id;
    // Doubts about a machine that is gone would bring it back.
    if call.read(|s| s.nodes.get(&id).is_some_and(|node| node.status == Status::Down)) {
        return Err(is_down(id, "suspect it: its engine must report first"));
    }
    let reason = call.body.reason.clone();
    set_status(&call, Status::Suspect, reason.unwrap_or_else(|| "suspect".to_owned())).await
}

/// `POST /api/v1/nodes/{id}/cordon`
pub(crate) async fn cordon(call: Call<NodeCordon>) -> Result<Node, Fail> {
    let reason = call.body.reason.clone();
    set_status(&call, Status::Cordoned, reason.unwrap_or_else(|| "cordoned".to_owned())).await
}

/// `POST /api/v1/nodes/{id}/uncordon`
pub(crate) async fn uncordon(call: Call<NodeUncordon>) -> Result<Node, Fail> {
    let id = call.path.id;
    if call.read(|s| s.nodes.get(&id).is_some_and(|node| node.status == Status::Down)) {
        return Err(is_down(id, "uncordon it: its engine must report first"));
    }
    set_status(&call, Status::Ready, "uncordoned".to_owned()).await
}

/// `POST /api/v1/nodes/{id}/drain`
pub(crate) async fn drain(call: Call<NodeDrain>) -> Result<Node, Fail> {
    let id = call.path.id;
    let reason = call.body.reason.clone().unwrap_or_else(|| "drained".to_owned());
    let grace = DurationMicros::from_secs(call.body.grace_s.unwrap_or(0));
    change(&call, node::Command::Drain { id, grace, reason }).await
}

fn is_down(id: Id<kinds::Node>, action: &'static str) -> Fail {
    let (kind, state) = ("node", "down".to_owned());
    kernel::Reject::WrongState { kind, id: id.to_string(), state, action }.into()
}

async fn set_status<E>(call: &Call<E>, status: Status, reason: String) -> Result<Node, Fail>
where
    E: Endpoint<Path = IdPath<kinds::Node>>,
{
    let id: Id<kinds::Node> = call.path.id;
    change(call, node::Command::SetStatus { id, status, reason }).await
}

async fn change<E>(call: &Call<E>, command: node::Command) -> Result<Node, Fail>
where
    E: Endpoint<Path = IdPath<kinds::Node>>,
{
    require_operator(call)?;
    let id: Id<kinds::Node> = call.path.id;
    let accepted = call.submit(Command::Node(command)).await?;
    call.read(|s| s.nodes.get(&id).map(|node| dto(node, accepted.seq))).ok_or_else(unexpected)
}

/// A status as the API says it.
pub(crate) const fn state_of(status: Status) -> NodeState {
    match status {
        Status::Ready => NodeState::Ready,
        Status::Suspect => NodeState::Suspect,
        Status::Cordoned => NodeState::Cordoned,
        Status::Draining => NodeState::Draining,
        Status::Down => NodeState::Lost,
    }
}

/// A node as the API shows it.
pub(crate) fn dto(node: &node::Node, seq: u64) -> Node {
    let (total, free) = (node.facts.capacity, node.free());
    let facts = &node.facts;
    let declared = facts.system == DECLARED;
    Node {
        id: node.id,
        site: node.site,
        name: node.name.clone(),
        rack: node.topology.rack.clone(),
        group: node.topology.group.clone(),
        state: state_of(node.status),
        state_reason: (node.status != Status::Ready).then(|| node.reason.clone()),
        stops_work_at: node.stop_at.map(Timestamp),
        cpu_milli: total.cpu,
        cpu_free_milli: free.cpu,
        memory_bytes: total.memory,
        memory_free_bytes: free.memory,
        gpus: total.gpus,
        gpus_free: free.gpus,
        gpu_model: facts.gpus.first().map(|gpu| gpu.model.clone()),
        declared,
        facts: (!declared).then(|| NodeFacts {
            hostname: facts.hostname.clone(),
            system: facts.system.clone(),
            cpu_model: facts.cpu_model.clone(),
            limits: facts.limits.clone(),
            sandbox: facts.sandbox.clone(),
            power_source: facts.power.clone(),
            // The log does not hold it: a container runtime comes and goes without an event.
            container_runtime: None,
            virtual_host: facts.virtual_host.clone(),
        }),
        version: node.meta.version,
        seq,
        created_at: Timestamp(node.meta.created_at),
    }
}
