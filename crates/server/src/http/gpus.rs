//! GPUs by site, rack and model, with who uses them.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use api::nouns::{
    common::Page,
    gpu::{GpuList, GpuPool, GpuUser},
};
use kernel::{
    State,
    access::{Role, Scope},
    node::{Node, Status, Topology},
    workload::{GpuSeat, Workload},
};
use units::{Id, kinds};

use super::{
    access,
    caller::Caller,
    fail::Fail,
    mount::{Call, as_of},
    page, resolve,
};

/// Users named for each pool.
const USERS_MAX: usize = 20;

/// Site, place in it, model: what makes a pool.
type Key<'a> = (Id<kinds::Site>, &'a Topology, &'a str);

/// What is counted of a pool.
#[derive(Debug, Default)]
struct Tally {
    nodes: BTreeMap<Status, u64>,
    gpus: u64,
    used: u64,
    unavailable: u64,
    /// GPUs of which only parts are used, and the thousandths used of them.
    shared: BTreeSet<(Id<kinds::Node>, u32)>,
    shared_milli: u64,
    users: BTreeMap<Id<kinds::Workload>, Used>,
}

/// What one workload uses of a pool.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    gpus: u64,
    shared_milli: u64,
}

/// `GET /api/v1/gpus`
pub(crate) async fn list(call: Call<GpuList>) -> Result<Page<GpuPool>, Fail> {
    let query = &call.query;
    // Pools are few and stand still: the token is the number of the last one.
    let wanted = page::Wanted::<u64>::of(query.limit, query.page_token.as_deref())?;
    call.read(|state| {
        let site = query.site.as_ref().map(|site| resolve::site(state, site)).transpose()?;
        let pools = tally(state, |node, model| {
            site.is_none_or(|site| site == node.site)
                && (query.rack.is_none() || query.rack == node.topology.rack)
                && query.class.as_ref().is_none_or(|class| model.contains(class))
        });
        let rest = (0_u64..).zip(&pools);
        let rest = rest.filter(|(number, _)| wanted.after.is_none_or(|after| *number > after));
        let items = rest.filter_map(|(number, (key, tally))| {
            Some((number, dto(state, &call.caller, *key, tally)?))
        });
        Ok(page::cut(items, wanted.limit, as_of(state)))
    })
}

fn tally(state: &State, wished: impl Fn(&Node, &str) -> bool) -> BTreeMap<Key<'_>, Tally> {
    let mut pools: BTreeMap<Key<'_>, Tally> = BTreeMap::new();
    for node in state.nodes.values() {
        let Some(key) = key_of(node).filter(|key| wished(node, key.2)) else { continue };
        let tally = pools.entry(key).or_default();
        let (total, free) = (node.facts.capacity.gpus, node.free().gpus);
        let nodes = tally.nodes.entry(node.status).or_default();
        *nodes = nodes.saturating_add(1);
        tally.gpus = tally.gpus.saturating_add(total.0.into());
        tally.used = tally.used.saturating_add(total.saturating_sub(free).0.into());
        if !node.status.takes(1) {
            tally.unavailable = tally.unavailable.saturating_add(free.0.into());
        }
    }
    for workload in state.active_workloads().filter(|workload| workload.holds_nodes()) {
        let gpus = u64::from(workload.spec.per_node.gpus.0);
        let ranks = workload.attempt().into_iter().flat_map(|attempt| &attempt.ranks);
        for rank in ranks.filter(|_| gpus > 0) {
            let Some(node) = state.nodes.get(&rank.node) else { continue };
            let Some(tally) = key_of(node).and_then(|key| pools.get_mut(&key)) else { continue };
            tally.add(workload, node, rank.seat, gpus);
        }
    }
    pools
}

impl Tally {
    /// Counts one rank.
    fn add(&mut self, workload: &Workload, node: &Node, seat: Option<GpuSeat>, gpus: u64) {
        let used = self.users.entry(workload.id).or_default();
        match seat {
            None => used.gpus = used.gpus.saturating_add(gpus),
            Some(seat) => {
                let milli = workload.spec.gpu_milli_on(Some(&node.facts));
                self.shared.insert((node.id, seat.gpu));
                self.shared_milli = self.shared_milli.saturating_add(milli);
                used.shared_milli = used.shared_milli.saturating_add(milli);
            }
        }
    }
}

fn key_of(node: &Node) -> Option<Key<'_>> {
    let gpu = node.facts.gpus.first()?;
    Some((node.site, &node.topology, gpu.model.as_str()))
}

fn dto(state: &State, caller: &Caller, key: Key<'_>, tally: &Tally) -> Option<GpuPool> {
    let (site, topology, class) = key;
    let of = |statuses: &[Status]| {
        let counts = statuses.iter().filter_map(|status| tally.nodes.get(status));
        counts.fold(0_u64, |sum, count| sum.saturating_add(*count))
    };
    let users = users(state, caller, tally);
    let named = users.iter().fold(0_u64, |sum, user| sum.saturating_add(user.gpus));
    let shared = u64::try_from(tally.shared.len()).unwrap_or(u64::MAX);
    Some(GpuPool {
        site,
        site_name: state.sites.get(&site)?.name.clone(),
        group: topology.group.clone(),
        rack: topology.rack.clone(),
        class: class.to_owned(),
        nodes: tally.nodes.values().fold(0, |sum: u64, count| sum.saturating_add(*count)),
        nodes_ready: of(&[Status::Ready]),
        nodes_suspect: of(&[Status::Suspect]),
        nodes_cordoned: of(&[Status::Cordoned, Status::Draining]),
        nodes_lost: of(&[Status::Down]),
        gpus: tally.gpus,
        gpus_free: tally.gpus.saturating_sub(tally.used).saturating_sub(tally.unavailable),
        gpus_used: tally.used,
        gpus_shared: shared,
        gpus_shared_milli: tally.shared_milli,
        gpus_unavailable: tally.unavailable,
        gpus_used_by_others: tally.used.saturating_sub(shared).saturating_sub(named),
        users,
    })
}

/// Those with most GPUs, as far as the caller may know them.
fn users(state: &State, caller: &Caller, tally: &Tally) -> Vec<GpuUser> {
    let known = tally.users.iter().filter_map(|(id, used)| {
        let workload = state.workloads.get(id)?;
        let scope = Scope::Project(workload.project);
        access::allows(state, caller, Role::Viewer, scope).then_some((workload, *used))
    });
    let mut known: Vec<_> = known.collect();
    known.sort_by_key(|(workload, used)| (Reverse((used.gpus, used.shared_milli)), workload.id));
    let user = |(workload, used): (&Workload, Used)| GpuUser {
        workload: workload.id,
        name: workload.spec.name.clone(),
        project_path: resolve::project_path(state, workload.project),
        gpus: used.gpus,
        gpus_shared_milli: used.shared_milli,
    };
    known.into_iter().take(USERS_MAX).map(user).collect()
}
