//! References: every quantity computed anew from its definition, shares given unit by unit.

use crate::share::{QueueIdx, QueueSpec};

/// Queues with what each leaf has in use.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) specs: Vec<QueueSpec>,
    pub(super) used: Vec<Vec<u64>>,
}

impl Reference {
    pub(super) fn new(specs: &[QueueSpec], n_resources: usize) -> Self {
        Self { specs: specs.to_vec(), used: vec![vec![0; n_resources]; specs.len()] }
    }

    pub(super) fn children(&self, parent: Option<usize>) -> Vec<usize> {
        let parent = parent.map(QueueIdx::from_position);
        (0..self.specs.len()).filter(|child| self.specs[*child].parent == parent).collect()
    }

    pub(super) fn leaves(&self) -> Vec<usize> {
        (0..self.specs.len()).filter(|queue| self.children(Some(*queue)).is_empty()).collect()
    }

    /// What the leaves below a queue have in use.
    pub(super) fn allocated(&self, queue: usize, resource: usize) -> u64 {
        let below = self.children(Some(queue)).into_iter();
        self.used[queue][resource] + below.map(|child| self.allocated(child, resource)).sum::<u64>()
    }

    /// What is its own, and what its children lend.
    pub(super) fn quota(&self, queue: usize, resource: usize) -> u64 {
        let deserved = self.specs[queue].deserved[resource];
        let children = self.children(Some(queue));
        let given: u64 = children.iter().map(|child| self.specs[*child].deserved[resource]).sum();
        let lent =
            children.iter().map(|child| self.quota(*child, resource) - self.kept(*child, resource));
        deserved - given + lent.sum::<u64>()
    }

    /// What it lends to nobody.
    fn kept(&self, queue: usize, resource: usize) -> u64 {
        let lending = self.specs[queue].lending_limit[resource];
        lending.map_or(0, |lending| self.quota(queue, resource).saturating_sub(lending))
    }

    pub(super) fn pooled(&self, queue: usize, resource: usize) -> u64 {
        let children = self.children(Some(queue)).into_iter();
        let past = children
            .map(|child| self.pooled(child, resource).saturating_sub(self.kept(child, resource)));
        self.used[queue][resource] + past.sum::<u64>()
    }

    /// Whether every bound holds.
    pub(super) fn holds(&self) -> bool {
        (0..self.specs.len()).all(|queue| {
            let spec = &self.specs[queue];
            (0..spec.deserved.len()).all(|resource| {
                let quota = self.quota(queue, resource);
                let ceiling = match (spec.parent, spec.borrowing_limit[resource]) {
                    (None, _) => quota,
                    (Some(_), None) => u64::MAX,
                    (Some(_), Some(limit)) => quota + limit,
                };
                self.allocated(queue, resource) <= spec.limit[resource].unwrap_or(u64::MAX)
                    && self.pooled(queue, resource) <= ceiling
            })
        })
    }

    /// The most a queue can make use of.
    pub(super) fn wanted(&self, queue: usize, resource: usize, demand: &[Vec<u64>]) -> u64 {
        let spec = &self.specs[queue];
        let children = self.children(Some(queue));
        let sum = if children.is_empty() {
            demand[queue][resource]
        } else {
            children.iter().map(|child| self.wanted(*child, resource, demand)).sum()
        };
        let borrowing =
            if spec.parent.is_none() { Some(0) } else { spec.borrowing_limit[resource] };
        let most = borrowing.map_or(u64::MAX, |borrowing| spec.deserved[resource] + borrowing);
        sum.min(spec.limit[resource].unwrap_or(u64::MAX)).min(most)
    }

    /// Shares of the members of a group in one resource. `pasts` holds past usage in any unit.
    fn share_out(
        &self,
        group: Option<usize>,
        total: u64,
        wanted: &dyn Fn(usize) -> u64,
        weights: &dyn Fn(&[usize]) -> Vec<u128>,
        deserved: &dyn Fn(usize) -> u64,
    ) -> Vec<(usize, u64)> {
        let members = self.children(group);
        let mut given: Vec<u64> = vec![0; members.len()];
        let mut left = total;
        let guarantee: Vec<u64> = members.iter().map(|q| wanted(*q).min(deserved(*q))).collect();
        let parts: Vec<u128> = members.iter().map(|q| u128::from(deserved(*q))).collect();
        give(&mut left, &mut given, &guarantee, &parts);
        let mut bands: Vec<i32> = members.iter().map(|q| self.specs[*q].band).collect();
        bands.sort_unstable();
        bands.dedup();
        for band in bands.into_iter().rev() {
            let wishing: Vec<usize> = (0..members.len())
                .filter(|at| self.specs[members[*at]].band == band)
                .filter(|at| given[*at] < wanted(members[*at]))
                .collect();
            let queues: Vec<usize> = wishing.iter().map(|at| members[*at]).collect();
            let shifted = weights(&queues);
            let plain: Vec<u128> = queues.iter().map(|q| self.specs[*q].weight.into()).collect();
            for stage in [shifted, plain, vec![1; queues.len()]] {
                let mut parts = vec![0; members.len()];
                for (at, weight) in wishing.iter().zip(stage) {
                    parts[*at] = weight;
                }
                let caps: Vec<u64> = members.iter().map(|q| wanted(*q)).collect();
                give(&mut left, &mut given, &caps, &parts);
            }
        }
        members.into_iter().zip(given).collect()
    }

    /// Shares of all queues by queue and resource.
    pub(super) fn fair_shares(
        &self,
        capacity: &[u64],
        demand: &[Vec<u64>],
        past: &dyn Fn(usize, usize) -> u128,
        strength_milli: u128,
    ) -> Vec<Vec<u64>> {
        let mut shares = vec![vec![0; capacity.len()]; self.specs.len()];
        for resource in 0..capacity.len() {
            let mut groups = vec![(None, capacity[resource])];
            while let Some((group, total)) = groups.pop() {
                let weights = |queues: &[usize]| -> Vec<u128> {
                    let weight = |q: usize| u128::from(self.specs[q].weight);
                    let sum_weight: u128 = queues.iter().map(|q| weight(*q)).sum();
                    let sum_past: u128 = queues.iter().map(|q| past(*q, resource)).sum();
                    if sum_past == 0 || strength_milli == 0 {
                        return queues.iter().map(|q| weight(*q)).collect();
                    }
                    let shifted = |q: &usize| {
                        (weight(*q) * sum_past * (1_000 + strength_milli))
                            .saturating_sub(strength_milli * past(*q, resource) * sum_weight)
                    };
                    queues.iter().map(shifted).collect()
                };
                let wanted = |q: usize| self.wanted(q, resource, demand);
                let deserved = |q: usize| self.specs[q].deserved[resource];
                for (queue, share) in self.share_out(group, total, &wanted, &weights, &deserved) {
                    shares[queue][resource] = share;
                    groups.push((Some(queue), share));
                }
            }
        }
        shares
    }
}

/// Gives unit by unit to whoever's level is the lowest after it. What was given in an earlier
/// stage does not count for the level.
fn give(left: &mut u64, given: &mut [u64], caps: &[u64], weights: &[u128]) {
    let before = given.to_vec();
    while *left > 0 {
        let open = (0..given.len()).filter(|at| weights[*at] > 0 && given[*at] < caps[*at]);
        let next = open.min_by(|a, b| {
            let level = |at: usize| u128::from(given[at] - before[at] + 1);
            (level(*a) * weights[*b]).cmp(&(level(*b) * weights[*a])).then(a.cmp(b))
        });
        let Some(next) = next else { break };
        given[next] += 1;
        *left -= 1;
    }
}
