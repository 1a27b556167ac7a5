//! Who is entitled to what: organisations and projects as the scheduler's tree of queues.
//!
//! One root deserves all that the nodes have; below it stand the organisations, and below them their
//! projects, where work runs. Whoever has no quota deserves nothing and may borrow all that is idle.

use std::collections::BTreeMap;

use sched::{
    share::{QueueIdx, QueueSpec, Tree, Usage},
    stock,
};
use units::{Id, UnixMicros, kinds};

use super::names::Names;
use crate::{
    State,
    quota::{Class, Owner, Terms},
    usage::HALF_LIFE_HOURS,
};

/// The tree, and each project's queue in it.
pub(super) fn tree(state: &State, names: &Names) -> (Tree, BTreeMap<Id<kinds::Project>, QueueIdx>) {
    let stock = Stock::of(names);
    let mut specs =
        vec![QueueSpec { weight: 1, deserved: stock.all.clone(), ..QueueSpec::default() }];
    let number = |at: usize| QueueIdx(u32::try_from(at).unwrap_or(u32::MAX));
    let mut organisations = BTreeMap::new();
    for id in state.organisations.keys() {
        organisations.insert(*id, specs.len());
        specs.push(stock.spec(QueueIdx(0), &terms(state, Owner::Organisation(*id))));
    }
    let mut queues = BTreeMap::new();
    let mut sums: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for project in state.projects.values() {
        let Some(parent) = organisations.get(&project.organisation).copied() else { continue };
        let spec = stock.spec(number(parent), &terms(state, Owner::Project(project.id)));
        add(sums.entry(parent).or_default(), &spec.deserved);
        queues.insert(project.id, number(specs.len()));
        specs.push(spec);
    }
    // A parent deserves at least what its children do together. More may be promised than there is:
    // the scheduler then shares what there is in proportion.
    let mut promised = Vec::new();
    for at in organisations.into_values() {
        let Some(spec) = specs.get_mut(at) else { continue };
        raise(&mut spec.deserved, sums.get(&at).map_or(&[], Vec::as_slice));
        add(&mut promised, &spec.deserved);
    }
    if let Some(root) = specs.first_mut() {
        raise(&mut root.deserved, &promised);
    }
    // INVARIANT: parents deserve what their children do, and depth and size are bounded by the
    // kernel's limits. A tree that is refused all the same means one line for all work.
    let tree = Tree::new(stock.all.len(), &specs).unwrap_or_default();
    (tree, queues)
}

impl Names {
    /// What each queue used lately; `None` if nobody used anything. What is used by a project is used
    /// by the queues above it as well.
    pub(super) fn past_use(&self, state: &State, tree: &Tree, now: UnixMicros) -> Option<Usage> {
        let recent = &state.usage.recent;
        if recent.is_empty() {
            return None;
        }
        let n_models = self.models().len();
        let mut usage = Usage::new(tree.n_queues(), tree.n_resources(), HALF_LIFE_HOURS);
        let mut add = |queue: QueueIdx, resource: usize, micros: u64| {
            let sum = usage.cell(queue, resource).saturating_add(micros.into());
            usage.set_cell(queue, resource, sum);
        };
        for (project, used) in recent {
            let own = Some(self.queue(*project));
            for queue in std::iter::successors(own, |queue| tree.parent(*queue)) {
                for (model, micros) in used.gpu_micros(now) {
                    if let Ok(class) =
                        self.models().binary_search_by(|known| known.as_str().cmp(model))
                    {
                        add(queue, class, micros);
                    }
                }
                add(queue, n_models, used.cpu_micros(now));
            }
        }
        Some(usage)
    }
}

fn terms(state: &State, owner: Owner) -> Vec<(&Class, Terms)> {
    state.quotas_of(owner).map(|quota| (&quota.class, quota.terms)).collect()
}

fn add(sums: &mut Vec<u64>, more: &[u64]) {
    sums.resize(sums.len().max(more.len()), 0);
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}

fn raise(cells: &mut [u64], least: &[u64]) {
    for (cell, least) in cells.iter_mut().zip(least) {
        *cell = (*cell).max(*least);
    }
}

/// What nodes have, by resource.
struct Stock<'a> {
    models: &'a [String],
    all: Vec<u64>,
}

impl<'a> Stock<'a> {
    fn of(names: &'a Names) -> Self {
        let models = names.models();
        let all = stock(names.rows().iter(), models.len().saturating_add(2));
        Self { models, all }
    }

    fn spec(&self, parent: QueueIdx, terms: &[(&Class, Terms)]) -> QueueSpec {
        let n = self.all.len();
        let mut spec = QueueSpec {
            parent: Some(parent),
            weight: terms.iter().map(|(_, terms)| terms.weight).max().unwrap_or(1),
            deserved: vec![0; n],
            borrowing_limit: vec![None; n],
            lending_limit: vec![None; n],
            ..QueueSpec::default()
        };
        for (class, terms) in terms {
            for (at, part) in self.parts(class) {
                let of = |amount: u64| part.of(amount);
                if let Some(deserved) = spec.deserved.get_mut(at) {
                    *deserved = deserved.saturating_add(of(terms.nominal.0));
                }
                for (limits, limit) in [
                    (&mut spec.borrowing_limit, terms.borrowing),
                    (&mut spec.lending_limit, terms.lending),
                ] {
                    if let (Some(cell), Some(limit)) = (limits.get_mut(at), limit) {
                        *cell = Some(of(limit.0));
                    }
                }
            }
        }
        spec
    }

    /// The resources that a class counts. A text that names several models is dealt out to them in
    /// proportion to what there is of each, the rest to the first.
    fn parts(&self, class: &Class) -> Vec<(usize, Part)> {
        let Class::Gpu(text) = class else {
            return vec![(self.models.len(), Part { of: 1, whole: 1, rest: 0 })];
        };
        let named = self.models.iter().enumerate().filter(|(_, model)| model.contains(text));
        let named: Vec<(usize, u64)> =
            named.map(|(at, _)| (at, self.all.get(at).copied().unwrap_or(0))).collect();
        let whole = named.iter().map(|(_, has)| *has).fold(0, u64::saturating_add);
        let n = u64::try_from(named.len()).unwrap_or(u64::MAX);
        let part = |(position, (at, has)): (u64, (usize, u64))| {
            let rest = if position == 0 { n.saturating_sub(1) } else { 0 };
            (at, Part { of: has, whole: whole.max(1), rest })
        };
        (0_u64..).zip(named).map(part).collect()
    }
}

/// A share of an amount.
struct Part {
    of: u64,
    whole: u64,
    /// Milli-units that rounding down may have lost, given to the first.
    rest: u64,
}

impl Part {
    fn of(&self, amount: u64) -> u64 {
        let scaled = u128::from(amount).saturating_mul(u128::from(self.of));
        let part = scaled.checked_div(u128::from(self.whole)).unwrap_or(0);
        let part = u64::try_from(part).unwrap_or(u64::MAX);
        if part == amount { part } else { part.saturating_add(self.rest).min(amount) }
    }
}
