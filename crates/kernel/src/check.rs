//! The invariants of a state; checked after every accepted command in tests and simulation, and by
//! an audit.

use std::collections::{BTreeMap, BTreeSet};

use units::{GpuCount, Id, kinds};

use crate::{
    State,
    budget::{self, Budget},
    dataset::Dataset,
    node::{Capacity, Status},
    quota::{Class, Owner},
    workload::{Book, Phase, Workload},
};

impl State {
    /// Every invariant that does not hold, in plain words; empty for a sound state.
    #[must_use]
    pub fn check(&self) -> Vec<String> {
        let mut broken = Vec::new();
        self.check_capacity(&mut broken);
        self.check_nodes(&mut broken);
        self.check_references(&mut broken);
        self.check_identities(&mut broken);
        self.check_quotas(&mut broken);
        self.check_reservations(&mut broken);
        self.check_power(&mut broken);
        self.check_money(&mut broken);
        self.check_index(&mut broken);
        self.check_arrays(&mut broken);
        for workload in self.workloads.values() {
            check_workload(workload, &mut broken);
        }
        broken
    }

    /// Allocated capacity is the sum of what placed work takes, an opened GPU counted as one; what
    /// lies on one GPU never exceeds it.
    fn check_capacity(&self, broken: &mut Vec<String>) {
        let mut taken: BTreeMap<Id<kinds::Node>, Capacity> = BTreeMap::new();
        let mut books: BTreeMap<Id<kinds::Node>, Book> = BTreeMap::new();
        for workload in self.workloads.values().filter(|w| w.holds_nodes()) {
            for rank in workload.attempt().into_iter().flat_map(|attempt| &attempt.ranks) {
                let sum = taken.entry(rank.node).or_default();
                *sum = sum.saturating_add(workload.taken_by(rank));
                if let Some((part, seat)) = workload.spec.part().zip(rank.seat) {
                    let geometry = self.nodes.get(&rank.node).and_then(|n| n.facts.geometry());
                    let laid = books.entry(rank.node).or_default().lay(part, seat, geometry);
                    broken.extend(laid.err().map(|why| format!("node {}: {why}", rank.node)));
                }
            }
        }
        for (id, node) in &self.nodes {
            let mut expected = taken.get(id).copied().unwrap_or_default();
            let n_opened = books.get(id).map_or(0, Book::n_opened);
            expected.gpus = GpuCount(expected.gpus.0.saturating_add(n_opened));
            if node.allocated != expected {
                broken.push(format!(
                    "node {id}: allocated {:?}, but its work takes {expected:?}",
                    node.allocated
                ));
            }
        }
    }

    /// A rack stands in one group of its site; only a draining node waits for the end of a grace.
    fn check_nodes(&self, broken: &mut Vec<String>) {
        let mut groups = BTreeMap::new();
        for node in self.nodes.values() {
            if node.stop_at.is_some() && node.status != Status::Draining {
                broken.push(format!("node {} has a grace and is {:?}", node.id, node.status));
            }
            let Some(rack) = &node.topology.rack else { continue };
            let group = groups.entry((node.site, rack)).or_insert(&node.topology.group);
            if *group != &node.topology.group {
                broken.push(format!("rack `{rack}` of node {} stands in two groups", node.id));
            }
        }
    }

    fn check_references(&self, broken: &mut Vec<String>) {
        for node in self.nodes.values().filter(|node| !self.sites.contains_key(&node.site)) {
            broken.push(format!("node {} stands in no site", node.id));
        }
        for project in self.projects.values() {
            if !self.organisations.contains_key(&project.organisation) {
                broken.push(format!("project {} has no organisation", project.id));
            }
            let kept = project.capture.map(|capture| self.datasets.get(&capture.dataset));
            let fits = |d: &Dataset| d.project == project.id && d.keep_days.is_some();
            if kept.is_some_and(|found| !found.is_some_and(fits)) {
                broken.push(format!("project {} captures where nothing is erased", project.id));
            }
        }
        for dataset in self.datasets.values() {
            let numbers = dataset.versions.iter().map(|version| version.number);
            let rises = numbers.clone().zip(numbers.skip(1)).all(|(one, next)| one < next);
            if !rises {
                broken.push(format!("dataset {} has versions out of order", dataset.id));
            }
            if dataset.keep_days.is_some() && dataset.origin.is_given() {
                broken.push(format!("dataset {} erases what was given", dataset.id));
            }
        }
        for course in self.courses.values() {
            let missing = course.projects().any(|id| !self.projects.contains_key(&id));
            if missing || !course.students.keys().all(|id| self.users.contains_key(id)) {
                broken.push(format!("course {} names what does not exist", course.id));
            }
        }
        for workload in self.workloads.values() {
            if !self.projects.contains_key(&workload.project) {
                broken.push(format!("workload {} has no project", workload.id));
            }
        }
        for endpoint in self.endpoints.values() {
            let named = endpoint.workloads.iter().chain(&endpoint.retired);
            let missing = named.clone().any(|id| !self.workloads.contains_key(id));
            let own = |id: &Id<kinds::Workload>| endpoint.workloads.contains(id);
            let arriving = endpoint.rollout.iter().flat_map(|rollout| &rollout.workloads);
            if !endpoint.draining.keys().chain(arriving).all(own) {
                broken.push(format!("endpoint {} moves services of others", endpoint.id));
            }
            let model = endpoint.model.and_then(|id| self.models.get(&id));
            let has_model = model.is_some_and(|m| m.version(endpoint.model_version).is_some());
            let gone = endpoint.deleted_at.is_none()
                && endpoint.backends.iter().any(|b| !self.upstreams.contains_key(&b.upstream));
            if missing || gone || endpoint.model.is_some() != has_model {
                broken.push(format!("endpoint {} names what does not exist", endpoint.id));
            }
        }
    }

    /// Every line is rated from its whole quantity; no budget is over its limit and still open.
    fn check_money(&self, broken: &mut Vec<String>) {
        for (key, line) in &self.usage.lines {
            let price = units::Price { amount: key.price, per: key.per };
            if units::rate(price, line.quantity_base).map(|rated| rated.amount) != Some(line.amount)
            {
                broken.push(format!("line {key:?} is not its quantity times its price"));
            }
        }
        for budget in self.budgets.values() {
            check_budget(self, budget, broken);
        }
    }

    /// Projects are promised at most what their organisation is, nobody lends more than is owned.
    fn check_quotas(&self, broken: &mut Vec<String>) {
        let mut sums: BTreeMap<(Id<kinds::Organisation>, &Class), u64> = BTreeMap::new();
        for quota in self.quotas.values() {
            if quota.terms.lending.is_some_and(|lending| lending > quota.terms.nominal) {
                broken.push(format!("quota {} lends more than it has", quota.id));
            }
            let Owner::Project(project) = quota.owner else { continue };
            let Some(project) = self.projects.get(&project) else {
                broken.push(format!("quota {} has no project", quota.id));
                continue;
            };
            let sum = sums.entry((project.organisation, &quota.class)).or_default();
            *sum = sum.saturating_add(quota.terms.nominal.0);
        }
        for ((organisation, class), sum) in sums {
            let whole = self.quota(Owner::Organisation(organisation), class);
            if whole.is_some_and(|whole| whole.terms.nominal.0 < sum) {
                broken.push(format!("projects of {organisation} are promised {sum} of `{class}`"));
            }
        }
    }

    /// A node is in at most one reservation at any time, and stands where the reservation says.
    fn check_reservations(&self, broken: &mut Vec<String>) {
        for (node, ids) in &self.index.reservations {
            let mut windows: Vec<_> =
                ids.iter().filter_map(|id| self.reservations.get(id)).map(|r| r.window).collect();
            windows.sort_unstable();
            let pairs = windows.iter().zip(windows.iter().skip(1));
            if pairs.into_iter().any(|(a, b)| a.overlaps(*b)) {
                broken.push(format!("node {node} is reserved twice at a time"));
            }
        }
        for reservation in self.reservations.values() {
            let here = |id| self.nodes.get(id).is_some_and(|node| node.site == reservation.site);
            if reservation.nodes.is_empty() || !reservation.nodes.iter().all(here) {
                broken.push(format!("reservation {} has nodes elsewhere", reservation.id));
            }
        }
    }

    /// A domain has one budget, and everything about power is about sites that exist.
    fn check_power(&self, broken: &mut Vec<String>) {
        let mut domains = BTreeSet::new();
        for budget in self.power.budgets.values() {
            if !domains.insert(&budget.domain) {
                broken.push(format!("{} has two power budgets", budget.domain));
            }
        }
        let sites = self.power.budgets.values().map(|budget| budget.domain.site());
        let series = self.power.carbon.keys().chain(self.power.price.keys()).copied();
        for site in sites.chain(series).filter(|site| !self.sites.contains_key(site)) {
            broken.push(format!("power is known of site {site}, which does not exist"));
        }
    }

    /// An array has all its tasks, no more of them run than may, and it ends with them.
    fn check_arrays(&self, broken: &mut Vec<String>) {
        for (id, tally) in &self.index.arrays {
            let workload = self.workloads.get(id);
            let Some(array) = workload.and_then(|workload| workload.spec.terms.array) else {
                broken.push(format!("array {id} does not exist"));
                continue;
            };
            if tally.total() != array.n_tasks() {
                broken.push(format!("array {id} has {tally:?} of {} tasks", array.n_tasks()));
            }
            if array.running_max.is_some_and(|most| tally.holding > most) {
                broken.push(format!("array {id} runs {} tasks at once", tally.holding));
            }
            let ended = workload.is_some_and(Workload::has_ended);
            if ended != (tally.open() == 0) {
                broken.push(format!("array {id} has {} open tasks, ended {ended}", tally.open()));
            }
        }
    }

    /// The indices are what a rebuild would give.
    fn check_index(&self, broken: &mut Vec<String>) {
        let (kept, fresh) = (&self.index, &self.fresh_index());
        let same = [
            ("organisation_names", kept.organisation_names == fresh.organisation_names),
            ("project_names", kept.project_names == fresh.project_names),
            ("group_names", kept.group_names == fresh.group_names),
            ("memberships", kept.memberships == fresh.memberships),
            ("service_account_names", kept.service_account_names == fresh.service_account_names),
            ("role_names", kept.role_names == fresh.role_names),
            ("role_masks", kept.role_masks == fresh.role_masks),
            ("bindings", kept.bindings == fresh.bindings),
            ("consents", kept.consents == fresh.consents),
            ("key_hashes", kept.key_hashes == fresh.key_hashes),
            ("dataset_names", kept.dataset_names == fresh.dataset_names),
            ("captured", kept.captured == fresh.captured),
            ("model_names", kept.model_names == fresh.model_names),
            ("endpoint_names", kept.endpoint_names == fresh.endpoint_names),
            ("budgets", kept.budgets == fresh.budgets),
            ("shut_budgets", kept.shut_budgets == fresh.shut_budgets),
            ("quotas", kept.quotas == fresh.quotas),
            ("rate_limits", kept.rate_limits == fresh.rate_limits),
            ("reservations", kept.reservations == fresh.reservations),
            ("queued", kept.queued == fresh.queued),
            ("line", kept.line == fresh.line),
            ("hardware", kept.hardware == fresh.hardware),
            ("draining", kept.draining == fresh.draining),
            ("active", kept.active == fresh.active),
            ("by_node", kept.by_node == fresh.by_node),
            ("dependents", kept.dependents == fresh.dependents),
            ("arrays", kept.arrays == fresh.arrays),
            ("outputs_pending", kept.outputs_pending == fresh.outputs_pending),
            ("assessments", kept.assessments == fresh.assessments),
        ];
        for (name, _) in same.iter().filter(|(_, same)| !same) {
            broken.push(format!("the index `{name}` differs from its rebuild"));
        }
    }
}

/// It is used up exactly if it has a hard stop and reached its limit, its alerts are of thresholds that
/// are behind, and it has spent what the ledger says.
fn check_budget(state: &State, budget: &Budget, broken: &mut Vec<String>) {
    let (id, spent, limit) = (budget.id, budget.spent, budget.terms.limit);
    if spent.measure() != limit.measure() {
        broken.push(format!("budget {id} counts {} of {limit}", spent.measure()));
    }
    if budget.exhausted != (budget.terms.hard_stop && spent >= limit) {
        let exhausted = budget.exhausted;
        broken.push(format!("budget {id}: spent {spent} of {limit}, exhausted {exhausted}"));
    }
    let is = spent.percent_of(limit);
    if let Some(percent) = budget.alerted.keys().find(|percent| u32::from(**percent) > is) {
        broken.push(format!("budget {id} stands at {is} % and alerted of {percent} %"));
    }
    if let Some(kept) = budget::kept(state, budget).filter(|kept| *kept != spent.base()) {
        let kept = spent.measure().amount(kept);
        broken.push(format!("budget {id} has spent {spent}, its owner's lines say {kept}"));
    }
}

fn check_workload(workload: &Workload, broken: &mut Vec<String>) {
    let id = workload.id;
    let attempt = workload.attempt();
    if workload.holds_nodes() {
        let n_ranks = attempt.map_or(0, |attempt| attempt.ranks.len());
        let range = workload.spec.nodes_min..=workload.spec.nodes_max;
        if !u32::try_from(n_ranks).is_ok_and(|n| range.contains(&n)) {
            broken.push(format!("workload {id} runs on {n_ranks} nodes, outside {range:?}"));
        }
        if attempt.is_none_or(|attempt| attempt.ended_at.is_some()) {
            broken.push(format!("workload {id} holds nodes without an open attempt"));
        }
        if attempt.is_some_and(|attempt| !attempt.decision.allowed) {
            broken.push(format!("workload {id} runs where policy does not allow it"));
        }
    } else if attempt.is_some_and(|attempt| attempt.ended_at.is_none()) {
        broken.push(format!("workload {id} has an open attempt but holds no nodes"));
    }
    if workload.class < workload.spec.class {
        broken.push(format!("workload {id} is classed below what was asked"));
    }
    if matches!(workload.phase, Phase::Placed { .. }) && workload.n_attempts == 0 {
        broken.push(format!("workload {id} is placed without an attempt"));
    }
}
